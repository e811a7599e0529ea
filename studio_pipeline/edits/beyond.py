"""What a frame needs beyond the picture's border: the background extended, by the edit that does that.

The one place where another edit borrows ``extend_background``. Its whole plan is kept inside the borrower's.
"""

from __future__ import annotations

from collections.abc import Mapping

from studio_pipeline.edits import sides
from studio_pipeline.edits.base import Given, Patch, Source
from studio_pipeline.edits.extend_background import EXTEND_BACKGROUND, ExtendParams
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Insets, Roi
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.records.hand import Hand
from studio_pipeline.records.plan import Plan, Refusal
from studio_pipeline.subject.reading import Reading


def blocked(frame: Frame, reading: Reading) -> dict[str, str]:
    """Side to the reason why nothing may be added there."""
    return sides.blocked(reading, reading.backdrop_at(frame.extent.height, frame.extent.width))


def decide(frame: Frame, reading: Reading, added: Insets, seed: int, given: Given) -> Plan:
    """The plan of exactly these new pixels. Its refusals name the sides that cannot be had."""
    params = ExtendParams(top=added.top, left=added.left, bottom=added.bottom, right=added.right)
    # What a person drew is the frame, and nothing that an extension would know.
    nothing_drawn = Given(Hand(tries=given.hand.tries), given.sources)
    plan = EXTEND_BACKGROUND.plan(frame, reading, params, seed, nothing_drawn)
    if plan.changes and all(refusal.where in sides.SIDES for refusal in plan.refusals):
        return plan
    reason = plan.refusals[0].reason if plan.refusals else "there is nothing to extend it from"
    wanted = [side for side in sides.SIDES if getattr(added, side)]
    return plan.model_copy(update={"refusals": tuple(Refusal(where=s, reason=reason) for s in wanted)})


def draw(
    extension: Plan, off: tuple[str, ...], base: Frame, roi: Roi, sources: Mapping[str, Source]
) -> Patch:
    """The new pixels in ``roi``. Raises Refused for a plan of another version."""
    if extension.version != EXTEND_BACKGROUND.version:
        raise Refused(
            f"{extension.edit} is now version {EXTEND_BACKGROUND.version}, the plan is of version "
            f"{extension.version}"
        )
    return EXTEND_BACKGROUND.render(extension.model_copy(update={"off": off}), base, roi, sources)


def needed(frame: Roi, base: Roi) -> Insets:
    """How far a frame reaches beyond each side of the base."""
    return Insets(
        top=max(0, base.y0 - frame.y0),
        left=max(0, base.x0 - frame.x0),
        bottom=max(0, frame.y1 - base.y1),
        right=max(0, frame.x1 - base.x1),
    )
