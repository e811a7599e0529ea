"""How much was made up: new canvas, healed backdrop, filled areas, over the base's area."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from studio_pipeline.geometry import Roi
from studio_pipeline.guards.base import FaceCounter, Rendered
from studio_pipeline.guards.locked_pixels import changed_pixels, strips
from studio_pipeline.guards.sides import extension
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.records.flaws import CleanPlan, covered
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult
from studio_pipeline.records.spots import SpotsPlan


class Bounds:
    """``new_area`` from the geometry; ``healed_area`` and ``filled_area`` from the pixels that differ.

    Each edit answers for its own places only: what differs elsewhere is another's doing.
    A gain (even light, a scuff taken out) leaves every pixel its own texture, and is no heal.
    """

    name = "bounds"

    def check(self, rendered: Rendered, limits: GuardLimits, count_faces: FaceCounter) -> list[GuardResult]:
        base_px = rendered.base.extent.area
        figures: list[tuple[str, str, float, float]] = []
        if (plan := extension(rendered)) is not None:
            new_px = rendered.canvas.extent.area - rendered.kept.extent.area
            figures.append(("new_area", plan.edit, new_px / base_px, limits.new_area_max))
        for plan in rendered.plans:
            if plan.edit == SpotsPlan.EDIT:
                on = SpotsPlan.model_validate(plan.body).on(plan.off)
                discs = [spot.disc(rendered.scale) for spot in on]
                healed_px = _changed_px(rendered, partial(covered, discs))
                figures.append(("healed_area", plan.edit, healed_px / base_px, limits.healed_area_max))
            if plan.edit == CleanPlan.EDIT:
                body = CleanPlan.model_validate(plan.body).without(plan.off)
                healed_px = _changed_px(rendered, partial(body.healed, scale=rendered.scale))
                filled_px = _changed_px(rendered, partial(body.filled, scale=rendered.scale))
                figures.append(("healed_area", plan.edit, healed_px / base_px, limits.healed_area_max))
                figures.append(("filled_area", plan.edit, filled_px / base_px, limits.filled_area_max))
        return [
            GuardResult(name=name, edit=edit, value=value, limit=limit, passed=value <= limit)
            for name, edit, value, limit in figures
        ]


def _changed_px(rendered: Rendered, among: Callable[[Roi], Mask]) -> int:
    """How many pixels of the base differ, of those that ``among`` marks in a region."""
    count = 0
    for strip in strips(rendered.kept):
        changed = changed_pixels(rendered, strip)
        if changed.any():
            count += int(np.count_nonzero(changed & among(strip)))
    return count
