"""Extend the background: more of the same backdrop outside the frame, never a pixel of it inside.

Light is read as a robust coarse surface where backdrop is visible and continued past the border; texture and
grain are the backdrop's own residual, laid in pieces at master coordinates. A side where the frame cuts the
person is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from studio_pipeline.edits import extension, sides
from studio_pipeline.edits.base import NO_SOURCES, NOTHING_GIVEN, Given, Painter, Patch, Source, nothing
from studio_pipeline.edits.extension import Extension, papers
from studio_pipeline.geometry import Extent, Insets, Roi
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, Zone, grow
from studio_pipeline.records.base import Record
from studio_pipeline.records.hand import Hand, drawn
from studio_pipeline.records.plan import Item, Plan, Tier
from studio_pipeline.subject.reading import Reading

_MARGIN = 0.006  # kept clear of the person when reading light, as a share of the long edge
_FAR = 0.7  # face heights from what the detectors see of a person
PAPER_EDGE = "paper-edge"  # the item's id
_MOST_PX = 32768  # to add on one side; twice the width of the largest sensors


class ExtendParams(Record):
    """To an aspect ratio, or by given master pixels; not both."""

    aspect: str | None = Field(None, description="Width to height, as in 4:5 or 16:9.")
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
    most: float = Field(1.0, gt=0, le=8, description="New width over the picture's, a side, without a note.")

    @field_validator("aspect")
    @classmethod
    def _ratio(cls, value: str | None) -> str | None:
        if value is not None:
            width, _, height = value.partition(":")
            if not (_positive(width) and _positive(height)) or not 0.1 <= float(width) / float(height) <= 10:
                raise ValueError("an aspect ratio is written as 4:5 or 16:9, and lies between 1:10 and 10:1")
        return value

    @property
    def ratio(self) -> float | None:
        if self.aspect is None:
            return None
        width, _, height = self.aspect.partition(":")
        return float(width) / float(height)


class ExtendPlan(Record):
    """``inside``: what of the master lies within the paper's edges, and what is extended from there."""

    extension: Extension | None = None
    inside: Roi | None = None
    from_paper: Extension | None = None


class ExtendBackground:
    name = "extend_background"
    title = "Extend the background"
    version = 2
    tier = Tier.BACKDROP_ONLY
    engine = "classical"
    writes: tuple[Zone, ...] = (Zone.NEW, Zone.BACKDROP)
    params: type[Record] = ExtendParams

    def plan(
        self, frame: Frame, reading: Reading, params: ExtendParams, seed: int, given: Given = NOTHING_GIVEN
    ) -> Plan:
        master = reading.record.extent
        readable = reading.backdrop_at(frame.extent.height, frame.extent.width)
        readable |= _far_things(reading, readable.shape)
        away = ~grow(~readable, round(_MARGIN * frame.extent.long_edge)) & _by_hand(frame, given.hand)
        reasons = sides.blocked(reading, readable)
        if not away.any():
            reasons = (
                dict.fromkeys(sides.SIDES, "no backdrop is visible far enough from the person") | reasons
            )
        if params.ratio is not None:
            wanted = sides.by_aspect(master, params.ratio, params.side, reasons)
        else:
            asked = Insets(params.top, params.left, params.bottom, params.right)
            wanted = sides.by_pixels(asked, reasons)
        outcome: dict[str, Any] = {"refusals": wanted.refusals, "notes": wanted.notes}
        if not away.any() or not (wanted.insets.any or params.paper_edge):
            return self._planned(params, seed, given, outcome | {"changes": False})
        readable_from = _Readable(frame, away, _surely_nobody(reading, readable.shape), master)
        body = ExtendPlan(extension=readable_from.extended(Roi.of(master), wanted.insets, seed))
        inside, edges = papers.inside_paper(frame, away, reading)
        if edges:
            body = body.model_copy(
                update={"inside": inside, "from_paper": readable_from.extended(inside, wanted.insets, seed)}
            )
            item = Item(id=PAPER_EDGE, kind="paper edge", roi=inside, said=_said(edges))
            outcome |= {"items": (item,), "writes": (Zone.NEW, Zone.BACKDROP)}
            outcome["off"] = () if params.paper_edge else (PAPER_EDGE,)
        else:
            outcome["writes"] = (Zone.NEW,)
        used = body.from_paper if body.from_paper and params.paper_edge else body.extension
        kinds = tuple(f"{side.name}: {side.kind.value}" for side in used.sides) if used else ()
        outcome["notes"] += kinds + _large(wanted.insets, master, params.most)
        if wanted.insets.any:
            outcome["canvas"] = Roi.of(master).grown(wanted.insets)
        outcome["changes"] = used is not None
        return self._planned(params, seed, given, outcome | {"body": body.model_dump(mode="json")})

    def _planned(self, params: ExtendParams, seed: int, given: Given, outcome: dict[str, Any]) -> Plan:
        return Plan(
            edit=self.name,
            version=self.version,
            tier=self.tier,
            engine=self.engine,
            seed=seed,
            hand=given.hand,
            params=params.model_dump(mode="json"),
            **outcome,
        )

    def prepare(self, plan: Plan, base: Frame, sources: Mapping[str, Source] = NO_SOURCES) -> Painter:
        body = ExtendPlan.model_validate(plan.body)
        chosen, inside = body.extension, base.roi
        if body.from_paper is not None and body.inside is not None and PAPER_EDGE not in plan.off:
            chosen, inside = body.from_paper, body.inside.scaled(base.scale) & base.roi
        if chosen is None:
            return nothing
        dither = not len(chosen.pieces.array())

        @functools.cache
        def drawing() -> extension.Drawing:
            return extension.Drawing(chosen, papers.cropped(base, inside))

        def paint(roi: Roi) -> Patch:
            if inside.contains(roi):
                return nothing(roi)
            return Patch(*drawing().draw(roi.shifted(-inside.y0, -inside.x0)), dither=dither)

        return paint

    def render(self, plan: Plan, base: Frame, roi: Roi, sources: Mapping[str, Source] = NO_SOURCES) -> Patch:
        return self.prepare(plan, base, sources)(roi)


EXTEND_BACKGROUND = ExtendBackground()


def _positive(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


@dataclass(frozen=True, eq=False)
class _Readable:
    """What an extension is decided from, at plan scale; ``nobody`` as ``extension.decide`` has it."""

    frame: Frame
    away: Mask
    nobody: NDArray[np.float32]
    master: Extent

    def extended(self, inside: Roi, added: Insets, seed: int) -> Extension | None:
        """From the part ``inside`` (master pixels) to ``added`` around the whole picture."""
        whole = Roi.of(self.master)
        added = Insets(
            added.top + inside.y0,
            added.left + inside.x0,
            added.bottom + whole.y1 - inside.y1,
            added.right + whole.x1 - inside.x1,
        )
        if not added.any:
            return None
        region = inside.scaled(self.frame.scale) & self.frame.roi
        frame, part = papers.cropped(self.frame, region), region.within(self.frame.roi)
        return extension.decide(frame, self.away[part], self.nobody[part], inside.extent, added, seed)


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


def _by_hand(frame: Frame, hand: Hand) -> Mask:
    """Where a person lets backdrop be copied from: in what is drawn, and not in what is spared."""
    allowed = np.ones((frame.extent.height, frame.extent.width), np.bool_)
    if hand.area:
        allowed = drawn(hand.area, frame.roi, frame.scale)
    return np.asarray(allowed & ~drawn(hand.spare, frame.roi, frame.scale), np.bool_)


def _surely_nobody(reading: Reading, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.where(_far_things(reading, shape), np.float32(1), _uncovered(reading, shape))


def _far_things(reading: Reading, shape: tuple[int, ...]) -> Mask:
    """What counts as held and stays locked, but is no part of anybody: a screen behind them, a bench."""
    matte = cv2.resize(reading.matte, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    if not reading.record.sure or reading.body is None:
        return np.zeros(matte.shape, np.bool_)
    return np.asarray((matte > 127) & ~sides.near_body(reading, shape, _FAR), np.bool_)


def _uncovered(reading: Reading, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """How surely nobody is seen at each pixel, however near somebody is: ``(h, w)``, 0..1."""
    size = (shape[1], shape[0])
    alpha = cv2.resize(reading.matte, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.where(alpha < 0.5, np.square(1 - alpha), np.float32(0)).astype(np.float32)
