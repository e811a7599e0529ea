"""Even light: the gain that makes a backdrop one colour everywhere, and how near the person it may come."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.light import LightGrid, Tone, fill_unseen, fit_surface, read_cells
from studio_pipeline.pixels.masks import Mask

_CELLS = 56  # along the long edge: light is smooth
_SMOOTH_CELLS = 1.3
_NEAR = 0.12  # of the long edge: whose light the rest is brought to
_FLOOR = 1e-3  # linear: darker than this has no light of its own to be evened
_GAINS = (1 / 3, 3.0)
_WHITE_SHARE = 0.3  # of the backdrop clipped: a white set, made white
_CLEAR_CELLS = 256


@dataclass(frozen=True, eq=False)
class Even:
    """``gain``: linear light times this is flat; ``stops``: from the darkest to the brightest twentieth."""

    gain: LightGrid
    stops: float
    white: bool


def even(
    tone: Tone, backdrop: Mask, readable: Mask, clipped: Mask, scale: float, strength: float
) -> Even | None:
    """The gain towards one light, the one beside the person, so that nothing has to jump there.

    A white set is brought to white instead. Nothing where too little can be read, or all is black.

    Args:
        tone: ``(h, w, 3)`` square root of linear light.
        backdrop: ``(h, w)``, True where the picture is backdrop, however near the person.
        readable: ``(h, w)``, True where it is clean and far enough from everybody to be read.
        strength: 0 = as shot, 1 = flat, in stops.
    """
    long_edge = Extent(*backdrop.shape).long_edge
    cell = max(3, round(long_edge / _CELLS))
    white = np.count_nonzero(readable & clipped) > _WHITE_SHARE * np.count_nonzero(readable)
    usable = readable if white else readable & ~clipped
    cells, weights = read_cells(tone, usable, cell)
    if np.count_nonzero(weights > 0.3) < 12:
        return None
    surface = fit_surface(cells, weights, 2, Roi.of(Extent(*weights.shape)))
    light = _smoothed(fill_unseen(cells, weights, surface), weights, surface)
    linear = np.square(np.maximum(light, 0))
    seen = weights > 0.3
    if float(np.quantile(linear[seen], 0.95)) < 4 * _FLOOR:
        return None
    target = np.ones(3, np.float32) if white else _beside(linear, weights, backdrop, cell)
    gain = (target + _FLOOR) / (linear + _FLOOR)
    gain = _bounded(np.maximum(gain, 1) if white else gain) ** strength
    low, high = np.quantile(linear[seen].mean(axis=-1) + _FLOOR, (0.05, 0.95))
    cell_px = cell / scale
    grid = LightGrid(np.asarray(gain, np.float32), 0.5 * cell_px, 0.5 * cell_px, cell_px)
    return Even(grid, float(np.log2(high / low)), white)


def _bounded(gain: NDArray[np.float32]) -> NDArray[np.float32]:
    """Within ``_GAINS``, all channels together: what is too dark to be evened keeps the right hue."""
    gain = gain * np.minimum(1, _GAINS[1] / gain.max(axis=-1, keepdims=True))
    return np.asarray(gain * np.maximum(1, _GAINS[0] / gain.min(axis=-1, keepdims=True)), np.float32)


def _smoothed(light: Tone, weights: NDArray[np.float32], surface: Tone) -> Tone:
    """Mottle out of the cells. What they have beyond the surface is blurred, so slopes keep their ends."""
    beyond = (light - surface).astype(np.float32)
    trust = np.maximum(weights, 0.05).astype(np.float32)
    mass = cv2.GaussianBlur(trust, (0, 0), _SMOOTH_CELLS, borderType=cv2.BORDER_REPLICATE)
    total = cv2.GaussianBlur(
        beyond * trust[..., None], (0, 0), _SMOOTH_CELLS, borderType=cv2.BORDER_REPLICATE
    )
    return np.asarray(surface + total / mass[..., None], np.float32)


def _beside(
    linear: NDArray[np.float32], weights: NDArray[np.float32], backdrop: Mask, cell: int
) -> NDArray[np.float32]:
    """The median light beside the person, per channel; of all of it where there is nobody."""
    rows, columns = weights.shape
    if backdrop.all():
        nearness = np.ones_like(weights)
    else:
        far = cv2.distanceTransform(backdrop.astype(np.uint8), cv2.DIST_L2, 5)
        at_cells = far[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell).mean(axis=(1, 3))
        nearness = np.exp(-at_cells / (_NEAR * max(backdrop.shape))).astype(np.float32)
    share = (weights * nearness).ravel()
    out = []
    for channel in range(3):
        values = linear[..., channel].ravel()
        order = np.argsort(values, kind="stable")
        sums = np.cumsum(share[order])
        out.append(values[order][np.searchsorted(sums, sums[-1] / 2)])
    return np.array(out, np.float32)


def clearance(free: Mask, scale: float, most_px: float) -> LightGrid:
    """How far each place is from the nearest pixel that may not change, in master pixels, up to ``most_px``.

    ``free``: ``(h, w)``, True where the picture may change. One channel; the least of each cell is kept.
    """
    height, width = free.shape
    cell = max(1, round(max(height, width) / _CLEAR_CELLS))
    far = (
        cv2.distanceTransform(free.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        if not free.all()
        else np.full(free.shape, np.inf, np.float32)
    )
    rows, columns = -(-height // cell), -(-width // cell)
    padded = np.full((rows * cell, columns * cell), np.inf, np.float32)
    padded[:height, :width] = far
    least = padded.reshape(rows, cell, columns, cell).min(axis=(1, 3)) / scale
    values = np.minimum(least, most_px)[..., None].astype(np.float32)
    cell_px = cell / scale
    return LightGrid(values, 0.5 * cell_px, 0.5 * cell_px, cell_px)
