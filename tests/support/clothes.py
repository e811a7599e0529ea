"""Somebody in a plain jacket, with lint put on it: all of it known, no picture needed."""

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

EXTENT = Extent(620, 400)
FACE = Roi(50, 120, 230, 280)
ENCODING = color.named("ProPhoto")
SKIN, HAIR, BLUE = (0.5, 0.32, 0.24), (0.03, 0.025, 0.02), (0.02, 0.03, 0.06)
LIGHT = (0.6, 0.6, 0.58)
HAND = (slice(480, 560), slice(60, 120))
LOCK = (slice(230, 420), slice(285, 315))
"""Where skin shows below the face, and hair falls on the jacket."""


@dataclass(frozen=True)
class Speck:
    y: float
    x: float
    radius_px: float = 2.2
    colour: tuple[float, float, float] = LIGHT
    cover: float = 0.35


def jacket(seed: int = 1, cloth: tuple[float, float, float] = BLUE) -> Linear:
    """Face, neck, a hand, a lock of hair on the shoulder, cloth with grain; linear ``(h, w, 3)``."""
    rng = np.random.default_rng(seed)
    out = np.full((EXTENT.height, EXTENT.width, 3), 0.4, np.float32)
    out[240:, 30:370] = cloth
    out[40:330, 150:250] = SKIN  # face and neck
    out[20:70, 110:290] = HAIR
    out[60:240, 110:130] = out[60:240, 270:290] = HAIR
    out[HAND] = SKIN
    out[LOCK] = HAIR
    out[face()] = SKIN
    grain = cv2.GaussianBlur(rng.standard_normal((EXTENT.height, EXTENT.width)), (0, 0), 0.7)
    return np.asarray(out * np.exp(0.06 * grain / grain.std())[..., None], np.float32)


def with_lint(linear: Linear, specks: list[Speck]) -> Linear:
    out = linear.copy()
    y, x = np.ogrid[: EXTENT.height, : EXTENT.width]
    for speck in specks:
        share = np.clip(1.3 - np.hypot(y - speck.y, x - speck.x) / speck.radius_px, 0, 1)[..., None]
        out += (speck.cover * share * (np.array(speck.colour) - out)).astype(np.float32)
    return out


def face() -> Mask:
    y, x = np.mgrid[: EXTENT.height, : EXTENT.width] + 0.5
    cy, cx = (FACE.y0 + FACE.y1) / 2, (FACE.x0 + FACE.x1) / 2
    return np.asarray(((y - cy) / 80) ** 2 + ((x - cx) / 62) ** 2 <= 1, np.bool_)


def frame(linear: Linear) -> Frame:
    codes = ENCODING.encode(linear, 16)
    return Frame(codes, ENCODING, clipped_in_file(codes))


def reading(open_skin: bool = True, scale: int = 1, roi: Roi = FACE) -> Reading:
    """Of a master ``scale`` times as large."""
    zones = np.full((EXTENT.height, EXTENT.width), Zone.BACKDROP, np.uint8)
    zones[20:330, 110:290] = Zone.LOCKED
    zones[240:, 30:370] = Zone.LOCKED
    matte = np.where(zones == Zone.LOCKED, 255, 0).astype(np.uint8)
    if open_skin:
        zones[face()] = Zone.HEALABLE
    zones = np.repeat(np.repeat(zones, scale, 0), scale, 1)
    found = Face(
        roi=Roi(*(v * scale for v in (roi.y0, roi.x0, roi.y1, roi.x1))),
        score=0.95,
        sources=("drawn",),
        eyes=(Point(110 * scale, 170 * scale), Point(110 * scale, 230 * scale)),
        chin=Point(225 * scale, 200 * scale),
    )
    record = SubjectRecord(
        extent=Extent(EXTENT.height * scale, EXTENT.width * scale), kind="portrait", sure=True, reason="",
        faces=(found,), fractions={}, zones_sha256="", versions={},
    )  # fmt: skip
    return Reading(record, zones, matte == 0, matte)
