"""Light foreseen by kriging: what a stationary process that is seen in part is expected to be elsewhere.

How much of the light changes over which length is measured from the cells themselves, by maximum likelihood
(Rasmussen and Williams 2006, 2.2 and 5.4). A wide fall-off is carried far, mottle and folds hardly past the
border, and where nothing is known any more the mean is expected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels.masks import Mask

Tone = NDArray[np.float32]
Doubles = NDArray[np.float64]

LENGTHS = (
    (0.03, 0.03),
    (0.08, 0.08),
    (0.45, 0.04),
    (0.04, 0.45),
    (0.25, 0.25),
    (0.6, 0.6),
    (1.5, 1.5),
)
"""Down and across, of the cells' long edge, over which a part of the light stays alike: mottle, folds and
lines either way, light. The mean is one more part."""
_FIRST = np.log(
    [0.05, 0.05, 0.05, 0.05, 0.3, 0.3, 0.3, 1.0, 0.01]
)  # shares of the variance, the noise's last
_FIRST_SIGMA = 3.0  # how far, in e-folds, a share may be from that with ease
_LOWEST, _HIGHEST, _LEAST_NOISE, _MOST_NOISE = -14.0, 5.0, -9.0, 1.0  # logarithms
_JITTER = 1e-5
_STEPS = 25
_MOST_PLACES = 150  # that are read: the time grows with their cube
_NEAR_CELLS = 30.0  # from the border: places are read densely
_LEAST_WEIGHT = 0.5
_FEWEST = 24


@dataclass(frozen=True, eq=False)
class Course:
    """How light runs: the variance of each of ``LENGTHS``, of the mean and of noise, in units of the cells'
    own; ``unit_cells``: the long edge that lengths are shares of.
    """

    variances: Doubles
    unit_cells: float


def enough(weights: NDArray[np.float32]) -> bool:
    """Whether enough cells were seen to say anything from them."""
    return int(np.count_nonzero(weights > _LEAST_WEIGHT)) >= _FEWEST


def measure(cells: Tone, weights: NDArray[np.float32]) -> Course | None:
    """The course of light over ``cells`` ``(rows, columns, 3)`` where ``weights`` ``(rows, columns)`` says
    that they were seen; None where too few were.
    """
    from scipy.optimize import minimize

    if not enough(weights):
        return None
    places = _places(weights)
    unit = float(max(weights.shape))
    values, _, _ = _normalised(cells, places)
    alike = np.stack([*_alike(places, places, unit), np.eye(len(places))])
    flat = alike.reshape(len(alike), -1)

    def unlikely(logs: Doubles) -> tuple[float, Doubles]:
        """Minus the logarithm of the likelihood, and its slope."""
        shares = np.exp(logs)
        inverse, log_determinant = _inverse((shares @ flat).reshape(alike.shape[1:]))
        weighed = inverse @ values
        apart = (logs - _FIRST) / _FIRST_SIGMA
        channels = values.shape[1]
        cost = 0.5 * (channels * log_determinant + float((values * weighed).sum()) + float(apart @ apart))
        slope = 0.5 * shares * (flat @ (channels * inverse - weighed @ weighed.T).ravel())
        return cost, slope + apart / _FIRST_SIGMA

    bounds = [(_LOWEST, _HIGHEST)] * (len(_FIRST) - 1) + [(_LEAST_NOISE, _MOST_NOISE)]
    found = minimize(
        unlikely, _FIRST, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _STEPS}
    )
    return Course(np.exp(found.x), unit)


def foresee_left(cells: Tone, weights: NDArray[np.float32], course: Course, count: int) -> Tone:
    """What is expected in ``count`` new columns left of ``cells`` and, last, in their own first one:
    ``(rows, count + 1, 3)``. ``weights`` have to be ``enough``.
    """
    places = _places(weights)
    values, mean, spread = _normalised(cells, places)
    shares = course.variances
    parts = _alike(places, places, course.unit_cells)
    alike = sum(share * part for share, part in zip(shares, parts, strict=False))
    inverse, _ = _inverse(alike + shares[-1] * np.eye(len(places)))
    weighed = inverse @ values
    rows, columns = np.arange(len(weights)), np.arange(-count, 1)
    out = np.empty((len(rows), len(columns), 3))
    out[:] = shares[len(LENGTHS)] * weighed.sum(axis=0)
    for share, (down, across) in zip(shares, LENGTHS, strict=False):
        along = share * _bells(rows, places[:, 0], down * course.unit_cells)
        over = _bells(columns, places[:, 1], across * course.unit_cells)
        for channel in range(3):
            out[..., channel] += (along * weighed[:, channel]) @ over.T
    return np.asarray(out * spread + mean, np.float32)


def _places(weights: NDArray[np.float32]) -> NDArray[np.int64]:
    """Cells that are read, ``(n, 2)``: evenly over what was seen, densely near the left border."""
    seen: Mask = weights.T > _LEAST_WEIGHT  # column by column
    places = np.argwhere(seen)[:, ::-1]
    if len(places) <= _MOST_PLACES:
        return places
    density = np.cumsum(1 / (1 + places[:, 1] / _NEAR_CELLS))
    every = (np.arange(_MOST_PLACES) + 0.5) / _MOST_PLACES * density[-1]
    return np.asarray(places[np.unique(np.searchsorted(density, every))], np.int64)


def _normalised(cells: Tone, places: NDArray[np.int64]) -> tuple[Doubles, Doubles, float]:
    """The cells' values ``(n, 3)`` less their median, in units of their spread."""
    values = cells[places[:, 0], places[:, 1]].astype(np.float64)
    mean = np.median(values, axis=0)
    spread = float((values - mean).std()) + 1e-6
    return (values - mean) / spread, mean, spread


def _alike(one: NDArray[np.int64], other: NDArray[np.int64], unit_cells: float) -> list[Doubles]:
    """How much each part has in common at two places, 0..1, ``(n, m)`` each; the mean last."""
    parts = [
        _bells(one[:, 0], other[:, 0], down * unit_cells)
        * _bells(one[:, 1], other[:, 1], across * unit_cells)
        for down, across in LENGTHS
    ]
    return [*parts, np.ones((len(one), len(other)))]


def _bells(one: NDArray[np.int64], other: NDArray[np.int64], length: float) -> Doubles:
    return np.asarray(np.exp(-0.5 * np.square((one[:, None] - other[None, :]) / length)))


def _inverse(matrix: Doubles) -> tuple[Doubles, float]:
    """The inverse of a covariance, and the logarithm of its determinant."""
    from scipy.linalg import lapack

    lower = np.linalg.cholesky(matrix + _JITTER * np.eye(len(matrix)))
    half, _ = lapack.dtrtri(lower, lower=1)
    return half.T @ half, 2 * float(np.log(np.diag(lower)).sum())
