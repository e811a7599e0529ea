"""Fit a look to the camera's own JPEG, so that nothing jumps from what the photographer saw.

The model is a 3x3 matrix in linear Rec.2020 and one monotone curve for its three results: exposure, contrast
and colour of a camera's rendering, without its sharpening and local changes. Both are fitted by turns on a
small, blurred copy: the curve by medians (a median does not move for pixels that are clipped in the JPEG),
the matrix by re-weighted least squares on pixels that are clipped nowhere, drawn to the identity where the
picture has too little colour to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.develop import look
from studio_pipeline.develop.pairing import BadMatch, Samples, pair
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.records.develop import Look

WORST_MEDIAN_DELTA_E = 6.0  # CIE 1976, over the usable pixels
FEWEST_PIXELS = 500
_BINS = 128
_ROUNDS = 8
_SURE_PX = 4.0  # trusted pixels at which a place on the curve counts half
_PRIOR = 0.02
_SMOOTH_BINS = 2.0
_LEAST_SLOPE = 0.3
_RIDGE = 2e-2
_HUBER = 0.02  # in sqrt of light


def fit(sensor: NDArray[np.uint16], clipped: NDArray[np.bool_], jpeg: Codes, encoding: RgbEncoding) -> Look:
    """The look that takes ``sensor`` to ``jpeg``, both upright.

    Args:
        sensor: linear Rec.2020 uint16 ``(h, w, 3)``, at plan scale.
        clipped: ``(h, w)``, True where the sensor was full.
        jpeg: the camera's picture, uint8 ``(h, w, 3)`` in ``encoding``, at any size.

    Raises:
        BadMatch: too small, black-and-white, another picture, or a rendering this model cannot follow.
    """
    samples = pair(sensor, clipped, jpeg, encoding)
    if np.count_nonzero(samples.usable) < FEWEST_PIXELS:
        raise BadMatch("the embedded JPEG has too few pixels that are clipped nowhere")
    if _monochrome(samples):
        raise BadMatch("the embedded JPEG is black-and-white")
    matrix = np.eye(3)
    for _ in range(_ROUNDS):
        matrix = _fit_matrix(samples, matrix, _fit_curve(samples, matrix))
    fitted = look.matched(matrix, _fit_curve(samples, matrix).samples(look.CURVE_SAMPLES) ** 2)
    error = median_delta_e(samples, fitted)
    if error > WORST_MEDIAN_DELTA_E:
        raise BadMatch(f"the embedded JPEG cannot be matched (median ΔE {error:.1f})")
    return fitted


# -- the curve ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Curve:
    """sqrt(light out) at even steps of sqrt(light in), rising from 0 to at most 1."""

    values: NDArray[np.float64]

    @classmethod
    def parametric(cls, slope: float) -> _Curve:
        return cls(np.sqrt(look.rolloff(np.linspace(0, 1, _BINS + 1) ** 2, slope)))

    @property
    def grid(self) -> NDArray[np.float64]:
        return np.linspace(0, 1, len(self.values))

    def samples(self, count: int) -> NDArray[np.float64]:
        return np.interp(np.linspace(0, 1, count), self.grid, self.values)

    def inverse(self, root: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.interp(root, self.values + np.arange(len(self.values)) * 1e-9, self.grid)

    def slope_at(self, root_in: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.interp(root_in, self.grid, np.gradient(self.values, self.grid))


def _fit_curve(samples: Samples, matrix: NDArray[np.float64]) -> _Curve:
    light = np.clip(samples.sensor @ matrix.T, 0, 1)
    middle, mass = _medians(
        np.sqrt(light).ravel(),
        np.sqrt(np.clip(samples.jpeg, 0, 1)).ravel(),
        np.repeat(samples.trust * _neutrality(samples.jpeg) * _neutrality(light), 3),
    )
    sure = mass / (mass + _SURE_PX)  # a few highlights say as much about their tone as a whole dark wall does
    sure[[0, -1]] = 1.0  # black stays black and white white
    middle[0], middle[-1] = 0.0, 1.0
    shape = _Curve.parametric(_best_slope(middle, sure)).values
    # Nadaraya-Watson with a pseudo-weight: smooths, and leans on the parametric curve in empty bins.
    kernel = np.exp(-0.5 * ((np.arange(_BINS + 1)[:, None] - np.arange(_BINS + 1)) / _SMOOTH_BINS) ** 2)
    smooth = kernel @ ((middle - shape) * sure) / (kernel @ sure + _PRIOR)
    # Rising by at least a share of the parametric curve's own rise: no tone is flattened away.
    least = _LEAST_SLOPE * shape
    rising = _isotonic(shape + smooth - least, kernel @ sure + _PRIOR) + least
    return _Curve(np.clip(rising - rising[0], 0, 1))


def _isotonic(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest rising curve in the weighted least-squares sense (pool adjacent violators)."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        block = (float(value), float(weight), 1)
        while blocks and blocks[-1][0] > block[0]:
            before = blocks.pop()
            total = before[1] + block[1]
            block = ((before[0] * before[1] + block[0] * block[1]) / total, total, before[2] + block[2])
        blocks.append(block)
    return np.repeat([block[0] for block in blocks], [block[2] for block in blocks])


def _best_slope(middle: NDArray[np.float64], sure: NDArray[np.float64]) -> float:
    """The parametric curve that lies nearest to the medians, from half the exposure to 32 times."""
    slopes, curves = _parametric_curves()
    losses = np.sum(sure * np.abs(curves - middle), axis=1)
    return float(slopes[np.argmin(losses)])


@cache
def _parametric_curves() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The slopes that are tried ``(n,)`` and their curves ``(n, places)``."""
    slopes = np.geomspace(0.5, 32, 301)
    return slopes, np.stack([_Curve.parametric(slope).values for slope in slopes])


def _medians(
    root_in: NDArray[np.float64], root_out: NDArray[np.float64], trust: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weighted median of ``root_out`` and its weight at each of the curve's places; 0 where there is none."""
    levels = 1024
    places = np.rint(root_in * _BINS).astype(np.int64) * (levels + 1) + np.rint(root_out * levels).astype(
        np.int64
    )
    counts = np.bincount(places, trust, (_BINS + 1) * (levels + 1)).reshape(_BINS + 1, levels + 1)
    running = np.cumsum(counts, axis=1)
    mass = running[:, -1].copy()
    return np.argmax(running >= mass[:, None] / 2, axis=1) / levels * (mass > 0), mass


def _neutrality(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 for greys, nearly 0 for full colours, whose channels tell of the gamut and not of the curve."""
    red, green, blue = light.T
    high, low = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    saturation = (high - low) / np.maximum(high, 1e-6)
    return np.asarray((1 - saturation) ** 2 + 0.01)


# -- the matrix --------------------------------------------------------------------------------------------


def _fit_matrix(samples: Samples, matrix: NDArray[np.float64], curve: _Curve) -> NDArray[np.float64]:
    """One re-weighting: residuals are weighed as they show after the curve, large ones less (Huber)."""
    sensor, trust = samples.sensor[samples.usable], samples.trust[samples.usable]
    root_out = np.sqrt(samples.jpeg[samples.usable])
    root_wanted = curve.inverse(root_out)
    root_now = np.sqrt(np.clip(sensor @ matrix.T, 1e-6, 1))
    residual = np.abs(np.interp(root_now, curve.grid, curve.values) - root_out)
    # d sqrt(out) / d light: the curve's slope times the slope of the square root.
    seen = curve.slope_at(root_wanted) / (2 * np.maximum(root_wanted, 0.02))
    weights = trust[:, None] * seen**2 * np.minimum(1, _HUBER / np.maximum(residual, 1e-9))
    rows = []
    for channel in range(3):
        weighted = sensor * weights[:, channel, None]
        normal = weighted.T @ sensor
        pull = _RIDGE * np.trace(normal) / 3 * np.eye(3)
        target = weighted.T @ root_wanted[:, channel] ** 2
        rows.append(np.linalg.solve(normal + pull, target + pull @ np.eye(3)[channel]))
    fitted = np.stack(rows)
    # Exposure is the curve's: white keeps its luminance, which makes curve and matrix unique.
    white = fitted.sum(axis=1).astype(np.float32)
    return np.asarray(fitted / color.luminance(white[None, None])[0, 0])


# -- the judgement -----------------------------------------------------------------------------------------


def median_delta_e(samples: Samples, fitted: Look) -> float:
    """CIE 1976 difference between the look's rendering and the JPEG, over the usable samples."""
    sensor = samples.sensor[samples.usable].astype(np.float32)[None]
    jpeg = samples.jpeg[samples.usable].astype(np.float32)[None]
    difference = color.to_lab(look.render(sensor, fitted)) - color.to_lab(jpeg)
    return float(np.median(np.linalg.norm(difference, axis=2)))


def _monochrome(samples: Samples) -> bool:
    """A camera set to black-and-white shows a grey JPEG of a coloured scene: the base keeps its colours."""
    ours, theirs = (_mean_saturation(p[samples.usable]) for p in (samples.sensor, samples.jpeg))
    return theirs < 0.01 and ours > 4 * theirs + 0.01


def _mean_saturation(pixels: NDArray[np.float64]) -> float:
    return float(np.mean(np.ptp(pixels, axis=1) / pixels.max(axis=1)))
