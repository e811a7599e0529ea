"""When a model is asked for new area or a fill, and what its answer becomes in a plan."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from pydantic import Field, JsonValue

from studio_pipeline.edits import cleaned
from studio_pipeline.edits.base import Given
from studio_pipeline.edits.extension import Extension, Seen
from studio_pipeline.edits.generated import Asked, Candidate, Unfit, fill, make
from studio_pipeline.engines.base import Engine, EngineFailed
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import kinds as kinds_of
from studio_pipeline.pixels import light
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.kinds import Kind
from studio_pipeline.pixels.masks import Mask, grow
from studio_pipeline.records.base import Record
from studio_pipeline.records.flaws import CleanPlan, Fill
from studio_pipeline.records.generated import MadeBy
from studio_pipeline.records.plan import CANDIDATE, Grid, Item
from studio_pipeline.subject.reading import Reading

BUILT = (Kind.STRUCTURED, Kind.ENVIRONMENT)
"""Kinds of backdrop that a model may be asked to continue; all others go on better without."""
_AROUND = 0.06  # of the long edge: what counts as standing around an area
_SEEDS_APART = 1000  # more than a plan has steps


class Wishes(Record):
    """The keys of an edit that may ask a model."""

    generative: Literal["never", "structured"] = Field(
        "never", description="Whether a model continues what has structure: a room, curtains, a street."
    )
    prompt: str = Field("", description="What the set is, for the model; never a person.")
    steps: int = Field(30, ge=1, le=100, description="Denoising steps of the model.")
    strength: float = Field(
        0.95, gt=0, lt=1, description="How much of the classical proposal the model may give up."
    )


class ManyWishes(Wishes):
    """The same, for new area, of which several can be offered."""

    candidates: int = Field(1, ge=1, le=4, description="How many a model makes, to choose from.")
    second_pass: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Strength of a second pass in tiles, where the first one is coarser than the picture.",
    )


def asked(
    outcome: dict[str, Any], seen: Seen, reading: Reading, params: ManyWishes, seed: int, given: Given
) -> dict[str, Any]:
    """An extension's outcome, with what a model made of its sides that have structure.

    Where no model can be asked, or nothing of what it made can be used, the outcome is as it was, with a note
    of why.
    """
    if params.generative == "never" or "body" not in outcome:
        return outcome
    body: dict[str, JsonValue] = outcome["body"]
    if body["extension"] is None or outcome["canvas"] is None:
        return outcome
    extension = Extension.model_validate(body["extension"])
    regions = _regions(extension, Roi.of(seen.master), outcome["canvas"])
    if not regions:
        return _noted(outcome, "no model was asked: no side has structure that one would continue better")
    if not reading.record.sure:
        return _noted(outcome, "no model was asked: it is not sure who is in the picture")
    kinds = [side.kind for side in extension.sides if side.name in regions]
    chosen = given.engine(kinds, Kind.STRUCTURED in kinds)
    if chosen.engine is None:
        return _noted(outcome, f"no model was asked: {chosen.reason}")
    candidates, said = _candidates(
        chosen.engine, outcome["canvas"], seen, reading, extension, regions, params, seed, given
    )
    if not candidates:
        return _noted(outcome, *said)
    area = _bounds(list(regions.values()))
    items = tuple(
        Item(id=one.item, kind=CANDIDATE, roi=area, said=f"made by {chosen.engine.name}, seed {one.seed}")
        for one in candidates
    )
    px = sum(region.extent.area for region in regions.values())
    made_by = MadeBy(
        engine=chosen.engine.name,
        version=chosen.engine.version,
        weights_sha256=chosen.engine.weights_sha256,
        licence=chosen.engine.licence,
        prompt=params.prompt,
        regions=tuple(regions.values()),
        pixels=dict.fromkeys((item.id for item in items), px),
    )
    share = px / outcome["canvas"].extent.area
    sides = ", ".join(regions)
    out = _noted(
        outcome,
        f"{sides}: {chosen.reason}",
        f"{share:.1%} of the picture is generated, and nothing of the person",
        *said,
    )
    return out | {
        "engine": chosen.engine.name,
        "made_by": made_by,
        "items": (*out.get("items", ()), *items),
        "off": (*out.get("off", ()), *(item.id for item in items[1:])),
        "body": body | {"candidates": [one.model_dump(mode="json") for one in candidates]},
    }


def _candidates(
    engine: Engine,
    canvas: Roi,
    seen: Seen,
    reading: Reading,
    extension: Extension,
    regions: dict[str, Roi],
    params: ManyWishes,
    seed: int,
    given: Given,
) -> tuple[list[Candidate], list[str]]:
    zones = reading.zones_at(seen.frame.extent)
    ask = Asked(
        engine,
        params.prompt,
        steps=params.steps,
        strength=params.strength,
        second_pass=params.second_pass,
        cancelled=given.cancelled,
    )
    made: list[Candidate] = []
    said: list[str] = []
    if params.second_pass and not engine.capabilities.supports_strength:
        said.append(f"no second pass: {engine.name} knows no strength")
    for number in range(params.candidates):
        item = f"{CANDIDATE}-{number + 1}"
        try:
            one, lines = make(
                seen.frame,
                seen.tone,
                zones,
                extension,
                regions,
                canvas,
                ask,
                seed + _SEEDS_APART * number,
                item,
            )
        except Unfit as error:
            said.append(f"what {engine.name} made was not used: {error}")
        except (EngineFailed, Refused) as error:
            said.append(f"{engine.name} made nothing: {error}")
            break  # asked again it would fail again
        else:
            made.append(one)
            said += lines
    return made, list(dict.fromkeys(said))


def _regions(extension: Extension, base: Roi, canvas: Roi) -> dict[str, Roi]:
    """By side, what a model is to fill: beside the picture, or above and below all of its width."""
    built = {side.name for side in extension.sides if side.kind in BUILT}
    beside = {
        "left": Roi(base.y0, canvas.x0, base.y1, base.x0),
        "right": Roi(base.y0, base.x1, base.y1, canvas.x1),
        "top": Roi(canvas.y0, canvas.x0, base.y0, canvas.x1),
        "bottom": Roi(base.y1, canvas.x0, canvas.y1, canvas.x1),
    }
    return {side: roi for side, roi in beside.items() if side in built and not roi.empty}


def _bounds(regions: list[Roi]) -> Roi:
    return Roi(
        min(r.y0 for r in regions),
        min(r.x0 for r in regions),
        max(r.y1 for r in regions),
        max(r.x1 for r in regions),
    )


def _noted(outcome: dict[str, Any], *lines: str) -> dict[str, Any]:
    return outcome | {"notes": (*outcome.get("notes", ()), *lines)}


def filled(
    outcome: dict[str, Any], frame: Frame, reading: Reading, params: Wishes, seed: int, given: Given
) -> dict[str, Any]:
    """A cleaning's outcome, with what a model made of the areas that it fills before a set with structure."""
    if params.generative == "never" or "body" not in outcome:
        return outcome
    body = CleanPlan.model_validate(outcome["body"])
    if not body.fills or not reading.record.sure:
        return outcome
    areas = {fill.item: fill.cover(frame.roi, frame.scale) > 0 for fill in body.fills}
    kinds = _kinds_around(frame, reading, areas)
    wanted = [fill for fill in body.fills if kinds[fill.item] in BUILT]
    if not wanted:
        return _noted(outcome, "no model was asked: nothing that is filled stands before structure")
    chosen = given.engine([kinds[fill.item] for fill in wanted], True)
    if chosen.engine is None:
        return _noted(outcome, f"no model was asked: {chosen.reason}")
    zones, engine = reading.zones_at(frame.extent), chosen.engine
    ask = Asked(
        engine, params.prompt, steps=params.steps, strength=params.strength, cancelled=given.cancelled
    )

    def classical(empty: Frame) -> Linear:
        return cleaned.cleaned(body, empty, empty.roi, given.hand)[0]

    made: dict[str, Fill] = {}
    said: list[str] = []
    for number, one in enumerate(wanted):
        try:
            part, pieces, split_px, lines = fill(
                frame, zones, classical, areas[one.item], ask, seed + _SEEDS_APART * number
            )
        except Unfit as error:
            said.append(f"what {engine.name} made was not used: {error}")
        except (EngineFailed, Refused) as error:
            said.append(f"{engine.name} made nothing: {error}")
            break
        else:
            update = {
                "made": part,
                "pieces": Grid.of(pieces),
                "split_px": split_px,
                "offset": None,
                "shade": None,
            }
            made[one.item] = one.model_copy(update=update)
            said += lines
    if not made:
        return _noted(outcome, *dict.fromkeys(said))
    body = body.model_copy(update={"fills": tuple(made.get(one.item, one) for one in body.fills)})
    pixels = {item: round(float(np.count_nonzero(areas[item])) / frame.scale**2) for item in made}
    made_by = MadeBy(
        engine=engine.name,
        version=engine.version,
        weights_sha256=engine.weights_sha256,
        licence=engine.licence,
        prompt=params.prompt,
        regions=tuple(one.roi(1.0) for one in made.values()),
        pixels=pixels,
    )
    share = sum(pixels.values()) / reading.record.extent.area
    notes = (f"fills: {chosen.reason}", f"{share:.1%} of the picture is generated, and nothing of the person")
    out = _noted(outcome, *notes, *dict.fromkeys(said))
    return out | {"engine": engine.name, "made_by": made_by, "body": body.model_dump(mode="json")}


def _kinds_around(frame: Frame, reading: Reading, areas: dict[str, Mask]) -> dict[str, Kind]:
    """What kind of backdrop stands around each area, itself left out."""
    backdrop = reading.backdrop_at(frame.extent.height, frame.extent.width)
    steps = kinds_of.steps(light.to_tone(frame.linear()), backdrop)
    height, width = steps.steep.shape
    out = {}
    for item, area in areas.items():
        there = cv2.resize(area.astype(np.uint8), (width, height), interpolation=cv2.INTER_AREA) > 0
        near = grow(there, max(8, round(_AROUND * max(height, width)))) & ~grow(there, 2)
        out[item] = kinds_of.kind_around(steps, near)
    return out
