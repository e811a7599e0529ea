"""What intake is told, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass

from hot_folder.events import Event, EventKind
from hot_folder.mounts import Watching


@dataclass(frozen=True, slots=True)
class Settings:
    watching: Watching = Watching.AUTO
    quiet_period_s: float = 2.0
    remote_quiet_period_s: float = 5.0
    """On mounts whose writers this machine cannot see, and whose clock is another."""
    rescan_interval_s: float = 10.0
    """Where there are folder events; without them scans follow each other as fast as they are cheap."""
    missing_grace_s: float = 5.0
    """How long a file must be missing from good listings before it counts as gone; it may be on its way."""
    retry_after_s: tuple[float, ...] = (1.0, 2.0, 5.0, 15.0, 60.0)
    """How soon to try again what the disk or its rights refused, the first time, the second, ..."""
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
    tries: int = 1
    """How often it was met in a row."""
    is_urgent: bool = True
    """Whether frames may be waiting behind it, not merely something odd that lies in the folder."""


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


def pause_s(settings: Settings, tries: int) -> float:
    """How long to wait after the given number of failures in a row."""
    return settings.retry_after_s[min(tries, len(settings.retry_after_s)) - 1]
