"""Intake as a program runs it: in a thread, over a real folder, in real time."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from hot_folder import Event, EventKind, FileState, Intake, Journal, Report, Settings
from hot_folder.gate import Describe


def wait_for(condition: Callable[[], bool], limit_s: float = 10.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


class Running:
    """Intake in a thread of its own over a real folder, with real time."""

    def __init__(self, session: Path, settings: Settings, describe: Describe | None = None) -> None:
        for name in ("Capture", "Selects", "Trash"):
            (session / name).mkdir(parents=True)
        self.session = session
        self.capture = session / "Capture"
        self.journal = Journal.open(session / "journal.sqlite")
        self._describe = describe
        self.intake = self._new_intake(settings)
        self.reports: list[Report] = []
        self.seen_at_s: dict[bytes, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.intake.run, args=(self._stop, self._note))

    def _new_intake(self, settings: Settings) -> Intake:
        return Intake(os.fsencode(self.session), self.journal, settings=settings, describe=self._describe)

    def _note(self, report: Report) -> None:
        self.reports.append(report)
        for event in report.taken_in:
            self.seen_at_s[event.path] = time.monotonic()

    def __enter__(self) -> Running:
        self._thread.start()
        time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self.journal.close()

    def _end(self) -> None:
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def events(self) -> list[Event]:
        return self.journal.events(limit=100_000)

    def news(self) -> list[tuple[EventKind, str]]:
        return [(event.kind, _shown(event.path)) for event in self.events()]

    def arrived(self) -> dict[str, Event]:
        events = [event for event in self.events() if event.kind is EventKind.ARRIVED]
        assert len({event.path for event in events}) == len(events), "a file arrived twice"
        return {_shown(event.path): event for event in events}

    def present(self) -> dict[str, bytes]:
        """SHA-256 of what is taken in and lies there now, by name."""
        rows = self.journal.live_files()
        return {_shown(row.path): row.sha256 or b"" for row in rows if row.state is FileState.PRESENT}

    def wait_for_exactly(self, frames: Mapping[str, bytes], limit_s: float = 20.0) -> None:
        """Until these frames, whole, are all there is, and nothing waits; a restart then finds no more."""
        wanted = {name: hashlib.sha256(data).digest() for name, data in frames.items()}
        try:
            wait_for(lambda: self.present() == wanted and self._is_at_rest(), limit_s)
        except AssertionError:
            wrong = sorted(name for name, digest in wanted.items() if self.present().get(name) != digest)
            raise AssertionError(f"not whole: {wrong}; what happened: {self.news()}") from None
        self._end()
        self._a_restart_finds_nothing()

    def _is_at_rest(self) -> bool:
        return bool(self.reports) and not self.reports[-1].settling

    def _a_restart_finds_nothing(self) -> None:
        before = self.news()
        patience = Settings(quiet_period_s=0.0, remote_quiet_period_s=0.0, missing_grace_s=0.0)
        report = self._new_intake(patience).step()
        assert (self.news(), report.settling, report.problems) == (before, (), ())
        states = {row.state for row in self.journal.live_files()}
        assert FileState.QUARANTINED not in states, [row.reason for row in self.journal.live_files()]


def _shown(path: bytes) -> str:
    return os.fsdecode(path).removeprefix("Capture/")
