"""The light on a backdrop: a coarse grid, robustly read where backdrop shows, continued where it does not.

Everything here works on *tone*, the signed square root of linear light: it stabilises shot noise (Anscombe
1948), so one residual means the same in bright and dark, and it keeps extrapolated light positive when
squared back.
"""

from __future__ import annotations

import functools
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
_SLOPE_CELLS = 10  # how far the border's own slope is read, and how far it reaches
# In tone squared: an extrapolated slope has to earn its place.
_PRIOR = np.array([1e-5, 1.5e-5, 1.5e-5, 2.5e-5, 2e-5])
_LEAST_TRIED, _LEAST_HELD = 0.55, 0.35  # of the width wanted; of a strip that is tried
_STEEPER, _LEAST_SLOPE = 2.0, 5e-4  # of the slope that is seen at the border; tone a cell
_WIDER = 0.35  # what is seen at the border says less of one place the farther away it is
_TUKEY = 4.685  # 95% efficiency under Gaussian noise (Huber & Ronchetti 2009, 7.8)


def to_tone(linear: Linear) -> Tone:
    return np.asarray(np.copysign(np.sqrt(np.abs(linear)), linear), np.float32)


def from_tone(tone: Tone) -> Linear:
    return np.asarray(np.copysign(tone * tone, tone), np.float32)


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
    height, width = readable.shape
    rows = np.append(np.arange(max(1, height // cell)) * cell, height)
    columns = np.append(np.arange(max(1, width // cell)) * cell, width)
    seen = readable.astype(np.float32)
    weight = _block_sums(seen, rows, columns)
    total = _block_sums(tone * seen[..., None], rows, columns)
    mean = total / np.maximum(weight, 1e-6)[..., None]
    count = np.diff(rows)[:, None] * np.diff(columns)
    return mean.astype(np.float32), (weight / count).astype(np.float32)


def _block_sums(
    values: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Of the blocks between these rows and columns, by an integral image."""
    total = cv2.integral(values, sdepth=cv2.CV_64F)[rows][:, columns]
    return np.asarray(np.diff(np.diff(total, axis=0), axis=1))


def fit_surface(cells: Tone, weights: NDArray[np.float32], order: int, outer: Roi) -> Tone:
    """A polynomial surface of total degree ``order``, by Tukey-weighted least squares, over ``outer``.

    ``cells`` ``(rows, columns, 3)`` lie at (0, 0); ``outer`` may reach beyond them on any side. Coordinates
    are scaled to the cells' long edge, and a small ridge keeps unseen directions flat.
    """
    rows, columns = weights.shape
    unit = max(rows, columns) / 2

    def basis(ys: NDArray[np.float64], xs: NDArray[np.float64]) -> NDArray[np.float64]:
        y, x = (ys - rows / 2) / unit, (xs - columns / 2) / unit
        powers = [(i, j) for i in range(order + 1) for j in range(order + 1 - i)]
        return np.stack([y**i * x**j for i, j in powers], axis=-1)

    grid_y, grid_x = np.mgrid[0:rows, 0:columns].astype(np.float64)
    seen = weights > 0
    design, values, base_weight = (
        basis(grid_y[seen], grid_x[seen]),
        cells[seen].astype(np.float64),
        weights[seen],
    )
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


def spread_left(cells: Tone, weights: NDArray[np.float32], count: int, wider: float = 0.0) -> Tone:
    """``count`` new columns left of ``cells``, ``(rows, count, 3)``: the border's colours.

    ``wider``: how much wider they are blurred a cell farther away (sigma, in cells).
    """
    border = _border_colours(cells, weights)
    return np.stack([_blurred(border, wider * d) for d in range(count, 0, -1)], axis=1)


def continue_left(cells: Tone, weights: NDArray[np.float32], count: int) -> Tone:
    """``count`` new columns to the left of ``cells``, ``(rows, count, 3)``, as light falls off.

    Several predictors, each continuous at the border: the border's own colours blurred ever wider, and that
    plus the slope of a first- or second-order surface, as fitted or bent to leave the border with the slope
    it has there. How much each is believed is measured: each is asked to predict a strip that is visible,
    from the part beside it.
    """
    errors = _PRIOR + _tried(cells, weights, count)
    belief = errors**-3 / (errors**-3).sum()
    guesses = _predict_left(cells, weights, count)
    return np.asarray(sum(b * g for b, g in zip(belief, guesses, strict=True)), np.float32)


def _tried(cells: Tone, weights: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    """Each predictor's squared error, as it would be ``count`` columns away; all 0 where too little is seen.

    From strips of several widths, the widest at least half as wide as what is wanted: how light goes on over
    a few cells says nothing of where it is after many.
    """
    columns = weights.shape[1]
    errors: list[NDArray[np.float64]] = []
    for share in (1.0, 0.75, 0.5, 0.25, 0.125):
        strip = max(2, round(share * min(count, columns // 3)))
        rest = weights[:, strip:]
        held = (weights[:, :strip] > 0.3) & (_border_weight(rest) > 0.3)[:, None] if rest.size else rest > 0
        too_far = not errors and strip < _LEAST_TRIED * count
        if too_far or columns < 3 * strip or held.mean() < _LEAST_HELD or (rest > 0.3).sum() < 24:
            continue
        guesses = _predict_left(cells[:, strip:], rest, strip)
        away = [float(np.square(guess - cells[:, :strip])[held].mean()) for guess in guesses]
        errors.append(np.array(away) * (count / strip) ** 2)
    return np.mean(errors, axis=0) if errors else np.zeros(len(_PRIOR))


def _predict_left(cells: Tone, weights: NDArray[np.float32], count: int) -> list[Tone]:
    rows, columns = weights.shape
    flat = spread_left(cells, weights, count, _WIDER)
    out = [flat]
    near = min(columns, _SLOPE_CELLS)
    inwards = np.arange(near, dtype=np.float32)[None, :, None]
    away = np.arange(count, 0, -1)[None, :, None]
    fading = _SLOPE_CELLS * (1 - np.exp(-away / _SLOPE_CELLS))
    there = (_border_weight(weights) > 0.3)[:, None]
    steepest = _STEEPER * np.abs(_border_slope(cells[:, :near], weights[:, :near])) + _LEAST_SLOPE
    for order in (1, 2):
        surface = fit_surface(cells, weights, order, Roi(0, -count, rows, near))
        rise = surface[:, :count] - surface[:, count : count + 1]
        bend = _border_slope(cells[:, :near] - surface[:, count:], weights[:, :near])[:, None]
        for fall, seen in (
            (rise, surface[:, count:]),
            (rise - bend * fading, surface[:, count:] + bend * inwards),
        ):
            # The border's colour is a mean over some cells; this brings it to the outermost one.
            outermost = np.where(there, seen[:, 0] - _near_border(seen, weights), 0)
            sigma = max(3.0, rows / 10)
            fall = _no_steeper(fall, steepest) + _blurred(outermost, sigma)[:, None]
            out.append(flat + np.clip(fall, -0.25, 0.25))
    return out


def _no_steeper(fall: Tone, steepest: Tone) -> Tone:
    """``fall`` ``(rows, count, 3)``, 0 at the border at its right, with no step larger than ``steepest``
    ``(rows, 3)``: a surface that fits well where it is seen may dive where it is not.
    """
    outwards = fall[:, ::-1]
    steps = np.diff(outwards, axis=1, prepend=np.float32(0))
    return np.asarray(
        np.cumsum(np.clip(steps, -steepest[:, None], steepest[:, None]), axis=1)[:, ::-1], np.float32
    )


def _border_slope(cells: Tone, weights: NDArray[np.float32]) -> Tone:
    """The rise per cell towards the right at the left border, ``(rows, 3)``, steadied along it."""
    x = np.arange(cells.shape[1], dtype=np.float32)
    total = weights.sum(axis=1)
    mean_x = (weights * x).sum(axis=1) / np.maximum(total, 1e-6)
    off = x[None] - mean_x[:, None]
    up = (weights[..., None] * off[..., None] * cells).sum(axis=1)
    down = (weights * off * off).sum(axis=1)
    sigma = max(3.0, len(cells) / 10)
    spread = _blurred(np.repeat(down[:, None], 3, axis=1), sigma)
    return np.asarray(_blurred(up, sigma) / np.maximum(spread, 1e-3), np.float32)


def _border_weight(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much backdrop stands at each row of the left border, 0..1."""
    near = _nearness(weights)
    return np.asarray((weights[:, : len(near)] * near).sum(axis=1) / near.sum(), np.float32)


def _nearness(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.exp(-np.arange(min(6, weights.shape[1])) / 0.8), np.float32)


def _border_colours(cells: Tone, weights: NDArray[np.float32]) -> Tone:
    """One colour a row at the left border, ``(rows, 3)``; unseen rows are filled from neighbours."""
    mean = _near_border(cells, weights)
    rows, seen = np.arange(len(mean)), _border_weight(weights) > 0.3
    if not seen.any():
        return np.broadcast_to(np.median(cells[weights > 0], axis=0), mean.shape).astype(np.float32)
    return np.stack([np.interp(rows, rows[seen], mean[seen, c]) for c in range(3)], axis=-1).astype(
        np.float32
    )


def _near_border(cells: Tone, weights: NDArray[np.float32]) -> Tone:
    """The mean of each row's outermost cells, ``(rows, 3)``; 0 where none of them is seen."""
    near = _nearness(weights)
    w = weights[:, : len(near)] * near
    return np.asarray(
        (cells[:, : len(near)] * w[..., None]).sum(axis=1) / np.maximum(w.sum(axis=1), 1e-6)[:, None],
        np.float32,
    )


def _blurred(profile: Tone, sigma: float) -> Tone:
    """Gaussian blur along a profile ``(rows, 3)``."""
    if sigma < 0.3:
        return profile
    size = 2 * int(np.ceil(3 * sigma)) + 1
    kernel = cv2.getGaussianKernel(size, sigma, cv2.CV_32F)
    return np.asarray(
        cv2.filter2D(profile[:, None], -1, kernel, borderType=cv2.BORDER_REPLICATE)[:, 0], np.float32
    )
