"""Rendered sets whose every pixel is known: a sitter before a backdrop, without noise or at three ISO levels.

Nothing is random: the same name, noise, size and take give the same 16-bit codes. Another ``take`` is the
same set set up anew: light and lines as they were, clouds, strokes, fibres, folds and noise drawn again.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import backdrops
from benchmarks.backdrops import Backdrop, Light, View
from studio_pipeline.demo import sitter
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import plan_scale
from studio_pipeline.pixels.masks import Zone, grow
from studio_pipeline.records.subject import SubjectRecord
from studio_pipeline.subject.reading import Reading
from studio_pipeline.versions import deciding_versions

PLAIN, TEXTURED, STRUCTURED, CLIPPED, EDGED = (
    "plain",
    "textured",
    "structured",
    "clipped white",
    "paper's edge",
)


@dataclass(frozen=True)
class Set:
    """``seen``: what the camera sees where that is not what the client is to get (``backdrop``)."""

    kind: str
    backdrop: Backdrop
    seen: Backdrop | None = None
    sitter_width: float = 0.42


SETS: dict[str, Set] = {
    "linear": Set(PLAIN, backdrops.linear),
    "quadratic": Set(PLAIN, backdrops.quadratic),
    "two lights": Set(PLAIN, backdrops.two_lights),
    "muslin": Set(TEXTURED, backdrops.muslin),
    "paper": Set(TEXTURED, backdrops.paper),
    "painted canvas": Set(TEXTURED, backdrops.painted_canvas),
    "floor + wall": Set(STRUCTURED, backdrops.floor_and_wall),
    "slanted floor": Set(STRUCTURED, backdrops.slanted_floor),
    "curtain": Set(STRUCTURED, backdrops.curtain),
    "panel wall": Set(STRUCTURED, backdrops.panel_wall),
    "clipped white": Set(CLIPPED, backdrops.clipped_white),
    "narrow paper": Set(EDGED, backdrops.wide_paper, backdrops.narrow_paper, 0.26),
}
KINDS = tuple(dict.fromkeys(one.kind for one in SETS.values()))

NO_NOISE = "none"
ISO: dict[str, tuple[float, float]] = {
    NO_NOISE: (0.0, 0.0),
    "100": (1 / 60_000, 5e-5),
    "1600": (1 / 3_750, 6e-4),
    "6400": (1 / 940, 2e-3),
}
"""Variance of the shot noise over light (one over the electrons at full scale), and the read noise, of it."""

NOISY = tuple(iso for iso in ISO if iso != NO_NOISE)
_NOISE_STREAM = 11


@dataclass(frozen=True, eq=False)
class RenderedSet:
    """Codes of the whole canvas, uint16 sRGB: ``true`` as it should be, ``seen`` as the camera has it.

    ``person``: her coverage, ``(h, w)``, 0..1.
    """

    name: str
    kind: str
    true: Codes
    seen: Codes
    person: Light


def render(name: str, iso: str, extent: Extent, take: int = 0) -> RenderedSet:
    """A set with its sitter at the bottom of the middle."""
    made = SETS[name]
    view = View.of(extent.height, extent.width, take)
    person = np.zeros((extent.height, extent.width), np.float32)
    true = _photographed(made, made.backdrop, iso, view, person)
    seen = true if made.seen is None else _photographed(made, made.seen, iso, view, person)
    return RenderedSet(name, made.kind, true, seen, person)


def _photographed(made: Set, backdrop: Backdrop, iso: str, view: View, person: Light) -> Codes:
    """Codes of one shot; ``person`` is filled in."""
    picture = backdrop(view)
    _put_sitter(picture, person, made.sitter_width)
    put_noise(picture, iso, view)
    return srgb16(picture)


def _put_sitter(picture: Light, person: Light, width: float) -> None:
    scale = min(sitter.LARGEST_SCALE, width * person.shape[1] / sitter.SIZE_PX)
    hers, coverage = sitter.at_scale(scale)
    rows, columns = coverage.shape
    left = (person.shape[1] - columns) // 2
    person[-rows:, left : left + columns] = coverage
    part = picture[-rows:, left : left + columns]
    part += coverage[..., None] * (hers - part)


def put_noise(picture: Light, iso: str, view: View) -> None:
    """Shot and read noise of a Bayer sensor, correlated between pixels as bilinear demosaicing does it."""
    shot, read = (np.float32(value) for value in ISO[iso])
    if iso == NO_NOISE:
        return
    noise = view.chance(_NOISE_STREAM).standard_normal(view.shape, np.float32)
    for channel in range(3):
        light = np.maximum(picture[..., channel], 0)
        sensed = noise * np.sqrt(shot * light + read * read)
        mosaic = np.zeros_like(sensed)
        for y, x in _BAYER[channel]:
            mosaic[y::2, x::2] = sensed[y::2, x::2]
        kernel = _GREEN if channel == 1 else _RED_BLUE
        picture[..., channel] += cv2.filter2D(mosaic, -1, kernel, borderType=cv2.BORDER_REFLECT_101)


_BAYER = (((0, 0),), ((0, 1), (1, 0)), ((1, 1),))
_GREEN = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
_RED_BLUE = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4


def srgb16(light: Light) -> Codes:
    """Linear sRGB as 16-bit codes, by IEC 61966-2-1, a band of rows at a time."""
    out = np.empty(light.shape, np.uint16)
    for start in range(0, light.shape[0], 512):
        band = np.clip(light[start : start + 512], 0, 1)
        shown = np.where(
            band <= 0.0031308, 12.92 * band, 1.055 * np.maximum(band, 0.0031308) ** (1 / 2.4) - 0.055
        )
        out[start : start + 512] = np.rint(shown * 65535)
    return out


def true_reading(person: NDArray[np.float32]) -> Reading:
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
