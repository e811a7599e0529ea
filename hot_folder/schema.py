"""The journal's tables, and how its file is opened so that what was committed stays."""

from __future__ import annotations

import sqlite3
from typing import Final

from hot_folder.errors import JournalTooNew, JournalUnusable

_APPLICATION_ID: Final = 0x686F7466  # "hotf"

# One entry a format, each adding to those before it; a journal of an older release is brought up to date.
_FORMATS: Final = (
    """
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
    file_id INTEGER NOT NULL, state TEXT NOT NULL,
    group_id INTEGER, place TEXT NOT NULL, path BLOB NOT NULL, previous_path BLOB,
    sha256 BLOB, size INTEGER NOT NULL, captured_at TEXT, serial TEXT, reason TEXT NOT NULL,
    supersedes INTEGER, duplicate_of INTEGER
);
""",
    """
CREATE INDEX files_by_original ON files (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE INDEX events_by_file ON events (file_id, group_id);
CREATE TABLE troubles (
    path BLOB PRIMARY KEY, reason TEXT NOT NULL, since_s REAL NOT NULL,
    tries INTEGER NOT NULL, is_urgent INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE watches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    began_seq INTEGER NOT NULL, caught_up_seq INTEGER NOT NULL, ended_seq INTEGER
);
""",
)
_VERSION: Final = len(_FORMATS)


def prepare(connection: sqlite3.Connection) -> None:
    """Set a fresh connection up and make what is not there. Raises JournalUnusable, JournalTooNew."""
    connection.row_factory = sqlite3.Row
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalUnusable("SQLite cannot keep a write-ahead log here: put the journal on a local disk")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = 1")  # what is forgotten is overwritten, too
    connection.execute("PRAGMA fullfsync = 1")  # macOS: F_FULLFSYNC, a real barrier; nothing elsewhere
    connection.execute("PRAGMA checkpoint_fullfsync = 1")
    connection.execute("PRAGMA foreign_keys = 1")
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise JournalTooNew(version, _VERSION)
        if version < _VERSION:
            for statement in ";".join(_FORMATS[version:]).split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    # A process that was killed between writing a transaction and syncing it leaves it to be read, and to be
    # lost with the power later on. A checkpoint syncs the log first.
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def is_passing(error: sqlite3.OperationalError) -> bool:
    """Whether waiting may help: somebody else holds the journal, or the disk is full."""
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL"))
