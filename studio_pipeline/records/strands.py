"""What ``tame_flyaways`` decided: thin strokes over plain backdrop, and where each is healed from.

All places are master pixels. The gate, the guards and ``verify`` read from here which pixels may change.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from studio_pipeline.geometry import Point, Roi
from studio_pipeline.pixels.strokes import Stroke, at_scale
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


class Run(Stroke):
    """A stroke that remembers its bounds: every run asks for those of all others, which may be hundreds."""

    @cached_property
    def roi(self) -> Roi:
        return super().roi


class Strand(Record):
    """A run of a stray hair: healed from the pixels at ``offset`` from its own; None: left as it is.

    What is left is the end towards the hair, which must not hold up the light that is laid beside it.
    """

    item: str
    points: tuple[tuple[float, float], ...]
    radius_px: float
    offset: Point | None = None

    def stroke(self, scale: float) -> Run:
        return Run(at_scale(np.array(self.points, np.float64), scale), self.radius_px * scale)


class StrandPlan(Record):
    """The body of the plan, item by item, the strongest first."""

    EDIT: ClassVar[str] = "tame_flyaways"

    strands: tuple[Strand, ...] = ()

    def healings(self, scale: float, off: Sequence[str]) -> list[tuple[Stroke, Point, bool]]:
        """Every stroke with the offset of its source in master pixels, and whether it is healed."""
        return [
            (s.stroke(scale), s.offset or Point(0, 0), s.offset is not None and s.item not in off)
            for s in self.strands
        ]


def strokes_on(plan: Plan, scale: float) -> list[Stroke]:
    """The strokes that a plan may write, at a scale; none of another edit's plan."""
    if plan.edit != StrandPlan.EDIT:
        return []
    body = StrandPlan.model_validate(plan.body)
    return [stroke for stroke, _, is_on in body.healings(scale, plan.off) if is_on]
