"""A head with fine hair before any backdrop, its coverage known: the truth for exchanges at the edge."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.masks import Zone, grow
from studio_pipeline.records.subject import SubjectRecord
from studio_pipeline.subject import zones
from studio_pipeline.subject.reading import Reading

EXTENT = Extent(420, 600)
WHOLE = Roi.of(EXTENT)
_FINER = 4


@cache
def coverage() -> NDArray[np.float32]:
    """``(h, w)`` 0..1: a head and shoulders, and strands of a third of a pixel to two pixels around it."""
    rng = np.random.default_rng(4)
    height, width = EXTENT.height * _FINER, EXTENT.width * _FINER
    fine = np.zeros((height, width), np.uint8)
    centre = np.array([300.0, 190.0]) * _FINER
    cv2.ellipse(fine, (1200, 760), (340, 430), 0, 0, 360, (255,), -1)
    cv2.ellipse(fine, (1200, 1700), (720, 560), 0, 0, 360, (255,), -1)
    for _ in range(260):
        angle = rng.uniform(np.pi * 0.9, np.pi * 2.1)
        start = centre + np.array([np.cos(angle) * 330, np.sin(angle) * 420])
        heading = angle + rng.normal(0, 0.6) + np.linspace(0, rng.normal(0, 1.2), 12)
        steps = np.stack([np.cos(heading), np.sin(heading)], axis=1) * rng.uniform(4, 13)
        points = np.rint(start + steps.cumsum(axis=0)).astype(np.int32)
        cv2.polylines(fine, [points], False, (255,), int(rng.integers(1, 8)))
    area = cv2.resize(fine, (EXTENT.width, EXTENT.height), interpolation=cv2.INTER_AREA)
    return np.asarray(area, np.float32) / np.float32(255)


@cache
def person(hair: tuple[float, float, float] = (0.10, 0.06, 0.035)) -> Linear:
    """Her own light, with streaks, as if there were nothing else in any pixel."""
    streaks = cv2.GaussianBlur(
        np.random.default_rng(5).standard_normal((EXTENT.height, EXTENT.width)), (0, 0), 1.5
    )
    light = 1 + 0.25 * streaks / streaks.std()
    return np.asarray(np.clip(light, 0.4, 1.8)[..., None] * np.array(hair), np.float32)


def even(rgb: str) -> Linear:
    """A backdrop of one sRGB colour, linear Rec.2020."""
    code = np.array([[int(rgb[k : k + 2], 16) for k in (1, 3, 5)]], np.uint8)
    return np.broadcast_to(color.named("sRGB").decode(code)[0], (EXTENT.height, EXTENT.width, 3)).astype(
        np.float32
    )


def falling(rgb: str, by: float = 0.5) -> Linear:
    """The same, darker to the right and below."""
    y, x = np.mgrid[0 : EXTENT.height, 0 : EXTENT.width] / EXTENT.long_edge
    light = 1 - by * ((x - 0.3) ** 2 + (y - 0.2) ** 2)
    return np.asarray(even(rgb) * light[..., None], np.float32)


def before(backdrop: Linear, front: Linear | None = None) -> Linear:
    alpha = coverage()[..., None]
    return np.asarray(alpha * (person() if front is None else front) + (1 - alpha) * backdrop, np.float32)


@cache
def reading(scale: float = 0.5) -> Reading:
    """What a faultless subject stage would say: the true coverage, averaged to the size of a plan."""
    small = EXTENT.scaled(scale)
    alpha = cv2.resize(coverage(), (small.width, small.height), interpolation=cv2.INTER_AREA)
    drawn = np.full(alpha.shape, int(Zone.BACKDROP), np.uint8)
    drawn[grow(alpha > 0.01, 3)] = Zone.EDGE
    drawn[alpha >= 0.98] = Zone.LOCKED
    zone_map = zones.at_master(drawn, EXTENT)
    record = SubjectRecord(
        extent=EXTENT, kind="portrait", sure=True, reason="", faces=(), fractions={},
        zones_sha256=zones.zones_sha256(zone_map), versions={},
    )  # fmt: skip
    return Reading(record, zone_map, drawn == Zone.BACKDROP, np.rint(255 * alpha).astype(np.uint8))
