"""Round after round: events wake, scans find, the gate decides, until intake is told to stop."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from hot_folder.errors import JournalBusy
from hot_folder.report import Problem, Report, pause_s
from hot_folder.tether import end_watch, note_watch
from hot_folder.watcher import Watcher

if TYPE_CHECKING:
    from hot_folder.intake import Intake

OnChange = Callable[[Report], None]
_SHARE_OF_TIME: Final = 0.05
"""What scans may cost where they are all there is: a small folder is looked through ten times a second."""
_SHORTEST_S: Final = 0.1


class Rounds:
    """One run of an intake; used once, in one thread."""

    def __init__(self, intake: Intake, on_change: OnChange | None) -> None:
        self._intake = intake
        self._on_change = on_change
        self._scan_at_s = intake.now_s()
        self._busy_tries = 0
        self._began_seq: int | None = None
        self._watch: int | None = None
        self._said: tuple[object, ...] | None = None

    def go(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        intake = self._intake
        with Watcher(intake.watched_folders, intake.hint, intake.sends_events) as watcher:
            while not stop.is_set():
                intake.rouse()
                self._tell(*self._round(watcher))
                intake.rest(stop, self._rest_until_s)
        if self._watch is not None:
            with contextlib.suppress(JournalBusy):
                end_watch(intake.journal, self._watch)

    def _round(self, watcher: Watcher) -> tuple[Report, bool]:
        """One step; returns its report, and whether it must be told whatever was told before."""
        intake = self._intake
        try:
            if self._began_seq is None:
                self._began_seq = intake.journal.last_seq()
            whole_tree = intake.wants_scan or intake.now_s() >= self._scan_at_s
            if whole_tree:
                watcher.renew()
            begun_s = intake.now_s()
            report = intake.step(whole_tree=whole_tree)
            if whole_tree:
                self._scan_at_s = intake.now_s() + self._interval_s(intake.now_s() - begun_s)
            self._catch_up()
        except JournalBusy as error:
            self._busy_tries += 1
            self._rest_until_s = self._scan_at_s = intake.now_s() + pause_s(intake.settings, self._busy_tries)
            return Report((), (), (Problem(b"", str(error), self._busy_tries),)), False
        self._busy_tries = 0
        self._rest_until_s = min(self._scan_at_s, intake.next_look_s())
        return report, bool(report.events)

    def _interval_s(self, scan_took_s: float) -> float:
        longest_s = self._intake.settings.rescan_interval_s
        if not self._intake.unwatched:
            return longest_s
        return min(longest_s, max(_SHORTEST_S, scan_took_s / _SHARE_OF_TIME))

    def _catch_up(self) -> None:
        """Once what lay there at the start is taken in: whatever comes from now on is live."""
        if self._watch is None and self._began_seq is not None and not self._intake.has_backlog:
            self._watch = note_watch(self._intake.journal, self._began_seq)

    def _tell(self, report: Report, must: bool) -> None:
        says = (tuple((one.path, one.why) for one in report.settling), _without_tries(report))
        if self._on_change is not None and (must or says != self._said):
            self._on_change(report)
        self._said = says


def _without_tries(report: Report) -> tuple[tuple[bytes, str], ...]:
    return tuple((problem.path, problem.reason) for problem in report.problems)
