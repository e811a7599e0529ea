"""What bounded retouch decided: spots on skin, healed or locked, and the plan that the guards read."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.records.base import Record
from studio_pipeline.records.flaws import covered
from studio_pipeline.records.spots import Disc, Round, Spot
from studio_pipeline.records.subject import Mark

RADIUS_MAX = 0.015
"""Of the face's height, a spot's radius. No preset can raise this, nor what follows."""
SHARE_MAX = 0.02
"""Of a face's open skin, all its spots together."""
SHIFT_MAX = 4.0
"""CIEDE2000, a spot's low-frequency change of colour; a strong pimple, 15 ΔE2000 in its middle, takes 4."""
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


class Left(Round):
    """A spot that was found and is no item. ``mark``: it counts as lasting."""

    mark: bool = False


class SkinPlan(Record):
    """The body of ``heal_skin``'s plan: blemishes, the likeliest first, then lasting marks.

    ``left``: what else was found. It is not healed, and holds up no membrane beside it.
    """

    EDIT: ClassVar[str] = "heal_skin"

    spots: tuple[SkinSpot, ...] = ()
    left: tuple[Left, ...] = ()

    def on(self, off: Collection[str]) -> tuple[SkinSpot, ...]:
        return tuple(spot for spot in self.spots if spot.id not in off)

    def discs_on(self, off: Collection[str], scale: float) -> list[Disc]:
        return [spot.disc(scale) for spot in self.on(off)]

    def healed(self, off: Collection[str], roi: Roi, scale: float) -> Mask:
        """``(h, w)`` of ``roi``: the discs that are on, without those of lasting marks that are off."""
        marks = [one.disc(scale) for one in self.left if one.mark]
        marks += [spot.disc(scale) for spot in self.spots if spot.mark and spot.id in off]
        return covered(self.discs_on(off, scale), roi) & ~covered(marks, roi)
