"""What stands out of a plain backdrop and must not be copied: dust, lint, a mark."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels.light import Tone
from studio_pipeline.pixels.masks import Mask, grow

Floats = NDArray[np.float32]
_SPECK_SIGMAS = (0.8, 2.0)  # sizes of dust, at a long edge of 1500 px
_WIDER = 4.0  # what a size is compared with
_EVERY = 7  # row is enough for a median
_SAMPLES_A_SIGMA = 1.25
_SPECK_LIMITS = (4, 8, 16, 32)  # in spreads; 4 is about 7 sigma of grain: the largest of three channels


def specks(residual: Tone, usable: Mask, long_edge: int) -> Mask:
    """Dust, stands and other things that stand out of a plain backdrop and must not be copied.

    Each scale is judged by its own spread, so that mottle does not hide a speck. Where much of a backdrop
    stands out it is texture, and only what stands out of that is left.
    """
    outstanding = np.zeros(usable.shape, np.float32)
    if not usable.any():
        return np.zeros_like(usable)
    weight = usable.astype(np.float32)
    # Dust is dark in all channels; their mean has less grain than the largest of them.
    kept = cv2.transform(residual, np.full((1, 3), 1 / 3, np.float32)) * weight
    for fine in _SPECK_SIGMAS:
        sigma = fine * max(1.0, long_edge / 1500)  # smaller ones judge single pixels of grain
        small, mass, step = _reduced(kept, weight, sigma)
        detail = np.abs(
            _mean_around(small, mass, sigma / step) - _mean_around(small, mass, _WIDER * sigma / step)
        )
        detail = _resized(detail, weight.shape)
        spread = 1.4826 * float(np.median(detail[::_EVERY][usable[::_EVERY]]))
        outstanding = np.maximum(outstanding, detail / max(spread, 1e-6))
    for limit in _SPECK_LIMITS:
        found = (outstanding > limit) & usable
        if found.mean() <= 0.04:
            return grow(found, max(3, round(0.004 * long_edge)))
    return np.zeros_like(usable)


def _mean_around(kept: Floats, weight: Floats, sigma: float) -> Floats:
    """Gaussian mean over the usable pixels only; ``kept`` is zero elsewhere."""
    small, mass, step = _reduced(kept, weight, sigma)
    mass = np.maximum(cv2.GaussianBlur(mass, (0, 0), sigma / step), np.float32(1e-3))
    return _resized(cv2.GaussianBlur(small, (0, 0), sigma / step) / mass, weight.shape)


def _reduced(kept: Floats, weight: Floats, sigma: float) -> tuple[Floats, Floats, int]:
    """Both as small as a blur of ``sigma`` allows, and how much smaller that is."""
    height, width = weight.shape
    step = max(1, min(int(sigma / _SAMPLES_A_SIGMA), height, width))
    shape = (max(1, height // step), max(1, width // step))
    return _resized(kept, shape), _resized(weight, shape), step


def _resized(values: Floats, shape: tuple[int, ...]) -> Floats:
    if values.shape == shape:
        return values
    way = cv2.INTER_AREA if shape[0] < len(values) else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, (shape[1], shape[0]), interpolation=way), np.float32)
