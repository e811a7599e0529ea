"""When is a file whole? One pure rule for every file, however it was found.

A file settles when its container is whole and nobody writes to it: at once when it was seen to be closed
or renamed into place and the system says that nobody has it open for writing; otherwise after it has been
still for the quiet period. An event can make it sooner. Nothing makes it skip the container check.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hot_folder.containers import Verdict, Wholeness
from hot_folder.leases import Writer
from hot_folder.records import FileKey, Hint


@dataclass(frozen=True, slots=True)
class SettleRule:
    quiet_period_s: float = 2.0
    """How long size, time and inode must stay as they are when nothing surer is known."""
    writer_recheck_s: float = 0.25
    """How soon to look again at a file that some program holds open for writing."""
    reserved_periods: float = 15.0
    """How many quiet periods a file that ends in zeros must be still: a copy may stall while it is filled."""
    trusted_age_s: float = 0.0
    """From what age on a file's own time counts. On a server it is another clock's, so it must be clear."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A file as it was seen so far. Times are seconds of one monotonic clock."""

    key: FileKey
    unchanged_since_s: float
    last_seen_s: float
    hint: Hint = Hint.NONE
    seen_changing: bool = False

    @property
    def still_s(self) -> float:
        return self.last_seen_s - self.unchanged_since_s


@dataclass(frozen=True, slots=True)
class Settled:
    """Whole: take it in."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """Look again at `look_again_s` (same clock as the sighting)."""

    look_again_s: float
    why: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Will not become whole by waiting. `reason` is one line that says what to do."""

    reason: str


Outcome = Settled | NotYet | Broken

_REMEDIES = {
    Wholeness.EMPTY: "copy it again from the card",
    Wholeness.SHORT: "copy it again from the card",
    Wholeness.NOT_AS_NAMED: "give it the ending it should have, or move it out of the folder",
}


def observe(earlier: Sighting | None, key: FileKey, now_s: float, hint: Hint = Hint.NONE) -> Sighting:
    """Add one look at a file to what was seen before. A hint lasts until the file changes again."""
    if earlier is None:
        return Sighting(key, now_s, now_s, hint)
    if key != earlier.key:
        return Sighting(key, now_s, now_s, hint, seen_changing=True)
    return replace(earlier, last_seen_s=now_s, hint=earlier.hint if hint is Hint.NONE else hint)


def settle(
    sighting: Sighting, verdict: Verdict, writer: Writer, *, age_s: float, rule: SettleRule
) -> Outcome:
    """Judge a file.

    age_s: wall clock minus the file's modification time. It stands in for watching only while the file was
    never seen to change (some writers set the time first and fill later), and not when both container and
    writer are unknown. A negative age (a clock that jumped) counts for nothing. What may be reserved and
    not yet filled is waited for many times as long.
    """
    now_s = sighting.last_seen_s
    if writer is Writer.WRITING:
        return NotYet(now_s + rule.writer_recheck_s, "a program still has it open for writing")

    is_whole = verdict.wholeness is Wholeness.WHOLE
    if is_whole and writer is Writer.NONE and sighting.hint is not Hint.NONE:
        return Settled()

    is_reserved = verdict.wholeness is Wholeness.RESERVED
    both_unknown = (is_reserved or verdict.wholeness is Wholeness.UNKNOWN) and writer is Writer.UNKNOWN
    age_counts = not sighting.seen_changing and not both_unknown and age_s >= rule.trusted_age_s
    still_s = max(sighting.still_s, age_s) if age_counts else sighting.still_s
    period_s = rule.quiet_period_s * (rule.reserved_periods if is_reserved else 1.0)
    if still_s < period_s:
        why = "it was written a moment ago" if is_whole else verdict.why
        return NotYet(now_s + period_s - still_s, why)

    if verdict.wholeness in _REMEDIES:
        return Broken(f"{verdict.why}: {_REMEDIES[verdict.wholeness]}")
    return Settled()
