"""How a folder is watched depends on what it lies on."""

from __future__ import annotations

import os
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from hot_folder import FileState, Intake, Journal, Settings
from hot_folder.mounts import Mount, Watching, Ways, mount_of, way_of
from tests.hot_folder.samples import Shoot, cr3, raw

Partition = namedtuple("Partition", "device mountpoint fstype opts")
LOCAL = ["ext4", "xfs", "btrfs", "zfs", "apfs", "hfs", "NTFS", "exfat", "overlay", "tmpfs", "fuseblk", ""]
REMOTE = [
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "afpfs",
    "webdav",
    "fuse.sshfs",
    "macfuse",
    "9p",
    "vboxsf",
    "remote",
]


@pytest.mark.parametrize("filesystem", LOCAL)
def test_a_local_disk_is_watched_by_events(filesystem: str) -> None:
    way = way_of(Mount("/x", filesystem), Watching.AUTO, 2.0, 5.0)
    assert way.events and way.leases == (sys.platform == "linux")
    assert way.rule.quiet_period_s == 2.0


@pytest.mark.parametrize("filesystem", REMOTE)
def test_a_network_or_fuse_mount_is_only_scanned_and_waited_for_longer(filesystem: str) -> None:
    way = way_of(Mount("/x", filesystem), Watching.AUTO, 2.0, 5.0)
    assert not way.events and not way.leases
    assert way.rule.quiet_period_s == 5.0


def test_an_operator_may_know_better() -> None:
    assert not way_of(Mount("/x", "ext4"), Watching.SCANS, 2.0, 5.0).events
    forced = way_of(Mount("/x", "nfs"), Watching.EVENTS, 2.0, 5.0)
    assert forced.events and not forced.leases  # a lease of this machine binds nobody on another


def test_the_innermost_and_latest_mount_holds_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    here = tmp_path.resolve()
    table = [
        Partition("a", "/", "ext4", "rw"),
        Partition("b", str(here / "Capture"), "ext4", "rw"),
        Partition("c", str(here / "Capture"), "nfs4", "rw"),
        Partition("d", str(here / "Capture2"), "xfs", "rw"),
        Partition("e", str(here / "drive"), "NTFS", "rw,remote"),
    ]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: table)
    assert mount_of(os.fsencode(here / "Capture" / "deep" / "er")) == Mount(str(here / "Capture"), "nfs4")
    assert mount_of(os.fsencode(here / "drive")).is_remote
    assert not mount_of(os.fsencode(here)).is_remote


def test_each_device_is_asked_about_once() -> None:
    asked: list[bytes] = []

    def look(path: bytes) -> Mount:
        asked.append(path)
        return Mount("/", "nfs" if path == b"/b" else "ext4")

    ways = Ways(lambda mount: way_of(mount, Watching.AUTO, 2.0, 5.0), look)
    assert ways.of(b"/a", 1).events and ways.of(b"/a/2", 1).events and not ways.of(b"/b", 2).events
    assert asked == [b"/a", b"/b"]


@pytest.fixture
def nas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shoot:
    """A session on a mount that says it is NFS."""
    monkeypatch.setattr("hot_folder.intake.mount_of", lambda path: Mount("/nas", "nfs4"))
    shoot = Shoot(tmp_path / "session")
    yield shoot  # type: ignore[misc]
    shoot.journal.close()


def test_on_a_server_a_file_must_be_still_while_it_is_watched(nas: Shoot) -> None:
    nas.put("Capture/a.NEF", raw(1), age_s=30.0)  # the server's clock may well be half a minute slow
    nas.intake.step()
    assert nas.news() == []
    nas.pass_time(4.9)
    assert nas.news() == []
    nas.pass_time(0.2)
    assert nas.news() == [("arrived", "Capture/a.NEF")]


def test_on_a_server_an_old_shoot_is_taken_in_at_once(nas: Shoot) -> None:
    nas.put("Capture/a.NEF", raw(1), age_s=3600.0)
    nas.intake.step()
    assert nas.news() == [("arrived", "Capture/a.NEF")]


def test_on_a_server_no_lease_is_believed(nas: Shoot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hot_folder.gate.writer_of", lambda fd: pytest.fail("a lease was asked for"))
    nas.put("Capture/a.CR3", cr3(1), age_s=3600.0)
    nas.intake.step()
    assert nas.news() == [("arrived", "Capture/a.CR3")]


def test_a_remote_mount_below_a_local_folder_is_found_and_scanned_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shoot = Shoot(tmp_path / "session")
    with shoot.journal:
        (shoot.session / "Capture" / "cam2").mkdir()
        shoot.intake.step()
        assert not shoot.intake.unwatched
        other = os.stat(shoot.session).st_dev + 1
        real_stat = os.stat
        folder = os.fsencode(shoot.session / "Capture" / "cam2")

        def stat(path: bytes, **options: bool) -> os.stat_result:
            found = real_stat(path, **options)
            return os.stat_result((*found[:2], other, *found[3:])) if path == folder else found

        monkeypatch.setattr("hot_folder.scanner.os.stat", stat)
        monkeypatch.setattr(
            "hot_folder.intake.mount_of", lambda path: Mount("/", "nfs" if path == folder else "ext4")
        )
        shoot.start()
        shoot.intake.step()
        assert shoot.intake.unwatched


def test_a_drive_with_another_number_is_the_same_drive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share that is mounted again, or a disk that is plugged in again, is not read through once more."""
    shoot = Shoot(tmp_path / "session")
    with shoot.journal:
        for seed in range(3):
            shoot.put(f"Capture/{seed}.NEF", raw(seed))
        shoot.intake.step()
        before = shoot.journal.last_seq()
        device = shoot.journal.live_files()[0].key.device
        shoot.journal.renumber([row.path for row in shoot.journal.live_files()], device + 7)
        monkeypatch.setattr("hot_folder.gate.read_through", lambda *_, **__: pytest.fail("it was read again"))
        for _ in range(3):
            assert shoot.pass_time(60).problems == ()
        assert shoot.journal.last_seq() == before
        assert {row.key.device for row in shoot.journal.live_files()} == {device}


def test_another_drive_in_the_place_of_the_shoots_own_deletes_nothing(tmp_path: Path) -> None:
    """An unmounted drive leaves its mount point behind, and somebody may have put a file there."""
    shoot = Shoot(tmp_path / "session")
    with shoot.journal:
        for seed in range(3):
            shoot.put(f"Capture/{seed}.NEF", raw(seed))
        shoot.intake.step()
        # What the journal knows lay on another drive; this one holds none of it.
        shoot.journal.renumber([row.path for row in shoot.journal.live_files()], 4711)
        kept = shoot.session / "away"
        kept.mkdir()
        for seed in range(3):
            (shoot.session / f"Capture/{seed}.NEF").rename(kept / f"{seed}.NEF")
        shoot.put("Capture/notes.NEF", raw(9))
        for _ in range(4):
            problems = shoot.pass_time(60).problems
        assert any(
            "another drive" in one.reason and "nothing is counted as deleted" in one.reason
            for one in problems
        )
        assert sum(row.state is FileState.PRESENT for row in shoot.journal.live_files()) == 4
        for seed in range(3):
            (kept / f"{seed}.NEF").rename(shoot.session / f"Capture/{seed}.NEF")
        assert shoot.pass_time(60).problems == ()


def test_a_subfolder_that_lay_on_another_drive_is_not_deleted_with_its_mount(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path / "session")
    with shoot.journal:
        shoot.put("Capture/notes.NEF", raw(9))
        shoot.put("Capture/day 1/a.NEF", raw(1))
        shoot.intake.step()
        shoot.journal.renumber([b"Capture/day 1/a.NEF"], 4711)
        (shoot.session / "Capture/day 1").rename(shoot.session / "away")
        for _ in range(4):
            (problem,) = shoot.pass_time(60).problems
        assert "nothing is counted as deleted" in problem.reason
        assert {row.state for row in shoot.journal.live_files()} == {FileState.PRESENT}


def test_on_a_mount_without_events_scans_follow_each_other(tmp_path: Path) -> None:
    """Real time: what lands is found within the rhythm of the scans, not within the rescan interval."""
    import threading
    import time

    (tmp_path / "Capture").mkdir()
    settings = Settings(watching=Watching.SCANS, remote_quiet_period_s=0.3, rescan_interval_s=60.0)
    with Journal.open(tmp_path / "j.sqlite") as journal:
        intake = Intake(os.fsencode(tmp_path), journal, settings=settings)
        stop = threading.Event()
        thread = threading.Thread(target=intake.run, args=(stop,))
        thread.start()
        try:
            time.sleep(0.3)
            (tmp_path / "Capture" / "a.NEF").write_bytes(raw(1))
            deadline_s = time.monotonic() + 10
            while journal.last_seq() == 0 and time.monotonic() < deadline_s:
                time.sleep(0.02)
            assert journal.last_seq() == 1
        finally:
            stop.set()
            thread.join(10)
