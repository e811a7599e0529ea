"""Creases: long faint folds in paper or cloth, and the light that takes them out.

A crease is followed from end to end, and its profile is read across it, averaged along it: that is the fold.
What one pixel has beyond the average is the material's own texture, and stays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import lines
from studio_pipeline.pixels.light import Tone
from studio_pipeline.pixels.lines import Line, Look
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.pixels.strokes import Points

_LEVEL_PX = 700  # a long edge at which a narrow crease is some pixels wide
_LEVELS = 2
_LEAST_LENGTH = 0.11  # of the long edge
_OUTLIER = 1.1
_STEP_PX = 4
_ALONG = 6.0  # of these steps: over what length the profile is averaged
_FLANK_PX = 6
_MOST_SHIFT_PX = 4
_ROUGHER = 1.3


@dataclass(frozen=True, eq=False)
class Crease:
    """``gain``: ``(points, across, 3)``, a value a pixel across, 1 at its rim and at its ends."""

    points: Points
    gain: NDArray[np.float32]
    contrast: float


def find(light: NDArray[np.float32], tone: Tone, plain: Mask, contrast: tuple[float, float]) -> list[Crease]:
    """Creases of a plain area, strongest first.

    Args:
        light: ``(h, w)`` float32 L*, in which they are looked for.
        tone: ``(h, w, 3)`` square root of linear light, in which they are measured.
        plain: ``(h, w)``, True where creases may be.
        contrast: least and most, L*.
    """
    found: list[Crease] = []
    for line in _lines(light, plain, contrast):
        taken = [crease.points for crease in found]
        if taken and _beside(line.points, np.concatenate(taken), line.radius_px + 8) > 0.5:
            continue
        crease = _measured(tone, plain, line)
        if crease is not None:
            found.append(crease)
    return found


def _lines(light: NDArray[np.float32], plain: Mask, contrast: tuple[float, float]) -> list[Line]:
    """Narrow ones, and wide ones on a picture half as large; in pixels of ``light``."""
    long_edge = Extent(*plain.shape).long_edge
    found: list[Line] = []
    for level in range(_LEVELS):
        factor = max(1, round(long_edge / _LEVEL_PX)) << level
        size = (plain.shape[1] // factor, plain.shape[0] // factor)
        if min(size) < 80:
            break
        small = np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_AREA), np.float32)
        whole = cv2.resize(plain.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.999
        look = Look(
            sigma_px=1.5,
            length_px=30,
            least_px=_LEAST_LENGTH * long_edge / factor,
            most_px=4 * long_edge / factor,
            straightness=0.85,
            inside=False,
            contrast=contrast,
            most_radius_px=math.inf,
            outlier=_OUTLIER,
        )
        for line in lines.find(small, whole, look):
            points = (line.points + 0.5) * factor - 0.5
            found.append(Line(points, factor * line.radius_px, line.contrast, line.outlier))
    return sorted(found, key=lambda line: -line.outlier)


def _beside(points: Points, others: Points, reach_px: float) -> float:
    """The share of points that lie near others."""
    away = others[None] - points[:, None]
    return float((np.hypot(away[..., 0], away[..., 1]).min(axis=1) < reach_px).mean())


def _measured(tone: Tone, plain: Mask, line: Line) -> Crease | None:
    """The gain along a line; nothing where too little beside it can be read."""
    reach = math.ceil(line.radius_px) + _FLANK_PX
    known = np.where(plain[..., None], tone, np.nan).astype(np.float32)
    points = _centred(known, line.points, reach)
    dense, _ = lines.along_normals(points, _STEP_PX)
    # Read at every pixel along it, so that grain averages out.
    band = lines.straightened(known, points, reach, 1.0)
    seen = np.isfinite(band).all(axis=2)
    if np.mean(seen) < 0.6:
        return None
    level, deviation = _flattened(np.nan_to_num(band), seen)
    mean = _averaged(deviation, seen, _ALONG * _STEP_PX)
    if not _taken_out(deviation - mean, seen):
        return None
    rows = np.linspace(0, len(band) - 1, len(dense)).round().astype(int)
    mean, level = mean[rows], _averaged(level, np.ones_like(seen), _ALONG * _STEP_PX)[rows]
    mean = _shrunk(mean)
    mean *= _ramp(len(dense), 3)[:, None, None] * _ramp(2 * reach + 1, _FLANK_PX // 2)[None, :, None]
    gain = np.square(1 - mean / np.maximum(level, 1e-3))
    return Crease(dense, np.clip(gain, 0.5, 2.0).astype(np.float32), line.contrast)


def _taken_out(left: Tone, seen: Mask) -> bool:
    """Whether what is left of a line is no rougher than its flanks; a hair that winds is, and is no fold."""
    middle = np.s_[:, left.shape[1] // 3 : -(left.shape[1] // 3)]
    flanks = np.concatenate(
        [left[:, :_FLANK_PX][seen[:, :_FLANK_PX]], left[:, -_FLANK_PX:][seen[:, -_FLANK_PX:]]]
    )
    inner = left[middle][seen[middle]]
    return bool(inner.size and flanks.size and inner.std() < _ROUGHER * flanks.std())


def _centred(known: Tone, points: Points, reach: int) -> Points:
    """The line moved onto the fold's own middle, which bends where the coarse path does not."""
    dense, normal = lines.along_normals(points, _STEP_PX)
    band = np.nan_to_num(lines.straightened(known.mean(axis=2), points, reach, _STEP_PX), nan=0.0)
    seen = (band > 0).astype(np.float32)
    band -= (band.sum(axis=1) / np.maximum(seen.sum(axis=1), 1))[:, None]
    band *= seen
    local = cv2.GaussianBlur(band, (1, 0), 0.6, sigmaY=3, borderType=cv2.BORDER_REPLICATE)
    model = band.mean(axis=0)
    shifts = np.arange(-_MOST_SHIFT_PX, _MOST_SHIFT_PX + 1)
    match = np.stack([local @ np.roll(model, shift) for shift in shifts], axis=1)
    match = cv2.GaussianBlur(match, (1, 0), 0.6, sigmaY=4, borderType=cv2.BORDER_REPLICATE)
    shift = shifts[match.argmax(axis=1)].astype(np.float32)[:, None]
    smooth = cv2.GaussianBlur(shift, (1, 0), 0.6, sigmaY=4, borderType=cv2.BORDER_REPLICATE).reshape(-1, 1)
    return np.asarray(dense + normal * smooth, np.float64)


def _flattened(band: Tone, seen: Mask) -> tuple[Tone, Tone]:
    """The light under a fold, from the flanks beside it, and what the band has beyond it."""
    across = np.linspace(-1, 1, band.shape[1], dtype=np.float32)
    flank = np.zeros(band.shape[1], np.bool_)
    flank[:_FLANK_PX] = flank[-_FLANK_PX:] = True
    sides = []
    for side in (flank & (across < 0), flank & (across > 0)):
        weight = (seen & side).astype(np.float32)
        total, mass = (band * weight[..., None]).sum(axis=1), weight.sum(axis=1)
        pair = np.concatenate([total, mass[:, None]], axis=1)
        soft = cv2.GaussianBlur(pair, (1, 0), 0.6, sigmaY=_ALONG * _STEP_PX, borderType=cv2.BORDER_REPLICATE)
        sides.append(soft[:, :3] / np.maximum(soft[:, 3:], 1e-3))
    left, right = sides
    share = ((across + 1) / 2)[None, :, None]
    level = left[:, None] * (1 - share) + right[:, None] * share
    return np.asarray(level, np.float32), np.where(seen[..., None], band - level, 0).astype(np.float32)


def _averaged(values: Tone, seen: Mask, sigma: float) -> Tone:
    """Means along a band; single pixels that stand far out (dust) count as much as the rest allow."""
    spread = 1.4826 * float(np.median(np.abs(values - np.median(values, axis=0)))) + 1e-6
    middle = cv2.GaussianBlur(values, (1, 0), 0.6, sigmaY=sigma, borderType=cv2.BORDER_REPLICATE)
    calm = np.clip(values, middle - 4 * spread, middle + 4 * spread)
    weight = seen.astype(np.float32)
    total, mass = (
        cv2.GaussianBlur(v, (1, 0), 0.6, sigmaY=sigma, borderType=cv2.BORDER_REPLICATE)
        for v in (calm * weight[..., None], weight)
    )
    return np.asarray(total / np.maximum(mass, 1e-3)[..., None], np.float32)


def _shrunk(mean: Tone) -> Tone:
    """Without what the flanks have as well: their mottle, averaged."""
    flanks = np.concatenate([mean[:, :_FLANK_PX], mean[:, -_FLANK_PX:]], axis=1)
    typical = np.mean(np.square(flanks), axis=(0, 1))
    energy = cv2.GaussianBlur(np.square(mean), (0, 0), 1.5)
    return np.asarray(mean * np.clip(1 - typical / np.maximum(energy, 1e-12), 0, 1), np.float32)


def _ramp(count: int, width: int) -> NDArray[np.float32]:
    """1, falling to 0 at both ends."""
    place = np.arange(count, dtype=np.float32)
    return np.clip(np.minimum(place, count - 1 - place) / max(1, width), 0, 1)
