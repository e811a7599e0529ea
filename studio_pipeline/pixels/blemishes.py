"""Find small isolated spots on the skin of one face, and tell what passes from what stays.

Skin is seen as pigments act: in optical density, the logarithm of light, in which haemoglobin and melanin add
up (N. Tsumura et al., SIGGRAPH 2003), so that a spot is as strong on dark skin as on light. At each scale the
three channels' differences of Gaussians are whitened by how they vary over this very skin (an adaptive
matched filter for the colour of blood): pores, stubble, freckles and grain are then noise, and what differs
from them stands out. Folds and lashes reach on to both sides; a blemish does not.
`benchmarks/learn_blemishes.py` found the weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels.color import Linear, to_lab
from studio_pipeline.pixels.masks import Mask

Floats = NDArray[np.float32]

_DARKEST = 2e-3  # of white: darker light is grain
_FINEST_PX, _STEP = 0.75, 1.3  # sigma, and from scale to scale
_CORE = 0.42  # sigma over the radius at which a spot's rim ends
_SURROUND = 2.6  # the wider Gaussian's sigma over the finer one's
_TRIMMED = 0.95  # share of the skin that says how it varies
_TRIM_GAIN = 1.25  # what a normal spread lacks then
_CALM = 3.0  # medians: stronger responses do not raise what they are measured by
_WINDOW, _LEAST_SPREAD = 14, 0.7  # sigmas around; of the face's median
_BLOOD = np.array([0.53, 0.56, -0.2], np.float32)
"""Haemoglobin in mean density, green less red, blue less green."""
_CANDIDATE = 2.5  # spreads of the skin
_DIRECTIONS = 8  # each with its opposite
_RINGS = (2.6, 3.6)  # sigmas

MIN_CONTRAST = 2.0
"""CIEDE2000 from core to surroundings; weaker spots are not seen."""
_REDNESS, _BROWNNESS = 0.27, 0.6
"""Green less red over the mean, at least; blue less green over that, at most. Blood takes green from light
and leaves red; what is brown or grey takes all three."""
_LEAST_ODDS = -0.5  # logarithm
_STRONG, _DARK, _LINE = 6.0, 6.0, 0.75  # CIEDE2000, spreads: weaker lines drown in grain; of the peak
_ALIKE, _MOST_ALIKE = 0.6, 30  # of a spot's contrast; so many such on a face are no spots
_RIM, _SUNK = 0.1, 0.6  # of the peak: where a rim ends, and what is still there beyond a spot that is larger
_MARK, _MARK_CONTRAST, _MARK_REACHES_ON = 6.0, 3.0, 0.5

WEIGHTS = {
    "strength": 2.922,
    "reaches_on": -1.437,
    "surrounded": -6.618,
    "blood_like": 3.561,
    "contrast": 4.089,
    "light_spread": -0.502,
    "red_spread": -1.584,
    "dark": 0.213,
    "dark_line": -1.091,
}
BIAS = -11.854


@dataclass(frozen=True, slots=True)
class Blemish:
    """A spot in pixels. ``contrast``: CIEDE2000 from its core to what is around; ``radius_px``: to its rim.

    ``passes``: by its colour it is blood's, which passes; else it counts as a lasting mark.
    """

    y: float
    x: float
    radius_px: float
    contrast: float
    likelihood: float
    passes: bool


@dataclass(frozen=True, eq=False)
class Scale:
    """Differences of Gaussians ``(h, w, 3)`` in density, and what they say.

    ``blood``: along haemoglobin, in spreads of the skin around. ``unlike``: in any direction. ``dark``: in
    mean density alone. Each ``(h, w)``.
    """

    sigma_px: float
    response: Floats
    blood: Floats
    unlike: Floats
    dark: Floats


@dataclass(frozen=True)
class Traits:
    """What is known of a candidate, before anything is decided; ``vector`` is what the weights are for."""

    y: int
    x: int
    sigma_px: float
    strength: float
    unlike: float
    reaches_on: float
    surrounded: float
    dark: float
    dark_line: float
    contrast: float
    light_spread: float
    red_spread: float
    redness: float
    brownness: float

    @property
    def vector(self) -> dict[str, float]:
        return {
            "strength": math.log(self.strength),
            "reaches_on": self.reaches_on,
            "surrounded": self.surrounded,
            "blood_like": self.strength / max(self.unlike, 1e-3),
            "contrast": math.log(self.contrast + 0.3),
            "light_spread": math.log(self.light_spread + 0.1),
            "red_spread": math.log(self.red_spread + 0.1),
            "dark": float(np.clip(self.dark, -6, 10)),
            "dark_line": float(np.clip(self.dark_line, -4, 8)),
        }

    @property
    def likelihood(self) -> float:
        """The logarithm of the odds that it is a blemish."""
        return BIAS + sum(WEIGHTS[name] * value for name, value in self.vector.items())

    @property
    def passes(self) -> bool:
        return self.redness >= _REDNESS and self.brownness <= _BROWNNESS


def find(linear: Linear, skin: Mask, largest_px: float, sensitivity: float = 1.0) -> list[Blemish]:
    """The spots of one face, the likeliest blemish first, then the strongest lasting marks.

    Args:
        linear: ``(h, w, 3)`` linear Rec.2020, the face at plan scale.
        skin: ``(h, w)``, its open skin; spots lie wholly on it and are compared with it.
        largest_px: the largest radius that counts as a spot, to its rim's end.
        sensitivity: 1 as learned; odds of a blemish are multiplied by its fourth power.
    """
    if np.count_nonzero(skin) < 400:
        return []
    face = Searched(linear, skin, largest_px)
    least = _LEAST_ODDS - 4 * math.log(sensitivity)
    likely = [t for t in face.traits() if t.passes and t.likelihood > least]
    found = [_spot(face, t, True) for t in _standing_out(likely)]
    found.sort(key=lambda spot: -spot.likelihood)
    kept: list[Blemish] = []
    for spot in [*found, *(_spot(face, t, False) for t in face.marks())]:
        spot = replace(spot, radius_px=min(spot.radius_px, largest_px)) if spot.radius_px < math.inf else spot
        if spot.radius_px <= largest_px and not any(_meet(spot, other) for other in kept):
            kept.append(spot)
    return kept


def _standing_out(likely: Sequence[Traits]) -> list[Traits]:
    """Without those that a face has many of, as on freckled or reddened skin: they are its look."""
    contrasts = np.array([one.contrast for one in likely])
    return [t for t in likely if np.count_nonzero(contrasts >= _ALIKE * t.contrast) <= _MOST_ALIKE]


def _meet(one: Blemish, other: Blemish) -> bool:
    return math.hypot(one.y - other.y, one.x - other.x) < max(one.radius_px, other.radius_px) + 1


class Searched:
    """One face's skin, ready to be looked through at every scale."""

    def __init__(self, linear: Linear, skin: Mask, largest_px: float) -> None:
        self.skin, self.lab = skin, to_lab(linear)
        self.scales = scales(densities(linear), skin, largest_px)
        self.room: Floats = np.asarray(
            cv2.distanceTransform(skin.astype(np.uint8), cv2.DIST_L2, 5), np.float32
        )

    def traits(self) -> Iterator[Traits]:
        """Of every place that is red, seen, and far enough inside the skin."""
        yield from self._traits([scale.blood for scale in self.scales], _CANDIDATE)

    def marks(self) -> Iterator[Traits]:
        """Dark spots that are not blood's, the strongest first."""
        for traits in self._traits([scale.unlike for scale in self.scales], _MARK):
            alone = traits.reaches_on < _MARK_REACHES_ON
            if not traits.passes and traits.dark > 0 and alone and traits.contrast >= _MARK_CONTRAST:
                yield traits

    def _traits(self, maps: Sequence[Floats], least: float) -> Iterator[Traits]:
        for k, y, x in peaks(maps, self.skin, least):
            scale = self.scales[k]
            if self.room[y, x] <= scale.sigma_px / _CORE + 1:
                continue
            contrast, light_spread, red_spread = self._contrast(y, x, scale.sigma_px / _CORE)
            mean, red, blue = (float(v) for v in scale.response[y, x])
            if contrast < MIN_CONTRAST:
                continue
            reaches_on, surrounded = _around(maps[k], scale.sigma_px, y, x)
            yield Traits(
                y,
                x,
                scale.sigma_px,
                max(float(scale.blood[y, x]), 0.1),
                float(scale.unlike[y, x]),
                reaches_on,
                surrounded,
                float(scale.dark[y, x]),
                _line(scale.dark, 3.0 * scale.sigma_px, y, x),
                contrast,
                light_spread,
                red_spread,
                redness=red / (abs(mean) + 0.01),
                brownness=blue / max(red, 1e-4),
            )

    def _contrast(self, y: int, x: int, radius_px: float) -> tuple[float, float, float]:
        """CIEDE2000 between the middle and the ring around, and the ring's spread in L* and a*."""
        window, distance = around(self.skin.shape, y, x, 2 * radius_px + 3)
        lab = self.lab[window]
        middle = lab[distance <= max(1.0, 0.5 * radius_px)].mean(axis=0)
        ring = lab[(distance > radius_px + 0.5) & (distance <= 1.6 * radius_px + 2) & self.skin[window]]
        if len(ring) < 6:
            return 0.0, 1.0, 1.0
        from skimage.color import deltaE_ciede2000

        spread = ring.std(axis=0)
        contrast = deltaE_ciede2000(middle[None], np.median(ring, axis=0)[None])[0]
        return float(contrast), float(spread[0]), float(spread[1])


def densities(linear: Linear) -> Floats:
    """``(h, w, 3)`` linear Rec.2020 as density (natural logs): mean, green less red, blue less green."""
    red, green, blue = np.moveaxis(-np.log(np.maximum(linear, np.float32(_DARKEST))), -1, 0)
    return np.stack([(red + green + blue) / 3, green - red, blue - green], axis=-1)


def scales(density: Floats, skin: Mask, largest_px: float) -> list[Scale]:
    weight = skin.astype(np.float32)
    out, sigma = list[Scale](), _FINEST_PX
    while sigma <= 1.05 * _CORE * largest_px or not out:
        out.append(_scale(density, weight, skin, sigma))
        sigma *= _STEP
    return out


def _scale(density: Floats, weight: Floats, skin: Mask, sigma: float) -> Scale:
    response = _blurred(density, weight, sigma) - _blurred(density, weight, _SURROUND * sigma)
    inverse = np.linalg.inv(_covariance(response[skin])).astype(np.float32)
    towards = inverse @ _BLOOD
    blood = response @ (towards / np.sqrt(_BLOOD @ towards))
    unlike = np.sqrt(np.maximum(np.einsum("hwi,ij,hwj->hw", response, inverse, response), 0))
    # 0.8 and 1.5: mean size of a normal variable, and mean length of three.
    over = (_over_spread(values, weight, skin, sigma) for values in (blood, unlike, response[..., 0]))
    return Scale(sigma, response, 0.8 * next(over), 1.5 * next(over), 0.8 * next(over))


def _blurred(values: Floats, weight: Floats, sigma: float) -> Floats:
    """Only skin has a part in it (normalised convolution)."""
    share = np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-4)
    return np.asarray(
        cv2.GaussianBlur(values * weight[..., None], (0, 0), sigma) / share[..., None], np.float32
    )


def _covariance(values: Floats) -> NDArray[np.float64]:
    """Of ``(n, 3)``, without what is farthest out."""
    still = 1e-9 * np.eye(3)
    found = np.cov(values.T) + still
    for _ in range(3):
        unlike = np.einsum("ni,ij,nj->n", values, np.linalg.inv(found), values)
        found = _TRIM_GAIN * np.cov(values[unlike <= np.quantile(unlike, _TRIMMED)].T) + still
    return found


def _over_spread(values: Floats, weight: Floats, skin: Mask, sigma: float) -> Floats:
    window = (2 * round(_WINDOW * sigma) + 1,) * 2
    size = np.abs(values) * weight
    calm = np.minimum(size, _CALM * np.median(size[skin]))
    spread = cv2.boxFilter(calm, -1, window) / np.maximum(cv2.boxFilter(weight, -1, window), 1e-3)
    return np.asarray(
        values * weight / np.maximum(spread, _LEAST_SPREAD * np.median(spread[skin]) + 1e-9), np.float32
    )


def peaks(maps: Sequence[Floats], skin: Mask, least: float) -> Iterator[tuple[int, int, int]]:
    """Places (scale, y, x) that are the strongest around, over all scales, strongest first."""
    strongest, at = np.max(maps, axis=0), np.argmax(maps, axis=0)
    beside = cv2.dilate(strongest, np.ones((5, 5), np.uint8))
    ys, xs = np.nonzero((strongest >= beside) & (strongest > least) & skin)
    for k in np.argsort(-strongest[ys, xs], kind="stable"):
        yield int(at[ys[k], xs[k]]), int(ys[k]), int(xs[k])


def _ring(values: Floats, distance_px: float, y: int, x: int) -> Floats:
    angles = np.arange(2 * _DIRECTIONS) * math.pi / _DIRECTIONS
    ys = np.clip(np.rint(y + distance_px * np.sin(angles)).astype(int), 0, values.shape[0] - 1)
    xs = np.clip(np.rint(x + distance_px * np.cos(angles)).astype(int), 0, values.shape[1] - 1)
    return np.asarray(values[ys, xs], np.float32)


def _line(values: Floats, distance_px: float, y: int, x: int) -> float:
    """The strongest line through a place: the weaker of its two ends."""
    ring = _ring(values, distance_px, y, x)
    return float(np.minimum(ring[:_DIRECTIONS], ring[_DIRECTIONS:]).max())


def _around(values: Floats, sigma: float, y: int, x: int) -> tuple[float, float]:
    """Over the peak: the strongest line through it, and what five of sixteen places around it reach."""
    peak = float(values[y, x])
    line = max(_line(values, ring * sigma, y, x) for ring in _RINGS)
    several = max(float(np.sort(_ring(values, ring * sigma, y, x))[-5]) for ring in _RINGS)
    return max(line, 0.0) / peak, max(several, 0.0) / peak


def _spot(face: Searched, traits: Traits, passes: bool) -> Blemish:
    """Its middle and its rim, from how far its own colour reaches."""
    guess = traits.sigma_px / _CORE
    window, distance = around(face.skin.shape, traits.y, traits.x, 3 * guess + 4)
    lab, ring = face.lab[window], face.skin[window] & (distance > 1.7 * guess + 1)
    away = lab - np.median(lab[ring], axis=0) if ring.any() else lab * 0
    colour = away[distance <= max(1.0, 0.4 * guess)].mean(axis=0)
    signal = away @ (colour / max(float(np.linalg.norm(colour)), 1e-6))
    strong = traits.contrast > _STRONG or traits.dark > _DARK
    if strong and _runs_out(signal, distance, guess):
        return Blemish(traits.y, traits.x, math.inf, traits.contrast, traits.likelihood, passes)
    near = (distance <= max(1.5, 0.7 * guess)) & (signal > 0)
    weight = np.where(near, signal, 0)
    rows, columns = np.nonzero(near)
    strength = weight[near]
    y = window[0].start + float(np.average(rows, weights=strength)) if near.any() else traits.y
    x = window[1].start + float(np.average(columns, weights=strength)) if near.any() else traits.x
    radius = _rim(signal, _distance(window, y, x), guess, float(signal[ring].std()) if ring.any() else 0.0)
    return Blemish(y, x, radius, traits.contrast, traits.likelihood, passes)


def _runs_out(signal: Floats, distance: NDArray[np.float64], guess: float) -> bool:
    """Whether what is nearly as strong as the middle leads out of the spot, as a fold's line does."""
    middle = distance <= max(1.0, 0.6 * guess)
    line = signal > _LINE * float(signal[middle].max())
    _, parts = cv2.connectedComponents(line.astype(np.uint8), connectivity=8)
    beyond = distance > 1.7 * guess + 1.5
    return bool(np.isin(parts[beyond], np.setdiff1d(parts[middle], 0)).any())


def _rim(signal: Floats, distance: NDArray[np.float64], guess: float, noise: float) -> float:
    """The radius at which the circle's mean has sunk into what is around; infinite where it has not."""
    peak, radius, most = (
        float(signal[distance <= max(1.0, 0.4 * guess)].mean()),
        max(1.0, 0.6 * guess),
        1.3 * guess + 0.5,
    )
    while radius < most:
        circle = signal[(distance > radius - 0.5) & (distance <= radius + 0.5)]
        if circle.size and circle.mean() < max(_RIM * peak, 1.5 * noise / math.sqrt(circle.size)):
            return radius
        radius += 0.25
    beyond = signal[(distance > most - 0.5) & (distance <= most + 0.5)]
    return most if beyond.size and beyond.mean() < _SUNK * peak else math.inf


def around(
    shape: tuple[int, ...], y: float, x: float, reach: float
) -> tuple[tuple[slice, slice], NDArray[np.float64]]:
    """A window of an array around a place, and each of its pixels' distance from it."""
    top, left = max(0, int(y - reach)), max(0, int(x - reach))
    window = (slice(top, min(shape[0], int(y + reach) + 2)), slice(left, min(shape[1], int(x + reach) + 2)))
    return window, _distance(window, y, x)


def _distance(window: tuple[slice, slice], y: float, x: float) -> NDArray[np.float64]:
    rows, columns = np.ogrid[window]
    return np.asarray(np.hypot(rows - y, columns - x), np.float64)
