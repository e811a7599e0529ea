"""Take away stray hairs across a plain backdrop, outside the hair's body, each only by a person's word."""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from studio_pipeline.edits import healing
from studio_pipeline.edits.base import NO_SOURCES, NOTHING_GIVEN, Given, Patch, Source, plan_of
from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels import flyaways, sources
from studio_pipeline.pixels.color import to_lab
from studio_pipeline.pixels.flyaways import Flyaway
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.loose import FAR, body, room
from studio_pipeline.pixels.masks import Mask, Zone, grow, inside
from studio_pipeline.pixels.metrics import farness, grain_ratio
from studio_pipeline.pixels.plainness import Plainness, plainness, reaching, window
from studio_pipeline.pixels.strokes import Points, Stroke
from studio_pipeline.records.base import Record
from studio_pipeline.records.hand import drawn
from studio_pipeline.records.plan import Item, Plan, Refusal, Tier
from studio_pipeline.records.strands import SHARE_MAX, STEP_MAX, STRAND, WIDTH_MAX, Strand, StrandPlan
from studio_pipeline.subject.reading import Reading

_LEAST_EDGE_PX = 700  # at plan scale: below, a stroke is wider than the limit on its width
_REACH = 1.5  # face heights around a face: where hair is
_TEXTURED = 1.0  # px of lines on 1000 px of backdrop where no hair is: above, it has lines of its own
_OUTLINE_PX, _LEAST_CONTRAST = 8, 8.0  # how wide the person's outline is looked at; CIELAB
_NEAR = 0.4  # of the distance to the hair's body: from there on strands are seen, though they stay
_RUN_POINTS = 6  # healed at once: a run needs as much clean backdrop in one piece
_MOST_LINES = 600
_RIM_PX = 3  # at any scale: what lies around a run, looked at for other hair
_SPARE_STEP, _TEXTURE_MOST = 0.7, 1.5  # a run alone: of the limit on light; of texture, told by few pixels
_SINGLE = 0.5  # of what lies beside a run has to be backdrop: else it is one of a lock's many hairs
_APART = 3.0  # CIEDE2000: both sides and what lies between are one backdrop
_HALF_WIDTH = 0.00125  # of the long edge: wider at half its contrast than 1.5 px and this is no single hair
_SPARE_SHARE = 0.9  # of the limit on all strokes: the master may round the other way


class TameFlyawaysParams(Record):
    """The edit's keys in a preset."""

    sensitivity: float = Field(
        1.0, ge=0.5, le=2.0, description="Higher finds fainter hairs, and more lines that are none."
    )
    max_count: int = Field(80, ge=0, le=400, description="Most stray hairs listed in one picture.")


class TameFlyaways:
    """The edit. ``pixels.flyaways`` finds, ``pixels.poisson`` heals; the body is a ``StrandPlan``."""

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
        return plan_of(
            self,
            params,
            seed,
            given.hand,
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
        flaws = body.healings(base.scale, plan.off)
        return healing.healed(flaws, base, roi, _RIM_PX)


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
        self.linear = frame.linear()
        self.lab = to_lab(self.linear)
        self.light = np.ascontiguousarray(self.lab[..., 0])
        zones = reading.canvas_zones(frame.roi, frame.scale)
        over = inside(zones, Zone.BACKDROP, Zone.EDGE)
        matte = _resized(reading.matte, frame.extent)
        spared = drawn(given.hand.spare, frame.roi, frame.scale)
        self.over = over
        self.search = over & ~body(matte, _NEAR * FAR)
        self.free = over & ~body(matte) & ~spared
        self.matte = matte
        self.heads = _around_faces(frame, reading)
        wanted = flyaways.look(params.sensitivity, _MOST_LINES)
        self.lines = flyaways.find(self.light, self.search, wanted, WIDTH_MAX / 2 * frame.extent.long_edge)
        clear = reading.backdrop_at(*over.shape) & (zones == Zone.BACKDROP)
        elsewhere = clear & ~self.heads
        self.refused = ""
        if not clear.any():
            self.refused = "no plain backdrop is in sight"
        elif flyaways.density(self.lines, elsewhere) > _TEXTURED:
            self.refused = "the backdrop is not plain: it has lines where no hair is"
        elif _contrast(self.lab, body(matte, 0) & self.heads, clear & self.heads) < _LEAST_CONTRAST:
            self.refused = "the hair looks like the backdrop: what is its body cannot be told from strands"

    def strands(self) -> tuple[list[Strand], list[Item], list[str]]:
        """The rows of the body, the items, and what was left, in words."""
        around = room(self.free)
        area = drawn(self.hand.area, self.frame.roi, self.frame.scale) if self.hand.area else self.heads
        strokes = flyaways.covered_by(self.lines, self.search.shape, 1)
        near = sources.Near.of(self.light, flyaways.calm(self.light, self.search, strokes, self.matte), [])
        rows, wanted, close = list[Strand](), list[Flyaway](), 0
        for line in self.lines:
            found = flyaways.parted(line, around)
            is_free = any(free for _, free in found.runs)
            close += not is_free
            if is_free and flyaways.near_to(area, found):
                wanted.append(found)
            else:
                rows += [self._row("", run, line.radius_px, None) for run, _ in found.runs]
        made = {f"strand-{k}": self._runs(found, near) for k, found in enumerate(wanted)}
        for (name, runs), found in zip(made.items(), wanted, strict=True):
            rows += [self._row(name, run, found.radius_px, offset) for run, offset in runs]
        kept = self._plain(rows)
        rows, items, over = self._within_limits(kept, wanted)
        notes = []
        if close:
            notes.append(f"strands left, for they lie in the hair's body or within its margin: {close}")
        if left := len(wanted) - len(items) - over:
            notes.append(f"strands left, for no backdrop beside them makes them plain: {left}")
        if over:
            notes.append(f"strands left, for only the strongest {len(items)} are within the limits: {over}")
        if self.hand.area and not items:
            notes.append("no stray hair was found in the area that was drawn")
        return rows, items, notes

    def _plain(self, rows: list[Strand]) -> list[Strand]:
        """Healed as the plan would; runs that would not be as plain as the backdrop beside are to stay."""
        frame, scale = self.frame, self.frame.scale
        body = StrandPlan(strands=tuple(rows))
        linear = self.linear.copy()
        healed = healing.heal_into(linear, body.healings(scale, ()), frame, frame.roi, _RIM_PX)
        made = np.where(healed[..., None], linear, self.linear)
        strokes = [row.stroke(scale) for row in rows]
        near = reaching(strokes)
        out = []
        for row, stroke in zip(rows, strokes, strict=True):
            if row.offset is not None:
                roi = window(stroke, frame.roi)
                at = roi.within(frame.roi)
                found = plainness(made[at], stroke, near(roi), self.over[at], roi)
                if found is None or not _is_plain(found):
                    row = row.model_copy(update={"offset": None})
            out.append(row)
        return out

    def _within_limits(
        self, rows: list[Strand], wanted: list[Flyaway]
    ) -> tuple[list[Strand], list[Item], int]:
        """Rows and items of those that may be offered, and how many are over the limits."""
        budget = _SPARE_SHARE * SHARE_MAX * self.frame.extent.area / self.frame.scale**2
        by_name: dict[str, list[Strand]] = {}
        for row in rows:
            by_name.setdefault(row.item, []).append(row)
        out, items, over = by_name.pop("", []), list[Item](), 0
        for k, found in enumerate(wanted):
            own = by_name[f"strand-{k}"]
            taken = flyaways.trimmed([row.offset is not None for row in own], found.rooted)
            own = [
                row if is_taken else row.model_copy(update={"offset": None})
                for row, is_taken in zip(own, taken, strict=True)
            ]
            healed = [row for row in own if row.offset is not None]
            needed = sum(_area(row) for row in healed)
            fits = len(items) < self.params.max_count and needed <= budget
            over += bool(healed) and not fits
            if healed and fits:
                budget -= needed
                items.append(_item(healed, found))
                out += [row.model_copy(update={"item": items[-1].id}) for row in own]
            else:
                out += [row.model_copy(update={"item": "", "offset": None}) for row in own]
        return out, items, over

    def _runs(self, found: Flyaway, near: sources.Near) -> list[tuple[Points, tuple[int, int] | None]]:
        made: list[tuple[Points, tuple[int, int] | None]] = []
        thin_px = max(1.5, _HALF_WIDTH * self.frame.extent.long_edge)
        for whole, is_free in found.runs:
            if not is_free:
                made.append((whole, None))
                continue
            for i in range(0, len(whole) - 1, _RUN_POINTS - 1):
                run = whole[i : i + _RUN_POINTS]
                is_thin = flyaways.half_width(self.lab, self.search, run) <= thin_px
                offset = near.offset(run, found.radius_px, self.hand.tries) if is_thin else None
                made.append((run, offset))
        return made

    def _row(self, item: str, run: Points, radius_px: float, offset: tuple[int, int] | None) -> Strand:
        scale = self.frame.scale
        return Strand(
            item=item,
            points=tuple((round(float(y), 1), round(float(x), 1)) for y, x in (run + 0.5) / scale - 0.5),
            radius_px=math.floor(10 * radius_px / scale) / 10,  # never beyond the limit
            offset=Point(round(offset[0] / scale), round(offset[1] / scale)) if offset else None,
        )


def _contrast(lab: NDArray[np.float32], person: Mask, backdrop: Mask) -> float:
    """How far the outline of a head is from the backdrop around it, CIELAB: a tenth is nearer."""
    rim = person & ~grow(person, -_OUTLINE_PX)
    if not rim.any() or not backdrop.any():
        return 0.0
    soft = cv2.blur(lab, (_OUTLINE_PX, _OUTLINE_PX))
    away = soft[rim] - np.median(lab[backdrop], axis=0)
    return float(np.quantile(np.sqrt((away * away).sum(axis=1)), 0.1))


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


def _item(healed: list[Strand], found: Flyaway) -> Item:
    places = np.array([point for row in healed for point in row.points])
    y, x = (round(float(v)) for v in places[len(places) // 2])
    said = f"{round(sum(_length(row) for row in healed))} px long, {abs(found.contrast):.0f} L* off"
    return Item(id=f"strand-{y}-{x}", kind=STRAND, roi=Stroke(places, healed[0].radius_px).roi, said=said)


def _is_plain(found: Plainness) -> bool:
    ratio = grain_ratio(found.own, found.beside)
    if found.clear < _SINGLE or found.apart > _APART:
        return False
    return found.step <= _SPARE_STEP * STEP_MAX and farness(ratio) <= _TEXTURE_MOST


def _length(row: Strand) -> float:
    return float(np.hypot(*np.diff(np.array(row.points), axis=0).T).sum())


def _area(row: Strand) -> float:
    return 2 * row.radius_px * _length(row) + math.pi * row.radius_px**2
