"""What a frame needs beyond the picture's border: the background extended, by the edit that does that.

The one place where another edit borrows ``extend_background``. Its whole plan is kept inside the borrower's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from studio_pipeline.edits import sides
from studio_pipeline.edits.base import Given, Painter, Source
from studio_pipeline.edits.extend_background import EXTEND_BACKGROUND, ExtendParams
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Insets, Roi
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.records.hand import Hand
from studio_pipeline.records.plan import Plan, Refusal
from studio_pipeline.subject.reading import Reading


def blocked(frame: Frame, reading: Reading, region: Roi) -> dict[str, str]:
    """Side to the reason why nothing may be added there, as far as ``region`` (master pixels) reaches."""
    readable = reading.backdrop_at(frame.extent.height, frame.extent.width)
    return sides.blocked(_seen_in(reading, region), readable)


def decide(frame: Frame, reading: Reading, region: Roi, seed: int, given: Given) -> Plan | None:
    """The plan of what ``region`` (master pixels) wants beyond the picture; None where that is nothing.

    Its refusals name the sides that cannot be had.
    """
    added = _needed(region, Roi.of(reading.record.extent))
    if not added.any:
        return None
    params = ExtendParams(top=added.top, left=added.left, bottom=added.bottom, right=added.right)
    # What a person drew is the frame, and nothing that an extension would know.
    undrawn = Given(Hand(tries=given.hand.tries), given.sources)
    plan = EXTEND_BACKGROUND.plan(frame, _seen_in(reading, region), params, seed, undrawn)
    if plan.changes and all(refusal.where in sides.SIDES for refusal in plan.refusals):
        return plan
    reason = plan.refusals[0].reason if plan.refusals else "there is nothing to extend it from"
    wanted = [side for side in sides.SIDES if getattr(added, side)]
    return plan.model_copy(update={"refusals": tuple(Refusal(where=s, reason=reason) for s in wanted)})


def prepare(extension: Plan, base: Frame, sources: Mapping[str, Source]) -> Painter:
    """What paints the new pixels; the extension's own items stay as it left them, so nothing of the base is
    written. Raises Refused for a plan of another version.
    """
    if extension.version != EXTEND_BACKGROUND.version:
        raise Refused(
            f"{extension.edit} is now version {EXTEND_BACKGROUND.version}, the plan is of version "
            f"{extension.version}"
        )
    return EXTEND_BACKGROUND.prepare(extension, base, sources)


def _needed(region: Roi, base: Roi) -> Insets:
    """How far a region reaches beyond each side of the base."""
    return Insets(
        top=max(0, base.y0 - region.y0),
        left=max(0, base.x0 - region.x0),
        bottom=max(0, region.y1 - base.y1),
        right=max(0, region.x1 - base.x1),
    )


def _seen_in(reading: Reading, region: Roi) -> Reading:
    """Without the person outside ``region``: an elbow that the border cuts below the frame is no matter."""
    whole = Roi(0, 0, *reading.matte.shape)
    part = (region.scaled(reading.matte.shape[0] / reading.record.extent.height).grown(1) & whole).within(
        whole
    )
    matte = np.zeros_like(reading.matte)
    matte[part] = reading.matte[part]
    return replace(reading, matte=matte)
