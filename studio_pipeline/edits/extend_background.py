"""Extend the background: more of the same backdrop outside the frame.

What kind of backdrop stands at a side decides how it goes on (``edits/extension``): plain paper as light and
grain, anything with structure as moved copies of itself. A side where the frame cuts the person is refused.
Inside the frame nothing changes, unless a person asks for paper in place of what lies outside a narrow roll,
or for a blended band.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field

from studio_pipeline.edits import extension, generating, sides
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
from studio_pipeline.edits.extension import Extension, Seen, papers
from studio_pipeline.edits.generated import Candidate, MadeDrawing
from studio_pipeline.edits.generating import ManyWishes
from studio_pipeline.edits.sides import Wanted
from studio_pipeline.geometry import Extent, Insets, Roi
from studio_pipeline.pixels import register
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.records.base import Record
from studio_pipeline.records.plan import Item, Plan, Tier
from studio_pipeline.subject.reading import Reading

PAPER_EDGE = "paper-edge"  # the item's id
_MOST_PX = 32768  # to add on one side; twice the width of the largest sensors


class _Amount(Record):
    aspect: Aspect | None = Field(None, description="Width to height, as in 4:5 or 16:9.")
    left: int = Field(0, ge=0, le=_MOST_PX, description="Master pixels to add at the left.")
    right: int = Field(0, ge=0, le=_MOST_PX, description="Master pixels to add at the right.")
    top: int = Field(0, ge=0, le=_MOST_PX, description="Master pixels to add at the top.")
    bottom: int = Field(0, ge=0, le=_MOST_PX, description="Master pixels to add at the bottom.")
    side: Literal["both", "left", "right", "top", "bottom"] = Field(
        "both", description="Where an aspect ratio's new backdrop goes: half each side, or all on one."
    )
    paper_edge: bool = Field(
        False,
        description="Where narrow paper ends inside the frame, put paper in place of what lies outside it.",
    )
    blend_px: int = Field(
        0, ge=0, le=512, description="Master pixels of backdrop inside the border that fade into the new."
    )
    most: float = Field(1.0, gt=0, le=8, description="New width over the picture's, a side, without a note.")


class ExtendParams(ManyWishes, _Amount):
    """To an aspect ratio, or by given master pixels; not both."""


class ExtendPlan(Record):
    """``inside``: what of the master lies within the paper's edges, and what is extended from there.
    ``candidates``: what a model made in place of the extension on some sides; the first that is on is drawn.
    """

    extension: Extension | None = None
    candidates: tuple[Candidate, ...] = ()
    inside: Roi | None = None
    from_paper: Extension | None = None


class ExtendBackground:
    name = "extend_background"
    title = "Extend the background"
    version = 2
    tier = Tier.BACKDROP_ONLY
    engine = "classical"
    writes: tuple[Zone, ...] = (Zone.NEW, Zone.BACKDROP)
    roles: tuple[str, ...] = (EMPTY_SET,)
    params: type[Record] = ExtendParams

    def plan(
        self, frame: Frame, reading: Reading, params: ExtendParams, seed: int, given: Given = NOTHING_GIVEN
    ) -> Plan:
        seen = extension.see(frame, reading, given)
        reasons = seen.crossing | sides.blocked(reading, seen.readable)
        if not seen.away.any():
            reasons = (
                dict.fromkeys(sides.SIDES, "no backdrop is visible far enough from the person") | reasons
            )
        if params.aspect is not None:
            wanted = sides.by_aspect(seen.master, ratio(params.aspect), params.side, reasons)
        else:
            asked = Insets(params.top, params.left, params.bottom, params.right)
            wanted = sides.by_pixels(asked, reasons)
        outcome: dict[str, Any] = {"changes": False, "refusals": wanted.refusals, "notes": wanted.notes}
        if seen.away.any() and (wanted.insets.any or params.paper_edge):
            outcome |= _decided(seen, reading, wanted, params, seed)
            outcome = generating.asked(outcome, seen, reading, params, seed, given)
        return plan_of(self, params, seed, given.hand, **outcome)

    def prepare(self, plan: Plan, base: Frame, sources: Mapping[str, Source] = NO_SOURCES) -> Painter:
        body = ExtendPlan.model_validate(plan.body)
        chosen, inside = body.extension, base.roi
        if body.from_paper is not None and body.inside is not None and PAPER_EDGE not in plan.off:
            chosen, inside = body.from_paper, body.inside.scaled(base.scale) & base.roi
        if chosen is None:
            return nothing
        dither = not len(chosen.pieces.array())

        read_empty: Callable[[Roi], tuple[Linear, Mask]] | None = None
        if (found := chosen.empty_set) is not None:
            empty = sources[EMPTY_SET].frame

            def read_empty(roi: Roi) -> tuple[Linear, Mask]:
                return register.sample(found, empty, roi.shifted(inside.y0, inside.x0))

        @functools.cache
        def drawing() -> extension.Drawing:
            return extension.Drawing(chosen, papers.cropped(base, inside), read_empty)

        @functools.cache
        def made() -> MadeDrawing | None:
            on = next((one for one in body.candidates if one.item not in plan.off), None)
            return MadeDrawing(on, base) if on and chosen is body.extension else None

        def paint(roi: Roi) -> Patch:
            if inside.grown(-round(chosen.blend_px * base.scale)).contains(roi):
                return nothing(roi)
            if (by_model := made()) is not None and by_model.covers(roi):
                return Patch(*by_model.draw(roi), dither=dither)
            linear, mask = drawing().draw(roi.shifted(-inside.y0, -inside.x0))
            if by_model is not None:
                by_model.draw_into(linear, roi)
            return Patch(linear, mask, dither=dither)

        return paint

    def render(self, plan: Plan, base: Frame, roi: Roi, sources: Mapping[str, Source] = NO_SOURCES) -> Patch:
        return self.prepare(plan, base, sources)(roi)


EXTEND_BACKGROUND = ExtendBackground()


def _decided(seen: Seen, reading: Reading, wanted: Wanted, params: ExtendParams, seed: int) -> dict[str, Any]:
    """What the plan says when there is something to do."""
    whole, added = Roi.of(seen.master), wanted.insets
    band = extension.free_band(reading, params.blend_px)
    body = ExtendPlan(extension=seen.extended(whole, added, seed, band))
    outcome: dict[str, Any] = {
        "writes": (Zone.NEW, Zone.BACKDROP) if band else (Zone.NEW,),
        "canvas": whole.grown(added) if added.any else None,
    }
    inside, edges = papers.inside_paper(seen.steps, seen.frame, reading)
    if edges:
        body = body.model_copy(update={"inside": inside, "from_paper": seen.extended(inside, added, seed)})
        item = Item(id=PAPER_EDGE, kind="paper edge", roi=inside, said=_said(edges))
        outcome |= {"items": (item,), "writes": (Zone.NEW, Zone.BACKDROP)}
        outcome["off"] = () if params.paper_edge else (PAPER_EDGE,)
    used = body.from_paper if params.paper_edge and edges else body.extension
    notes = wanted.notes + tuple(f"{s.name}: {s.kind.value}" for s in (used.sides if used else ()))
    notes += _large(added, seen.master, params.most)
    if seen.empty is not None:
        outcome["sources"] = {EMPTY_SET: seen.empty[0].key}
        notes += ("light and texture are read from the empty set",)
    return outcome | {"notes": notes, "changes": used is not None, "body": body.model_dump(mode="json")}


def _said(edges: tuple[str, ...]) -> str:
    return f"the paper ends inside the frame ({', '.join(edges)}): what lies outside it becomes paper"


def _large(added: Insets, master: Extent, most: float) -> tuple[str, ...]:
    """A line for each side that grows by more than the preset thinks sound."""
    size = {"top": master.height, "bottom": master.height, "left": master.width, "right": master.width}
    return tuple(
        f"{side}: {px / size[side]:.0%} of the picture is added; look closely for what repeats"
        for side, px in asdict(added).items()
        if px > most * size[side]
    )
