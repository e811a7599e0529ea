"""Whose time is over, by the preset's ``retention_days``. Nothing is removed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hot_folder.forgetting import is_forgotten
from studio_pipeline.records.capture import Member, State
from studio_pipeline.records.entry import Entry
from studio_pipeline.session.folder import Session


@dataclass(frozen=True)
class Due:
    """A subject whose time is over, or "" for captures of whom nobody is named.

    ``purged``: names of captures that were purged and have their originals left; of them, nobody is named.
    """

    subject: str
    captures: int
    last_frame_at: datetime
    due_at: datetime
    purged: tuple[str, ...] = ()


def originals_of(entry: Entry) -> list[Member]:
    """The members that are here by name; of one that was purged with its originals, none."""
    return [member for member in entry.members if not is_forgotten(member.path)]


def due(session: Session, entries: Iterable[Entry], now: datetime) -> list[Due]:
    """Whose purge is due: of a subject with their last frame, of what was purged before frame by frame."""
    if (days := session.preset.retention_days) is None:
        return []
    kept = timedelta(days=days)
    by_subject: dict[str, list[Entry]] = {}
    purged: list[Entry] = []
    for entry in entries:
        if entry.state is not State.PURGED:
            for name in entry.people or ("",):
                by_subject.setdefault(name, []).append(entry)
        elif originals_of(entry) and entry.arrived_at + kept <= now:
            purged.append(entry)
    found = []
    for name, shot in by_subject.items():
        last = max(entry.arrived_at for entry in shot)
        if last + kept <= now:
            found.append(Due(name, len(shot), last, last + kept))
    if purged:
        times = [entry.arrived_at for entry in purged]
        names = tuple(entry.name for entry in purged)
        found.append(Due("", len(purged), max(times), min(times) + kept, names))
    return sorted(found, key=lambda one: (one.due_at, one.subject))
