"""What is said of the tether: the last frame, the bodies, what the counter skipped, a clock that was set."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hot_folder import EventKind, ExposureHints, FileKey, FileState, Journal, Place
from hot_folder.tether import Tether, TetherWatch, end_watch, note_watch
from tests.hot_folder.samples import Shoot, raw

NOON = datetime(2024, 5, 1, 12, 0, 0)


class Tethered:
    """A journal that frames come into, by a clock of its own."""

    def __init__(self, path: Path) -> None:
        self.now_s = 1_714_550_400.0
        self.journal = Journal.open(path, wall_s=lambda: self.now_s)
        self.watch = TetherWatch(self.journal)
        self.count = 0

    def frame(
        self, name: str, *, after_s: float = 5.0, serial: str | None = "1", taken: datetime | None = None
    ) -> None:
        self.now_s += after_s
        self.count += 1
        path, key = f"Capture/{name}".encode(), FileKey(1, self.count, 10, 0)
        with self.journal.transaction() as journal:
            columns = {
                "hints": ExposureHints(taken, serial),
                "sha256": path,
                "group_id": journal.add_capture(),
            }
            row = journal.add_file(FileState.PRESENT, Place.CAPTURE, path, key, **columns)
            journal.add_event(EventKind.ARRIVED, row)

    def said(self, after_s: float = 60.0) -> Tether:
        self.now_s += after_s
        self.watch.read_on()
        return self.watch.tether(self.now_s)

    def gaps(self) -> list[tuple[str, str, int]]:
        return [(gap.first, gap.last, gap.count) for gap in self.said().gaps]


@pytest.fixture
def tethered(tmp_path: Path) -> Iterator[Tethered]:
    tethered = Tethered(tmp_path / "j")
    note_watch(tethered.journal, 0)
    yield tethered
    tethered.journal.close()


def test_seconds_since_the_last_frame(tethered: Tethered) -> None:
    assert tethered.said().last_frame_at_s is None
    tethered.frame("IMG_0001.NEF")
    at_s = tethered.now_s
    assert tethered.said(37.0).last_frame_at_s == at_s == tethered.now_s - 37.0


def test_two_bodies_are_told_by_their_serial_numbers(tethered: Tethered) -> None:
    tethered.frame("a/DSC_0001.NEF", serial="100")
    tethered.frame("b/DSC_0001.NEF", serial="200")
    tethered.frame("b/DSC_0002.NEF", serial="200")
    assert {camera.serial: camera.frames for camera in tethered.said().cameras} == {"100": 1, "200": 2}


def test_raw_and_jpeg_are_one_frame(tethered: Tethered) -> None:
    for name in ("IMG_0001.NEF", "IMG_0001.JPG", "IMG_0002.JPG", "IMG_0002.NEF"):
        tethered.frame(name)
    assert [camera.frames for camera in tethered.said().cameras] == [2]


def test_a_gap_in_the_counter_is_said_and_closes_when_its_frames_come(tethered: Tethered) -> None:
    for number in (7, 8, 12, 13):
        tethered.frame(f"IMG_{number:04}.NEF")
    assert tethered.gaps() == [("IMG_0009", "IMG_0011", 3)]
    tethered.frame("IMG_0010.NEF")
    assert tethered.gaps() == [("IMG_0009", "IMG_0009", 1), ("IMG_0011", "IMG_0011", 1)]
    tethered.frame("IMG_0009.NEF")
    tethered.frame("IMG_0011.NEF")
    assert tethered.gaps() == []


def test_frames_that_overtake_each_other_are_no_gap(tethered: Tethered) -> None:
    for number in (1, 4, 2, 3, 5):
        tethered.frame(f"IMG_{number:04}.NEF", after_s=0.2)
        assert tethered.said(0.0).gaps == ()
    assert tethered.gaps() == []


@pytest.mark.parametrize("first", [0, 1])
def test_a_counter_that_rolls_over_skips_nothing(tethered: Tethered, first: int) -> None:
    for number in (9998, 9999, first, first + 1):
        tethered.frame(f"DSC_{number:04}.NEF")
    assert tethered.gaps() == []


def test_a_gap_across_the_roll_over(tethered: Tethered) -> None:
    for number in (9998, 2):
        tethered.frame(f"DSC_{number:04}.NEF")
    assert tethered.gaps() == [("DSC_0001", "DSC_0001", 1), ("DSC_9999", "DSC_9999", 1)]


def test_another_card_is_no_gap(tethered: Tethered) -> None:
    for number in (17, 18, 4711, 4712, 900, 901):
        tethered.frame(f"DSC_{number:04}.NEF")
    assert tethered.gaps() == []


def test_bodies_and_folders_count_for_themselves(tethered: Tethered) -> None:
    for number in (1, 2, 3):
        tethered.frame(f"a/DSC_{number:04}.NEF", serial="100")
        tethered.frame(f"b/DSC_{number * 2 + 50:04}.NEF", serial="200")
    assert [gap.folder for gap in tethered.said().gaps] == [b"Capture/b", b"Capture/b"]


def test_a_shoot_that_lay_there_when_watching_began_raises_no_alarm(tmp_path: Path) -> None:
    tethered = Tethered(tmp_path / "j")
    with tethered.journal:
        for number in (1, 7, 30, 31):  # somebody's selection
            tethered.frame(f"IMG_{number:04}.NEF", taken=NOON - timedelta(hours=number))
        watch = note_watch(tethered.journal, 0)
        tethered.frame("IMG_0032.NEF")
        tethered.frame("IMG_0034.NEF")
        assert tethered.gaps() == [("IMG_0033", "IMG_0033", 1)]
        assert tethered.said().clock_jumps == ()
        end_watch(tethered.journal, watch)
        tethered.frame("IMG_0050.NEF")  # taken in by `run`, with nobody watching
        assert len(tethered.gaps()) == 1


def shoot_for(tethered: Tethered, clock: timedelta, first: int, count: int) -> None:
    """Frames every 5 s from a camera whose clock is `clock` ahead of ours; each takes 1 to 3 s to come."""
    for number in range(first, first + count):
        taken = datetime.fromtimestamp(tethered.now_s + 5.0 - 1.0 - number % 3) + clock
        tethered.frame(f"IMG_{number:04}.NEF", taken=taken.replace(microsecond=0))


@pytest.mark.parametrize("hours", [-8760, -1, 1, 8760])
def test_a_camera_clock_that_is_set_is_said_once(tethered: Tethered, hours: int) -> None:
    shoot_for(tethered, timedelta(hours=9), 1, 5)  # another time zone is no jump
    shoot_for(tethered, timedelta(hours=9 + hours), 6, 5)
    (jump,) = tethered.said().clock_jumps
    assert jump.path == b"Capture/IMG_0006.NEF" and jump.serial == "1"
    assert jump.by_s == pytest.approx(hours * 3600, abs=10)


def test_frames_that_waited_in_the_camera_are_no_jump(tethered: Tethered) -> None:
    shoot_for(tethered, timedelta(0), 1, 3)
    began_s = tethered.now_s
    tethered.now_s += 900  # the cable was out for a quarter of an hour, and shooting went on
    for number in range(4, 10):
        tethered.frame(
            f"IMG_{number:04}.NEF", after_s=0.5, taken=datetime.fromtimestamp(began_s + 100 * (number - 3))
        )
    shoot_for(tethered, timedelta(0), 10, 3)
    assert tethered.said().clock_jumps == ()


def test_watching_marks_what_comes_from_then_on(shoot: Shoot) -> None:
    """With the real rounds: what lay there is no gap, what comes while it is watched is."""
    for number in (1, 5):
        shoot.put(f"Capture/IMG_{number:04}.NEF", raw(number))
    stop = threading.Event()
    later = iter([lambda: None, lambda: [shoot.put(f"Capture/IMG_{n:04}.NEF", raw(n)) for n in (6, 9)]])

    class Resting:
        def __call__(self, *_: object) -> None:
            shoot.now_s += 60
            step = next(later, None)
            stop.set() if step is None else step()

    shoot.intake.rest = Resting()  # type: ignore[method-assign]
    shoot.intake.run(stop)
    watch = TetherWatch(shoot.journal)
    watch.read_on()
    assert [(gap.first, gap.last) for gap in watch.tether(4e9).gaps] == [("IMG_0007", "IMG_0008")]
