"""Frame a portrait: eyes, head and format where a preset wants them.

The frame is cut out of the base, pixel for pixel; nothing is resampled. Where it reaches beyond the base the
background is extended. It never leaves the picture at a side where that would invent a body, and it always
holds the whole head.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from studio_pipeline.edits import beyond, framing, heads, level
from studio_pipeline.edits.aspect import Aspect, ratio
from studio_pipeline.edits.base import (
    EMPTY_SET,
    NO_SOURCES,
    NOTHING_GIVEN,
    Given,
    Painter,
    Patch,
    Source,
    nothing,
    plan_of,
)
from studio_pipeline.edits.framing import Room, Wish
from studio_pipeline.edits.generating import ManyWishes
from studio_pipeline.edits.heads import Head
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.pixels.turn import Turn
from studio_pipeline.records.base import Record
from studio_pipeline.records.hand import Polygon
from studio_pipeline.records.plan import Plan, Refusal, Tier
from studio_pipeline.subject.reading import Reading

_HEAD_MARGIN = 0.05  # of the head's height, kept free around it
_LEAST = 0.8  # of the height that was asked: how far a frame shrinks before it moves
_ANYBODY = 12  # of 255: the matte's last hairs
_DRAW = "draw the frame that is wanted"
_WHOLE = "whole edit"


class _Framing(Record):
    aspect: Aspect | None = Field(
        None, description="Width to height, as in 4:5; the picture's own if left out."
    )
    eye_line: float = Field(0.4, ge=0.1, le=0.9, description="Height of the eyes in the frame, from its top.")
    head_height: float = Field(
        0.0, ge=0, le=0.9, description="Crown to chin, as a share of the frame's height; 0 = as it is."
    )
    head_centre: float = Field(
        0.5, ge=0.1, le=0.9, description="Place of the head across the frame, from its left."
    )
    clear_left: float = Field(
        0.0, ge=0, le=0.8, description="Share of the width, at the left, without person."
    )
    clear_right: float = Field(0.0, ge=0, le=0.8, description="The same at the right.")
    rotate: Literal["none", "level"] | Annotated[float, Field(ge=-15, le=15)] = Field(
        "none", description="Turn the picture first: to level eyes, or by degrees clockwise."
    )
    most_new: float = Field(0.35, ge=0, le=0.9, description="Share of the frame that may be new background.")

    @property
    def turns(self) -> bool:
        return self.rotate not in ("none", 0)

    @model_validator(mode="after")
    def _some_is_left(self) -> _Framing:
        if self.clear_left + self.clear_right > 0.8:
            raise ValueError("clear_left and clear_right leave less than 0.2 of the width for the person")
        return self


class FrameParams(ManyWishes, _Framing):
    """The edit's keys in a preset."""


class FramePlan(Record):
    """``extension``: the plan of what lies beyond the base; None where the frame is a part of it."""

    extension: Plan | None = None


@dataclass(frozen=True)
class _Chosen:
    """A frame with what had to be said about it; ``frame`` None = refused."""

    frame: Roi | None
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    extension: Plan | None = None


class FramePortrait:
    name = "frame_portrait"
    title = "Frame the portrait"
    version = 1
    tier = Tier.BACKDROP_ONLY
    engine = "classical"
    writes: tuple[Zone, ...] = (Zone.NEW,)
    roles: tuple[str, ...] = (EMPTY_SET,)
    params: type[Record] = FrameParams

    def turn(self, reading: Reading, params: FrameParams) -> Turn | None:
        """As ``edits.base.Turns``. Nothing is turned where the heads are not known."""
        wish = _asked(reading, params) if params.turns else None
        if not isinstance(wish, Wish):
            return None
        deg = level.level_deg(heads.in_front(reading)) if params.rotate == "level" else float(params.rotate)
        return level.choose(deg, reading.record.extent, wish) if deg else None

    def plan(
        self, frame: Frame, reading: Reading, params: FrameParams, seed: int, given: Given = NOTHING_GIVEN
    ) -> Plan:
        """The frame as the canvas. ``given.hand.area``: a frame that a person drew, grown to the format."""
        extent = reading.record.extent
        asked = _drawn(given.hand.area, params, extent) if given.hand.area else _asked(reading, params)
        chosen = asked if isinstance(asked, _Chosen) else _chosen(frame, reading, asked, params, seed, given)
        notes, changes = chosen.notes, chosen.frame is not None and chosen.frame != Roi.of(extent)
        if chosen.frame is not None and not changes:
            notes += ("the picture has this frame already",)
        if params.turns and chosen.frame is not None:
            notes += level.said(reading.turn, heads.in_front(reading), params.rotate == "level")
        extension = chosen.extension if changes else None
        made = beyond.made_within(extension, chosen.frame) if extension and chosen.frame else None
        return plan_of(
            self,
            params,
            seed,
            given.hand,
            engine=extension.engine if extension else self.engine,
            canvas=chosen.frame if changes else None,
            changes=changes,
            refusals=chosen.refusals,
            notes=notes,
            sources=extension.sources if extension else {},
            items=made.items if made else (),
            off=made.off if made else (),
            made_by=made.by if made else None,
            body=FramePlan(extension=extension).model_dump(mode="json"),
        )

    def prepare(self, plan: Plan, base: Frame, sources: Mapping[str, Source] = NO_SOURCES) -> Painter:
        extension = FramePlan.model_validate(plan.body).extension
        return nothing if extension is None else beyond.prepare(extension, plan.off, base, sources)

    def render(self, plan: Plan, base: Frame, roi: Roi, sources: Mapping[str, Source] = NO_SOURCES) -> Patch:
        return self.prepare(plan, base, sources)(roi)


FRAME_PORTRAIT = FramePortrait()


def _ratio(params: FrameParams, extent: Extent) -> float:
    return ratio(params.aspect) if params.aspect else extent.width / extent.height


def _drawn(area: tuple[Polygon, ...], params: FrameParams, extent: Extent) -> Wish:
    """What a person drew, grown to the format about its middle; it holds for itself, heads or not."""
    corners = [corner for polygon in area for corner in polygon]
    y0, x0 = min(c.y for c in corners), min(c.x for c in corners)
    y1, x1 = max(c.y for c in corners) + 1, max(c.x for c in corners) + 1
    wanted = _ratio(params, extent)
    middle = (min(max(y0 + y1, 0) // 2, extent.height), min(max(x0 + x1, 0) // 2, extent.width))
    return Wish(
        ratio=wanted,
        height_px=max(y1 - y0, (x1 - x0) / wanted),
        y=(y0 + y1) / 2,
        x=(x0 + x1) / 2,
        at_y=0.5,
        at_x=0.5,
        keep=Roi(*middle, *middle),
        least=0.1,
    )


def _asked(reading: Reading, params: FrameParams) -> Wish | _Chosen:
    """What the preset wants of this head, or why that cannot be said."""
    record, extent = reading.record, reading.record.extent
    if not record.sure:
        return _refused(f"{record.reason or 'it is not sure who is where'}; or {_DRAW}")
    found = heads.find(reading)
    if found is None:
        return _refused(f"a face's eyes were not found: {_DRAW}")
    if not found:
        return _refused(f"no face was found: {_DRAW}")
    head = heads.together(found)
    return Wish(
        ratio=_ratio(params, extent),
        height_px=(head.chin - head.crown) / params.head_height if params.head_height else extent.height,
        y=head.eyes_y,
        x=head.eyes_x,
        at_y=params.eye_line,
        at_x=params.head_centre,
        keep=_with_margin(head, extent),
        least=_LEAST if params.head_height else 1.0,
        clear_left=params.clear_left,
        clear_right=params.clear_right,
    )


def _refused(reason: str) -> _Chosen:
    return _Chosen(None, (Refusal(where=_WHOLE, reason=reason),))


def _with_margin(head: Head, extent: Extent) -> Roi:
    """The head from crown to chin and from side to side, as far as it is in the picture."""
    margin = _HEAD_MARGIN * (head.chin - head.crown)
    first = (math.floor(v - margin) for v in (head.crown, head.left))
    last = (math.ceil(v + margin) for v in (head.chin, head.right))
    return Roi(*first, *last) & Roi.of(extent)


def _chosen(
    frame: Frame, reading: Reading, wish: Wish, params: FrameParams, seed: int, given: Given
) -> _Chosen:
    """Place the frame where what lies beyond the picture can be had; if need be, without the clear area."""
    extent = reading.record.extent
    most_new = 1.0 if given.hand.area else params.most_new
    refusals: list[Refusal] = []
    reasons: dict[str, str] = {}  # each time round there are more, or the clear area is given up
    while True:
        extension: Plan | None = None
        room = Room(extent, frozenset(reasons), lambda y0, y1: _columns(reading, y0, y1))
        placed = framing.place(wish, room, most_new)
        if placed is None and wish.clears:
            refusals.append(Refusal(where="clear area", reason=_why_not_clear(wish, room, reasons)))
            wish = wish.without_clear()
            continue
        if placed is None:
            return _Chosen(None, (*refusals, Refusal(where=_WHOLE, reason=_why_not(wish, room))))
        left = framing.sides_left(placed, extent)
        in_the_way = {s: why for s, why in beyond.blocked(frame, reading, placed).items() if s in left}
        if not in_the_way:
            extension = beyond.decide(frame, reading, placed, seed, given)
            in_the_way = {r.where: r.reason for r in extension.refusals} if extension else {}
        if in_the_way.keys() <= reasons.keys():
            break
        reasons |= in_the_way
    if extension is not None and params.generative != "never":
        extension = beyond.decide(frame, reading, placed, seed, given, params) or extension
    refusals += [Refusal(where=side, reason=reasons[side]) for side in framing.SIDES if side in reasons]
    notes = (*_said(wish, placed, reading, given), *(extension.notes if extension else ()))
    return _Chosen(placed, tuple(refusals), notes, extension)


def _columns(reading: Reading, y0: int, y1: int) -> framing.Span | None:
    """The columns in which some of the person lies, in master rows ``y0`` to ``y1``."""
    scale = reading.matte.shape[0] / reading.record.extent.height
    rows = reading.matte[max(0, math.floor(y0 * scale)) : max(0, math.ceil(y1 * scale))]
    found = np.flatnonzero((rows > _ANYBODY).any(axis=0))
    return (float(found[0]) / scale, float(found[-1] + 1) / scale) if len(found) else None


def _why_not(wish: Wish, room: Room) -> str:
    frame = framing.place(wish, room)
    if frame is None:
        return f"no frame of this format holds the head and stays inside the picture where it must: {_DRAW}"
    share = framing.new_share(frame, room.extent)
    return f"{share:.0%} of the frame would be new background, more than most_new: {_DRAW}"


def _why_not_clear(wish: Wish, room: Room, reasons: dict[str, str]) -> str:
    wanted = {"left": wish.clear_left, "right": wish.clear_right}
    for side, share in wanted.items():
        if share and side in reasons:
            return f"{side}: {reasons[side]}"
    if framing.place(wish, room) is not None:
        return "more of the frame would be new background than most_new"
    return "the person is too wide for it in a frame that has room here"


def _said(wish: Wish, placed: Roi, reading: Reading, given: Given) -> list[str]:
    """Where the frame is not what was asked, and who is in it."""
    notes = []
    found = heads.find(reading) if reading.record.sure else None
    if given.hand.area:
        if found and not placed.contains(_with_margin(heads.together(found), reading.record.extent)):
            notes.append("the frame as it was drawn does not hold all of every head")
    elif found and len(found) > 1:
        notes.append(f"{len(found)} heads are framed together")
    size = placed.extent.height / wish.height_px
    if abs(size - 1) > 0.01:
        notes.append(f"the frame is {abs(size - 1):.0%} {'larger' if size > 1 else 'smaller'} than asked")
    for what, share, asked in (
        ("from the top", (wish.y - placed.y0) / placed.extent.height, wish.at_y),
        ("from the left", (wish.x - placed.x0) / placed.extent.width, wish.at_x),
    ):
        if abs(share - asked) > 0.01 and not given.hand.area:
            notes.append(f"the eyes lie {share:.0%} {what}, not {asked:.0%}")
    return notes
