"""How much was made up: new canvas, and healed backdrop, over the base's area."""

from __future__ import annotations

import numpy as np

from studio_pipeline.guards.base import FaceCounter, Rendered
from studio_pipeline.guards.locked_pixels import changed_pixels, strips
from studio_pipeline.guards.sides import extension
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult
from studio_pipeline.records.spots import SpotsPlan


class Bounds:
    """``new_area`` from the geometry; ``healed_area`` counted from the pixels that differ."""

    name = "bounds"

    def check(self, rendered: Rendered, limits: GuardLimits, count_faces: FaceCounter) -> list[GuardResult]:
        base_px = rendered.base.extent.area
        figures: list[tuple[str, str, float, float]] = []
        if (plan := extension(rendered)) is not None:
            new_px = rendered.canvas.extent.area - rendered.kept.extent.area
            figures.append(("new_area", plan.edit, new_px / base_px, limits.new_area_max))
        if any(plan.edit == SpotsPlan.EDIT for plan in rendered.plans):
            healed_px = sum(
                int(np.count_nonzero(changed_pixels(rendered, strip))) for strip in strips(rendered.kept)
            )
            figures.append(("healed_area", SpotsPlan.EDIT, healed_px / base_px, limits.healed_area_max))
        return [
            GuardResult(name=name, edit=edit, value=value, limit=limit, passed=value <= limit)
            for name, edit, value, limit in figures
        ]
