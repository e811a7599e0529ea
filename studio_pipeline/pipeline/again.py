"""What was given up is tried again: after an update, a mended file or drive. No decision is touched."""

from __future__ import annotations

import os
from typing import Any

from hot_folder import Journal
from hot_folder.errors import HotFolderError
from studio_pipeline.errors import TryAgain
from studio_pipeline.pipeline import schedule
from studio_pipeline.records.capture import State
from studio_pipeline.records.entry import Entry
from studio_pipeline.session.catalog import Catalog
from studio_pipeline.session.folder import Session


def given_up(entry: Entry) -> bool:
    """Set aside, waiting for a TIFF, purged and here again, or a stage failed for good."""
    tired = any(tries >= schedule.MOST_TRIES for tries in entry.failures.values())
    if entry.state is State.PURGED:
        return bool(entry.members)
    return entry.state in (State.QUARANTINED, State.WAITING_FOR_TIFF) or (
        tired and entry.state is not State.WITHDRAWN
    )


def take_up(session: Session, catalog: Catalog, entries: list[Entry]) -> list[Entry]:
    """Take up again those of ``entries`` that were given up; returns them.

    What intake set aside is judged anew by its next look at the folders; what a stage gave up is due again.
    Raises TryAgain while the journal is busy.
    """
    chosen = [entry for entry in entries if given_up(entry)]
    try:
        with Journal.open(os.fsencode(session.databases / "journal.sqlite")) as journal:
            aside = journal.quarantined()
            for entry in chosen:
                files = [row.id for row in aside if entry.group in (row.group_id, -row.id)]
                journal.take_up_again(files)
                if not files:
                    catalog.update(entry.id, **_due_again(entry))
    except HotFolderError as error:
        raise TryAgain(str(error)) from error
    return chosen


def _due_again(entry: Entry) -> dict[str, Any]:
    changes: dict[str, Any] = {"failures": {}, "unusable": (), "reason": "taken up again"}
    if entry.state in (State.QUARANTINED, State.WAITING_FOR_TIFF, State.PURGED):
        return changes | {"state": State.TAKEN_IN}
    if entry.state is State.NEEDS_A_PERSON and entry.proposal is None:
        return changes | {"state": State.DEVELOPED, "subject": None}
    return changes
