"""How near new area comes to what was really there: light, texture, seam. All read from 8-bit sRGB."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Score
from benchmarks.peers import Picture
from studio_pipeline.geometry import Insets, Roi
from studio_pipeline.pixels import color
from studio_pipeline.pixels.metrics import SEAM_REACH_PX, band_energies, farness, seam_ratio, tone

_BLUR = 1 / 60  # of the long edge
_BANDS = 4


@dataclass(frozen=True)
class Likeness:
    """One extension beside the truth.

    ``low_frequency_error``: RMSE of codes 0..255 in new area, after a blur of 1/60 of the long edge; 0 is
    right. ``texture``: energy of each octave in new area over the truth's there, finest first, and ``seam``:
    gradients across the seam over those beside it, the worst side; both are right at 1.
    """

    low_frequency_error: float
    texture: tuple[float, ...]
    seam: float


def likeness(true: Picture, made: Picture, added: Insets) -> Likeness:
    """Compare pictures ``(h, w, 3)`` of the whole canvas, whose sides as wide as ``added`` are new."""
    new = np.ones(true.shape[:2], np.bool_)
    height, width = new.shape
    base = Roi(added.top, added.left, height - added.bottom, width - added.right)
    new[base.y0 : base.y1, base.x0 : base.x1] = False
    away = cv2.GaussianBlur(made.astype(np.float32) - true, (0, 0), _BLUR * max(height, width))
    light, theirs = _tone(made), _tone(true)
    energies = zip(band_energies(light, new, _BANDS), band_energies(theirs, new, _BANDS), strict=True)
    return Likeness(
        float(np.sqrt(np.mean(np.square(away[new])))),
        tuple(ours / max(real, 1e-3) for ours, real in energies),
        max((seam_ratio(strip) for strip in _seams(light, base)), key=farness, default=1.0),
    )


def summed_up(
    part: str,
    pictures: str,
    method: str,
    likenesses: Sequence[Likeness],
    seconds: Sequence[float],
    note: str = "",
) -> Score:
    """The medians over pictures."""
    return Score(
        part,
        pictures,
        method,
        statistics.median(one.low_frequency_error for one in likenesses),
        tuple(statistics.median(bands) for bands in zip(*(one.texture for one in likenesses), strict=True)),
        statistics.median(one.seam for one in likenesses),
        statistics.median(seconds),
        note,
    )


def _tone(picture: Picture) -> NDArray[np.float32]:
    return tone(color.named("sRGB").decode(picture))


def _seams(light: NDArray[np.float32], base: Roi) -> list[NDArray[np.float32]]:
    """A strip ``(n, 2 * SEAM_REACH_PX)`` over each side's seam."""
    rows, columns = slice(base.y0, base.y1), slice(base.x0, base.x1)
    across = [
        light[rows, x - SEAM_REACH_PX : x + SEAM_REACH_PX] for x in (base.x0, base.x1) if _inside(x, light, 1)
    ]
    down = [
        light[y - SEAM_REACH_PX : y + SEAM_REACH_PX, columns].T
        for y in (base.y0, base.y1)
        if _inside(y, light, 0)
    ]
    return [np.ascontiguousarray(strip) for strip in across + down]


def _inside(place: int, light: NDArray[np.float32], axis: int) -> bool:
    return SEAM_REACH_PX <= place <= light.shape[axis] - SEAM_REACH_PX
