"""What a picture has in one place and nowhere else: colours, and structure. In tone ``(h, w, 3)``."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels import color, grids, light
from studio_pipeline.pixels.light import Tone
from studio_pipeline.pixels.masks import Mask

_PALETTE, _ASKED = 384, 4000  # colours that are compared
_EVERY = 3  # row and column: no thing is smaller
_FAR = 14.0  # dE of CIE76: another colour, not another light
_STEEP = 0.015  # tone a pixel
_SIGMA = 1.2


def smoothed(tone: Tone) -> Tone:
    """Without grain."""
    return np.asarray(cv2.GaussianBlur(tone, (0, 0), _SIGMA, borderType=cv2.BORDER_REPLICATE), np.float32)


def colours(smooth: Tone, here: Mask, seen: Mask, before: Tone | None = None) -> float:
    """The share of ``here`` whose colour is nowhere in ``seen``, of the same picture or of ``before``."""
    thin = np.s_[::_EVERY, ::_EVERY]
    there = (smooth if before is None else before)[thin][seen[thin]]
    asked = smooth[thin][here[thin]]
    if not len(there) or not len(asked):
        return 0.0
    palette = _lab(there[:: max(1, len(there) // _PALETTE)])
    asked = _lab(asked[:: max(1, len(asked) // _ASKED)])
    apart = np.zeros((len(asked), len(palette)), np.float32)
    for one, other in zip(asked.T, palette.T, strict=True):
        apart += np.square(one[:, None] - other)
    return float((apart.min(axis=1) > _FAR**2).mean())


def edges(smooth: Tone) -> Mask:
    """Where it is steep, ``(h, w)``."""
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    return np.asarray(grids.largest(across * across + down * down) > _STEEP**2, np.bool_)


def _lab(tones: Tone) -> NDArray[np.float32]:
    return np.asarray(color.to_lab(light.from_tone(np.ascontiguousarray(tones[None])))[0], np.float32)
