"""What may be proposed of a picture, by whose word: for a session, and for each person who is named in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from studio_pipeline.records.base import Record


class Level(StrEnum):
    """How far edits may go; ordered, the first is the strictest.

    Under ``backdrop only`` lies what exchanges the backdrop's share of an edge pixel: the person's stays.
    """

    NOTHING = "nothing"
    BACKDROP_ONLY = "backdrop only"
    BOUNDED_RETOUCH = "bounded retouch"


NO_GENERATIVE = "no generative pixels"
GENERATIVE = "generative pixels"
"""Lifts the restriction. Nothing else does."""
WORDS = (*(level.value for level in Level), NO_GENERATIVE, GENERATIVE)


class Allowed(Record):
    """A level, and beside it the restriction that no pixel may come from a generative engine."""

    level: Level = Level.BACKDROP_ONLY
    no_generative: bool = Field(False, description="Stands beside any level.")

    @property
    def said(self) -> str:
        return f"{self.level.value}, {NO_GENERATIVE}" if self.no_generative else self.level.value

    def narrowed(self, other: Allowed) -> Allowed:
        """What both allow."""
        order = list(Level)
        return Allowed(
            level=min(self.level, other.level, key=order.index),
            no_generative=self.no_generative or other.no_generative,
        )


DEFAULT = Allowed()


class Consent(Record):
    """One saying. ``subject`` is a person's name, "" the whole session; recorded with who and when."""

    subject: str = ""
    allowed: Allowed
    user: str
    host: str
    via: str
    said_at: datetime


class Held(Record):
    """What counts for one capture, and who said the strictest part of it; None: nobody, the default."""

    allowed: Allowed = DEFAULT
    said: Consent | None = None

    @property
    def why(self) -> str:
        """In a line, for people. It stays in proposals and their records, hence without the person's name."""
        if self.said is None:
            return f"consent is {self.allowed.said}, as long as nobody says more"
        of = " of a person in it" if self.said.subject else ""
        return f"consent{of} is {self.allowed.said} ({self.said.user}, {self.said.said_at:%Y-%m-%d %H:%M})"

    @property
    def key(self) -> str:
        """What decides a proposal; "" for the default, as in what was made before there was a choice."""
        return "" if self.allowed == DEFAULT else self.allowed.said


def held(people: Iterable[str], latest: Mapping[str, Consent]) -> Held:
    """What counts for a capture that shows ``people``; ``latest``: the last word by subject.

    The session's word, where somebody gave one, binds everybody. A person of whom nothing was said has the
    session's, or the default. Of several people the strictest counts.
    """
    session = latest.get("")
    found: Held | None = None
    for name in people:
        own = latest.get(name)
        found = _strictest(found, _of(own, session) if own else _of(session))
    return found or _of(session)


def _of(*said: Consent | None) -> Held:
    words = [one for one in said if one is not None]
    out: Held | None = None
    for one in words:
        out = _strictest(out, Held(allowed=one.allowed, said=one))
    return out or Held()


def _strictest(one: Held | None, other: Held) -> Held:
    if one is None:
        return other
    allowed = one.allowed.narrowed(other.allowed)
    return Held(allowed=allowed, said=one.said if allowed == one.allowed else other.said)
