"""From where a small flaw on a person is healed: the likeliest place that keeps it within its limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.pixels.poisson import heal
from studio_pipeline.pixels.retouch import REACH, RING_PX
from studio_pipeline.records.flaws import covered
from studio_pipeline.records.spots import Disc

RIM_PX = 1.0
"""At plan scale: a disc's edge at the master may lie so much further out."""
_MOST_SOURCES = 48  # are tried for a flaw
_GOOD_ENOUGH = 0.03  # logarithm of a texture ratio: a source that is taken at once

Offset = tuple[int, int]
Judge = Callable[[Linear, Linear, Mask, Mask], float | None]
"""``(before, after, spot, around)``: how far a heal's texture is from that around it, as a logarithm; None
where it is out of the limits."""


@dataclass(frozen=True, eq=False)
class Ground:
    """Light ``(h, w, 3)`` at plan scale, where of it is what may be healed and copied, and all its flaws.

    ``beside``: with what a healed flaw's texture is compared, as its guard will.
    """

    linear: Linear
    open_area: Mask
    beside: Mask
    flaws: Sequence[Disc]
    judge: Judge

    @property
    def shape(self) -> Roi:
        return Roi.of(Extent(*self.open_area.shape))

    def source(self, disc: Disc, offsets: Iterable[Offset], tries: int) -> Offset | None:
        """The likeliest that heals within the limits, after so many ``tries``; None where none does."""
        if not self.shape.contains(disc.roi.grown(2)) or not self._is_open(disc):
            return None
        good, others = list[Offset](), list[tuple[float, Offset]]()
        for offset in list(offsets)[:_MOST_SOURCES]:
            unlike = self._unlike(disc, offset)
            if unlike is None:
                continue
            if unlike > _GOOD_ENOUGH:
                others.append((unlike, offset))
                continue
            good.append(offset)
            if len(good) > tries:
                return good[tries]
        fitting = [*good, *(offset for _, offset in sorted(others))]
        return fitting[tries % len(fitting)] if fitting else None

    def _is_open(self, disc: Disc) -> bool:
        rim = disc.mask(disc.roi, RIM_PX)
        return bool(self.open_area[disc.roi.within(self.shape)][rim].all())

    def _unlike(self, disc: Disc, offset: Offset) -> float | None:
        source = disc.roi.shifted(*offset)
        if not self.shape.contains(source):
            return None
        flawed = covered(self.flaws, disc.roi)
        made = heal(self.linear[disc.roi.within(self.shape)], self.linear[source.within(self.shape)], flawed)
        window = disc.roi.grown(math.ceil(REACH * disc.radius_px)) & self.shape
        before = self.linear[window.within(self.shape)]
        after, spot = before.copy(), disc.mask(window)
        after[spot] = made[disc.mask(disc.roi)]
        wider = [Disc(flaw.y, flaw.x, flaw.radius_px + 1) for flaw in self.flaws]
        around = disc.mask(window, disc.radius_px + RING_PX) & ~covered(wider, window)
        return self.judge(before, after, spot, around & self.beside[window.within(self.shape)])
