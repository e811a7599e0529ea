"""Light beyond the border: cells (``pixels/light.py``) continued to the left, as light falls off."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import kriging
from studio_pipeline.pixels.kriging import Course
from studio_pipeline.pixels.light import Tone, fit_surface

_SLOPE_CELLS = 10  # how far the border's own slope is read, and how far it reaches
# In tone squared: an extrapolated slope has to earn its place. The last is kriging's.
_PRIOR = np.array([1e-5, 1.5e-5, 1.5e-5, 2.5e-5, 2e-5, 2e-5])
_FORESEEN = 2.5e-3  # likewise: the best predictor's error at which it is half believed
_LEAST_TRIED, _LEAST_TRIED_KRIGED = 0.55, 0.3  # of the width wanted: narrower strips say too little of it
_LEAST_HELD = 0.35  # of a strip that is tried
_STEEPER, _LEAST_SLOPE = 2.0, 5e-4  # of the slope that is seen at the border; tone a cell
_WIDER = 0.35  # what is seen at the border says less of one place the farther away it is
_MOST_FALL = 0.35  # of the border's tone: nearly a stop and a quarter, either way


def spread_left(cells: Tone, weights: NDArray[np.float32], count: int, wider: float = 0.0) -> Tone:
    """``count`` new columns left of ``cells``, ``(rows, count, 3)``: the border's colours.

    ``wider``: how much wider they are blurred a cell farther away (sigma, in cells).
    """
    border = _border_colours(cells, weights)
    return np.stack([_blurred(border, wider * d) for d in range(count, 0, -1)], axis=1)


def continue_left(
    cells: Tone,
    weights: NDArray[np.float32],
    count: int,
    kriged: bool = False,
    things: bool = False,
    judged: Callable[[bool], None] = lambda foreseen: None,
) -> Tone:
    """``count`` new columns to the left of ``cells``, ``(rows, count, 3)``, as light falls off.

    Several predictors, each continuous at the border: the border's own colours blurred ever wider, and that
    plus the slope of a first- or second-order surface, as fitted or bent to leave the border with the slope
    it has there, or plus what kriging expects (``kriged``; not for cells that were blurred wide, which look
    smoother to it than light is). How much each is believed is measured: each is asked to predict a strip
    that is visible, from the part beside it. Where cells hold ``things``, whose slopes lead nowhere, slopes
    are believed by as much as they foresee better than the border's colours alone. ``judged`` is told
    whether any of them foresees the light where it can be seen.
    """
    course = kriging.measure(cells, weights) if kriged else None
    guesses = _predict_left(cells, weights, count, course)
    if things:
        guesses[0] = spread_left(cells, weights, count)
    errors = _PRIOR[: len(guesses)] + _tried(cells, weights, count, course)
    belief = errors**-3 / (errors**-3).sum()
    # Light that nothing foresees even where it is seen is not bent where it is not.
    belief *= 1 / (1 + (errors.min() / _FORESEEN) ** 2)
    if things:
        belief *= max(0.0, 1 - errors.min() / errors[0])
    belief[0] += 1 - belief.sum()
    judged(bool(errors.min() < _FORESEEN))
    return np.asarray(sum(b * g for b, g in zip(belief, guesses, strict=True)), np.float32)


def _tried(
    cells: Tone, weights: NDArray[np.float32], count: int, course: Course | None
) -> NDArray[np.float64]:
    """Each predictor's squared error, as it would be ``count`` columns away; all 0 where too little is seen.

    From strips of several widths, the widest at least half as wide as what is wanted: how light goes on over
    a few cells says nothing of where it is after many. Among the predictors of a calm backdrop is one that
    dives nowhere, and a third is enough.
    """
    least = _LEAST_TRIED if course is None else _LEAST_TRIED_KRIGED
    columns = weights.shape[1]
    errors: list[NDArray[np.float64]] = []
    for share in (1.0, 0.75, 0.5, 0.25, 0.125):
        strip = max(2, round(share * min(count, columns // 3)))
        rest = weights[:, strip:]
        held = (weights[:, :strip] > 0.3) & (_border_weight(rest) > 0.3)[:, None] if rest.size else rest > 0
        too_far = not errors and strip < least * count
        if too_far or columns < 3 * strip or held.mean() < _LEAST_HELD or (rest > 0.3).sum() < 24:
            continue
        if course is not None and not kriging.enough(rest):
            continue
        guesses = _predict_left(cells[:, strip:], rest, strip, course)
        away = [float(np.square(guess - cells[:, :strip])[held].mean()) for guess in guesses]
        errors.append(np.array(away) * (count / strip) ** 2)
    return np.mean(errors, axis=0) if errors else np.zeros(len(_PRIOR) - (course is None))


def _predict_left(cells: Tone, weights: NDArray[np.float32], count: int, course: Course | None) -> list[Tone]:
    rows, columns = weights.shape
    flat = spread_left(cells, weights, count, _WIDER)
    out = [flat]
    near = min(columns, _SLOPE_CELLS)
    inwards = np.arange(near, dtype=np.float32)[None, :, None]
    away = np.arange(count, 0, -1)[None, :, None]
    fading = _SLOPE_CELLS * (1 - np.exp(-away / _SLOPE_CELLS))
    there = (_border_weight(weights) > 0.3)[:, None]
    steepest = _STEEPER * np.abs(_border_slope(cells[:, :near], weights[:, :near])) + _LEAST_SLOPE
    for order in (1, 2):
        surface = fit_surface(cells, weights, order, Roi(0, -count, rows, near))
        rise = surface[:, :count] - surface[:, count : count + 1]
        bend = _border_slope(cells[:, :near] - surface[:, count:], weights[:, :near])[:, None]
        for fall, seen in (
            (rise, surface[:, count:]),
            (rise - bend * fading, surface[:, count:] + bend * inwards),
        ):
            # The border's colour is a mean over some cells; this brings it to the outermost one.
            outermost = np.where(there, seen[:, 0] - _near_border(seen, weights), 0)
            sigma = max(3.0, rows / 10)
            fall = _no_steeper(fall, steepest) + _blurred(outermost, sigma)[:, None]
            out.append(flat + _bounded(fall, _MOST_FALL * flat))
    if course is not None:
        expected = kriging.foresee_left(cells, weights, course, count)
        fall = _no_steeper(expected[:, :-1] - expected[:, -1:], steepest)
        out.append(flat + _bounded(fall, _MOST_FALL * flat))
    return out


def _bounded(fall: Tone, most: Tone) -> Tone:
    """``fall``, bent so that it nears ``most`` and never passes it: a limit that is met leaves a crease."""
    most = np.maximum(most, np.float32(1e-4))
    return np.asarray(fall / np.cbrt(1 + np.abs(fall / most) ** 3), np.float32)


def _no_steeper(fall: Tone, steepest: Tone) -> Tone:
    """``fall`` ``(rows, count, 3)``, 0 at the border at its right, with no step larger than ``steepest``
    ``(rows, 3)``: a surface that fits well where it is seen may dive where it is not.
    """
    outwards = fall[:, ::-1]
    steps = np.diff(outwards, axis=1, prepend=np.float32(0))
    return np.asarray(
        np.cumsum(np.clip(steps, -steepest[:, None], steepest[:, None]), axis=1)[:, ::-1], np.float32
    )


def _border_slope(cells: Tone, weights: NDArray[np.float32]) -> Tone:
    """The rise per cell towards the right at the left border, ``(rows, 3)``, steadied along it."""
    x = np.arange(cells.shape[1], dtype=np.float32)
    total = weights.sum(axis=1)
    mean_x = (weights * x).sum(axis=1) / np.maximum(total, 1e-6)
    off = x[None] - mean_x[:, None]
    up = (weights[..., None] * off[..., None] * cells).sum(axis=1)
    down = (weights * off * off).sum(axis=1)
    sigma = max(3.0, len(cells) / 10)
    spread = _blurred(np.repeat(down[:, None], 3, axis=1), sigma)
    return np.asarray(_blurred(up, sigma) / np.maximum(spread, 1e-3), np.float32)


def _border_weight(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much backdrop stands at each row of the left border, 0..1."""
    near = _nearness(weights)
    return np.asarray((weights[:, : len(near)] * near).sum(axis=1) / near.sum(), np.float32)


def _nearness(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.exp(-np.arange(min(6, weights.shape[1])) / 0.8), np.float32)


def _border_colours(cells: Tone, weights: NDArray[np.float32]) -> Tone:
    """One colour a row at the left border, ``(rows, 3)``; unseen rows are filled from neighbours."""
    mean = _near_border(cells, weights)
    rows, seen = np.arange(len(mean)), _border_weight(weights) > 0.3
    if not seen.any():
        return np.broadcast_to(np.median(cells[weights > 0], axis=0), mean.shape).astype(np.float32)
    return np.stack([np.interp(rows, rows[seen], mean[seen, c]) for c in range(3)], axis=-1).astype(
        np.float32
    )


def _near_border(cells: Tone, weights: NDArray[np.float32]) -> Tone:
    """The mean of each row's outermost cells, ``(rows, 3)``; 0 where none of them is seen."""
    near = _nearness(weights)
    w = weights[:, : len(near)] * near
    return np.asarray(
        (cells[:, : len(near)] * w[..., None]).sum(axis=1) / np.maximum(w.sum(axis=1), 1e-6)[:, None],
        np.float32,
    )


def _blurred(profile: Tone, sigma: float) -> Tone:
    """Gaussian blur along a profile ``(rows, 3)``."""
    if sigma < 0.3:
        return profile
    size = 2 * int(np.ceil(3 * sigma)) + 1
    kernel = cv2.getGaussianKernel(size, sigma, cv2.CV_32F)
    return np.asarray(
        cv2.filter2D(profile[:, None], -1, kernel, borderType=cv2.BORDER_REPLICATE)[:, 0], np.float32
    )
