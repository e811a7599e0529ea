"""The one gate: is this file whole, and what is it? Judges a waiting file and takes in what has settled."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from hot_folder.accession import Arrival, account_for, set_aside
from hot_folder.containers import inspect
from hot_folder.containers.base import unknown
from hot_folder.digest import Digest, read_through
from hot_folder.events import Event, FileRow, FileState
from hot_folder.journal import Journal
from hot_folder.leases import Writer, writer_of
from hot_folder.mounts import Way, Ways
from hot_folder.names import role_of, split
from hot_folder.opening import StillChanging, key_of, open_for_reading
from hot_folder.records import ExposureHints, FileKey, Place, Role, shown
from hot_folder.report import Settings, pause_s
from hot_folder.settle import Broken, NotYet, Outcome, Settled, Sighting, settle

log = logging.getLogger(__name__)

Describe = Callable[[BinaryIO, Role], ExposureHints]
"""Reads time and serial from an open file. It gets a file object, for no library is safe with every name."""

Ruling = Callable[[], list[Event]]
"""Writes down what was decided of a file, in a transaction; returns the events. Reading comes before."""


@dataclass(slots=True)
class Waiting:
    """A file that is not decided yet, and when it is worth another look."""

    place: Place
    sighting: Sighting
    look_again_s: float
    why: str
    failures: int = 0
    """How often in a row the disk or its rights refused it; 0 while it only waits."""
    is_new: bool = True
    """Not judged yet since it was last seen to change."""


class Gate:
    def __init__(
        self,
        session: bytes,
        journal: Journal,
        settings: Settings,
        ways: Ways,
        describe: Describe | None,
        monotonic_s: Callable[[], float],
        wall_s: Callable[[], float],
    ) -> None:
        self._session = session
        self._journal = journal
        self._settings = settings
        self._ways = ways
        self._describe = describe
        self._monotonic_s = monotonic_s
        self._wall_s = wall_s

    def judge(self, path: bytes, waiting: Waiting) -> Ruling | None:
        """What is to be written of a file once it is decided, None while it waits; then `waiting` says why.

        Raises JournalBusy.
        """
        waiting.is_new = False
        try:
            return self._look_into(path, waiting)
        except FileNotFoundError:
            return list
        except StillChanging:
            waiting.look_again_s = self._monotonic_s() + self._way(path, waiting).rule.writer_recheck_s
            waiting.why, waiting.failures = "it changed while it was looked at", 0
        except OSError as error:
            cause = error.strerror or error
            reason = f"{shown(path)} cannot be read ({cause}): check its rights and its drive"
            if waiting.why != reason:
                log.warning("%s", reason)
            waiting.why, waiting.failures = reason, waiting.failures + 1
            waiting.look_again_s = self._monotonic_s() + pause_s(self._settings, waiting.failures)
        return None

    def _look_into(self, path: bytes, waiting: Waiting) -> Ruling | None:
        if role_of(split(path)[1]) is Role.OTHER:
            return self._leave_alone(path, waiting)
        with open_for_reading(os.path.join(self._session, path), waiting.sighting.key) as file:
            outcome = self._outcome(file, path, waiting)
            if isinstance(outcome, Settled):
                return self._take_in(file, path, waiting)
        if isinstance(outcome, Broken):
            reason = f"{shown(path)}: {outcome.reason}"
            return partial(self._set_aside, FileState.QUARANTINED, path, waiting, reason)
        waiting.look_again_s, waiting.why, waiting.failures = outcome.look_again_s, outcome.why, 0
        return None

    def _leave_alone(self, path: bytes, waiting: Waiting) -> Ruling | None:
        rule = self._way(path, waiting).rule
        age_s = self._age_s(waiting.sighting)
        outcome = settle(waiting.sighting, unknown(""), Writer.NONE, age_s=age_s, rule=rule)
        if isinstance(outcome, NotYet):  # it may yet get the name of a picture
            waiting.look_again_s, waiting.why = outcome.look_again_s, "it has no picture's name yet"
            return None
        reason = f"{shown(path)} is no picture this program reads: it is left alone"
        return partial(self._set_aside, FileState.UNSUPPORTED, path, waiting, reason)

    def _way(self, path: bytes, waiting: Waiting) -> Way:
        return self._ways.of(os.path.join(self._session, path), waiting.sighting.key.device)

    def _outcome(self, file: BinaryIO, path: bytes, waiting: Waiting) -> Outcome:
        sighting, way = waiting.sighting, self._way(path, waiting)
        verdict = inspect(file, sighting.key.size, split(path)[1])
        writer = writer_of(file.fileno()) if way.leases else Writer.UNKNOWN
        return settle(sighting, verdict, writer, age_s=self._age_s(sighting), rule=way.rule)

    def _age_s(self, sighting: Sighting) -> float:
        return self._wall_s() - sighting.key.mtime_ns / 1e9

    def _take_in(self, file: BinaryIO, path: bytes, waiting: Waiting) -> Ruling:
        """Read a settled file once, and make sure that it was one file throughout."""
        digest = self._read_once(file, path)
        hints = self._described(file, path)
        if key_of(file) != waiting.sighting.key:
            raise StillChanging
        return partial(self._account_for, Arrival(waiting.place, path, waiting.sighting.key, digest, hints))

    def _account_for(self, arrival: Arrival) -> list[Event]:
        with self._journal.transaction() as journal:
            events = account_for(journal, arrival, lambda row: self._is_apart(row, arrival.key))
        for event in events:
            log.info("%s %s", event.kind, shown(event.path))
        return events

    def _read_once(self, file: BinaryIO, path: bytes) -> Digest:
        current = self._journal.at(path)
        return read_through(file, prefix_bytes=current.key.size if current and current.sha256 else None)

    def _described(self, file: BinaryIO, path: bytes) -> ExposureHints:
        role = role_of(split(path)[1])
        if self._describe is None or role is Role.SIDECAR:
            return ExposureHints()
        file.seek(0)
        try:
            return self._describe(file, role)
        except OSError:
            raise
        except Exception as error:  # a reader of metadata must not cost a frame
            log.warning("%s: its time and serial cannot be read (%s)", shown(path), error)
            return ExposureHints()

    def _set_aside(self, state: FileState, path: bytes, waiting: Waiting, reason: str) -> list[Event]:
        with self._journal.transaction() as journal:
            events = set_aside(journal, state, waiting.place, path, waiting.sighting.key, reason)
        for event in events:
            log.warning("%s", event.reason)
        return events

    def _is_apart(self, row: FileRow, key: FileKey) -> bool:
        """Whether a row's file lies on disk as the row remembers it, and is not the one in state `key`."""
        if row.state is not FileState.PRESENT:
            return False
        try:
            status = os.lstat(os.path.join(self._session, row.path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True  # a disk that does not answer has moved nothing
        # One inode under two names is a hard link; with a link count of one it is one name in two spellings,
        # on a filesystem that does not tell a.NEF from A.nef.
        is_one_name = row.key == key and status.st_nlink == 1
        return FileKey.of(status) == row.key and not is_one_name
