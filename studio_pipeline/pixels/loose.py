"""Where a stray hair may be taken away: in its own thin stroke, outside the hair's body.

The hair's body is what the matte holds for opaque once everything thin is taken from it (a morphological
opening), grown by a distance. Gate, guards and ``verify`` all ask here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.masks import Mask, Zone, ZoneMap, grow, inside
from studio_pipeline.pixels.strokes import Stroke

FAR = 0.004
"""Of the matte's long edge: how far from the hair's body nothing may be written."""
_OPAQUE = 115  # of 255: coverage that may be the hair's body
_THIN = 0.001  # of the matte's long edge: what is at most twice as wide is a strand, not the body


def body(matte: NDArray[np.uint8], far: float = FAR) -> Mask:
    """``(h, w)`` at the matte's scale: the body of the person and their hair, and ``far`` around it."""
    return _body(matte, max(matte.shape), far)


def _body(matte: NDArray[np.uint8], long_edge: int, far: float) -> Mask:
    thin, far_px = _reach(long_edge, far)
    opaque: Mask = matte >= _OPAQUE
    return grow(grow(grow(opaque, -thin), thin), far_px)


def _reach(long_edge: int, far: float) -> tuple[int, int]:
    return max(1, round(_THIN * long_edge)), max(1, math.ceil(far * long_edge))


def loose(strokes: Sequence[Stroke], zones: ZoneMap, matte: NDArray[np.uint8], whole: Roi, roi: Roi) -> Mask:
    """``(h, w)`` of ``roi``: pixels in a stroke that are backdrop or edge, and outside the hair's body.

    The same for each pixel in any tiling.

    Args:
        strokes: at the scale of ``roi``.
        zones: of ``roi``, ``(h, w)``.
        matte: coverage at plan scale, 255 = person, over all of ``whole``.
        whole: the base's place at the scale of ``roi``.
    """
    out = np.zeros((roi.extent.height, roi.extent.width), np.bool_)
    part = roi & whole
    near = [stroke for stroke in strokes if not (stroke.roi & part).empty]
    if part.empty or not near:
        return out
    for stroke in near:
        here = stroke.roi & part
        out[here.within(roi)] |= stroke.mask(here)
    out &= inside(zones, Zone.BACKDROP, Zone.EDGE)
    out[part.within(roi)] &= ~_body_in(matte, whole, part)
    return out


def _body_in(matte: NDArray[np.uint8], whole: Roi, part: Roi) -> Mask:
    """The body over a region, read from as much of the matte as has a say in it."""
    height, width = matte.shape
    rows = (2 * np.arange(part.y0, part.y1) + 1) * height // (2 * whole.extent.height)
    columns = (2 * np.arange(part.x0, part.x1) + 1) * width // (2 * whole.extent.width)
    margin = sum(_reach(max(height, width), FAR)) + _reach(max(height, width), FAR)[0] + 2
    y0, x0, y1, x1 = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    window = Roi(y0, x0, y1, x1).grown(margin) & Roi.of(Extent(height, width))
    cut = np.ascontiguousarray(matte[window.y0 : window.y1, window.x0 : window.x1])
    found = _body(cut, max(height, width), FAR)
    return np.asarray(found[np.ix_(rows - window.y0, columns - window.x0)], np.bool_)


def room(allowed: Mask) -> NDArray[np.float32]:
    """How far each pixel is from what is not ``allowed``, the picture's border included."""
    padded = np.pad(allowed.astype(np.uint8), 1)
    return np.asarray(
        cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1], np.float32
    )
