"""What else may lie in a watched folder, or happen to it. Nothing of it stops intake or costs a frame."""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from hot_folder import FileState, Intake, Journal, JournalBusy, Settings, gate
from tests.hot_folder.samples import Shoot, raw, xmp
from tests.support.mounting import bind, grow, small_disk, unmount

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX names and links")


def arrived(shoot: Shoot) -> list[bytes]:
    return [row.path for row in shoot.journal.live_files() if row.state is FileState.PRESENT]


@POSIX
@pytest.mark.parametrize(
    "name", [b"\xff\xfe.NEF", b"caf\xe9 \x80.NEF", b"new\nline\t.NEF", b"n" * 251 + b".NEF"]
)
def test_any_name_that_the_system_allows_is_taken_in_and_shown(shoot: Shoot, name: bytes) -> None:
    if sys.platform == "darwin" and b"n" * 251 not in name:
        pytest.skip("needs a filesystem that takes any bytes as names")
    shoot.put(b"Capture/" + name, raw(1))
    shoot.put(b"Capture/" + name[:-4] + b".xmp", xmp(3))
    report = shoot.intake.step()
    assert report.problems == ()
    assert {row.path for row in shoot.journal.live_files()} == {
        b"Capture/" + name,
        b"Capture/" + name[:-4] + b".xmp",
    }
    assert len({row.group_id for row in shoot.journal.live_files()}) == 1


@POSIX
def test_links_pipes_sockets_and_devices_are_named_and_never_opened(shoot: Shoot, tmp_path: Path) -> None:
    capture = shoot.session / "Capture"
    outside = tmp_path / "outside.NEF"
    outside.write_bytes(raw(7))
    (capture / "link.NEF").symlink_to(outside)
    (capture / "loop.NEF").symlink_to("loop.NEF")
    (capture / "folder").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(capture / "pipe.NEF")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(capture)  # the names of sockets are short
        try:
            listening.bind("socket.NEF")
        finally:
            os.chdir(here)
        shoot.put("Capture/a.NEF", raw(1))
        report = shoot.intake.step()  # it would hang here on the pipe
    assert arrived(shoot) == [b"Capture/a.NEF"]
    odd = {problem.path for problem in report.problems}
    assert {b"Capture/link.NEF", b"Capture/loop.NEF", b"Capture/pipe.NEF", b"Capture/socket.NEF"} <= odd
    assert not any(problem.is_urgent for problem in report.problems)


@POSIX
def test_a_pipe_that_takes_a_files_place_before_it_is_opened_hangs_nobody(
    shoot: Shoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(os.fsdecode(shoot.put("Capture/a.NEF", raw(1))))
    real = gate.open_for_reading

    def swap(name: bytes, expected: object) -> object:
        if stat.S_ISREG(os.lstat(name).st_mode):
            path.unlink()
            os.mkfifo(path)
        return real(name, expected)  # type: ignore[arg-type]

    monkeypatch.setattr(gate, "open_for_reading", swap)
    shoot.intake.step()
    assert arrived(shoot) == []


@pytest.mark.parametrize("moment", ["before it is opened", "while it is read"])
def test_a_file_that_vanishes_under_our_hands_is_no_trouble(
    shoot: Shoot, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = shoot.put("Capture/a.NEF", raw(1))
    shoot.put("Capture/b.NEF", raw(2))
    step = "open_for_reading" if moment.startswith("before") else "read_through"
    real = getattr(gate, step)

    def vanish(*arguments: object, **options: object) -> object:
        if os.path.exists(path):
            os.unlink(path)
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(gate, step, vanish)
        report = shoot.intake.step()
    assert report.problems == ()
    for _ in range(3):
        report = shoot.pass_time(60)
    assert report.problems == () and report.settling == ()
    assert arrived(shoot) == [b"Capture/b.NEF"]


def test_an_unmounted_capture_that_comes_back_lost_nothing(tmp_path: Path) -> None:
    """A real mount: bound, let go, bound again, with a frame that came onto the drive meanwhile."""
    session, drive = tmp_path / "session", tmp_path / "drive"
    shoot = Shoot(session)
    drive.mkdir()
    with shoot.journal:
        bind(drive, session / "Capture")
        try:
            for seed in range(3):
                shoot.put(f"Capture/day/{seed}.NEF", raw(seed))
            shoot.intake.step()
        finally:
            unmount(session / "Capture")
        before = shoot.journal.last_seq()
        for _ in range(3):
            shoot.pass_time(600)
        assert shoot.journal.last_seq() == before, "an empty mount point is no deletion"
        (drive / "day" / "3.NEF").write_bytes(raw(3))
        os.utime(drive / "day" / "3.NEF", (1e9, 1e9))
        bind(drive, session / "Capture")
        try:
            assert shoot.pass_time(600).problems == ()
            assert [event.path for event in shoot.journal.events(before)] == [b"Capture/day/3.NEF"]
        finally:
            unmount(session / "Capture")


def test_a_really_full_disk_is_waited_out(tmp_path: Path) -> None:
    """The journal's own small filesystem runs full in the middle of a burst, and is given room again."""
    session = tmp_path / "session"
    (session / "Capture").mkdir(parents=True)
    for seed in range(400):
        path = session / "Capture" / f"IMG_{seed:04}.NEF"
        path.write_bytes(raw(seed, payload_bytes=200))
        os.utime(path, (1e9, 1e9))
    with small_disk(tmp_path / "small", "600k"):
        ballast = tmp_path / "small" / "ballast"
        with Journal.open(tmp_path / "small" / "j.sqlite") as journal:
            ballast.write_bytes(bytes(300_000))
            intake = Intake(os.fsencode(session), journal, settings=Settings(step_budget_s=60.0))
            with pytest.raises(JournalBusy, match="tried again"):
                for _ in range(3):
                    intake.step()
            taken = len(journal.live_files())
            assert taken < 400
            ballast.unlink()
            grow(tmp_path / "small", "8m")
            for _ in range(4):
                intake.step()
            assert len(journal.live_files()) == 400
            arrivals = [event.path for event in journal.events(limit=10_000)]
            assert len(arrivals) == len(set(arrivals)) == 400


def test_a_clock_that_goes_backwards_only_makes_it_wait(tmp_path: Path) -> None:
    wall_s = 2e9
    shoot = Shoot(tmp_path / "session")
    with shoot.journal:
        intake = Intake(
            os.fsencode(shoot.session),
            shoot.journal,
            monotonic_s=lambda: shoot.now_s,
            wall_s=lambda: wall_s,
        )
        path = shoot.put("Capture/a.NEF", raw(1))
        os.utime(path, (wall_s - 1.0, wall_s - 1.0))
        wall_s -= 86_400.0  # set back by a day: the file lies in the future now
        intake.step()
        assert arrived(shoot) == []
        shoot.now_s += 2.1
        intake.step()
        assert arrived(shoot) == [b"Capture/a.NEF"]


def test_two_spellings_of_one_name_are_two_files_where_the_disk_tells_them_apart(shoot: Shoot) -> None:
    shoot.put("Capture/a.NEF", raw(1))
    shoot.put("Capture/A.nef", raw(2))
    if len(list((shoot.session / "Capture").iterdir())) == 1:  # and one, with other bytes, where it does not
        shoot.intake.step()
        assert len(arrived(shoot)) == 1
        return
    shoot.intake.step()
    assert sorted(arrived(shoot)) == [b"Capture/A.nef", b"Capture/a.NEF"]
    assert len({row.group_id for row in shoot.journal.live_files()}) == 2


def test_where_the_disk_does_not_tell_spellings_apart_the_second_writer_is_a_new_capture(
    shoot: Shoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS and Windows: A.nef opens the file that is called a.NEF, and it keeps that spelling."""
    shoot.put("Capture/a.NEF", raw(1, taken="2024-05-01T12:00:00"))
    shoot.intake.step()
    shoot.put("Capture/a.NEF", raw(2, taken="2024-05-01T13:00:00"))
    shoot.pass_time(10)
    assert [kind for kind, _ in shoot.news()] == ["arrived", "replaced", "arrived"]
