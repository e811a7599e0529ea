"""A capture is forgotten on request: its files are removed, and the journal keeps no name of them.

Rows and events stay, blanked, so that numbers go on and the same bytes are known should they come again.
Nobody may be at work on the session meanwhile. Doing it twice changes nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from hot_folder import durable
from hot_folder.copying import hashes_at
from hot_folder.errors import JournalBusy
from hot_folder.events import FileRow, FileState, file_of
from hot_folder.host import HOST, is_settings
from hot_folder.journal import Journal
from hot_folder.names import split
from hot_folder.records import FileKey, Place
from hot_folder.vault import Vault, only_newest_counts

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
    """Every row of these captures, by their numbers: present, gone, replaced and forgotten, and copies."""
    found: dict[int, FileRow] = {}
    for group in groups:
        sql = (
            "SELECT * FROM files WHERE group_id = ?1"
            " OR duplicate_of IN (SELECT id FROM files WHERE group_id = ?1) ORDER BY id"
        )
        found |= {row["id"]: file_of(row) for row in journal.rows(sql, group)}
    return list(found.values())


def changed_since(session: bytes, rows: Iterable[FileRow]) -> list[bytes]:
    """Files that were written since intake looked: whether they are of the same exposure, it has to say."""
    changed = []
    for row in rows:
        if row.state in (FileState.PRESENT, FileState.DUPLICATE):
            try:
                status = os.lstat(os.path.join(session, row.path))
            except (FileNotFoundError, NotADirectoryError):
                continue
            if (status.st_size, status.st_mtime_ns) != (row.key.size, row.key.mtime_ns):
                changed.append(row.path)
    return changed


def settings_beside(session: bytes, journal: Journal, rows: Iterable[FileRow]) -> list[bytes]:
    """What the tethering program keeps of these files beside them: settings, thumbnails, proxies.

    Matched by name, and only in its folders that stand where the file lies, or first lay: another folder's
    file of that name is another picture.
    """
    places = _places(journal, rows)
    folders = {split(place)[0] for place in places}
    return [
        path
        for folder in folders
        for path in _kept_by_host(session, folder)
        if _owner(path, places) is not None
    ]


def forget(session: bytes, journal: Journal, rows: Iterable[FileRow]) -> Forgotten:
    """Remove the files that have the row's bytes under the row's path, then what the journal says of all.

    Settings beside them go by their names, as in ``settings_beside``. Raises OSError where one cannot be
    removed, JournalBusy while another program reads the journal; the next call goes on.
    """
    done, rows = Forgotten(), list(rows)
    places = _places(journal, rows)
    for path in settings_beside(session, journal, rows):
        if is_settings(path):
            _remember(journal, session, path, path, _owner(path, places))
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
    _compact(journal)
    return done


def forget_copies(vault: Vault, journal: Journal, rows: Iterable[FileRow]) -> Forgotten:
    """Remove what ``copies_of`` names, but what another session or another file here has its only copy in.

    The vault's lists, being chained, go on naming them. Raises OSError when its drive is not there, or
    refuses.
    """
    done, rows = Forgotten(), list(rows)
    places = _places(journal, rows)
    for path, (origin, shared) in _copies(vault, journal, rows).items():
        if shared:
            done.left.append((path, shared))
        else:
            if is_settings(origin):
                _remember(journal, vault.root, path, origin, _owner(origin, places))
            _remove(vault.root, path, done)
    return done


def copies_of(vault: Vault, journal: Journal, rows: Iterable[FileRow]) -> list[bytes]:
    """What lies in a vault of these files: copies that this session listed, by origin and bytes.

    That is: of a row's bytes and from the row's path; of a row's bytes from anywhere, where no other file
    of the session has them; of settings, whatever version, as ``settings_beside``. Raises OSError.
    """
    return list(_copies(vault, journal, rows))


@dataclass(frozen=True)
class Purged:
    """The files that were forgotten: what a vault or a card may not bring back by itself.

    Settings are known by the path they had, too: another picture's may have the very same bytes.
    """

    hashes: frozenset[bytes]
    names: frozenset[bytes]

    def has(self, origin: bytes, sha256: bytes | None) -> bool:
        if sha256 is not None and is_settings(origin):
            return _name_of_settings(origin, sha256) in self.names
        return sha256 in self.hashes


def purged(journal: Journal) -> Purged:
    rows = journal.rows("SELECT sha256, path FROM files WHERE sha256 IS NOT NULL")
    return _purged((row["path"], row["sha256"]) for row in rows)


def _purged(rows: Iterable[tuple[bytes, bytes | None]]) -> Purged:
    gone = [(path, sha256) for path, sha256 in rows if is_forgotten(path) and sha256 is not None]
    return Purged(frozenset(sha256 for _, sha256 in gone), frozenset(path for path, _ in gone))


def _copies(vault: Vault, journal: Journal, rows: Iterable[FileRow]) -> dict[bytes, tuple[bytes, str]]:
    """Paths in the vault, each with its origin and the reason why it may not go, "" for none."""
    vault.check()
    rows, index = list(rows), vault.index()
    going = {row.id for row in rows}
    own = {(path, row.sha256) for row in rows for path in (row.first_path, row.path)}
    places, hashes = _places(journal, rows), {sha256 for _, sha256 in own}
    before = _purged((row.path, row.sha256) for row in rows)
    found: dict[bytes, tuple[bytes, str]] = {}
    for (path, origin), entry in index.own.items():
        is_setting = _owner(origin, places) is not None
        if is_settings(origin) and not is_setting:
            is_setting = before.has(origin, entry.sha256)
            if not is_setting:
                continue
        if not is_setting and entry.sha256 not in hashes:
            continue
        has_others = not is_setting and _others_have(journal, entry.sha256, going)
        if has_others and (origin, entry.sha256) not in own:
            continue
        if not os.path.lexists(os.path.join(vault.root, path)):
            continue
        if has_others and not only_newest_counts(origin):  # a picture's bytes are kept once, for all names
            found[path] = (origin, "another file of this session has the same bytes")
        else:
            shared = "another session lists it, too" if path in index.others else ""
            found[path] = (origin, shared)
    return found


def _others_have(journal: Journal, sha256: bytes | None, going: set[int]) -> bool:
    rows = journal.with_bytes(sha256) if sha256 is not None else []
    return any(row.id not in going and not is_forgotten(row.path) for row in rows)


def _has(path: bytes, sha256: bytes) -> bool:
    there = hashes_at(path, os.lstat(path).st_size)
    return there is not None and there.sha256 == sha256


def _remember(journal: Journal, root: bytes, path: bytes, origin: bytes, group: int | None) -> None:
    """Settings have no row of their own; by one without a name a vault knows not to bring them back, and a
    later purge of the capture, which are its.
    """
    path = os.path.join(root, path)
    key = FileKey.of(os.lstat(path))
    there = hashes_at(path, key.size)
    if there is not None:
        name = _name_of_settings(origin, there.sha256)
        with journal.transaction():
            if journal.at(name) is None:
                columns = {"sha256": there.sha256, "group_id": group or None}
                journal.add_file(FileState.VANISHED, Place.CAPTURE, name, key, **columns)


def _name_of_settings(origin: bytes, sha256: bytes) -> bytes:
    """What stands for settings that were forgotten: it says neither where they were nor whose."""
    digest = hashlib.sha256(origin + b"\0" + sha256).hexdigest()
    return FORGOTTEN + b"/settings-" + digest.encode() + os.path.splitext(origin)[1]


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


def _compact(journal: Journal) -> None:
    """Leave nothing of what was blanked in the database's free pages and its write-ahead log."""
    journal.rows("VACUUM")
    if journal.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]:
        raise JournalBusy("another program has the journal open: close it, and try again")


def _places(journal: Journal, rows: Iterable[FileRow]) -> dict[bytes, int]:
    """Where these files lie or first lay, with their capture, unless another file has that name by now."""
    rows = list(rows)
    going = {row.id for row in rows}
    paths = {path: row.group_id or 0 for row in rows for path in (row.path, row.first_path)}
    return {
        path: group
        for path, group in paths.items()
        if not is_forgotten(path) and ((at := journal.at(path)) is None or at.id in going)
    }


def _owner(path: bytes, places: dict[bytes, int]) -> int | None:
    """The capture of the file beside whose folder the tethering program has this, named after it; or None."""
    *folders, name = path.split(b"/")
    hosts = [index for index, folder in enumerate(folders) if folder.lower() == HOST]
    if not hosts:
        return None
    beside = b"".join(folder + b"/" for folder in folders[: hosts[0]])
    dots = [index for index, byte in enumerate(name) if byte == ord(".")]
    return next((places[one] for dot in dots if (one := beside + name[:dot]) in places), None)


def _kept_by_host(session: bytes, folder: bytes) -> Iterator[bytes]:
    """The files in its own folders that stand in ``folder``."""
    try:
        names = os.listdir(os.path.join(session, folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for host in (name for name in names if name.lower() == HOST):
        for below, _, files in os.walk(os.path.join(session, folder, host)):
            inside = os.path.relpath(below, session).replace(os.sep.encode(), b"/")
            yield from (inside + b"/" + name for name in files)
