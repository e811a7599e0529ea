"""Where single places may be written that no zone gives free: a stray hair's stroke, a speck of lint's disc.

A stray hair lies outside the hair's body, which is what the matte holds for opaque once everything thin is
taken from it (a morphological opening), grown by a distance. Lint lies deep inside the lock. Gate, guards and
``verify`` all ask here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.masks import Mask, Zone, ZoneMap, grow, inside
from studio_pipeline.pixels.strokes import Shape

FAR = 0.004
"""Of the matte's long edge: how far from the hair's body nothing may be written."""
_OPAQUE = 115  # of 255: coverage that may be the hair's body
DEEP = 0.008
"""Of the matte's long edge: how far inside the silhouette lint may be."""
_WHOLLY = 250  # of 255: coverage that is the person's alone
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


def loose(strokes: Sequence[Shape], zones: ZoneMap, matte: NDArray[np.uint8], whole: Roi, roi: Roi) -> Mask:
    """``(h, w)`` of ``roi``: pixels in a stroke that are backdrop or edge, and outside the hair's body.

    The same for each pixel in any tiling.

    Args:
        strokes: at the scale of ``roi``.
        zones: of ``roi``, ``(h, w)``.
        matte: coverage at plan scale, 255 = person, over all of ``whole``.
        whole: the base's place at the scale of ``roi``.
    """
    thin, far_px = _reach(max(matte.shape), FAR)
    free = inside(zones, Zone.BACKDROP, Zone.EDGE)
    return _within(
        strokes, free, matte, whole, roi, lambda cut: ~_body(cut, max(matte.shape), FAR), 2 * thin + far_px
    )


def on_clothes(
    discs: Sequence[Shape], zones: ZoneMap, matte: NDArray[np.uint8], whole: Roi, roi: Roi
) -> Mask:
    """``(h, w)`` of ``roi``: pixels in a disc that are locked, deep inside the silhouette; else as ``loose``.

    That the discs are small and below a face, ``records.lint.discs_on`` sees to; that there is cloth, the
    plan and ``guards.lint``.
    """
    margin = _deep_px(matte)
    return _within(
        discs, inside(zones, Zone.LOCKED), matte, whole, roi, lambda cut: _deep(cut, margin), margin
    )


def deep(matte: NDArray[np.uint8]) -> Mask:
    """``(h, w)`` at the matte's scale: wholly the person's, and so for ``DEEP`` around."""
    return _deep(matte, _deep_px(matte))


def _deep_px(matte: NDArray[np.uint8]) -> int:
    return max(2, math.ceil(DEEP * max(matte.shape)))


def _deep(matte: NDArray[np.uint8], margin: int) -> Mask:
    whole: Mask = matte >= _WHOLLY
    return grow(whole, -margin)


def _within(
    shapes: Sequence[Shape],
    free: Mask,
    matte: NDArray[np.uint8],
    whole: Roi,
    roi: Roi,
    allowed: Callable[[NDArray[np.uint8]], Mask],
    reach_px: int,
) -> Mask:
    """Pixels of shapes that are ``free`` and ``allowed`` by the matte, ``reach_px`` around having a say."""
    out = np.zeros((roi.extent.height, roi.extent.width), np.bool_)
    part = roi & whole
    near = [shape for shape in shapes if not (shape.roi & part).empty]
    if part.empty or not near:
        return out
    for shape in near:
        here = shape.roi & part
        out[here.within(roi)] |= shape.mask(here)
    out &= free
    height, width = matte.shape
    rows = (2 * np.arange(part.y0, part.y1) + 1) * height // (2 * whole.extent.height)
    columns = (2 * np.arange(part.x0, part.x1) + 1) * width // (2 * whole.extent.width)
    y0, x0, y1, x1 = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    window = Roi(y0, x0, y1, x1).grown(reach_px + 2) & Roi.of(Extent(height, width))
    found = allowed(np.ascontiguousarray(matte[window.y0 : window.y1, window.x0 : window.x1]))
    out[part.within(roi)] &= found[np.ix_(rows - window.y0, columns - window.x0)]
    return out


def room(allowed: Mask) -> NDArray[np.float32]:
    """How far each pixel is from what is not ``allowed``, the picture's border included."""
    padded = np.pad(allowed.astype(np.uint8), 1)
    return np.asarray(
        cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1], np.float32
    )
