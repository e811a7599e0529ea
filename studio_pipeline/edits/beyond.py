"""What a frame needs beyond the picture's border: the background extended, by the edit that does that.

The one place where another edit borrows ``extend_background``. Its whole plan is kept inside the borrower's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from studio_pipeline.edits import sides
from studio_pipeline.edits.base import Given, Painter, Source
from studio_pipeline.edits.extend_background import EXTEND_BACKGROUND, ExtendParams
from studio_pipeline.edits.generating import ManyWishes
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Insets, Roi
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.records.generated import MadeBy
from studio_pipeline.records.hand import Hand
from studio_pipeline.records.plan import CANDIDATE, Item, Plan, Refusal
from studio_pipeline.subject.reading import Reading


def blocked(frame: Frame, reading: Reading, region: Roi) -> dict[str, str]:
    """Side to the reason why nothing may be added there, as far as ``region`` (master pixels) reaches."""
    readable = reading.backdrop_at(frame.extent.height, frame.extent.width)
    return sides.blocked(_seen_in(reading, region), readable)


def decide(
    frame: Frame,
    reading: Reading,
    region: Roi,
    seed: int,
    given: Given,
    wishes: ManyWishes | None = None,
) -> Plan | None:
    """The plan of what ``region`` (master pixels) wants beyond the picture; None where that is nothing.

    Its refusals name the sides that cannot be had. With ``wishes`` a model may be asked, too.
    """
    added = _needed(region, Roi.of(reading.record.extent))
    if not added.any:
        return None
    wanted_of_it = {name: getattr(wishes, name) for name in ManyWishes.model_fields} if wishes else {}
    params = ExtendParams(
        top=added.top, left=added.left, bottom=added.bottom, right=added.right, **wanted_of_it
    )
    # What a person drew is the frame, and nothing that an extension would know.
    undrawn = replace(given, hand=Hand(tries=given.hand.tries), marks=())
    plan = EXTEND_BACKGROUND.plan(frame, _seen_in(reading, region), params, seed, undrawn)
    if plan.changes and all(refusal.where in sides.SIDES for refusal in plan.refusals):
        return plan
    reason = plan.refusals[0].reason if plan.refusals else "there is nothing to extend it from"
    wanted = [side for side in sides.SIDES if getattr(added, side)]
    return plan.model_copy(update={"refusals": tuple(Refusal(where=s, reason=reason) for s in wanted)})


@dataclass(frozen=True)
class Made:
    """What a model made within a frame: the candidates, those that are off, and how much of it counts."""

    items: tuple[Item, ...]
    off: tuple[str, ...]
    by: MadeBy


def made_within(extension: Plan, frame: Roi) -> Made | None:
    """Of an extension, which adds whole sides, what lies in ``frame``; None where no model made any."""
    if extension.made_by is None:
        return None
    seen = tuple(part for region in extension.made_by.regions if not (part := region & frame).empty)
    px = sum(part.extent.area for part in seen)
    items = tuple(item for item in extension.items if item.kind == CANDIDATE)
    by = extension.made_by.model_copy(
        update={"regions": seen, "pixels": dict.fromkeys((item.id for item in items), px)}
    )
    off = tuple(item.id for item in items if item.id in extension.off)
    return Made(tuple(item.model_copy(update={"roi": item.roi & frame}) for item in items), off, by)


def prepare(
    extension: Plan, candidates_off: Collection[str], base: Frame, sources: Mapping[str, Source]
) -> Painter:
    """What paints the new pixels; the extension's own items but a model's candidates stay as it left them, so
    nothing of the base is written. Raises Refused for a plan of another version.
    """
    if extension.version != EXTEND_BACKGROUND.version:
        raise Refused(
            f"{extension.edit} is now version {EXTEND_BACKGROUND.version}, the plan is of version "
            f"{extension.version}"
        )
    left = {item.id for item in extension.items if item.kind != CANDIDATE and item.id in extension.off}
    return EXTEND_BACKGROUND.prepare(extension.without({*left, *candidates_off}), base, sources)


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
