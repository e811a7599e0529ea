"""What ``tame_flyaways`` decided: thin strokes over plain backdrop, and where each is healed from.

All places are master pixels. The gate, the guards and ``verify`` read from here which pixels may change.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import numpy as np

from studio_pipeline.geometry import Point
from studio_pipeline.pixels.strokes import Healing, Stroke, at_scale
from studio_pipeline.records.base import Record
from studio_pipeline.records.plan import Plan

WIDTH_MAX = 0.006
"""Of the picture's long edge, a stroke's width. No preset can raise this, nor what follows."""
SHARE_MAX = 0.01
"""Of the picture, all strokes together."""
STEP_MAX = 1.5
"""L*: how far the light of a healed strand may lie from that of the backdrop on both sides."""
TEXTURE = (0.8, 1.25)
"""High-frequency energy of what was healed over that of the backdrop around it."""

STRAND = "stray hair"
"""Kind of the items."""


class Strand(Record):
    """A run of a stray hair: healed from the pixels at ``offset`` from its own; None: left as it is.

    What is left is the end towards the hair, which must not hold up the light that is laid beside it.
    """

    item: str
    points: tuple[tuple[float, float], ...]
    radius_px: float
    offset: Point | None = None

    def stroke(self, scale: float) -> Stroke:
        return Stroke(at_scale(np.array(self.points, np.float64), scale), self.radius_px * scale)

    def is_on(self, off: Collection[str]) -> bool:
        return self.offset is not None and self.item not in off


class StrandPlan(Record):
    """The body of the plan, item by item, the strongest first."""

    EDIT: ClassVar[str] = "tame_flyaways"

    strands: tuple[Strand, ...] = ()

    def healings(self, scale: float, off: Collection[str]) -> list[Healing]:
        """Every stroke at a scale while these are switched off."""
        return [Healing(s.stroke(scale), s.offset or Point(0, 0), s.is_on(off)) for s in self.strands]


def strokes_on(plan: Plan, scale: float) -> list[Stroke]:
    """The strokes that a plan may write, at a scale; none of another edit's plan."""
    if plan.edit != StrandPlan.EDIT:
        return []
    body = StrandPlan.model_validate(plan.body)
    return [strand.stroke(scale) for strand in body.strands if strand.is_on(plan.off)]
