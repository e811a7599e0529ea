"""A person is forgotten: every trace of the captures that show them is removed, and what is left is named."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hot_folder import Journal
from hot_folder.errors import HotFolderError
from hot_folder.events import FileRow, FileState
from hot_folder.forgetting import copies_of, files_of, forget, forget_copies, is_forgotten, settings_beside
from hot_folder.keeper import explained
from studio_pipeline.errors import Refused, TryAgain
from studio_pipeline.pipeline import traces
from studio_pipeline.pipeline.intent import Doomed, Intent, cross_out, write_down
from studio_pipeline.pipeline.safekeeping import open_vault
from studio_pipeline.records.capture import State, shown
from studio_pipeline.records.entry import Entry
from studio_pipeline.session.cache import CaptureCache
from studio_pipeline.session.catalog import Catalog
from studio_pipeline.session.folder import Session

_OTHER_BYTES = (
    "session, other bytes than came in: as a new frame, if it is one; remove it or say who is in it"
)
_LATER = "files that were copied elsewhere (clients, backups, cards): this program knows nothing of them"


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


def purge(session: Session, catalog: Catalog, intent: Intent) -> Report:
    """Carry it out, or on. Whoever calls it holds the session.

    Raises Refused where the vault is not connected or a file cannot be removed, TryAgain while a database is
    busy: mended and called again, it goes on.
    """
    report = Report(intent.subject, len(intent.captures))
    try:
        write_down(session.hidden, intent)
        # Blanked before any file goes: what is to go is found by what was written down, not by the catalog;
        # and of a purged capture nothing is made, should this be cut short and somebody work meanwhile.
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
    if session.databases != session.hidden:  # it came from a drive that keeps them; they are not in use
        earlier = sorted(path.name for path in session.hidden.glob("*.sqlite"))
        report.stays(".studio, not read any more: remove them where nobody needs them", earlier)
    report.stays("elsewhere", [_LATER])
    _note(catalog, intent)
    catalog.compact()
    report.log = catalog.check_log().said
    cross_out(session.hidden)
    return report


def _bare(one: Doomed, intent: Intent) -> Entry:
    """Of a capture what says that there was one; with its originals, where they lie."""
    stays = () if intent.originals else tuple(m for m in one.members if not is_forgotten(m.path))
    left = "its originals are left" if stays else "with its originals"
    return Entry(
        id=one.ids[0],
        group=one.group,
        name=one.name if stays else f"purged {one.ids[0][:6]}",
        members=stays,
        lineage=one.ids[1:],
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
    gone = traces.remove_deliveries(session, ids, [d for one in intent.captures for d in one.delivered])
    report.went("deliverables", gone.deliverables)
    report.went("records, zones and changes", gone.proofs)
    report.went("files that killed runs left", gone.temporary)
    report.stays("Output, changed outside", gone.changed_outside)
    report.stays("not found in Output, where it was delivered", gone.not_found)
    report.stays("unreadable: whose it is, it does not say", gone.unreadable)


def _remove_originals(session: Session, intent: Intent, report: Report) -> None:
    path = session.databases / "journal.sqlite"
    if not path.exists():
        return
    with Journal.open(os.fsencode(path)) as journal:
        rows = files_of(journal, [one.group for one in intent.captures])
        if intent.vault:
            _remove_copies(session, journal, rows, report)
        if intent.originals:
            forgotten = forget(os.fsencode(session.root), journal, rows)
            report.went("originals, sidecars and settings", len(forgotten.removed))
            report.went("journal entries, blanked", forgotten.events_blanked)
            report.stays(_OTHER_BYTES, (shown(path) for path, _ in forgotten.left))
            report.stays("journal", ["their hashes and sizes, so that they are known if they come again"])
        else:
            _say_of_session(session, journal, rows, report)
            report.stays("session, to go with `studio purge DIR CAPTURE --originals`, too", _names(intent))
        if session.vault is not None:
            _say_of_vault(session, journal, rows, report)


def _say_of_session(session: Session, journal: Journal, rows: list[FileRow], report: Report) -> None:
    folder = os.fsencode(session.root)
    here = [row.path for row in rows if row.state is not FileState.REPLACED and not is_forgotten(row.path)]
    report.stays("session", (shown(path) for path in here if _lies(folder, path)))
    report.stays("session, settings beside", map(shown, settings_beside(folder, journal, rows)))
    report.stays("journal", ["their names and hashes, as long as they are here"])


def _names(intent: Intent) -> list[str]:
    """By which a capture can be found when nobody is named in it any more."""
    return [entry.name for entry in (_bare(one, intent) for one in intent.captures) if entry.members]


def _remove_copies(session: Session, journal: Journal, rows: list[FileRow], report: Report) -> None:
    vault = open_vault(session)
    assert vault is not None
    try:
        forgotten = forget_copies(vault, journal, rows)
    except OSError as error:
        raise Refused(f"{explained(vault, error)}; purge again then") from error
    report.went("copies in the vault", len(forgotten.removed))
    for path, why in forgotten.left:
        report.stays(f"vault: {why}", [shown(path)])


def _say_of_vault(session: Session, journal: Journal, rows: list[FileRow], report: Report) -> None:
    vault = open_vault(session)
    assert vault is not None
    try:
        report.stays("vault", map(shown, copies_of(vault, journal, rows)))
        report.stays(
            "vault's lists", ["their names, sizes and hashes: the lists are chained, and never edited"]
        )
    except OSError as error:
        report.stays("vault", [f"not looked at: {explained(vault, error)}"])


def _still_named(catalog: Catalog, intent: Intent, report: Report) -> None:
    named = [entry.name for entry in catalog.entries() if intent.subject in entry.people]
    report.stays("captures kept, that show others too", named)
    if named and intent.subject in catalog.consent_by_subject():
        report.stays("words on consent", ["they count for the captures that are kept"])


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
