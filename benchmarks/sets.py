"""Rendered sets whose every pixel is known: a sitter before paper, under four lights, with three grains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.demo import sitter
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import plan_scale
from studio_pipeline.pixels.masks import Zone, grow
from studio_pipeline.records.subject import SubjectRecord
from studio_pipeline.subject.reading import Reading
from studio_pipeline.versions import deciding_versions

Light = NDArray[np.float32]

GRAINS = {"no": 0.0, "fine": 0.006, "strong": 0.025}
"""Deviation of the noise in tone (the square root of light), in which photon noise is alike everywhere."""

_SITTER_WIDTH = 0.42
_SEED = 11
_PAPER = np.array([0.30, 0.295, 0.30], np.float32)


@dataclass(frozen=True, eq=False)
class RenderedSet:
    """``true``: codes of the whole set, uint16 sRGB. ``person``: her coverage, ``(h, w)``, 0..1."""

    true: Codes
    person: Light


def _linear(y: Light, x: Light) -> Light:
    return np.asarray(1.15 - 0.7 * x + 0.15 * y, np.float32)


def _quadratic(y: Light, x: Light) -> Light:
    return np.asarray(1.1 - 1.3 * (x - 0.42) ** 2 - 0.8 * (y - 0.35) ** 2, np.float32)


def _two_lamps(y: Light, x: Light) -> Light:
    """Two small sources before the paper, each falling off as cos^4, over even fill."""

    def lamp(at_y: float, at_x: float, distance: float) -> Light:
        return np.asarray((1 + ((y - at_y) ** 2 + (x - at_x) ** 2) / distance**2) ** -2, np.float32)

    return np.asarray(0.75 * lamp(0.2, 0.15, 0.7) + 0.5 * lamp(0.5, 0.7, 0.35) + 0.15, np.float32)


def _mottle(y: Light, x: Light) -> Light:
    """The two lamps on painted muslin: soft clouds of three sizes."""
    rng = np.random.default_rng(_SEED)
    size = (x.shape[1], y.shape[0])
    clouds = np.ones((size[1], size[0]), np.float32)
    for cells, depth in ((4, 0.06), (10, 0.05), (24, 0.035)):
        coarse = rng.standard_normal((cells, cells), np.float32)
        clouds += depth * np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC), np.float32)
    return _two_lamps(y, x) * clouds


LIGHTS: dict[str, Callable[[Light, Light], Light]] = {
    "linear": _linear,
    "quadratic": _quadratic,
    "two lamps'": _two_lamps,
    "mottled": _mottle,
}


def render(light: str, grain: str, extent: Extent) -> RenderedSet:
    """A set with its sitter at the bottom of the middle; ``y`` and ``x`` run in heights of the picture."""
    y = ((np.arange(extent.height, dtype=np.float32) + 0.5) / extent.height)[:, None]
    x = ((np.arange(extent.width, dtype=np.float32) + 0.5) / extent.height)[None, :]
    picture = LIGHTS[light](y, x)[..., None] * _PAPER
    scale = min(sitter.LARGEST_SCALE, _SITTER_WIDTH * extent.width / sitter.SIZE_PX)
    hers, coverage = sitter.at_scale(scale)
    rows, columns = coverage.shape
    left = (extent.width - columns) // 2
    person = np.zeros((extent.height, extent.width), np.float32)
    person[-rows:, left : left + columns] = coverage
    part = picture[-rows:, left : left + columns]
    part += coverage[..., None] * (hers - part)
    noise = np.random.default_rng(_SEED).standard_normal(picture.shape, np.float32)
    root = np.sqrt(np.maximum(picture, 0)) + np.float32(GRAINS[grain]) * noise
    return RenderedSet(_srgb16(np.clip(root, 0, 1) ** 2), person)


def _srgb16(light: Light) -> Codes:
    """Linear sRGB as 16-bit codes, by IEC 61966-2-1."""
    shown = np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    )
    return np.asarray(np.rint(np.clip(shown, 0, 1) * 65535), np.uint16)


def true_reading(person: Light) -> Reading:
    """The true zones, so that the extension alone is scored."""
    covered = person > 0.01
    zones = np.full(person.shape, int(Zone.BACKDROP), np.uint8)
    zones[grow(covered, 3)] = Zone.EDGE
    zones[person > 0.98] = Zone.LOCKED
    extent = Extent(*person.shape)
    small = extent.scaled(plan_scale(extent))
    size = (small.width, small.height)
    matte = np.asarray(
        cv2.resize(np.rint(person * 255).astype(np.uint8), size, interpolation=cv2.INTER_AREA), np.uint8
    )
    record = SubjectRecord(
        extent=extent,
        kind="portrait",
        sure=True,
        reason="",
        faces=(),
        fractions={},
        zones_sha256="",
        versions=deciding_versions(),
    )
    return Reading(record, zones, ~grow(matte > 2, 3), matte)
