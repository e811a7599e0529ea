"""The colour of skin stays the photographer's: nothing shifts it but what a person approved, spot by spot.

Skin is taken from the zones, never from its colour, so every tone is measured alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.guards.base import FaceCounter, Rendered
from studio_pipeline.pixels.color import Codes, Linear, to_lab
from studio_pipeline.pixels.masks import Mask, Zone, inside
from studio_pipeline.pixels.metrics import delta_e2000
from studio_pipeline.records.lint import LintPlan
from studio_pipeline.records.plan import Plan, Tier
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult
from studio_pipeline.records.retouch import SkinPlan
from studio_pipeline.records.spots import SpotsPlan
from studio_pipeline.records.strands import StrandPlan

SHIFT_MAX = 0.5
"""CIEDE2000. No preset can raise it."""
SPREAD_MAX = 0.5
"""CIELAB: how much less, or more, the colours of one face's skin may differ from each other."""

_CELLS = 192  # a face's height in cells: fine enough for an eyelid, small at any size of master
_SMOOTHING = 0.04  # of the face's height: pores and spots are averaged out, the side of a nose is not
_ENOUGH = 0.02  # of a face's area: from here on its open skin alone speaks for it
_OVAL = 0.9  # of a face's region, where no open skin is known
_RIM_PX = 1.5  # at plan scale and above, what a spot's feathered rim covers beside its disc


class SkinTone:
    """Per face how far its skin's mean or low frequencies moved, and how much its spread changed; the worst.

    Measured on open skin, or where that is not known on what is locked inside the face, outside the places of
    approved bounded retouches.
    """

    name = "skin_tone"

    def check(self, rendered: Rendered, limits: GuardLimits, count_faces: FaceCounter) -> list[GuardResult]:
        found = [figures for face in rendered.faces if (figures := _of_face(rendered, face)) is not None]
        if not found:
            return []
        edit = _retouch(rendered)
        worst = (("skin_tone", SHIFT_MAX, "ΔE2000"), ("skin_spread", SPREAD_MAX, "ΔE"))
        return [
            GuardResult(name=name, edit=edit, value=value, limit=limit, passed=value <= limit, unit=unit)
            for (name, limit, unit), value in zip(worst, np.max(found, axis=0).tolist(), strict=True)
        ]


def _retouch(rendered: Rendered) -> str | None:
    """The one edit that may write skin at all; None where there are several, or none may."""
    able = [plan.edit for plan in rendered.plans if _is_on_skin(plan)]
    return able[0] if len(able) == 1 else None


def _is_on_skin(plan: Plan) -> bool:
    """Stray hairs lie over backdrop, lint on cloth: they excuse no skin."""
    return plan.tier is Tier.BOUNDED_RETOUCH and plan.edit not in (StrandPlan.EDIT, LintPlan.EDIT)


def _of_face(rendered: Rendered, face: Roi) -> tuple[float, float] | None:
    """Shift (CIEDE2000) and change of spread (CIELAB) of a face; None where none of its skin is in sight."""
    window = face & rendered.kept
    if window.empty:
        return None
    skin = _skin(rendered, face, window)
    if not skin.any():
        return None
    where = window.within(rendered.canvas)
    if np.array_equal(rendered.before[where], rendered.after[where]):  # nearly always
        return 0.0, 0.0
    skin &= ~_approved(rendered, window)
    if not skin.any():
        return 0.0, 0.0
    before, after = (
        _Skin.of(rendered, codes[where], skin, face) for codes in (rendered.before, rendered.after)
    )
    mean = float(delta_e2000(before.mean[None, None], after.mean[None, None])[0, 0])
    low = delta_e2000(before.low, after.low)[before.covered]
    return max(mean, float(low.max(initial=0.0))), float(np.linalg.norm(before.spread - after.spread))


def _skin(rendered: Rendered, face: Roi, window: Roi) -> Mask:
    """``(h, w)`` of the window: open skin, or the face's oval as far as it is the person's."""
    zones = rendered.zones[window.within(rendered.canvas)]
    open_skin = inside(zones, Zone.HEALABLE)
    if np.count_nonzero(open_skin) >= _ENOUGH * face.extent.area:
        return open_skin
    y = (np.arange(window.y0, window.y1) + 0.5 - (face.y0 + face.y1) / 2) / (_OVAL * face.extent.height / 2)
    x = (np.arange(window.x0, window.x1) + 0.5 - (face.x0 + face.x1) / 2) / (_OVAL * face.extent.width / 2)
    oval = y[:, None] ** 2 + x[None, :] ** 2 <= 1
    return np.asarray(oval & inside(zones, Zone.HEALABLE, Zone.LOCKED), np.bool_)


def _approved(rendered: Rendered, window: Roi) -> Mask:
    """Where bounded retouches have a person's word for what they do: their items that are on."""
    out = np.zeros((window.extent.height, window.extent.width), np.bool_)
    for plan in rendered.plans:
        if _is_on_skin(plan):
            for roi, mask in _places(plan, rendered.scale):
                part = roi & window
                if not part.empty:
                    out[part.within(window)] |= mask(part)
    return out


def _places(plan: Plan, scale: float) -> Iterator[tuple[Roi, Callable[[Roi], Mask | bool]]]:
    """Discs where the plan has them, else the regions of its items."""
    kinds: dict[str, type[SpotsPlan | SkinPlan]] = {SpotsPlan.EDIT: SpotsPlan, SkinPlan.EDIT: SkinPlan}
    if plan.edit in kinds:
        for spot in kinds[plan.edit].model_validate(plan.body).on(plan.off):
            disc = spot.disc(scale)
            yield disc.roi.grown(1), lambda roi, disc=disc: disc.mask(roi, _RIM_PX)  # type: ignore[misc]
    else:
        for item in plan.on:
            yield item.roi.scaled(scale).grown(1), lambda roi: True


@dataclass(frozen=True, eq=False)
class _Skin:
    """One face's skin. ``mean`` (3,) and ``low`` (h, w, 3) are linear light, ``spread`` (3,) CIELAB.

    ``covered``: the cells of ``low`` that skin has a good part in.
    """

    mean: Linear
    low: Linear
    covered: Mask
    spread: NDArray[np.float64]

    @classmethod
    def of(cls, rendered: Rendered, codes: Codes, skin: Mask, face: Roi) -> _Skin:
        """In strips of whole cells, for a head shot's face may be most of a master."""
        cell_px = max(1, face.extent.height // _CELLS)
        height, width = skin.shape
        cells = (-(-height // cell_px), -(-width // cell_px))
        light, share = np.zeros((*cells, 3), np.float32), np.zeros(cells, np.float32)
        total, squares = np.zeros(3), np.zeros(3)
        strip_px = cell_px * max(1, 256 // cell_px)
        for y in range(0, height, strip_px):
            part = skin[y : y + strip_px]
            linear = rendered.encoding.decode(codes[y : y + strip_px])
            rows = slice(y // cell_px, y // cell_px + -(-part.shape[0] // cell_px))
            light[rows] = _cell_sums(np.where(part[..., None], linear, 0), cell_px)
            share[rows] = _cell_sums(part.astype(np.float32)[..., None], cell_px)[..., 0]
            lab = to_lab(linear[part][None])[0].astype(np.float64)
            total += lab.sum(axis=0)
            squares += (lab * lab).sum(axis=0)
        count = float(share.sum())
        sigma = max(0.5, _SMOOTHING * face.extent.height / cell_px)
        smooth, cover = (cv2.GaussianBlur(values, (0, 0), sigma) for values in (light, share))
        low = smooth / np.maximum(cover, 1e-6)[..., None]
        spread = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0))
        mean = (light.sum(axis=(0, 1), dtype=np.float64) / count).astype(np.float32)
        # Where little skin lies around a cell, its average is that of few pixels: grain, not tone.
        return cls(mean, np.asarray(low, np.float32), (share > 0) & (cover > 0.1 * cell_px**2), spread)


def _cell_sums(values: Linear, cell_px: int) -> Linear:
    """Sums of ``(h, w, c)`` over squares; the last ones are padded with nothing."""
    height, width, channels = values.shape
    padded = np.pad(values, ((0, -height % cell_px), (0, -width % cell_px), (0, 0)))
    rows, columns = padded.shape[0] // cell_px, padded.shape[1] // cell_px
    summed = padded.reshape(rows, cell_px, columns, cell_px, channels).sum(axis=(1, 3))
    return np.asarray(summed, np.float32)
