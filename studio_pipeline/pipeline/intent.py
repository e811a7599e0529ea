"""What a purge is to remove, written down before anything goes, so that the next one finishes it."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from hot_folder import Journal, durable
from hot_folder.errors import HotFolderError
from hot_folder.forgetting import changed_since, files_of
from studio_pipeline.errors import Refused, TryAgain
from studio_pipeline.pipeline.decide import find
from studio_pipeline.pipeline.retention import originals_of
from studio_pipeline.records.base import Record
from studio_pipeline.records.capture import Member, State, shown
from studio_pipeline.records.entry import Delivered, Entry
from studio_pipeline.session.catalog import Catalog
from studio_pipeline.session.folder import Session

_INTENT = "purge.json"
_MOST_NAMED = 6


class Doomed(Record):
    """One capture as it was: its ids, present and former, and its number in the journal."""

    ids: tuple[str, ...]
    group: int
    name: str
    members: tuple[Member, ...]
    arrived_at: datetime
    shared_with: tuple[str, ...] = ()
    delivered: tuple[Delivered, ...] = ()


class Intent(Record):
    """All that a purge needs to be finished by whoever comes next."""

    subject: str
    captures: tuple[Doomed, ...]
    originals: bool
    vault: bool
    user: str
    host: str
    begun_at: datetime


def unfinished(session: Session) -> Intent | None:
    """A purge that was cut short. Raises Refused where what it left cannot be read."""
    path = session.hidden / _INTENT
    try:
        return Intent.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Refused(
            f"{path} is damaged; remove it, and purge again. In what is `purged` already nobody is named any "
            "more: purge that by capture, as `studio status` names it"
        ) from error


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
    """What a purge would do; nothing is done. ``subject``: a person, or captures that were purged before.

    One of the same subject that was cut short is gone on with, as far as was asked for then or now. Raises
    Refused where nobody is named so, another purge is unfinished, a file has changed since intake looked, or
    the flags contradict each other.
    """
    before, entries = unfinished(session), catalog.entries()
    if before is not None and before.subject != subject:
        raise Refused(f"a purge of {before.subject!r} was cut short: finish that first")
    found = [entry for entry in entries if subject in entry.people] or _purged(catalog, entries, subject)
    has_words = subject != "" and subject in catalog.consent_by_subject()
    if before is None and not found and not has_words:
        raise Refused(_nobody(subject, entries))
    doomed = [_doomed(entry, subject) for entry in found]
    intent = Intent(
        subject=subject,
        captures=tuple(one for one in doomed if not (keep_shared and one.shared_with)),
        originals=originals,
        vault=vault,
        user=user,
        host=host,
        begun_at=now,
    )
    if before is not None:
        intent = _resumed(before, intent, keep_shared)
    if intent.vault and not intent.originals:
        raise Refused("--vault without --originals: the vault would get them again from the session")
    if intent.vault and session.vault is None:
        raise Refused("this session has no vault: leave out --vault")
    if intent.originals and (before is None or not before.originals):
        _refuse_changed(session, intent)
    return intent


def _purged(catalog: Catalog, entries: list[Entry], wanted: str) -> list[Entry]:
    """Those that were purged before, by name, file or id, or from ``FIRST..LAST``."""
    first, dots, last = wanted.partition("..")
    ends = (first, last) if dots and first and last else (wanted,)
    try:
        groups = sorted(find(catalog, end).group for end in ends)
    except Refused:
        return []
    return [e for e in entries if groups[0] <= e.group <= groups[-1] and e.state is State.PURGED]


def _nobody(subject: str, entries: list[Entry]) -> str:
    said = f"nobody is named {subject!r} here; `studio mark DIR CAPTURE --subject NAME` names people"
    left = [entry.name for entry in entries if entry.state is State.PURGED and originals_of(entry)]
    if not left:
        return said
    named = ", ".join(left[:_MOST_NAMED]) + ", ..." * (len(left) > _MOST_NAMED)
    return f"{said}; what was purged and has its originals left goes by capture: {named}"


def _doomed(entry: Entry, subject: str) -> Doomed:
    return Doomed(
        ids=(entry.id, *entry.lineage),
        group=entry.group,
        name=entry.name,
        members=entry.members,
        arrived_at=entry.arrived_at,
        shared_with=tuple(name for name in entry.people if name != subject),
        delivered=entry.delivered,
    )


def _resumed(before: Intent, wanted: Intent, keep_shared: bool) -> Intent:
    """Never less than was begun: of that, some is gone already."""
    if keep_shared and any(one.shared_with for one in before.captures):
        raise Refused("a purge without --keep-shared was cut short: finish that first, without it")
    now = {one.group: one for one in wanted.captures}
    captures = [_joined(one, now.pop(one.group, one)) for one in before.captures]
    return before.model_copy(
        update={
            "captures": (*captures, *now.values()),
            "originals": before.originals or wanted.originals,
            "vault": before.vault or wanted.vault,
        }
    )


def _joined(before: Doomed, now: Doomed) -> Doomed:
    """Between the two a RAW may have come, and given it another id."""
    ids = dict.fromkeys((*now.ids, *before.ids))
    delivered = dict.fromkeys((*before.delivered, *now.delivered))
    return before.model_copy(update={"ids": tuple(ids), "delivered": tuple(delivered)})


def _refuse_changed(session: Session, intent: Intent) -> None:
    """A file that has other bytes than came in stays, and once forgotten would come in as nobody's frame."""
    path = session.databases / "journal.sqlite"
    if not path.exists():
        return
    try:
        with Journal.open(os.fsencode(path)) as journal:
            rows = files_of(journal, [one.group for one in intent.captures])
    except HotFolderError as error:
        raise TryAgain(str(error)) from error
    if changed := changed_since(os.fsencode(session.root), rows):
        raise Refused(
            f"{shown(changed[0])} has changed since it was looked at: `studio run` first, then purge"
        )


def write_down(hidden: Path, intent: Intent) -> None:
    temp = hidden / f".{_INTENT}.tmp"
    with temp.open("w", encoding="utf-8", newline="\n") as file:
        file.write(intent.model_dump_json())
        file.flush()
        durable.sync(file.fileno())
    temp.replace(hidden / _INTENT)
    durable.sync_folder(os.fsencode(hidden))


def cross_out(hidden: Path) -> None:
    """It is done."""
    (hidden / _INTENT).unlink(missing_ok=True)
    durable.sync_folder(os.fsencode(hidden))
