"""Run an edit stack: plan all of it once, render any region of it at any scale through the gate."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from pydantic import ValidationError

from studio_pipeline.edits import EDITS
from studio_pipeline.edits.base import (
    NO_SOURCES,
    Chooser,
    Edit,
    Given,
    Painter,
    Source,
    Turns,
    no_engine,
    painter,
    writable_zones,
)
from studio_pipeline.engines.base import heed
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.composite import composite
from studio_pipeline.pixels.exchange import EdgeLaw, Lights, edge_law
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.loose import loose, on_clothes
from studio_pipeline.pixels.masks import Mask, Zone, ZoneMap, inside
from studio_pipeline.pixels.turn import Turn
from studio_pipeline.records.base import Record
from studio_pipeline.records.hand import NOTHING, Hand
from studio_pipeline.records.lint import LintPlan, discs_on
from studio_pipeline.records.open_skin import may_change
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import EditSpec
from studio_pipeline.records.retouch import SkinPlan
from studio_pipeline.records.shine import ShinePlan
from studio_pipeline.records.strands import StrandPlan, strokes_on
from studio_pipeline.records.subject import Mark
from studio_pipeline.subject.reading import Reading

TILE_PX = 1024
_MOST_THREADS = 4  # each holds a tile: some 60 MB
NO_HANDS: Mapping[str, Hand] = {}


def check(specs: Sequence[EditSpec]) -> list[Record]:
    """Every row's parameters, validated by its edit. Raises Refused with the first mistake."""
    params = [_params(spec) for spec in specs]
    # Each plans from the base, so the canvas of one would only be drawn over by that of the other.
    canvases = dict.fromkeys(s.name for s in specs if s.enabled and Zone.NEW in EDITS[s.name].writes)
    if len(canvases) > 1:
        raise Refused(f"{' and '.join(canvases)} each set the canvas; enable one of them")
    return params


def _edit(name: str) -> Edit:
    if name not in EDITS:
        raise Refused(f"no edit named {name!r}; there are: {', '.join(EDITS)}")
    return EDITS[name]


def _params(spec: EditSpec) -> Record:
    edit = _edit(spec.name)
    try:
        return edit.params.model_validate(spec.params)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise Refused(f"{spec.name}{'.' + key if key else ''}: {first['msg']}") from error


def turn(reading: Reading, specs: Sequence[EditSpec]) -> Turn | None:
    """By what the base is turned before all of it is planned. The switch of an edit does not undo it."""
    for spec, params in zip(specs, check(specs), strict=True):
        edit = EDITS[spec.name]
        if spec.enabled and isinstance(edit, Turns):
            return edit.turn(reading, params)
    return None


def plan_all(
    frame: Frame,
    reading: Reading,
    specs: Sequence[EditSpec],
    hands: Mapping[str, Hand] = NO_HANDS,
    sources: Mapping[str, Source] = NO_SOURCES,
    marks: tuple[Mark, ...] = (),
    engine: Chooser = no_engine,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Plan, ...]:
    """One plan a row, in order, from the picture at plan scale.

    ``hands``: what a person asked, by the edit's name. ``sources``: other frames by role, at plan scale.
    ``marks``: lasting marks that other frames of the same people have.
    ``engine``: chooses who is asked where an edit wants a model. ``cancelled``: asked before each edit, and
    between a model's steps.

    Raises Cancelled.
    """
    plans = []
    for spec, params in zip(specs, check(specs), strict=True):
        heed(cancelled)
        hand = hands.get(spec.name, NOTHING)
        given = Given(hand, sources, marks, engine, cancelled)
        plans.append(EDITS[spec.name].plan(frame, reading, params, spec.seed + hand.tries, given))
    return tuple(plans)


def roles(specs: Sequence[EditSpec]) -> frozenset[str]:
    """The roles of other frames that these edits can make use of."""
    return frozenset(role for spec in specs if spec.name in EDITS for role in EDITS[spec.name].roles)


def canvas_of(plans: Sequence[Plan], base: Roi) -> Roi:
    """The canvas in master pixels after ``plans``."""
    for plan in plans:
        base = plan.canvas or base
    return base


def null_render(base: Frame, roi: Roi) -> Codes:
    """The base's own code values laid on a canvas region; zeros where the base does not reach."""
    out = np.zeros((roi.extent.height, roi.extent.width, 3), base.codes.dtype)
    part = base.roi & roi
    if not part.empty:
        out[part.within(roi)] = base.codes[part.within(base.roi)]
    return out


def render(
    plans: Sequence[Plan],
    base: Frame,
    reading: Reading,
    roi: Roi,
    sources: Mapping[str, Source] = NO_SOURCES,
) -> Codes:
    """Codes ``(h, w, 3)`` of a canvas region at ``base.scale``, every edit written through the gate.

    ``sources``: the frames that the plans name, by role, at ``base.scale``.

    Raises LockedPixelsChanged when an edit leaves its zones, Refused for a plan of another version.
    """
    return _paint(_painters(plans, base, sources), base, reading, roi)


def _painters(
    plans: Sequence[Plan], base: Frame, sources: Mapping[str, Source]
) -> list[tuple[Edit, Plan, Painter]]:
    out = []
    for plan in plans:
        edit = _edit(plan.edit)
        if edit.version != plan.version:
            raise Refused(f"{plan.edit} is now version {edit.version}, the plan is of version {plan.version}")
        if plan.changes:
            out.append((edit, plan, painter(edit, plan, base, sources)))
    return out


def _paint(painters: Sequence[tuple[Edit, Plan, Painter]], base: Frame, reading: Reading, roi: Roi) -> Codes:
    codes = null_render(base, roi)
    patches = [(edit, plan, paint(roi)) for edit, plan, paint in painters]
    # Gains last, in whatever order they are asked for: they are factors on what the others wrote.
    patches.sort(key=lambda patch: patch[2].gain)
    if not any(patch.mask.any() for _, _, patch in patches):
        return codes
    zones = reading.canvas_zones(roi, base.scale)
    plans = [plan for _, plan, _ in patches]
    freed = loose_of(plans, base, reading, roi, zones)
    for edit, plan, patch in patches:
        writable = inside(zones, *writable_zones(edit, plan))
        if plan.edit in (SkinPlan.EDIT, ShinePlan.EDIT):
            writable &= may_change([plan], roi, base.scale)
        if plan.edit in (StrandPlan.EDIT, LintPlan.EDIT):
            writable |= loose_of([plan], base, reading, roi, zones)
        mask, linear = patch.mask, patch.linear
        if patch.gain:  # a plan of light alone does not know where the person is
            mask, linear = mask & writable, base.encoding.decode(codes) * linear
        codes = composite(
            codes,
            linear,
            mask,
            writable,
            encoding=base.encoding,
            roi=roi,
            edit=plan.edit,
            dither_seed=plan.seed if patch.dither else None,
            edge=_edge(plan, base, reading, roi, mask & inside(zones, Zone.EDGE), freed),
        )
    return codes


def _edge(plan: Plan, base: Frame, reading: Reading, roi: Roi, mask: Mask, freed: Mask) -> EdgeLaw | None:
    """What the plan may do to the edge pixels it asks for; None where that is nothing.

    ``freed``: where a stray hair was taken away before, so that all of the pixel is backdrop.
    """
    if plan.exchange is None or not mask.any():
        return None
    law = edge_of(base, reading, plan.exchange.lights(), roi, mask)
    return replace(law, alpha=np.where(freed[mask], np.float32(0), law.alpha)) if freed.any() else law


def loose_of(
    plans: Sequence[Plan], base: Frame, reading: Reading, roi: Roi, zones: ZoneMap | None = None
) -> Mask:
    """``(h, w)`` of a region: where ``plans`` may take away strands, and lint, whoever asks."""
    strokes = [stroke for plan in plans for stroke in strokes_on(plan, base.scale)]
    discs = [disc for plan in plans for disc in discs_on(plan, base.scale)]
    if not strokes and not discs:
        return np.zeros((roi.extent.height, roi.extent.width), np.bool_)
    zones = reading.canvas_zones(roi, base.scale) if zones is None else zones
    free = loose(strokes, zones, reading.matte, base.roi, roi)
    return free | on_clothes(discs, zones, reading.matte, base.roi, roi)


def edge_of(base: Frame, reading: Reading, lights: Lights, roi: Roi, mask: Mask) -> EdgeLaw:
    """The law for the edge pixels ``mask`` of a region of a base, whoever asks."""
    return edge_law(lights, reading.matte, base.linear, base.roi, roi, base.scale, mask)


def render_into(
    out: Codes,
    plans: Sequence[Plan],
    base: Frame,
    reading: Reading,
    canvas: Roi,
    progress: Callable[[float], None] | None = None,
    sources: Mapping[str, Source] = NO_SOURCES,
) -> None:
    """Fill ``out`` (an array or memory map of ``canvas``) by tiles; memory does not grow with the picture.

    On as many threads as there are cores, four at most: nearly all of a tile is done outside the interpreter.
    """
    painters = _painters(plans, base, sources)
    # A tile lies wholly inside or outside the base, so no edit works on pixels that are not its own.
    regions = (*canvas.minus(base.roi), canvas & base.roi)
    first, *rest = [tile for region in regions for tile in region.tiles(TILE_PX)]

    def paint(tile: Roi) -> int:
        out[tile.within(canvas)] = _paint(painters, base, reading, tile)
        return tile.extent.area

    done = paint(first)  # alone: what painters read once is read here
    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as threads:
        for area in threads.map(paint, rest):
            done += area
            if progress:
                progress(done / canvas.extent.area)
