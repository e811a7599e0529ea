"""How the session is doing, for the page and `studio status`: the tether, the drives, what is in the way."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from hot_folder import Journal, Problem
from hot_folder.errors import HotFolderError, JournalBusy
from hot_folder.tether import ClockJump, Gap, Tether, TetherWatch
from hot_folder.troubles import Trouble, troubles
from studio_pipeline.pipeline import space
from studio_pipeline.records.capture import shown
from studio_pipeline.session.folder import Session

Json = dict[str, Any]
_GAP_ALARMS_FOR_S = 900.0  # then it is history
_NO_TETHER = Tether(None, (), (), ())


class Health:
    """Asked by the page's threads while a session is at work; reads on in its journal as it is asked."""

    def __init__(self, session: Session, journal: Journal) -> None:
        self._session = session
        self._watch = TetherWatch(journal)
        self._lock = threading.Lock()
        self._last = _NO_TETHER

    def told(self, now_s: float, problems: Iterable[Problem], unsafe: Iterable[str]) -> Json:
        """problems: of intake; unsafe: why originals may exist only once. now_s is Unix time."""
        with self._lock:
            with suppress(JournalBusy):  # what was known before holds a moment longer
                self._watch.read_on()
                self._last = self._watch.tether(now_s)
            tether = self._last
        drives = space.drives(self._session)
        urgent = [problem.reason for problem in problems if problem.is_urgent]
        odd = [problem.reason for problem in problems if not problem.is_urgent]
        return {
            "alarms": [*unsafe, *urgent, *alarms(tether, drives, now_s)],
            "notices": [*odd, *notices(tether, now_s)],
            "tether": _tether(tether, now_s),
            "drives": [_drive(drive) for drive in drives],
        }


def of_session(session: Session, now_s: float, unsafe: Iterable[str]) -> Json:
    """The same from beside a session, for `studio status`; what is in the way stands in the journal."""
    drives = space.drives(session)
    tether, found = _read(session, now_s)
    return {
        "alarms": [*unsafe, *(one.reason for one in found if one.is_urgent), *alarms(tether, drives, now_s)],
        "notices": [*(one.reason for one in found if not one.is_urgent), *notices(tether, now_s)],
        "tether": _tether(tether, now_s),
        "drives": [_drive(drive) for drive in drives],
        "troubles": [_trouble(trouble, now_s) for trouble in found],
    }


def _read(session: Session, now_s: float) -> tuple[Tether, list[Trouble]]:
    path = session.databases / "journal.sqlite"
    if not path.exists():
        return _NO_TETHER, []
    try:
        with Journal.open(os.fsencode(path)) as journal:
            watch = TetherWatch(journal)
            watch.read_on()
            return watch.tether(now_s), troubles(journal)
    except HotFolderError as error:
        return _NO_TETHER, [Trouble(b"", str(error), now_s, 1, True)]


def alarms(tether: Tether, drives: Iterable[space.Drive], now_s: float) -> list[str]:
    """What stays red until its cause is gone."""
    low = [drive.warning for drive in drives if drive.is_low]
    return low + [_gap_text(gap) for gap in tether.gaps if now_s - gap.since_s < _GAP_ALARMS_FOR_S]


def notices(tether: Tether, now_s: float) -> list[str]:
    """What is only said."""
    old = [_gap_text(gap) for gap in tether.gaps if now_s - gap.since_s >= _GAP_ALARMS_FOR_S]
    return old + [_jump_text(jump) for jump in tether.clock_jumps[-1:]]


def spoken(tether: Json) -> list[str]:
    """Which cameras send, for the terminal; nothing where there is but one."""
    bodies = [one for one in tether["cameras"] if one["serial"] is not None]
    said = (
        f"{one['serial']} ({one['frames']} frames, {one['last_frame_age_s']:.0f} s ago)" for one in bodies
    )
    return [f"{len(bodies)} cameras: {', '.join(said)}"] if len(bodies) > 1 else []


def _gap_text(gap: Gap) -> str:
    missing = f"{gap.first} has" if gap.count == 1 else f"{gap.first} to {gap.last} ({gap.count} frames) have"
    return (
        f"{missing} not come into {shown(gap.folder)}: look at the camera; "
        "`studio reconcile` compares its card with the session"
    )


def _jump_text(jump: ClockJump) -> str:
    hours = abs(jump.by_s) / 3600
    by = f"{hours:.1f} hours" if hours >= 1 else f"{abs(jump.by_s) / 60:.0f} minutes"
    way = "forward" if jump.by_s > 0 else "back"
    body = f"the clock of camera {jump.serial}" if jump.serial else "a camera's clock"
    return f"{body} was set {way} by {by} at {shown(jump.path)} (or this computer's was)"


def _tether(tether: Tether, now_s: float) -> Json:
    def age_s(then_s: float) -> float:
        return round(now_s - then_s, 1)

    return {
        "last_frame_age_s": None if tether.last_frame_at_s is None else age_s(tether.last_frame_at_s),
        "cameras": [
            {"serial": one.serial, "frames": one.frames, "last_frame_age_s": age_s(one.last_frame_at_s)}
            for one in tether.cameras
        ],
        "gaps": [
            {
                "folder": shown(gap.folder),
                "first": gap.first,
                "last": gap.last,
                "count": gap.count,
                "age_s": age_s(gap.since_s),
            }
            for gap in tether.gaps
        ],
        "clock_jumps": [
            {"serial": jump.serial, "file": shown(jump.path), "by_s": jump.by_s, "age_s": age_s(jump.since_s)}
            for jump in tether.clock_jumps
        ],
    }


def _trouble(one: Trouble, now_s: float) -> Json:
    return {
        "path": shown(one.path),
        "reason": one.reason,
        "age_s": round(now_s - one.since_s, 1),
        "tries": one.tries,
    }


def _drive(drive: space.Drive) -> Json:
    return asdict(drive) | {"low": drive.is_low}
