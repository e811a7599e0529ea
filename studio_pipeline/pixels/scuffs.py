"""Scuffs: larger faint smudges on an area that should be plain, and the light that takes them out.

A scuff is found as a spot is, alone among all that surrounds it, on a picture so small that grain is
gone. What is taken out of it is only what its surroundings do not have: in each octave, the part of its
deviation that exceeds their texture (Wiener 1949). The texture of its own pixels stays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.color import Linear, to_lab
from studio_pipeline.pixels.light import Tone, fit_surface, to_tone
from studio_pipeline.pixels.masks import Mask, grow
from studio_pipeline.pixels.poisson import laplace
from studio_pipeline.pixels.spots import CHROMA_WEIGHT, Scale, candidates, outlier_of, responses

_CORE_SHARE = 0.4  # of the peak: what belongs to a scuff's core
_SKIRT_PX = 3
_MOST = 12  # more than this in one picture are its texture
_ENOUGH_RING = 60
_BANDS = ((1.0, 3.0), (2.0, 2.0), (4.0, 1.5))  # sigma, and how often the texture beside has to be exceeded
_CALM = 3.0  # its peak over the strongest twentieth of what lies around it
_HARD = 0.25  # of its contrast from one pixel to the next, along most of its rim: a thing, a letter
_GAINS = (0.5, 2.0)


@dataclass(frozen=True, eq=False)
class Scuff:
    """``gain``: what brings its light back, ``(h, w, 3)`` over ``roi``, 1 at the rim; ``contrast`` in L*."""

    roi: Roi
    gain: NDArray[np.float32]
    contrast: float
    outlier: float


def find(
    lab: NDArray[np.float32],
    linear: Linear,
    plain: Mask,
    *,
    max_radius_px: float,
    min_outlier: float,
    contrast: tuple[float, float],
) -> list[Scuff]:
    """Scuffs that lie wholly on plain area, strongest first; none where there are many alike.

    Args:
        lab: ``(H, W, 3)`` float32 CIELAB of the picture, in which edges are judged.
        linear: ``(h, w, 3)`` float32, the same so small that a scuff is some 3 to 30 pixels large.
        plain: ``(h, w)``, True where scuffs may be and what they are compared with.
        max_radius_px: half of the longest side of the largest one, in small pixels.
        contrast: least and most difference from what surrounds it, L*; chroma counts a third.
    """
    weights = np.array([1, CHROMA_WEIGHT, CHROMA_WEIGHT], np.float32)
    small, tone = to_lab(linear) * weights, to_tone(linear)
    found: list[tuple[Scuff, Scale, float]] = []
    taken = np.zeros_like(plain)
    for y, x, scale in candidates(responses(small, plain, max_radius_px)):
        alone = 0.0 if taken[y, x] else outlier_of(scale, plain, y, x)
        core = _core(small, plain, y, x, scale, max_radius_px, contrast) if alone >= min_outlier else None
        if core is None:
            continue
        at = core.window.within(Roi.of(Extent(*plain.shape)))
        taken[at] |= grow(core.mask, _SKIRT_PX)
        if _hard(lab, core, lab.shape[0] / plain.shape[0]):
            continue
        if len(found) == _MOST:
            return []
        found.append((_corrected(tone[at], plain[at], core, alone), scale, float(scale.strength[y, x])))
    others = plain & ~taken
    return [scuff for scuff, scale, peak in found if not _common(scale.strength[others], peak)]


def _common(strength: NDArray[np.float32], peak: float) -> bool:
    """Whether much else in the picture stands out half as much: then it is the set that looks so."""
    return bool(strength.size and np.quantile(strength, 0.99) > peak / 2)


@dataclass(frozen=True, eq=False)
class _Core:
    """What surely belongs to a scuff, in a window; ``colour``: the unit of its difference in weighted Lab."""

    window: Roi
    mask: Mask
    colour: NDArray[np.float32]
    peak: float


def _core(
    lab: NDArray[np.float32],
    plain: Mask,
    y: int,
    x: int,
    scale: Scale,
    max_radius_px: float,
    contrast: tuple[float, float],
) -> _Core | None:
    """The core of the scuff at a place; nothing for what is none."""
    whole = Roi.of(Extent(*plain.shape))
    window = Roi(y, x, y + 1, x + 1).grown(math.ceil(2 * max_radius_px) + _SKIRT_PX) & whole
    at = window.within(whole)
    near = plain[at]
    surface = fit_surface(lab[at], near.astype(np.float32), 2, Roi.of(Extent(*near.shape)))
    difference = (lab[at] - surface) * near[..., None]
    py, px = y - window.y0, x - window.x0
    rows, columns = np.ogrid[: near.shape[0], : near.shape[1]]
    middle = np.hypot(rows - py, columns - px) <= max(1.0, scale.sigma_px)
    colour = difference[middle].mean(axis=0)
    colour /= max(float(np.linalg.norm(colour)), 1e-6)
    signal = difference @ colour
    soft = cv2.GaussianBlur(signal, (0, 0), max(0.7, 0.5 * scale.sigma_px))
    peak, noise = float(soft[middle].max()), 1.4826 * float(np.median(np.abs(soft[near])))
    if not contrast[0] <= peak <= contrast[1]:
        return None
    _, parts = cv2.connectedComponents((soft > max(_CORE_SHARE * peak, 3 * noise)).astype(np.uint8))
    core = (parts == parts[py, px]) & (parts[py, px] > 0)
    reached = grow(core, _SKIRT_PX)
    if not core.any() or not near[reached].all() or _at_rim(reached):
        return None
    ys, xs = np.nonzero(core)
    if max(np.ptp(ys), np.ptp(xs)) > 2 * max_radius_px:
        return None
    ring = near & ~grow(core, 2 * _SKIRT_PX)
    if np.count_nonzero(ring) < _ENOUGH_RING or peak < _CALM * float(np.quantile(np.abs(soft[ring]), 0.95)):
        return None
    return _Core(window, core, colour, peak)


def _at_rim(mask: Mask) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def _hard(lab: NDArray[np.float32], core: _Core, factor: float) -> bool:
    """Whether its rim is a step: things, letters and prints have one, smudges fade."""
    window = core.window.scaled(factor) & Roi.of(Extent(*lab.shape[:2]))
    weights = np.array([1, CHROMA_WEIGHT, CHROMA_WEIGHT], np.float32) * core.colour
    signal = cv2.GaussianBlur(lab[window.within(Roi.of(Extent(*lab.shape[:2])))] @ weights, (0, 0), 0.7)
    steps = np.hypot(cv2.Sobel(signal, cv2.CV_32F, 1, 0), cv2.Sobel(signal, cv2.CV_32F, 0, 1)) / 8
    size = (window.extent.width, window.extent.height)
    mask = cv2.resize(core.mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).view(np.bool_)
    reach = 2 * math.ceil(1.5 * factor) + 1
    steepest = cv2.dilate(steps, np.ones((reach, reach), np.uint8))
    rim, around = mask & ~grow(mask, -1), ~grow(mask, math.ceil(3 * factor))
    grain = float(np.median(steepest[around])) if around.any() else 0.0
    edge = float(np.median(steepest[rim]))
    return edge * edge - grain * grain > (_HARD * core.peak) ** 2


def _corrected(tone: Tone, plain: Mask, core: _Core, alone: float) -> Scuff:
    """The gain over a window cut to what it changes."""
    region, whole = grow(core.mask, _SKIRT_PX), Roi.of(Extent(*plain.shape))
    ring = plain & ~grow(core.mask, _SKIRT_PX + 1)
    mean = _mean_where(tone, plain & ~region, 2.0)
    surface = laplace(np.where(region[..., None], tone, mean).astype(np.float32), region)
    deviation = np.where(region[..., None], tone - surface, 0).astype(np.float32)
    aside = np.where(ring[..., None], tone - mean, 0).astype(np.float32)
    ramp = np.clip(cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, 3) / _SKIRT_PX, 0, 1)
    smooth = np.maximum(cv2.GaussianBlur(tone, (0, 0), 1.0), 1e-3)
    gain = np.square(1 - _excess(deviation, aside, ring) * ramp[..., None] / smooth)
    ys, xs = np.nonzero(region)
    inner = Roi(int(ys.min()), int(xs.min()), int(ys.max()) + 1, int(xs.max()) + 1).grown(2) & whole
    gain = np.clip(gain[inner.within(whole)], *_GAINS).astype(np.float32)
    return Scuff(inner.shifted(core.window.y0, core.window.x0), gain, core.peak, alone)


def _mean_where(tone: Tone, mask: Mask, sigma_px: float) -> Tone:
    weight = mask.astype(np.float32)
    share = cv2.GaussianBlur(weight, (0, 0), sigma_px)
    total = cv2.GaussianBlur(tone * weight[..., None], (0, 0), sigma_px)
    return np.asarray(np.where(share[..., None] > 1e-3, total / np.maximum(share, 1e-3)[..., None], tone))


def _excess(deviation: Tone, aside: Tone, ring: Mask) -> Tone:
    """What a deviation has more than ``aside``, the texture beside it, octave by octave."""
    out = np.zeros_like(deviation)
    finer, finer_aside = deviation, aside
    for sigma, times in _BANDS:
        coarser = np.asarray(cv2.GaussianBlur(deviation, (0, 0), sigma), np.float32)
        coarser_aside = np.asarray(cv2.GaussianBlur(aside, (0, 0), sigma), np.float32)
        band, own = finer - coarser, (finer_aside - coarser_aside)[ring]
        typical = np.mean(np.square(own), axis=0)
        energy = cv2.GaussianBlur(np.square(band), (0, 0), 2 * sigma)
        out += band * np.clip(1 - times * typical / np.maximum(energy, 1e-12), 0, 1)
        finer, finer_aside = coarser, coarser_aside
    return np.asarray(out + finer, np.float32)
