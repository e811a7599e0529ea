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
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from hot_folder.errors import JournalBusy, JournalUnusable
from hot_folder.events import Event, EventKind, FileRow, FileState, event_of, file_of
from hot_folder.names import reexport_base_of, split, stem_of
from hot_folder.records import ExposureHints, FileKey, Place
from hot_folder.schema import is_passing, prepare

_TRANSACTION: Final = ("BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",))
_SAVEPOINT: Final = ("SAVEPOINT inner", "RELEASE inner", ("ROLLBACK TO inner", "RELEASE inner"))


class Journal:
    """Open with `Journal.open`. May be shared by threads; other processes open their own."""

    def __init__(self, connection: sqlite3.Connection, wall_s: Callable[[], float]) -> None:
        self._connection = connection
        self._wall_s = wall_s
        self._lock = threading.RLock()

    @classmethod
    def open(
        cls, path: str | bytes | os.PathLike[str], *, wall_s: Callable[[], float] = time.time
    ) -> Journal:
        """Open or make the journal at `path`, on a filesystem where SQLite's WAL is safe (a local disk).

        Raises JournalUnusable, JournalTooNew, JournalBusy.
        """
        shown = os.fsdecode(path)
        connection = None
        try:
            connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
            prepare(connection)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.OperationalError) and is_passing(error):
                raise JournalBusy(
                    f"the journal {shown} does not answer ({error}): it is tried again"
                ) from error
            if isinstance(error, sqlite3.OperationalError):
                raise JournalUnusable(
                    f"the journal {shown} cannot be opened ({error}): check its folder"
                ) from error
            if isinstance(error, sqlite3.DatabaseError):
                raise _damaged(shown, error) from error
            raise
        return cls(connection, wall_s)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """All or nothing, and no other process writes meanwhile. Raises JournalBusy: nothing was written.

        One inside another is all or nothing for itself, and lasts when the outer one does: many small ones
        then cost the disk one barrier.
        """
        with self._lock:
            inner = self._connection.in_transaction
            begin, end, undo = _SAVEPOINT if inner else _TRANSACTION
            try:
                self._connection.execute(begin)
                yield self
                self._connection.execute(end)
            except sqlite3.DatabaseError as error:
                self._roll_back(undo)
                _raise_known("written", error)
                raise
            except BaseException:
                self._roll_back(undo)
                raise

    def _roll_back(self, undo: tuple[str, ...]) -> None:
        for statement in undo:
            if self._connection.in_transaction:
                self._connection.execute(statement)

    # What the rest of the program reads

    def events(self, after_seq: int = 0, limit: int = 1000) -> list[Event]:
        """The next events in order; empty when there are none after `after_seq`."""
        rows = self.rows("SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?", after_seq, limit)
        return [event_of(row) for row in rows]

    def last_seq(self) -> int:
        return int(self.rows("SELECT coalesce(max(seq), 0) FROM events")[0][0])

    def live_files(self) -> list[FileRow]:
        """Every file as it is now, in order of arrival."""
        return self._files("state <> 'replaced' ORDER BY id")

    def unsupported(self) -> list[FileRow]:
        """The files that are no pictures of ours, in order of arrival."""
        return self._files("state = 'unsupported' ORDER BY id")

    def members(self, group_id: int | None) -> list[FileRow]:
        """The members of a capture as they are now: no copies, nothing replaced, nothing set aside unread."""
        return self._files(
            "group_id = ? AND state <> 'replaced' AND sha256 IS NOT NULL AND duplicate_of IS NULL"
            " ORDER BY id",
            group_id,
        )

    def overwritten(self) -> list[FileRow]:
        """The files whose name another file took, in order of arrival; not those that merely changed."""
        return self._files(
            "state = 'replaced' AND sha256 IS NOT NULL AND duplicate_of IS NULL"
            " AND id NOT IN (SELECT supersedes FROM files WHERE supersedes IS NOT NULL) ORDER BY id"
        )

    def has_overwritten(self, group_id: int) -> bool:
        """Whether a capture without members had one whose name another file took."""
        sql = "SELECT 1 FROM files WHERE group_id = ? AND state = 'replaced' AND duplicate_of IS NULL"
        return bool(self.rows(sql, group_id))

    def groups_of(self, file_id: int) -> list[int]:
        """Every capture that a file belongs to or once belonged to."""
        rows = self.rows("SELECT DISTINCT group_id FROM events WHERE file_id = ?", file_id)
        return [group_id for (group_id,) in rows if group_id is not None]

    # What intake asks

    def keys_in(self, folder: bytes) -> dict[bytes, tuple[int, int, int, int]]:
        """The files the journal believes to lie in a folder, each with the state it was last seen in."""
        rows = self.rows(
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
        rows = self.rows("SELECT DISTINCT folder FROM files WHERE state NOT IN ('replaced', 'vanished')")
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
            self.rows(
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
        return self._files(
            "group_id IN (SELECT group_id FROM files"
            " WHERE stem IN (?, ?) OR first_stem IN (?, ?) OR base_stem = ?)"
            " AND state <> 'replaced' AND duplicate_of IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM captures WHERE id = files.group_id AND closed) ORDER BY id",
            *(stem, base, stem, base, stem),
        )

    # What intake writes, inside a transaction

    def add_capture(self) -> int:
        return self._insert("captures", {"closed": False})

    def is_closed(self, group_id: int | None) -> bool:
        return bool(self.rows("SELECT 1 FROM captures WHERE id = ? AND closed", group_id))

    def close_capture(self, group_id: int | None) -> None:
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

    def add_event(
        self, kind: EventKind, row: FileRow, *, previous_path: bytes | None = None, reason: str = ""
    ) -> Event:
        values = {
            "at_s": self._wall_s(),
            "kind": kind,
            "file_id": row.id,
            "state": row.state,
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

    def renumber(self, paths: Iterable[bytes], device: int) -> None:
        """The drive of these files got another number; they are in the state they were last seen in."""
        with self.transaction():
            for path in paths:
                self._connection.execute(
                    "UPDATE files SET device = ? WHERE path = ? AND state <> 'replaced'", (device, path)
                )

    def quarantined(self) -> list[FileRow]:
        """What is set aside, in order of arrival."""
        return self._files("state = 'quarantined' ORDER BY id")

    def take_up_again(self, file_ids: Iterable[int]) -> None:
        """Forget in which state these files were judged, so that the next scan has them judged anew."""
        with self.transaction():
            for file_id in file_ids:
                self._connection.execute("UPDATE files SET size = -1 WHERE id = ?", (file_id,))

    def execute(self, sql: str, *values: object) -> int:
        """One statement of a neighbour with a table of its own here; returns how many rows it changed."""
        return self._connection.execute(sql, values).rowcount

    # What both are made of

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.DatabaseError as error:
                _raise_known("read", error)
                raise

    def _files(self, condition: str, *values: object) -> list[FileRow]:
        return [file_of(row) for row in self.rows(f"SELECT * FROM files WHERE {condition}", *values)]

    def _insert(self, table: str, values: dict[str, object]) -> int:
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"
        row_id = self._connection.execute(sql, tuple(values.values())).lastrowid
        assert row_id is not None
        return row_id


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


def _raise_known(what: str, error: sqlite3.DatabaseError) -> None:
    """What may pass, and what is damaged. Anything else is a fault of this program, and stays what it is."""
    if isinstance(error, sqlite3.OperationalError):
        text = f"the journal cannot be {what} ({error}): check its disk; it is tried again"
        raise JournalBusy(text) from error
    if type(error) is sqlite3.DatabaseError:
        text = f"the journal is damaged ({error}): restore it from a backup, or move it away"
        raise JournalUnusable(text) from error


def _damaged(shown: str, error: sqlite3.DatabaseError) -> JournalUnusable:
    return JournalUnusable(f"{shown} is no journal ({error}): restore it from a backup, or move it away")
