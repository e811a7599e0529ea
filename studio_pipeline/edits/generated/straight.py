"""Straight structures that run into the border, carried on: a shelf, a floor, the edge of a wall."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels import grids
from studio_pipeline.pixels.light import Tone
from studio_pipeline.pixels.masks import Mask, grow

_LEAST = 0.025  # of the window's long edge: a line's length
_NEAR = 0.02  # how close it comes to new area
_MOST = 48
NONE: NDArray[np.float32] = np.zeros((0, 4), np.float32)


def carried_on(tone: Tone, region: Mask, known: Mask) -> NDArray[np.float32]:
    """``(n, 4)`` y0, x0, y1, x1: from where each line meets new area to where it leaves that.

    Args:
        tone: ``(h, w, 3)``.
        region: what is new: the window beside one of its borders, or a part of its inside.
        known: where a line may be read: the picture's own backdrop.
    """
    height, width = region.shape
    long_edge = max(height, width)
    if not region.any() or region.all():
        return NONE
    found = _segments(tone, ~region)
    inner = grow(known, -2)
    near_px = max(3, round(_NEAR * long_edge))
    near = grow(region, near_px)
    out = []
    for x0, y0, x1, y1 in found.tolist():
        length = math.hypot(y1 - y0, x1 - x0)
        if length < _LEAST * long_edge:
            continue
        if _at(near, y0, x0) and not _at(near, y1, x1):
            y0, x0, y1, x1 = y1, x1, y0, x0
        if not _at(near, y1, x1):
            continue
        dy, dx = (y1 - y0) / length, (x1 - x0) / length
        seen = [_at(inner, y0 + t * (y1 - y0), x0 + t * (x1 - x0)) for t in (0.1, 0.3, 0.5, 0.7)]
        ahead = 1.5 * near_px
        if not all(seen) or not _at(region, y1 + ahead * dy, x1 + ahead * dx):
            continue  # it runs along new area, or away from it
        reach = _through(region, y1, x1, dy, dx, ahead)
        out.append((length, (y1, x1, y1 + reach * dy, x1 + reach * dx)))
    longest = sorted(out, reverse=True)[:_MOST]
    return np.array([line for _, line in longest], np.float32).reshape(-1, 4)


def _segments(tone: Tone, there: Mask) -> NDArray[np.float64]:
    """``(n, 4)`` x0, y0, x1, y1 in the rectangle that is ``there``: what is new has lines of its own."""
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    part = tone[box] if there[box].all() else grids.filled(tone, there)[box]
    codes = np.rint(255 * np.clip(grids.grey(np.ascontiguousarray(part)), 0, 1)).astype(np.uint8)
    # A little blurred: the detector (von Gioi et al. 2010) sees one line where grain makes many.
    seen = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(cv2.GaussianBlur(codes, (0, 0), 1.0))[0]
    found = np.zeros((0, 4)) if seen is None else seen.reshape(-1, 4).astype(np.float64)
    return np.asarray(found + np.array([columns[0], rows[0]] * 2), np.float64)


def _at(mask: Mask, y: float, x: float) -> bool:
    height, width = mask.shape
    return bool(mask[min(max(int(y), 0), height - 1), min(max(int(x), 0), width - 1)])


def _through(region: Mask, y: float, x: float, dy: float, dx: float, start: float) -> float:
    """How far a line goes on in a region that it enters within ``start``."""
    height, width = region.shape
    reach = start
    while 0 <= y + reach * dy < height and 0 <= x + reach * dx < width:
        if not _at(region, y + reach * dy, x + reach * dx):
            break
        reach += 1.0
    return reach
