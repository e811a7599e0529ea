"""What the journal says: the rows of its file table, and its events."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hot_folder.grouping import Address, Member
from hot_folder.names import role_of, split
from hot_folder.records import ExposureHints, FileKey, Place, Role


class FileState(StrEnum):
    """What became of a row of the file table. All but REPLACED are live: they are what their path is now."""

    PRESENT = "present"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    UNSUPPORTED = "unsupported"
    VANISHED = "vanished"
    REPLACED = "replaced"


class EventKind(StrEnum):
    ARRIVED = "arrived"
    """A file that was never seen before has landed and is whole."""
    CHANGED = "changed"
    """A member has other bytes and is still the same exposure; `supersedes` names the file it was."""
    MOVED = "moved"
    DUPLICATE = "duplicate"
    """The same bytes lie here too; `duplicate_of` names the file they were first."""
    WITHDRAWN = "withdrawn"
    """Moved into Trash."""
    RESTORED = "restored"
    """Back from Trash, from quarantine, or from having vanished."""
    REPLACED = "replaced"
    """Another file took this one's name, or an original the place of its copy."""
    VANISHED = "vanished"
    QUARANTINED = "quarantined"
    UNSUPPORTED = "unsupported"
    """No picture format of ours: left alone, and remembered."""
    REGROUPED = "regrouped"
    """A later arrival showed that this file belongs to another capture, `group_id`."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one file, with all that is known of the file after it.

    Consume by `seq`, upsert by `file_id`: doing so twice changes nothing, and gives the journal's own table
    (after CHANGED the file named by `supersedes` is REPLACED too). at_s is Unix time by this machine's clock.
    group_id is the capture's number in this journal: stable, None for a file that is no member.
    """

    seq: int
    at_s: float
    kind: EventKind
    file_id: int
    state: FileState
    group_id: int | None
    place: Place
    path: bytes
    previous_path: bytes | None
    sha256: bytes | None
    size: int
    hints: ExposureHints
    reason: str
    supersedes: int | None
    duplicate_of: int | None

    @property
    def role(self) -> Role:
        return role_of(split(self.path)[1])


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row of the file table."""

    id: int
    state: FileState
    place: Place
    path: bytes
    key: FileKey
    sha256: bytes | None
    head_sha256: bytes | None
    group_id: int | None
    first_place: Place
    first_path: bytes
    hints: ExposureHints
    reason: str
    duplicate_of: int | None
    supersedes: int | None

    @property
    def role(self) -> Role:
        return role_of(split(self.path)[1])

    @property
    def as_member(self) -> Member:
        here = Address(self.place, *split(self.path))
        first = Address(self.first_place, *split(self.first_path))
        return Member(self.id, (first,) if first == here else (first, here), self.hints)


def _hints(captured_at: str | None, serial: str | None) -> ExposureHints:
    return ExposureHints(None if captured_at is None else datetime.fromisoformat(captured_at), serial)


def file_of(row: sqlite3.Row) -> FileRow:
    return FileRow(
        id=row["id"],
        state=FileState(row["state"]),
        place=Place(row["place"]),
        path=row["path"],
        key=FileKey(row["device"], row["inode"], row["size"], row["mtime_ns"]),
        sha256=row["sha256"],
        head_sha256=row["head_sha256"],
        group_id=row["group_id"],
        first_place=Place(row["first_place"]),
        first_path=row["first_path"],
        hints=_hints(row["captured_at"], row["serial"]),
        reason=row["reason"],
        duplicate_of=row["duplicate_of"],
        supersedes=row["supersedes"],
    )


def event_of(row: sqlite3.Row) -> Event:
    return Event(
        seq=row["seq"],
        at_s=row["at_s"],
        kind=EventKind(row["kind"]),
        file_id=row["file_id"],
        state=FileState(row["state"]),
        group_id=row["group_id"],
        place=Place(row["place"]),
        path=row["path"],
        previous_path=row["previous_path"],
        sha256=row["sha256"],
        size=row["size"],
        hints=_hints(row["captured_at"], row["serial"]),
        reason=row["reason"],
        supersedes=row["supersedes"],
        duplicate_of=row["duplicate_of"],
    )
