"""Rendered hair, strand by strand in full subpixel coverage, and what is worn on heads.

Everything is measured in face heights from the middle of a face (``Head``). Strands are drawn at several
times the picture's size and reduced, so that a strand thinner than a pixel covers a share of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi

Floats = NDArray[np.float32]
Chance = np.random.Generator

_FINER = 3  # times the picture's size
_REACH = 2.6  # face heights: all hair lies within
_FIXED = 4  # fractional bits of OpenCV's coordinates
_STRAND_PX = (0.35, 1.0)  # width of a strand in the picture
_SHADES = 64.0  # code of a strand's own colour; lighter and darker ones around it
_OPENING = (0.03, 0.70, 0.47)  # the face that hair leaves free: middle, half height, half width
_SKULL = (-0.30, 0.86, 0.62)

COLOURS: dict[str, tuple[float, float, float]] = {
    "black": (0.007, 0.006, 0.006),
    "brown": (0.045, 0.026, 0.016),
    "red": (0.15, 0.05, 0.02),
    "fair": (0.42, 0.31, 0.17),
    "white": (0.55, 0.54, 0.52),
}
"""Linear sRGB."""


@dataclass(frozen=True)
class Head:
    """The middle of a face and its height, in pixels of the picture."""

    y: float
    x: float
    unit_px: float


@dataclass(frozen=True, eq=False)
class Hair:
    """``light`` ``(h, w, 3)`` linear sRGB, times coverage; ``coverage`` ``(h, w)`` 0..1; ``front``: the share
    of it that lies before the person, not behind.
    """

    light: Floats
    coverage: Floats
    front: Floats


class _Canvas:
    """Shade and coverage over a region around a head, at ``_FINER`` times the size."""

    def __init__(self, head: Head, region: Roi) -> None:
        self.head, self.region = head, region
        extent = region.extent
        self.planes = np.zeros((extent.height * _FINER, extent.width * _FINER, 3), np.uint8)

    def place(self, points: NDArray[np.float64]) -> NDArray[np.int32]:
        """Head units ``(..., 2)`` of y, x as OpenCV's fixed-point x, y."""
        at = (
            np.array([self.head.y - self.region.y0, self.head.x - self.region.x0])
            + points * self.head.unit_px
        )
        return np.asarray(np.rint(at[..., ::-1] * _FINER * 2**_FIXED), np.int32)

    def strand(self, points: NDArray[np.float64], shade: float, width_px: float) -> None:
        value = (float(np.clip(shade, 0.05, 3.9) * _SHADES), 255.0)
        width = max(1, round(width_px * _FINER))
        cv2.polylines(self.planes, [self.place(points)], False, value, width, cv2.LINE_AA, _FIXED)

    def fill(self, outline: NDArray[np.float64], shade: float) -> None:
        cv2.fillPoly(self.planes, [self.place(outline)], (shade * _SHADES, 255.0), cv2.LINE_AA, _FIXED)

    def reduced(self, colour: tuple[float, float, float]) -> tuple[Floats, Floats]:
        size = (self.planes.shape[1] // _FINER, self.planes.shape[0] // _FINER)
        small = cv2.blur(self.planes, (_FINER, _FINER))[_FINER // 2 :: _FINER, _FINER // 2 :: _FINER]
        small = small.astype(np.float32)
        assert small.shape[1::-1] == size
        light = (small[..., 0] / np.float32(_SHADES))[..., None] * np.array(colour, np.float32)
        return np.minimum(light, 1), small[..., 1] / np.float32(255)


def render(style: str, colour: str, head: Head, shape: tuple[int, int], rng: Chance) -> Hair:
    """One of ``STYLES`` or ``PARTS`` in one of ``COLOURS`` around a head, over a picture of that shape."""
    whole = Roi(0, 0, *shape)
    centre, reach = (
        Roi(round(head.y), round(head.x), round(head.y), round(head.x)),
        round(_REACH * head.unit_px),
    )
    region = centre.grown(reach) & whole
    canvas = _Canvas(head, region)
    (STYLES | PARTS)[style](canvas, rng)
    tint = _CLOTH[int(rng.integers(len(_CLOTH)))] if style in COVERINGS else COLOURS[colour]
    light, coverage = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
    light[region.within(whole)], coverage[region.within(whole)] = canvas.reduced(tint)
    y = (np.arange(shape[0], dtype=np.float32)[:, None] + 0.5 - head.y) / head.unit_px
    x = (np.arange(shape[1], dtype=np.float32)[None, :] + 0.5 - head.x) / head.unit_px
    middle, half_height, half_width = _OPENING if style != "hijab" else (0.03, 0.62, 0.43)
    away = np.hypot((y - middle) / half_height, x / half_width)
    front = np.clip((away - 1) * half_width * head.unit_px / 1.5 + 0.5, 0, 1)
    if style in ("hat", "turban"):
        front = np.clip((-0.42 - y) * head.unit_px / 1.5 + 0.5, 0, 1) + 0 * x
    elif style == "cropped":
        front = np.where(y < 0.2, front, 0)  # nothing falls over the shoulders
    return Hair(light, coverage, np.asarray(front, np.float32))


def _ellipse(middle: float, half_height: float, half_width: float, count: int = 90) -> NDArray[np.float64]:
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([middle + half_height * np.sin(turn), half_width * np.cos(turn)], axis=1)


def _curves(
    roots: NDArray[np.float64],
    headings: NDArray[np.float64],
    lengths: NDArray[np.float64],
    rng: Chance,
    *,
    fall: float,
    wave: float = 0.0,
    period: float = 0.4,
    stray: float = 0.05,
    steps: int = 24,
) -> NDArray[np.float64]:
    """Strands ``(n, steps, 2)`` from their roots; a heading of 0 points right, and they fall as they grow.

    ``wave``: how far they swing to each side; ``stray``: how their course changes by chance, a step.
    """
    count = len(roots)
    along = np.linspace(0, 1, steps)[None, :] * lengths[:, None]
    turned = headings[:, None] + rng.normal(0, stray, (count, steps)).cumsum(axis=1)
    down = 1 - np.exp(-fall * along)
    y = (1 - down) * np.sin(turned) + down
    x = (1 - 0.92 * down) * np.cos(turned)
    step = (lengths / steps)[:, None]
    places = np.stack([(y * step).cumsum(axis=1), (x * step).cumsum(axis=1)], axis=2)
    phase = rng.uniform(0, 2 * np.pi, (count, 1))
    swing = wave * np.sin(2 * np.pi * along / period + phase) * np.minimum(1, along / (0.5 * period))
    across = np.stack([-x, y], axis=2) / np.maximum(np.hypot(x, y), 1e-6)[..., None]
    return np.asarray(roots[:, None, :] + places + swing[..., None] * across, np.float64)


def _draw(canvas: _Canvas, curves: NDArray[np.float64], rng: Chance, thick: float = 1.0) -> None:
    shades = rng.lognormal(0, 0.35, len(curves))
    widths = rng.uniform(*_STRAND_PX, len(curves)) * thick
    for curve, shade, width in zip(curves, shades, widths, strict=True):
        canvas.strand(curve, float(shade), float(width))


def _on_skull(rng: Chance, count: int, out: float = 1.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Roots on the upper half of the skull's outline and the headings outward from there."""
    turn = rng.uniform(-np.pi - 0.35, 0.35, count)
    middle, half_height, half_width = _SKULL
    depth = out * rng.uniform(0.86, 1.0, count)
    roots = np.stack([middle + depth * half_height * np.sin(turn), depth * half_width * np.cos(turn)], axis=1)
    return roots, np.arctan2(np.sin(turn) / half_height, np.cos(turn) / half_width)


def _cap(canvas: _Canvas, scale: float = 1.0) -> None:
    middle, half_height, half_width = _SKULL
    canvas.fill(_ellipse(middle, scale * half_height, scale * half_width), 0.75)


def _curtains(canvas: _Canvas, end: float) -> None:
    """Long hair's body at both sides, from the temples down."""
    for side in (-1, 1):
        outline = np.array([(-0.5, 0.30), (-0.5, 0.60), (0.2, 0.72), (end, 0.70), (end, 0.50), (0.0, 0.42)])
        canvas.fill(outline * np.array([1, side]), 0.7)


def _straight(canvas: _Canvas, rng: Chance) -> None:
    _long(canvas, rng, wave=0.0, stray=0.012, fly=70)


def _wavy(canvas: _Canvas, rng: Chance) -> None:
    _long(canvas, rng, wave=0.055, stray=0.05, fly=110)


def _long(canvas: _Canvas, rng: Chance, *, wave: float, stray: float, fly: int) -> None:
    end = float(rng.uniform(0.7, 1.2))
    _cap(canvas)
    _curtains(canvas, end)
    roots, headings = _on_skull(rng, 1100)
    lengths = rng.uniform(0.75, 1.05, 1100) * (end + 0.75)
    side = np.cos(headings)
    tilt = np.where(side >= 0, 0.0, np.pi) + rng.normal(0, 0.25, 1100)
    lying = np.where(np.abs(side) < 0.9, tilt, headings)  # at the crown hair lies along the head
    curves = _curves(roots, lying, lengths, rng, fall=2.6, wave=wave, period=0.5, stray=stray)
    _draw(canvas, curves, rng)
    roots, headings = _on_skull(rng, fly)
    headings += rng.normal(0, 0.6, fly)
    lengths = rng.uniform(0.15, 0.7, fly)
    _draw(canvas, _curves(roots, headings, lengths, rng, fall=0.8, wave=wave, stray=0.12), rng, 0.7)


def _sleek(canvas: _Canvas, rng: Chance) -> None:
    _long(canvas, rng, wave=0.0, stray=0.006, fly=0)


def _strays(canvas: _Canvas, rng: Chance) -> None:
    """A few hairs that leave the head, far apart."""
    count = int(rng.integers(10, 24))
    roots, headings = _on_skull(rng, count)
    headings += rng.normal(0, 0.5, count)
    lengths = rng.uniform(0.3, 0.9, count)
    _draw(canvas, _curves(roots, headings, lengths, rng, fall=0.8, stray=0.08), rng)


def _coily(canvas: _Canvas, rng: Chance) -> None:
    reach = float(rng.uniform(0.25, 0.5))
    middle, half_height, half_width = _SKULL
    canvas.fill(_ellipse(middle, half_height + 0.6 * reach, half_width + 0.6 * reach), 0.7)
    roots, headings = _on_skull(rng, 2200, 0.95)
    lengths = (reach + 0.06) * rng.uniform(0.75, 1.1, 2200)
    curves = _curves(
        roots, headings + rng.normal(0, 0.35, 2200), lengths, rng, fall=0.0, wave=0.022, period=0.075,
        stray=0.10, steps=40,
    )  # fmt: skip
    _draw(canvas, curves, rng)


def _ropes(canvas: _Canvas, rng: Chance, count: int, width: float, plaited: bool) -> None:
    """Braids or locs: ropes that hang from the skull, with gaps between them."""
    _cap(canvas, 1.02)
    turn = np.concatenate([rng.uniform(-np.pi - 0.3, -np.pi + 0.9, count), rng.uniform(-0.9, 0.3, count)])
    middle, half_height, half_width = _SKULL
    roots = np.stack([middle + half_height * np.sin(turn), 0.96 * half_width * np.cos(turn)], axis=1)
    headings = np.where(np.cos(turn) > 0, 0.15, np.pi - 0.15) + rng.normal(0, 0.25, len(roots))
    lengths = rng.uniform(0.9, 1.8, len(roots))
    for rope in _curves(roots, headings, lengths, rng, fall=3.0, wave=0.02, period=0.8, stray=0.02, steps=60):
        _rope(canvas, rope, width * float(rng.uniform(0.8, 1.2)), rng, plaited)


def _rope(canvas: _Canvas, rope: NDArray[np.float64], width: float, rng: Chance, plaited: bool) -> None:
    thick_px = width * canvas.head.unit_px
    taper = np.linspace(1, 0.75, len(rope))
    shade = float(rng.lognormal(0, 0.2))
    for k in range(len(rope) - 1):
        lit = shade * (1 + (0.5 if plaited else 0.2) * np.sin(k * (1.6 if plaited else 0.9)))
        bulge = 1 + (0.14 if plaited else 0.05) * np.sin(k * 1.6)
        canvas.strand(rope[k : k + 2], lit, float(thick_px * taper[k] * bulge))
    if not plaited:  # locs are rough: short ends stand out all along
        at = rope[rng.integers(0, len(rope), 40)]
        ends = _curves(
            at, rng.uniform(0, 2 * np.pi, 40), width * rng.uniform(0.6, 1.1, 40), rng, fall=0, steps=6
        )
        _draw(canvas, ends, rng, 0.7)


def _braids(canvas: _Canvas, rng: Chance) -> None:
    _ropes(canvas, rng, 9, 0.065, plaited=True)


def _locs(canvas: _Canvas, rng: Chance) -> None:
    _ropes(canvas, rng, 8, 0.085, plaited=False)


def _cropped(canvas: _Canvas, rng: Chance) -> None:
    """Short hair that stands off the head all round."""
    _cap(canvas, 0.98)
    roots, headings = _on_skull(rng, 1500)
    lengths = rng.uniform(0.04, 0.16, 1500)
    _draw(canvas, _curves(roots, headings + rng.normal(0, 0.4, 1500), lengths, rng, fall=0.5, steps=8), rng)


COVERINGS = ("hijab", "hat", "turban")
_CLOTH = ((0.02, 0.02, 0.025), (0.6, 0.58, 0.55), (0.03, 0.08, 0.22), (0.3, 0.05, 0.06), (0.25, 0.22, 0.17))


def _folds(canvas: _Canvas, outline: NDArray[np.float64], rng: Chance) -> None:
    """A piece of cloth with soft folds across it."""
    placed = canvas.place(outline)
    x, y, width, height = cv2.boundingRect(placed >> _FIXED)
    whole = Roi(0, 0, *canvas.planes.shape[:2])
    part = (Roi(y, x, y + height, x + width).grown(2) & whole).within(whole)
    mask = np.zeros(canvas.planes.shape[:2], np.uint8)
    cv2.fillPoly(mask, [placed], (255,), cv2.LINE_AA, _FIXED)
    cover = mask[part][..., None].astype(np.float32) / 255
    rows, columns = (max(4, side // 160) for side in cover.shape[:2])
    coarse = rng.normal(1.0, 0.22, (rows, columns)).astype(np.float32)
    shade = cv2.resize(coarse, cover.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    new = np.stack([np.clip(shade, 0.3, 2.0) * np.float32(_SHADES), np.full_like(shade, 255)], axis=2)
    under = canvas.planes[part][..., :2].astype(np.float32)
    canvas.planes[part][..., :2] = np.rint(under + cover * (new - under))


def _hijab(canvas: _Canvas, rng: Chance) -> None:
    _folds(canvas, _ellipse(-0.22, 1.02, 0.74), rng)
    drape = np.array(
        [(0.1, -0.72), (0.75, -0.85), (1.5, -1.15), (1.6, 0.0), (1.45, 1.1), (0.75, 0.82), (0.1, 0.72)]
    )
    _folds(canvas, drape, rng)


def _hat(canvas: _Canvas, rng: Chance) -> None:
    crown = np.array(
        [
            (-0.52, -0.66),
            (-1.0, -0.60),
            (-1.22, -0.35),
            (-1.26, 0.0),
            (-1.22, 0.35),
            (-1.0, 0.60),
            (-0.52, 0.66),
        ]
    )
    _folds(canvas, crown, rng)
    _folds(canvas, _ellipse(-0.58, 0.13, float(rng.uniform(0.95, 1.3))), rng)


def _turban(canvas: _Canvas, rng: Chance) -> None:
    for tilt in (-0.12, 0.12, 0.0):
        outline = _ellipse(-0.78, 0.48, 0.76)
        _folds(canvas, outline + np.stack([tilt * outline[:, 1], 0 * outline[:, 1]], axis=1), rng)


STYLES: dict[str, Callable[[_Canvas, Chance], None]] = {
    "straight": _straight,
    "wavy": _wavy,
    "coily": _coily,
    "braids": _braids,
    "locs": _locs,
    "cropped": _cropped,
    "hijab": _hijab,
    "hat": _hat,
    "turban": _turban,
}
PARTS: dict[str, Callable[[_Canvas, Chance], None]] = {"sleek": _sleek, "strays": _strays}
"""No whole style: hair without any strays, and strays alone."""
