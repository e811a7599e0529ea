"""How the tether is doing: when the last frame came, which cameras send, what the counter skipped, whose
clock was set.

Frames are judged as they come in. Those that lay there when watching began (an adopted shoot, one that went
on while the program was off) only set the mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Final

from hot_folder.events import Event, EventKind
from hot_folder.journal import Journal
from hot_folder.names import split, stem_of
from hot_folder.records import Place, Role, shown

_COUNTED: Final = re.compile(rb"(?P<prefix>.*?)(?P<number>\d{3,6})", re.DOTALL)
_MOST_SKIPPED: Final = 500  # more than that is another card, or a counter that was set anew
_GRACE_S: Final = 15.0  # frames of one burst may overtake each other
_JUMP_S: Final = 90.0


@dataclass(frozen=True, slots=True)
class Camera:
    """One body, by its serial number; None for frames that carry none."""

    serial: str | None
    frames: int
    last_frame_at_s: float


@dataclass(frozen=True, slots=True)
class Gap:
    """Counter numbers that did not come, though later ones did. since_s is Unix time."""

    folder: bytes
    first: str
    last: str
    count: int
    since_s: float


@dataclass(frozen=True, slots=True)
class ClockJump:
    """A camera's clock (or this machine's) was set: from this frame on by_s seconds later than before."""

    serial: str | None
    path: bytes
    by_s: float
    since_s: float


@dataclass(frozen=True, slots=True)
class Tether:
    """What is known of the tether. last_frame_at_s is Unix time, None before the first frame."""

    last_frame_at_s: float | None
    cameras: tuple[Camera, ...]
    gaps: tuple[Gap, ...]
    clock_jumps: tuple[ClockJump, ...]


@dataclass(slots=True)
class _Counter:
    """One run of numbered names: a folder, what stands before the number, a body."""

    last: int
    digits: int
    missing: dict[int, float] = field(default_factory=dict)
    """Number to when it was first missed."""

    def count(self, number: int, at_s: float, is_live: bool) -> None:
        if self.missing.pop(number, None) is not None:
            return
        ring = 10**self.digits
        ahead = (number - self.last) % ring
        if ahead == 0 or ahead > ring - _MOST_SKIPPED:
            return  # an earlier one that came late, or again
        if is_live and ahead <= _MOST_SKIPPED:
            skipped = ((self.last + step) % ring for step in range(1, ahead))
            self.missing |= {one: at_s for one in skipped if one != 0}  # cameras go from 9999 to 0001
        self.last = number


@dataclass(slots=True)
class _Body:
    frames: int = 0
    last_frame_at_s: float = 0.0
    shortest_delay_s: float | None = None
    """Arrival minus the camera's own time, at its least: the way of a frame, and how wrong the clock is."""
    last: tuple[int, datetime] | None = None

    def clock_jumped_by_s(self, number: int | None, taken: datetime, delay_s: float) -> float:
        """0 where nothing speaks for a jump; then forgets what the clock said before.

        No frame comes before it was taken: one that came sooner than the quickest so far shows a clock that
        was set forward. No higher number is older: one that is shows a clock that was set back.
        """
        by_s = 0.0
        if self.shortest_delay_s is not None and delay_s < self.shortest_delay_s - _JUMP_S:
            by_s = self.shortest_delay_s - delay_s
        elif self.last is not None and number is not None and 0 < number - self.last[0] < _MOST_SKIPPED:
            went_s = (taken - self.last[1]).total_seconds()
            by_s = went_s if went_s < -_JUMP_S else 0.0
        if by_s:
            self.shortest_delay_s = None
        return by_s

    def remember_clock(self, number: int | None, taken: datetime, delay_s: float) -> None:
        shortest_s = self.shortest_delay_s
        self.shortest_delay_s = delay_s if shortest_s is None else min(shortest_s, delay_s)
        if number is not None:
            self.last = (number, taken)


class TetherWatch:
    """Follows a journal; `read_on` is cheap when nothing is new. One thread at a time."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._seq = 0
        self._counters: dict[tuple[bytes, bytes, str | None], _Counter] = {}
        self._bodies: dict[str | None, _Body] = {}
        self._exposures: set[tuple[bytes, bytes]] = set()
        self._jumps: list[ClockJump] = []

    def read_on(self) -> None:
        """Take in what the journal says since the last time. Raises JournalBusy."""
        while events := self._journal.events(self._seq):
            spans = _live_spans(self._journal)
            for event in events:
                if event.kind is EventKind.ARRIVED and event.place is Place.CAPTURE:
                    self._arrived(event, any(first < event.seq <= last for first, last in spans))
            self._seq = events[-1].seq

    def tether(self, now_s: float) -> Tether:
        """As of `now_s` (Unix time)."""
        cameras = tuple(
            Camera(serial, one.frames, one.last_frame_at_s) for serial, one in self._bodies.items()
        )
        gaps = [
            gap
            for (folder, prefix, _), counter in self._counters.items()
            for gap in _gaps(folder, prefix, counter, now_s)
        ]
        return Tether(
            last_frame_at_s=max((camera.last_frame_at_s for camera in cameras), default=None),
            cameras=cameras,
            gaps=tuple(sorted(gaps, key=lambda gap: gap.since_s)),
            clock_jumps=tuple(self._jumps),
        )

    def _arrived(self, event: Event, is_live: bool) -> None:
        if event.role not in (Role.RAW, Role.JPEG):
            return
        folder, name = split(event.path)
        exposure = (folder, stem_of(name))
        body = self._bodies.setdefault(event.hints.serial, _Body())
        body.last_frame_at_s = max(body.last_frame_at_s, event.at_s)
        if exposure in self._exposures:
            return  # the JPEG beside the RAW
        self._exposures.add(exposure)
        body.frames += 1
        counted = _COUNTED.fullmatch(exposure[1])
        number = int(counted["number"]) if counted else None
        if counted and number is not None:
            key = (folder, counted["prefix"], event.hints.serial)
            counter = self._counters.setdefault(key, _Counter(number, len(counted["number"])))
            counter.count(number, event.at_s, is_live)
        if event.hints.captured_at is not None:
            self._judge_clock(event, body, number, event.hints.captured_at.replace(tzinfo=None), is_live)

    def _judge_clock(
        self, event: Event, body: _Body, number: int | None, taken: datetime, is_live: bool
    ) -> None:
        delay_s = event.at_s - taken.replace(tzinfo=UTC).timestamp()
        by_s = body.clock_jumped_by_s(number, taken, delay_s) if is_live else 0.0
        if by_s:
            self._jumps.append(ClockJump(event.hints.serial, event.path, by_s, event.at_s))
        body.remember_clock(number, taken, delay_s)


def note_watch(journal: Journal, began_seq: int) -> int:
    """Record that what lay there when a watch began is taken in; returns the watch's number."""
    with journal.transaction():
        journal.execute(
            "INSERT INTO watches (began_seq, caught_up_seq) VALUES (?, ?)", began_seq, journal.last_seq()
        )
        return int(journal.rows("SELECT max(id) FROM watches")[0][0])


def end_watch(journal: Journal, number: int) -> None:
    """Record that nobody watches any more."""
    with journal.transaction():
        journal.execute("UPDATE watches SET ended_seq = ? WHERE id = ?", journal.last_seq(), number)


def _live_spans(journal: Journal) -> list[tuple[int, int]]:
    """(after, up to) which events frames were taken in as they came."""
    rows = journal.rows("SELECT began_seq, caught_up_seq, ended_seq FROM watches ORDER BY id")
    spans = []
    for row, following in zip_longest(rows, rows[1:]):
        crashed_at = following["began_seq"] if following else 1 << 62
        spans.append((row["caught_up_seq"], crashed_at if row["ended_seq"] is None else row["ended_seq"]))
    return spans


def _gaps(folder: bytes, prefix: bytes, counter: _Counter, now_s: float) -> Iterable[Gap]:
    """Runs of missing numbers that have been missing for a while."""
    numbers = [number for number, since_s in counter.missing.items() if now_s - since_s >= _GRACE_S]
    for first, last in _runs(numbers):

        def named(number: int) -> str:
            return shown(b"%s%0*d" % (prefix, counter.digits, number))

        yield Gap(folder, named(first), named(last), last - first + 1, counter.missing[first])


def _runs(numbers: Iterable[int]) -> Iterable[tuple[int, int]]:
    """(first, last) of each run of consecutive numbers."""
    first = last = None
    for number in sorted(numbers):
        if last is not None and number == last + 1:
            last = number
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = number
    if first is not None and last is not None:
        yield first, last
