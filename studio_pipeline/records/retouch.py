"""What bounded retouch decided: spots on skin, healed or locked, and the plan that the guards read."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from studio_pipeline.records.base import Record
from studio_pipeline.records.spots import Spot
from studio_pipeline.records.subject import Mark

RADIUS_MAX = 0.015
"""Of the face's height, a spot's radius. No preset can raise this, nor what follows."""
SHARE_MAX = 0.02
"""Of a face's open skin, all its spots together."""
SHIFT_MAX = 3.0
"""CIEDE2000, a spot's low-frequency change of colour."""
TEXTURE = (0.9, 1.1)
"""High-frequency energy of what was healed over that around it."""


BLEMISH, LASTING = "blemish", "lasting mark"
"""Kinds of items."""


class SkinSpot(Spot):
    """A spot on a face. ``mark``: it counts as lasting (a mole, a scar, a freckle), and is locked until a
    person unlocks it. ``contrast`` is CIEDE2000. ``place``: where on the face, None where that is not known.
    """

    mark: bool = False
    place: Mark | None = None


class SkinPlan(Record):
    """The body of ``heal_skin``'s plan: blemishes, the likeliest first, then lasting marks."""

    EDIT: ClassVar[str] = "heal_skin"

    spots: tuple[SkinSpot, ...] = ()

    def on(self, off: Collection[str]) -> tuple[SkinSpot, ...]:
        return tuple(spot for spot in self.spots if spot.id not in off)
