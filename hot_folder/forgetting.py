"""A capture is forgotten on request: its files are removed, and the journal keeps no name of them.

Rows and events stay, blanked, so that numbers go on and the same bytes are known should they come again.
Nobody may be at work on the session meanwhile. Doing it twice changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from hot_folder import durable
from hot_folder.copying import hashes_at
from hot_folder.events import FileRow, FileState, file_of
from hot_folder.host import HOST
from hot_folder.intake import SESSION_FOLDERS
from hot_folder.journal import Journal
from hot_folder.names import split
from hot_folder.records import Place
from hot_folder.vault import Vault

FORGOTTEN: Final = b".purged"
"""The folder of blanked paths. There is none of that name."""


@dataclass(slots=True)
class Forgotten:
    """Paths are relative to the session, or to the vault. ``left``: with the reason, in a line."""

    removed: list[bytes] = field(default_factory=list)
    left: list[tuple[bytes, str]] = field(default_factory=list)
    events_blanked: int = 0


def is_forgotten(path: bytes) -> bool:
    return path.startswith(FORGOTTEN + b"/")


def files_of(journal: Journal, groups: Iterable[int]) -> list[FileRow]:
    """Every file that is or was part of these captures, and their copies; those forgotten already too."""
    found: dict[int, FileRow] = {}
    for group in groups:
        sql = (
            "SELECT * FROM files WHERE group_id = ?1"
            " OR duplicate_of IN (SELECT id FROM files WHERE group_id = ?1) ORDER BY id"
        )
        found |= {row["id"]: file_of(row) for row in journal.rows(sql, group)}
    return list(found.values())


def settings_beside(session: bytes, rows: Iterable[FileRow]) -> list[bytes]:
    """What the tethering program keeps of these files in its own folders: settings, thumbnails, proxies."""
    names = {split(row.path)[1] for row in rows if not is_forgotten(row.path)}
    return [path for path in _kept_by_host(session) if any(_belongs(path, name) for name in names)]


def forget(session: bytes, journal: Journal, rows: Iterable[FileRow]) -> Forgotten:
    """Remove the files that still have the bytes they came in with, then what the journal says of all.

    Raises OSError where one cannot be removed; the next call goes on.
    """
    done, rows = Forgotten(), list(rows)
    for path in settings_beside(session, rows):
        _remove(session, path, done)
    for row in rows:
        if is_forgotten(row.path):
            continue
        path = os.path.join(session, row.path)
        if row.state is not FileState.REPLACED and os.path.lexists(path):
            if row.sha256 is None or not _has(path, row.sha256):
                done.left.append((row.path, "other bytes lie there than came in"))
            else:
                _remove(session, row.path, done)
        done.events_blanked += _blank(journal, row)
    return done


def forget_copies(vault: Vault, rows: Iterable[FileRow]) -> Forgotten:
    """Remove what a vault holds of these files for its session. Its lists, being chained, go on naming them.

    Raises OSError when the vault's drive is not there, or refuses.
    """
    vault.check()
    done, index = Forgotten(), vault.index()
    rows = list(rows)
    hashes, origins = (
        {row.sha256 for row in rows},
        {row.first_path for row in rows} | {row.path for row in rows},
    )
    for (path, origin), entry in index.own.items():
        if entry.sha256 in hashes or origin in origins:
            _remove(vault.root, path, done)
    return done


def copies_of(vault: Vault, rows: Iterable[FileRow]) -> list[bytes]:
    """The same, only named. Raises OSError."""
    vault.check()
    hashes = {row.sha256 for row in rows}
    return [
        path
        for (path, _), entry in vault.index().own.items()
        if entry.sha256 in hashes and os.path.lexists(os.path.join(vault.root, path))
    ]


def forgotten_hashes(journal: Journal) -> set[bytes]:
    """Of the files that were forgotten: what a vault or a card may not bring back by itself."""
    rows = journal.rows("SELECT sha256, path FROM files WHERE sha256 IS NOT NULL")
    return {row["sha256"] for row in rows if is_forgotten(row["path"])}


def _has(path: bytes, sha256: bytes) -> bool:
    there = hashes_at(path, os.lstat(path).st_size)
    return there is not None and there.sha256 == sha256


def _remove(root: bytes, relative: bytes, done: Forgotten) -> None:
    path = os.path.join(root, relative)
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    durable.sync_folder(os.path.dirname(path))
    done.removed.append(relative)


def _blank(journal: Journal, row: FileRow) -> int:
    """A path that says nothing but what kind of file it was, so that the row is still of that kind."""
    ending = os.path.splitext(row.path)[1]
    path = FORGOTTEN + b"/" + b"purged-%d" % row.id + ending
    state = row.state if row.state is FileState.REPLACED else FileState.VANISHED
    with journal.transaction():
        place = row.place if row.place is not Place.TRASH else row.first_place
        journal.relocate_file(
            row.id, place, path, row.key, state=state, first_path=path, first_stem=b"", reason="",
            head_sha256=None, captured_at=None, serial=None,
        )  # fmt: skip
        journal.close_capture(row.group_id)
        journal.execute("DELETE FROM troubles WHERE path = ?", row.path)
        return journal.execute(
            "UPDATE events SET path = ?, previous_path = NULL, captured_at = NULL, serial = NULL, reason = ''"
            " WHERE file_id = ?",
            path,
            row.id,
        )


def _belongs(path: bytes, name: bytes) -> bool:
    return split(path)[1].startswith(name + b".")


def _kept_by_host(session: bytes) -> Iterator[bytes]:
    for top in SESSION_FOLDERS:
        for folder, _, names in os.walk(os.path.join(session, top)):
            if HOST in os.path.relpath(folder, session).lower().split(os.sep.encode()):
                yield from (os.path.relpath(os.path.join(folder, name), session) for name in names)
