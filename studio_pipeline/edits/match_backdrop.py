"""Match the backdrop: its light brought to a reference, an empty set or a colour, texture and grain kept.

Backdrop is multiplied by new light over old. Where hair or cloth is partly transparent only the backdrop's
share of a pixel is exchanged, by the gate itself (``pixels.exchange``). The person is not touched.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from studio_pipeline.edits.base import (
    EMPTY_SET,
    NO_SOURCES,
    NOTHING_GIVEN,
    REFERENCE,
    Given,
    Patch,
    Source,
    plan_of,
)
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import backdrop_light, color, light
from studio_pipeline.pixels.exchange import MOST_GAIN
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.light import LightGrid, Tone
from studio_pipeline.pixels.masks import Mask, Zone, ZoneMap, grow, inside
from studio_pipeline.records.base import Record
from studio_pipeline.records.hand import drawn
from studio_pipeline.records.plan import Exchange, Plan, Refusal, StoredLight, Tier
from studio_pipeline.subject.reading import Reading

_MARGIN = 0.004  # kept clear of the person when reading light, as a share of the long edge
_LEAST_SEEN = 0.02  # of the frame: backdrop that its light can be read from
_MOST_LIMITED = 0.1  # of the backdrop's cells: with more at the limit the result would be blotchy
_SAID_CLIPPED, _SAID_STOPS = 0.002, 2.0
_NOTHING_TO_DO = 0.01  # relative light
_ALIKE, _SAID_ALIKE, _MOST_ALIKE = 0.07, 0.04, 0.07  # of tone; of the outline
_ROUGHER = 2.0  # times the backdrop's own detail: hair, cloth
_RIM, _BESIDE = 0.003, 0.03  # of the long edge
_LEAST_BESIDE = 0.05
_WHOLE = "whole edit"


class MatchParams(Record):
    """The edit's keys in a preset."""

    to: Literal["reference", "empty set", "colour"] = Field("reference", description="What to bring it to.")
    colour: str | None = Field(None, description="The backdrop's sRGB colour, with `to` = `colour`.")
    gradient: Literal["none", "own", "down", "right", "out"] = Field(
        "none", description="How a colour lies: even, with the frame's own fall-off, or on to `colour_2`."
    )
    colour_2: str | None = Field(None, description="Where a gradient down, right or out ends.")
    strength: float = Field(1.0, ge=0, le=1, description="0 = as shot, 1 = the target.")

    @field_validator("colour", "colour_2")
    @classmethod
    def _written(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
            raise ValueError("a colour is written as #rrggbb, as in #808080")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.to == "colour" and self.colour is None:
            raise ValueError("to = colour needs a `colour`, as in #808080")
        if self.to == "colour" and self.gradient in ("down", "right", "out") and self.colour_2 is None:
            raise ValueError(f"a gradient {self.gradient} needs a `colour_2` to end in")
        return self


class MatchBackdrop:
    name = "match_backdrop"
    title = "Match the backdrop"
    version = 1
    tier = Tier.EDGE
    engine = "classical"
    writes: tuple[Zone, ...] = (Zone.BACKDROP, Zone.EDGE)
    roles: tuple[str, ...] = (EMPTY_SET, REFERENCE)
    params: type[Record] = MatchParams

    def plan(
        self, frame: Frame, reading: Reading, params: MatchParams, seed: int, given: Given = NOTHING_GIVEN
    ) -> Plan:
        """Old and new light as grids. ``given.hand.spare`` is left as it is; ``seed`` has no effect."""
        outcome = _decide(frame, reading, params, given)
        if isinstance(outcome, str):
            outcome = {"changes": False, "refusals": (Refusal(where=_WHOLE, reason=outcome),)}
        return plan_of(self, params, seed, given.hand, **outcome)

    def render(self, plan: Plan, base: Frame, roi: Roi, sources: Mapping[str, Source] = NO_SOURCES) -> Patch:
        """New light over old, wherever the gate lets it. The sources were read when it was planned."""
        assert plan.exchange is not None
        gain = plan.exchange.lights().gain(roi, base.scale)
        return Patch(gain, ~drawn(plan.hand.spare, roi, base.scale), dither=False, gain=True)


MATCH_BACKDROP = MatchBackdrop()


def _decide(frame: Frame, reading: Reading, params: MatchParams, given: Given) -> dict[str, Any] | str:
    """The plan's outcome, or why there is none."""
    if not reading.record.sure:
        return f"not sure who is in the picture: {reading.record.reason}"
    away, usable = _readable(frame, reading)
    if np.count_nonzero(usable) < _LEAST_SEEN * usable.size:
        return "too little backdrop is visible away from the person"
    tone = light.to_tone(frame.linear())
    alike = _alike_along_the_outline(tone, reading.canvas_zones(frame.roi, frame.scale))
    if alike > _MOST_ALIKE and reading.record.decided_by is None:
        return (
            f"along {alike:.0%} of the outline the lock looks like the backdrop beside it, and would stay: "
            "outline the person by hand"
        )
    old = backdrop_light.read(tone, usable, frame.scale)
    wanted = _target(params, old, given)
    if isinstance(wanted, str):
        return wanted
    target, key = wanted
    new = old.values + np.float32(params.strength) * (target - old.values)
    ratio = (new / np.maximum(old.values, 1e-3)) ** 2
    too_much = np.maximum(ratio.max(axis=2, keepdims=True) / np.float32(MOST_GAIN), 1)
    limited = too_much[..., 0] > 1.001
    if limited.mean() > _MOST_LIMITED:
        stops = math.log2(float(np.median(ratio.max(axis=2))))
        return (
            f"the backdrop is too dark for this: it would have to be {stops:.1f} stops brighter, and beyond "
            f"{math.log2(MOST_GAIN):.0f} only grain comes up"
        )
    ratio /= too_much
    if np.abs(ratio - 1).max() < _NOTHING_TO_DO:
        return {"changes": False, "notes": ("the backdrop is as wanted already",)}
    # All three channels alike, so that what stays too dark keeps the wanted hue.
    brought = LightGrid(np.asarray(new / np.sqrt(too_much), np.float32), old.y0, old.x0, old.cell_px)
    return {
        "changes": True,
        "exchange": _exchange(frame, reading, old, brought),
        "notes": _notes(ratio, limited, float(frame.clipped[away].mean()), alike),
        "body": {} if key is None else {"matched_to": key},
    }


def _exchange(frame: Frame, reading: Reading, old: LightGrid, new: LightGrid) -> Exchange:
    alpha = reading.matte.astype(np.float32) / 255
    if alpha.shape != (frame.extent.height, frame.extent.width):
        size = (frame.extent.width, frame.extent.height)
        alpha = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)
    behind = light.from_tone(old.at(frame.roi, frame.scale))
    front = backdrop_light.read_front(frame.linear(), alpha, behind, frame.scale)
    return Exchange(old=StoredLight.of(old), new=StoredLight.of(new), front=StoredLight.of(front))


def _alike_along_the_outline(tone: Tone, zones: ZoneMap) -> float:
    """Share of the lock's rim with tone and detail of the backdrop nearby; much of it: backdrop is locked."""
    locked, backdrop = inside(zones, Zone.LOCKED, Zone.HEALABLE), inside(zones, Zone.BACKDROP)
    near, reach = (round(share * max(zones.shape)) for share in (_RIM, _BESIDE))
    smooth = cv2.GaussianBlur(tone, (0, 0), 1)
    detail = cv2.GaussianBlur(np.abs(tone - cv2.GaussianBlur(tone, (0, 0), 2)), (0, 0), 2)
    seen = _around(backdrop.astype(np.float32), reach)
    rim = grow(locked, -max(1, near // 2)) & ~grow(locked, -max(4, 2 * near)) & (seen > _LEAST_BESIDE)
    if not rim.any():
        return 0.0
    beside, rough = (
        _around(values * backdrop[..., None], reach)[rim] / seen[rim][:, None] for values in (tone, detail)
    )
    apart = np.abs(smooth[rim] - beside).max(axis=1)
    alike = (apart < _ALIKE) & (detail[rim].max(axis=1) < _ROUGHER * rough.max(axis=1))
    return float(np.mean(alike))


def _around(values: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """The mean over a square, the picture's outside counting as nothing."""
    size = (2 * reach + 1, 2 * reach + 1)
    return np.asarray(cv2.boxFilter(values, -1, size, borderType=cv2.BORDER_CONSTANT), np.float32)


def _readable(frame: Frame, reading: Reading) -> tuple[Mask, Mask]:
    """Backdrop away from the person, and of that what light is read from: not clipped, if enough is not."""
    zones = reading.canvas_zones(frame.roi, frame.scale)
    readable = reading.backdrop_at(*zones.shape) & inside(zones, Zone.BACKDROP)
    away = ~grow(~readable, round(_MARGIN * frame.extent.long_edge))
    usable = away & ~frame.clipped
    if np.count_nonzero(usable) < 0.5 * np.count_nonzero(away):
        return away, away  # a clipped white set: it is at least as bright as this
    return away, usable


def _target(params: MatchParams, old: LightGrid, given: Given) -> tuple[Tone, str | None] | str:
    """The wanted tone in the cells of ``old``, and the base it was read from; or what is missing."""
    if params.to == "colour":
        return _coloured(params, old.values), None
    other = given.sources.get(params.to)
    if other is None:
        return _MISSING[params.to]
    reading = other.reading
    if reading is None or not (reading.record.sure or reading.record.kind == "empty-set"):
        return f"the {params.to}'s own reading is unsure: say who is in it first"
    _, usable = _readable(other.frame, reading)
    if np.count_nonzero(usable) < _LEAST_SEEN * usable.size:
        return f"too little backdrop is visible in the {params.to}"
    theirs = backdrop_light.read(light.to_tone(other.frame.linear()), usable, other.frame.scale)
    return _stretched(theirs.values, old.values.shape), other.key


_MISSING = {
    REFERENCE: "no reference is named: `studio mark DIR CAPTURE`, or `studio edit --reference FILE`",
    EMPTY_SET: "no empty set of this set is known: photograph one, or `studio edit --empty-set FILE`",
}


def _coloured(params: MatchParams, old: Tone) -> Tone:
    """A colour over the frame's cells ``(rows, columns, 3)``, steps even to the eye."""
    first = _tone_of(params.colour or "")
    rows, columns = old.shape[:2]
    if params.gradient == "own":
        course = old.mean(axis=2, keepdims=True)
        return np.asarray(first * course / course.mean(), np.float32)
    if params.gradient == "none":
        return np.broadcast_to(first, old.shape).astype(np.float32)
    y = (np.arange(rows, dtype=np.float32)[:, None] + 0.5) / rows
    x = (np.arange(columns, dtype=np.float32)[None, :] + 0.5) / columns
    out = np.sqrt((y - 0.5) ** 2 + (x - 0.5) ** 2) / np.float32(math.sqrt(0.5))
    along = {"down": y + 0 * x, "right": x + 0 * y, "out": out}[params.gradient][..., None]
    return np.asarray(first + along * (_tone_of(params.colour_2 or "") - first), np.float32)


def _tone_of(text: str) -> NDArray[np.float32]:
    code = np.array([[int(text[k : k + 2], 16) for k in (1, 3, 5)]], np.uint8)
    return light.to_tone(np.maximum(color.named("sRGB").decode(code)[0], 0))


def _stretched(values: Tone, shape: tuple[int, ...]) -> Tone:
    """Another frame's cells at the same places in this one, whatever its size."""
    if values.shape == shape:
        return values
    size = (shape[1], shape[0])
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _notes(ratio: NDArray[Any], limited: Mask, clipped: float, alike: float) -> tuple[str, ...]:
    brighter = float(np.median(ratio)) > 1
    notes = []
    if clipped > _SAID_CLIPPED:
        becomes = "stays clipped" if brighter else "comes out flat, without texture"
        notes.append(f"{clipped:.1%} of the backdrop is clipped white: it {becomes}")
    stops = math.log2(max(float(np.median(ratio.max(axis=2))), 1e-6))
    if stops > _SAID_STOPS:
        notes.append(f"brighter by {stops:.1f} stops: its grain comes up with it")
    if limited.any():
        notes.append(f"{limited.mean():.1%} of the backdrop is too dark to become as bright as wanted")
    if alike > _SAID_ALIKE:
        notes.append(f"along {alike:.0%} of the outline person and backdrop are alike: look there")
    return tuple(notes)
