"""Whether what was laid over a stray hair is as plain as the backdrop beside it, from finished pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.pixels.metrics import Tone, delta_e2000, grain_ratio, high_frequency_energy, tone
from studio_pipeline.pixels.strokes import Stroke, along

RING_PX = 5
"""The backdrop beside a stroke: as far around it."""
_FEW_SIDE = 12
_FEW_PIXELS = 60  # texture is then said of fewer than can be told
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


@dataclass(frozen=True)
class Plainness:
    """One stroke: how far its light lies from that beside it (L*), high-frequency energy of both, pixels.

    ``clear``: how much of what lies beside it is backdrop, 0..1. ``apart``: CIEDE2000 between the medians of
    both sides, and of what was laid between them, at most.
    """

    step: float
    own: float
    beside: float
    count: int
    clear: float
    apart: float


def window(stroke: Stroke, whole: Roi) -> Roi:
    """The region that ``plainness`` needs, as far as there is a picture."""
    return stroke.roi.grown(RING_PX + 1) & whole


def reaching(strokes: Sequence[Stroke]) -> Callable[[Roi], list[Stroke]]:
    """Tells which of them reach a region: there may be hundreds, and few are near."""
    areas = [one.roi.grown(1) for one in strokes]
    bounds = np.array([(area.y0, area.x0, area.y1, area.x1) for area in areas]).reshape(-1, 4)

    def of(roi: Roi) -> list[Stroke]:
        starts, ends = bounds[:, :2] < (roi.y1, roi.x1), bounds[:, 2:] > (roi.y0, roi.x0)
        return [strokes[k] for k in np.flatnonzero((starts & ends).all(axis=1))]

    return of


def plainness(
    linear: Linear, stroke: Stroke, others: Sequence[Stroke], over: Mask, roi: Roi
) -> Plainness | None:
    """Of one healed stroke; None where a crop left too little of it to tell, or of the backdrop beside it.

    Args:
        linear: Rec.2020 ``(h, w, 3)`` of ``roi``, which is what ``window`` says.
        others: every stroke, healed or not, this one too: none counts as backdrop beside.
        over: ``(h, w)``, True where the zones are neither locked nor healable.
    """
    own = stroke.mask(roi)
    if np.count_nonzero(own) < _FEW_SIDE:
        return None
    light = tone(linear)
    hairy = np.zeros_like(own)
    for other in others:
        wide = Stroke(other.points, other.radius_px + 1)
        part = wide.roi & roi
        if not part.empty:
            hairy[part.within(roi)] |= wide.mask(part)
    ring = stroke.mask(roi, RING_PX) & ~own
    around = ring & ~hairy & over
    if np.count_nonzero(around) < np.count_nonzero(own) / 4:
        return None
    around &= ~_strange(light, around)
    step = abs(float(np.median(light[own])) - float(np.median(light[around])))
    # A pixel beside what stays, the end of the hair, would count its edge as texture.
    known = cv2.erode((own | around).view(np.uint8), _CROSS).view(np.bool_)
    return Plainness(
        step,
        high_frequency_energy(light, own & known),
        high_frequency_energy(light, around & known),
        int(np.count_nonzero(own & known)),
        np.count_nonzero(around) / max(1, np.count_nonzero(ring)),
        _apart(linear, stroke, own, around, roi),
    )


def _apart(linear: Linear, stroke: Stroke, own: Mask, around: Mask, roi: Roi) -> float:
    """Between backdrop and a lock of hair that is as light, only colour can tell."""
    _, side = along(stroke.points, roi, stroke.radius_px + RING_PX)
    places = [mask for mask in (own, around & (side < 0), around & (side > 0)) if mask.sum() >= _FEW_SIDE]
    medians = np.array([np.median(linear[mask], axis=0) for mask in places], np.float32)[None]
    pairs = [(i, j) for i in range(len(places)) for j in range(i)]
    return max(
        (float(delta_e2000(medians[:, i, None], medians[:, j, None]).max()) for i, j in pairs), default=0.0
    )


def _strange(light: Tone, around: Mask) -> Mask:
    """What stands out of the backdrop beside a stroke: other hair, too short to be found."""
    middle = float(np.median(light[around]))
    spread = 1.4826 * float(np.median(np.abs(light[around] - middle)))
    return np.asarray(np.abs(light - middle) > 5 * spread + 0.3, np.bool_)


def texture(found: Sequence[Plainness]) -> float:
    """Energy over that beside, of all strokes together by their pixels: one alone has too few to tell."""
    pixels = sum(one.count for one in found)
    if pixels < _FEW_PIXELS:
        return 1.0
    own, beside = (
        float(np.sqrt(sum(one.count * getattr(one, side) ** 2 for one in found) / pixels))
        for side in ("own", "beside")
    )
    return grain_ratio(own, beside)
