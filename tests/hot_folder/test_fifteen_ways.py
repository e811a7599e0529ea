"""The fifteen ways in which ingest fails elsewhere. Each is tried twice: as we are, and without our answer.

Without it the same scenario has to fail, or it would prove nothing.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import random
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hot_folder import EventKind, FileState, Hint, Intake, Journal, Settings, accession, gate, intake, scanner
from hot_folder import tether as tether_module
from hot_folder.containers import Verdict, Wholeness
from hot_folder.leases import Writer
from hot_folder.scanner import Listing, ListingFailed
from hot_folder.settle import Settled
from hot_folder.tether import TetherWatch, note_watch
from hot_folder.watcher import Watcher
from tests.hot_folder.running import Running, wait_for
from tests.hot_folder.samples import Shoot, jpeg, raw, xmp

Patch = pytest.MonkeyPatch
SOON_S = 1.5  # long enough for an event, far too short for the rescan interval below
NEVER_S = 3600.0


@dataclass(frozen=True)
class Way:
    """scenario raises AssertionError where ingest fails; without takes our answer away."""

    number: int
    name: str
    scenario: Callable[[Path], None]
    without: Callable[[Patch], object]
    only_linux: bool = False


@contextmanager
def shooting(folder: Path) -> Iterator[Shoot]:
    shoot = Shoot(folder / "session")
    with shoot.journal:
        yield shoot


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def taken_in(journal: Journal) -> list[bytes | None]:
    """The bytes of everything that was ever taken for a whole frame."""
    kinds = (EventKind.ARRIVED, EventKind.CHANGED)
    return [event.sha256 for event in journal.events(limit=10_000) if event.kind in kinds]


def undocumented(seed: int) -> bytes:
    """A RAW whose container says nothing of its length."""
    return b"\1" + random.Random(seed).randbytes(3000)


# 1


def a_closed_half_of_a_file_waits_for_the_other(folder: Path) -> None:
    with shooting(folder) as shoot:
        path = shoot.put("Capture/a.NEF", raw(1)[:-200], age_s=0)
        shoot.intake.hint(path, Hint.CLOSED)
        shoot.pass_time(0)
        shoot.pass_time(1)
        shoot.put("Capture/a.NEF", raw(1), age_s=0)
        shoot.intake.hint(path, Hint.CLOSED)
        shoot.pass_time(1)
        assert taken_in(shoot.journal) == [sha256(raw(1))]


# 2


def a_reserved_size_that_does_not_change_is_no_file_yet(folder: Path) -> None:
    with shooting(folder) as shoot:
        path, data = Path(os.fsdecode(shoot.put("Capture/a.mos", b""))), undocumented(1)
        with path.open("r+b") as file:
            file.write(data[:64])
            file.truncate(len(data))
            file.flush()
            for _ in range(3):
                shoot.age(os.fsencode(path), 0)
                shoot.pass_time(60)
            assert taken_in(shoot.journal) == []
            file.seek(0)
            file.write(data)
        shoot.pass_time(0)
        shoot.pass_time(60)
        assert taken_in(shoot.journal) == [sha256(data)]


def what_grows_after_it_was_taken_in_is_still_one_exposure(folder: Path) -> None:
    with shooting(folder) as shoot:
        shoot.put("Capture/a.mos", undocumented(1)[:-200])
        shoot.pass_time(60)
        shoot.put("Capture/a.mos", undocumented(1))
        shoot.pass_time(60)
        first, *later = shoot.journal.events()
        assert [event.kind for event in later] == [EventKind.CHANGED]
        assert (later[0].supersedes, later[0].group_id) == (first.file_id, first.group_id)


# 3


def what_lies_there_half_written_at_the_start_passes_the_same_gate(folder: Path) -> None:
    with shooting(folder) as shoot:
        shoot.put("Capture/a.NEF", raw(1)[:-200], age_s=0)
        shoot.start()
        shoot.intake.step()
        shoot.put("Capture/a.NEF", raw(1), age_s=0)
        shoot.pass_time(1)
        shoot.pass_time(5)
        assert taken_in(shoot.journal) == [sha256(raw(1))]


# 4, 5, 10


def a_file_whose_event_was_lost_is_found(folder: Path) -> None:
    settings = Settings(quiet_period_s=0.1, rescan_interval_s=0.3)
    with Running(folder / "session", settings) as running:
        (running.capture / "first.NEF").write_bytes(raw(2))
        wait_for(lambda: "first.NEF" in running.arrived(), SOON_S)  # its first look is over
        shutil.rmtree(running.capture)  # and with it the watch
        running.capture.mkdir()
        (running.capture / "a.NEF").write_bytes(raw(1))
        wait_for(lambda: "a.NEF" in running.arrived(), SOON_S)


def what_overflows_the_queue_is_found(folder: Path) -> None:
    settings = Settings(quiet_period_s=0.1, rescan_interval_s=0.3)
    frames = {f"{number:04}.jpg": jpeg(number) for number in range(120)}
    with Running(folder / "session", settings) as running:
        for name, data in frames.items():
            (running.capture / name).write_bytes(data)
        wait_for(lambda: running.journal.last_seq() >= len(frames), 4 * SOON_S)
        assert {event.sha256 for event in running.arrived().values()} == set(map(sha256, frames.values()))


def a_rename_is_noticed_wherever_it_comes_from(folder: Path) -> None:
    settings = Settings(quiet_period_s=0.1, rescan_interval_s=NEVER_S)
    with Running(folder / "session", settings) as running:
        (folder / "outside.NEF").write_bytes(raw(1))
        (running.capture / ".inside.part").write_bytes(raw(2))
        (folder / "outside.NEF").rename(running.capture / "a.NEF")
        (running.capture / ".inside.part").rename(running.capture / "b.NEF")
        wait_for(lambda: set(running.arrived()) == {"a.NEF", "b.NEF"}, SOON_S)


def no_rescans(patch: Patch) -> None:
    patch.setattr("hot_folder.rounds.Rounds._interval_s", lambda *_: NEVER_S)


def events_break_off(patch: Patch, after: int) -> None:
    """The fault itself: a queue that overflowed, or a watch that was lost."""
    count, real = itertools.count(), Watcher._dispatch
    patch.setattr(
        Watcher, "_dispatch", lambda self, event: real(self, event) if next(count) < after else None
    )


def only_closes(patch: Patch) -> None:
    real = Watcher._dispatch
    patch.setattr(
        Watcher, "_dispatch", lambda self, event: real(self, event) if event.event_type == "closed" else None
    )


# 6


def a_share_that_does_not_answer_deletes_nothing(folder: Path) -> None:
    with shooting(folder) as shoot:
        for seed in range(3):
            shoot.put(f"Capture/day/{seed}.NEF", raw(seed))
        shoot.put("Capture/other.NEF", raw(9))
        shoot.intake.step()
        away = shoot.session / "away"
        (shoot.session / "Capture/day").rename(away)
        real = intake.scan

        def stale(*arguments: Any, **options: Any) -> Iterator[Listing | ListingFailed]:
            yield from real(*arguments, **options)
            if arguments[1] == b"Capture":
                yield ListingFailed(b"Capture/day", OSError(errno.ESTALE, os.strerror(errno.ESTALE)))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(intake, "scan", stale)
            for _ in range(4):
                shoot.pass_time(600)
        assert {row.state for row in shoot.journal.live_files()} == {FileState.PRESENT}
        away.rename(shoot.session / "Capture/day")
        assert shoot.pass_time(600).events == ()


def failures_are_empty_folders(patch: Patch) -> None:
    patch.setattr("hot_folder.missing.MissingFiles.could_not_list", lambda *_: None)


# 7


def a_file_that_is_told_of_again_and_again_is_one(folder: Path) -> None:
    with shooting(folder) as shoot:
        path = shoot.put("Capture/a.NEF", raw(1))
        with Journal.open(shoot.session / "journal.sqlite") as second:
            beside = Intake(os.fsencode(shoot.session), second)
            for hint in (Hint.CLOSED, Hint.NONE, Hint.CLOSED):
                shoot.intake.hint(path, hint)
                beside.hint(path, hint)
                shoot.pass_time(6)
                beside.step()
            shoot.start()
            shoot.pass_time(60)
        assert len(shoot.journal.events()) == len(shoot.journal.live_files()) == 1


def nothing_is_remembered(patch: Patch) -> None:
    patch.setattr(Journal, "keys_in", lambda *_: {})
    patch.setattr(Journal, "key_at", lambda *_: None)
    patch.setattr(Journal, "at", lambda *_: None)
    patch.setattr(Journal, "with_bytes", lambda *_: [])


# 8


def a_disk_that_fails_once_costs_no_frame(folder: Path) -> None:
    with shooting(folder) as shoot:
        shoot.put("Capture/a.NEF", raw(1))
        real = gate.open_for_reading
        faults = iter([errno.EIO, errno.ESTALE, errno.ENOSPC, errno.EACCES])

        def fail(path: bytes, expected: Any) -> Any:
            number = next(faults, None)
            if number is not None:
                raise OSError(number, os.strerror(number))
            return real(path, expected)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gate, "open_for_reading", fail)
            for _ in range(8):
                shoot.pass_time(60)
        assert taken_in(shoot.journal) == [sha256(raw(1))]
        assert shoot.journal.quarantined() == []


# 9


def gphoto2_may_name_and_date_its_files_as_it_likes(folder: Path) -> None:
    with shooting(folder) as shoot:
        temp = shoot.put("Capture/tmpfileAbC12z", raw(9))
        for name, camera_clock_s in (("old.NEF", 978_307_200.0), ("ahead.NEF", 4_102_444_800.0)):
            path = shoot.put(f"Capture/{name}", raw(len(name)))
            os.utime(path, (camera_clock_s, camera_clock_s))
        for _ in range(3):
            shoot.pass_time(5)
        os.rename(temp, os.path.join(os.path.dirname(temp), b"new.NEF"))
        for _ in range(3):
            shoot.pass_time(5)
        events = shoot.journal.events()
        assert sorted(event.path for event in events) == [
            b"Capture/ahead.NEF",
            b"Capture/new.NEF",
            b"Capture/old.NEF",
        ]
        assert all(abs(event.at_s - time.time()) < 60 for event in events)


# 11


def a_name_that_comes_again_overwrites_nothing(folder: Path) -> None:
    with shooting(folder) as shoot:
        days = ("2024-05-01T12:00:00", "2024-05-03T09:00:00", "2024-05-03T09:00:00")
        frames = [raw(seed, taken=day) for seed, day in enumerate(days)]
        places = ("DSC_0001.NEF", "DSC_0001.NEF", "second body/DSC_0001.NEF")
        for place, frame in zip(places, frames, strict=True):
            shoot.put(f"Capture/{place}", frame)
            shoot.pass_time(60)
        assert taken_in(shoot.journal) == [sha256(frame) for frame in frames]
        groups = {event.group_id for event in shoot.journal.events() if event.kind is EventKind.ARRIVED}
        assert len(groups) == 3


# 12


def members_come_in_any_order(folder: Path) -> None:
    members = {"IMG_1.NEF": raw(1), "IMG_1.JPG": jpeg(1), "IMG_1.xmp": xmp(3), "IMG_1.NEF.xmp": xmp(4)}
    for turn in range(len(members)):
        with shooting(folder / str(turn)) as shoot:
            names = [*members][turn:] + [*members][:turn]
            for name in names:
                shoot.put(f"Capture/{name}", members[name])
                shoot.pass_time(60)
            groups = {row.group_id for row in shoot.journal.live_files()}
            assert len(groups) == 1 and None not in groups, names


# 13


def names_need_not_be_text(folder: Path) -> None:
    with shooting(folder) as shoot:
        shoot.put(b"Capture/caf\xe9 \xff.NEF", raw(1))
        shoot.put(b"Capture/b.NEF", raw(2))
        shoot.pass_time(60)
        paths = {row.path for row in shoot.journal.live_files()}
        assert paths == {b"Capture/caf\xe9 \xff.NEF", b"Capture/b.NEF"}


# 14


class Killed(BaseException):
    pass


def a_crash_in_the_middle_leaves_all_or_nothing(folder: Path) -> None:
    """The smallest of them; test_crash_safety.py kills at every step."""
    with shooting(folder) as shoot:
        shoot.put("Capture/a.NEF", raw(1))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Journal, "add_event", lambda *_, **__: (_ for _ in ()).throw(Killed()))
            with pytest.raises(Killed):
                shoot.intake.step()
        with Journal.open(shoot.session / "journal.sqlite") as after:
            restarted = Intake(os.fsencode(shoot.session), after)
            restarted.step()
            assert taken_in(after) == [sha256(raw(1))]
            assert len(after.live_files()) == 1


def no_transactions(patch: Patch) -> None:
    @contextmanager
    def none(self: Journal) -> Iterator[Journal]:
        yield self

    patch.setattr(Journal, "transaction", none)


# 15


def a_frame_that_never_came_is_missed(folder: Path) -> None:
    with shooting(folder) as shoot:
        note_watch(shoot.journal, 0)
        for number in (1, 2, 5):
            shoot.put(f"Capture/IMG_{number:04}.NEF", raw(number))
            shoot.pass_time(60)
        watch = TetherWatch(shoot.journal)
        watch.read_on()
        said = watch.tether(time.time() + 60)
        assert [(gap.first, gap.last) for gap in said.gaps] == [("IMG_0003", "IMG_0004")]
        assert said.last_frame_at_s is not None


def always(value: object) -> Callable[..., Any]:
    return lambda *_, **__: value


WAYS = [
    Way(
        1,
        "half-written file",
        a_closed_half_of_a_file_waits_for_the_other,
        lambda p: p.setattr(gate, "inspect", always(Verdict(Wholeness.WHOLE))),
    ),
    Way(
        2,
        "stable size lies",
        a_reserved_size_that_does_not_change_is_no_file_yet,
        lambda p: p.setattr(gate, "writer_of", always(Writer.UNKNOWN)),
        only_linux=True,
    ),
    Way(
        2,
        "late growth",
        what_grows_after_it_was_taken_in_is_still_one_exposure,
        lambda p: p.setattr(accession, "_continues", always(False)),
    ),
    Way(
        3,
        "start-up skips the check",
        what_lies_there_half_written_at_the_start_passes_the_same_gate,
        lambda p: p.setattr(gate, "settle", always(Settled())),
    ),
    Way(4, "lost events", a_file_whose_event_was_lost_is_found, no_rescans),
    Way(5, "queue overflow", what_overflows_the_queue_is_found, no_rescans),
    Way(6, "network listing fails", a_share_that_does_not_answer_deletes_nothing, failures_are_empty_folders),
    Way(7, "queued twice", a_file_that_is_told_of_again_and_again_is_one, nothing_is_remembered),
    Way(
        8,
        "passing failure made permanent",
        a_disk_that_fails_once_costs_no_frame,
        lambda p: p.setattr(gate, "pause_s", always(1e12)),
    ),
    Way(
        9,
        "gphoto2's habits",
        gphoto2_may_name_and_date_its_files_as_it_likes,
        lambda p: p.setattr(scanner, "is_ignored_file", always(False)),
    ),
    Way(10, "renames", a_rename_is_noticed_wherever_it_comes_from, only_closes, only_linux=True),
    Way(
        11,
        "name reuse",
        a_name_that_comes_again_overwrites_nothing,
        lambda p: p.setattr(accession, "_continues", always(True)),
    ),
    Way(
        12,
        "members in any order",
        members_come_in_any_order,
        lambda p: p.setattr(accession, "group_members", lambda members: [(member,) for member in members]),
    ),
    Way(
        13,
        "names that are no text",
        names_need_not_be_text,
        lambda p: p.setattr(gate, "shown", lambda path: path.decode("utf-8")),
    ),
    Way(14, "crash", a_crash_in_the_middle_leaves_all_or_nothing, no_transactions),
    Way(
        15,
        "the camera stalls",
        a_frame_that_never_came_is_missed,
        lambda p: p.setattr(tether_module._Counter, "count", always(None)),
    ),
]


def prepared(way: Way, patch: Patch) -> Way:
    if way.only_linux and sys.platform != "linux":
        pytest.skip("needs Linux: leases, and events that tell a close and a rename apart")
    if way.number in (4, 5):
        events_break_off(patch, 0 if way.number == 4 else 20)
    return way


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.number:02}-{way.name}")
def test_ingest_does_not_fail_this_way(way: Way, tmp_path: Path, monkeypatch: Patch) -> None:
    prepared(way, monkeypatch).scenario(tmp_path)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.number:02}-{way.name}")
def test_it_would_without_our_answer(way: Way, tmp_path: Path, monkeypatch: Patch) -> None:
    prepared(way, monkeypatch).without(monkeypatch)
    with pytest.raises((AssertionError, sqlite3.Error, UnicodeError)):
        way.scenario(tmp_path)


def test_all_fifteen_are_here() -> None:
    assert {way.number for way in WAYS} == set(range(1, 16))
