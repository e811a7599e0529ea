"""Intake: compares what lies on disk with the journal, and sends what is new through the gate.

An event, a scan and start-up differ only in how soon they find a file; each file passes the same gate.
Nothing in the session's folders is ever written.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from hot_folder.errors import JournalBusy
from hot_folder.events import Event
from hot_folder.gate import Describe, Gate, Ruling, Waiting
from hot_folder.journal import Journal
from hot_folder.missing import MissingFiles
from hot_folder.mounts import Mount, Way, Ways, mount_of, way_of
from hot_folder.names import reexport_base_of, role_of, split, stem_of
from hot_folder.records import Hint, Place, Role
from hot_folder.report import Problem, Report, Settings, Settling
from hot_folder.rounds import Rounds
from hot_folder.scanner import Found, Listing, ListingFailed, is_ignored, look, scan
from hot_folder.settle import observe
from hot_folder.troubles import Troubles

SESSION_FOLDERS: Final[Mapping[bytes, Place]] = {
    b"Capture": Place.CAPTURE,
    b"Selects": Place.SELECTS,
    b"Output": Place.OUTPUT,
    b"Trash": Place.TRASH,
}

_BATCH: Final = 64
_BATCH_S: Final = 0.05


class Intake:
    """Takes the files of one session into a journal.

    session: absolute path of the session folder. folders: which of its folders to look at, relative to it,
    and what they are. describe: reads exposure hints. ignore: says of a path relative to the session that it
    is none of intake's business (the program's own deliverables). One thread calls `step` or `run`.
    """

    def __init__(
        self,
        session: bytes,
        journal: Journal,
        *,
        folders: Mapping[bytes, Place] = SESSION_FOLDERS,
        settings: Settings | None = None,
        describe: Describe | None = None,
        ignore: Callable[[bytes], bool] | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._session = os.path.realpath(session)  # the form in which macOS tells its events
        self.journal = journal
        self._folders = dict(folders)
        self.settings = settings or Settings()
        self._ignore = ignore
        self._monotonic_s = monotonic_s
        self._wall_s = wall_s
        self._ways = Ways(self._way_of, mount_of)
        self._gate = Gate(self._session, journal, self.settings, self._ways, describe, monotonic_s, wall_s)
        self._troubles = Troubles(journal)
        self._waiting: dict[bytes, Waiting] = {}
        self._listing_problems: dict[bytes, Problem] = {}
        self._missing = MissingFiles(journal, self._session, self.settings.missing_grace_s)
        self._hints: dict[bytes, Hint] = {}
        self._hints_lock = threading.Lock()
        self._woken = threading.Event()
        self._scan_wanted = False
        self._unwatched = False
        self._backlog = False

    # One pass

    def step(self, *, whole_tree: bool = True) -> Report:
        """Look, judge, take in. Without `whole_tree` only at files that wait or were hinted at.

        Raises JournalBusy; nothing is lost then, and the next step goes on.
        """
        hints = self._take_hints()
        events: list[Event] = []
        if whole_tree:
            self._scan_wanted = False
            events += self._scan(hints)
            for path, hint in hints.items():
                if hint is Hint.CLOSED and path not in self._waiting:
                    self._look_at_one(path, hint)
        else:
            self._look_at(hints)
        events += self._judge()
        report = Report(tuple(events), self._settling(), self._problems())
        with contextlib.suppress(JournalBusy):  # the report says it all the same
            self._troubles.note(report.problems, self._wall_s())
        return report

    def hint(self, path: bytes, hint: Hint) -> None:
        """Say that something happened at an absolute path. Wakes `run`. Safe from any thread."""
        relative = self._relative(path)
        if relative is None or is_ignored(relative):
            return
        with self._hints_lock:
            if self._hints.get(relative, Hint.NONE) is Hint.NONE:
                self._hints[relative] = hint
        self._woken.set()

    def _take_hints(self) -> dict[bytes, Hint]:
        with self._hints_lock:
            hints, self._hints = self._hints, {}
        return hints

    def _scan(self, hints: Mapping[bytes, Hint]) -> list[Event]:
        self._listing_problems = {}
        self._unwatched = False
        self._missing.begin()
        seen: set[bytes] = set()
        silent: set[bytes] = set()
        for folder, place in self._folders.items():
            for listing in scan(
                self._session, folder, known=self.journal.keys_in, skip=frozenset(self._folders)
            ):
                if isinstance(listing, ListingFailed):
                    self._note_failure(listing, place)
                    self._missing.could_not_list(listing.folder)
                    silent.add(listing.folder)
                else:
                    self._compare(listing, place, hints, seen)
        for path in self._waiting.keys() - seen:
            if split(path)[0] not in silent and self._waiting[path].sighting.hint is not Hint.CLOSED:
                del self._waiting[path]
        on_its_way = {waiting.sighting.key for waiting in self._waiting.values()}
        events, suspicions = self._missing.settle(self._monotonic_s(), on_its_way)
        self._listing_problems |= {folder: Problem(folder, reason) for folder, reason in suspicions.items()}
        return events

    def _note_failure(self, failed: ListingFailed, place: Place) -> None:
        is_optional = failed.folder in self._folders and place is not Place.CAPTURE
        if not (is_optional and isinstance(failed.error, FileNotFoundError)):
            self._listing_problems[failed.folder] = Problem(failed.folder, failed.reason)

    def _compare(self, listing: Listing, place: Place, hints: Mapping[bytes, Hint], seen: set[bytes]) -> None:
        folder = os.path.join(self._session, listing.folder)
        self._unwatched |= not self._ways.of(folder, listing.device).events
        for found in listing.files:
            seen.add(found.path)
            self._notice(found, place, hints.get(found.path, Hint.NONE))
        if listing.renumbered:
            self.journal.renumber(listing.renumbered, listing.device)
        for oddity in listing.oddities:
            self._listing_problems[oddity.path] = Problem(oddity.path, oddity.reason, is_urgent=False)
        self._missing.listed(listing)

    def _look_at(self, hints: Mapping[bytes, Hint]) -> None:
        now_s = self._monotonic_s()
        due = [
            path
            for path, waiting in self._waiting.items()
            if waiting.look_again_s <= now_s and not waiting.is_new  # of thousands that wait their turn
        ]
        for path in dict.fromkeys([*hints, *due]):
            self._look_at_one(path, hints.get(path, Hint.NONE))

    def _look_at_one(self, path: bytes, hint: Hint) -> None:
        place = self._place_of(path)
        try:
            found = look(self._session, path) if place else None
        except OSError:
            return  # the next scan names the trouble
        if found is None or place is None:
            self._waiting.pop(path, None)
            self._scan_wanted = True  # a folder, or something that is gone
        elif hint is Hint.CLOSED or path in self._waiting or self.journal.key_at(path) != found.key:
            # Who wrote and closed it may have put its time back, or been quicker than the disk's clock ticks.
            self._notice(found, place, hint)

    def _notice(self, found: Found, place: Place, hint: Hint) -> None:
        if self._is_none_of_ours(found.path, place):
            self._waiting.pop(found.path, None)
            return
        now_s = self._monotonic_s()
        waiting = self._waiting.get(found.path)
        sighting = observe(waiting.sighting if waiting else None, found.key, now_s, hint)
        if waiting is None or sighting.key != waiting.sighting.key or hint is not Hint.NONE:
            failures = waiting.failures if waiting else 0
            self._waiting[found.path] = Waiting(place, sighting, now_s, "it waits its turn", failures)
        else:
            waiting.sighting = sighting

    def _is_none_of_ours(self, path: bytes, place: Place) -> bool:
        if self._ignore is not None and self._ignore(path):
            return True
        if place is not Place.OUTPUT:
            return False
        name = split(path)[1]
        return role_of(name) is not Role.TIFF or not self.journal.knows_stem(
            stem_of(name), reexport_base_of(name) or stem_of(name)
        )

    # Judging and taking in

    def _judge(self) -> list[Event]:
        """Judge every waiting file whose time has come, oldest first, until the step's time is spent."""
        begun_s = self._monotonic_s()
        due = [path for path, waiting in self._waiting.items() if waiting.look_again_s <= begun_s]
        due.sort(key=lambda path: (self._waiting[path].sighting.key.mtime_ns, path))
        events: list[Event] = []
        done = 0
        while done < len(due) and not (
            events and self._monotonic_s() - begun_s > self.settings.step_budget_s
        ):
            batch = due[done : done + _BATCH]
            done += self._judge_some(batch, events)
        self._backlog = done < len(due)
        return events

    def _judge_some(self, paths: list[bytes], events: list[Event]) -> int:
        """Judge the first of some files, more of them while it is quick; returns how many.

        What is decided is written in one transaction, for its barrier costs a drive more than all else that
        is done for a small file.
        """
        begun_s = self._monotonic_s()
        rulings: dict[bytes, Ruling] = {}
        count = 0
        for path in paths:
            count += 1
            ruling = self._gate.judge(path, self._waiting[path])
            if ruling is not None:
                rulings[path] = ruling
            if self._monotonic_s() - begun_s > min(_BATCH_S, self.settings.step_budget_s):
                break
        with self.journal.transaction():
            caused = [event for ruling in rulings.values() for event in ruling()]
        for path in rulings:
            del self._waiting[path]
        events += caused
        return count

    # Reporting, and where things are

    def _settling(self) -> tuple[Settling, ...]:
        return tuple(
            Settling(path, waiting.why, waiting.look_again_s)
            for path, waiting in self._waiting.items()
            if not waiting.failures
        )

    def _problems(self) -> tuple[Problem, ...]:
        unreadable = [
            Problem(path, waiting.why, waiting.failures)
            for path, waiting in self._waiting.items()
            if waiting.failures
        ]
        return (*self._listing_problems.values(), *unreadable)

    def _relative(self, path: bytes) -> bytes | None:
        prefix = os.path.join(self._session, b"")
        if not path.startswith(prefix):
            return None
        relative = path[len(prefix) :]
        return relative.replace(b"\\", b"/") if os.name == "nt" else relative

    def _place_of(self, path: bytes) -> Place | None:
        holders = [folder for folder in self._folders if path.startswith(folder + b"/")]
        return self._folders[max(holders, key=len)] if holders else None

    # For a thread of its own

    def run(self, stop: threading.Event, on_change: Callable[[Report], None] | None = None) -> None:
        """Watch and take in until `stop` is set. on_change gets each report that differs from the last."""
        Rounds(self, on_change).go(stop)

    @property
    def watched_folders(self) -> list[bytes]:
        return [os.path.join(self._session, folder) for folder in self._folders]

    def sends_events(self, folder: bytes, device: int) -> bool:
        """Whether the system tells of everything that happens in a folder (absolute) on this device."""
        return self._ways.of(folder, device).events

    @property
    def wants_scan(self) -> bool:
        """Whether something happened that only a scan of the whole tree can make out."""
        return self._scan_wanted

    @property
    def unwatched(self) -> bool:
        """Whether some folder sends no events, so that only scans find what lands in it."""
        return self._unwatched

    @property
    def has_backlog(self) -> bool:
        """Whether the last step left files undecided only because its time was spent."""
        return self._backlog

    def now_s(self) -> float:
        return self._monotonic_s()

    def next_look_s(self) -> float:
        """When the earliest waiting file is worth another look."""
        if self._scan_wanted:
            return self._monotonic_s()
        return min((waiting.look_again_s for waiting in self._waiting.values()), default=float("inf"))

    def rouse(self) -> None:
        """Before a step: what is hinted at from now on wakes the next rest."""
        self._woken.clear()

    def rest(self, stop: threading.Event, until_s: float) -> None:
        while not stop.is_set():
            left_s = until_s - self._monotonic_s()
            if left_s <= 0 or self._woken.wait(min(left_s, 0.2)):
                return

    def _way_of(self, mount: Mount) -> Way:
        settings = self.settings
        return way_of(mount, settings.watching, settings.quiet_period_s, settings.remote_quiet_period_s)
