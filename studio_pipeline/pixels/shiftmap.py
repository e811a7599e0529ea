"""Structured backdrops: large pieces of the picture moved, and cut where they agree.

A shift map gives every new node the distance to the place it is copied from (Pritch, Kav-Venaki and Peleg
2009). Few distances matter: those by which the picture continues itself (He and Sun 2012). They are found
here by asking where else what stands at the border stands in the picture; a copy that starts there goes on
as the picture does, along floor lines, folds and mouldings. Which copy shows where is a minimum cut.

Everything is written for new area at the *left*; whoever calls turns the picture. Arrays are small (a node is
some pixels wide) and hold the residual: tone without the light, which is not copied.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels.graphcut import Problem, expand
from studio_pipeline.pixels.masks import Mask

Floats = NDArray[np.float32]
Shift = tuple[int, int]

_STRIP = 5  # columns beside the border that a copy has to agree with
_PER_BAND = 5
_MOST_SHIFTS, _MOST_SUMS = 44, 36
_UP_AND_DOWN = 1 / 3  # of the height: how far a copy may come from above or below
_CAP = 6.0  # two unrelated places differ by 2, and a cut lies between two of them
_NOTHING = 1.2  # what a node without a copy costs
_SLANT = 0.1
_OTHER, _OTHER_LIGHT = 0.8, 0.12  # a node; the distance in tone at which it is quite another
_SEAM = 3.0  # how much more a break at the border counts than one farther out


@dataclass(frozen=True, eq=False)
class Scene:
    """``residual`` ``(h, w, 3)`` float32 and ``clean`` ``(h, w)``: what may be copied.

    ``known`` ``(n, _STRIP, 3)``, ``known_clean``: what stands at the border of new area, whose first row is
    the picture's row ``first``; ``n`` is more than ``h`` where new area reaches past the picture's corners.
    ``light`` ``(h, w, 3)`` and ``wanted`` ``(n, depth, 3)``: the light of the picture and that of new area,
    in tone; a copy from where it is quite another is one of another material.
    """

    residual: Floats
    clean: Mask
    known: Floats
    known_clean: Mask
    first: int
    light: Floats | None = None
    wanted: Floats | None = None


@dataclass(frozen=True, eq=False)
class ShiftMap:
    """``labels`` ``(n, depth)`` name rows of ``shifts`` ``(k, 2)`` (dy, dx) in nodes; -1: nothing to copy."""

    labels: NDArray[np.int16]
    shifts: NDArray[np.int32]


def scene(residual: Floats, clean: Mask, light: Floats | None = None, wanted: Floats | None = None) -> Scene:
    """A scene whose new area is as high as the picture."""
    return Scene(residual, clean, residual[:, :_STRIP], clean[:, :_STRIP], 0, light, wanted)


def solve(where: Scene, depth: int) -> ShiftMap:
    """Copies for ``depth`` new columns."""
    values = where.residual[where.clean]
    power = float(np.square(values).sum(axis=1).mean()) if len(values) else 0.0
    if power <= 0:
        return ShiftMap(np.full((len(where.known), depth), -1, np.int16), np.zeros((0, 2), np.int32))
    # In units of the residual's own deviation all costs have one meaning.
    unit = np.float32(1 / np.sqrt(power))
    where = replace(where, residual=where.residual * unit, known=where.known * unit)
    shifts = _sums(_at_border(where, depth), where.residual.shape[1] + depth)
    labels = _label(where, depth, shifts)
    used = np.unique(labels[labels < len(shifts)])
    names = np.full(len(shifts) + 1, -1, np.int16)
    names[used] = np.arange(len(used), dtype=np.int16)
    return ShiftMap(names[labels], np.array(shifts, np.int32).reshape(-1, 2)[used])


def _at_border(where: Scene, depth: int) -> list[Shift]:
    """Shifts to places that look like the border, with something at their left to copy; best first."""
    cost: dict[Shift, float] = {}
    n = len(where.known)
    for band in (max(8, n // 4), max(6, n // 9)):
        for top in range(0, n - band // 2, max(1, band // 2)):
            _search(where, depth, top, min(n, top + band), cost)
    return sorted(cost, key=lambda shift: (cost[shift], shift))[:_MOST_SHIFTS]


def _search(where: Scene, depth: int, top: int, bottom: int, cost: dict[Shift, float]) -> None:
    """Where the border's rows ``top`` to ``bottom`` stand elsewhere; the best places go into ``cost``."""
    height, width = where.clean.shape
    known, rows = where.known_clean[top:bottom], bottom - top
    reach = max(2, round(_UP_AND_DOWN * height))
    first, last = max(0, top + where.first - reach), min(height, bottom + where.first + reach)
    strip = known.shape[1]
    if known.mean() < 0.4 or last - first < rows or width < 2 * strip:
        return
    weight = np.repeat(known[..., None], 3, axis=2).astype(np.float32)
    wanted = np.ascontiguousarray(where.known[top:bottom])
    unlike = cv2.matchTemplate(
        np.ascontiguousarray(where.residual[first:last]), wanted, cv2.TM_SQDIFF, mask=weight
    )
    unlike = np.asarray(unlike, np.float32) * (3 / weight.sum())
    bad = np.pad(np.cumsum(np.cumsum(~where.clean, axis=0), axis=1), ((1, 0), (1, 0)))
    y = np.arange(first, last - rows + 1)[:, None]
    x = np.arange(width - strip + 1)[None, :]

    def dirt(x0: NDArray[np.intp], x1: NDArray[np.intp]) -> NDArray[np.float64]:
        return np.asarray(
            (bad[y + rows, x1] - bad[y, x1] - bad[y + rows, x0] + bad[y, x0]) / rows, np.float64
        )

    behind = np.maximum(0, x - depth)
    room = (x - behind - dirt(behind, x)) / depth
    away = (y - top - where.first) / reach
    price = unlike + 2 * dirt(x, x + strip) / strip + 0.6 * np.clip(1 - room, 0, 1) + 0.5 * np.square(away)
    price[:, : max(2, depth // 8)] = np.inf
    for _ in range(_PER_BAND):
        row, column = np.unravel_index(int(np.argmin(price)), price.shape)
        best = float(price[row, column])
        if not np.isfinite(best):
            return
        shift = (int(row) + first - top - where.first, int(column))
        cost[shift] = min(best, cost.get(shift, np.inf))
        price[max(0, row - 2) : row + 3, max(0, column - 3) : column + 4] = np.inf


def _sums(shifts: list[Shift], widest: int) -> list[Shift]:
    """With pairs of shifts, by which the copy of a copy goes on where the first one ends; shortest first."""
    known, sums = (
        set(shifts),
        dict.fromkeys((a[0] + b[0], a[1] + b[1]) for k in range(len(shifts)) for a, b in _pairs(shifts, k)),
    )
    return shifts + [shift for shift in sums if shift[1] < widest and shift not in known][:_MOST_SUMS]


def _pairs(shifts: list[Shift], total: int) -> list[tuple[Shift, Shift]]:
    """Pairs whose ranks add up to ``total``: both good."""
    return [(shifts[i], shifts[total - i]) for i in range(total + 1)]


def _label(where: Scene, depth: int, shifts: list[Shift]) -> NDArray[np.intp]:
    """``(n, depth)``: the number of a shift, or their count where nothing is copied."""
    count, n = len(shifts), len(where.known)
    views = np.zeros((count + 1, n, depth, 3), np.float32)
    alone = np.full((count + 1, n, depth), _NOTHING, np.float32)
    alone[count, :, -1] += _CAP / 2
    start = np.full((count + 1, n, depth), 50.0, np.float32)
    for k, (dy, dx) in enumerate(shifts):
        views[k], allowed = _moved(where.residual, where.clean, where.first + dy, dx - depth, (n, depth))
        # Smoothed along the border: a copy one node wide that fits by chance is not worth its cuts.
        along = cv2.blur(_disagreement(where, dy, dx)[:, None], (1, 5), borderType=cv2.BORDER_REPLICATE)
        slant = _SLANT * abs(dy) / where.clean.shape[0]
        alone[k] = slant + _of_another_light(where, dy, dx - depth)
        alone[k, :, -1] += _SEAM * along[:, 0]
        alone[k][~allowed] = np.inf
        start[k] = np.where(allowed, slant + along, np.inf)
    return expand(Problem(views, alone, _CAP), np.argmin(start, axis=0))


def _of_another_light(where: Scene, dy: int, dx: int) -> Floats | float:
    """What it costs a copy to come from light that is not that of where it goes, ``(n, depth)``."""
    if where.light is None or where.wanted is None:
        return 0.0
    n, depth = where.wanted.shape[:2]
    theirs, _ = _moved(where.light, where.clean, where.first + dy, dx, (n, depth))
    apart = np.square(theirs - where.wanted).sum(axis=2) / _OTHER_LIGHT**2
    return np.asarray(_OTHER * np.minimum(apart, 1), np.float32)


def _moved(residual: Floats, clean: Mask, y0: int, x0: int, shape: tuple[int, int]) -> tuple[Floats, Mask]:
    """The window of ``shape`` at ``(y0, x0)``, which may lie outside the picture: nothing clean there."""
    height, width = clean.shape
    y, x = np.arange(y0, y0 + shape[0]), np.arange(x0, x0 + shape[1])
    inside = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))[None, :]
    at = np.ix_(np.clip(y, 0, height - 1), np.clip(x, 0, width - 1))
    return residual[at], np.asarray(clean[at] & inside, np.bool_)


def _disagreement(where: Scene, dy: int, dx: int) -> Floats:
    """How a copy differs from what stands at the border, a row each ``(n,)``."""
    columns = min(3, where.known.shape[1])
    copy, allowed = _moved(where.residual, where.clean, where.first + dy, dx, (len(where.known), columns))
    known = where.known_clean[:, :columns]
    apart = np.minimum(np.square(copy - where.known[:, :columns]).sum(axis=2), _CAP)
    apart = np.where(allowed, apart, _CAP) * known
    return np.asarray(apart.sum(axis=1) / np.maximum(known.sum(axis=1), 1), np.float32)
