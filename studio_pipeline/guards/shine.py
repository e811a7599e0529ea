"""The limits of lowering shine, from finished pixels: colour and texture stay, nothing gets brighter."""

from __future__ import annotations

import cv2
import numpy as np

from studio_pipeline.geometry import Roi
from studio_pipeline.guards.base import FaceCounter, Rendered
from studio_pipeline.guards.locked_pixels import changed_pixels
from studio_pipeline.pixels.metrics import farness, grain_ratio, high_frequency_energy, tone
from studio_pipeline.pixels.shine import chroma_shift
from studio_pipeline.records.flaws import covered
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult
from studio_pipeline.records.retouch import SkinPlan
from studio_pipeline.records.shine import CHROMA_MAX, TEXTURE, Shine, ShinePlan
from studio_pipeline.records.spots import Disc

_BRIGHTER_MAX = 0.5  # L*: a code's rounding and the dither
_SMOOTHING = 1 / 24  # of a place's longer side: pores and grain are averaged out
_FEW_PIXELS = 60
_BESIDE_HEALED_PX = 2  # texture is read over so many pixels


class ShineLimits:
    """Over the places that are on: the largest shift of chroma, of texture, and any that got brighter."""

    name = "shine"

    def check(self, rendered: Rendered, limits: GuardLimits, count_faces: FaceCounter) -> list[GuardResult]:
        out = []
        for plan in rendered.plans:
            if plan.edit == ShinePlan.EDIT:
                places = ShinePlan.model_validate(plan.body).on(plan.off)
                healed = [
                    Disc(disc.y, disc.x, disc.radius_px + _BESIDE_HEALED_PX)
                    for other in rendered.plans
                    if other.edit == SkinPlan.EDIT
                    for disc in SkinPlan.model_validate(other.body).discs_on(other.off, rendered.scale)
                ]
                found = [_of_place(rendered, place, healed) for place in places]
                chroma = max((one[0] for one in found), default=0.0)
                texture = max((one[1] for one in found), default=1.0, key=farness)
                brighter = max((one[2] for one in found), default=0.0)
                figures = (
                    ("shine_chroma", chroma, 0.0, CHROMA_MAX, "ΔE2000"),
                    ("shine_texture", texture, *TEXTURE, ""),
                    ("shine_brighter", brighter, 0.0, _BRIGHTER_MAX, "L*"),
                )
                out += [
                    GuardResult(
                        name=name,
                        edit=plan.edit,
                        value=value,
                        low=low,
                        limit=most,
                        passed=low <= value <= most,
                        unit=unit,
                    )
                    for name, value, low, most, unit in figures
                ]
        return out


def _of_place(rendered: Rendered, place: Shine, healed: list[Disc]) -> tuple[float, float, float]:
    """Chroma shift (CIEDE2000), texture over that before, and the most that light rose (L*).

    Without what lies in ``healed``: another edit's spots, which have a guard of their own.
    """
    window: Roi = place.roi.scaled(rendered.scale) & rendered.kept
    if window.empty:
        return 0.0, 1.0, 0.0
    changed = changed_pixels(rendered, window)
    clear = ~covered(healed, window)
    changed &= clear
    if np.count_nonzero(changed) < _FEW_PIXELS:
        return 0.0, 1.0, 0.0
    where = window.within(rendered.canvas)
    before, after = (rendered.encoding.decode(codes[where]) for codes in (rendered.before, rendered.after))
    sigma = max(1.0, _SMOOTHING * window.extent.long_edge)
    weight = clear[..., None].astype(np.float32)
    share = np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3)[..., None]
    low = [
        np.asarray(cv2.GaussianBlur(values * weight, (0, 0), sigma) / share, np.float32)
        for values in (before, after)
    ]
    energies = [high_frequency_energy(tone(values), changed) for values in (before, after)]
    rise = (tone(low[1]) - tone(low[0]))[changed]
    return (
        float(chroma_shift(low[0], low[1])[changed].max()),
        grain_ratio(energies[1], energies[0]),
        max(0.0, float(rise.max())),
    )
