"""Intake: the one gate every file passes, whether an event, a scan or start-up found it.

A step compares what lies on disk with the journal, looks at what is new, and takes in what has settled.
Nothing in the session's folders is ever written.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from hot_folder.accession import Arrival, account_for, set_aside
from hot_folder.containers import inspect
from hot_folder.digest import Digest, read_through
from hot_folder.errors import JournalBusy
from hot_folder.journal import Event, EventKind, FileRow, FileState, Journal
from hot_folder.leases import writer_of
from hot_folder.missing import MissingFiles
from hot_folder.names import is_ignored_file, reexport_base_of, role_of, split, stem_of
from hot_folder.records import ExposureHints, FileKey, Hint, Place, Role, shown
from hot_folder.scanner import Found, Listing, ListingFailed, look, scan
from hot_folder.settle import Broken, NotYet, Outcome, SettleRule, Sighting, observe, settle
from hot_folder.watcher import Watcher

log = logging.getLogger(__name__)

SESSION_FOLDERS: Final[Mapping[bytes, Place]] = {
    b"Capture": Place.CAPTURE,
    b"Selects": Place.SELECTS,
    b"Output": Place.OUTPUT,
    b"Trash": Place.TRASH,
}

Describe = Callable[[BinaryIO, Role], ExposureHints]
"""Reads time and serial from an open file. It gets a file object, for no library is safe with every name."""


@dataclass(frozen=True, slots=True)
class Settings:
    quiet_period_s: float = 2.0
    rescan_interval_s: float = 10.0
    missing_grace_s: float = 5.0
    """How long a file must be missing from good listings before it counts as gone; it may be on its way."""
    retry_interval_s: float = 5.0
    """How soon to try again what the disk or its rights refused."""
    step_budget_s: float = 1.0
    """A step that finds thousands of files returns after this long, and goes on in the next one."""


@dataclass(frozen=True, slots=True)
class Settling:
    """A file that is not taken in yet. look_again_s is on the intake's monotonic clock."""

    path: bytes
    why: str
    look_again_s: float


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps intake from doing its work here and now. It is tried again; the rest goes on."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What one step did and what it waits for."""

    events: tuple[Event, ...]
    settling: tuple[Settling, ...]
    problems: tuple[Problem, ...]

    @property
    def taken_in(self) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.kind in (EventKind.ARRIVED, EventKind.CHANGED))

    @property
    def quarantined(self) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.kind is EventKind.QUARANTINED)

    @property
    def next_look_s(self) -> float | None:
        """When the earliest of the settling files is worth another look, None when none is settling."""
        return min((settling.look_again_s for settling in self.settling), default=None)


@dataclass(slots=True)
class _Waiting:
    place: Place
    sighting: Sighting
    look_again_s: float
    why: str
    is_problem: bool = False


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
        self._session = session
        self._journal = journal
        self._folders = dict(folders)
        self._settings = settings or Settings()
        self._rule = SettleRule(quiet_period_s=self._settings.quiet_period_s)
        self._describe = describe
        self._ignore = ignore
        self._monotonic_s = monotonic_s
        self._wall_s = wall_s
        self._waiting: dict[bytes, _Waiting] = {}
        self._listing_problems: dict[bytes, str] = {}
        self._missing = MissingFiles(journal, session, self._settings.missing_grace_s)
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
        if relative is None:
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
        for folder, place in self._folders.items():
            for listing in scan(self._session, folder, skip=frozenset(self._folders)):
                if isinstance(listing, ListingFailed):
                    self._note_failure(listing, place)
                    self._missing.could_not_list(listing.folder)
                else:
                    self._compare(listing, place, hints, seen)
        for path in self._waiting.keys() - seen:
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
                if not is_ignored_file(split(path)[1]):
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
            self._waiting[found.path] = _Waiting(place, sighting, now_s, "it waits its turn")
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
            events += self._judge_one(path, self._waiting[path])
        return events

    def _judge_one(self, path: bytes, waiting: _Waiting) -> list[Event]:
        key = waiting.sighting.key
        try:
            if role_of(split(path)[1]) is Role.OTHER:
                events = self._set_aside(
                    FileState.UNSUPPORTED,
                    path,
                    waiting,
                    f"{shown(path)} is no picture this program reads: it is left alone",
                )
            else:
                with _open_for_reading(os.path.join(self._session, path)) as file:
                    if _key_of(file) != key:
                        raise _StillChanging
                    outcome = self._outcome(file, path, waiting.sighting)
                    if isinstance(outcome, NotYet):
                        waiting.look_again_s, waiting.why = outcome.look_again_s, outcome.why
                        waiting.is_problem = False
                        return []
                    if isinstance(outcome, Broken):
                        events = self._set_aside(
                            FileState.QUARANTINED, path, waiting, f"{shown(path)}: {outcome.reason}"
                        )
                    else:
                        events = self._take_in(file, path, waiting)
        except (_StillChanging, FileNotFoundError):
            waiting.look_again_s = self._monotonic_s() + self._rule.writer_recheck_s
            waiting.why = "it changed while it was looked at"
            return []
        except OSError as error:
            self._wait_out(path, waiting, error)
            return []
        del self._waiting[path]
        return events

    def _outcome(self, file: BinaryIO, path: bytes, sighting: Sighting) -> Outcome:
        verdict = inspect(file, sighting.key.size, split(path)[1])
        age_s = self._wall_s() - sighting.key.mtime_ns / 1e9
        return settle(sighting, verdict, writer_of(file.fileno()), age_s=age_s, rule=self._rule)

    def _take_in(self, file: BinaryIO, path: bytes, waiting: _Waiting) -> list[Event]:
        """Read a settled file once, make sure that it was one file throughout, and account for it.

        The reading is the one place where every original's bytes pass: a verified copy to a vault belongs
        here, before the journal says that the file is safe.
        """
        digest = self._read_once(file, path)
        hints = self._described(file, path)
        if _key_of(file) != waiting.sighting.key:
            raise _StillChanging
        arrival = Arrival(waiting.place, path, waiting.sighting.key, digest, hints)
        with self._journal.transaction() as journal:
            events = account_for(journal, arrival, self._still_there)
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

    def _set_aside(self, state: FileState, path: bytes, waiting: _Waiting, reason: str) -> list[Event]:
        with self._journal.transaction() as journal:
            events = set_aside(journal, state, waiting.place, path, waiting.sighting.key, reason)
        for event in events:
            log.warning("%s", event.reason)
        return events

    def _wait_out(self, path: bytes, waiting: _Waiting, error: OSError) -> None:
        waiting.look_again_s = self._monotonic_s() + self._settings.retry_interval_s
        waiting.why = (
            f"{shown(path)} cannot be read ({error.strerror or error}): check its rights and its drive"
        )
        if not waiting.is_problem:
            log.warning("%s", waiting.why)
        waiting.is_problem = True

    def _still_there(self, row: FileRow) -> bool:
        if row.state is not FileState.PRESENT:
            return False
        try:
            return FileKey.of(os.lstat(os.path.join(self._session, row.path))) == row.key
        except OSError:
            return False

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
                except JournalBusy as error:
                    report = Report((), self._settling(), (Problem(b"", str(error)),))
                    scan_at_s = self._monotonic_s() + self._settings.retry_interval_s
                says = (tuple((s.path, s.why) for s in report.settling), report.problems)
                if on_change is not None and (report.events or says != said):
                    on_change(report)
                said = says
                self._rest(stop, min(scan_at_s, self._next_look_s()))

    def _next_look_s(self) -> float:
        if self._scan_wanted:
            return self._monotonic_s()
        return min((waiting.look_again_s for waiting in self._waiting.values()), default=float("inf"))

    def _rest(self, stop: threading.Event, until_s: float) -> None:
        while not stop.is_set():
            left_s = until_s - self._monotonic_s()
            if left_s <= 0 or self._woken.wait(min(left_s, 0.2)):
                return


class _StillChanging(Exception):
    """The file is not the one that was judged any more."""


def _open_for_reading(path: bytes) -> BinaryIO:
    """Open a regular file for reading without following a link or waiting for a pipe that took its name."""
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    fd = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _StillChanging
    return os.fdopen(fd, "rb")


def _key_of(file: BinaryIO) -> FileKey:
    return FileKey.of(os.fstat(file.fileno()))
