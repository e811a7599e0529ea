"""The durable memory of every file ever seen: a table of files, and numbered events that are only added to.

SQLite in WAL mode with synchronous=FULL: what a transaction committed survives a power cut. Paths are BLOBs,
relative to the session, with forward slashes. At most one live row exists for a path, and it holds the
device, inode, size and mtime_ns the file was last seen with, so that two processes that see one file record
it once.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

from hot_folder.errors import JournalBusy, JournalTooNew, JournalUnusable
from hot_folder.grouping import Address, Member
from hot_folder.names import reexport_base_of, role_of, split, stem_of
from hot_folder.records import ExposureHints, FileKey, Place, Role

_VERSION: Final = 1
_APPLICATION_ID: Final = 0x686F7466  # "hotf"

_SCHEMA: Final = """
CREATE TABLE captures (id INTEGER PRIMARY KEY AUTOINCREMENT, closed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL, place TEXT NOT NULL, path BLOB NOT NULL, folder BLOB NOT NULL,
    device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    sha256 BLOB, head_sha256 BLOB, group_id INTEGER REFERENCES captures (id),
    first_place TEXT NOT NULL, first_path BLOB NOT NULL,
    stem BLOB NOT NULL, first_stem BLOB NOT NULL, base_stem BLOB,
    captured_at TEXT, serial TEXT, reason TEXT NOT NULL DEFAULT '',
    duplicate_of INTEGER REFERENCES files (id), supersedes INTEGER REFERENCES files (id)
);
CREATE UNIQUE INDEX one_live_row_per_path ON files (path) WHERE state <> 'replaced';
CREATE INDEX files_by_folder ON files (folder);
CREATE INDEX files_by_bytes ON files (sha256);
CREATE INDEX files_by_group ON files (group_id);
CREATE INDEX files_by_stem ON files (stem);
CREATE INDEX files_by_first_stem ON files (first_stem);
CREATE INDEX files_by_base_stem ON files (base_stem) WHERE base_stem IS NOT NULL;
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at_s REAL NOT NULL, kind TEXT NOT NULL,
    file_id INTEGER NOT NULL, group_id INTEGER, place TEXT NOT NULL, path BLOB NOT NULL, previous_path BLOB,
    sha256 BLOB, size INTEGER NOT NULL, captured_at TEXT, serial TEXT, reason TEXT NOT NULL,
    supersedes INTEGER, duplicate_of INTEGER
);
"""


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
    """Another exposure took this file's name; these bytes are no longer in the session."""
    VANISHED = "vanished"
    QUARANTINED = "quarantined"
    UNSUPPORTED = "unsupported"
    """No picture format of ours: left alone, and remembered."""
    REGROUPED = "regrouped"
    """A later arrival showed that this file belongs to another capture, `group_id`."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one file, with all that is known of the file after it.

    Consume by `seq`, upsert by `file_id`: doing so twice changes nothing. at_s is Unix time by this machine's
    clock. group_id is the capture's number in this journal: stable, None for a file that is no member.
    """

    seq: int
    at_s: float
    kind: EventKind
    file_id: int
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


class Journal:
    """Open with `Journal.open`. May be shared by threads; other processes open their own."""

    def __init__(self, connection: sqlite3.Connection, wall_s: Callable[[], float]) -> None:
        self._connection = connection
        self._wall_s = wall_s
        self._lock = threading.RLock()

    @classmethod
    def open(
        cls, path: str | bytes | os.PathLike[str], *, wall_s: Callable[[], float] | None = None
    ) -> Journal:
        """Open or make the journal at `path`, on a filesystem where SQLite's WAL is safe (a local disk).

        Raises JournalUnusable, JournalTooNew, JournalBusy.
        """
        import time

        shown = os.fsdecode(path)
        try:
            connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
            _prepare(connection)
        except sqlite3.OperationalError as error:
            if _is_passing(error):
                raise JournalBusy(
                    f"the journal {shown} does not answer ({error}): it is tried again"
                ) from error
            raise JournalUnusable(
                f"the journal {shown} cannot be opened ({error}): check its folder"
            ) from error
        except sqlite3.DatabaseError as error:
            raise JournalUnusable(
                f"{shown} is no journal ({error}): restore it from a backup, or move it away"
            ) from error
        return cls(connection, wall_s or time.time)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """All or nothing, and no other process writes meanwhile. Raises JournalBusy: nothing was written."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self
                self._connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._roll_back()
                raise JournalBusy(
                    f"the journal cannot be written ({error}): check the disk; it is tried again"
                ) from error
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    # What the rest of the program reads

    def events(self, after_seq: int = 0, limit: int = 1000) -> list[Event]:
        """The next events in order; empty when there are none after `after_seq`."""
        rows = self._rows("SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?", after_seq, limit)
        return [_event(row) for row in rows]

    def last_seq(self) -> int:
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM events")[0][0])

    def live_files(self) -> list[FileRow]:
        """Every file as it is now, in order of arrival."""
        return self._files("state <> 'replaced' ORDER BY id")

    def members(self, group_id: int) -> list[FileRow]:
        """The members of a capture as they are now: no copies, nothing replaced, nothing set aside unread."""
        return self._files(
            "group_id = ? AND state <> 'replaced' AND sha256 IS NOT NULL AND duplicate_of IS NULL"
            " ORDER BY id",
            group_id,
        )

    # What intake asks

    def keys_in(self, folder: bytes) -> dict[bytes, tuple[int, int, int, int]]:
        """The files the journal believes to lie in a folder, each with the state it was last seen in."""
        rows = self._rows(
            "SELECT path, device, inode, size, mtime_ns FROM files"
            " WHERE folder = ? AND state NOT IN ('replaced', 'vanished')",
            folder,
        )
        return {path: (device, inode, size, mtime_ns) for path, device, inode, size, mtime_ns in rows}

    def key_at(self, path: bytes) -> FileKey | None:
        """The state the journal believes a path to be in, None when it believes that nothing is there."""
        row = self.at(path)
        return row.key if row is not None and row.state is not FileState.VANISHED else None

    def folders(self) -> list[bytes]:
        rows = self._rows("SELECT DISTINCT folder FROM files WHERE state NOT IN ('replaced', 'vanished')")
        return [folder for (folder,) in rows]

    def at(self, path: bytes) -> FileRow | None:
        """What a path is now, or was before it vanished."""
        return next(iter(self._files("path = ? AND state <> 'replaced'", path)), None)

    def file(self, file_id: int) -> FileRow:
        return self._files("id = ?", file_id)[0]

    def with_bytes(self, sha256: bytes) -> list[FileRow]:
        """Every file that has or had these bytes, copies apart; the ones that still have a name first."""
        return self._files("sha256 = ? AND duplicate_of IS NULL ORDER BY state = 'replaced', id", sha256)

    def duplicates_of(self, file_id: int) -> list[FileRow]:
        return self._files("duplicate_of = ? AND state = 'duplicate' ORDER BY id", file_id)

    def knows_stem(self, *stems: bytes) -> bool:
        marks = ", ".join("?" * len(stems))
        return bool(
            self._rows(
                f"SELECT 1 FROM files WHERE (stem IN ({marks}) OR first_stem IN ({marks}))"
                " AND place <> 'output' AND sha256 IS NOT NULL LIMIT 1",
                *stems,
                *stems,
            )
        )

    def near(self, row: FileRow) -> list[FileRow]:
        """Every member whose capture could be decided otherwise because of `row`."""
        name = split(row.path)[1]
        stem, base = stem_of(name), reexport_base_of(name) or stem_of(name)
        joined = (
            "state <> 'replaced' AND duplicate_of IS NULL"
            " AND group_id IN (SELECT id FROM captures WHERE NOT closed)"
        )
        return self._files(
            f"{joined} AND group_id IN (SELECT group_id FROM files WHERE state <> 'replaced' AND"
            " (stem IN (?, ?) OR first_stem IN (?, ?) OR base_stem = ?)) ORDER BY id",
            *(stem, base, stem, base, stem),
        )

    # What intake writes, inside a transaction

    def add_capture(self) -> int:
        return self._insert("captures", {"closed": False})

    def is_closed(self, group_id: int | None) -> bool:
        return bool(self._rows("SELECT 1 FROM captures WHERE id = ? AND closed", group_id))

    def close_capture(self, group_id: int) -> None:
        """Its name was taken by another exposure: it keeps its members and gets no further ones."""
        self._connection.execute("UPDATE captures SET closed = 1 WHERE id = ?", (group_id,))

    def add_file(
        self, state: FileState, place: Place, path: bytes, key: FileKey, **columns: object
    ) -> FileRow:
        """Add a row; `columns` are those of the file table (sha256, group_id, reason, ...) and hints."""
        first = {"first_place": place, "first_path": path, "first_stem": stem_of(split(path)[1])}
        values = {**first, **_located(place, path, key), "state": state, **_flat(columns)}
        return self.file(self._insert("files", values))

    def update_file(self, file_id: int, **columns: object) -> FileRow:
        values = _flat(columns)
        assignments = ", ".join(f"{name} = ?" for name in values)
        self._connection.execute(f"UPDATE files SET {assignments} WHERE id = ?", (*values.values(), file_id))
        return self.file(file_id)

    def relocate_file(
        self, file_id: int, place: Place, path: bytes, key: FileKey, **columns: object
    ) -> FileRow:
        return self.update_file(file_id, **_located(place, path, key), **columns)

    def remove_file(self, file_id: int) -> None:
        """Only for a copy whose original now lies at its path; the events keep what it was."""
        self._connection.execute("DELETE FROM files WHERE id = ?", (file_id,))

    def add_event(
        self, kind: EventKind, row: FileRow, *, previous_path: bytes | None = None, reason: str = ""
    ) -> Event:
        values = {
            "at_s": self._wall_s(),
            "kind": kind,
            "file_id": row.id,
            "group_id": row.group_id,
            "place": row.place,
            "path": row.path,
            "previous_path": previous_path,
            "sha256": row.sha256,
            "size": row.key.size,
            **_hint_columns(row.hints),
            "reason": reason or row.reason,
            "supersedes": row.supersedes,
            "duplicate_of": row.duplicate_of,
        }
        return self.events(self._insert("events", values) - 1, 1)[0]

    def _rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.OperationalError as error:
                raise JournalBusy(
                    f"the journal cannot be read ({error}): check its disk; it is tried again"
                ) from error

    def _files(self, condition: str, *values: object) -> list[FileRow]:
        return [_file(row) for row in self._rows(f"SELECT * FROM files WHERE {condition}", *values)]

    def _insert(self, table: str, values: dict[str, object]) -> int:
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"
        row_id = self._connection.execute(sql, tuple(values.values())).lastrowid
        assert row_id is not None
        return row_id


def _prepare(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalUnusable("SQLite cannot keep a write-ahead log here: put the journal on a local disk")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = 1")  # macOS: F_FULLFSYNC, a real barrier; nothing elsewhere
    connection.execute("PRAGMA foreign_keys = 1")
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise JournalTooNew(version, _VERSION)
        if version == 0:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        connection.close()
        raise


def _is_passing(error: sqlite3.OperationalError) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL"))


def _located(place: Place, path: bytes, key: FileKey) -> dict[str, object]:
    folder, name = split(path)
    location: dict[str, object] = {"place": place, "path": path, "folder": folder, "stem": stem_of(name)}
    return {**location, "base_stem": reexport_base_of(name), **key._asdict()}


def _flat(columns: dict[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in columns.items():
        if isinstance(value, ExposureHints):
            flat.update(_hint_columns(value))
        elif isinstance(value, FileKey):
            flat.update(value._asdict())
        else:
            flat[name] = value
    return flat


def _hint_columns(hints: ExposureHints) -> dict[str, object]:
    at = None if hints.captured_at is None else hints.captured_at.isoformat()
    return {"captured_at": at, "serial": hints.serial}


def _hints(captured_at: str | None, serial: str | None) -> ExposureHints:
    return ExposureHints(None if captured_at is None else datetime.fromisoformat(captured_at), serial)


def _file(row: sqlite3.Row) -> FileRow:
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


def _event(row: sqlite3.Row) -> Event:
    return Event(
        seq=row["seq"],
        at_s=row["at_s"],
        kind=EventKind(row["kind"]),
        file_id=row["file_id"],
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
