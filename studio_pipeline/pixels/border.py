"""Let new texture start from what stands at the border, at every frequency.

Texture that was made elsewhere differs from the border pixel it meets. That difference is carried into new
area and dies away there, each octave along the border over as many pixels as it is wide. It is what kriging
does to condition a simulation (Journel 1974) for a texture that is alike at all scales; grain goes over
within two pixels, a fold within its own width, and the border itself has the gradient of the texture.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.light import Tone, of_all_channels
from studio_pipeline.pixels.masks import Mask

Floats = NDArray[np.float32]

REACH = (1.2, 1.2, 1.5, 2.0)
"""Octave widths over which each octave dies to 1/e, finest first; coarser ones as the last."""
MEASURED_PX = 12
"""Columns on either side of the border that ``measured`` reads."""
_LAGS_PX = (0, 1, 2)
_WAVES_ASSUMED = 5  # of an octave: what the assumption is worth
_NOTHING = 1e-3  # of a difference of some steps of L*
_BLOCK_PX = 128
_WIDEST = 1 / 12  # of the picture's long edge: what is wider is light


def octaves(difference: Tone, weight: Floats, long_edge_px: int) -> list[Tone]:
    """The difference along a border, ``(n, 3)``, split into octaves ``(n, 3)``, finest first, coarsest last.

    ``weight`` ``(n,)``: 0 where the border says nothing (a person stands there); the octaves run on past such
    places, fading.
    """
    out: list[Tone] = []
    finer = np.where(weight[:, None] > 0, difference, 0).astype(np.float32)
    sigma = 1.0
    while sigma <= max(1.0, _WIDEST * long_edge_px):
        share = _blurred(weight[:, None].astype(np.float32), sigma)
        coarser = _blurred(difference * weight[:, None], sigma) / np.maximum(share, 1e-3)
        coarser = coarser * np.clip(share / 0.05, 0, 1)
        if not out:
            finer = np.where(weight[:, None] > 0, finer, coarser)
        out.append(finer - coarser)
        finer, sigma = coarser, 2 * sigma
    return [*out, finer]


def assumed(count: int, reach: tuple[float, ...] = REACH) -> Floats:
    """How much is left of each of ``count`` octaves at each distance from the border, ``(count, px)``, in a
    texture that is alike at all scales.
    """
    widths = _widths(count, reach)
    away_px = np.arange(math.ceil(widths[-1] * -math.log(_NOTHING)) + 1, dtype=np.float32)
    return np.asarray(np.exp(-away_px / widths[:, None]), np.float32)


def measured(kept: Tone, made: Tone, seen: Mask, count: int) -> Floats:
    """The same, as it is here: what is left of a difference beside the border is its correlation, which is
    the picture's and the texture's together. So grain that no neighbours share is left where it is.

    Only what neighbours share is measured, not how far it goes on; and the coarser an octave, the fewer of
    its waves a border holds, and the more counts what is assumed.

    Args:
        kept: ``(n, w, 3)``, the picture's columns from the border inwards.
        made: the texture's, from the border outwards.
        seen: ``(n,)``, where the border says something.
        count: of octaves.
    """
    left = assumed(count)
    split = [_waves(values, seen, count) for values in (kept, made)]
    for octave, sides in enumerate(zip(*split, strict=True)):
        lags = [lag for lag in _LAGS_PX if lag <= 2**octave and lag < min(kept.shape[1], made.shape[1])]
        waves = 3 * len(sides[0])
        trust = waves / (waves + _WAVES_ASSUMED)
        found = [1.0]
        for lag in lags[1:]:
            alike = _correlation([(side[:, :-lag], side[:, lag:]) for side in sides])
            found.append(trust * alike + (1 - trust) * float(left[octave, lag]))
        last = lags[-1]
        falling = np.minimum.accumulate(np.maximum(found, 0))
        left[octave, last:] *= falling[-1] / left[octave, last]
        left[octave, : last + 1] = np.interp(np.arange(last + 1), lags, falling)
    return left


def _waves(values: Tone, seen: Mask, count: int) -> list[Tone]:
    """Haar's wavelets along the border, ``(places, w, 3)`` for each octave: those whose waves are nearest to
    its own; for the last, means.
    """
    waves = []
    for _ in range(count - 1):
        pairs = len(values) // 2
        one, other = values[0 : 2 * pairs : 2], values[1 : 2 * pairs : 2]
        seen = seen[0 : 2 * pairs : 2] & seen[1 : 2 * pairs : 2]
        waves.append((one - other)[seen] * np.float32(math.sqrt(0.5)))
        values = (one + other) * np.float32(math.sqrt(0.5))
    return [*waves, values[seen]]


def _correlation(pairs: list[tuple[Tone, Tone]]) -> float:
    """Of pairs of columns, each pair as its power has it."""
    powers = [float(np.sqrt(np.square(a).mean() * np.square(b).mean())) if a.size else 0.0 for a, b in pairs]
    products = [float((a * b).mean()) if a.size else 0.0 for a, b in pairs]
    return sum(products) / max(sum(powers), 1e-20)


def carried(octaves: list[Tone], left: Floats, rows: range, away_px: range) -> Tone:
    """The octaves' sum in new area, ``(rows, columns, 3)``; the same in any tiling.

    Args:
        octaves: as ``octaves`` gives them.
        left: how much of each is left at each distance, as ``assumed`` or ``measured`` give it.
        rows: places along the border; what lies past its ends has less to do with it the farther it is.
        away_px: each column's distance from the border, 1 = beside it; 0 and below lie inside the picture.
    """
    last = len(octaves[0]) - 1
    widths = _widths(len(octaves), REACH)
    stacked = np.stack(octaves, axis=1)
    out = np.empty((len(rows), len(away_px), 3), np.float32)
    # In blocks at fixed places: how a matrix product rounds depends on its size, and theirs never changes.
    columns = range(away_px.start // _BLOCK_PX * _BLOCK_PX, away_px.stop, _BLOCK_PX)
    falls = [_fall(x, left) for x in columns]
    for y in range(rows.start // _BLOCK_PX * _BLOCK_PX, rows.stop, _BLOCK_PX):
        places = np.arange(y, y + _BLOCK_PX)
        past = np.maximum(0, np.maximum(-places, places - last)).astype(np.float32)
        along = stacked[np.clip(places, 0, last)] * np.exp(-past[:, None] / widths)[..., None]
        for x, fall in zip(columns, falls, strict=True):
            block = Roi(y, x, y + _BLOCK_PX, x + _BLOCK_PX)
            wanted = Roi(rows.start, away_px.start, rows.stop, away_px.stop)
            part = block & wanted
            made = (along.reshape(_BLOCK_PX, -1) @ fall).reshape(_BLOCK_PX, _BLOCK_PX, 3)
            out[part.within(wanted)] = made[part.within(block)]
    return out


def _fall(x: int, left: Floats) -> Floats:
    """How much is left of each octave in the columns of a block that starts at ``x``, for all channels."""
    away = np.abs(np.arange(x, x + _BLOCK_PX))
    padded = np.pad(left, ((0, 0), (0, 1)))
    return of_all_channels(padded[:, np.minimum(away, left.shape[1])], 3)


def _widths(count: int, reach: tuple[float, ...]) -> Floats:
    """Each octave's, in pixels; the last holds what is left, and goes as far as the one before it."""
    octaves = np.minimum(np.arange(count), max(0, count - 2))
    return np.array([reach[min(k, len(reach) - 1)] * 2.0**k for k in octaves.tolist()], np.float32)


def _blurred(profile: Floats, sigma: float) -> Floats:
    kernel = cv2.getGaussianKernel(2 * int(np.ceil(3 * sigma)) + 1, sigma, cv2.CV_32F)
    blurred = cv2.filter2D(profile, -1, kernel, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred.reshape(profile.shape), np.float32)
