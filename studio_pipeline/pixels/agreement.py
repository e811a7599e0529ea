"""How a picture that a model made differs from the one it was shown, where both should be the same.

A VAE and a denoiser shift colours, and not evenly: a match of means (Reinhard et al. 2001) or of histograms
cannot mend a gradient. Here gain and offset that vary smoothly over the place are fitted, robustly, on what
both show, and only as steeply as that proves. Everything is in tone (the square root of light).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels import grids
from studio_pipeline.pixels.light import Tone
from studio_pipeline.pixels.masks import Mask, grow

Floats = NDArray[np.float32]
_BLOCK = 8  # cells a side: texture that differs averages out
_LEAST_BLOCKS = 12
_TUKEY = 4.685
_LEAST_CELLS = 64
_INVISIBLE = 1e-3  # tone
_LEAST_NOISE, _NOISE = 0.004, 3.0  # tone: about a step of 8 bits; deviations
_SHIFT_LEAST, _SHIFT_MOST = 0.3, 6.0  # cells
_DETAIL = (0.7, 4.0)  # cells: sigmas between which detail lies
_SHIFT_PROVEN = 0.1  # by how much the correlation must grow


@dataclass(frozen=True, eq=False)
class Correction:
    """``coefficients`` ``(6, 3)``: tone = offset, slopes down and across, the same of the gain."""

    coefficients: NDArray[np.float64]
    left: float
    """What differs after it, tone, as a robust deviation over blocks."""

    def applied(self, made: Tone) -> Tone:
        height, width = made.shape[:2]
        y, x = _places(height, width)
        planes = []
        for plane, numbers in zip(cv2.split(made), self.coefficients.astype(np.float32).T, strict=True):
            one, down, across, gain, gain_down, gain_across = numbers
            out = np.add.outer(gain + gain_down * y, gain_across * x)
            out *= plane
            out += np.add.outer(one + down * y, across * x)
            planes.append(out)
        return np.asarray(cv2.merge(planes), np.float32)


def _places(height: int, width: int) -> tuple[Floats, Floats]:
    """-1..1 along the longer side."""
    unit = max(height, width) / 2
    return (
        ((np.arange(height) + 0.5 - height / 2) / unit).astype(np.float32),
        ((np.arange(width) + 0.5 - width / 2) / unit).astype(np.float32),
    )


def fitted(made: Tone, truth: Tone, weight: Floats) -> Correction | None:
    """What makes ``made`` agree with ``truth``; None where too little is common to both.

    Args:
        made, truth: ``(h, w, 3)`` tone, numbers everywhere.
        weight: ``(h, w)``, how much a cell counts; 0 where they need not agree.
    """
    height, width = weight.shape
    rows, columns = max(1, height // _BLOCK), max(1, width // _BLOCK)
    size = (columns, rows)
    share = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    seen = share > 0.3 * max(float(share.max()), 1e-6)
    if np.count_nonzero(seen) < _LEAST_BLOCKS:
        return None
    each = grids.of_each(weight)
    mean = [
        cv2.resize(v * each, size, interpolation=cv2.INTER_AREA) / np.maximum(share, 1e-6)[..., None]
        for v in (made, truth)
    ]
    y, x = np.meshgrid(
        (np.arange(rows) + 0.5) * height / rows, (np.arange(columns) + 0.5) * width / columns, indexing="ij"
    )
    unit = max(height, width) / 2
    y, x = ((y - height / 2) / unit)[seen], ((x - width / 2) / unit)[seen]
    base = np.sqrt(share[seen].astype(np.float64))
    channels, left = [], []
    for channel in range(3):
        ours, theirs = (v[..., channel][seen].astype(np.float64) for v in mean)
        found, spread = _channel(ours, theirs, y, x, base)
        channels.append(found)
        left.append(spread)
    return Correction(np.stack(channels, axis=1), max(left))


def _channel(
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    base: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float]:
    """One channel's six numbers, by Tukey-weighted least squares; slopes and gain only as far as proven."""
    middle = float(np.average(ours, weights=base))
    around = ours - middle
    design = np.stack([np.ones_like(y), y, x, around, around * y, around * x], axis=1)
    difference = theirs - ours
    robust = np.ones(len(y))
    ridge = np.diag([0, 0.02, 0.02, 0.002, 0.02, 0.02]) * base.sum() * 0.05
    found = np.zeros(6)
    spread = 1e-6
    for _ in range(8):
        w = base * robust
        normal = design.T @ (design * w[:, None]) + ridge
        found = np.linalg.solve(normal + 1e-9 * np.eye(6), design.T @ (difference * w))
        error = np.abs(difference - design @ found)
        spread = 1.4826 * float(np.median(error)) + 1e-5
        robust = np.square(np.clip(1 - (error / (_TUKEY * spread)) ** 2, 0, None))
    offset, down, across, gain, gain_down, gain_across = found
    # (tone - middle) * gain, written for the tone itself.
    out = np.array(
        [
            offset - gain * middle,
            down - gain_down * middle,
            across - gain_across * middle,
            1 + gain,
            gain_down,
            gain_across,
        ]
    )
    return out, spread


@dataclass(frozen=True, slots=True)
class Shift:
    """Of what was made against the truth, in cells; ``proven``: that undoing it makes them more alike."""

    dy: float
    dx: float
    proven: bool

    @property
    def size(self) -> float:
        return math.hypot(self.dy, self.dx)


NO_SHIFT = Shift(0.0, 0.0, False)


def shift(made: Tone, truth: Tone, weight: Floats) -> Shift:
    """By how much ``made`` lies off ``truth``: phase correlation (Kuglin & Hines 1975) of their detail.

    ``NO_SHIFT`` where there is too little structure to tell.
    """
    sure = _Sure.of(weight)
    one, other = (sure.detail(values) for values in (truth, made))
    before = _alike(one, other)
    (dx, dy), _ = cv2.phaseCorrelate(one, other)
    found = Shift(float(dy), float(dx), True)
    if not _SHIFT_LEAST <= found.size <= _SHIFT_MOST:
        return NO_SHIFT
    moved = sure.detail(shifted_back(made, found))
    return found if _alike(one, moved) > before + _SHIFT_PROVEN * max(0.0, 1 - before) else NO_SHIFT


def shifted_back(made: Tone, by: Shift) -> Tone:
    """``made`` where the truth has it."""
    height, width = made.shape[:2]
    matrix = np.array([[1, 0, by.dx], [0, 1, by.dy]], np.float64)
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(made, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )


@dataclass(frozen=True, eq=False)
class _Sure:
    """Where detail counts, and by how much; ``mass``: of what is there, in the two blurs that make detail."""

    there: Floats
    root: Floats
    mass: tuple[Floats, Floats]

    @classmethod
    def of(cls, weight: Floats) -> _Sure:
        there = (weight > 0).astype(np.float32)
        fine, coarse = (np.maximum(_blurred(there, s), np.float32(1e-3)) for s in _DETAIL)
        return cls(there, np.sqrt(weight), (fine, coarse))

    def detail(self, tone: Tone) -> Floats:
        """What is finer than light and coarser than grain, ``(h, w)``."""
        grey = grids.grey(tone) * self.there
        fine, coarse = (_blurred(grey, s) / mass for s, mass in zip(_DETAIL, self.mass, strict=True))
        return np.asarray((fine - coarse) * self.root, np.float32)


def _blurred(values: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)


def _alike(one: Floats, other: Floats) -> float:
    power = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    return float((one * other).sum()) / max(power, 1e-12)


def detail_ratio(made: Tone, truth: Tone, known: Mask) -> float:
    """How much detail ``made`` has where it should have the truth's: deviation of what is finer than two
    cells, over the truth's; 1 where there is too little to tell.
    """
    inner = grow(known, -2)
    if np.count_nonzero(inner) < _LEAST_CELLS:
        return 1.0
    ours, theirs = (float(_fine(grids.grey(values))[inner].std()) for values in (made, truth))
    return (ours + _INVISIBLE) / (theirs + _INVISIBLE)


def _fine(grey: Floats) -> Floats:
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT), np.float32)


def calmed(made: Tone, sigma: float, known: Mask) -> Tone:
    """Without its own texture where it is calm: what a model and its VAE sprinkle over plain places, which
    the picture's own grain takes the place of. Structure stays (guided filter, He et al. 2010).

    ``sigma``: in cells, up to where texture is the picture's. ``known``: where the noise is read.
    """
    noise = 1.4826 * float(np.median(np.abs(_fine(grids.grey(made)))[known])) if known.any() else 0.0
    eps = np.float32(max(_LEAST_NOISE, _NOISE * noise) ** 2)
    size = (2 * math.ceil(1.5 * sigma) + 1,) * 2

    def mean(values: Floats) -> Floats:
        return np.asarray(cv2.blur(values, size, borderType=cv2.BORDER_REFLECT), np.float32)

    middle = mean(made)
    spread = np.maximum(grids.largest(np.asarray(mean(made * made) - middle * middle, np.float32)), 0)
    kept = spread / (spread + eps)
    middle *= grids.of_each(1 - kept)
    out = grids.of_each(mean(kept))
    out *= made
    out += mean(middle)
    return out


def without_steps(shown: Floats, step: float = 1 / 255) -> Floats:
    """``(h, w, 3)`` without the contours of 8 bits: where a picture departs from its own mean around by less
    than a step, it is that mean.
    """
    out = shown.copy()
    for size in (7, 21):
        mean = np.asarray(cv2.blur(shown, (size, size), borderType=cv2.BORDER_REPLICATE), np.float32)
        apart = np.asarray(cv2.absdiff(shown, mean), np.float32)
        worst = np.asarray(cv2.dilate(grids.largest(apart), np.ones((3, 3), np.uint8)), np.float32)
        calm: Floats = np.clip(2 - worst / np.float32(0.75 * step), 0, 1)
        mean *= grids.of_each(calm)
        out *= grids.of_each(1 - calm)
        out += mean
    return out
