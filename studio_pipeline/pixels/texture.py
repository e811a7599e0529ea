"""Texture and grain for new backdrop, taken at native resolution from backdrop that is really there.

New area is covered by *pieces*: windows of the residual (tone minus light) of clean backdrop. A choice of
pieces is made once, on a small residual, after image quilting (Efros & Freeman 2001: each next piece is the
candidate that agrees best with what already lies beside it); rendering only gathers. Overlaps are blended at
equal power, which keeps the variance that averaging would lose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels.light import Tone
from studio_pipeline.pixels.masks import Mask

Residual = Callable[[Roi], Tone]
_ALONG, _NEAR = 3.0, 10.0  # windows along the border, and from it: where sources are looked for first
_FEWEST = 4  # windows to choose from
_CANDIDATES = 16  # of them are looked at for each piece
_LOOKED_AT = 32  # pixels along a window, when it is compared
OVER_PX = 3
"""How far pieces reach into the picture at least; rounding at another scale moves one by a pixel."""


@dataclass(frozen=True, slots=True)
class Piece:
    """``roi`` is filled from the window of its size at ``source``.

    ``ramps``: widths in pixels of the blend at its top, left, bottom and right; 0 = a hard side.
    """

    NUMBERS: ClassVar[int] = 10

    roi: Roi
    source: Point
    ramps: tuple[int, int, int, int]

    def row(self) -> list[int]:
        r, s = self.roi, self.source
        return [r.y0, r.x0, r.y1, r.x1, s.y, s.x, *self.ramps]

    @classmethod
    def of_row(cls, row: NDArray[np.float32]) -> Piece:
        y0, x0, y1, x1, sy, sx, *ramps = (int(v) for v in row)
        top, left, bottom, right = ramps
        return cls(Roi(y0, x0, y1, x1), Point(sy, sx), (top, left, bottom, right))

    def scaled(self, scale: float, base: Roi) -> Piece:
        """At another scale, where the picture is ``base``.

        Sizes are rounded there, so a piece is moved and trimmed by the pixel that it would miss the picture
        by: its source lies inside ``base``.
        """
        top, left, bottom, right = (round(v * scale) for v in self.ramps)
        roi = self.roi.scaled(scale)
        height = min(roi.extent.height, base.extent.height)
        width = min(roi.extent.width, base.extent.width)
        y, x = round(self.source.y * scale), round(self.source.x * scale)
        source = Point(
            min(max(y, base.y0), base.y1 - height),
            min(max(x, base.x0), base.x1 - width),
        )
        roi = Roi.of(Extent(height, width), roi.origin)
        return Piece(roi, source, (top, left, bottom, right))


def lay(pieces: list[Piece], roi: Roi, residual: Residual) -> Tone:
    """The residual of ``roi``, ``(h, w, 3)``, from the pieces that reach it; 0 where none does.

    ``residual`` reads the picture's residual for any region inside the picture.
    """
    shape = (roi.extent.height, roi.extent.width)
    total, power = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
    for piece in pieces:
        part = piece.roi & roi
        if part.empty:
            continue
        inside = part.shifted(-piece.roi.y0, -piece.roi.x0)
        rows, columns = _ramps(piece, inside)
        at = part.within(roi)
        values = residual(inside.shifted(piece.source.y, piece.source.x)) * rows[:, None, None]
        values *= np.repeat(columns, 3).reshape(1, -1, 3)
        total[at] += values
        power[at] += np.square(rows)[:, None] * np.square(columns)
    # In a corner two ramps multiply to very little.
    total /= cv2.merge([np.sqrt(np.maximum(power, np.float32(1e-12)))] * 3)
    return total


def _ramps(piece: Piece, inside: Roi) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Blend weights of the rows and the columns of a part of a piece."""
    height, width = piece.roi.extent.height, piece.roi.extent.width
    top, left, bottom, right = piece.ramps
    rows, columns = _ramp(height, top, bottom), _ramp(width, left, right)
    return rows[inside.y0 : inside.y1], columns[inside.x0 : inside.x1]


def _ramp(length: int, head: int, tail: int) -> NDArray[np.float32]:
    """A window of 1 with sine-shaped ends, so that two that overlap add to constant power."""
    out = np.ones(length, np.float32)
    for width, end in ((min(head, length), slice(None)), (min(tail, length), slice(None, None, -1))):
        if width > 0:
            out[end][:width] *= np.sin((np.arange(width) + 0.5) / width * (np.pi / 2)).astype(np.float32)
    return out


def clean_windows(clean: Mask, window: Extent, stride: int) -> NDArray[np.int64]:
    """Top-left places ``(n, 2)`` of all windows that hold clean pixels only, on a ``stride`` grid."""
    height, width = clean.shape
    if window.height > height or window.width > width:
        return np.empty((0, 2), np.int64)
    bad = cv2.integral((~clean).view(np.uint8), sdepth=cv2.CV_32S)
    y, x = np.arange(0, height - window.height + 1, stride), np.arange(0, width - window.width + 1, stride)
    top, bottom = bad[y], bad[y + window.height]
    dirty = bottom[:, x + window.width] - top[:, x + window.width] - bottom[:, x] + top[:, x]
    places = np.argwhere(dirty == 0) * stride
    return np.asarray(places, np.int64)


def choose_pieces(
    residual: Tone,
    clean: Mask,
    canvas: Roi,
    base: Roi,
    size: int,
    rng: np.random.Generator,
    over_px: int = OVER_PX,
) -> list[Piece]:
    """Cover the part of ``canvas`` outside ``base`` (all in pixels of ``residual``, whose place is ``base``).

    ``clean`` marks pixels that may be copied. ``size`` is the wanted window; it shrinks until clean windows
    exist. Returns an empty list when not even 8 px windows do.
    """
    while size >= 8:
        places = _places(clean, size)
        if len(places) >= _FEWEST:
            break
        size //= 2
    else:
        return []
    overlap = max(2, size // 6)
    # Agreement shows on every few pixels as well as on all: everything lies on a grid of that pitch.
    thin = max(1, size // _LOOKED_AT)
    step = (size - overlap) // thin * thin
    canvas = _on_grid(canvas, base, thin)
    choice = _Choice(residual, clean, canvas, base, places, size, thin)
    return [
        Piece(roi, choice.best(roi, rng), (overlap,) * 4) for roi in _cover(canvas, base, size, step, over_px)
    ]


def _on_grid(canvas: Roi, base: Roi, thin: int) -> Roi:
    """``canvas``, a little larger at the top and left, so that the grid of ``base`` is its own."""
    return Roi(
        base.y0 - -(-(base.y0 - canvas.y0) // thin) * thin,
        base.x0 - -(-(base.x0 - canvas.x0) // thin) * thin,
        canvas.y1,
        canvas.x1,
    )


def _places(clean: Mask, size: int) -> NDArray[np.int64]:
    """Clean windows, far enough apart to differ, and closer where backdrop is narrow."""
    window, thin = Extent(size, size), max(1, size // _LOOKED_AT)
    far, near = (max(thin, size // share // thin * thin) for share in (4, 8))
    apart = clean_windows(clean, window, far)
    return apart if len(apart) >= _FEWEST else clean_windows(clean, window, near)


def _cover(canvas: Roi, base: Roi, size: int, step: int, over_px: int) -> list[Roi]:
    """Windows that cover the canvas outside the base, nearest to the base first."""
    rows, columns = range(canvas.y0, canvas.y1, step), range(canvas.x0, canvas.x1, step)
    windows = [Roi(y, x, y + size, x + size) for y in rows for x in columns]

    # What is carried over the border is measured on the border's own pixels: they are covered, too.
    inner = Roi(
        base.y0 + (over_px if canvas.y0 < base.y0 else 0),
        base.x0 + (over_px if canvas.x0 < base.x0 else 0),
        base.y1 - (over_px if canvas.y1 > base.y1 else 0),
        base.x1 - (over_px if canvas.x1 > base.x1 else 0),
    )

    def outside(w: Roi) -> bool:
        return not inner.contains(w & canvas)

    def distance(w: Roi) -> int:
        dy = max(base.y0 - w.y1, w.y0 - base.y1, -size)
        dx = max(base.x0 - w.x1, w.x0 - base.x1, -size)
        return max(dy, dx)

    return sorted((w for w in windows if outside(w)), key=lambda w: (distance(w), w.y0, w.x0))


class _Choice:
    """The windows that may be copied, and what has been laid so far, on every ``thin``-th pixel."""

    def __init__(
        self,
        residual: Tone,
        clean: Mask,
        canvas: Roi,
        base: Roi,
        places: NDArray[np.int64],
        size: int,
        thin: int,
    ) -> None:
        self.canvas, self.base, self.places, self.size, self.thin = canvas, base, places, size, thin
        self.used = np.zeros(len(places))
        small = np.ascontiguousarray(residual[::thin, ::thin])
        count = -(-size // thin)
        view = np.lib.stride_tricks.sliding_window_view
        self.windows = view(small, (count, count), axis=(0, 1))  # type: ignore[call-overload]
        # A window may reach past the canvas: nothing is known there.
        shape = (-(-canvas.extent.height // thin) + count, -(-canvas.extent.width // thin) + count)
        self.drawn, self.known = np.zeros((3, *shape), np.float32), np.zeros(shape, np.float32)
        y, x = ((v // thin) for v in (base.y0 - canvas.y0, base.x0 - canvas.x0))
        at = np.s_[y : y + small.shape[0], x : x + small.shape[1]]
        self.drawn[(slice(None), *at)] = small.transpose(2, 0, 1)
        self.known[at] = clean[::thin, ::thin]

    def best(self, roi: Roi, rng: np.random.Generator) -> Point:
        """Where ``roi`` is best copied from: of some likely places the one that agrees best."""
        places, used, size, count = self.places, self.used, self.size, self.windows.shape[-1]
        likely = self._likely(roi)
        picks = rng.choice(len(places), size=min(_CANDIDATES, len(places)), replace=False, p=likely)
        y, x = (roi.y0 - self.canvas.y0) // self.thin, (roi.x0 - self.canvas.x0) // self.thin
        drawn, known = (v[..., y : y + count, x : x + count] for v in (self.drawn, self.known))
        rows, columns = (places[picks] // self.thin).T
        windows = self.windows[rows, columns]
        apart = np.einsum("kcij,ij->k", np.square(windows - drawn), known)
        chosen = int(np.argmin(apart * (1 + used[picks])))
        np.copyto(drawn, windows[chosen], where=known == 0)
        known[:] = 1
        y, x = (int(v) for v in places[picks[chosen]])
        used[(np.abs(places[:, 0] - y) < size // 2) & (np.abs(places[:, 1] - x) < size // 2)] += 1
        return Point(y + self.base.y0, x + self.base.x0)

    def _likely(self, roi: Roi) -> NDArray[np.float64]:
        """Light, focus, perspective and dirt change over a set: sources at the same height and near the
        border come first, and those that were copied already come last.
        """
        places, base, size = self.places, self.base, self.size
        beside = roi.x1 <= base.x0 + size or roi.x0 >= base.x1 - size
        down, right = places[:, 0] + base.y0 - roi.y0, places[:, 1] + base.x0 - roi.x0
        along, across = (down, right) if beside else (right, down)
        across = np.abs(across) - np.abs(across).min()
        likely = np.exp(-0.5 * (along / (_ALONG * size)) ** 2 - 0.5 * (across / (_NEAR * size)) ** 2)
        likely = likely / (1 + self.used) ** 3 + 1e-9
        return np.asarray(likely / likely.sum(), np.float64)
