"""Fill an area by one moved copy of the picture, of the place whose surroundings are most like its own.

Whatever runs through the rim of the area, a joint, a fold, mottle, then goes on in it. The copy's light is
brought to that around the area by a membrane on coarse cells, so that no window is too large for it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.light import LightGrid, Tone, read_cells
from studio_pipeline.pixels.masks import Mask, grow
from studio_pipeline.pixels.poisson import laplace

_SEARCH_PX = 400  # a long edge on which every place is tried
_RING_PX = 6  # there: how much of the surroundings is compared
_UNCLEAN = 0.05  # of the ring: more of it must not be flawed at the source
_FAR = 0.3  # how much a place a whole long edge away costs, over the least that any costs
_ANOTHER_PX = 10  # there: nearer is no other place
_CELLS = 150  # along the long edge, of the membrane
_KNOWN = 0.3


def best_offset(tone: Tone, clean: Mask, area: Mask, tries: int) -> tuple[int, int] | None:
    """(dy, dx) from ``area`` to where it is copied from; None where there is no such clean place.

    Args:
        tone: ``(h, w, 3)`` square root of linear light.
        clean: ``(h, w)``, True where the picture may be copied.
        area: ``(h, w)``, True where it is to be filled.
        tries: so many better places were not liked.
    """
    factor = max(1, round(Extent(*area.shape).long_edge / _SEARCH_PX))
    small, usable, wanted = _reduced(tone, clean, area, factor)
    places = _costs(small, usable, wanted)
    if places is None:
        return None
    costs, at = places
    for _ in range(tries):
        y, x = _least(costs)
        costs[max(0, y - _ANOTHER_PX) : y + _ANOTHER_PX, max(0, x - _ANOTHER_PX) : x + _ANOTHER_PX] = np.inf
    if not np.isfinite(costs).any():
        return None
    y, x = _least(costs)
    return _refined(tone, clean, area, ((y - at[0]) * factor, (x - at[1]) * factor), factor)


def _least(costs: NDArray[np.float32]) -> tuple[int, int]:
    index = int(np.argmin(costs))
    return index // costs.shape[1], index % costs.shape[1]


def _reduced(tone: Tone, clean: Mask, area: Mask, factor: int) -> tuple[Tone, Mask, Mask]:
    """A pixel is clean when all of it is, and in the area when any of it is."""
    size = (-(-area.shape[1] // factor), -(-area.shape[0] // factor))
    small = np.asarray(cv2.resize(tone, size, interpolation=cv2.INTER_AREA), np.float32)
    shares = [cv2.resize(m.astype(np.float32), size, interpolation=cv2.INTER_AREA) for m in (clean, area)]
    return small, np.asarray(shares[0] > 0.999, np.bool_), np.asarray(shares[1] > 0, np.bool_)


def _costs(tone: Tone, clean: Mask, area: Mask) -> tuple[NDArray[np.float32], tuple[int, int]] | None:
    """For each place of a window around the area: how unlike its ring is, its mean light aside.

    And the place of the area's own window. Infinite where the copy would not be clean.
    """
    whole = Roi.of(Extent(*area.shape))
    ys, xs = np.nonzero(area)
    box = Roi(int(ys.min()), int(xs.min()), int(ys.max()) + 1, int(xs.max()) + 1)
    window = box.grown(_RING_PX) & whole
    at = window.within(whole)
    inner = area[at].astype(np.float32)
    ring = (clean[at] & grow(area[at], _RING_PX) & ~grow(area[at], 1)).astype(np.float32)
    if ring.sum() < 12:
        return None

    def sums(values: NDArray[np.float32], template: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.matchTemplate(values, template, cv2.TM_CCORR), np.float32)

    unclean = (~clean).astype(np.float32)
    barred = (sums(unclean, inner) > 0.5) | (sums(unclean, ring) > _UNCLEAN * ring.sum())
    if barred.all():
        return None
    costs = np.zeros(barred.shape, np.float32)
    for channel in range(3):
        values = np.ascontiguousarray(tone[..., channel] - tone[..., channel].mean())
        target = values[at] * ring
        squares = sums(values * values, ring) - 2 * sums(values, target) + float((target * values[at]).sum())
        shift = (float(target.sum()) - sums(values, ring)) / ring.sum()
        costs += squares / ring.sum() - shift * shift
    y, x = np.mgrid[: costs.shape[0], : costs.shape[1]]
    far = np.hypot(y - window.y0, x - window.x0) / max(area.shape)
    costs = np.maximum(costs, 1e-9) + _FAR * far.astype(np.float32) * max(float(costs[~barred].min()), 1e-7)
    return np.where(barred, np.inf, costs).astype(np.float32), (window.y0, window.x0)


def _refined(
    tone: Tone, clean: Mask, area: Mask, rough: tuple[int, int], factor: int
) -> tuple[int, int] | None:
    """The best offset within a small pixel of a rough one, from the picture itself."""
    whole = Roi.of(Extent(*area.shape))
    ring = clean & grow(area, _RING_PX * factor) & ~grow(area, factor)
    ys, xs = np.nonzero(ring)
    thin = slice(None, None, max(1, len(ys) // 4000))
    ys, xs = ys[thin], xs[thin]
    ay, ax = np.nonzero(area)
    box = Roi(int(ay.min()), int(ax.min()), int(ay.max()) + 1, int(ax.max()) + 1)
    best: tuple[float, tuple[int, int]] | None = None
    for dy in range(rough[0] - factor, rough[0] + factor + 1):
        for dx in range(rough[1] - factor, rough[1] + factor + 1):
            if not whole.contains(box.shifted(dy, dx)) or not clean[ay + dy, ax + dx].all():
                continue
            sy, sx = ys + dy, xs + dx
            seen = (sy >= 0) & (sx >= 0) & (sy < whole.y1) & (sx < whole.x1)
            if np.count_nonzero(seen) < 8:
                continue
            difference = tone[sy[seen], sx[seen]] - tone[ys[seen], xs[seen]]
            unlike = float(difference.var(axis=0).sum())
            if best is None or unlike < best[0]:
                best = unlike, (dy, dx)
    return best[1] if best else None


def shade(tone: Tone, clean: Mask, area: Mask, offset: tuple[int, int], scale: float) -> LightGrid | None:
    """What the copy's tone needs to meet the light around the area; None where nothing around can be read."""
    cell = max(3, round(Extent(*area.shape).long_edge / _CELLS))
    whole = Roi.of(Extent(*area.shape))
    ys, xs = np.nonzero(area)
    box = Roi(int(ys.min()), int(xs.min()), int(ys.max()) + 1, int(xs.max()) + 1)
    window = box.grown(4 * cell) & whole
    source = window.shifted(*offset) & whole
    there = source.shifted(-offset[0], -offset[1])
    difference = np.zeros((window.extent.height, window.extent.width, 3), np.float32)
    known = np.zeros(difference.shape[:2], np.bool_)
    at = there.within(window)
    difference[at] = tone[there.within(whole)] - tone[source.within(whole)]
    known[at] = (clean & ~grow(area, 1))[there.within(whole)] & clean[source.within(whole)]
    cells, weights = read_cells(difference, known, cell)
    inside = weights < _KNOWN
    if inside.all():
        return None
    cell_px = cell / scale
    values = laplace(cells, inside)
    return LightGrid(values, window.y0 / scale + 0.5 * cell_px, window.x0 / scale + 0.5 * cell_px, cell_px)
