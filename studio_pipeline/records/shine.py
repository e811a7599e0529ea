"""What ``reduce_shine`` decided: for each shining place of a face by how much its light is lowered."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from studio_pipeline.geometry import Roi
from studio_pipeline.records.base import Record
from studio_pipeline.records.plan import StoredLight

CHROMA_MAX = 2.0
"""CIEDE2000: how far a place's colour may move beside its lightness. No preset can raise this."""
TEXTURE = (0.9, 1.1)
"""High-frequency energy afterwards over that before."""


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
