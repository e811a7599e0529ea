"""Pictures read on grids of square cells that lie anywhere, and grids seen from nearby."""

from __future__ import annotations

from dataclasses import dataclass

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
    height, width = values.shape[:2]
    down = _shares(lattice.y0, lattice.pitch_px, lattice.extent.height, height)
    across = _shares(lattice.x0, lattice.pitch_px, lattice.extent.width, width)
    flat = values.reshape(height, -1)
    rows = (down @ flat).reshape(lattice.extent.height, width, -1)
    turned = np.ascontiguousarray(rows.swapaxes(0, 1)).reshape(width, -1)
    made = (across @ turned).reshape(lattice.extent.width, lattice.extent.height, -1)
    return np.ascontiguousarray(made.swapaxes(0, 1)).reshape(
        lattice.extent.height, lattice.extent.width, *values.shape[2:]
    )


def _shares(start: float, pitch: float, cells: int, count: int):  # type: ignore[no-untyped-def]
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
    weight = known.astype(np.float32)
    total = np.where(known[..., None], values, np.float32(0)).astype(np.float32)
    levels = [(total, weight)]
    while max(weight.shape) > 2:
        size = ((weight.shape[1] + 1) // 2, (weight.shape[0] + 1) // 2)
        total = np.asarray(cv2.resize(total, size, interpolation=cv2.INTER_AREA), np.float32)
        weight = np.asarray(cv2.resize(weight, size, interpolation=cv2.INTER_AREA), np.float32)
        levels.append((total, weight))
    total, weight = levels[-1]
    coarse = total / np.maximum(weight, np.float32(1e-6))[..., None]
    for total, weight in reversed(levels[:-1]):
        size = (weight.shape[1], weight.shape[0])
        coarse = np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR), np.float32)
        own = total / np.maximum(weight, np.float32(1e-6))[..., None]
        trust = np.clip(2 * weight, 0, 1)[..., None]
        coarse = trust * own + (1 - trust) * coarse
    return np.asarray(np.where(known[..., None], values, coarse), np.float32)
