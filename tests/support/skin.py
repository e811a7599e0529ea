"""Generated skin of one face, with flaws put on it: all of it known, no picture needed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame, clipped_in_file
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.records.subject import Face, SubjectRecord
from studio_pipeline.subject.reading import Reading

EXTENT = Extent(420, 380)
FACE = Roi(60, 70, 360, 310)
ENCODING = color.named("ProPhoto")
FAIR = (0.55, 0.36, 0.26)
BLOOD = (0.2, 0.75, 0.6)
BROWN = (0.6, 0.85, 1.0)


@dataclass(frozen=True)
class Spot:
    """Density ``amount`` times ``pigment`` in the middle, falling to nothing at ``radius_px``."""

    y: float
    x: float
    radius_px: float = 3.5
    amount: float = 0.45
    pigment: tuple[float, float, float] = BLOOD


def skin(tone: tuple[float, float, float] = FAIR, seed: int = 1, extent: Extent = EXTENT) -> Linear:
    """Modelling light, mottle of both pigments, pores and grain; linear ``(h, w, 3)``."""
    rng = np.random.default_rng(seed)
    shape = (extent.height, extent.width)
    y, x = np.mgrid[: extent.height, : extent.width] / extent.long_edge
    light = 1 - 0.6 * (x - 0.35) ** 2 - 0.4 * (y - 0.45) ** 2

    def noise(sigma: float, spread: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        field = cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), sigma)
        return np.asarray(spread * field / field.std(), np.float64)

    density = noise(6, 0.03)[..., None] * np.array(BLOOD) + noise(8, 0.03)[..., None] * np.array(BROWN)
    density = density + noise(0.8, 0.025)[..., None] + 0.008 * rng.standard_normal((*shape, 3))
    return np.asarray(np.array(tone) * light[..., None] * np.exp(-density), np.float32)


def with_spots(linear: Linear, spots: list[Spot]) -> Linear:
    out = linear.copy()
    y, x = np.ogrid[: linear.shape[0], : linear.shape[1]]
    for spot in spots:
        share = np.clip(1 - np.hypot(y - spot.y, x - spot.x) / spot.radius_px, 0, 1) ** 1.2
        out *= np.exp(-spot.amount * share[..., None] * np.array(spot.pigment)).astype(np.float32)
    return out


def open_skin() -> Mask:
    """An oval inside the face."""
    y, x = np.mgrid[: EXTENT.height, : EXTENT.width] + 0.5
    cy, cx = (FACE.y0 + FACE.y1) / 2, (FACE.x0 + FACE.x1) / 2
    return np.asarray(((y - cy) / 130) ** 2 + ((x - cx) / 105) ** 2 <= 1, np.bool_)


def frame(linear: Linear) -> Frame:
    codes = ENCODING.encode(linear, 16)
    return Frame(codes, ENCODING, clipped_in_file(codes))


def reading(face: Roi = FACE, scale: int = 1, healable: bool = True) -> Reading:
    """Of a master ``scale`` times as large; the face is locked around its open skin."""
    extent = Extent(EXTENT.height * scale, EXTENT.width * scale)
    zones = np.full((EXTENT.height, EXTENT.width), Zone.BACKDROP, np.uint8)
    zones[40:, 50:330] = Zone.LOCKED
    if healable:
        zones[open_skin()] = Zone.HEALABLE
    zones = np.repeat(np.repeat(zones, scale, 0), scale, 1)
    eyes = (Point(150 * scale, 140 * scale), Point(150 * scale, 240 * scale))
    found = Face(
        roi=Roi(face.y0 * scale, face.x0 * scale, face.y1 * scale, face.x1 * scale),
        score=0.95,
        sources=("drawn",),
        eyes=eyes,
        chin=Point(340 * scale, 190 * scale),
    )
    record = SubjectRecord(
        extent=extent, kind="portrait", sure=True, reason="", faces=(found,), fractions={},
        zones_sha256="", versions={},
    )  # fmt: skip
    small = np.zeros((EXTENT.height, EXTENT.width), np.uint8)
    return Reading(record, zones, small > 0, small)


PAIR = Extent(560, 760)


def pair(faces: list[tuple[Roi, tuple[float, float, float]]], spots: list[Spot]) -> tuple[Frame, Reading]:
    """People of several tones cheek to cheek, each an oval of open skin in its face's region; of ``PAIR``."""
    shape = (PAIR.height, PAIR.width)
    linear, zones = skin(extent=PAIR), np.full(shape, Zone.LOCKED, np.uint8)
    y, x = np.mgrid[: PAIR.height, : PAIR.width] + 0.5
    found = []
    for roi, tone in faces:
        middle = ((roi.y0 + roi.y1) / 2, (roi.x0 + roi.x1) / 2)
        high, wide = 0.43 * roi.extent.height, 0.44 * roi.extent.width
        linear[roi.y0 : roi.y1, roi.x0 : roi.x1] = skin(tone, extent=PAIR)[roi.y0 : roi.y1, roi.x0 : roi.x1]
        zones[((y - middle[0]) / high) ** 2 + ((x - middle[1]) / wide) ** 2 <= 1] = Zone.HEALABLE
        found.append(Face(roi=roi, score=0.9, sources=("drawn",)))
    record = SubjectRecord(
        extent=PAIR, kind="portrait", sure=True, reason="", faces=tuple(found), fractions={},
        zones_sha256="", versions={},
    )  # fmt: skip
    who = Reading(record, zones, np.zeros(shape, np.bool_), np.full(shape, 255, np.uint8))
    return frame(with_spots(linear, spots)), who
