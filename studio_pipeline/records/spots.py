"""Where flaws are healed, and from where: the plan that ``heal_spots`` writes and the guards read."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Point, Roi
from studio_pipeline.pixels.strokes import Healing
from studio_pipeline.records.base import Record


@dataclass(frozen=True, slots=True)
class Disc:
    """A spot at one scale: every pixel whose centre lies within the radius."""

    y: float
    x: float
    radius_px: float

    @property
    def roi(self) -> Roi:
        """The disc's bounds and one pixel more on each side, the rim that holds up a healing membrane."""
        reach = self.radius_px + 1
        return Roi(
            math.floor(self.y - reach),
            math.floor(self.x - reach),
            math.ceil(self.y + reach) + 1,
            math.ceil(self.x + reach) + 1,
        )

    def mask(self, roi: Roi, grown_px: float = 0) -> NDArray[np.bool_]:
        """``(h, w)`` of ``roi``, True inside the disc widened by ``grown_px``."""
        y = np.arange(roi.y0, roi.y1, dtype=np.float64)[:, None] - self.y
        x = np.arange(roi.x0, roi.x1, dtype=np.float64)[None, :] - self.x
        return np.asarray(y * y + x * x <= (self.radius_px + grown_px) ** 2, np.bool_)


class Round(Record):
    """Where a flaw is, in master pixels."""

    centre: Point
    radius_px: float

    def disc(self, scale: float) -> Disc:
        """The spot at a scale; pixel ``i`` of the master covers ``[i, i + 1)``."""
        y, x = (self.centre.y + 0.5) * scale - 0.5, (self.centre.x + 0.5) * scale - 0.5
        return Disc(y, x, self.radius_px * scale)


Rounded = TypeVar("Rounded", bound=Round)


class Spot(Round):
    """One flaw. Its pixels are healed from those at ``offset`` from them, in master pixels.

    ``id`` names it for as long as it is found in the same place. ``contrast`` is its greatest difference
    from what surrounds it, in CIELAB (Euclidean).
    """

    id: str
    offset: Point
    contrast: float


def beside(flaws: Iterable[Rounded], spots: Sequence[Spot], more_px: float) -> tuple[Rounded, ...]:
    """Those of ``flaws`` that lie where a spot is healed or looked at: in three radii and ``more_px``."""
    if not spots:
        return ()
    at = np.array([(s.centre.y, s.centre.x) for s in spots])
    reach = np.array([3 * s.radius_px for s in spots]) + more_px
    return tuple(
        one
        for one in flaws
        if (np.hypot(*(at - (one.centre.y, one.centre.x)).T) < reach + one.radius_px).any()
    )


def healings(
    spots: Iterable[Spot], left: Iterable[Round], off: Collection[str], scale: float
) -> list[Healing]:
    """Every flaw at a scale while these are switched off."""
    listed = [Healing(spot.disc(scale), spot.offset, spot.id not in off) for spot in spots]
    return listed + [Healing(flaw.disc(scale), Point(0, 0), False) for flaw in left]


class SpotsPlan(Record):
    """The body of a healing plan, strongest spot first.

    ``left``: flaws that were found and are no items. They are not healed, and hold up no membrane.
    """

    EDIT: ClassVar[str] = "heal_spots"

    spots: tuple[Spot, ...] = ()
    left: tuple[Round, ...] = ()

    def on(self, off: Collection[str]) -> tuple[Spot, ...]:
        """The spots that are healed while these are switched off."""
        return tuple(spot for spot in self.spots if spot.id not in off)
