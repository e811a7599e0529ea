"""Let new texture start from what stands at the border, at every frequency.

Texture that was made elsewhere differs from the border pixel it meets. That difference is carried into new
area and dies away there, each octave along the border over as many pixels as it is wide. It is what kriging
does to condition a simulation (Journel 1974) for a texture that is alike at all scales; grain goes over
within two pixels, a fold within its own width, and the border itself has the gradient of the texture.
"""

from __future__ import annotations

import functools
import math

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.light import Tone, of_all_channels

Floats = NDArray[np.float32]

REACH = (1.2, 1.2, 1.5, 2.0)
"""Octave widths over which each octave dies to 1/e, finest first; coarser ones as the last."""
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


def carried(octaves: list[Tone], rows: range, away_px: range, reach: tuple[float, ...] = REACH) -> Tone:
    """The octaves' sum in new area, ``(rows, columns, 3)``; the same in any tiling.

    Args:
        octaves: as ``octaves`` gives them.
        rows: places along the border; what lies past its ends has less to do with it the farther it is.
        away_px: each column's distance from the border, 1 = beside it; 0 and below lie inside the picture.
    """
    last = len(octaves[0]) - 1
    widths = tuple(_width(k, octaves, reach) for k in range(len(octaves)))
    stacked = np.stack(octaves, axis=1)
    out = np.empty((len(rows), len(away_px), 3), np.float32)
    # In blocks at fixed places: how a matrix product rounds depends on its size, and theirs never changes.
    for y in range(rows.start // _BLOCK_PX * _BLOCK_PX, rows.stop, _BLOCK_PX):
        places = np.arange(y, y + _BLOCK_PX)
        past = np.maximum(0, np.maximum(-places, places - last)).astype(np.float32)
        along = (
            stacked[np.clip(places, 0, last)]
            * np.exp(-past[:, None] / np.array(widths, np.float32))[..., None]
        )
        for x in range(away_px.start // _BLOCK_PX * _BLOCK_PX, away_px.stop, _BLOCK_PX):
            block = Roi(y, x, y + _BLOCK_PX, x + _BLOCK_PX)
            wanted = Roi(rows.start, away_px.start, rows.stop, away_px.stop)
            part = block & wanted
            made = (along.reshape(_BLOCK_PX, -1) @ _fall(x, widths)).reshape(_BLOCK_PX, _BLOCK_PX, 3)
            out[part.within(wanted)] = made[part.within(block)]
    return out


@functools.lru_cache(maxsize=256)
def _fall(x: int, widths: tuple[float, ...]) -> Floats:
    """How much is left of each octave in the columns of a block that starts at ``x``, for all channels."""
    columns = np.abs(np.arange(x, x + _BLOCK_PX, dtype=np.float32))
    return of_all_channels(np.exp(-columns / np.array(widths, np.float32)[:, None]), 3)


def _width(octave: int, octaves: list[Tone], reach: tuple[float, ...]) -> float:
    octave = max(0, min(octave, len(octaves) - 2))
    return float(reach[min(octave, len(reach) - 1)] * 2.0**octave)


def reach_px(parts: list[Tone]) -> int:
    """How far from the border anything is carried."""
    return math.ceil(_width(len(parts), parts, REACH) * -math.log(_NOTHING))


def _blurred(profile: Floats, sigma: float) -> Floats:
    kernel = cv2.getGaussianKernel(2 * int(np.ceil(3 * sigma)) + 1, sigma, cv2.CV_32F)
    blurred = cv2.filter2D(profile[:, None], -1, kernel, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred.reshape(profile.shape), np.float32)
