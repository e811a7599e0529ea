"""Texture and grain for new backdrop, taken at native resolution from backdrop that is really there.

New area is covered by *pieces*: windows of the residual (tone minus light) of clean backdrop. A choice of
pieces is made once, on a small residual, after image quilting (Efros & Freeman 2001: each next piece is the
candidate that agrees best with what already lies beside it); rendering only gathers. Overlaps are blended at
equal power, which keeps the variance that averaging would lose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels.light import Tone
from studio_pipeline.pixels.masks import Mask

Residual = Callable[[Roi], Tone]


@dataclass(frozen=True, slots=True)
class Piece:
    """``roi`` is filled from the window of its size at ``source``, mirrored as told.

    ``ramps``: widths in pixels of the blend at its top, left, bottom and right; 0 = a hard side. A piece
    ``on_top`` is laid over the others, and its ramps fade it out instead of mixing it in.
    """

    roi: Roi
    source: Point
    flip_y: bool
    flip_x: bool
    ramps: tuple[int, int, int, int]
    on_top: bool

    def row(self) -> list[int]:
        r, s = self.roi, self.source
        flags = self.flip_y + 2 * self.flip_x + 4 * self.on_top
        return [r.y0, r.x0, r.y1, r.x1, s.y, s.x, flags, *self.ramps]

    @classmethod
    def of_row(cls, row: NDArray[np.float32]) -> Piece:
        y0, x0, y1, x1, sy, sx, flags, *ramps = (int(v) for v in row)
        top, left, bottom, right = ramps
        flip_y, flip_x, on_top = bool(flags & 1), bool(flags & 2), bool(flags & 4)
        return cls(Roi(y0, x0, y1, x1), Point(sy, sx), flip_y, flip_x, (top, left, bottom, right), on_top)

    def scaled(self, scale: float, base: Roi) -> Piece:
        """At another scale, where the picture is ``base``.

        Sizes are rounded there, so a piece is moved and trimmed by the pixel that it would miss the picture
        by: its source lies inside ``base``, and a mirror keeps its axis on the border pixel.
        """
        top, left, bottom, right = (round(v * scale) for v in self.ramps)
        roi = self.roi.scaled(scale)
        if self.on_top:
            roi = _at_border(roi, base, self.flip_x)
            source = _mirrored(roi, base, self.flip_x)
        else:
            height = min(roi.extent.height, base.extent.height)
            width = min(roi.extent.width, base.extent.width)
            roi = Roi.of(Extent(height, width), roi.origin)
            y, x = round(self.source.y * scale), round(self.source.x * scale)
            source = Point(
                min(max(y, base.y0), base.y1 - height),
                min(max(x, base.x0), base.x1 - width),
            )
        return Piece(roi, source, self.flip_y, self.flip_x, (top, left, bottom, right), self.on_top)


def _at_border(roi: Roi, base: Roi, across: bool) -> Roi:
    """A band touching ``base``, along a part of its border, no deeper than its mirror image can be."""
    if not across:
        return _turned(_at_border(_turned(roi), _turned(base), True))
    depth = min(roi.extent.width, base.extent.width - 1)
    x0 = base.x0 - depth if roi.x1 <= base.x0 else base.x1
    return Roi(max(roi.y0, base.y0), x0, min(roi.y1, base.y1), x0 + depth)


def _mirrored(roi: Roi, base: Roi, across: bool) -> Point:
    """Where the mirror image of ``roi`` starts: reflect-101, the border pixel itself is not repeated."""
    if across:
        return Point(roi.y0, base.x0 + 1 if roi.x1 <= base.x0 else base.x1 - 1 - roi.extent.width)
    return Point(base.y0 + 1 if roi.y1 <= base.y0 else base.y1 - 1 - roi.extent.height, roi.x0)


def lay(pieces: list[Piece], roi: Roi, residual: Residual) -> Tone:
    """The residual of ``roi``, ``(h, w, 3)``, from the pieces that reach it; 0 where none does.

    ``residual`` reads the picture's residual for any region inside the picture.
    """
    shape = (roi.extent.height, roi.extent.width)
    total, power = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
    for piece in (p for p in pieces if not p.on_top):
        part = piece.roi & roi
        if part.empty:
            continue
        values, weight = _read(piece, part, residual)
        at = part.within(roi)
        total[at] += values * weight[..., None]
        power[at] += weight * weight
    total /= np.sqrt(np.maximum(power, 1e-12))[..., None]  # in a corner two ramps multiply to very little
    mirrored, most = np.zeros_like(total), np.zeros(shape, np.float32)
    for piece in (p for p in pieces if p.on_top):
        part = piece.roi & roi
        if part.empty:
            continue
        values, weight = _read(piece, part, residual)
        at = part.within(roi)
        # Bands of one side show the same mirror image: where two overlap the surer one counts, not both.
        surer = weight > most[at]
        mirrored[at][surer] = values[surer]
        most[at] = np.maximum(most[at], weight)
    below = np.sqrt(np.maximum(0, 1 - most * most))
    return np.asarray(total * below[..., None] + mirrored * most[..., None], np.float32)


def _read(piece: Piece, part: Roi, residual: Residual) -> tuple[Tone, NDArray[np.float32]]:
    """Values and blend weights of the common part of a piece and a region."""
    inside = part.shifted(-piece.roi.y0, -piece.roi.x0)
    height, width = piece.roi.extent.height, piece.roi.extent.width
    y0, y1 = (height - inside.y1, height - inside.y0) if piece.flip_y else (inside.y0, inside.y1)
    x0, x1 = (width - inside.x1, width - inside.x0) if piece.flip_x else (inside.x0, inside.x1)
    values = residual(Roi(y0, x0, y1, x1).shifted(piece.source.y, piece.source.x))
    values = values[:: -1 if piece.flip_y else 1, :: -1 if piece.flip_x else 1]
    top, left, bottom, right = piece.ramps
    rows = _ramp(height, top, bottom)[inside.y0 : inside.y1]
    columns = _ramp(width, left, right)[inside.x0 : inside.x1]
    return values, rows[:, None] * columns[None, :]


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
    bad = np.zeros((height + 1, width + 1), np.int64)
    bad[1:, 1:] = np.cumsum(np.cumsum(~clean, axis=0), axis=1)
    h, w = window.height, window.width
    dirty = bad[h:, w:] - bad[:-h, w:] - bad[h:, :-w] + bad[:-h, :-w]
    places = np.argwhere(dirty[::stride, ::stride] == 0) * stride
    return np.asarray(places, np.int64)


def choose_pieces(
    residual: Tone, clean: Mask, canvas: Roi, base: Roi, size: int, rng: np.random.Generator
) -> list[Piece]:
    """Cover the part of ``canvas`` outside ``base`` (all in pixels of ``residual``, whose place is ``base``).

    ``clean`` marks pixels that may be copied. ``size`` is the wanted window; it shrinks until clean windows
    exist. Returns an empty list when not even 8 px windows do.
    """
    while size >= 8:
        places = clean_windows(clean, Extent(size, size), max(1, size // 8))
        if len(places) >= 4:
            break
        size //= 2
    else:
        return []
    overlap = max(2, size // 4)
    step = size - overlap
    drawn = np.zeros((canvas.extent.height, canvas.extent.width, 3), np.float32)
    known = np.zeros(drawn.shape[:2], bool)
    drawn[base.within(canvas)] = residual
    known[base.within(canvas)] = clean
    used = np.zeros(len(places))
    pieces = []
    for roi in _cover(canvas, base, size, step):
        pieces.append(_best(roi, places, used, residual, drawn, known, canvas, base, overlap, rng))
    return pieces


def _cover(canvas: Roi, base: Roi, size: int, step: int) -> list[Roi]:
    """Windows that cover the canvas outside the base, nearest to the base first."""
    rows, columns = range(canvas.y0, canvas.y1, step), range(canvas.x0, canvas.x1, step)
    windows = [Roi(y, x, y + size, x + size) for y in rows for x in columns]

    def outside(w: Roi) -> bool:
        return not base.contains(w & canvas)

    def distance(w: Roi) -> int:
        dy = max(base.y0 - w.y1, w.y0 - base.y1, -size)
        dx = max(base.x0 - w.x1, w.x0 - base.x1, -size)
        return max(dy, dx)

    return sorted((w for w in windows if outside(w)), key=lambda w: (distance(w), w.y0, w.x0))


def _best(
    roi: Roi,
    places: NDArray[np.int64],
    used: NDArray[np.float64],
    residual: Tone,
    drawn: Tone,
    known: Mask,
    canvas: Roi,
    base: Roi,
    overlap: int,
    rng: np.random.Generator,
) -> Piece:
    size = roi.extent.height
    target = roi & canvas
    at, inner = target.within(canvas), target.within(roi)
    seen = known[at]
    # Light, perspective and dirt change along the height of a set: sources at the same place come first.
    beside = roi.x1 <= base.x0 + size or roi.x0 >= base.x1 - size
    along = (places[:, 0] + base.y0 - roi.y0) if beside else (places[:, 1] + base.x0 - roi.x0)
    likely = np.exp(-0.5 * (along / (1.5 * size)) ** 2) / (1 + 4 * used) + 1e-9
    picks = rng.choice(len(places), size=min(24, len(places)), replace=False, p=likely / likely.sum())
    costs = np.empty(len(picks))
    thin = max(1, size // 48)  # agreement shows on every few pixels as well as on all
    wanted, known_part = drawn[at][::thin, ::thin], seen[::thin, ::thin]
    for k, index in enumerate(picks):
        y, x = places[index]
        window = residual[y : y + size, x : x + size][inner][::thin, ::thin]
        difference = np.square(window[known_part] - wanted[known_part]).mean() if known_part.any() else 0.0
        costs[k] = difference * (1 + used[index])
    chosen = picks[int(np.argmin(costs))]
    y, x = (int(v) for v in places[chosen])
    near = np.abs(places - places[chosen]).max(axis=1) < size // 2
    used[near] += 1
    fresh = ~seen
    drawn[at][fresh] = residual[y : y + size, x : x + size][inner][fresh]
    known[at] = True
    return Piece(roi, Point(y + base.y0, x + base.x0), False, False, (overlap,) * 4, False)


def mirror_band(clean: Mask, canvas: Roi, base: Roi, width: int) -> list[Piece]:
    """Mirrored pieces along each extended border, so that every frequency runs through the seam.

    The first new row or column mirrors the second real one (reflect-101), and the band fades out over
    ``width``. It is laid along runs of the border whose mirror image is clean; where that fails near the
    person, a shallower band is tried.
    """
    pieces: list[Piece] = []
    pieces += _mirror_left(clean, base.x0 - canvas.x0, width, base, canvas, False)
    pieces += _mirror_left(clean[:, ::-1], canvas.x1 - base.x1, width, base, canvas, True)
    turned_base, turned_canvas = _turned(base), _turned(canvas)
    pieces += [
        _turn(p) for p in _mirror_left(clean.T, base.y0 - canvas.y0, width, turned_base, turned_canvas, False)
    ]
    far = _mirror_left(clean.T[:, ::-1], canvas.y1 - base.y1, width, turned_base, turned_canvas, True)
    return pieces + [_turn(p) for p in far]


def _mirror_left(clean: Mask, room: int, width: int, base: Roi, canvas: Roi, right: bool) -> list[Piece]:
    """The band at the left of ``base`` (or, with ``clean`` already flipped, at its right)."""
    covered = np.zeros(len(clean), np.bool_)
    pieces: list[Piece] = []
    depth = min(width, room, clean.shape[1] - 1)
    while depth >= 2:
        free = clean[:, 1 : depth + 1].all(axis=1)
        for first, last in _runs(free, at_least=max(4, depth // 2)):
            if not covered[first:last].all():
                pieces.append(_band_piece(base, canvas, first, last, depth, right))
                covered[first:last] = True
        depth //= 2
    return pieces[::-1]  # the deep ones last, over the shallow ones


def _band_piece(base: Roi, canvas: Roi, first: int, last: int, depth: int, right: bool) -> Piece:
    y0, y1 = base.y0 + first, base.y0 + last
    ramp = min(depth, (last - first) // 2)
    top, bottom = (0 if y0 == canvas.y0 else ramp), (0 if y1 == canvas.y1 else ramp)
    if right:
        roi, ramps = Roi(y0, base.x1, y1, base.x1 + depth), (top, 0, bottom, depth)
    else:
        roi, ramps = Roi(y0, base.x0 - depth, y1, base.x0), (top, depth, bottom, 0)
    return Piece(roi, _mirrored(roi, base, across=True), False, True, ramps, True)


def _runs(flags: NDArray[np.bool_], at_least: int) -> list[tuple[int, int]]:
    """Half-open runs of True of at least that length."""
    steps = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    starts, stops = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return [(int(a), int(b)) for a, b in zip(starts, stops, strict=True) if b - a >= at_least]


def _turned(roi: Roi) -> Roi:
    return Roi(roi.x0, roi.y0, roi.x1, roi.y1)


def _turn(piece: Piece) -> Piece:
    top, left, bottom, right = piece.ramps
    source, ramps = Point(piece.source.x, piece.source.y), (left, top, right, bottom)
    return Piece(_turned(piece.roi), source, piece.flip_x, piece.flip_y, ramps, piece.on_top)
