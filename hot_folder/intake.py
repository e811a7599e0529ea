"""Intake: compares what lies on disk with the journal, and sends what is new through the gate.

An event, a scan and start-up differ only in how soon they find a file; each file passes the same gate.
Nothing in the session's folders is ever written.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from hot_folder.errors import JournalBusy
from hot_folder.events import Event
from hot_folder.gate import Describe, Gate, Waiting
from hot_folder.journal import Journal
from hot_folder.missing import MissingFiles
from hot_folder.names import reexport_base_of, role_of, split, stem_of
from hot_folder.records import Hint, Place, Role
from hot_folder.report import Problem, Report, Settings, Settling
from hot_folder.scanner import Found, Listing, ListingFailed, is_ignored, look, scan
from hot_folder.settle import observe
from hot_folder.watcher import Watcher

SESSION_FOLDERS: Final[Mapping[bytes, Place]] = {
    b"Capture": Place.CAPTURE,
    b"Selects": Place.SELECTS,
    b"Output": Place.OUTPUT,
    b"Trash": Place.TRASH,
}


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
        self._journal = journal
        self._folders = dict(folders)
        self._settings = settings or Settings()
        self._ignore = ignore
        self._monotonic_s = monotonic_s
        self._gate = Gate(self._session, journal, self._settings, describe, monotonic_s, wall_s)
        self._waiting: dict[bytes, Waiting] = {}
        self._listing_problems: dict[bytes, str] = {}
        self._missing = MissingFiles(journal, self._session, self._settings.missing_grace_s)
        self._hints: dict[bytes, Hint] = {}
        self._hints_lock = threading.Lock()
        self._woken = threading.Event()
        self._scan_wanted = False

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
        else:
            self._look_at(hints)
        events += self._judge()
        return Report(tuple(events), self._settling(), self._problems())

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
        self._missing.begin()
        seen: set[bytes] = set()
        silent: set[bytes] = set()
        for folder, place in self._folders.items():
            for listing in scan(self._session, folder, skip=frozenset(self._folders)):
                if isinstance(listing, ListingFailed):
                    self._note_failure(listing, place)
                    self._missing.could_not_list(listing.folder)
                    silent.add(listing.folder)
                else:
                    self._compare(listing, place, hints, seen)
        for path in self._waiting.keys() - seen:
            if split(path)[0] not in silent:
                del self._waiting[path]
        on_its_way = {waiting.sighting.key for waiting in self._waiting.values()}
        events, suspicions = self._missing.settle(self._monotonic_s(), on_its_way)
        self._listing_problems.update(suspicions)
        return events

    def _note_failure(self, failed: ListingFailed, place: Place) -> None:
        is_optional = failed.folder in self._folders and place is not Place.CAPTURE
        if not (is_optional and isinstance(failed.error, FileNotFoundError)):
            self._listing_problems[failed.folder] = failed.reason

    def _compare(self, listing: Listing, place: Place, hints: Mapping[bytes, Hint], seen: set[bytes]) -> None:
        known = self._journal.keys_in(listing.folder)
        for found in listing.files:
            if known.pop(found.path, None) == found.key:
                continue
            seen.add(found.path)
            self._notice(found, place, hints.get(found.path, Hint.NONE))
        for oddity in listing.oddities:
            known.pop(oddity.path, None)
            self._listing_problems[oddity.path] = oddity.reason
        gone = known.keys() - listing.unsure
        self._missing.listed(listing.folder, is_empty=listing.is_empty, gone=gone)

    def _look_at(self, hints: Mapping[bytes, Hint]) -> None:
        now_s = self._monotonic_s()
        due = [path for path, waiting in self._waiting.items() if waiting.look_again_s <= now_s]
        for path in dict.fromkeys([*hints, *due]):
            place = self._place_of(path)
            try:
                found = look(self._session, path) if place else None
            except OSError:
                continue  # the next scan names the trouble
            if found is None or place is None:
                self._waiting.pop(path, None)
                self._scan_wanted = True  # a folder, or something that is gone
            elif self._journal.key_at(path) != found.key:
                self._notice(found, place, hints.get(path, Hint.NONE))

    def _notice(self, found: Found, place: Place, hint: Hint) -> None:
        if self._is_none_of_ours(found.path, place):
            self._waiting.pop(found.path, None)
            return
        now_s = self._monotonic_s()
        waiting = self._waiting.get(found.path)
        sighting = observe(waiting.sighting if waiting else None, found.key, now_s, hint)
        if waiting is None or sighting.key != waiting.sighting.key or hint is not Hint.NONE:
            self._waiting[found.path] = Waiting(place, sighting, now_s, "it waits its turn")
        else:
            waiting.sighting = sighting

    def _is_none_of_ours(self, path: bytes, place: Place) -> bool:
        if self._ignore is not None and self._ignore(path):
            return True
        if place is not Place.OUTPUT:
            return False
        name = split(path)[1]
        return role_of(name) is not Role.TIFF or not self._journal.knows_stem(
            stem_of(name), reexport_base_of(name) or stem_of(name)
        )

    # Judging and taking in

    def _judge(self) -> list[Event]:
        """Judge every waiting file whose time has come, oldest first, until the step's time is spent."""
        begun_s = self._monotonic_s()
        due = [path for path, waiting in self._waiting.items() if waiting.look_again_s <= begun_s]
        due.sort(key=lambda path: (self._waiting[path].sighting.key.mtime_ns, path))
        events: list[Event] = []
        for path in due:
            if events and self._monotonic_s() - begun_s > self._settings.step_budget_s:
                break
            decided = self._gate.judge(path, self._waiting[path])
            if decided is not None:
                del self._waiting[path]
                events += decided
        return events

    # Reporting, and where things are

    def _settling(self) -> tuple[Settling, ...]:
        return tuple(
            Settling(path, waiting.why, waiting.look_again_s)
            for path, waiting in self._waiting.items()
            if not waiting.is_problem
        )

    def _problems(self) -> tuple[Problem, ...]:
        unreadable = {path: waiting.why for path, waiting in self._waiting.items() if waiting.is_problem}
        return tuple(
            Problem(path, reason) for path, reason in {**self._listing_problems, **unreadable}.items()
        )

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
        folders = [os.path.join(self._session, folder) for folder in self._folders]
        said: tuple[object, ...] | None = None
        scan_at_s = self._monotonic_s()
        with Watcher(folders, self.hint) as watcher:
            while not stop.is_set():
                self._woken.clear()
                whole_tree = self._scan_wanted or self._monotonic_s() >= scan_at_s
                if whole_tree:
                    watcher.renew()
                    scan_at_s = self._monotonic_s() + self._settings.rescan_interval_s
                try:
                    report = self.step(whole_tree=whole_tree)
                    rest_until_s = min(scan_at_s, self._next_look_s())
                except JournalBusy as error:
                    report = Report((), self._settling(), (Problem(b"", str(error)),))
                    rest_until_s = scan_at_s = self._monotonic_s() + self._settings.retry_interval_s
                says = (tuple((s.path, s.why) for s in report.settling), report.problems)
                if on_change is not None and (report.events or says != said):
                    on_change(report)
                said = says
                self._rest(stop, rest_until_s)

    def _next_look_s(self) -> float:
        if self._scan_wanted:
            return self._monotonic_s()
        return min((waiting.look_again_s for waiting in self._waiting.values()), default=float("inf"))

    def _rest(self, stop: threading.Event, until_s: float) -> None:
        while not stop.is_set():
            left_s = until_s - self._monotonic_s()
            if left_s <= 0 or self._woken.wait(min(left_s, 0.2)):
                return
