"""What the backdrop looks like where it is seen, continued behind and beside the person."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent
from studio_pipeline.pixels.masks import Mask

Floats = NDArray[np.float32]

# In sRGB code values over 255. Paper, muslin and out-of-focus walls stay below; foliage and curtains do not.
PLAIN_SPREAD = 0.022
PLAIN_SET_SHARE = 0.6
_PLAIN_ENOUGH = 0.95  # of what is seen: a light over all of it has less grain than another frame
_LEAST_THING, _MOST_THING = 0.03, 0.08
_GRAIN_LEFT = 0.006
_STEEP = 0.008  # a pixel, in code values over 1
_OF_STEP = 0.12  # of a step, a pixel: a blur of three pixels
_FULL_OF_EDGES = 0.3
_SMOOTHING = 0.012  # of the long edge
_COARSE_PX = 3.0
_GRAIN_SIGMA_PX = 2.0
_DARK = 0.15  # sRGB: below, the curve is steep and grain is large
_CREEP_STEPS = 3
_FIT_STEPS = 30


@dataclass(frozen=True, eq=False)
class Backdrop:
    """The backdrop as far as it is seen, continued everywhere.

    ``colour`` ``(h, w, 3)``: its expected sRGB value 0..1; ``spread`` ``(h, w)``: its mean deviation from
    that, small where the backdrop is plain; ``plain_share``: how much of what was taken for backdrop is.
    ``structure``: the same, in the dark what is left of it when grain is averaged away; there grain alone
    strays farther than a plain backdrop may. ``photographed``: an empty set shows it, folds and things too.
    """

    colour: Floats
    spread: Floats
    plain_share: float
    structure: Floats | None = None
    photographed: bool = False

    @property
    def plain(self) -> Mask:
        structure = self.spread if self.structure is None else self.structure
        return np.asarray(structure < PLAIN_SPREAD, np.bool_)

    def residual(self, srgb: Floats) -> Floats:
        """Largest difference of a channel from the expected value, ``(h, w)``."""
        return largest(np.abs(srgb - self.colour))

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
        """Whether most of what is seen is plain, so that this model may judge other pixels."""
        return self.plain_share > PLAIN_SET_SHARE


def grain_of(srgb: Floats) -> float:
    """Standard deviation of the grain, from the median of a Laplacian (Immerkaer 1996), channels averaged."""
    grey = cv2.transform(srgb, np.full((1, 3), 1 / 3, np.float32))
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return float(np.median(np.abs(cv2.filter2D(grey, -1, kernel)))) / 0.6745 / 6


def without_grain(srgb: Floats, grain: float) -> Floats:
    """Averaged just as far as strong grain needs, so that a plain backdrop still looks plain."""
    if grain < _GRAIN_LEFT:
        return srgb
    sigma = min(grain / _GRAIN_LEFT / 3.5, 2.0)  # a Gaussian of sigma leaves 1 / (3.5 sigma) of white noise
    return np.asarray(cv2.GaussianBlur(srgb, (0, 0), max(sigma, 0.6)), np.float32)


def model(srgb: Floats, known: Mask, forbidden: Mask) -> Backdrop:
    """The backdrop from the ``known`` pixels, then from all that continue them smoothly.

    A low-order light surface carries fall-off behind the person, a local mean of the residual the rest. The
    known area is let creep towards the person over pixels it explains, never into ``forbidden``, so that at
    the silhouette the model is interpolated, not extrapolated.
    """
    half = Extent((known.shape[0] + 1) // 2, (known.shape[1] + 1) // 2)
    small = resized(srgb, half)
    given = resized(known.astype(np.float32), half) > 0.999
    barred = resized(forbidden.astype(np.float32), half) > 0
    seen = _without_things(small, given)
    sigma = max(1.0, _SMOOTHING * half.long_edge)
    reach = np.ones((2 * round(2 * sigma) + 1,) * 2, np.uint8)
    for _ in range(_CREEP_STEPS):
        rough = Backdrop(*_fit(small, seen, sigma), plain_share=1.0)
        near = cv2.dilate(seen.astype(np.uint8), reach) > 0
        seen = seen | (near & rough.explains(small) & ~barred)
    colour = resized(_fit(small, seen, sigma)[0], Extent(*known.shape))
    # Spread is measured at the picture's size: averaging had hidden some of the grain.
    deviation = resized(largest(np.abs(srgb - colour)), half)
    spread = fill(deviation, seen, 2 * sigma)
    rest = fill(resized(srgb - colour, half), seen, _GRAIN_SIGMA_PX / 2)
    structure = fill(largest(np.abs(rest)), seen, 2 * sigma)
    structure = np.where(resized(largest(colour), half) < _DARK, structure, spread).astype(np.float32)
    plain = given & seen & (structure < PLAIN_SPREAD)
    share = plain.sum() / max(1, given.sum())
    whole = Extent(*known.shape)
    return Backdrop(colour, resized(spread, whole), float(share), resized(structure, whole))


def of_empty_set(srgb: Floats, empty: Floats, there: Mask, known: Mask, guessed: Backdrop) -> Backdrop:
    """The backdrop that a frame of the empty set shows, laid on this frame and brought to its exposure.

    Args:
        srgb, empty: ``(h, w, 3)``, both with strong grain averaged out.
        there: where the empty set reaches; elsewhere the backdrop is as it was ``guessed``.
        known: backdrop for certain; how far both differ there is the spread, grain and all.
    """
    colour = np.where(there[..., None], empty, guessed.colour)
    sigma = max(1.0, 2 * _SMOOTHING * max(known.shape))
    spread = fill(largest(np.abs(srgb - colour)), known & there, sigma)
    plain = float((spread[known] < PLAIN_SPREAD).mean()) if known.any() else 0.0
    if guessed.plain_share > _PLAIN_ENOUGH or plain < max(guessed.plain_share, PLAIN_SET_SHARE):
        return guessed
    return Backdrop(
        colour, np.where(there, spread, guessed.spread).astype(np.float32), plain, photographed=True
    )


def _without_things(srgb: Floats, known: Mask) -> Mask:
    """On a set that one light surface explains, leave out what stands in it: chairs, stands, paper edges.

    They would else be learnt as backdrop, and be no part of a person who sits on them.
    """
    if not known.any():
        return known
    away = largest(np.abs(srgb - light_surface(srgb, known)))
    limit = min(max(4 * float(np.median(away[known])), _LEAST_THING), _MOST_THING)
    thing = hard_edged(known & (away > limit), srgb, known)
    return known & ~thing if thing.sum() < (1 - PLAIN_SET_SHARE) * known.sum() else known


def hard_edged(mask: Mask, srgb: Floats, beside: Mask, step: Floats | None = None) -> Mask:
    """The connected parts of a mask whose border, as far as it lies ``beside`` it, is an edge in the picture.

    Light and shade end softly, things do not. A part with no such border at all counts as a thing, and so
    does one that is full of edges: hair. ``step`` ``(h, w)``: how far pixels differ from what they lie
    before; an edge takes an eighth of a part's mean step within a pixel. Without it any slope is one.
    """
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    spreading = cv2.dilate(labels.astype(np.float32), np.ones((5, 5), np.uint8))
    ring = (spreading > 0) & ~mask & beside
    least = np.full(count, _STEEP)
    if step is not None:
        total = np.bincount(labels.ravel(), weights=step.ravel(), minlength=count)
        least = np.maximum(least, _OF_STEP * total / np.bincount(labels.ravel(), minlength=count))
    sharp = steepness(srgb) > least.astype(np.float32)[spreading.astype(np.int64)]
    steep = cv2.dilate(sharp.astype(np.uint8), np.ones((5, 5), np.uint8))
    owner = spreading[ring].astype(np.int64)
    border = np.bincount(owner, minlength=count)
    edges = np.bincount(owner, weights=steep[ring], minlength=count)
    hard = edges >= 0.5 * border
    if step is not None:
        inner = mask & beside
        owner = labels[inner].astype(np.int64)
        area = np.bincount(owner, minlength=count)
        hard |= np.bincount(owner, weights=sharp[inner], minlength=count) > _FULL_OF_EDGES * np.maximum(
            area, 1
        )
    hard[0] = False
    return np.asarray(hard[labels], np.bool_)


def _fit(srgb: Floats, known: Mask, sigma_px: float) -> tuple[Floats, Floats]:
    """Expected colour and its spread from the known pixels."""
    surface = light_surface(srgb, known)
    colour = surface + fill(srgb - surface, known, sigma_px)
    return colour, fill(largest(np.abs(srgb - colour)), known, 2 * sigma_px)


def light_surface(srgb: Floats, known: Mask, order: int = 2) -> Floats:
    """A polynomial of ``order`` in y and x fitted robustly to known pixels, ``(h, w, 3)``.

    Least absolute deviations, the order rising from a plane, so that a large foreign area cannot bend the
    surface to itself; at the end Tukey's biweight.
    """
    height, width = known.shape
    small = Extent(min(height, 64), min(width, 64))
    values = resized(srgb, small).reshape(-1, 3)
    seen = resized(known.astype(np.float32), small).reshape(-1) > 0.999
    if seen.sum() < 40:
        return np.zeros_like(srgb)
    terms, degrees = _terms(small, order)
    A, b = terms[seen], values[seen].astype(np.float64)
    weights = np.ones(len(b))
    ridge = 1e-9 * len(b) * np.eye(A.shape[1])  # a narrow strip does not fix every term
    coefficients = np.zeros((len(degrees), 3))
    for step in range(_FIT_STEPS):
        used = degrees <= max(1, order * (step + 1) // (0.6 * _FIT_STEPS))
        weighted = A[:, used] * weights[:, None]
        normal = weighted.T @ A[:, used] + ridge[np.ix_(used, used)]
        coefficients[used] = np.linalg.solve(normal, weighted.T @ b)
        miss = np.abs(A @ coefficients - b).max(axis=1)
        if step < 0.8 * _FIT_STEPS:
            weights = 1 / np.maximum(miss, 1e-3)
            weights /= weights.mean()
        else:
            weights = np.maximum(0.0, 1 - (miss / max(6 * float(np.median(miss)), 0.01)) ** 2) ** 2
    surface = (terms @ coefficients).reshape(small.height, small.width, 3).astype(np.float32)
    return resized(surface, Extent(height, width))


def steepness(srgb: Floats) -> Floats:
    """The steepest channel's slope a pixel, ``(h, w)``, after averaging over grain."""
    smooth = cv2.GaussianBlur(srgb, (0, 0), 1.5)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    return np.sqrt(largest(np.asarray(across * across + down * down, np.float32)))


def _terms(extent: Extent, order: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Every product of powers of y and x, ``(h * w, terms)`` on -1..1, and each one's degree."""
    axes = np.linspace(-1, 1, extent.height), np.linspace(-1, 1, extent.width)
    y, x = (axis.ravel() for axis in np.meshgrid(*axes, indexing="ij"))
    powers = [(i, degree - i) for degree in range(order + 1) for i in range(degree + 1)]
    return np.stack([y**i * x**j for i, j in powers], axis=1), np.array([i + j for i, j in powers])


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
    factor = max(1, int(sigma_px / _COARSE_PX))
    extent = Extent(*known.shape)
    if factor > 1 and min(known.shape) > 8 * factor:  # so wide an average needs no fine pixels
        small = extent.scaled(1 / factor)
        total, weight = resized(total, small).reshape(small.height, small.width, -1), resized(weight, small)
        total, weight = (_averaged(part, sigma_px / factor) for part in (total, weight))
        coarse = _pull(total.reshape(small.height, small.width, -1), weight)
        return resized(coarse, extent).reshape(values.shape)
    if sigma_px:
        total, weight = _averaged(total, sigma_px).reshape(planes.shape), _averaged(weight, sigma_px)
    return _pull(total, weight).reshape(values.shape)


def _averaged(values: Floats, sigma_px: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px), np.float32)


def _pull(total: Floats, weight: Floats) -> Floats:
    """Weighted means; where there is little weight, the means of the next coarser level."""
    height, width = weight.shape
    mean = total / np.maximum(weight, 1e-6)[..., None]
    if min(height, width) <= 2:
        everywhere = total.sum(axis=(0, 1)) / max(float(weight.sum()), 1e-6)
        return np.where(weight[..., None] > 1e-4, mean, everywhere).astype(np.float32)
    half = Extent((height + 1) // 2, (width + 1) // 2)
    half_total = resized(total, half).reshape(half.height, half.width, -1)
    coarse = resized(_pull(half_total, resized(weight, half)), Extent(height, width))
    trust = np.minimum(weight * 4, 1.0)[..., None]
    return np.asarray(coarse.reshape(mean.shape) * (1 - trust) + mean * trust, np.float32)


def largest(values: Floats) -> Floats:
    """The largest of three channels, ``(h, w)``; five times faster than numpy along the last axis."""
    first, second, third = cv2.split(values)
    return np.asarray(cv2.max(cv2.max(first, second), third), np.float32)


def resized(values: Floats, extent: Extent) -> Floats:
    """Area means when reducing, linear when enlarging; the same array where nothing would change."""
    if values.shape[:2] == (extent.height, extent.width):
        return values
    how = cv2.INTER_AREA if extent.height < values.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, (extent.width, extent.height), interpolation=how), np.float32)
