"""Find stray hairs: thin lines outside the hair's body, over backdrop that has no such lines of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import lines
from studio_pipeline.pixels.masks import Mask, grow
from studio_pipeline.pixels.strokes import Points, Stroke

_ROUNDS = 3  # a line's branches and what it crosses are found once it is out of the way
_LEAST_PX, _POINTS = 9, 3  # what is left of a strand is a strand
_PROFILE_PX = 10
_ROOT_PX = 25  # from what may not be written: an end nearer than that leads into the hair
_RIM_PX = 1.5  # more than its radius a stroke keeps from what it may not write


@dataclass(frozen=True, eq=False)
class Flyaway:
    """One stray hair. ``runs``: in their order along it, each with whether it may be healed.

    ``rooted``: which of its two ends lead into the hair, or towards it.
    """

    runs: tuple[tuple[Points, bool], ...]
    rooted: tuple[bool, bool]
    radius_px: float
    contrast: float
    outlier: float


def look(sensitivity: float, most: int) -> lines.Look:
    """Thin lines of any length; beside them may be others."""
    return lines.Look(
        sigma_px=1.0,
        length_px=9,
        least_px=_LEAST_PX,
        most_px=1e9,
        straightness=0.1,
        inside=False,
        contrast=(1.5 / sensitivity, 90.0),
        most_radius_px=math.inf,  # beside another one the profile is wide
        outlier=1.0 / sensitivity,
        most=most,
        alone=False,
    )


def find(light: lines.Light, search: Mask, wanted: lines.Look, most_radius_px: float) -> list[lines.Line]:
    """Lines in ``search`` ``(h, w)``, the strongest first, those that cross each other too."""
    found: list[lines.Line] = []
    left, whole = search.copy(), Roi.of(Extent(*search.shape))
    for _ in range(_ROUNDS):
        more = [
            replace(line, radius_px=min(line.radius_px, most_radius_px))
            for line in lines.find(light, left, wanted)
        ]
        if not more:
            break
        found += more
        for line in more:
            stroke = Stroke(line.points, line.radius_px)
            part = stroke.roi & whole
            left[part.within(whole)] &= ~stroke.mask(part)
    return sorted(found, key=lambda line: -line.outlier)


def parted(line: lines.Line, room: NDArray[np.float32]) -> Flyaway:
    """A line's runs where there is ``room`` for its whole stroke, and the rest of it."""
    at = np.rint(line.points).astype(np.int64).clip(0, np.array(room.shape) - 1)
    is_free = room[at[:, 0], at[:, 1]] > line.radius_px + _RIM_PX
    ends = np.flatnonzero(np.diff(is_free)) + 1
    runs = list[tuple[Points, bool]]()
    for k, run in enumerate(np.split(line.points, ends)):
        start = 0 if k == 0 else ends[k - 1]
        long = np.hypot(*np.diff(run, axis=0).T).sum() >= _LEAST_PX and len(run) >= _POINTS
        runs.append((run, bool(is_free[start] and long)))
    ends_room = room[at[[0, -1], 0], at[[0, -1], 1]]
    rooted = (bool(ends_room[0] < _ROOT_PX), bool(ends_room[1] < _ROOT_PX))
    if all(rooted) and is_free[[0, -1]].any():  # one end leads there, the other only passes near
        rooted = (bool(ends_room[0] <= ends_room[1]), bool(ends_room[1] < ends_room[0]))
    return Flyaway(tuple(runs), rooted, line.radius_px, line.contrast, line.outlier)


def trimmed(healed: list[bool], rooted: tuple[bool, bool]) -> list[bool]:
    """Which runs to heal of those that can be: from the free end inwards, so that no piece is left hanging.

    A hair with no end in the hair, or with both, is taken as a whole or left.
    """
    if all(healed):
        return healed
    if rooted[0] == rooted[1]:
        return [False] * len(healed)
    order = healed[::-1] if rooted[0] else healed
    first = order.index(False)
    kept = [k < first for k in range(len(order))]
    return kept[::-1] if rooted[0] else kept


def half_width(lab: NDArray[np.float32], search: Mask, run: Points) -> float:
    """How far from its middle a run has half its contrast, in pixels: many hairs side by side are wide."""
    signal = np.zeros(2 * _PROFILE_PX + 1)
    for channel in range(3):
        profile = lines.profile_across(lab[..., channel], search, run, _PROFILE_PX)
        signal += np.nan_to_num(profile - np.nanmedian(profile)) ** 2
    signal = np.sqrt(signal)
    middle = slice(_PROFILE_PX - 1, _PROFILE_PX + 2)
    peak = _PROFILE_PX - 1 + int(np.argmax(signal[middle]))
    over = signal >= signal[peak] / 2
    left, right = peak, peak
    while left > 0 and over[left - 1]:
        left -= 1
    while right < len(over) - 1 and over[right + 1]:
        right += 1
    return (right - left + 1) / 2


def near_to(area: Mask, found: Flyaway) -> bool:
    """Whether any of what may be healed lies in ``area`` ``(h, w)``."""
    at = (
        np.rint(np.concatenate([run for run, is_free in found.runs if is_free]))
        .astype(np.int64)
        .clip(0, np.array(area.shape) - 1)
    )
    return bool(area[at[:, 0], at[:, 1]].any())


def density(found: list[lines.Line], area: Mask) -> float:
    """Length of lines inside ``area`` over that area, in pixels per 1000."""
    length = 0.0
    for line in found:
        at = np.rint(line.points).astype(np.int64).clip(0, np.array(area.shape) - 1)
        steps = np.hypot(*np.diff(line.points, axis=0).T)
        length += float(steps[area[at[1:, 0], at[1:, 1]]].sum())
    return 1000 * length / max(1, int(np.count_nonzero(area)))


def covered_by(found: list[lines.Line], shape: tuple[int, ...], grown_px: int) -> Mask:
    """``(h, w)``: the strokes of lines, and so much around them."""
    out, whole = np.zeros(shape, np.bool_), Roi(0, 0, *shape[:2])
    for line in found:
        stroke = Stroke(line.points, line.radius_px + grown_px)
        part = stroke.roi & whole
        out[part.within(whole)] |= stroke.mask(part)
    return out


def calm(light: lines.Light, search: Mask, strokes: Mask, matte: NDArray[np.uint8]) -> Mask:
    """Clean backdrop ``(h, w)`` that may be copied: in no stroke, and with hardly anything of a person."""
    soft = cv2.GaussianBlur(matte, (0, 0), 2.0)
    return np.asarray(search & ~strokes & ~grow(soft > 25, 1), np.bool_)
