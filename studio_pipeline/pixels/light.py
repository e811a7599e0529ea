"""The light on a backdrop: a coarse grid, robustly read where backdrop shows, continued where it does not.

Everything here works on *tone*, the signed square root of linear light: it stabilises shot noise (Anscombe
1948), so one residual means the same in bright and dark, and it keeps extrapolated light positive when
squared back.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.masks import Mask

Tone = NDArray[np.float32]
Floats = NDArray[np.float32]
_BLOCK_PX = 128
_CELLS_ENOUGH = 800  # for each number that a surface is made of
_TUKEY = 4.685  # 95% efficiency under Gaussian noise (Huber & Ronchetti 2009, 7.8)


def to_tone(linear: Linear) -> Tone:
    if linear.size and linear.min() >= 0:
        return np.sqrt(linear)
    return np.asarray(np.copysign(np.sqrt(np.abs(linear)), linear), np.float32)


def from_tone(tone: Tone) -> Linear:
    linear = np.abs(tone)
    linear *= tone
    return linear


@dataclass(frozen=True, eq=False)
class LightGrid:
    """Tone ``(rows, columns, 3)``; the centre of cell (0, 0) lies at ``(y0, x0)`` master pixels."""

    values: Tone
    y0: float
    x0: float
    cell_px: float

    def at(self, roi: Roi, scale: float) -> Tone:
        """Catmull-Rom interpolation over ``roi`` at ``scale``, ``(h, w, 3)``; the same in any tiling.

        Made in blocks that lie at fixed places, each by matrix products: how those round depends on their
        sizes, and a block's never changes.
        """
        height, width, channels = self.values.shape
        out = np.empty((roi.extent.height, roi.extent.width, channels), np.float32)
        columns = [
            (x, _columns(x, scale, self.x0, self.cell_px, width, channels)) for x in _blocks(roi.x0, roi.x1)
        ]
        for y in _blocks(roi.y0, roi.y1):
            rows, down = _shares(y, scale, self.y0, self.cell_px, height)
            for x, (cells, across) in columns:
                block = Roi(y, x, y + _BLOCK_PX, x + _BLOCK_PX)
                part = block & roi
                made = product(down, self.values[rows, cells], across)
                out[part.within(roi)] = made[part.within(block)]
        return out


@functools.lru_cache(maxsize=1024)
def _shares(start: int, scale: float, first_px: float, cell_px: float, count: int) -> tuple[slice, Floats]:
    """The cells that a block's rows or columns are made of, and their shares ``(_BLOCK_PX, cells)``."""
    places = ((np.arange(start, start + _BLOCK_PX) + 0.5) / scale - first_px) / cell_px
    before = np.floor(places).astype(np.intp)
    t = (places - before).astype(np.float32)
    last = count - 1
    cells = slice(int(np.clip(before[0] - 1, 0, last)), int(np.clip(before[-1] + 2, 0, last)) + 1)
    shares = np.zeros((_BLOCK_PX, cells.stop - cells.start), np.float32)
    each = np.arange(_BLOCK_PX)
    catmull_rom = (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )
    for step, share in zip((-1, 0, 1, 2), catmull_rom, strict=True):
        shares[each, np.clip(before + step, 0, last) - cells.start] += share
    return cells, shares


@functools.lru_cache(maxsize=1024)
def _columns(
    start: int, scale: float, first_px: float, cell_px: float, count: int, channels: int
) -> tuple[slice, Floats]:
    cells, shares = _shares(start, scale, first_px, cell_px, count)
    return cells, of_all_channels(shares.T, channels)


def _blocks(first: int, stop: int) -> range:
    return range(first // _BLOCK_PX * _BLOCK_PX, stop, _BLOCK_PX)


def of_all_channels(across: Floats, channels: int) -> Floats:
    """``across`` ``(n, w)`` for ``c`` channels side by side, ``(c n, c w)``: ``product`` takes it."""
    return np.kron(across, np.eye(channels, dtype=np.float32))


def product(down: Floats, values: Tone, across: Floats) -> Tone:
    """``down`` ``(h, r)`` times ``values`` ``(r, n, c)`` times what ``of_all_channels`` made of ``(n, w)``:
    ``(h, w, c)``. One product of all channels takes half as long as three.
    """
    made = down @ np.ascontiguousarray(values).reshape(len(values), -1) @ across
    return np.asarray(made.reshape(len(down), -1, values.shape[2]), np.float32)


def read_cells(tone: Tone, readable: Mask, cell: int) -> tuple[Tone, NDArray[np.float32]]:
    """Mean tone of each ``cell`` x ``cell`` block over its readable pixels, and the readable share (0..1).

    Rows and columns that do not fill a cell are part of the last one.
    """
    weight = _cell_sums(readable.astype(np.float32), cell)
    total = _cell_sums(np.asarray(cv2.copyTo(tone, readable.view(np.uint8)), np.float32), cell)
    mean = total / np.maximum(weight, 1e-6)[..., None]
    count = np.outer(*(_counts(n, cell) for n in readable.shape))
    return mean.astype(np.float32), np.asarray(weight / count, np.float32)


def _cell_sums(values: Floats, cell: int) -> Floats:
    down = _sums(values, cell)
    return np.asarray(_sums(down.swapaxes(0, 1), cell).swapaxes(0, 1), np.float32)


def _counts(length: int, cell: int) -> Floats:
    """Rows of each cell; those left over are part of the last one."""
    return _sums(np.ones(length, np.float32), cell)


def _sums(values: Floats, cell: int) -> Floats:
    sums = max(1, len(values) // cell)
    whole = min(sums * cell, len(values))
    out = values[:whole].reshape(sums, -1, *values.shape[1:]).sum(axis=1)
    out[-1] += values[whole:].sum(axis=0)
    return np.asarray(out, np.float32)


def fit_surface(cells: Tone, weights: NDArray[np.float32], order: int, outer: Roi) -> Tone:
    """A polynomial surface of total degree ``order``, by Tukey-weighted least squares, over ``outer``.

    ``cells`` ``(rows, columns, 3)`` lie at (0, 0); ``outer`` may reach beyond them on any side. Coordinates
    are scaled to the cells' long edge, and a small ridge keeps unseen directions flat.
    """
    rows, columns = weights.shape
    unit = max(rows, columns) / 2

    def basis(ys: NDArray[np.float64], xs: NDArray[np.float64]) -> NDArray[np.float64]:
        y, x = (ys - rows / 2) / unit, (xs - columns / 2) / unit
        down, across = (np.cumprod([np.ones_like(v), *[v] * order], axis=0) for v in (y, x))
        powers = [(i, j) for i in range(order + 1) for j in range(order + 1 - i)]
        return np.stack([down[i] * across[j] for i, j in powers], axis=-1)

    y, x = _spread_out(weights > 0, _CELLS_ENOUGH * (order + 1) * (order + 2) // 2)
    design = basis(y.astype(np.float64), x.astype(np.float64))
    values, base_weight = cells[y, x].astype(np.float64), weights[y, x]
    ridge = np.diag([0.0] + [1e-4 * len(design)] * (design.shape[1] - 1))
    robust = np.ones(len(design))
    for _ in range(6):
        w = base_weight * robust
        normal = design.T @ (design * w[:, None]) + ridge
        coefficients = np.linalg.lstsq(normal, design.T @ (values * w[:, None]), rcond=None)[0]
        apart = values - design @ coefficients
        error = np.sqrt(np.einsum("nc,nc->n", apart, apart) / apart.shape[1])
        spread = 1.4826 * np.median(error) + 1e-6
        robust = np.square(np.clip(1 - (error / (_TUKEY * spread)) ** 2, 0, None))
    out_y, out_x = np.mgrid[outer.y0 : outer.y1, outer.x0 : outer.x1].astype(np.float64)
    return np.asarray(basis(out_y, out_x) @ coefficients, np.float32)


def _spread_out(seen: Mask, most: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the cells seen; where there are more than ``most``, of those on a wider grid."""
    thin = math.ceil(math.sqrt(np.count_nonzero(seen) / most))
    if thin > 1:
        grid = np.zeros_like(seen)
        grid[thin // 2 :: thin, thin // 2 :: thin] = True
        seen = seen & grid
    y, x = np.nonzero(seen)
    return y, x


def fill_unseen(cells: Tone, weights: NDArray[np.float32], surface: Tone) -> Tone:
    """Cells with the unseen ones (behind the person) replaced: surface + seen residual, spread smoothly."""
    residual = (cells - surface) * weights[..., None]
    out, left = np.zeros_like(cells), np.ones_like(weights)
    for sigma in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0):
        mass = cv2.GaussianBlur(weights, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        spread = cv2.GaussianBlur(residual, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        trust = left * np.clip(mass / 0.25, 0, 1)
        out += trust[..., None] * spread / np.maximum(mass, 1e-6)[..., None]
        left = left - trust
    own = np.clip(weights / 0.5, 0, 1)[..., None]
    return np.asarray(own * cells + (1 - own) * (surface + out), np.float32)
