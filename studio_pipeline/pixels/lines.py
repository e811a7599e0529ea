"""Find thin lines that stand alone on an area that should be plain: threads, hairs, creases.

Each pixel is asked for the direction in which a thin line would run through it (second-derivative filters
that are long in one direction, after Canny 1983 and Freeman & Adelson 1991). A flaw is a line that is much
stronger than the strongest percent of everything around it; a weave, a grid or a curtain has many alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.masks import Mask, grow
from studio_pipeline.pixels.strokes import Points, Stroke

Light = NDArray[np.float32]

_DIRECTIONS = 12
_LEAST_TYPICAL = 0.03  # L*: smoother surroundings than this are all alike
_LOW, _HIGH = 1.0, 1.7  # over the strongest percent: where a line ends, and what begins one
_TAIL = 1.5  # of noise and of most textures: the strongest percent over the strongest twentieth
_MUCH_STRONGER = 2.0
_FOOT = 0.2  # of its peak: less of a line is left out
_GHOST = 1.25  # how much stronger a line is than its own ghosts
_POINT_STEP = 6  # of a path, in the pixels it was found in


@dataclass(frozen=True, slots=True)
class Look:
    """What is searched for: a line about ``2 * sigma_px`` wide, read over ``length_px``; all in pixels.

    ``least_px`` and ``most_px`` bound its length, ``straightness`` chord over path; ``inside``: whether both
    ends must lie on plain area; ``contrast``: least and most, L*; ``most_radius_px``: reach to each side;
    ``outlier``: mean strength along it over the strongest percent around.
    """

    sigma_px: float
    length_px: float
    least_px: float
    most_px: float
    straightness: float
    inside: bool
    contrast: tuple[float, float]
    most_radius_px: float
    outlier: float
    most: int = 60
    """More lines than this in one picture are its texture."""
    alone: bool = True
    """Whether a line has to stand out from all that lies around it, too, not only from the whole."""


@dataclass(frozen=True, eq=False)
class Line:
    """A line found: its path, how far it reaches to each side, its contrast (L*, signed) and its strength."""

    points: Points
    radius_px: float
    contrast: float
    outlier: float


def find(light: Light, plain: Mask, look: Look) -> list[Line]:
    """Lines on plain area, strongest first; none where there are so many that they are its texture.

    Args:
        light: ``(h, w)`` float32 L*.
        plain: ``(h, w)``, True where lines may be and what they are compared with.
    """
    flat = flattened(light, plain, 8 * look.sigma_px)
    response = _response(flat, look.sigma_px, look.length_px)
    inner = grow(plain, -math.ceil(3 * look.sigma_px))
    strength = _strength(np.abs(response), inner, 8 * look.length_px)
    seen, whole = strength[inner], Roi.of(Extent(*plain.shape))
    if not seen.size:
        return []
    typical = max(_strongest(seen[:: max(1, seen.size // 200_000)]), 1.0)
    lines: list[Line] = []
    for sign in (-1, 1):  # beside a dark line its filter sees bright ones
        strong = ((strength > _LOW * typical) & (response * sign > 0) & inner).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(strong, connectivity=8)
        for label in range(1, count):
            x, y, width, height, area = (int(v) for v in stats[label])
            if math.hypot(width, height) < look.least_px or area < look.least_px:
                continue
            window = Roi(y, x, y + height, x + width).grown(round(4 * look.length_px)) & whole
            at = window.within(whole)
            line = _judge(_Near(flat[at], strength[at], labels[at] == label, inner[at]), typical, look)
            if line is not None:
                lines.append(replace(line, points=line.points + np.array([window.y0, window.x0])))
            if len(lines) > look.most:
                return []
    return _without_ghosts(sorted(lines, key=lambda line: -line.outlier), look)


def _without_ghosts(lines: list[Line], look: Look) -> list[Line]:
    """Without the shades that a strong line's filter sees beside it and beyond its ends."""
    kept: list[Line] = []
    for line in lines:
        stronger = [other.points for other in kept if other.outlier > _GHOST * line.outlier]
        if stronger:
            away = np.concatenate(stronger)[None] - line.points[:, None]
            near = np.hypot(away[..., 0], away[..., 1]).min(axis=1) < look.length_px + 6 * look.sigma_px
            if near.mean() > 0.5:
                continue
        kept.append(line)
    return kept


def flattened(light: Light, plain: Mask, sigma_px: float) -> Light:
    """``light`` less its mean around, 0 off the plain area; only plain area has a part in it."""
    weight = plain.astype(np.float32)
    size = (2 * math.ceil(2.5 * sigma_px) + 1,) * 2
    share = cv2.GaussianBlur(weight, size, sigma_px)
    mean = cv2.GaussianBlur(light * weight, size, sigma_px) / np.maximum(share, 1e-3)
    return np.asarray((light - mean) * weight, np.float32)


def _response(flat: Light, sigma_px: float, length_px: float) -> Light:
    """The strongest direction's response, signed: bright lines are positive. A line's own contrast is 1."""
    best = np.zeros_like(flat)
    for step in range(_DIRECTIONS):
        here = cv2.filter2D(flat, -1, _kernel(sigma_px, length_px, step), borderType=cv2.BORDER_REFLECT_101)
        np.copyto(best, here, where=np.abs(here) > np.abs(best))
    return best


@cache
def _kernel(sigma_px: float, length_px: float, step: int) -> NDArray[np.float32]:
    reach = math.ceil(max(3 * sigma_px, length_px))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float64)
    angle = math.pi * step / _DIRECTIONS
    u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    ridge = (1 - (v / sigma_px) ** 2) * np.exp(-0.5 * (v / sigma_px) ** 2)
    kernel = ridge * np.exp(-0.5 * (2 * u / length_px) ** 2)
    kernel -= kernel.mean()
    line = np.exp(-0.5 * (v / sigma_px) ** 2)
    return np.asarray(kernel / (kernel * line).sum(), np.float32)


def _strength(response: Light, plain: Mask, window_px: float) -> Light:
    """Responses over their mean strength around, capped so that a flaw raises its own measure little."""
    weight = plain.astype(np.float32)
    size = (2 * round(window_px / 2) + 1,) * 2
    held = response * weight
    calm = np.minimum(held, 4 * held.sum() / max(float(weight.sum()), 1.0))
    share = np.maximum(cv2.boxFilter(weight, -1, size), 1e-3)
    typical = cv2.boxFilter(calm, -1, size) / share
    return np.asarray(held / np.maximum(typical, _LEAST_TYPICAL), np.float32)


@dataclass(frozen=True, eq=False)
class _Near:
    """A window around one connected part."""

    flat: Light
    strength: Light
    part: Mask
    plain: Mask


def _judge(near: _Near, typical: float, look: Look) -> Line | None:
    """The line in one connected part, or nothing."""
    path = _longest_path(_ridge(near))
    if path is None:
        return None
    length = float(np.hypot(*np.diff(path, axis=0).T).sum())
    chord = float(np.hypot(*(path[-1] - path[0])))
    if not look.least_px <= length <= look.most_px or chord < look.straightness * length:
        return None
    rows, columns = path.astype(np.int64).T
    along = near.strength[rows, columns]
    if float(along.max()) < _HIGH * typical:
        return None
    around = _strongest_around(near, look) if look.alone else typical
    outlier = float(along.mean()) / max(around, typical)
    # A short one has had less of a chance to be a line: it must stand out more.
    if outlier < look.outlier * (1 + look.length_px / length):
        return None
    if look.inside and not _ends_inside(path, near.plain, 2 * look.sigma_px + look.length_px / 2):
        return None
    points = smoothed(path, _POINT_STEP, look.length_px / 2)
    measured = _measure(profile_across(near.flat, near.plain, points, math.ceil(6 * look.sigma_px) + 2), look)
    if measured is None or (look.alone and _beside_more(near, points, measured[0], look)):
        return None
    return Line(points, measured[1], measured[0], outlier)


def _beside_more(near: _Near, points: Points, contrast: float, look: Look) -> bool:
    """Whether something much stronger lies right beside a line, of which it is the faint ring."""
    reach = 4 * look.sigma_px
    around = Stroke(points, reach).mask(Roi.of(Extent(*near.plain.shape)))
    strongest = np.abs(cv2.GaussianBlur(near.flat, (0, 0), look.sigma_px))[around].max()
    return bool(strongest > _MUCH_STRONGER * abs(contrast))


def _strongest_around(near: _Near, look: Look) -> float:
    """The strongest percent of what lies around a line, itself left out."""
    others = near.plain & ~grow(near.part, round(look.length_px))
    return _strongest(near.strength[others]) if np.count_nonzero(others) > 200 else math.inf


def _strongest(strength: Light) -> float:
    """The strongest percent; less where that is other flaws, by what the strongest twentieth tells."""
    twentieth, percent = np.quantile(strength, (0.95, 0.99))
    return float(min(percent, _TAIL * twentieth))


def _ends_inside(path: Points, plain: Mask, margin_px: float) -> bool:
    height, width = plain.shape
    reach = round(margin_px)
    for y, x in path[[0, -1]].astype(int):
        if not (reach <= y < height - reach and reach <= x < width - reach):
            return False
        if not plain[y - reach : y + reach + 1, x - reach : x + reach + 1].all():
            return False
    return True


def _ridge(near: _Near) -> Mask:
    """The part without its foot, which on a picture without grain is as wide as the filter."""
    peak = float(near.strength[near.part].max())
    high = (near.part & (near.strength > _FOOT * peak)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(high, connectivity=8)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:count, cv2.CC_STAT_AREA])), np.bool_)


def _longest_path(part: Mask) -> Points | None:
    """The middle line of a part from one far end to the other, pixel by pixel, ``(n, 2)``."""
    from skimage.graph import route_through_array
    from skimage.morphology import skeletonize

    thin = skeletonize(part)
    if np.count_nonzero(thin) < 3:
        return None
    cost = np.where(thin, 1.0, 1e6)
    start = np.argwhere(thin)[0]
    other = start
    for _ in range(2):  # the farthest from anywhere is an end; the farthest from that the other
        start, other = _farthest(thin, start), start
    steps, total = route_through_array(cost, tuple(start), tuple(other), fully_connected=True, geometric=True)
    return np.array(steps, np.float64) if total < 1e6 else None


def _farthest(thin: Mask, start: NDArray[np.int64]) -> NDArray[np.int64]:
    """The pixel of a thin line with the longest way from ``start`` along it."""
    reached = np.full(thin.shape, -1, np.int64)
    front = [(int(start[0]), int(start[1]))]
    reached[front[0]] = 0
    last = front[0]
    while front:
        following = []
        for y, x in front:
            last = (y, x)
            for ny in range(max(0, y - 1), min(thin.shape[0], y + 2)):
                for nx in range(max(0, x - 1), min(thin.shape[1], x + 2)):
                    if thin[ny, nx] and reached[ny, nx] < 0:
                        reached[ny, nx] = reached[y, x] + 1
                        following.append((ny, nx))
        front = following
    return np.array(last)


def smoothed(path: Points, step_px: float, sigma_px: float) -> Points:
    """A path of pixels as points about ``step_px`` apart, its staircase smoothed out; the ends stay."""
    distance = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    count = max(2, round(distance[-1] / step_px) + 1)
    even = np.linspace(0, distance[-1], max(count, round(distance[-1]) + 1))
    dense = np.stack([np.interp(even, distance, path[:, axis]) for axis in (0, 1)], axis=1)
    reach = max(1, min(round(2 * sigma_px), (len(dense) - 1) // 2))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma_px, 0.5)) ** 2)
    # Mirrored through its end points, so that the ends stay where they are.
    ahead, behind = 2 * dense[0] - dense[reach:0:-1], 2 * dense[-1] - dense[-2 : -reach - 2 : -1]
    long = np.concatenate([ahead, dense, behind])
    soft = np.stack([np.convolve(long[:, a], kernel / kernel.sum(), "valid") for a in (0, 1)], axis=1)
    return np.asarray(soft[np.linspace(0, len(soft) - 1, count).round().astype(int)], np.float64)


def straightened(values: NDArray[np.float32], points: Points, reach: int, step_px: float) -> Light:
    """Values beside a line, ``(along, 2 * reach + 1)`` or with channels: each ``step_px`` along, 1 px across.

    Read linearly between pixels; off the array NaN.
    """
    dense, normal = along_normals(points, step_px)
    offsets = np.arange(-reach, reach + 1)
    y = (dense[:, :1] + normal[:, :1] * offsets).astype(np.float32)
    x = (dense[:, 1:] + normal[:, 1:] * offsets).astype(np.float32)
    out = cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    height, width = values.shape[:2]
    off = (y < 0) | (x < 0) | (y > height - 1) | (x > width - 1)
    out[off] = np.nan
    return np.asarray(out, np.float32)


def along_normals(points: Points, step_px: float) -> tuple[Points, Points]:
    """Points every ``step_px`` along a line, and at each the unit vector to its right."""
    distance = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    even = np.linspace(0, distance[-1], max(2, round(distance[-1] / step_px) + 1))
    dense = np.stack([np.interp(even, distance, points[:, axis]) for axis in (0, 1)], axis=1)
    ahead = np.gradient(dense, axis=0)
    ahead /= np.maximum(np.hypot(*ahead.T), 1e-9)[:, None]
    return dense, np.stack([ahead[:, 1], -ahead[:, 0]], axis=1)


def profile_across(flat: Light, plain: Mask, points: Points, reach: int) -> NDArray[np.float64]:
    """The mean across a line, ``(2 * reach + 1)``, read where area is plain; NaN where none is."""
    band = straightened(np.where(plain, flat, np.nan).astype(np.float32), points, reach, 1.0)
    known = np.isfinite(band)
    return np.asarray(
        np.where(
            known.any(axis=0),
            np.nansum(np.where(known, band, 0), axis=0) / np.maximum(known.sum(axis=0), 1),
            np.nan,
        ),
        np.float64,
    )


def _measure(profile: NDArray[np.float64], look: Look) -> tuple[float, float] | None:
    """Contrast and half-width of a ridge; None for an edge between two lights, or one out of bounds."""
    reach = len(profile) // 2
    far = round(4 * look.sigma_px) + 1
    left, right = profile[: reach - far + 1], profile[reach + far :]
    if not (np.isfinite(left).any() and np.isfinite(right).any()):
        return None
    low, high = float(np.nanmean(left)), float(np.nanmean(right))
    middle = slice(reach - math.ceil(look.sigma_px), reach + math.ceil(look.sigma_px) + 1)
    signal = profile - (low + high) / 2
    contrast = float(signal[middle][np.nanargmax(np.abs(signal[middle]))])
    least, most = look.contrast
    if not least <= abs(contrast) <= most or abs(high - low) > 0.5 * abs(contrast):
        return None
    radius = 1
    away = np.nan_to_num(np.abs(signal))
    while radius < reach and max(away[reach - radius], away[reach + radius]) > 0.12 * abs(contrast):
        radius += 1
    # A path cuts its corners a little.
    return (contrast, radius + 1.0) if radius <= look.most_radius_px else None
