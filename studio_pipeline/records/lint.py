"""What ``heal_lint`` decided: small discs on clothes, and where each is healed from.

All places are master pixels. The gate, the guards and ``verify`` read from here which pixels may change.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import ClassVar

from studio_pipeline.geometry import Roi
from studio_pipeline.records.base import Record
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.spots import Disc, Round, Spot

RADIUS_MAX = 0.02
"""Of the height of the face nearest to it, a disc's radius. No preset can raise this, nor what follows."""
BELOW = 0.15
"""Of that height: how far below the face's region a disc begins."""
COUNT_MAX = 60
SHARE_MAX = 0.002
"""Of the picture, all discs together."""
STEP_MAX = 3.0
"""CIEDE2000: how far a healed disc may lie from the cloth around it."""
TEXTURE = (0.9, 1.1)
"""High-frequency energy of what was healed over that of the cloth around it."""

LINT = "lint"
"""Kind of the items."""


class LintPlan(Record):
    """The body of the plan, the strongest first. ``heads``: the regions of all faces in the picture.

    ``left``: specks that were found and are no items. They are not healed, and hold up no membrane.
    """

    EDIT: ClassVar[str] = "heal_lint"

    heads: tuple[Roi, ...] = ()
    spots: tuple[Spot, ...] = ()
    left: tuple[Round, ...] = ()

    def on(self, off: Collection[str]) -> tuple[Spot, ...]:
        return tuple(spot for spot in self.spots if spot.id not in off)


def head_of(disc: Disc, heads: Sequence[Roi]) -> Roi:
    """The face nearest to a disc. Raises ValueError where there is none."""
    return min(heads, key=lambda h: math.hypot((h.y0 + h.y1) / 2 - disc.y, (h.x0 + h.x1) / 2 - disc.x))


def is_below(disc: Disc, heads: Sequence[Roi]) -> bool:
    """Whether a disc lies wholly below the face nearest to it, with a margin."""
    if not heads:
        return False
    head = head_of(disc, heads)
    return disc.y - disc.radius_px > head.y1 + BELOW * head.extent.height


def discs_on(plan: Plan, scale: float) -> list[Disc]:
    """The discs that a plan may write, at a scale: those that are on, small and below a face."""
    if plan.edit != LintPlan.EDIT:
        return []
    body = LintPlan.model_validate(plan.body)
    return [
        spot.disc(scale)
        for spot in body.on(plan.off)[:COUNT_MAX]
        if is_below(spot.disc(1.0), body.heads)
        and spot.radius_px <= RADIUS_MAX * head_of(spot.disc(1.0), body.heads).extent.height
    ]
