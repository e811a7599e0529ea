"""Extend the background: more of the same backdrop outside the frame, never a pixel of it inside.

Light is read as a robust coarse surface where backdrop is visible and continued past the border; texture and
grain are the backdrop's own residual, laid in pieces at master coordinates. A side where the frame cuts the
person is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from studio_pipeline.edits import extension, sides
from studio_pipeline.edits.base import NO_SOURCES, NOTHING_GIVEN, Given, Painter, Patch, Source, nothing
from studio_pipeline.edits.extension import Extension
from studio_pipeline.geometry import Insets, Roi
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, Zone, grow
from studio_pipeline.records.base import Record
from studio_pipeline.records.plan import Plan, Tier
from studio_pipeline.subject.reading import Reading

_MARGIN = 0.006  # kept clear of the person when reading light, as a share of the long edge
_FAR = 0.7  # face heights from what the detectors see of a person
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


class ExtendBackground:
    name = "extend_background"
    title = "Extend the background"
    version = 2
    tier = Tier.BACKDROP_ONLY
    engine = "classical"
    writes: tuple[Zone, ...] = (Zone.NEW,)
    roles: tuple[str, ...] = ()
    params: type[Record] = ExtendParams

    def plan(
        self, frame: Frame, reading: Reading, params: ExtendParams, seed: int, given: Given = NOTHING_GIVEN
    ) -> Plan:
        master = reading.record.extent
        readable = reading.backdrop_at(frame.extent.height, frame.extent.width)
        readable |= _far_things(reading, readable.shape)
        away = ~grow(~readable, round(_MARGIN * frame.extent.long_edge))
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
        outcome: dict[str, Any] = {"changes": False, "refusals": wanted.refusals, "notes": wanted.notes}
        if wanted.insets.any:
            canvas = Roi.of(master).grown(wanted.insets)
            nobody = np.where(_far_things(reading, readable.shape), 1, _uncovered(reading, readable.shape))
            body = extension.decide(frame, away, nobody, master, wanted.insets, seed)
            notes = tuple(f"{side.name}: {side.kind.value}" for side in body.sides)
            outcome["notes"] = (*wanted.notes, *notes)
            outcome |= {"changes": True, "canvas": canvas, "body": body.model_dump(mode="json")}
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
        body = Extension.model_validate(plan.body)
        drawing = extension.Drawing(body, base)
        dither = not len(body.pieces.array())

        def paint(roi: Roi) -> Patch:
            if base.roi.contains(roi):
                return nothing(roi)
            return Patch(*drawing.draw(roi), dither=dither)

        return paint

    def render(self, plan: Plan, base: Frame, roi: Roi, sources: Mapping[str, Source] = NO_SOURCES) -> Patch:
        return nothing(roi) if base.roi.contains(roi) else self.prepare(plan, base, sources)(roi)


EXTEND_BACKGROUND = ExtendBackground()


def _positive(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


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
