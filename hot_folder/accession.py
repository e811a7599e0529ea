"""What a whole file is to the session: new, changed, moved, a copy, restored, or known already.

Each function decides and writes inside the caller's transaction, so that a file is accounted for exactly once
or, after a crash, not at all and then again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hot_folder.digest import Digest
from hot_folder.events import Event, EventKind, FileRow, FileState
from hot_folder.grouping import differ, group_members, primary
from hot_folder.journal import Journal
from hot_folder.names import role_of, split, stem_of
from hot_folder.records import ExposureHints, FileKey, Place, Role, shown


@dataclass(frozen=True, slots=True)
class Arrival:
    """A settled file that was read through."""

    place: Place
    path: bytes
    key: FileKey
    digest: Digest
    hints: ExposureHints

    @property
    def role(self) -> Role:
        return role_of(split(self.path)[1])


IsApart = Callable[[FileRow], bool]
"""Whether a row's file lies on disk as the row remembers it, and is another one than the arrival."""


def account_for(journal: Journal, arrival: Arrival, is_apart: IsApart) -> list[Event]:
    """Record an arrival; returns the events it caused, none when its bytes are known at its path."""
    current = journal.at(arrival.path)
    if current is not None and current.sha256 == arrival.digest.sha256:
        return _seen_again(journal, current, arrival.key)
    twin = _twin(journal, arrival, is_apart)
    if twin is not None and is_apart(twin):
        return _copied(journal, current, twin, arrival)
    if current is not None and _continues(journal, current, arrival):
        return _changed(journal, current, twin, arrival)
    if twin is not None:
        return _moved(journal, current, twin, arrival)
    return _arrived(journal, current, arrival)


def set_aside(
    journal: Journal, state: FileState, place: Place, path: bytes, key: FileKey, reason: str
) -> list[Event]:
    """Record a file that cannot be taken in. What was known of an earlier, good state of it is kept."""
    current = journal.at(path)
    if current is None:
        row = journal.add_file(state, place, path, key, reason=reason)
    else:
        row = journal.update_file(current.id, state=state, key=key, reason=reason)
        if (current.state, current.reason) == (state, reason):
            return []
    kind = EventKind.UNSUPPORTED if state is FileState.UNSUPPORTED else EventKind.QUARANTINED
    return [journal.add_event(kind, row)]


def note_vanished(journal: Journal, row: FileRow) -> list[Event]:
    """Record that a file is gone. When a copy of it is left, the copy takes its place."""
    for copy in journal.duplicates_of(row.id)[:1]:
        return _promote(journal, row, copy)
    return [
        journal.add_event(
            EventKind.VANISHED, journal.update_file(row.id, state=FileState.VANISHED, reason="")
        )
    ]


def _seen_again(journal: Journal, current: FileRow, key: FileKey) -> list[Event]:
    state = FileState.PRESENT if current.duplicate_of is None else FileState.DUPLICATE
    row = journal.update_file(current.id, state=state, key=key, reason="")
    if current.state is state:
        return []
    row, regrouped = _regroup(journal, row) if state is FileState.PRESENT else (row, [])
    homeless = _set_aside_if_homeless(journal, row)
    if homeless is not None:
        return regrouped  # it was set aside for that before
    return [journal.add_event(EventKind.RESTORED, row), *regrouped]


def _twin(journal: Journal, arrival: Arrival, is_apart: IsApart) -> FileRow | None:
    """The file that has or had these bytes. Two sidecars may well say the same: they must share a name."""
    twins = journal.with_bytes(arrival.digest.sha256)
    if arrival.role is not Role.SIDECAR:
        return next(iter(twins), None)
    name = split(arrival.path)[1]
    return next((twin for twin in twins if split(twin.path)[1] == name and not is_apart(twin)), None)


def _copied(journal: Journal, current: FileRow | None, twin: FileRow, arrival: Arrival) -> list[Event]:
    events = _give_up_name(journal, current)
    row = journal.add_file(
        *(FileState.DUPLICATE, arrival.place, arrival.path, arrival.key),
        sha256=arrival.digest.sha256,
        head_sha256=arrival.digest.head_sha256,
        group_id=twin.group_id,
        hints=arrival.hints,
        duplicate_of=twin.id,
    )
    reason = f"the same bytes as {shown(twin.path)}: one capture"
    return [*events, journal.add_event(EventKind.DUPLICATE, row, reason=reason)]


def _moved(journal: Journal, current: FileRow | None, twin: FileRow, arrival: Arrival) -> list[Event]:
    events = _give_up_name(journal, current)
    row = journal.relocate_file(
        twin.id, arrival.place, arrival.path, arrival.key, state=FileState.PRESENT, reason=""
    )
    regrouped: list[Event] = []
    if not journal.is_closed(row.group_id):
        row, regrouped = _regroup(journal, row)
    if arrival.place is Place.TRASH and twin.place is not Place.TRASH:
        kind = EventKind.WITHDRAWN
    elif twin.state is not FileState.PRESENT or (
        twin.place is Place.TRASH and arrival.place is not Place.TRASH
    ):
        kind = EventKind.RESTORED
    else:
        kind = EventKind.MOVED
    return [*events, journal.add_event(kind, row, previous_path=twin.path), *regrouped]


def _changed(journal: Journal, current: FileRow, twin: FileRow | None, arrival: Arrival) -> list[Event]:
    journal.update_file(current.id, state=FileState.REPLACED)
    columns: dict[str, Any] = {
        "supersedes": current.id,
        "group_id": current.group_id,
        "hints": arrival.hints,
        "reason": "",
    }
    if twin is not None:  # it changed back to what it was before
        columns["state"] = FileState.PRESENT
        row = journal.relocate_file(twin.id, arrival.place, arrival.path, arrival.key, **columns)
    else:
        row = journal.add_file(
            *(FileState.PRESENT, arrival.place, arrival.path, arrival.key),
            sha256=arrival.digest.sha256,
            head_sha256=arrival.digest.head_sha256,
            first_place=current.first_place,
            first_path=current.first_path,
            first_stem=stem_of(split(current.first_path)[1]),
            **columns,
        )
    row, regrouped = _regroup(journal, row)
    return [journal.add_event(EventKind.CHANGED, row), *regrouped]


def _arrived(journal: Journal, current: FileRow | None, arrival: Arrival) -> list[Event]:
    events: list[Event] = []
    columns: dict[str, Any] = {
        "sha256": arrival.digest.sha256,
        "head_sha256": arrival.digest.head_sha256,
        "hints": arrival.hints,
        "reason": "",
    }
    if current is not None and current.sha256 is None:  # it was set aside unread, and is whole now
        row = journal.update_file(current.id, state=FileState.PRESENT, key=arrival.key, **columns)
    else:
        events = _give_up_name(journal, current)
        row = journal.add_file(FileState.PRESENT, arrival.place, arrival.path, arrival.key, **columns)
    row, regrouped = _regroup(journal, row)
    homeless = _set_aside_if_homeless(journal, row)
    if homeless is not None:
        return [*events, journal.add_event(EventKind.QUARANTINED, homeless), *regrouped]
    return [*events, journal.add_event(EventKind.ARRIVED, row), *regrouped]


def _set_aside_if_homeless(journal: Journal, row: FileRow) -> FileRow | None:
    """An export founds no capture: it joins one, or a person has to say which. None for all other files."""
    if row.place is not Place.OUTPUT or len(journal.members(row.group_id)) > 1:
        return None
    reason = f"{shown(row.path)} could belong to several frames: put it beside the one it was made from"
    return journal.update_file(row.id, state=FileState.QUARANTINED, reason=reason)


def _continues(journal: Journal, current: FileRow, arrival: Arrival) -> bool:
    """Whether other bytes under a known name are still that exposure, not the next under a reused name."""
    if current.sha256 is None or current.duplicate_of is not None:
        return False
    if arrival.digest.prefix_sha256 == current.sha256:
        return True  # it was taken in too early and has grown
    # An inode alone proves nothing: filesystems reuse the one that was just freed.
    if current.key.inode == arrival.key.inode and current.head_sha256 == arrival.digest.head_sha256:
        return True
    if differ(current.hints, arrival.hints) or journal.is_closed(current.group_id):
        return False
    if current.hints.captured_at is not None and arrival.hints.captured_at is not None:
        return True
    return arrival.role is Role.SIDECAR or not _is_primary(journal, current)


def _is_primary(journal: Journal, row: FileRow) -> bool:
    if row.group_id is None:
        return True
    members = [member.as_member for member in journal.members(row.group_id)]
    return not members or primary(members).id == row.id


def _give_up_name(journal: Journal, current: FileRow | None) -> list[Event]:
    """Another file has taken this one's name."""
    if current is None:
        return []
    for copy in journal.duplicates_of(current.id)[:1]:
        return _promote(journal, current, copy)
    is_original = current.sha256 is not None and current.duplicate_of is None
    if is_original and _is_primary(journal, current):
        journal.close_capture(current.group_id)
    reason = f"another file took the name {shown(current.path)}"
    row = journal.update_file(current.id, state=FileState.REPLACED, reason=reason)
    return [journal.add_event(EventKind.REPLACED, row)]


def _promote(journal: Journal, row: FileRow, copy: FileRow) -> list[Event]:
    """The original is gone: its copy's place becomes its own."""
    reason = f"it is what is left of {shown(row.path)}"
    copy = journal.update_file(copy.id, state=FileState.REPLACED, reason=reason)
    replaced = journal.add_event(EventKind.REPLACED, copy)
    row_now = journal.relocate_file(
        row.id, copy.place, copy.path, copy.key, state=FileState.PRESENT, reason=""
    )
    is_withdrawn = copy.place is Place.TRASH and row.place is not Place.TRASH
    kind = EventKind.WITHDRAWN if is_withdrawn else EventKind.MOVED
    return [replaced, journal.add_event(kind, row_now, previous_path=row.path)]


def _regroup(journal: Journal, row: FileRow) -> tuple[FileRow, list[Event]]:
    """Decide the captures around `row` anew; returns `row` in its capture, and the events of the others.

    A capture keeps its number while it keeps a member; of two that turn out to be one, the older stays.
    """
    rows = {near.id: near for near in [*journal.near(row), row]}
    captures = [
        [rows[member.id] for member in members]
        for members in group_members(r.as_member for r in rows.values())
    ]
    taken: set[int] = set()
    events: list[Event] = []
    for members in sorted(captures, key=_age):
        known = sorted({member.group_id for member in members if member.group_id is not None} - taken)
        group_id = known[0] if known else journal.add_capture()
        taken.add(group_id)
        for member in members:
            if member.group_id == group_id:
                continue
            changed = journal.update_file(member.id, group_id=group_id)
            for copy in journal.duplicates_of(member.id):
                copy = journal.update_file(copy.id, group_id=group_id)
                events.append(journal.add_event(EventKind.REGROUPED, copy))
            if member.id == row.id:
                row = changed
            else:
                events.append(journal.add_event(EventKind.REGROUPED, changed))
    return row, events


def _age(members: list[FileRow]) -> tuple[int, int]:
    ids = [member.group_id for member in members if member.group_id is not None]
    return (
        (min(ids), min(member.id for member in members))
        if ids
        else (1 << 62, min(member.id for member in members))
    )
