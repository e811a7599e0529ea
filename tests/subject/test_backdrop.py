"""The backdrop model: what it continues, what it explains, what it tells apart."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.geometry import Extent
from studio_pipeline.subject import backdrop
from tests.subject import sets

Floats = sets.Light


def srgb(light: Floats, grain: float = 1.5) -> Floats:
    return sets.developed(light, grain).astype(np.float32) / np.float32(255)


@given(st.integers(2, 40), st.integers(2, 40), st.floats(0, 1, width=32), st.integers(0, 2**31))
def test_filling_keeps_a_constant_and_stays_between_what_is_known(
    height: int, width: int, level: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    known = rng.random((height, width)) < 0.3
    known[rng.integers(height), rng.integers(width)] = True
    flat = np.full((height, width, 3), level, np.float32)
    np.testing.assert_allclose(backdrop.fill(flat, known), flat, atol=1e-5)
    values = rng.random((height, width)).astype(np.float32)
    filled = backdrop.fill(values, known, 1.0)
    assert values[known].min() - 1e-4 <= filled.min() and filled.max() <= values[known].max() + 1e-4


def test_filling_reads_nothing_that_is_not_known() -> None:
    known = np.zeros((40, 50), np.bool_)
    known[:, :10] = True
    values = np.where(known, 0.25, np.nan).astype(np.float32)
    values[~known] = 1e6
    np.testing.assert_allclose(backdrop.fill(values, known, 2.0), 0.25, rtol=1e-5)


@pytest.mark.parametrize(
    ("order", "rows", "columns"),
    [
        pytest.param(2, slice(75, 150), slice(50, 150), id="a quarter"),
        pytest.param(3, slice(90, 150), slice(60, 145), id="a sixth, more freedom"),
        pytest.param(3, slice(40, 110), slice(50, 150), id="in the middle"),
    ],
)
def test_a_light_surface_is_found_past_a_large_foreign_area(order: int, rows: slice, columns: slice) -> None:
    truth = srgb(sets.paper(Extent(150, 200)), 0)
    seen = truth.copy()
    seen[rows, columns] = 0.05
    surface = backdrop.light_surface(seen, np.ones(seen.shape[:2], np.bool_), order)
    assert float(np.abs(surface - truth).max()) < 0.02


def test_light_is_continued_behind_the_person() -> None:
    truth = srgb(sets.paper(Extent(240, 320)), 0)
    person = np.zeros((240, 320), np.bool_)
    person[60:, 100:220] = True
    seen = truth.copy()
    seen[person] = (0.7, 0.2, 0.1)
    model = backdrop.model(seen, ~cv2.dilate(person.astype(np.uint8), np.ones((31, 31))).astype(bool), person)
    assert model.is_plain_set
    assert float(np.abs(model.colour - truth)[person].mean()) < 0.02
    assert model.differs(seen)[person].mean() > 0.99
    assert not model.differs(seen)[~person].any()
    assert model.explains(seen)[~person].mean() > 0.95


def test_a_patterned_wall_is_not_plain() -> None:
    light = sets.paper(Extent(240, 320))
    light[:, np.arange(320) % 12 < 5] *= 0.5
    seen = srgb(light)
    nothing = np.zeros(seen.shape[:2], np.bool_)
    model = backdrop.model(seen, ~nothing, nothing)
    assert not model.is_plain_set
    assert not model.differs(seen).any()


@pytest.mark.parametrize("sigma", [1.0, 4.0, 9.0])
def test_grain_is_measured_and_averaged_out(sigma: float) -> None:
    noisy = srgb(sets.paper(Extent(300, 300)), sigma)
    grain = backdrop.grain_of(noisy)
    assert 255 * grain == pytest.approx(sigma, rel=0.15)
    assert backdrop.grain_of(backdrop.without_grain(noisy, grain)) <= max(grain, 0.006)


def test_things_end_in_an_edge_and_shade_does_not() -> None:
    light = sets.paper(Extent(240, 320))
    thing, shade = np.zeros((2, 240, 320), np.float32)
    thing[80:160, 40:90] = 1
    cv2.circle(shade, (230, 120), 45, (1.0,), -1)
    shade = cv2.GaussianBlur(shade, (0, 0), 20)
    light *= (1 - 0.5 * thing - 0.5 * shade)[..., None]
    mask = (thing > 0) | (shade > 0.3)
    hard = backdrop.hard_edged(mask, srgb(light, 0.5), np.ones_like(mask))
    np.testing.assert_array_equal(hard, thing > 0)
