"""What ``reduce_shine`` decided: for each shining place of a face by how much its light is lowered."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.records.base import Record
from studio_pipeline.records.plan import StoredLight

CHROMA_MAX = 2.0
"""CIEDE2000: how far a place's colour may move beside its lightness. No preset can raise this."""
TEXTURE = (0.9, 1.1)
"""High-frequency energy afterwards over that before."""
LOWERED_MAX = 0.24
"""Of light, what can be taken away at most: more would make texture (L*) weaker than a tenth."""
NOTHING = 0.004
"""Of light: less is not drawn."""


class Shine(Record):
    """One shining place. ``lowered``: the share of light taken away, 0..1, on a coarse grid over ``roi``."""

    id: str
    roi: Roi
    lowered: StoredLight


class ShinePlan(Record):
    """The body of ``reduce_shine``'s plan, the strongest first."""

    EDIT: ClassVar[str] = "reduce_shine"

    places: tuple[Shine, ...] = ()

    def on(self, off: Collection[str]) -> tuple[Shine, ...]:
        return tuple(place for place in self.places if place.id not in off)

    def gain(self, off: Collection[str], roi: Roi, scale: float) -> NDArray[np.float32]:
        """``(h, w, 1)`` of ``roi``: by what light is multiplied while these are switched off."""
        out = np.ones((roi.extent.height, roi.extent.width, 1), np.float32)
        for place in self.on(off):
            part = place.roi.scaled(scale) & roi
            if not part.empty:
                lowered = np.clip(place.lowered.grid().at(part, scale), 0, LOWERED_MAX)
                out[part.within(roi)] *= 1 - lowered
        return out
