"""What intake is told, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass

from hot_folder.events import Event, EventKind


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
