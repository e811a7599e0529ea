"""What the backdrop looks like where it is seen, continued behind and beside the person."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels.masks import Mask

Floats = NDArray[np.float32]

# In sRGB code values over 255. Paper, muslin and out-of-focus walls stay below; foliage and curtains do not.
PLAIN_SPREAD = 0.022
PLAIN_SET_SHARE = 0.6
_SMOOTHING = 0.012  # of the long edge
_CREEP_STEPS = 4


@dataclass(frozen=True, eq=False)
class Backdrop:
    """``colour`` ``(h, w, 3)``: the backdrop's expected sRGB value 0..1; ``spread`` ``(h, w)``: its mean
    deviation from that, small where the backdrop is plain; ``known``: the pixels both were taken from.
    """

    colour: Floats
    spread: Floats
    known: Mask

    @property
    def plain(self) -> Mask:
        return np.asarray(self.spread < PLAIN_SPREAD, np.bool_)

    def residual(self, srgb: Floats) -> Floats:
        """Largest difference of a channel from the expected value, ``(h, w)``."""
        return np.asarray(cv2.absdiff(srgb, self.colour).max(axis=2), np.float32)

    def differs(self, srgb: Floats) -> Mask:
        """Where a plain backdrop cannot be what is seen."""
        limit = np.maximum(5 * self.spread, 0.035)
        return np.asarray((self.residual(srgb) > limit) & self.plain, np.bool_)

    def explains(self, srgb: Floats) -> Mask:
        """Where a plain backdrop is what is seen, or something of its very colour."""
        limit = np.maximum(3 * self.spread, 0.012)
        return np.asarray((self.residual(srgb) < limit) & self.plain, np.bool_)

    @property
    def is_plain_set(self) -> bool:
        """Whether most of what is seen of the backdrop is plain, so that its model may judge other pixels."""
        return float(self.plain[self.known].mean() if self.known.any() else 0.0) > PLAIN_SET_SHARE


def model(srgb: Floats, known: Mask, forbidden: Mask) -> Backdrop:
    """The backdrop from the ``known`` pixels, then from all that continue them smoothly.

    A low-order light surface carries fall-off behind the person, a local mean of the residual the rest. The
    known area is let creep towards the person over pixels it explains, never into ``forbidden``, so that at
    the silhouette the model is interpolated, not extrapolated.
    """
    size = ((known.shape[1] + 1) // 2, (known.shape[0] + 1) // 2)
    small = cv2.resize(srgb, size, interpolation=cv2.INTER_AREA)
    seen = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.999
    barred = cv2.resize(forbidden.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    sigma = max(1.0, _SMOOTHING * max(size))
    reach = np.ones((2 * round(2 * sigma) + 1,) * 2, np.uint8)
    for _ in range(_CREEP_STEPS):
        rough = _fit(small, seen, sigma)
        near = cv2.dilate(seen.astype(np.uint8), reach) > 0
        seen = seen | (near & rough.explains(small) & ~barred)
    return _enlarged(_fit(small, seen, sigma), srgb, 4 * sigma)


def _fit(srgb: Floats, known: Mask, sigma_px: float) -> Backdrop:
    surface = light_surface(srgb, known)
    colour = surface + fill(srgb - surface, known, sigma_px)
    deviation = cv2.absdiff(srgb, colour).max(axis=2)
    return Backdrop(colour, fill(deviation, known, 2 * sigma_px), known)


def _enlarged(small: Backdrop, srgb: Floats, sigma_px: float) -> Backdrop:
    """The same at the picture's size, its spread measured there: averaging had hidden some of the grain."""
    height, width = srgb.shape[:2]
    colour = cv2.resize(small.colour, (width, height), interpolation=cv2.INTER_LINEAR)
    known = cv2.resize(small.known.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    deviation = cv2.absdiff(srgb, colour).max(axis=2) * known
    halves = (small.known.shape[1], small.known.shape[0])
    deviation = cv2.resize(deviation, halves, interpolation=cv2.INTER_AREA)
    spread = fill(deviation, small.known, sigma_px / 2)
    return Backdrop(colour, cv2.resize(spread, (width, height), interpolation=cv2.INTER_LINEAR), known)


def light_surface(srgb: Floats, known: Mask, order: int = 2) -> Floats:
    """A polynomial of ``order`` in y and x fitted robustly (Tukey weights) to known pixels; ``(h, w, 3)``."""
    height, width = known.shape
    size = (min(width, 96), min(height, 96))
    values = cv2.resize(srgb, size, interpolation=cv2.INTER_AREA).reshape(-1, 3)
    seen = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA).reshape(-1) > 0.999
    if seen.sum() < 40:
        return np.zeros_like(srgb)
    terms = _terms(size[1], size[0], order)
    weights = np.ones(int(seen.sum()))
    A, b = terms[seen], values[seen].astype(np.float64)
    for _ in range(6):
        root = np.sqrt(weights)[:, None]
        coefficients = np.linalg.lstsq(A * root, b * root, rcond=None)[0]
        miss = np.abs(A @ coefficients - b).max(axis=1)
        scale = max(6.0 * float(np.median(miss)), 0.01)
        weights = np.maximum(0.0, 1 - (miss / scale) ** 2) ** 2
    small = (terms @ coefficients).reshape(size[1], size[0], 3).astype(np.float32)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _terms(height: int, width: int, order: int) -> NDArray[np.float64]:
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack(
        [y.ravel() ** i * x.ravel() ** j for i in range(order + 1) for j in range(order + 1 - i)], axis=1
    )


def fill(values: Floats, known: Mask, sigma_px: float = 0.0) -> Floats:
    """Continue known values into unknown pixels by a pyramid (push-pull, Gortler et al. 1996).

    Args:
        values: ``(h, w)`` or ``(h, w, c)`` float32; read only where ``known``.
        sigma_px: known values are first averaged over a Gaussian of this size, unknown ones left out.

    Returns:
        The same shape; zeros where nothing at all is known.
    """
    weight = known.astype(np.float32)
    planes = values.reshape(*known.shape, -1)
    total = planes * weight[..., None]
    if sigma_px:
        total = cv2.GaussianBlur(total, (0, 0), sigma_px).reshape(planes.shape)
        weight = cv2.GaussianBlur(weight, (0, 0), sigma_px)
    return _pull(total, weight).reshape(values.shape)


def _pull(total: Floats, weight: Floats) -> Floats:
    """Weighted means; where there is little weight, the means of the next coarser level."""
    height, width = weight.shape
    mean = total / np.maximum(weight, 1e-6)[..., None]
    if min(height, width) <= 2:
        everywhere = total.sum(axis=(0, 1)) / max(float(weight.sum()), 1e-6)
        return np.where(weight[..., None] > 1e-4, mean, everywhere).astype(np.float32)
    size = ((width + 1) // 2, (height + 1) // 2)
    half_total = cv2.resize(total, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)
    half_weight = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(_pull(half_total, half_weight), (width, height), interpolation=cv2.INTER_LINEAR)
    trust = np.minimum(weight * 4, 1.0)[..., None]
    return np.asarray(coarse.reshape(mean.shape) * (1 - trust) + mean * trust, np.float32)
