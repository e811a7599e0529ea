"""Pictures read on grids of square cells that lie anywhere, and grids seen from nearby."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Lattice:
    """Cells of ``pitch_px`` pixels of some picture; the first one's corner lies at ``(y0, x0)`` of it.

    Places are continuous: pixel (0, 0) covers 0..1.
    """

    y0: float
    x0: float
    pitch_px: float
    extent: Extent

    def scaled(self, scale: float) -> Lattice:
        """The same cells in pixels of the picture at another scale."""
        return Lattice(self.y0 * scale, self.x0 * scale, self.pitch_px * scale, self.extent)


def averaged(values: Floats, lattice: Lattice) -> Floats:
    """Mean of ``values`` ``(h, w, ...)`` over each cell, by exact shares of pixels, ``(rows, columns, ...)``.

    Beyond the picture its border goes on. Cells smaller than a pixel are read between pixels.
    """
    rows, columns = lattice.extent.height, lattice.extent.width
    y0, y1 = _reach(lattice.y0, lattice.pitch_px, rows, values.shape[0])
    x0, x1 = _reach(lattice.x0, lattice.pitch_px, columns, values.shape[1])
    part = np.ascontiguousarray(values[y0:y1, x0:x1])
    down = _shares(lattice.y0 - y0, lattice.pitch_px, rows, y1 - y0)
    across = _shares(lattice.x0 - x0, lattice.pitch_px, columns, x1 - x0)
    made = (down @ part.reshape(y1 - y0, -1)).reshape(rows, x1 - x0, -1)
    turned = cv2.transpose(made).reshape(x1 - x0, -1)  # of numpy's the same takes several times as long
    made = cv2.transpose((across @ turned).reshape(columns, rows, -1))
    return np.asarray(made, np.float32).reshape(rows, columns, *values.shape[2:])


def _reach(start: float, pitch: float, cells: int, count: int) -> tuple[int, int]:
    """The pixels that cells are read from, at least one."""
    first = min(max(math.floor(start) - 2, 0), count - 1)
    return first, max(first + 1, min(math.ceil(start + cells * pitch) + 2, count))


def _shares(start: float, pitch: float, cells: int, count: int) -> Any:
    """How much each of ``count`` pixels is part of each cell: a sparse matrix ``(cells, count)``."""
    from scipy.sparse import csr_array

    wide = max(pitch, 1.0)
    middle = start + (np.arange(cells) + 0.5) * pitch
    first, stop = middle - wide / 2, middle + wide / 2
    reach = int(np.ceil(wide)) + 1
    pixels = np.floor(first)[:, None].astype(np.intp) + np.arange(reach)
    share = np.minimum(stop[:, None], pixels + 1) - np.maximum(first[:, None], pixels)
    share = np.maximum(share, 0) / wide
    rows = np.repeat(np.arange(cells), reach)
    columns = np.clip(pixels, 0, count - 1).ravel()
    return csr_array((share.ravel().astype(np.float32), (rows, columns)), shape=(cells, count))


def resized(values: Floats, extent: Extent) -> Floats:
    """The same picture at another size: averaged where smaller, cubic where larger."""
    height, width = values.shape[:2]
    if (height, width) == (extent.height, extent.width):
        return values
    smaller = extent.height * extent.width < height * width
    way = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(values, (extent.width, extent.height), interpolation=way), np.float32)


def filled(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """``values`` ``(h, w, c)`` with unknown cells spread over from the known ones: a pull-push pyramid
    (Gortler et al. 1996). What stands in unknown cells is not read, not even a NaN.
    """
    weight, mask = known.astype(np.float32), known.view(np.uint8)
    total = np.asarray(cv2.copyTo(values, mask, np.zeros_like(values)), np.float32)
    levels = [(total, weight)]
    while max(weight.shape) > 2 or len(levels) < 2:
        size = ((weight.shape[1] + 1) // 2, (weight.shape[0] + 1) // 2)
        total = np.asarray(cv2.resize(total, size, interpolation=cv2.INTER_AREA), np.float32)
        weight = np.asarray(cv2.resize(weight, size, interpolation=cv2.INTER_AREA), np.float32)
        levels.append((total, weight))
    channels = values.shape[2]
    total, weight = levels[-1]
    coarse = total / np.maximum(weight, np.float32(1e-6))[..., None]
    for total, weight in reversed(levels[1:-1]):
        size = (weight.shape[1], weight.shape[0])
        coarse = np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR), np.float32)
        own = total / of_each(np.maximum(weight, np.float32(1e-6)), channels)
        trust = of_each(np.clip(2 * weight, 0, 1), channels)
        own *= trust
        coarse *= 1 - trust
        coarse += own
    height, width = known.shape
    out = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.copyTo(values, mask, out), np.float32)


def of_each(weight: Floats, channels: int = 3) -> Floats:
    """``(h, w)`` for every channel, ``(h, w, c)``: numpy's broadcast along so short an axis is slow."""
    return np.asarray(cv2.merge([weight] * channels), np.float32).reshape(*weight.shape, channels)


def grey(values: Floats) -> Floats:
    """Mean of the three channels, ``(h, w)``."""
    return np.asarray(cv2.transform(values, np.full((1, 3), 1 / 3, np.float32)), np.float32)


def largest(values: Floats) -> Floats:
    """Of the three channels, ``(h, w)``; several times faster than numpy's along the last axis."""
    one, other, third = cv2.split(values)
    return np.asarray(cv2.max(cv2.max(one, other), third), np.float32)
