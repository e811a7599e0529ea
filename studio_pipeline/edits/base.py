"""What an edit is: a plan, then pixels from the plan alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from studio_pipeline.engines.base import Engine
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.kinds import Kind
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.pixels.turn import Turn
from studio_pipeline.records.base import Record
from studio_pipeline.records.hand import NOTHING, Hand
from studio_pipeline.records.lint import LintPlan
from studio_pipeline.records.plan import Plan, Tier
from studio_pipeline.records.strands import StrandPlan
from studio_pipeline.records.subject import Mark
from studio_pipeline.subject.reading import Reading


@dataclass(frozen=True, eq=False)
class Patch:
    """An edit's pixels for one region: linear Rec.2020 ``(h, w, 3)`` float32, and where they apply.

    ``dither``: whether the gate should break up steps. Pixels that carry a photograph's own grain need none.
    ``gain``: ``linear`` is not new light but a factor, on what earlier edits left there. Such an edit comes
    after those that write light, and its mask is cut to the zones it may write. Nothing of ``linear`` is
    read on the edge zone: what becomes of its pixels, the plan's ``exchange`` says.
    """

    linear: Linear
    mask: Mask
    dither: bool = True
    gain: bool = False


Painter = Callable[[Roi], Patch]
"""An edit's pixels for any region of one canvas."""


def nothing(roi: Roi) -> Patch:
    """No pixel of a region."""
    shape = (roi.extent.height, roi.extent.width)
    return Patch(np.zeros((*shape, 3), np.float32), np.zeros(shape, np.bool_))


EMPTY_SET = "empty set"
"""Role: the same set with nobody in it, from the same place."""
REFERENCE = "reference"
"""Role: the frame that a person named, for others to be matched to."""


@dataclass(frozen=True, eq=False)
class Source:
    """Another frame of the same set, at the scale of the frame beside it, and the key of its base."""

    key: str
    frame: Frame
    reading: Reading | None = None

    def turned(self, turn: Turn | None) -> Source:
        """As the proposal's own base is. Raises ValueError for a frame of another extent."""
        if turn is None:
            return self
        reading = self.reading.turned(turn) if self.reading else None
        return Source(self.key, turn.frame(self.frame), reading)


@dataclass(frozen=True, eq=False)
class Chosen:
    """The engine to ask, or None where the classical way is taken; ``reason`` is shown."""

    engine: Engine | None
    reason: str


Chooser = Callable[[Collection[Kind], bool], Chosen]
"""By the kinds of backdrop that go on, and whether straight lines run into new area."""


def no_engine(kinds: Collection[Kind], lines: bool) -> Chosen:
    return Chosen(None, "no engine was given")


@dataclass(frozen=True, eq=False)
class Given:
    """What a plan may look at beside its own frame: a person's hand, and frames by their role.

    Roles: ``EMPTY_SET``, ``REFERENCE``. A role that nobody fills is missing. ``marks``: lasting marks that
    other frames of the same people have. ``engine`` chooses who is asked where a preset wants a model;
    ``cancelled`` is asked between its steps.
    """

    hand: Hand = NOTHING
    sources: Mapping[str, Source] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    engine: Chooser = no_engine
    cancelled: Callable[[], bool] = lambda: False


NO_SOURCES: Mapping[str, Source] = {}
NOTHING_GIVEN = Given()


class Edit(Protocol):
    """One file in ``edits/``, one line in its list.

    ``plan`` sees the picture at plan scale, once. ``render`` gets any region at any scale (``base.scale``)
    and re-estimates nothing: same plan, same base, same pixels, whatever the tiling. Plan geometry is in
    master pixels, canvas coordinates. Edits read the base, never each other's results, so that each has a
    switch of its own.

    ``roles``: the roles of other frames that ``plan`` can make use of; empty for most.
    """

    name: str
    title: str
    version: int
    tier: Tier
    engine: str
    writes: tuple[Zone, ...]
    roles: tuple[str, ...]
    params: type[Record]

    def plan(
        self, frame: Frame, reading: Reading, params: Any, seed: int, given: Given = NOTHING_GIVEN
    ) -> Plan:
        """Decide. Raises nothing for a picture that cannot be edited: that is a refusal in the plan.

        ``seed`` has the tries of ``given.hand`` in it already.
        """
        ...

    def render(self, plan: Plan, base: Frame, roi: Roi, sources: Mapping[str, Source] = NO_SOURCES) -> Patch:
        """The edit's pixels in ``roi`` (canvas coordinates at ``base.scale``), without ``plan.off``.

        ``sources`` holds what ``plan.sources`` names, at ``base.scale``.
        """
        ...


def plan_of(edit: Edit, params: Record, seed: int, hand: Hand, **outcome: Any) -> Plan:
    """What ``edit`` decided: ``outcome`` are the plan's other fields, and ``engine`` where it is another."""
    known = {"version": edit.version, "tier": edit.tier, "engine": edit.engine, "seed": seed, "hand": hand}
    return Plan(edit=edit.name, params=params.model_dump(mode="json"), **(known | outcome))


@runtime_checkable
class Turns(Protocol):
    """An edit that may ask for the base to be turned, before anything is planned."""

    def turn(self, reading: Reading, params: Any) -> Turn | None:
        """By what; None where the base is left as it is. ``reading`` is that of the base."""
        ...


def writable_zones(edit: Edit, plan: Plan) -> tuple[Zone, ...]:
    """The zones this plan may write: the edit's own, or fewer where the plan says so.

    Edge pixels never without an exchange: there is no other legal change of them. With one, new area too:
    what another edit laid there goes with the backdrop beside it. A plan of strands or lint may write no zone
    as such: its strokes and discs say where (``pixels.loose``).
    """
    if plan.edit in (StrandPlan.EDIT, LintPlan.EDIT):
        return ()
    zones = tuple(zone for zone in edit.writes if not plan.writes or zone in plan.writes)
    if plan.exchange is None:
        return tuple(zone for zone in zones if zone is not Zone.EDGE)
    return (*zones, Zone.NEW)


@runtime_checkable
class Prepares(Protocol):
    """An edit that reads the picture once for all regions, before it paints any."""

    def prepare(self, plan: Plan, base: Frame, sources: Mapping[str, Source] = NO_SOURCES) -> Painter:
        """What paints ``plan`` on ``base``; each region as ``render`` does."""
        ...


def painter(edit: Edit, plan: Plan, base: Frame, sources: Mapping[str, Source] = NO_SOURCES) -> Painter:
    """What paints the regions of one canvas."""
    if isinstance(edit, Prepares):
        return edit.prepare(plan, base, sources)
    return lambda roi: edit.render(plan, base, roi, sources)
