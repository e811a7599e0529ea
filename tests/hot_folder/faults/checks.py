"""What must hold right after a crash, and what once ingest was started again and has settled."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from hot_folder import EventKind, FileState, Journal
from hot_folder.checking import check
from hot_folder.wanted import is_original, missing
from tests.hot_folder.faults.day import MARKER, Day
from tests.hot_folder.faults.disk import Cut, Disk
from tests.hot_folder.faults.stories import Camera, sha256

_TEMPORARY: Final = re.compile(rb"(?:.*/)?\.studio-[^/]*\.part")
_LISTS: Final = re.compile(rb"ascmhl/.*")
_SECOND_NAME: Final = re.compile(rb"-[0-9a-f]{8,64}(?=\.[^./]*$|$)")

Stamp = tuple[int, int, int, int, int]


@dataclass
class Told:
    """What ingest said before the crash."""

    beat: int = -1
    events: list[list[Any]] = field(default_factory=list)
    safe: set[str] = field(default_factory=set)
    now_s: float = 0.0

    def hear(self, what: str, said: Any) -> None:
        if what == "events":
            self.events += said
        elif what == "safe":
            self.safe |= set(said)
        elif what == "beat":
            self.beat, self.now_s = said

    @classmethod
    def of(cls, told: list[tuple[str, Any]]) -> Told:
        all_told = cls()
        for what, said in told:
            all_told.hear(what, said)
        return all_told


def files_below(root: bytes) -> dict[bytes, bytes]:
    """Each file's path relative to `root`, and its bytes."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                found[os.path.relpath(os.path.join(folder, name), root)] = file.read()
    return found


def stamps(session: bytes) -> dict[bytes, Stamp]:
    """What would show that a file was touched, its reading apart."""
    paths = [os.path.join(session, path) for path in files_below(session)]
    return {
        path: (s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_nlink)
        for path in paths
        for s in [os.lstat(path)]
    }


def after_the_crash(root: bytes, camera: Camera, told: Told) -> Iterator[str]:
    """What a person finds who looks at the drives before anything is started again."""
    lying = {p: d for p, d in files_below(os.path.join(root, b"session")).items() if not p.endswith(b".keep")}
    if lying != camera.lying:
        yield "the session's files are not what the camera left"
    in_vault: set[str] = set()
    for path, data in _kept(root):
        in_vault.add(sha256(data).hex())
        if not {path, _SECOND_NAME.sub(b"", path)} & camera.ever.get(sha256(data), set()):
            yield f"wrong bytes under a final name: {path!r} in the vault ({len(data)} bytes)"
    if lost := told.safe - in_vault:
        yield f"the vault was said to hold them, and does not: {sorted(lost)}"


def once_settled(day: Day, camera: Camera, told: Told) -> Iterator[str]:
    yield from _accounted_for(camera, day.journal)
    yield from _journal_is_sound(day.journal, told)
    report = day.intake.step()
    yield from (f"it does not settle: {s.path!r} {s.why}" for s in report.settling)
    yield from (f"a problem stays: {problem.reason}" for problem in report.problems)
    yield from (f"no peace: {event.kind} {event.path!r}" for event in report.events)
    yield from _vault_is_whole(day)


def not_durable(disk: Disk, told: Told) -> Iterator[str]:
    """Whether a power cut now would take back that something is safe."""
    left = disk.after(Cut.LOST).values()
    if lost := told.safe - {sha256(data).hex() for data in left if data is not None}:
        yield f"said to be safe, and not durable: {sorted(lost)}"


def still_told(root: bytes, told: Told) -> Iterator[str]:
    """Whether a journal holds what was told of it."""
    with Journal.open(os.path.join(root, b"state", b"journal.sqlite")) as journal:
        yield from _journal_is_sound(journal, told)


def _kept(root: bytes) -> Iterator[tuple[bytes, bytes]]:
    for path, data in files_below(os.path.join(root, b"vault")).items():
        if path != MARKER and not _LISTS.fullmatch(path) and not _TEMPORARY.fullmatch(path):
            yield path, data


def _accounted_for(camera: Camera, journal: Journal) -> Iterator[str]:
    rows = {row.path: row for row in journal.live_files() if row.state is not FileState.VANISHED}
    for path in rows.keys() ^ camera.lying.keys():
        yield f"{path!r} is {'known and not there' if path in rows else 'there and not known'}"
    for path, row in rows.items():
        data = camera.lying.get(path, b"")
        is_whole = row.state in (FileState.PRESENT, FileState.DUPLICATE)
        if is_whole != (path in camera.whole):
            yield f"{path!r} is {row.state}"
        if is_whole and (row.sha256 != sha256(data) or row.group_id is None):
            yield f"{path!r} is known by other bytes, or has no capture"
    originals = [
        row.sha256
        for row in rows.values()
        if row.state is FileState.PRESENT and not row.path.endswith(b".xmp")
    ]
    if len(originals) != len(set(originals)):
        yield "the same bytes were taken in twice"


def _journal_is_sound(journal: Journal, told: Told) -> Iterator[str]:
    (integrity,) = journal.rows("PRAGMA integrity_check")[0]
    if integrity != "ok" or journal.rows("PRAGMA foreign_key_check"):
        yield f"the journal is damaged: {integrity}"
    events = journal.events(limit=100_000)
    said = [[e.seq, e.kind, e.file_id, e.path.hex(), e.sha256 and e.sha256.hex()] for e in events]
    if told.events != said[: len(told.events)]:
        yield f"events that were told are not in the journal: it has {len(said)}, and not {told.events}"
    replayed: dict[int, tuple[object, ...]] = {}
    for event in events:
        replayed[event.file_id] = (event.state, event.place, event.path, event.group_id, event.sha256)
        if event.kind is EventKind.CHANGED and event.supersedes is not None:
            replayed.pop(event.supersedes)
    replayed = {file_id: row for file_id, row in replayed.items() if row[0] is not FileState.REPLACED}
    live = {r.id: (r.state, r.place, r.path, r.group_id, r.sha256) for r in journal.live_files()}
    if replayed != live:
        yield f"the events do not give the table: {replayed} against {live}"


def _vault_is_whole(day: Day) -> Iterator[str]:
    if day.keeper.pending or day.keeper.problem or missing(day.journal, day.vault):
        yield f"the vault waits: {day.keeper.pending} pending, {day.keeper.problem}"
    kept = {sha256(data) for _, data in _kept(day.root)}
    for row in day.journal.live_files():
        if is_original(row) and row.sha256 not in kept:
            yield f"{row.path!r} is not in the vault"
    in_vault = files_below(os.path.join(day.root, b"vault"))
    yield from (f"a part was left: {path!r}" for path in in_vault if _TEMPORARY.fullmatch(path))
    yield from (f"the lists are wrong: {finding.what}" for finding in check(day.vault).findings)


def known(journal: Journal) -> dict[str, Any]:
    """What lies there (state, SHA-256, the capture's files), and what happened (the kinds of events)."""
    rows = [row for row in journal.live_files() if row.state is not FileState.VANISHED]
    groups: dict[int | None, list[str]] = {}
    for row in rows:
        groups.setdefault(row.group_id, []).append(repr(row.path))
    files = {
        repr(row.path): [row.state, row.sha256 and row.sha256.hex(), sorted(groups[row.group_id])]
        for row in rows
    }
    return {"files": files, "happened": [f"{event.kind} {event.path!r}" for event in journal.events()]}


def as_without_a_fault(journal: Journal, expected: dict[str, Any]) -> Iterator[str]:
    """A crash changes nothing of what is known in the end, and brings no events that did not happen."""
    found = known(journal)
    for path in sorted({*found["files"], *expected["files"]}):
        said, true = found["files"].get(path), expected["files"].get(path)
        if said != true:
            yield f"{path} is {said}; without a fault {true}"
    for event in set(found["happened"]) - set(expected["happened"]):
        yield f"that did not happen: {event}"


def nothing_made_up(journal: Journal, camera: Camera) -> Iterator[str]:
    """An error may hide for a while what happens; it may not make a file vanish, or bad, that is not."""
    possible = {
        EventKind.VANISHED: camera.left,
        EventKind.QUARANTINED: camera.once_odd,
        EventKind.UNSUPPORTED: camera.once_odd,
    }
    for event in journal.events():
        if event.path not in possible.get(event.kind, {event.path}):
            yield f"that did not happen: {event.kind} {event.path!r}"
