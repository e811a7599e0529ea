"""What an edit decided before any pixel was written."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Collection
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue, SerializerFunctionWrapHandler, model_serializer

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.exchange import Lights
from studio_pipeline.pixels.light import LightGrid
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.base import Record
from studio_pipeline.records.generated import MadeBy
from studio_pipeline.records.hand import NOTHING, Hand


class Tier(StrEnum):
    """How near an edit comes to the person; ordered, the last is the nearest."""

    BACKDROP_ONLY = "backdrop only"
    EDGE = "edge"
    BOUNDED_RETOUCH = "bounded retouch"


class Grid(Record):
    """A small float array inside a record: float32, little-endian, zlib, base64."""

    shape: tuple[int, ...]
    data: str

    @classmethod
    def of(cls, values: NDArray[Any]) -> Grid:
        raw = np.ascontiguousarray(values, "<f4").tobytes()
        return cls(shape=values.shape, data=base64.b64encode(zlib.compress(raw, 6)).decode("ascii"))

    def array(self) -> NDArray[np.float32]:
        raw = zlib.decompress(base64.b64decode(self.data))
        return np.frombuffer(raw, "<f4").reshape(self.shape).astype(np.float32)


class StoredLight(Record):
    """A ``LightGrid`` inside a record; places are master pixels."""

    values: Grid
    y0: float
    x0: float
    cell_px: float

    @classmethod
    def of(cls, grid: LightGrid) -> StoredLight:
        return cls(values=Grid.of(grid.values), y0=grid.y0, x0=grid.x0, cell_px=grid.cell_px)

    def grid(self) -> LightGrid:
        return LightGrid(self.values.array(), self.y0, self.x0, self.cell_px)


class Exchange(Record):
    """One backdrop's light for another's: all that may be done to pixels which are part person.

    ``front``: the person's own tone where both meet, to tell strands from gaps. An edit of the tier *edge*
    says this in its plan; the gate writes edge pixels by it, guard and ``verify`` hold them against it.
    """

    old: StoredLight
    new: StoredLight
    front: StoredLight

    def lights(self) -> Lights:
        return Lights(self.old.grid(), self.new.grid(), self.front.grid())


class Refusal(Record):
    """A part of what was asked that will not be done, and why (``where`` = a side, or the whole edit)."""

    where: str
    reason: str


CANDIDATE = "generated"
"""Kind of the items of which the first that is on is drawn; with none on, what is classical."""
_SAME_PLACE = 0.3  # of what two regions cover together


class Item(Record):
    """A part of an edit with a switch of its own: a flaw, a side. ``roi`` is in master pixels, on the canvas.

    ``id`` names it in its plan; ``kind`` is a word for people ("dust").
    """

    id: str
    kind: str
    roi: Roi
    said: str = Field("", description="One line for people: what would be done, or how strong it is.")

    def is_same(self, other: Item) -> bool:
        """Whether another plan, perhaps of another base, means the same by it: by name, or by its place."""
        if self.kind == CANDIDATE:  # all of them lie in one place
            return self.id == other.id
        common = (self.roi & other.roi).extent.area
        either = self.roi.extent.area + other.roi.extent.area - common
        return self.kind == other.kind and (self.id == other.id or common > _SAME_PLACE * either)


_LATER = ("items", "off", "hand", "sources", "writes", "exchange", "made_by")


class Plan(Record):
    """One edit's decision. ``body`` is the edit's own frozen model, as JSON; ``canvas`` is in master pixels.

    A plan with ``canvas`` None leaves the canvas as it is. ``changes`` is False when there is nothing to do
    (all refused, no dust found): the plan is still shown, with its refusals and notes. ``off`` names the
    items that are switched off: rendering leaves them out. ``sources``: role to base key of other frames
    whose pixels rendering needs (an empty set).
    """

    edit: str
    version: int
    tier: Tier
    engine: str
    seed: int
    params: dict[str, JsonValue]
    canvas: Roi | None = None
    changes: bool = True
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    off: tuple[str, ...] = ()
    hand: Hand = NOTHING
    sources: dict[str, str] = Field({}, description="Role to base key.")
    writes: tuple[Zone, ...] = Field((), description="Fewer zones than the edit's own; empty: those.")
    exchange: Exchange | None = Field(None, description="Without it no pixel of the edge zone is written.")
    made_by: MadeBy | None = Field(None, description="Where a model made pixels: which.")
    body: dict[str, JsonValue] = Field({}, description="The edit's own frozen model.")

    @model_serializer(mode="wrap")
    def _as_first_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without the fields that 0.1.0 had not, where they say nothing: stored plans keep their hashes."""
        out: dict[str, Any] = handler(self)
        for name in _LATER:
            if getattr(self, name) == type(self).model_fields[name].default:
                out.pop(name, None)
        return out

    @property
    def on(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.id not in self.off)

    @property
    def generated_px(self) -> int:
        """How many pixels of the canvas a model made, as the switches stand."""
        if self.made_by is None or not self.changes:
            return 0
        made = self.made_by.pixels
        drawn = [item.id for item in self.on if item.kind == CANDIDATE][:1]
        drawn += [item.id for item in self.on if item.kind != CANDIDATE]
        return sum(made.get(id_, 0) for id_ in drawn)

    def without(self, ids: Collection[str]) -> Plan:
        """The same plan with these items off, and no others; ids that it has not are dropped."""
        off = tuple(item.id for item in self.items if item.id in ids)
        return self if off == self.off else self.model_copy(update={"off": off})

    def found(self, items: Collection[Item]) -> tuple[str, ...]:
        """The ids by which this plan has items that were named before."""
        return tuple(own.id for own in self.items if any(own.is_same(one) for one in items))
