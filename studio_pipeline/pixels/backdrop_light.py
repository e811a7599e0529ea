"""The light on a frame's own backdrop, all over the frame; and the person's colour where the two meet."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import light
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.light import LightGrid, Tone
from studio_pipeline.pixels.masks import Mask

Floats = NDArray[np.float32]

CELLS = 96
"""Along the picture's long edge."""
_SMOOTH_CELLS = 1.2
_THING = (
    0.14  # of the surface's tone: a quarter less or more light is a stand, a wall, not the light's course
)
_MOST_THINGS = 0.25  # of what is seen; where more stands out the surface is too simple, not the backdrop
_FRONT_CELLS = (0.7, 1.5, 4.0, 12.0, 40.0)


def cell_px(extent: Extent) -> int:
    return max(4, round(extent.long_edge / CELLS))


def read(tone: Tone, usable: Mask, scale: float) -> LightGrid:
    """The backdrop's tone over the whole frame, from its ``usable`` pixels; behind the person continued.

    Things that stand in the set are not followed: they keep their place in the light around them.
    ``scale``: of ``tone`` to the master, whose first pixel is the frame's.
    """
    cell = cell_px(Extent(*usable.shape))
    cells, weights = light.read_cells(tone, usable, cell)
    weights = np.where(weights > 0.15, weights, 0).astype(np.float32)
    whole = Roi.of(Extent(*weights.shape))
    if np.count_nonzero(weights) < 3:
        middle = np.median(tone[usable], axis=0)
        flat = np.broadcast_to(middle, cells.shape).astype(np.float32)
        return _grid(flat, cell, scale)
    surface = light.fit_surface(cells, weights, 2, whole)
    thing = _things(cells, surface, weights > 0)
    if 0 < np.count_nonzero(thing) <= _MOST_THINGS * np.count_nonzero(weights):
        thing = cv2.dilate(thing.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        weights = np.where(thing, 0, weights).astype(np.float32)
        surface = light.fit_surface(cells, weights, 2, whole)
    return _grid(_smooth(light.fill_unseen(cells, weights, surface), weights), cell, scale)


def _things(cells: Tone, surface: Tone, seen: Mask) -> Mask:
    """Cells that stand out of the light's course and end in a step: shadow and fall-off end softly."""
    limit = _THING * np.maximum(surface.max(axis=2), 0.05)
    stands_out = (np.abs(cells - surface).max(axis=2) > limit) & seen
    across, down = (np.abs(np.diff(cells, axis=axis)).max(axis=2) for axis in (1, 0))
    step = np.zeros(seen.shape, np.float32)
    for part, values in (
        (step[:, :-1], across), (step[:, 1:], across), (step[:-1], down), (step[1:], down)
    ):  # fmt: skip
        np.maximum(part, values, out=part)
    count, labels = cv2.connectedComponents(stands_out.astype(np.uint8), connectivity=8)
    out = np.zeros_like(seen)
    for label in range(1, count):
        part_of = labels == label
        rim = part_of & (cv2.dilate((~part_of & seen).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
        if not rim.any() or float(np.mean(step[rim] > 0.5 * limit[rim])) > 0.5:
            out |= part_of
    return out


def read_front(linear: Linear, alpha: Floats, old: Linear, scale: float) -> LightGrid:
    """The person's tone beside the backdrop: what ``alpha`` times it makes of the old backdrop what is seen.

    Least squares over ever wider surroundings of each cell; far from the person it means nothing.
    """
    cell = cell_px(Extent(*alpha.shape))
    soft = alpha * (1 - alpha) + np.float32(0.05) * (alpha > 0.5)
    share = np.concatenate(
        [(soft * alpha)[..., None] * (linear - old), (soft * alpha * alpha)[..., None]], axis=2
    )
    rows, columns = max(1, alpha.shape[0] // cell), max(1, alpha.shape[1] // cell)
    held = share[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell, 4).sum(axis=(1, 3))
    total = np.zeros((rows, columns, 4), np.float64)
    for sigma in _FRONT_CELLS:
        spread = cv2.GaussianBlur(held.astype(np.float64), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        total += spread * 1e-2 ** _FRONT_CELLS.index(sigma)
    span = total[..., :3] / np.maximum(total[..., 3:], 1e-12)
    behind, _ = light.read_cells(old, np.ones(alpha.shape, np.bool_), cell)
    front = np.clip(behind + span, 0, 1).astype(np.float32)
    return _grid(light.to_tone(front), cell, scale)


def _smooth(cells: Tone, weights: Floats) -> Tone:
    """Light is smooth: texture between the cells stays texture."""
    return np.asarray(
        cv2.GaussianBlur(cells, (0, 0), _SMOOTH_CELLS, borderType=cv2.BORDER_REPLICATE), np.float32
    )


def _grid(cells: Tone, cell: int, scale: float) -> LightGrid:
    px = cell / scale
    return LightGrid(cells, 0.5 * px, 0.5 * px, px)
