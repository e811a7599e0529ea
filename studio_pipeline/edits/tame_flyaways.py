"""Take away stray hairs across a plain backdrop, outside the hair's body, each only by a person's word."""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from studio_pipeline.edits import healing
from studio_pipeline.edits.base import NO_SOURCES, NOTHING_GIVEN, Given, Patch, Source
from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels import flyaways, sources
from studio_pipeline.pixels.flyaways import Flyaway
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.lines import Line
from studio_pipeline.pixels.loose import FAR, body, room
from studio_pipeline.pixels.masks import Mask, Zone, grow, inside
from studio_pipeline.pixels.metrics import tone
from studio_pipeline.pixels.strokes import Points, Stroke
from studio_pipeline.records.base import Record
from studio_pipeline.records.hand import drawn
from studio_pipeline.records.plan import Item, Plan, Refusal, Tier
from studio_pipeline.records.strands import SHARE_MAX, STRAND, WIDTH_MAX, Strand, StrandPlan
from studio_pipeline.subject.reading import Reading

_LEAST_EDGE_PX = 700  # at plan scale: below, a stroke is wider than the limit on its width
_REACH = 1.5  # face heights around a face: where hair is
_TEXTURED = 1.0  # px of lines on 1000 px of backdrop where no hair is: above, it has lines of its own
_NEAR = 0.4  # of the distance to the hair's body: from there on strands are seen, though they stay
_RUN_POINTS = 6  # healed at once: a run needs as much clean backdrop in one piece
_MOST_LINES = 600
_SPARE_SHARE = 0.9  # of the limit on all strokes: the master may round the other way


class TameFlyawaysParams(Record):
    """The edit's keys in a preset."""

    sensitivity: float = Field(
        1.0, ge=0.5, le=2.0, description="Higher finds fainter hairs, and more lines that are none."
    )
    max_count: int = Field(80, ge=0, le=400, description="Most stray hairs listed in one picture.")


class TameFlyaways:
    """The edit. Detection is ``pixels.flyaways``, healing ``pixels.poisson``; the body is a ``StrandPlan``."""

    name = StrandPlan.EDIT
    title = "Tame stray hairs"
    version = 1
    tier = Tier.BOUNDED_RETOUCH
    engine = "classical"
    writes: tuple[Zone, ...] = (Zone.BACKDROP, Zone.EDGE)
    roles: tuple[str, ...] = ()
    params: type[Record] = TameFlyawaysParams

    def plan(
        self,
        frame: Frame,
        reading: Reading,
        params: TameFlyawaysParams,
        seed: int,
        given: Given = NOTHING_GIVEN,
    ) -> Plan:
        """Stray hairs around the faces, the strongest first; each an item, and every one off.

        The hand's ``area``: only hairs that run through it. ``spare``: nothing in it is written. Another try
        heals from the next likeliest place. ``seed`` has no effect.
        """
        reason = _refused(frame, reading)
        strands, items, notes = list[Strand](), list[Item](), list[str]()
        if not reason:
            scene = _Scene(frame, reading, params, given)
            reason = scene.refused
            if not reason:
                strands, items, notes = scene.strands()
        return Plan(
            edit=self.name,
            version=self.version,
            tier=self.tier,
            engine=self.engine,
            seed=seed,
            hand=given.hand,
            params=params.model_dump(mode="json"),
            changes=bool(items),
            refusals=(Refusal(where="whole edit", reason=reason),) if reason else (),
            notes=tuple(notes),
            items=tuple(items),
            off=tuple(item.id for item in items),
            body=StrandPlan(strands=tuple(strands)).model_dump(mode="json"),
        )

    def render(self, plan: Plan, base: Frame, roi: Roi, sources: Mapping[str, Source] = NO_SOURCES) -> Patch:
        """Healed strokes in ``roi``, in linear Rec.2020; tiles agree, as in ``heal_spots``."""
        body = StrandPlan.model_validate(plan.body)
        linear = np.zeros((roi.extent.height, roi.extent.width, 3), np.float32)
        return Patch(linear, healing.heal_into(linear, body.healings(base.scale, plan.off), base, roi))


TAME_FLYAWAYS = TameFlyaways()


def _refused(frame: Frame, reading: Reading) -> str:
    if not reading.record.faces:
        return reading.record.reason or "no face is in sight: what is hair cannot be told from other threads"
    if frame.extent.long_edge < _LEAST_EDGE_PX:
        return f"the picture is too small: at least {_LEAST_EDGE_PX} px at plan scale"
    if not inside(reading.zones, Zone.BACKDROP).any():
        return reading.record.reason or "no backdrop is in sight"
    return ""


class _Scene:
    """What is searched, at plan scale: ``search`` may hold strands, ``free`` may be written."""

    def __init__(self, frame: Frame, reading: Reading, params: TameFlyawaysParams, given: Given) -> None:
        self.frame, self.params, self.hand = frame, params, given.hand
        self.light = tone(frame.linear())
        zones = reading.canvas_zones(frame.roi, frame.scale)
        over = inside(zones, Zone.BACKDROP, Zone.EDGE)
        matte = _resized(reading.matte, frame.extent)
        spared = drawn(given.hand.spare, frame.roi, frame.scale)
        self.search = over & ~body(matte, _NEAR * FAR)
        self.free = over & ~body(matte) & ~spared
        self.matte = matte
        self.heads = _around_faces(frame, reading)
        wanted = flyaways.look(params.sensitivity, WIDTH_MAX / 2 * frame.extent.long_edge, _MOST_LINES)
        self.lines = flyaways.find(self.light, self.search, wanted)
        clear = reading.backdrop_at(*over.shape) & (zones == Zone.BACKDROP)
        elsewhere = clear & ~self.heads
        self.refused = ""
        if not clear.any():
            self.refused = "no plain backdrop is in sight"
        elif flyaways.density(self.lines, elsewhere) > _TEXTURED:
            self.refused = "the backdrop is not plain: it has lines where no hair is"

    def strands(self) -> tuple[list[Strand], list[Item], list[str]]:
        """The rows of the body, the items, and what was left, in words."""
        around = room(self.free)
        area = drawn(self.hand.area, self.frame.roi, self.frame.scale) if self.hand.area else self.heads
        strokes = flyaways.covered_by(self.lines, self.search.shape, 1)
        clean = flyaways.calm(self.light, self.search, strokes, self.matte)
        near = sources.Near.of(self.light, clean, [])
        budget = _SPARE_SHARE * SHARE_MAX * self.frame.extent.area
        rows, items = list[Strand](), list[Item]()
        close = sourceless = over = 0
        for line in self.lines:
            found = flyaways.parted(line, around)
            if not found.free:
                close += 1
                continue
            if not flyaways.near_to(area, found) or len(items) >= self.params.max_count:
                continue
            made = self._runs(found, near)
            if not any(offset for _, offset in made):
                sourceless += 1
                continue
            needed = sum(_area(run, found.radius_px) for run, offset in made if offset)
            if needed > budget:
                over += 1
                continue
            budget -= needed
            item = self._item(found, [run for run, offset in made if offset])
            items.append(item)
            rows += [self._row(item.id, run, found.radius_px, offset) for run, offset in made]
        notes = []
        if close:
            notes.append(f"strands left, for they lie in the hair's body or within its margin: {close}")
        if sourceless:
            notes.append(f"strands left, for no clean backdrop lies beside them: {sourceless}")
        if over:
            notes.append(f"strands left, for all together may cover {SHARE_MAX:.0%} of the picture: {over}")
        if self.hand.area and not items:
            notes.append("no stray hair was found in the area that was drawn")
        return rows, items, notes

    def _runs(self, found: Flyaway, near: sources.Near) -> list[tuple[Points, tuple[int, int] | None]]:
        made: list[tuple[Points, tuple[int, int] | None]] = [(run, None) for run in found.held]
        for whole in found.free:
            for i in range(0, len(whole) - 1, _RUN_POINTS - 1):
                run = whole[i : i + _RUN_POINTS]
                made.append((run, near.offset(run, found.radius_px, self.hand.tries)))
        return made

    def _item(self, found: Flyaway, runs: list[Points]) -> Item:
        scale = self.frame.scale
        places = (np.concatenate(runs) + 0.5) / scale - 0.5
        y, x = (round(float(v)) for v in places[len(places) // 2])
        long = sum(float(np.hypot(*np.diff(run, axis=0).T).sum()) for run in runs) / scale
        said = f"{round(long)} px long, {abs(found.contrast):.0f} L* off"
        roi = Stroke(places, found.radius_px / scale).roi
        return Item(id=f"strand-{y}-{x}", kind=STRAND, roi=roi, said=said)

    def _row(self, item: str, run: Points, radius_px: float, offset: tuple[int, int] | None) -> Strand:
        scale = self.frame.scale
        return Strand(
            item=item,
            points=tuple((round(float(y), 1), round(float(x), 1)) for y, x in (run + 0.5) / scale - 0.5),
            radius_px=round(radius_px / scale, 1),
            offset=Point(round(offset[0] / scale), round(offset[1] / scale)) if offset else None,
        )


def _around_faces(frame: Frame, reading: Reading) -> Mask:
    out = np.zeros((frame.extent.height, frame.extent.width), np.bool_)
    for face in reading.record.faces:
        here = face.roi.scaled(frame.scale)
        out[(here.grown(math.ceil(_REACH * here.extent.height)) & frame.roi).within(frame.roi)] = True
    return out


def _resized(matte: NDArray[np.uint8], extent: Extent) -> NDArray[np.uint8]:
    if matte.shape == (extent.height, extent.width):
        return matte
    size = (extent.width, extent.height)
    return np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _area(run: Points, radius_px: float) -> float:
    return 2 * radius_px * float(np.hypot(*np.diff(run, axis=0).T).sum()) + math.pi * radius_px**2
