"""Where new area meets the base nothing shows: neither a line nor a step of light."""

from __future__ import annotations

from studio_pipeline.geometry import Roi
from studio_pipeline.guards.base import FaceCounter, Rendered
from studio_pipeline.guards.sides import Side, extended_sides, extension
from studio_pipeline.pixels.metrics import SEAM_REACH_PX, farness, seam_ratio
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult

SEAM_MIN = 0.6
"""Below this the seam is smoother than what lies beside it: a blurred band."""


class Seam:
    """Gradient across the seam line over the gradients beside it; of all extended sides, the worst."""

    name = "seam"

    def check(self, rendered: Rendered, limits: GuardLimits, count_faces: FaceCounter) -> list[GuardResult]:
        plan = extension(rendered)
        figures = [ratio for side in extended_sides(rendered) if (ratio := _ratio(side)) is not None]
        if plan is None or not figures:
            return []
        worst = max(figures, key=farness)
        passed = SEAM_MIN <= worst <= limits.seam_max
        return [
            GuardResult(
                name=self.name,
                edit=plan.edit,
                value=worst,
                low=SEAM_MIN,
                limit=limits.seam_max,
                passed=passed,
            )
        ]


def _ratio(side: Side) -> float | None:
    """None where less was added, or the base is narrower, than the figure needs."""
    strip = Roi(0, -SEAM_REACH_PX, side.roi.y1, SEAM_REACH_PX)
    return seam_ratio(side.tone(strip)) if side.roi.contains(strip) and strip.extent.height >= 2 else None
