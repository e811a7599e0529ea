"""A generated head with a few stray hairs before a plain backdrop, its coverage known."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame, clipped_in_file
from studio_pipeline.pixels.masks import Mask, Zone, grow
from studio_pipeline.records.subject import Face, SubjectRecord
from studio_pipeline.subject.reading import Reading

EXTENT = Extent(720, 560)
WHOLE = Roi.of(EXTENT)
ENCODING = color.named("ProPhoto")
FACE = Roi(300, 210, 460, 350)
DARK = (0.02, 0.014, 0.01)
GREY = (0.4, 0.4, 0.4)
STRANDS = (
    ((250, 200), (210, 170), (150, 150), (110, 160)),
    ((240, 350), (190, 380), (160, 430), (150, 470)),
    ((330, 170), (320, 130), (330, 90)),
    ((400, 395), (410, 430), (400, 480)),
)
"""(y, x); each begins in the hair and leaves it."""
_FINER = 4


def coverage(scale: int = 1, strands: bool = True) -> NDArray[np.float32]:
    """``(h, w)`` 0..1 at so many times the size: head, shoulders, and strands 0.9 px wide at scale 1."""
    fine = _FINER * scale
    area = np.zeros((EXTENT.height * fine, EXTENT.width * fine), np.uint8)
    _body(area, fine)
    if strands:
        for strand in STRANDS:
            points = np.array(strand, np.float64)[:, ::-1] * fine
            cv2.polylines(area, [np.rint(points).astype(np.int32)], False, (255,), round(0.9 * fine))
    size = (EXTENT.width * scale, EXTENT.height * scale)
    small = cv2.resize(area, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 0.5 * scale), np.float32) / np.float32(255)


def _body(area: NDArray[np.uint8], fine: int) -> None:
    cv2.ellipse(area, (280 * fine, 360 * fine), (120 * fine, 140 * fine), 0, 0, 360, (255,), -1)
    cv2.ellipse(area, (280 * fine, 720 * fine), (230 * fine, 180 * fine), 0, 0, 360, (255,), -1)


@cache
def backdrop(scale: int = 1, rgb: tuple[float, float, float] = GREY) -> Linear:
    y, x = np.mgrid[: EXTENT.height * scale, : EXTENT.width * scale] / (EXTENT.long_edge * scale)
    light = 1 - 0.4 * (x - 0.3) ** 2 - 0.3 * (y - 0.3) ** 2
    return np.asarray(light[..., None] * np.array(rgb), np.float32)


def frame(scale: int = 1, strands: bool = True, behind: Linear | None = None) -> Frame:
    alpha = coverage(scale, strands)[..., None]
    linear = (1 - alpha) * (backdrop(scale) if behind is None else behind) + alpha * np.array(DARK)
    grain = np.random.default_rng(3).standard_normal(linear.shape)
    codes = ENCODING.encode(np.asarray(linear * (1 + 0.012 * grain), np.float32), 16)
    return Frame(codes, ENCODING, clipped_in_file(codes))


def body() -> Mask:
    return coverage(strands=False) > 0.5


@cache
def reading(scale: int = 1, faces: bool = True) -> Reading:
    """What a faultless subject stage says of a master so many times as large."""
    alpha, locked = coverage(), grow(body(), -1)
    zones = np.full(alpha.shape, Zone.BACKDROP, np.uint8)
    zones[grow(body(), 60) | grow(alpha > 0.02, 3)] = Zone.EDGE
    zones[locked] = Zone.LOCKED
    clear = zones == Zone.BACKDROP
    extent = Extent(EXTENT.height * scale, EXTENT.width * scale)
    face = Face(
        roi=FACE.scaled(scale), score=0.95, sources=("drawn",),
        eyes=(Point(360 * scale, 250 * scale), Point(360 * scale, 310 * scale)),
        chin=Point(450 * scale, 280 * scale),
    )  # fmt: skip
    record = SubjectRecord(
        extent=extent, kind="portrait", sure=True, reason="", faces=(face,) if faces else (), fractions={},
        zones_sha256="", versions={},
    )  # fmt: skip
    large = np.repeat(np.repeat(zones, scale, 0), scale, 1)
    return Reading(record, large, clear, np.rint(alpha * 255).astype(np.uint8))
