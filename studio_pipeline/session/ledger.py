"""The log of what people said: numbered, each entry chained to the one before, and blanked but never removed.

An entry keeps the SHA-256 of its text. The chain goes over those, so that it holds when a text is blanked.
Who can write the database can write another chain: it shows mistakes and lost entries, not that person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

_START = "studio log 1"


def table(metadata: sa.MetaData) -> sa.Table:
    """``about`` names a capture or a subject; ``doc`` is None where it was blanked."""
    return sa.Table(
        "log",
        metadata,
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("about", sa.String, nullable=False, index=True),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("link", sa.String, nullable=False),
        sa.Column("doc", sa.Text),
    )


@dataclass(frozen=True)
class Checked:
    """``broken``: what is wrong, a line each; empty where the chain holds."""

    entries: int
    blanked: int
    broken: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """In a line, for people."""
        whole = "the chain holds" if not self.broken else "; ".join(self.broken)
        blanked = f", {self.blanked} of them blanked" if self.blanked else ""
        return f"log of {self.entries} {'entry' if self.entries == 1 else 'entries'}{blanked}: {whole}"


def append(connection: sa.Connection, log: sa.Table, kind: str, about: str, doc: str) -> None:
    """Inside a transaction that writes."""
    last = connection.execute(sa.select(log.c.link).order_by(log.c.seq.desc()).limit(1)).scalar()
    digest = _sha256(doc)
    row = {
        "kind": kind,
        "about": about,
        "digest": digest,
        "link": _link(last or _START, kind, digest),
        "doc": doc,
    }
    connection.execute(log.insert().values(**row))


def blank(connection: sa.Connection, log: sa.Table, about: Collection[str]) -> int:
    """Remove the texts of all that is about these, and the word for what they are about; returns how many."""
    found = log.update().where(log.c.about.in_(list(about)), log.c.doc.is_not(None))
    return connection.execute(found.values(doc=None, about="")).rowcount


def check(connection: sa.Connection, log: sa.Table) -> Checked:
    """Every text against its hash, every hash against the chain."""
    broken, link, expected_seq, blanked = [], _START, 1, 0
    rows = connection.execute(sa.select(log).order_by(log.c.seq)).all()
    for row in rows:
        link = _link(link, row.kind, row.digest)
        if row.seq != expected_seq or row.link != link:
            broken.append(f"entry {row.seq} does not follow from the one before it")
            link = row.link
        if row.doc is None:
            blanked += 1
        elif _sha256(row.doc) != row.digest:
            broken.append(f"entry {row.seq} was edited")
        expected_seq = row.seq + 1
    return Checked(len(rows), blanked, tuple(broken))


def _link(before: str, kind: str, digest: str) -> str:
    return _sha256(f"{before} {kind} {digest}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
