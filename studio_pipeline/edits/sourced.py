"""From where a small flaw on a person is healed: one of several heals that agree on what lies there.

What is under a flaw is not known. But heals from several places are as far from each other as each is from
the truth, as far as the skin or cloth around is all of one kind: so the one that is nearest to all others is
taken, and where even that one is far from them, none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.pixels.metrics import delta_e2000
from studio_pipeline.pixels.poisson import laplace
from studio_pipeline.pixels.retouch import REACH, RING_PX
from studio_pipeline.records.flaws import covered
from studio_pipeline.records.spots import Disc

RIM_PX = 1.0
"""At plan scale: a disc's edge at the master may lie so much further out."""
APART_MAX = 2.5
"""CIEDE2000, the mean over a flaw's pixels: how far a heal may lie from the others. From here on more than
half of what was healed in ``benchmarks/healing.py`` came out more than 2 from the truth."""
_TRIED, _COMPARED = 64, 16  # places that are tried for a flaw; heals that are compared

Offset = tuple[int, int]
Judge = Callable[[Linear, Linear, Mask, Mask], bool]
"""``(before, after, spot, around)``: whether a heal is within its guard's limits."""


@dataclass(frozen=True, eq=False)
class Ground:
    """Light ``(h, w, 3)`` at plan scale, where of it is what may be healed and copied, and all its flaws.

    ``beside``: with what a healed flaw's texture is compared, as its guard will.
    """

    linear: Linear
    open_area: Mask
    beside: Mask
    flaws: Sequence[Disc]
    is_within: Judge

    @property
    def shape(self) -> Roi:
        return Roi.of(Extent(*self.open_area.shape))

    def source(self, disc: Disc, offsets: Iterable[Offset], tries: int) -> Offset | None:
        """The place whose heal is nearest to the others, after so many ``tries``; None: there is none."""
        if not self.shape.contains(disc.roi.grown(2)) or not self._is_open(disc):
            return None
        tried = [one for one in offsets if self.shape.contains(disc.roi.shifted(*one))][:_TRIED]
        fitting = self._fitting(disc, tried)
        apart = _apart(np.array([made for _, made in fitting]))
        order = [int(k) for k in np.argsort(apart, kind="stable") if apart[k] <= APART_MAX]
        return fitting[order[tries % len(order)]][0] if order else None

    def _is_open(self, disc: Disc) -> bool:
        rim = disc.mask(disc.roi, RIM_PX)
        return bool(self.open_area[disc.roi.within(self.shape)][rim].all())

    def _fitting(self, disc: Disc, offsets: Sequence[Offset]) -> list[tuple[Offset, Linear]]:
        """Heals within the limits, each as the flaw's pixels ``(n, 3)``, the likeliest first."""
        window = disc.roi.grown(math.ceil(REACH * disc.radius_px)) & self.shape
        before, spot = self.linear[window.within(self.shape)], disc.mask(window)
        wider = [Disc(flaw.y, flaw.x, flaw.radius_px + 1) for flaw in self.flaws]
        around = disc.mask(window, disc.radius_px + RING_PX) & ~covered(wider, window)
        around &= self.beside[window.within(self.shape)]
        out, after = list[tuple[Offset, Linear]](), before.copy()
        for offset, made in zip(offsets, self._healed(disc, offsets), strict=True):
            after[spot] = made
            if self.is_within(before, after, spot, around):
                out.append((offset, made))
            if len(out) == _COMPARED:
                break
        return out

    def _healed(self, disc: Disc, offsets: Sequence[Offset]) -> list[Linear]:
        """As ``poisson.heal`` from each place; one membrane has them all as channels, and is solved once."""
        if not offsets:
            return []
        target = self.linear[disc.roi.within(self.shape)]
        sources = [self.linear[disc.roi.shifted(*one).within(self.shape)] for one in offsets]
        away = np.concatenate([target - source for source in sources], axis=2)
        membrane = laplace(away, covered(self.flaws, disc.roi))
        spot = disc.mask(disc.roi)
        return [
            (source + membrane[..., 3 * k : 3 * k + 3])[spot].astype(np.float32)
            for k, source in enumerate(sources)
        ]


def _apart(heals: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of ``(k, n, 3)`` how far each lies from the others, CIEDE2000, the mean over pixels; one is alone."""
    if len(heals) < 2:
        return np.zeros(len(heals))
    every = np.array([delta_e2000(np.broadcast_to(one, heals.shape), heals).mean(axis=1) for one in heals])
    return np.asarray(every.sum(axis=1) / (len(heals) - 1), np.float64)
