"""Backdrops whose light is known beyond the frame, and readings of who stands before them: the truth."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame, clipped_in_file, plan_scale
from studio_pipeline.pixels.masks import Mask, Zone, grow
from studio_pipeline.records.subject import SubjectRecord
from studio_pipeline.subject.reading import Reading

EXTENT = Extent(400, 600)
WHOLE = Roi.of(EXTENT)
SITTER = Roi(110, 220, 400, 370)
SRGB = color.named("sRGB")
MAGENTA = (0.35, 0.02, 0.30)
FINE, COARSE = 1.5e-4, 1e-3
"""Photon noise, variance over light: about 1.5 and 4 of 255 on a middle grey."""

Light = Callable[[Roi], Linear]


def even(roi: Roi) -> Linear:
    return _grey(np.full((roi.extent.height, roi.extent.width), 0.24))


def linear_fall_off(roi: Roi) -> Linear:
    """A stop and a half from left to right, a little from top to bottom."""
    y, x = _places(roi)
    return _grey(0.30 - 0.16 * x - 0.05 * y)


def quadratic_fall_off(roi: Roi) -> Linear:
    """A pool of light left of the middle; half a stop less at the far edge."""
    y, x = _places(roi)
    return _grey(0.32 - 0.2 * ((x - 0.4) ** 2 + (y - 0.3) ** 2))


def steep_fall_off(roi: Roi) -> Linear:
    """The same with more than a stop at the far edge, and darkness soon beyond it."""
    y, x = _places(roi)
    return _grey(0.32 - 0.32 * (x - 0.4) ** 2 - 0.25 * (y - 0.3) ** 2)


def _places(roi: Roi) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(y, x) of each pixel's centre, the base's long edge being 1."""
    grid = np.mgrid[roi.y0 : roi.y1, roi.x0 : roi.x1] + 0.5
    return np.asarray(grid / EXTENT.long_edge)


def _grey(light: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Linear:
    return np.asarray(light[..., None] * np.array([1.0, 0.97, 0.93]), np.float32)


def with_grain(light: Linear, grain: float, seed: int = 1) -> Linear:
    noise = np.random.default_rng(seed).standard_normal(light.shape)
    return np.asarray(light + noise * np.sqrt(np.maximum(light, 0) * grain), np.float32)


def frame(linear: Linear, bits: int = 16, encoding: color.RgbEncoding = SRGB) -> Frame:
    codes = encoding.encode(linear, bits)
    return Frame(codes, encoding, clipped_in_file(codes))


def picture(
    light: Light = quadratic_fall_off,
    grain: float = FINE,
    *,
    sitter: Roi = SITTER,
    bits: int = 16,
    seed: int = 1,
) -> Frame:
    """The set as photographed, a sitter in pure magenta before it."""
    linear = with_grain(light(WHOLE), grain, seed)
    linear[sitter.within(WHOLE)] = MAGENTA
    return frame(linear, bits)


def reading(extent: Extent = EXTENT, sitter: Roi = SITTER, *, sure: bool = True) -> Reading:
    """What the subject stage would say of her: a safe margin, and zones all locked where it is unsure."""
    whole = Roi.of(extent)
    person = np.zeros((extent.height, extent.width), np.bool_)
    person[(sitter & whole).within(whole)] = True
    zones = np.where(grow(person, 3), Zone.EDGE, Zone.BACKDROP).astype(np.uint8)
    zones[person] = Zone.LOCKED
    seen = zones == Zone.BACKDROP
    if not sure:
        zones[:] = Zone.LOCKED
    small = extent.scaled(plan_scale(extent))
    matte = cv2.resize(
        person.astype(np.uint8) * 255, (small.width, small.height), interpolation=cv2.INTER_AREA
    )
    record = SubjectRecord(
        extent=extent,
        kind="portrait" if sure else "unsure",
        sure=sure,
        reason="" if sure else "the back of a head",
        faces=(),
        fractions={},
        zones_sha256="",
        versions={},
    )
    return Reading(record, zones, _all_reduced(seen, small), np.asarray(matte, np.uint8))


def _all_reduced(mask: Mask, small: Extent) -> Mask:
    shares = cv2.resize(mask.astype(np.float32), (small.width, small.height), interpolation=cv2.INTER_AREA)
    return np.asarray(shares > 0.999, np.bool_)
