"""What is unlike a plain backdrop over an area, though no single pixel of it shows that through the grain."""

from __future__ import annotations

import cv2
import numpy as np

from studio_pipeline.geometry import Extent
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.subject.backdrop import Floats, fill, largest, light_surface, resized

_AREA = 0.03  # face heights: the size of an area
_LEAST_AREA_PX, _MOST_AREA_PX = 2.0, 6.0
_TIMES_USUAL = 2.5  # times what nine tenths of the seen backdrop stay below
_USUAL = 90
_LEAST_STEP, _MOST_STEP = 0.008, 0.03  # sRGB 0..1; with a higher limit the set is not smooth enough
_LEAST_ROUGHER = 1.35  # times the backdrop's own detail
_LEAST_KNOWN_PX = 2000
_FLAT = 0.002  # detail that a clipped or noiseless backdrop is given


def unlike(srgb: Floats, known: Mask, left_out: Mask, shade: Mask, unit_px: float) -> Mask:
    """Where the mean of an area, or its detail, is not the backdrop's, ``(h, w)``.

    Args:
        srgb: ``(h, w, 3)`` 0..1, its grain as it is.
        known: backdrop for certain; what it varies by is what is usual.
        shade: where the light falls off; there the mean tells nothing, and only detail counts.
        left_out: pixels that are known to differ, and would smear into the areas beside them.
    """
    if np.count_nonzero(known) < _LEAST_KNOWN_PX:
        return np.zeros_like(known)
    sigma_px = float(np.clip(_AREA * unit_px, _LEAST_AREA_PX, _MOST_AREA_PX)) / 2
    full = Extent(*known.shape)
    half = Extent((full.height + 1) // 2, (full.width + 1) // 2)
    weight = resized((~left_out).astype(np.float32), half)
    weight *= weight > 0.99
    seen = resized(known.astype(np.float32), half) > 0.99
    share = np.maximum(_blurred(weight, sigma_px), np.float32(1e-3))
    small = resized(srgb, half)
    mean = _blurred(small * weight[..., None], sigma_px) / share[..., None]
    # Either continuation of the light behind a person may be wrong; a thing differs from both. The model's
    # own colour is no help: it may have crept into hair that the detectors do not see.
    away = np.minimum(*(largest(np.abs(mean - light_surface(small, seen, order))) for order in (2, 3)))
    limit = max(_TIMES_USUAL * float(np.percentile(away[seen], _USUAL)), _LEAST_STEP)
    steps = away > limit if limit < _MOST_STEP else np.zeros_like(seen)
    steps &= resized(shade.astype(np.float32), half) < 0.5
    found = (steps | _rougher(srgb, seen, weight, share, sigma_px)) & (share > 0.1)
    return resized(found.astype(np.float32), full) > 0.5


def _rougher(srgb: Floats, seen: Mask, weight: Floats, share: Floats, sigma_px: float) -> Mask:
    """More detail than the seen backdrop has: hair of the backdrop's own colour."""
    grey = cv2.transform(srgb, np.full((1, 3), 1 / 3, np.float32))
    detail = resized(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.5)), Extent(*seen.shape)) * weight
    detail = _blurred(detail, sigma_px) / share
    usual = np.maximum(fill(detail, seen, 4 * sigma_px), np.float32(_FLAT))
    ratio = detail / usual
    limit = max(_TIMES_USUAL * (float(np.percentile(ratio[seen], _USUAL)) - 1) + 1, _LEAST_ROUGHER)
    return np.asarray(ratio > limit, np.bool_)


def _blurred(values: Floats, sigma_px: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px), np.float32)
