"""A person is forgotten: every trace of the captures that show them is removed, and what is left is named.

What is to go is written down before anything goes, so that the next purge finishes one that was cut short.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hot_folder import Journal, durable
from hot_folder.errors import HotFolderError
from hot_folder.events import FileRow
from hot_folder.forgetting import copies_of, files_of, forget, forget_copies, is_forgotten, settings_beside
from hot_folder.keeper import explained
from studio_pipeline.errors import Refused, TryAgain
from studio_pipeline.pipeline import traces
from studio_pipeline.pipeline.safekeeping import open_vault
from studio_pipeline.records.base import Record
from studio_pipeline.records.capture import Member, State, shown
from studio_pipeline.records.entry import Entry
from studio_pipeline.session.cache import CaptureCache
from studio_pipeline.session.catalog import Catalog
from studio_pipeline.session.folder import Session

_INTENT = "purge.json"
_LATER = "files that were copied elsewhere (clients, backups, cards): this program knows nothing of them"


class Doomed(Record):
    """One capture as it was: its ids, present and former, and its number in the journal."""

    ids: tuple[str, ...]
    group: int
    name: str
    members: tuple[Member, ...]
    arrived_at: datetime
    shared_with: tuple[str, ...] = ()


class Intent(Record):
    """All that a purge needs to be finished by whoever comes next."""

    subject: str
    captures: tuple[Doomed, ...]
    originals: bool
    vault: bool
    user: str
    host: str
    begun_at: datetime


@dataclass
class Report:
    """What went and what is left, by where it lies. Counts are of this run, not of one that was cut short."""

    subject: str
    captures: int
    removed: dict[str, int] = field(default_factory=dict)
    left: dict[str, list[str]] = field(default_factory=dict)
    log: str = ""

    def went(self, what: str, count: int) -> None:
        self.removed[what] = self.removed.get(what, 0) + count

    def stays(self, where: str, what: Iterable[str]) -> None:
        self.left.setdefault(where, []).extend(what)

    def as_json(self) -> dict[str, Any]:
        left = {where: what for where, what in self.left.items() if what}
        return {"subject": self.subject, "captures": self.captures, "removed": self.removed, "left": left,
                "log": self.log}  # fmt: skip


def unfinished(session: Session) -> Intent | None:
    """A purge that was cut short. Raises Refused where what it left cannot be read."""
    try:
        return Intent.model_validate_json((session.hidden / _INTENT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Refused(f"{session.hidden / _INTENT} is damaged; remove it, and purge again") from error


def intend(
    session: Session,
    catalog: Catalog,
    subject: str,
    *,
    originals: bool,
    vault: bool,
    keep_shared: bool,
    user: str,
    host: str,
    now: datetime,
) -> Intent:
    """What a purge would do; nothing is done. An unfinished one of the same subject comes first.

    Raises Refused where nobody is named so, another purge is unfinished, or the flags contradict each other.
    """
    if (before := unfinished(session)) is not None:
        if before.subject != subject:
            raise Refused(f"a purge of {before.subject!r} was cut short: finish that first")
        return before
    if vault and not originals:
        raise Refused("--vault without --originals: the vault would get them again from the session")
    if vault and session.vault is None:
        raise Refused("this session has no vault: leave out --vault")
    found = [entry for entry in catalog.entries() if subject in entry.people]
    if not found:
        raise Refused(
            f"nobody is named {subject!r} here; `studio mark DIR CAPTURE --subject NAME` names people"
        )
    doomed = tuple(
        Doomed(
            ids=(entry.id, *entry.lineage),
            group=entry.group,
            name=entry.name,
            members=entry.members,
            arrived_at=entry.arrived_at,
            shared_with=tuple(name for name in entry.people if name != subject),
        )
        for entry in found
        if not (keep_shared and len(entry.people) > 1)
    )
    return Intent(
        subject=subject, captures=doomed, originals=originals, vault=vault, user=user, host=host, begun_at=now
    )


def purge(session: Session, catalog: Catalog, intent: Intent) -> Report:
    """Carry it out, or on. Whoever calls it holds the session.

    Raises Refused where the vault is not connected or a file cannot be removed, TryAgain while a database is
    busy: mended and called again, it goes on.
    """
    report = Report(intent.subject, len(intent.captures))
    try:
        _write_down(session.hidden, intent)
        blanked = catalog.blank([_bare(one, intent) for one in intent.captures], intent.subject)
        report.went("log entries, blanked", blanked)
        _remove_made(session, intent, report)
        _remove_originals(session, intent, report)
    except HotFolderError as error:
        raise TryAgain(str(error)) from error
    except OSError as error:
        where = os.fsdecode(error.filename) if error.filename else session.root
        raise Refused(f"{where} cannot be removed ({error.strerror}); mend that, and purge again") from error
    _still_named(catalog, intent, report)
    report.stays("elsewhere", [_LATER])
    _note(catalog, intent)
    catalog.compact()
    report.log = catalog.check_log().said
    (session.hidden / _INTENT).unlink(missing_ok=True)
    durable.sync_folder(os.fsencode(session.hidden))
    return report


def _write_down(hidden: Path, intent: Intent) -> None:
    temp = hidden / f".{_INTENT}.tmp"
    with temp.open("w", encoding="utf-8", newline="\n") as file:
        file.write(intent.model_dump_json())
        file.flush()
        durable.sync(file.fileno())
    temp.replace(hidden / _INTENT)
    durable.sync_folder(os.fsencode(hidden))


def _bare(one: Doomed, intent: Intent) -> Entry:
    """Of a capture what says that there was one; with its originals, where they lie."""
    left = "with its originals" if intent.originals else "its originals are left"
    return Entry(
        id=one.ids[0],
        group=one.group,
        name=f"purged {one.ids[0][:6]}" if intent.originals else one.name,
        members=() if intent.originals else one.members,
        state=State.PURGED,
        reason=f"purged on {intent.begun_at:%Y-%m-%d} by {intent.user}, {left}",
        arrived_at=one.arrived_at,
    )


def _remove_made(session: Session, intent: Intent, report: Report) -> None:
    """Cache, previews, zones, proposals' pictures; deliverables and what proves them."""
    ids = {capture_id for one in intent.captures for capture_id in one.ids}
    for capture_id in ids:
        folder = CaptureCache(session.cache, capture_id).folder
        report.went("files of the cache", sum(1 for p in folder.rglob("*") if p.is_file()))
        if folder.exists():
            shutil.rmtree(folder)
        with contextlib.suppress(OSError):  # another capture's is in it
            folder.parent.rmdir()
    gone = traces.remove_deliveries(session, ids)
    report.went("deliverables", gone.deliverables)
    report.went("records, zones and changes", gone.proofs)
    report.stays("Output, changed outside", gone.changed_outside)


def _remove_originals(session: Session, intent: Intent, report: Report) -> None:
    path = session.databases / "journal.sqlite"
    if not path.exists():
        return
    folder = os.fsencode(session.root)
    with Journal.open(os.fsencode(path)) as journal:
        rows = files_of(journal, [one.group for one in intent.captures])
        if intent.vault:
            _remove_copies(session, rows, report)
        if intent.originals:
            forgotten = forget(folder, journal, rows)
            report.went("originals, sidecars and settings", len(forgotten.removed))
            report.went("journal entries, blanked", forgotten.events_blanked)
            report.stays("session, other bytes", (shown(path) for path, _ in forgotten.left))
            journal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            report.stays("journal", ["their hashes and sizes, so that they are known if they come again"])
        else:
            there = [row.path for row in rows if not is_forgotten(row.path) and row.path]
            report.stays("session", (shown(path) for path in there if _lies(folder, path)))
            report.stays("session, settings beside", map(shown, settings_beside(folder, rows)))
            report.stays("journal", ["their names and hashes, as long as they are here"])
        if session.vault is not None:
            _say_of_vault(session, rows, report)


def _remove_copies(session: Session, rows: list[FileRow], report: Report) -> None:
    vault = open_vault(session)
    assert vault is not None
    try:
        report.went("copies in the vault", len(forget_copies(vault, rows).removed))
    except OSError as error:
        raise Refused(f"{explained(vault, error)}; purge again then") from error


def _say_of_vault(session: Session, rows: list[FileRow], report: Report) -> None:
    vault = open_vault(session)
    assert vault is not None
    try:
        report.stays("vault", map(shown, copies_of(vault, rows)))
        report.stays(
            "vault's lists", ["their names, sizes and hashes: the lists are chained, and never edited"]
        )
    except OSError as error:
        report.stays("vault", [f"not looked at: {explained(vault, error)}"])


def _still_named(catalog: Catalog, intent: Intent, report: Report) -> None:
    named = [entry.name for entry in catalog.entries() if intent.subject in entry.people]
    report.stays("captures kept, that show others too", named)


def _note(catalog: Catalog, intent: Intent) -> None:
    """That a purge was done, by whom and when; not of whom. Once, however often it was begun."""
    fact = f"purge of {intent.begun_at.isoformat()} noted"
    if not catalog.fact(fact):
        told = {"captures": len(intent.captures), "originals": intent.originals, "vault": intent.vault,
                "user": intent.user, "host": intent.host, "at": intent.begun_at.isoformat()}  # fmt: skip
        catalog.note("purge", json.dumps(told))
        catalog.set_fact(fact, 1)


def _lies(folder: bytes, path: bytes) -> bool:
    return os.path.lexists(os.path.join(folder, path))  # noqa: PTH118 - pathlib does not carry bytes


@dataclass(frozen=True)
class Due:
    """A subject whose time is over, or "" for captures of whom nobody is named."""

    subject: str
    captures: int
    last_frame_at: datetime
    due_at: datetime


def due(session: Session, entries: Iterable[Entry], now: datetime) -> list[Due]:
    """Whose purge is due by the preset's ``retention_days``, the longest overdue first. Removes nothing."""
    days = session.preset.retention_days
    if days is None:
        return []
    by_subject: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.state is not State.PURGED:
            for name in entry.people or ("",):
                by_subject.setdefault(name, []).append(entry)
    found = []
    for name, shot in by_subject.items():
        last = max(entry.arrived_at for entry in shot)
        if (until := last + timedelta(days=days)) <= now:
            found.append(Due(name, len(shot), last, until))
    return sorted(found, key=lambda one: (one.due_at, one.subject))
