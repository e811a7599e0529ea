"""The limits of healing lint on clothes, from finished pixels: small, few, no skin, like the cloth."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.guards.base import FaceCounter, Rendered, results
from studio_pipeline.guards.locked_pixels import changed_pixels
from studio_pipeline.pixels.cloth import skin_like, skin_ratios
from studio_pipeline.pixels.masks import Zone, inside
from studio_pipeline.pixels.metrics import grain_ratio
from studio_pipeline.pixels.retouch import RING_PX, energies, step
from studio_pipeline.records.flaws import covered
from studio_pipeline.records.lint import (
    COUNT_MAX,
    RADIUS_MAX,
    SHARE_MAX,
    STEP_MAX,
    TEXTURE,
    LintPlan,
    head_of,
    is_below,
)
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult
from studio_pipeline.records.spots import Disc

_PIXEL = 0.75  # how far a pixel's own corners reach from where its centre counts
_FEW_PIXELS = 60  # texture is then said of fewer than can be told
_SAMPLE_PX = 200  # a face is read in so many rows


class Lint:
    """Of specks that are on: where, how many, the largest, all together, and how like the cloth they are.

    That nothing else of the lock changed is ``guards.locked_pixels``'s to see.
    """

    name = "lint"

    def check(self, rendered: Rendered, limits: GuardLimits, count_faces: FaceCounter) -> list[GuardResult]:
        return [
            figure
            for plan in rendered.plans
            if plan.edit == LintPlan.EDIT
            for figure in _of_plan(rendered, plan)
        ]


def _of_plan(rendered: Rendered, plan: Plan) -> list[GuardResult]:
    body = LintPlan.model_validate(plan.body)
    every = [spot.disc(rendered.scale) for spot in (*body.spots, *body.left)]
    on = [d for spot in body.on(plan.off) if _is_changed(rendered, d := spot.disc(rendered.scale))]
    wider = [Disc(d.y, d.x, d.radius_px + 1) for d in every]
    skins = [found for face in rendered.faces if (found := _skin(rendered, face)) is not None]
    radius = moved = inner = outer = 0.0
    misplaced = pixels = changed = 0
    for disc in on:
        window = disc.roi.grown(round(2 * disc.radius_px) + 4) & rendered.kept
        at = window.within(rendered.canvas)
        spot, ring = disc.mask(window), disc.mask(window, disc.radius_px + RING_PX)
        around = ring & ~covered(wider, window) & inside(rendered.zones[at], Zone.LOCKED)
        before, after = (rendered.encoding.decode(codes[at]) for codes in (rendered.before, rendered.after))
        beside = (before[around] if around.any() else before.reshape(-1, 3)).mean(axis=0)[None, None]
        is_skin = any(skin_like(np.asarray(beside, np.float32), skin).any() for skin in skins)
        misplaced += is_skin or not is_below(disc, rendered.faces)
        radius = max(radius, _reach(rendered, disc))
        moved = max(moved, step(after, spot, around))
        count = int(np.count_nonzero(spot))
        own, other = energies(after, spot, around)
        pixels, inner, outer = pixels + count, inner + count * own, outer + count * other
        changed += int(np.count_nonzero(changed_pixels(rendered, window) & spot))
    texture = grain_ratio(inner / pixels, outer / pixels) if pixels >= _FEW_PIXELS else 1.0
    low, high = TEXTURE
    figures = (
        ("lint_misplaced", float(misplaced), 0.0, 0.0, ""),
        ("lint_count", float(len(on)), 0.0, float(COUNT_MAX), ""),
        ("lint_radius", 100 * radius, 0.0, 100 * RADIUS_MAX, "% of the face"),
        ("lint_area", 100 * changed / rendered.base.extent.area, 0.0, 100 * SHARE_MAX, "% of the picture"),
        ("lint_step", moved, 0.0, STEP_MAX, "ΔE2000"),
        ("lint_texture", texture, low, high, ""),
    )
    return results(plan, figures)


def _is_changed(rendered: Rendered, disc: Disc) -> bool:
    part = disc.roi & rendered.kept
    return not part.empty and bool((changed_pixels(rendered, part) & disc.mask(part)).any())


def _reach(rendered: Rendered, disc: Disc) -> float:
    """How far from the disc's middle its changed pixels reach, over the height of the face nearest to it."""
    part = disc.roi & rendered.kept
    rows, columns = np.nonzero(changed_pixels(rendered, part) & disc.mask(part))
    reach = np.hypot(rows + part.y0 - disc.y, columns + part.x0 - disc.x).max()
    high = head_of(disc, rendered.faces).extent.height if rendered.faces else 1
    return max(0.0, float(reach) - _PIXEL) / high


def _skin(rendered: Rendered, face: Roi) -> NDArray[np.float64] | None:
    """The colour of a face's open skin; None where none is in sight."""
    window = face & rendered.kept
    if window.empty:
        return None
    at = window.within(rendered.canvas)
    every = max(1, window.extent.height // _SAMPLE_PX)
    open_skin = inside(rendered.zones[at][::every, ::every], Zone.HEALABLE)
    if not open_skin.any():
        return None
    linear = rendered.encoding.decode(np.ascontiguousarray(rendered.before[at][::every, ::every]))
    soft = np.asarray(cv2.GaussianBlur(linear, (0, 0), 1.5), np.float32)
    return skin_ratios(soft[open_skin])
