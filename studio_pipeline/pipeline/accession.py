"""From the journal of files to the catalog of captures: the one place where the two meet."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

from hot_folder import Event, EventKind, FileRow, FileState, Journal, Place
from hot_folder.errors import HotFolderError
from studio_pipeline.errors import TryAgain
from studio_pipeline.pipeline import proof
from studio_pipeline.pipeline.sidecar import Marks, read_marks
from studio_pipeline.pipeline.stages import absolute
from studio_pipeline.records.base import digest
from studio_pipeline.records.capture import Member, Role, State, primary, shown
from studio_pipeline.records.entry import Entry
from studio_pipeline.session.catalog import Catalog

log = logging.getLogger(__name__)
_CONSUMED = "journal events consumed"
_BATCH = 500
_OVERWRITTEN = "another file took its name; `studio vault restore` brings it back, where there is a vault"
# What a changed base voids; decisions and doors stay, and are shown as stale.
NOTHING_MADE = {"base": None, "base_key": None, "subject": None, "proposal": None, "proposal_hash": None}


class Accession:
    """Reads new events of the journal into the catalog. Doing it twice changes nothing."""

    def __init__(self, root: Path, records: Path, journal: Journal, catalog: Catalog) -> None:
        self._root, self._records, self._journal, self._catalog = root, records, journal, catalog

    def consume(self) -> int:
        """Take in what is new; returns how many events. Raises TryAgain when a database is busy."""
        count = 0
        try:
            while events := self._journal.events(self._catalog.fact(_CONSUMED), _BATCH):
                # A file may have left a capture that had nothing else: that one is refreshed, too.
                files = dict.fromkeys(event.file_id for event in events)
                for group in dict.fromkeys(g for file in files for g in self._journal.groups_of(file)):
                    self._refresh(group, events)
                for event in events:
                    self._set_aside(event)
                self._catalog.set_fact(_CONSUMED, events[-1].seq)
                count += len(events)
        except HotFolderError as error:
            raise TryAgain(str(error)) from error
        return count

    def _refresh(self, group: int, events: list[Event]) -> None:
        """Bring one capture up to date with its members as they are now."""
        rows = [r for r in self._journal.members(group) if r.sha256 and not self._is_ours(r)]
        members = [_member(r) for r in rows if not _is_taken_back(r, rows)]
        first, known = primary(members), self._catalog.of_group(group)
        if first is None:
            if known is not None and self._journal.has_overwritten(group):
                self._catalog.put(known.model_copy(update=_placed(known, True) | {"reason": _OVERWRITTEN}))
            elif known is not None:
                self._catalog.remove(known.id)
            return
        if known is not None and known.state is State.PURGED:  # it stays so until somebody takes it up again
            if known.members != tuple(members):
                self._catalog.put(known.model_copy(update={"members": tuple(members)}))
            return
        marks = self._marks(members)
        withdrawn = all(r.place is Place.TRASH for r in rows if r.role.value == first.role.value)
        arrived_s = min((e.at_s for e in events if e.group_id == group), default=events[0].at_s)
        arrived = datetime.fromtimestamp(arrived_s, UTC)
        entry = known or Entry(id=first.sha256, group=group, name="", members=(), arrived_at=arrived)
        entry = _joined(entry, first, tuple(members), marks)
        entry = entry.model_copy(update=_placed(entry, withdrawn) | {"copies": self._copies(rows)})
        entry = entry.model_copy(update=_judged(entry, rows))
        if known is None or entry != known:
            self._catalog.put(entry, replaces=known.id if known else None)

    def _is_ours(self, row: FileRow) -> bool:
        """Our own deliverables lie in Output too, and must not become anybody's base."""
        return row.sha256 is not None and proof.wrote_this(self._records, row.sha256.hex())

    def _copies(self, rows: list[FileRow]) -> tuple[str, ...]:
        return tuple(shown(copy.path) for row in rows for copy in self._journal.duplicates_of(row.id))

    def _marks(self, members: list[Member]) -> Marks:
        for member in reversed(members):
            if member.role is Role.SIDECAR:
                return read_marks(absolute(self._root, member.path))
        return Marks()

    def _set_aside(self, event: Event) -> None:
        """A file that is no picture of ours, or a broken one, is shown with its reason until it is mended."""
        key = digest({"set aside": event.file_id})
        if event.kind is not EventKind.QUARANTINED or event.group_id is not None:
            if self._catalog.entry(key) is not None:
                self._catalog.remove(key)
            return
        role = Role(event.role.value) if event.role.value in set(Role) else Role.RAW
        sha256 = event.sha256.hex() if event.sha256 else ""
        member = Member(path=event.path, role=role, sha256=sha256, size_bytes=event.size)
        arrived = datetime.fromtimestamp(event.at_s, UTC)
        self._catalog.put(
            Entry(
                id=key,
                group=-event.file_id,
                name=_name(event.path),
                members=(member,),
                state=State.QUARANTINED,
                reason=event.reason,
                arrived_at=arrived,
            )
        )


def _judged(entry: Entry, rows: list[FileRow]) -> dict[str, object]:
    """Set aside while intake holds all of it for broken, or for nobody's; due again after that."""
    if entry.base is not None:
        return {}
    pictures = [row for row in rows if row.role.value != Role.SIDECAR]
    if all(row.state is FileState.QUARANTINED for row in pictures):
        return {"state": State.QUARANTINED, "reason": pictures[0].reason}
    if entry.state is State.QUARANTINED and not entry.failures:
        return {"state": State.TAKEN_IN, "reason": ""}
    return {}


def _is_taken_back(row: FileRow, rows: list[FileRow]) -> bool:
    """An export that was deleted or thrown away while its RAW is still here: the RAW is the base again."""
    gone = row.state is FileState.VANISHED or row.place is Place.TRASH
    others = (r for r in rows if r is not row and r.state is FileState.PRESENT and r.place is not Place.TRASH)
    return gone and row.role.value == Role.TIFF and any(r.role.value == Role.RAW for r in others)


def _member(row: FileRow) -> Member:
    assert row.sha256 is not None
    return Member(path=row.path, role=Role(row.role.value), sha256=row.sha256.hex(), size_bytes=row.key.size)


def _joined(entry: Entry, first: Member, members: tuple[Member, ...], marks: Marks) -> Entry:
    """The entry with these members; what was made from another base is void, and an approval of it stale."""
    changes: dict[str, object] = {
        "id": first.sha256,
        "name": _name(first.path),
        "members": members,
        "rating": marks.rating,
        "label": marks.label,
    }
    if entry.members and entry.id != first.sha256:
        changes["lineage"] = (*entry.lineage, entry.id)
    before = entry.base_member.sha256 if entry.members else None
    after = entry.model_copy(update={"members": members}).base_member.sha256
    if before != after:
        approved = entry.approved_hash is not None
        came = "another original" if after == first.sha256 else "a new export"
        changes |= (
            NOTHING_MADE
            | switches_of(entry)
            | {
                "failures": {},
                "previewed": False,
                "approved_hash": None,
                "stale": entry.stale or approved,
                "state": State.TAKEN_IN,
                "reason": f"{came} arrived after the approval; look again" if approved else "",
            }
        )
    return entry.model_copy(update=changes)


def switches_of(entry: Entry) -> dict[str, dict[str, bool]]:
    """The switches of the current proposal as a change of the entry, so that a new one starts with them.

    What was approved is in the entry already, and counts more than what was proposed.
    """
    if entry.proposal is None or (entry.approved_hash is not None and entry.switches):
        return {}
    return {"switches": entry.proposal.switches}


def _placed(entry: Entry, withdrawn: bool) -> dict[str, State | str | None]:
    """Into Trash and back: what was known before it went still holds."""
    if withdrawn:
        before = entry.before_trash if entry.state is State.WITHDRAWN else entry.state
        return {"state": State.WITHDRAWN, "before_trash": before}
    if entry.state is State.WITHDRAWN:
        reason = "" if entry.reason == _OVERWRITTEN else entry.reason
        return {"state": entry.before_trash or State.TAKEN_IN, "before_trash": None, "reason": reason}
    return {}


def _name(path: bytes) -> str:
    name = path.rsplit(b"/", 1)[-1]
    return shown(name.rsplit(b".", 1)[0] if b"." in name[1:] else name)
