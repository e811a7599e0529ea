"""Zones from plan scale to the master: every doubt goes to the more protected side."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from studio_pipeline.geometry import Extent
from studio_pipeline.pixels.masks import Zone, ZoneMap, inside
from studio_pipeline.subject import zone_fractions
from studio_pipeline.subject.zones import at_master, margin_px, zones_sha256

plan_zones = arrays(
    np.uint8,
    array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=16),
    elements=st.sampled_from([int(z) for z in (Zone.BACKDROP, Zone.EDGE, Zone.HEALABLE, Zone.LOCKED)]),
)


@given(plan_zones, st.integers(2, 4))
def test_enlarging_never_lowers_protection(zones: ZoneMap, times: int) -> None:
    height, width = zones.shape
    master = at_master(zones, Extent(height * times, width * times))
    cells = np.kron(zones, np.ones((times, times), np.uint8))
    assert not (inside(master, Zone.BACKDROP) & ~inside(cells, Zone.BACKDROP)).any()
    person = inside(cells, Zone.LOCKED, Zone.HEALABLE)
    assert inside(master, Zone.LOCKED, Zone.HEALABLE)[person].all()
    assert not (inside(master, Zone.HEALABLE) & ~inside(cells, Zone.HEALABLE)).any()


@given(plan_zones)
def test_the_same_size_is_the_same_map(zones: ZoneMap) -> None:
    np.testing.assert_array_equal(at_master(zones, Extent(*zones.shape)), zones)


def test_outlines_are_drawn_smoothly_not_in_blocks() -> None:
    small = np.zeros((40, 40), np.uint8)
    cv2.circle(small, (20, 20), 12, (int(Zone.LOCKED),), -1)
    large = at_master(small, Extent(160, 160)) == Zone.LOCKED
    contours, _ = cv2.findContours(large.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    (_, radius), outline = cv2.minEnclosingCircle(contours[0]), contours[0]
    centre = outline.reshape(-1, 2).mean(axis=0)
    away = np.hypot(*(outline.reshape(-1, 2) - centre).T)
    assert away.std() < 1.2 and 4 * 12 < radius < 4 * 14


@given(plan_zones)
def test_fractions_are_shares_of_the_picture(zones: ZoneMap) -> None:
    fractions = zone_fractions(zones)
    assert sum(fractions.values()) == 1 or abs(sum(fractions.values()) - 1) < 1e-6
    for name, share in fractions.items():
        assert share == np.count_nonzero(zones == Zone[name.upper()]) / zones.size


@given(plan_zones)
def test_the_hash_is_of_the_maps_bytes(zones: ZoneMap) -> None:
    assert zones_sha256(zones) == hashlib.sha256(zones.tobytes()).hexdigest()
    assert zones_sha256(zones[:, ::-1]) == hashlib.sha256(zones[:, ::-1].tobytes()).hexdigest()


def test_the_margin_scales_with_the_face_and_is_never_nothing() -> None:
    assert margin_px(1000) == 2 * margin_px(500) == 20
    assert margin_px(1) == 2
