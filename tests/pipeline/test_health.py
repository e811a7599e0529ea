"""What the page and `studio status` say of the tether and the drives."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from hot_folder import Journal, Problem
from hot_folder.tether import Camera, ClockJump, Gap, Tether, note_watch
from studio_pipeline.pipeline import health, space
from studio_pipeline.pipeline import studio as studio_module
from studio_pipeline.pipeline.health import Health
from studio_pipeline.pipeline.space import Drive
from studio_pipeline.session.folder import Session
from tests.hot_folder.test_tether import Tethered
from tests.support import shoots
from tests.support.command import done

Usage = namedtuple("Usage", "total used free")
GB = 10**9


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return shoots.new_session(tmp_path / "s", shoots.cleanup_preset())


def disk(monkeypatch: pytest.MonkeyPatch, *, total: int, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(total, total - free, free))


def test_a_gap_is_an_alarm_for_a_while_and_then_history() -> None:
    gap = Gap(b"Capture", "IMG_0007", "IMG_0009", 3, since_s=1000.0)
    tether = Tether(1000.0, (), (gap,), ())
    (alarm,) = health.alarms(tether, [], 1100.0)
    assert alarm.startswith("IMG_0007 to IMG_0009 (3 frames) have not come into Capture: look at the camera")
    assert health.notices(tether, 1100.0) == []
    assert health.alarms(tether, [], 3000.0) == [] and health.notices(tether, 3000.0) == [alarm]


@pytest.mark.parametrize(("by_s", "said"), [(-7200.0, "back by 2.0 hours"), (600.0, "forward by 10 minutes")])
def test_a_clock_that_was_set_is_a_notice(by_s: float, said: str) -> None:
    jump = ClockJump("4711", b"Capture/IMG_0006.NEF", by_s, 1000.0)
    (notice,) = health.notices(Tether(None, (), (), (jump,)), 1100.0)
    assert f"the clock of camera 4711 was set {said} at Capture/IMG_0006.NEF" in notice


def test_two_cameras_are_named_and_one_is_not() -> None:
    cameras = [Camera("100", 3, 50.0), Camera("200", 1, 90.0), Camera(None, 7, 10.0)]
    told = health._tether(Tether(90.0, tuple(cameras), (), ()), 100.0)
    assert health.spoken(told) == ["2 cameras: 100 (3 frames, 50 s ago), 200 (1 frames, 10 s ago)"]
    assert health.spoken(health._tether(Tether(50.0, tuple(cameras[:1]), (), ()), 100.0)) == []


def test_a_drive_is_low_below_two_gigabytes_or_a_twentieth(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for total, free, low in (
        (1000 * GB, 3 * GB, False),
        (1000 * GB, 2 * GB, True),
        (10 * GB, GB, False),
        (10 * GB, GB // 3, True),
    ):
        disk(monkeypatch, total=total, free=free)
        assert [drive.is_low for drive in space.drives(session)] == [low]
        assert space.has_room(session)() is not low


def test_a_drive_that_does_not_answer_holds_nothing_up(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> Usage:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shutil, "disk_usage", fail)
    assert space.drives(session) == [] and space.has_room(session)()


def test_the_page_is_told_alarms_before_notices(session: Session) -> None:
    tethered = Tethered(session.databases / "journal.sqlite")
    with tethered.journal as journal:
        note_watch(journal, 0)
        for number in (1, 2, 5):
            tethered.frame(f"IMG_{number:04}.NEF")
        problems = [Problem(b"a", "a cannot be read"), Problem(b"b", "b is a link", is_urgent=False)]
        told = Health(session, journal).told(tethered.now_s + 60, problems, ["1 original exists only once"])
    assert told["alarms"][:2] == ["1 original exists only once", "a cannot be read"]
    assert "IMG_0003 to IMG_0004 (2 frames)" in told["alarms"][2]
    assert told["notices"] == ["b is a link"]
    assert told["tether"]["cameras"] == [{"serial": "1", "frames": 3, "last_frame_age_s": 60.0}]
    assert told["tether"]["gaps"][0]["count"] == 2


def test_a_busy_journal_leaves_what_was_known(session: Session) -> None:
    tethered = Tethered(session.databases / "journal.sqlite")
    with tethered.journal as journal:
        tethered.frame("IMG_0001.NEF")
        known = Health(session, journal)
        before = known.told(tethered.now_s, [], [])["tether"]
        assert before["cameras"][0]["frames"] == 1
        journal._connection.execute("ALTER TABLE events RENAME TO away")
        assert known.told(tethered.now_s, [], [])["tether"] == before


def test_status_says_what_is_in_the_way(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from hot_folder.troubles import Troubles

    with Journal.open(session.databases / "journal.sqlite") as journal:
        Troubles(journal).note([Problem(b"Capture/a.NEF", "Capture/a.NEF cannot be read", 3)], 1e9)
    disk(monkeypatch, total=1000 * GB, free=GB)
    answer = done("status", session.root)
    assert "Capture/a.NEF cannot be read" in answer.out.splitlines()[-2]
    assert "the drive of the session has 1.0 GB left" in answer.out.splitlines()[-1]
    told = done("status", session.root, "--json").json["health"]
    assert [(one["path"], one["tries"]) for one in told["troubles"]] == [("Capture/a.NEF", 3)]
    assert told["drives"][0]["low"] is True and len(told["alarms"]) == 2


def test_below_the_reserve_frames_are_taken_in_and_work_waits(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With real workers: previews are made, nothing else is begun, and it goes on by itself."""
    room = False
    drive = Drive("the session", 0, GB)
    monkeypatch.setattr(studio_module.space, "has_room", lambda session: lambda: room)
    monkeypatch.setattr(studio_module.space, "drives", lambda session: [] if room else [drive])
    shoots.put(session, shoots.portrait())
    with shoots.at_work(session) as working:
        working.run()
        (entry,) = working.catalog.entries()
        assert entry.previewed and entry.base is None and entry.reason == ""
        assert working.problems() == [drive.warning]
        room = True
        working.run()
        (entry,) = working.catalog.entries()
        assert entry.proposal is not None and working.problems() == []
