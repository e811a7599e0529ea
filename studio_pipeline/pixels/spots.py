"""Find isolated flaws on an area that should be plain: dust, lint, sensor spots.

A spot is an outlier of its surroundings. Grain, mottle and canvas have many places alike, a line or a stand
reaches on, a pattern repeats; dust stands alone. So the strength of each blob is compared with the strongest
percent of everything around it at the same scale, which one number does for noise and texture at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels.masks import Mask

_SIGMAS_PX = (1.0, 1.7, 2.9, 4.9, 8.4)  # in near octaves: each is the next finer one's surroundings
_LEAST_TYPICAL = 0.02  # L*: smoother surroundings than this are all alike
CHROMA_WEIGHT = 1 / 3  # the eye sees fine colour differences about so much less than fine light ones
_CANDIDATE = 5.0  # in mean absolute responses; anything weaker is not even looked at
_MOST_CANDIDATES = 2000
_ENOUGH_SURROUNDINGS = 0.4  # of the ring around a spot must be plain, to judge it at all
_CORE_SHARE = 0.35  # of the peak: what belongs to the spot's core
_SKIRT_PX = 2.0  # how far a soft edge may reach beyond the core
_SKIRT_SHARE = 0.05  # of the peak: where its skirt ends
_ROUND_ENOUGH = 0.3  # area over that of the enclosing disc; a thread has less

_ALIKE, _EVENLY, _MOST_ALIKE = 1.25, 0.04, 30  # ratio of size and contrast; of a distance; of so many


@dataclass(frozen=True, slots=True)
class Blob:
    """A spot in pixels of the searched picture. ``contrast`` is at its peak, see ``find``;
    ``outlier`` its strength over that of the strongest percent around it.
    """

    y: float
    x: float
    radius_px: float
    contrast: float
    outlier: float


@dataclass(frozen=True, eq=False)
class Scale:
    sigma_px: float
    strength: NDArray[np.float32]


def find(
    lab: NDArray[np.float32],
    plain: Mask,
    *,
    max_radius_px: float,
    min_outlier: float,
    min_contrast: float,
) -> list[Blob]:
    """Spots that lie wholly on plain area, strongest first.

    Args:
        lab: ``(h, w, 3)`` float32 CIELAB.
        plain: ``(h, w)``, True where spots may be and what they are compared with.
        max_radius_px: larger ones are no dust; the radius found may be a soft edge's width more.
        min_outlier: how many times stronger than the strongest percent of its surroundings a spot must be.
        min_contrast: distance from its surroundings that makes it worth a heal, in L*; chroma counts a third.
    """
    lab = lab * np.array([1, CHROMA_WEIGHT, CHROMA_WEIGHT], np.float32)
    found: list[Blob] = []
    for y, x, scale in candidates(responses(lab, plain, max_radius_px)):
        if any(np.hypot(y - b.y, x - b.x) < b.radius_px + 1 for b in found):
            continue
        outlier = outlier_of(scale, plain, y, x)
        measured = _measure(lab, plain, y, x, scale, max_radius_px) if outlier >= min_outlier else None
        if measured is not None and measured[3] >= min_contrast:
            found.append(Blob(*measured, outlier))
    return found


def standing_alone(blobs: Sequence[Blob]) -> list[Blob]:
    """Without what repeats: three alike at even distances in a line (buttons, studs, stitches, a pattern).

    Where there are more than thirty alike, all of them are the cloth's own.
    """
    at = np.array([b.y + 1j * b.x for b in blobs], np.complex128)
    size = np.array([(b.radius_px, b.contrast) for b in blobs], np.float64).reshape(-1, 2)
    ratios = size[:, None] / size
    alike = ((ratios > 1 / _ALIKE) & (ratios < _ALIKE)).all(axis=2) & ~np.eye(len(blobs), dtype=np.bool_)
    repeats = np.count_nonzero(alike, axis=1) >= _MOST_ALIKE
    for k, own in enumerate(alike):
        around = np.flatnonzero(own)
        # Where it is known of this one, only lines that say it of yet another matter: few are left then.
        asked = around[~repeats[around]] if repeats[k] else around
        for middles, thirds in ((around, asked), (asked, around)):
            lines = _in_line(at[k], at[middles], at[thirds]) & (middles[:, None] != thirds)
            repeats[k] |= lines.any()
            repeats[middles[lines.any(axis=1)]] = True
            repeats[thirds[lines.any(axis=0)]] = True
    return [blob for blob, is_repeated in zip(blobs, repeats, strict=True) if not is_repeated]


def _in_line(
    one: np.complex128, middles: NDArray[np.complex128], thirds: NDArray[np.complex128]
) -> NDArray[np.bool_]:
    """``(middles, thirds)``: whether a third lies as far beyond a middle as that lies from ``one``."""
    reach = np.maximum(1.0, _EVENLY * np.abs(middles - one))
    beyond = 2 * middles - one
    return np.asarray(np.abs(beyond[:, None] - thirds) < reach[:, None], np.bool_)


def responses(lab: NDArray[np.float32], plain: Mask, max_radius_px: float) -> list[Scale]:
    """Differences of Gaussians, each channel over its own mean strength around, joined over the channels.

    Only plain area has a part in them (normalised convolution), so nothing leaks in from the person.
    """
    weight = plain.astype(np.float32)
    planes = [lab[..., channel] * weight for channel in range(3)] + [weight]
    scales, sigma = [], 0.0
    finer: list[NDArray[np.float32]] = []
    for coarser_sigma in _SIGMAS_PX:
        step = float(np.sqrt(coarser_sigma**2 - sigma**2))
        planes = [_blur(plane, step) for plane in planes]
        share = np.maximum(planes[3], 1e-3)
        coarser = [plane / share for plane in planes[:3]]
        if finer:
            scales.append(Scale(sigma, _strength(finer, coarser, weight, sigma)))
        if coarser_sigma > max(1.0, max_radius_px):
            break
        finer, sigma = coarser, coarser_sigma
    return scales


def _strength(
    finer: list[NDArray[np.float32]],
    coarser: list[NDArray[np.float32]],
    weight: NDArray[np.float32],
    sigma: float,
) -> NDArray[np.float32]:
    window = 2 * round(16 * sigma) + 1
    share = np.maximum(cv2.boxFilter(weight, -1, (window, window)), 1e-3)
    squares = np.zeros(weight.shape, np.float32)
    for fine, coarse in zip(finer, coarser, strict=True):
        response = np.abs(fine - coarse) * weight
        # Capped, so that a strong flaw does not raise what it is measured by.
        calm = np.minimum(response, 6 * response.sum() / max(weight.sum(), 1.0))
        typical = cv2.boxFilter(calm, -1, (window, window)) / share
        squares += np.square(response / np.maximum(typical, _LEAST_TYPICAL))
    return np.asarray(np.sqrt(squares / 3), np.float32)


def _blur(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    size = 2 * int(np.ceil(3 * sigma)) + 1
    return np.asarray(cv2.GaussianBlur(plane, (size, size), sigma), np.float32)


def candidates(scales: Sequence[Scale]) -> list[tuple[int, int, Scale]]:
    """Local maxima in place, each at the scale where it is strongest first."""
    rows: list[tuple[float, int, int, Scale]] = []
    for scale in scales:
        reach = 2 * round(2 * scale.sigma_px) + 1
        peak = cv2.dilate(scale.strength, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
        ys, xs = np.nonzero((scale.strength >= peak) & (scale.strength > _CANDIDATE))
        rows += [(float(scale.strength[y, x]), int(y), int(x), scale) for y, x in zip(ys, xs, strict=True)]
    rows.sort(key=lambda row: (-row[0], row[1], row[2]))
    return [(y, x, scale) for _, y, x, scale in rows[:_MOST_CANDIDATES]]


def outlier_of(scale: Scale, plain: Mask, y: int, x: int) -> float:
    """The peak over the 99th percentile of what lies around it; 0 where too little of that is plain."""
    near, far = 4 * scale.sigma_px + 2, 12 * scale.sigma_px + 24
    window = _window(plain.shape, y, x, far)
    distance = _distance(window, y, x)
    around = scale.strength[window][(distance > near) & (distance <= far) & plain[window]]
    if around.size < _ENOUGH_SURROUNDINGS * np.pi * (far**2 - near**2):
        return 0.0
    return float(scale.strength[y, x] / max(np.quantile(around, 0.99), 1.0))


def _measure(
    lab: NDArray[np.float32], plain: Mask, y: int, x: int, scale: Scale, max_radius_px: float
) -> tuple[float, float, float, float] | None:
    """Centre (y, x), radius and contrast; None for a thread, a flaw too large, or one not wholly on plain.

    All from one signal: the difference from the surroundings along the flaw's own colour.
    """
    most_px = max_radius_px + _SKIRT_PX
    reach = 2 * most_px + 4
    window = _window(plain.shape, y, x, reach)
    distance = _distance(window, y, x)
    ring = (distance > most_px + 1) & (distance <= reach) & plain[window]
    if np.count_nonzero(ring) < 16:
        return None
    difference = lab[window] - np.median(lab[window][ring], axis=0)
    colour = difference[distance <= scale.sigma_px].mean(axis=0)
    sharp = difference @ (colour / max(float(np.linalg.norm(colour)), 1e-6))
    signal = cv2.GaussianBlur(sharp, (0, 0), 0.5 * scale.sigma_px)
    peak, noise = float(signal[distance <= 1.5].max()), float(signal[ring].std())

    _, parts = cv2.connectedComponents((signal > max(_CORE_SHARE * peak, 2 * noise)).astype(np.uint8))
    part = parts[distance == 0][0]
    core = parts == part
    if part == 0 or (core & ring).any():
        return None
    rows, columns = np.nonzero(core)
    cy, cx = float(rows.mean()) + window[0].start, float(columns.mean()) + window[1].start
    distance = _distance(window, cy, cx)
    core_px = float(distance[core].max()) + 0.5
    if core_px > max_radius_px or np.count_nonzero(core) < _ROUND_ENOUGH * np.pi * core_px**2:
        return None
    radius_px = _skirt(sharp, distance, core_px, peak, float(sharp[ring].std()))
    if radius_px > most_px or not plain[window][distance <= radius_px + 1].all():
        return None
    return cy, cx, radius_px, peak


def _skirt(
    signal: NDArray[np.float32], distance: NDArray[np.float64], core_px: float, peak: float, noise: float
) -> float:
    """The radius at which the mean around the circle has sunk into the surroundings."""
    radius = core_px
    while radius < distance.max():
        circle = signal[(distance > radius) & (distance <= radius + 1)]
        if circle.size == 0 or circle.mean() < max(_SKIRT_SHARE * peak, 2 * noise / np.sqrt(circle.size)):
            break
        radius += 1
    return radius + 0.5


def _window(shape: tuple[int, ...], y: float, x: float, reach: float) -> tuple[slice, slice]:
    top, left = max(0, int(y - reach)), max(0, int(x - reach))
    return slice(top, min(shape[0], int(y + reach) + 2)), slice(left, min(shape[1], int(x + reach) + 2))


def _distance(window: tuple[slice, slice], y: float, x: float) -> NDArray[np.float64]:
    rows, columns = np.ogrid[window]
    return np.asarray(np.hypot(rows - y, columns - x), np.float64)
