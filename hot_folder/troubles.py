"""What keeps intake from its work right now, kept in the journal so that other programs can say it too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hot_folder.journal import Journal
from hot_folder.report import Problem


@dataclass(frozen=True, slots=True)
class Trouble:
    """A problem that lasts. since_s is Unix time by this machine's clock."""

    path: bytes
    reason: str
    since_s: float
    tries: int
    is_urgent: bool


def troubles(journal: Journal) -> list[Trouble]:
    """All that lasts, oldest first."""
    rows = journal.rows("SELECT * FROM troubles ORDER BY since_s, path")
    return [Trouble(**dict(row) | {"is_urgent": bool(row["is_urgent"])}) for row in rows]


class Troubles:
    """Writes them down when they change."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._noted: frozenset[Problem] | None = None

    def note(self, problems: Iterable[Problem], now_s: float) -> None:
        """problems: all that there are. Raises JournalBusy; then they are noted the next time."""
        current = frozenset(problems)
        if current == self._noted:
            return
        with self._journal.transaction() as journal:
            for gone in {trouble.path for trouble in troubles(journal)} - {one.path for one in current}:
                journal.execute("DELETE FROM troubles WHERE path = ?", gone)
            for one in current:
                journal.execute(
                    "INSERT INTO troubles (path, reason, since_s, tries, is_urgent) VALUES (?, ?, ?, ?, ?)"
                    " ON CONFLICT (path) DO UPDATE SET reason = excluded.reason, tries = excluded.tries",
                    *(one.path, one.reason, now_s, one.tries, one.is_urgent),
                )
        self._noted = current
