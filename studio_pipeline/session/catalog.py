"""The catalog: one SQLite database of entries, decisions and deliverables.

The working process writes it; `studio approve` and its kin add a decision from beside it. Every change
gives the entry the next revision number, which is how the page and other processes notice.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from studio_pipeline.errors import Refused, TryAgain
from studio_pipeline.records.consent import Consent
from studio_pipeline.records.entry import Entry
from studio_pipeline.records.proposal import Decision, Proposal
from studio_pipeline.session import ledger

_metadata = sa.MetaData()
_entries = sa.Table(
    "entries",
    _metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("group_id", sa.Integer, unique=True, nullable=False),
    sa.Column("state", sa.String, nullable=False, index=True),
    sa.Column("revision", sa.Integer, nullable=False, index=True),
    sa.Column("doc", sa.Text, nullable=False),
)
_decisions = sa.Table(
    "decisions",
    _metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("capture_id", sa.String, nullable=False, index=True),
    sa.Column("doc", sa.Text, nullable=False),
)
_proposals = sa.Table(
    "proposals",
    _metadata,
    sa.Column("hash", sa.String, primary_key=True),
    sa.Column("doc", sa.Text, nullable=False),
)
_gone = sa.Table(
    "gone",
    _metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
)
_facts = sa.Table(
    "facts", _metadata, sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.Integer)
)
_log = ledger.table(_metadata)
# 2: entries may say what was asked by hand. 3: consent, and the log. What older ones wrote is read as it is.
SCHEMA_VERSION = 3
_BUSY_TIMEOUT_S = 30.0
_SUBJECT = "subject "  # before a name, so that none is taken for a capture's id


class Catalog:
    """Thread-safe. Every method is one transaction.

    Raises TryAgain while the database is busy or its disk full, Refused where it is damaged or of a newer
    release.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # By bytes and without a URL: a folder may be called anything.
        open_file = partial(
            sqlite3.connect, os.fsencode(path), timeout=_BUSY_TIMEOUT_S, check_same_thread=False
        )
        self._engine = sa.create_engine("sqlite://", creator=open_file, poolclass=sa.QueuePool)

        @sa.event.listens_for(self._engine, "connect")
        def _durable(connection: Any, _: object) -> None:
            connection.isolation_level = None  # SQLAlchemy's "begin" below takes the write lock at once
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA secure_delete=ON")  # what is forgotten is overwritten, too
            connection.execute("PRAGMA fullfsync=1")  # macOS: F_FULLFSYNC, a real barrier; nothing elsewhere
            connection.execute("PRAGMA checkpoint_fullfsync=1")

        with self._write() as connection:
            (found,) = connection.exec_driver_sql("PRAGMA user_version").one()
            if found > SCHEMA_VERSION:
                raise Refused(f"{path} was written by a newer studio-pipeline; update this one")
            _metadata.create_all(connection)
            if 0 < found < 3:
                for row in connection.execute(sa.select(_decisions).order_by(_decisions.c.seq)).all():
                    ledger.append(connection, _log, "decision", row.capture_id, row.doc)
            connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with self._read() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except sa.exc.OperationalError as error:
            raise TryAgain(f"the catalog is busy or the disk is full: {error.orig}") from error
        except sa.exc.DatabaseError as error:
            raise Refused(f"the catalog {self._path} is damaged ({error.orig}); restore it") from error

    def entries(self) -> list[Entry]:
        """All of them, in the order they arrived."""
        return self._select(sa.select(_entries.c.doc, _entries.c.revision).order_by(_entries.c.group_id))

    def entry(self, capture_id: str) -> Entry | None:
        found = self._select(
            sa.select(_entries.c.doc, _entries.c.revision).where(_entries.c.id == capture_id)
        )
        return found[0] if found else None

    def of_group(self, group: int) -> Entry | None:
        query = sa.select(_entries.c.doc, _entries.c.revision).where(_entries.c.group_id == group)
        found = self._select(query)
        return found[0] if found else None

    def counts(self) -> dict[str, int]:
        """How many entries are in each state, without reading them."""
        query = sa.select(_entries.c.state, sa.func.count()).group_by(_entries.c.state)
        with self._read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def newest(self) -> Entry | None:
        """The entry that arrived last."""
        query = sa.select(_entries.c.doc, _entries.c.revision).order_by(_entries.c.group_id.desc()).limit(1)
        found = self._select(query)
        return found[0] if found else None

    def changed_since(self, revision: int) -> tuple[int, list[str]]:
        """The newest revision, and the ids of entries that changed, or are gone, after ``revision``."""
        here = sa.select(_entries.c.id, _entries.c.revision).where(_entries.c.revision > revision)
        gone = sa.select(_gone.c.id, _gone.c.revision).where(_gone.c.revision > revision)
        with self._read() as connection:
            rows = connection.execute(sa.union_all(here, gone).order_by("revision")).all()
        return (rows[-1].revision if rows else revision), [row.id for row in rows]

    def put(self, entry: Entry, *, replaces: str | None = None) -> Entry:
        """Insert or overwrite. ``replaces``: the id it had before a RAW joined and became its primary."""
        with self._write() as connection:
            if replaces is not None and replaces != entry.id:
                self._drop(connection, replaces)
                moved = _decisions.update().where(_decisions.c.capture_id == replaces)
                connection.execute(moved.values(capture_id=entry.id))
                connection.execute(_log.update().where(_log.c.about == replaces).values(about=entry.id))
            return self._store(connection, entry)

    def remove(self, capture_id: str) -> None:
        """Its files turned out to belong to another capture; decisions stay recorded."""
        with self._write() as connection:
            self._drop(connection, capture_id)

    def update_seen(self, seen: Entry, **changes: Any) -> Entry | None:
        """Change an entry only if it is still as it was ``seen``; None when somebody was quicker."""
        with self._write() as connection:
            if self._revision(connection, seen.id) != seen.revision:
                return None
            return self._store(connection, seen.model_copy(update=changes))

    def update(self, capture_id: str, **changes: Any) -> Entry:
        """Change fields of one entry. Raises Refused when there is no such capture."""
        with self._write() as connection:
            return self._store(connection, self._get(connection, capture_id).model_copy(update=changes))

    def decide(self, decision: Decision, seen: Entry, **changes: Any) -> Entry:
        """Record a decision about the entry as it was ``seen``, and what follows from it, together.

        Raises Refused when what it was decided on has changed meanwhile.
        """
        with self._write() as connection:
            entry = self._get(connection, decision.capture_id)
            if (entry.state, entry.proposal_hash) != (seen.state, seen.proposal_hash):
                raise Refused(f"{seen.name} has changed meanwhile; look at it again")
            doc = decision.model_dump_json()
            connection.execute(_decisions.insert().values(capture_id=decision.capture_id, doc=doc))
            ledger.append(connection, _log, "decision", decision.capture_id, doc)
            return self._store(connection, entry.model_copy(update=changes))

    def keep_proposal(self, proposal: Proposal) -> str:
        """Store a proposal in full, once; returns its hash. Old ones stay until somebody is forgotten."""
        key = proposal.shown_hash()
        with self._write() as connection:
            row = {"hash": key, "doc": proposal.model_dump_json()}
            connection.execute(_proposals.insert().prefix_with("OR IGNORE").values(**row))
        return key

    def proposal(self, key: str) -> Proposal:
        with self._read() as connection:
            doc = connection.scalar(sa.select(_proposals.c.doc).where(_proposals.c.hash == key))
        if doc is None:
            raise Refused(f"proposal {key[:12]} is not in this session")
        return Proposal.model_validate_json(doc)

    def decisions(self, capture_id: str) -> list[Decision]:
        query = sa.select(_decisions.c.doc).where(_decisions.c.capture_id == capture_id)
        with self._read() as connection:
            rows = connection.execute(query.order_by(_decisions.c.seq)).all()
        return [Decision.model_validate_json(row.doc) for row in rows]

    def say_consent(self, consent: Consent) -> None:
        """Record what may be proposed; the last word of each subject counts."""
        with self._write() as connection:
            about = _SUBJECT + consent.subject
            ledger.append(connection, _log, "consent", about, consent.model_dump_json())

    def consents(self) -> list[Consent]:
        """Every word on consent that was not blanked, in order."""
        query = sa.select(_log.c.doc).where(_log.c.kind == "consent", _log.c.doc.is_not(None))
        with self._read() as connection:
            rows = connection.execute(query.order_by(_log.c.seq)).all()
        return [Consent.model_validate_json(row.doc) for row in rows]

    def consent_by_subject(self) -> dict[str, Consent]:
        """The last word by subject, "" being the session."""
        return {consent.subject: consent for consent in self.consents()}

    def check_log(self) -> ledger.Checked:
        with self._read() as connection:
            return ledger.check(connection, _log)

    def blank(self, captures: list[Entry], subject: str) -> int:
        """Blank all that was said of captures, under all their ids, and of a subject; drop old proposals.

        ``captures`` are stored as they are given. What was said of a subject whom another one shows stays,
        for it counts there. Returns how many entries of the log were blanked; once more does nothing more.
        """
        ids = {one for entry in captures for one in (entry.id, *entry.lineage)}
        with self._write() as connection:
            for entry in captures:
                self._store(connection, entry)
            kept = self._entries(connection)
            self._drop_old_proposals(connection, kept)
            connection.execute(_decisions.delete().where(_decisions.c.capture_id.in_(ids)))
            is_shown = any(subject in entry.people for entry in kept)
            return ledger.blank(connection, _log, [*ids, *([] if is_shown else [_SUBJECT + subject])])

    def _entries(self, connection: sa.Connection) -> list[Entry]:
        return [Entry.model_validate_json(row.doc) for row in connection.execute(sa.select(_entries.c.doc))]

    def _drop_old_proposals(self, connection: sa.Connection, entries: list[Entry]) -> None:
        """All that no entry stands by: an earlier one may be of somebody, or name them."""
        held = {key for one in entries for key in (one.proposal_hash, one.approved_hash)}
        held |= {delivered.shown_hash for one in entries for delivered in one.delivered}
        for key in connection.scalars(sa.select(_proposals.c.hash)).all():
            if key not in held:
                connection.execute(_proposals.delete().where(_proposals.c.hash == key))

    def note(self, kind: str, doc: str) -> None:
        """Add an entry to the log that is about nobody."""
        with self._write() as connection:
            ledger.append(connection, _log, kind, "", doc)

    def compact(self) -> None:
        """Leave nothing of what was removed in the database's free pages and its write-ahead log.

        Raises TryAgain while another program reads: the log keeps what it may still look at.
        """
        with self._read() as connection:
            connection.exec_driver_sql("VACUUM")
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        if busy:
            raise TryAgain("another program has the catalog open: close it, and try again")

    def fact(self, name: str) -> int:
        with self._read() as connection:
            value = connection.scalar(sa.select(_facts.c.value).where(_facts.c.name == name))
        return int(value or 0)

    def set_fact(self, name: str, value: int) -> None:
        with self._write() as connection:
            connection.execute(_facts.delete().where(_facts.c.name == name))
            connection.execute(_facts.insert().values(name=name, value=value))

    def _select(self, query: sa.Select[Any]) -> list[Entry]:
        with self._read() as connection:
            rows = connection.execute(query).all()
        return [
            Entry.model_validate_json(row.doc).model_copy(update={"revision": row.revision}) for row in rows
        ]

    def _get(self, connection: sa.Connection, capture_id: str) -> Entry:
        doc = connection.scalar(sa.select(_entries.c.doc).where(_entries.c.id == capture_id))
        if doc is None:
            raise Refused(f"no capture {capture_id[:12]} in this session")
        return Entry.model_validate_json(doc)

    def _drop(self, connection: sa.Connection, capture_id: str) -> None:
        revision = self._next_revision(connection)
        connection.execute(_entries.delete().where(_entries.c.id == capture_id))
        connection.execute(_gone.delete().where(_gone.c.id == capture_id))
        connection.execute(_gone.insert().values(id=capture_id, revision=revision))

    def _revision(self, connection: sa.Connection, capture_id: str) -> int | None:
        return connection.scalar(sa.select(_entries.c.revision).where(_entries.c.id == capture_id))

    def _next_revision(self, connection: sa.Connection) -> int:
        """Numbers only go up, or who has seen one would miss the next."""
        newest = (connection.scalar(sa.select(sa.func.max(t.c.revision))) or 0 for t in (_entries, _gone))
        return max(newest) + 1

    def _store(self, connection: sa.Connection, entry: Entry) -> Entry:
        entry = entry.model_copy(update={"revision": self._next_revision(connection)})
        connection.execute(_gone.delete().where(_gone.c.id == entry.id))
        row = {
            "id": entry.id,
            "group_id": entry.group,
            "state": entry.state.value,
            "revision": entry.revision,
            "doc": json.dumps(entry.model_dump(mode="json")),
        }
        # Replace by id or by group: a rekeyed entry must not leave its old row behind.
        connection.execute(
            _entries.delete().where((_entries.c.id == entry.id) | (_entries.c.group_id == entry.group))
        )
        connection.execute(_entries.insert().values(**row))
        return entry
