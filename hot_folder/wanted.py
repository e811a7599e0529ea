"""What belongs into the vault: the journal's originals, and what intake does not read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from hot_folder.events import FileRow, FileState
from hot_folder.host import is_settings, settings_of
from hot_folder.journal import Journal
from hot_folder.records import Place
from hot_folder.vault import Vault, Wanted

_LOOK_INTERVAL_S: Final = 30.0
_STILL_S: Final = 10.0
_VERSION_INTERVAL_S: Final = 300.0
"""Settings change with every slider: how often at most a version of one file is kept."""
_THERE: Final = (FileState.PRESENT, FileState.DUPLICATE, FileState.QUARANTINED)


@dataclass(slots=True)
class Waiting:
    """A file that is not known to be in the vault. Times are on the keeper's monotonic clock."""

    wanted: Wanted
    since_s: float
    due_s: float
    why: str | None = None


def is_original(row: FileRow) -> bool:
    """A file of the camera that was read whole and still lies in the session, culled to Selects or not."""
    return row.sha256 is not None and Place.CAPTURE in (row.place, row.first_place) and row.state in _THERE


def is_other(row: FileRow) -> bool:
    """A file that is no picture, such as a video."""
    return row.state is FileState.UNSUPPORTED and Place.CAPTURE in (row.place, row.first_place)


def wanted_of(row: FileRow) -> Wanted:
    sha256 = None if row.state is FileState.UNSUPPORTED else row.sha256
    return Wanted(row.path, row.first_path, row.key.size, row.key.mtime_ns, sha256)


def wanted_rows(journal: Journal) -> Iterator[Wanted]:
    """Every file of the journal that belongs into the vault."""
    yield from map(wanted_of, filter(is_original, journal.live_files()))
    yield from map(wanted_of, filter(is_other, journal.unsupported()))


def missing(journal: Journal, vault: Vault) -> list[Wanted]:
    """What the vault does not hold of that. Raises OSError (the vault's drive), JournalBusy."""
    return [wanted for wanted in wanted_rows(journal) if not vault.holds(wanted)]


class Unhashed:
    """Finds what intake does not read: files that are no pictures, and the tethering program's settings.

    The journal has no events of their changes, so they are looked at now and then.
    """

    def __init__(
        self,
        session: bytes,
        journal: Journal,
        monotonic_s: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._journal = journal
        self._monotonic_s = monotonic_s
        self._wall_s = wall_s
        self._look_at_s = float("-inf")
        self._kept: dict[bytes, tuple[int, int, float]] = {}
        """Size and time of the version that the vault has, and when it was kept."""

    def look(self, before: dict[int | bytes, Waiting]) -> dict[int | bytes, Waiting]:
        """What waits now; `before` is what waited at the last look."""
        now_s = self._monotonic_s()
        if now_s < self._look_at_s:
            return before
        self._look_at_s = now_s + _LOOK_INTERVAL_S
        waiting: dict[int | bytes, Waiting] = {}
        for wanted in self._found():
            known = before.get(wanted.origin)
            if known is not None and known.wanted == wanted:
                waiting[wanted.origin] = known
            elif self._kept.get(wanted.origin, ())[:2] != (wanted.size, wanted.mtime_ns):
                waiting[wanted.origin] = Waiting(wanted, now_s, self._due_s(wanted, now_s))
        return waiting

    def look_at_once(self) -> None:
        self._look_at_s = float("-inf")

    def forget(self) -> None:
        """Ask for everything anew."""
        self._kept = {}
        self.look_at_once()

    def is_kept(self, wanted: Wanted) -> None:
        self._kept[wanted.origin] = (wanted.size, wanted.mtime_ns, self._monotonic_s())

    def _found(self) -> Iterator[Wanted]:
        yield from map(wanted_of, filter(is_other, self._journal.unsupported()))
        for found in settings_of(self._session):
            yield Wanted(found.path, found.path, found.key.size, found.key.mtime_ns, None)

    def _due_s(self, wanted: Wanted, now_s: float) -> float:
        """When it has been still for long enough, and its last version is old enough."""
        age_s = self._wall_s() - wanted.mtime_ns / 1e9
        still_s = now_s if age_s >= _STILL_S else now_s + _STILL_S
        if wanted.origin not in self._kept or not is_settings(wanted.origin):
            return still_s
        return max(still_s, self._kept[wanted.origin][2] + _VERSION_INTERVAL_S)
