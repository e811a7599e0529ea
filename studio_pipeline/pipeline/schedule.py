"""What is due for a capture, as a pure function of what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from studio_pipeline.records.capture import State
from studio_pipeline.records.entry import Entry
from studio_pipeline.records.preset import Preset


class Stage(StrEnum):
    PREVIEW = "preview"
    BASE = "base"
    PROPOSE = "propose"
    DELIVER = "deliver"
    MASTER = "master"


# Previews have a lane of their own. Someone waits for a master; a picked frame goes before the others.
PRIORITY = {Stage.PREVIEW: 0, Stage.MASTER: 5, Stage.BASE: 20, Stage.PROPOSE: 20, Stage.DELIVER: 30}
_PICKED_FIRST = 10
RESTING = (State.WITHDRAWN, State.QUARANTINED, State.WAITING_FOR_TIFF, State.PURGED)
_UNDECIDED = (State.PROPOSED, State.NEEDS_A_PERSON)
MOST_TRIES = 2
NO_SOURCES: Mapping[str, str] = {}


def due(
    entry: Entry,
    preset: Preset,
    base_key: str,
    sources: Mapping[str, str] = NO_SOURCES,
    consent: str = "",
) -> list[Stage]:
    """The stages that can run now, at most one of each lane.

    ``sources``: role to base key of the captures that its proposal should be made beside, as of now;
    ``consent``: the key of what may be proposed.
    """
    if entry.state in RESTING:
        return []
    stages = []
    if not entry.previewed and not exhausted(entry, Stage.PREVIEW):
        stages.append(Stage.PREVIEW)
    if entry.base is None or entry.base_key != base_key:
        stages.append(Stage.BASE)
    elif entry.subject is None and entry.state is not State.REJECTED and wanted(entry, preset):
        stages.append(Stage.PROPOSE)
    elif entry.state in _UNDECIDED and entry.proposal is not None and entry.sources != sources:
        stages.append(Stage.PROPOSE)  # an empty set or a reference came, went, or was developed anew
    elif entry.state in _UNDECIDED and entry.proposal is not None and entry.consent != consent:
        stages.append(Stage.PROPOSE)
    elif entry.state is State.APPROVED:
        stages.append(Stage.DELIVER)
    return [stage for stage in stages if not exhausted(entry, stage)]


def wanted(entry: Entry, preset: Preset) -> bool:
    """Whether the preset asks for a proposal of this capture."""
    asked = entry.door is not None or any(not handed.empty for handed in entry.hands.values())
    if preset.propose == "picked":
        return picked(entry) or asked
    return preset.propose == "all" or asked


def picked(entry: Entry) -> bool:
    """On the page, or by a star in the XMP sidecar."""
    return entry.picked or (entry.rating or 0) >= 1


def priority(entry: Entry, stage: Stage) -> int:
    return PRIORITY[stage] - (_PICKED_FIRST if picked(entry) and stage is not Stage.PREVIEW else 0)


def exhausted(entry: Entry, stage: Stage) -> bool:
    return entry.failures.get(stage.value, 0) >= MOST_TRIES
