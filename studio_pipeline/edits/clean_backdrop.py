"""Clean the backdrop: dust and lint, scuffs, creases, uneven light, and what stands at the frame's border.

Every flaw is an item with a switch of its own. Real texture stays: a flaw stands alone, texture has many
alike. Dust, threads and things are replaced by backdrop; scuffs, creases and light are corrected by a
gain, which leaves the texture of the very pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from studio_pipeline.edits import cleaned, flaws, generating, healing
from studio_pipeline.edits.base import NO_SOURCES, NOTHING_GIVEN, Given, Patch, Source, plan_of
from studio_pipeline.edits.generating import Wishes
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import light
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.records.base import Record
from studio_pipeline.records.flaws import CleanPlan
from studio_pipeline.records.plan import Plan, Refusal, Tier
from studio_pipeline.subject.reading import Reading

_LEAST_SIDE_PX = 64  # at plan scale: below this nothing can be told from texture


class _Flaws(Record):
    dust: bool = Field(True, description="Heal dust and other round specks.")
    lint: bool = Field(True, description="Heal lint, hairs and threads.")
    scuffs: bool = Field(True, description="Take out scuffs and foot marks.")
    creases: bool = Field(True, description="Take out creases.")
    things: bool = Field(True, description="Propose to fill what stands at the frame's border.")
    even_light: float = Field(0.0, ge=0, le=1, description="0 leaves the light as shot, 1 makes it flat.")
    sensitivity: float = Field(
        1.0,
        ge=0.25,
        le=1.5,
        description="1.5 finds flaws two thirds as strong, 0.5 only those twice as strong.",
    )
    person_margin: float = Field(
        0.01, ge=0.004, le=0.2, description="Distance kept from the person, as a fraction of the long edge."
    )


class CleanBackdropParams(Wishes, _Flaws):
    """The edit's keys in a preset."""


class CleanBackdrop:
    """The edit. ``edits.flaws`` finds, ``edits.cleaned`` renders; the body is a ``CleanPlan``."""

    name = CleanPlan.EDIT
    title = "Clean the backdrop"
    version = 1
    tier = Tier.BACKDROP_ONLY
    engine = "classical"
    writes: tuple[Zone, ...] = (Zone.BACKDROP,)
    roles: tuple[str, ...] = ()
    params: type[Record] = CleanBackdropParams

    def plan(
        self,
        frame: Frame,
        reading: Reading,
        params: CleanBackdropParams,
        seed: int,
        given: Given = NOTHING_GIVEN,
    ) -> Plan:
        """Flaws of a frame at plan scale, on backdrop only, away from the person.

        Polygons in ``given.hand.area`` are filled in place of the things that would be found.
        """
        outcome: dict[str, Any] = {"changes": False}
        reason = _refused(frame, healing.plain(frame, reading, params.person_margin, given.hand), reading)
        if reason:
            outcome["refusals"] = (Refusal(where="whole edit", reason=reason),)
        else:
            found = flaws.find(frame, reading, params, seed, given.hand)
            outcome = {
                "changes": bool(found.items),
                "refusals": found.refusals,
                "notes": found.notes,
                "items": found.items,
                "off": found.off,
                "body": found.body.model_dump(mode="json"),
            }
            outcome = generating.filled(outcome, frame, reading, params, seed, given)
        return plan_of(self, params, seed, given.hand, **outcome)

    def render(self, plan: Plan, base: Frame, roi: Roi, sources: Mapping[str, Source] = NO_SOURCES) -> Patch:
        """Fills, then healed dust and threads, then all gains, in linear Rec.2020, in which light adds up."""
        body = CleanPlan.model_validate(plan.body)
        linear = np.zeros((roi.extent.height, roi.extent.width, 3), np.float32)
        mask = np.zeros(linear.shape[:2], np.bool_)
        part = roi & base.roi
        if not part.empty:
            at = part.within(roi)
            linear[at], mask[at] = cleaned.cleaned(body, base, part, plan.hand, plan.off)
        return Patch(linear, mask)


CLEAN_BACKDROP = CleanBackdrop()


def _refused(frame: Frame, plain: Mask, reading: Reading) -> str:
    """Why nothing can be cleaned, or nothing."""
    if not plain.any():
        return reading.record.reason or "no backdrop far enough from the person"
    if min(frame.extent.height, frame.extent.width) < _LEAST_SIDE_PX:
        return "the picture is too small to tell a flaw from texture"
    tone = light.to_tone(frame.linear()[plain])
    if float(np.quantile(tone, 0.99)) < 0.02:
        return "the backdrop is black: there is nothing to be seen on it"
    return ""
