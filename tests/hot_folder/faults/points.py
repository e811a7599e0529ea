"""Which crashes and failures there are to try in a story: its steps, and what can go wrong at each."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from itertools import islice, pairwise
from typing import Final

from tests.hot_folder.faults.apart import die
from tests.hot_folder.faults.disk import Contents, Cut, Disk
from tests.hot_folder.faults.sqlite_steps import CODES, SqliteFails
from tests.hot_folder.faults.steps import Kind, Step, Tear


class Mode(StrEnum):
    KILL = "kill"
    """SIGKILL: what was written stays."""
    POWER = "power"
    """SIGKILL, and only what was synced stays, or chance's choice of the rest."""
    ERRNO = "errno"
    """The step fails, once or for a while, and ingest goes on."""


END: Final = "the end"
"""Of a story, as a step: after all others."""

_ERRORS: Final = {
    Kind.LOOK: (errno.EIO, errno.ESTALE, errno.EACCES),
    Kind.READ: (errno.EIO, errno.ESTALE),
    Kind.NAME: (errno.EIO, errno.ENOSPC, errno.EACCES, errno.ESTALE),
    Kind.WRITE: (errno.ENOSPC, errno.EIO),
    Kind.SYNC: (errno.EIO, errno.ENOSPC),
}

ErrorOf = Callable[[Step], Exception | None]
"""What a step fails with, None when it cannot fail in this way."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A step of the run without a fault. states: what each kind of crash just before it leaves behind."""

    step: Step
    tears: bool
    states: dict[str, str]


@dataclass
class Notes:
    """The plan of the run without a fault."""

    mode: Mode
    disk: Disk
    taken: list[Noted] = field(default_factory=list)
    said: int = 0
    """How much was told by now: what was said may not be taken back, so it tells two crashes apart."""
    strays: list[str] = field(default_factory=list)
    """Changes that no step accounts for (then the steps are not all), and steps that change a session."""
    _lay: Contents = field(default_factory=dict)

    def __call__(self, step: Step, tear: Tear | None = None) -> None:
        """Before each step."""
        lies = self.disk.contents()
        before = self.taken[-1].step if self.taken else None
        if before is not None and before.kind in (Kind.LOOK, Kind.READ, Kind.SYNC) and lies != self._lay:
            changed = sorted(path for path in {*lies, *self._lay} if lies.get(path) != self._lay.get(path))
            self.strays.append(f"{before} changed {changed}")
        if step.path.startswith(b"session/") and step.kind not in (Kind.LOOK, Kind.READ):
            self.strays.append(f"the session may not be written to: {step}")
        self._lay = lies
        self.taken.append(Noted(step, tear is not None, dict(self._states(lies))))

    def at_the_end(self) -> list[Noted]:
        self(Step(len(self.taken), END, b"", Kind.LOOK))
        return list(self.taken)

    def _states(self, lies: Contents) -> Iterator[tuple[str, str]]:
        yield "now", self._state(lies)
        if self.mode is Mode.POWER:
            for cut in (Cut.LOST, Cut.HOLLOW):
                yield cut, self._state(self.disk.after(cut))

    def _state(self, contents: Contents) -> str:
        return f"{hashlib.sha256(repr(sorted(contents.items())).encode()).hexdigest()} {self.said}"


@dataclass(frozen=True, slots=True)
class Point:
    """What happens at a step: half of a write first, when `torn`; then an error of it, or the end.

    lasts: the error comes back at every later step on that drive that can have it, until the story's end.
    """

    step: Step
    what: str
    torn: bool = False
    cut: Cut | None = None
    seed: int = 0
    error: ErrorOf | None = None
    lasts: bool = False

    def __str__(self) -> str:
        return f"{self.what} at step {self.step.number}, {self.step}"

    def strikes(self, step: Step) -> bool:
        if not self.lasts or step.number <= self.step.number or self.error is None:
            return step.number == self.step.number
        return step.drive == self.step.drive and self.error(step) is not None

    def strike(self, disk: Disk, step: Step, tear: Tear | None = None) -> None:
        if tear is not None and self.torn:
            tear()
        error = self.error(step) if self.error else None
        if error is not None:
            raise error
        if self.cut is not None:
            disk.leave(disk.after(self.cut, f"{self.seed} {self.step.number}"))
        die()


SAMPLED: Final = (
    "try only every n-th error, choice of chance, and of SQLite's writes half ones and power cuts"
)


def points(mode: Mode, notes: list[Noted], seed: int, stride: int) -> Iterator[Point]:
    """Every crash; of what SAMPLED says only each `stride`-th, and of errors that last still fewer."""

    def some(choice: Iterable[Point], stride: int = stride) -> Iterator[Point]:
        return islice(choice, seed % stride, None, stride)

    def some_of_sqlite(choice: list[Point]) -> Iterator[Point]:
        yield from (point for point in choice if point.step.call != "sqlite.write")
        yield from some(point for point in choice if point.step.call == "sqlite.write")

    steps = [noted.step for noted in notes[:-1]]
    now, lost, hollow = (list(_leaving_other(notes, state)) for state in ("now", Cut.LOST, Cut.HOLLOW))
    match mode:
        case Mode.KILL:
            yield from (Point(step, "kill") for step in now)
            halves = [
                Point(noted.step, "kill in half of a write", torn=True) for noted in notes if noted.tears
            ]
            yield from some_of_sqlite(halves)
        case Mode.POWER:
            yield from (Point(step, "power cut, lost", cut=Cut.LOST) for step in lost)
            yield from some_of_sqlite([Point(step, "power cut, hollow", cut=Cut.HOLLOW) for step in hollow])
            yield from some(Point(step, "power cut, mixed", cut=Cut.MIXED, seed=seed) for step in now)
        case Mode.ERRNO:
            yield from some(point for step in steps for point in _failures(step))
            yield from some((point for step in steps for point in _outages(step)), 3 * stride)


def _leaving_other(notes: list[Noted], state: str) -> Iterator[Step]:
    """The first of the steps before which a crash leaves the same behind."""
    yield notes[0].step
    for before, noted in pairwise(notes):
        if noted.states.get(state) != before.states.get(state):
            yield noted.step


def _failures(step: Step) -> Iterator[Point]:
    """Each error that the step can have, once."""
    for name, code in CODES.get(step.call, ()):
        yield Point(step, name, error=partial(_failed, code))
    for number in () if step.call in CODES else _ERRORS[step.kind]:
        error = partial(_refused, number)
        yield Point(step, errno.errorcode[number], torn=number == errno.ENOSPC, error=error)


def _outages(step: Step) -> Iterator[Point]:
    """Of the step's drive, from it on."""
    yield Point(step, "drive away", error=_away, lasts=True)
    if _full(step) is not None:
        yield Point(step, "drive full", torn=True, error=_full, lasts=True)


def _failed(code: int, step: Step) -> Exception:
    return SqliteFails(code)


def _refused(number: int, step: Step) -> Exception:
    return OSError(number, os.strerror(number), os.fsdecode(step.path))


def _away(step: Step) -> Exception:
    codes = CODES.get(step.call)
    return _failed(codes[-1][1], step) if codes else _refused(errno.ESTALE, step)


def _full(step: Step) -> Exception | None:
    if step.call == "sqlite.write":
        return _failed(dict(CODES[step.call])["SQLITE_FULL"], step)
    takes_room = step.call not in CODES and step.call != "os.unlink"
    return _refused(errno.ENOSPC, step) if takes_room and step.kind in (Kind.NAME, Kind.WRITE) else None
