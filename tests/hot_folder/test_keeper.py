"""The keeper: what it copies and when, through drives that go away, come back, are exchanged, or hang."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from hot_folder import Vault, VaultKeeper
from hot_folder import keeper as keeper_module
from hot_folder.checking import check
from hot_folder.wanted import missing
from tests.hot_folder import samples
from tests.hot_folder.drives import Drive, copies, keep_all, keeper, raises
from tests.hot_folder.samples import Shoot

SETTINGS = "Capture/CaptureOne/Settings153/a.NEF.cos"


def test_a_vault_that_vanishes_is_not_made_anew_and_goes_on_when_it_is_back(
    shoot: Shoot, drive: Drive
) -> None:
    shoot.put("Capture/a.NEF", samples.raw(1))
    shoot.intake.step()
    keeping = keeper(shoot, drive.vault)
    assert copies(keeping) == 1
    drive.unplug()
    shoot.put("Capture/b.NEF", samples.raw(2))
    shoot.intake.step()
    assert not keeping.step()
    assert keeping.pending == 1
    assert keeping.problem is not None and "is not there: connect its drive" in keeping.problem
    drive.root.mkdir()  # the empty folder that a drive was mounted on
    shoot.now_s += 60
    assert not keeping.step()
    assert list(drive.root.iterdir()) == []
    drive.root.rmdir()
    drive.plug_in()
    assert not keeping.step(), "it rests after a failure"
    shoot.now_s += 60
    assert copies(keeping) == 1
    assert keeping.pending == 0 and keeping.problem is None
    assert len(drive.files()) == 2


def test_a_drive_in_the_place_of_another_gets_everything_while_the_program_runs(
    shoot: Shoot, drive: Drive
) -> None:
    for seed in range(3):
        shoot.put(f"Capture/{seed}.NEF", samples.raw(seed))
    shoot.put("Capture/clip.mov", b"a video")
    shoot.intake.step()
    keeping = keeper(shoot, drive.vault)
    assert keeping.step() and keeping.step(), "the second copy is on no list yet"
    drive.unplug()
    second = Drive(drive.root)
    (shoot.session / "Capture/1.NEF").unlink()  # so nothing but the other drive has it
    shoot.pass_time(40)
    shoot.pass_time(40)
    assert copies(keeping) == 3
    assert set(second.files()) == {b"Capture/0.NEF", b"Capture/2.NEF", b"Capture/clip.mov"}
    checked = check(second.vault)
    assert (checked.files, checked.generations, checked.findings) == (3, 1, ())


def test_pending_files_are_counted_with_how_long_they_have_waited(shoot: Shoot, drive: Drive) -> None:
    keeping = keeper(shoot, drive.vault)
    copies(keeping)
    assert (keeping.pending, keeping.pending_s) == (0, 0)
    drive.unplug()
    shoot.put("Capture/a.NEF", samples.raw(1))
    shoot.put("Capture/clip.mov", b"a video")
    shoot.put(SETTINGS, b"settings are no frames")
    shoot.intake.step()
    keeping.step()
    shoot.now_s += 40
    keeping.step()
    assert (keeping.pending, keeping.pending_s) == (2, 40)
    drive.plug_in()
    shoot.now_s += 60
    assert copies(keeping) == 3


def test_whether_one_drive_holds_both_is_known_once_it_was_looked_at(shoot: Shoot, drive: Drive) -> None:
    keeping = keeper(shoot, drive.vault)
    assert not keeping.shares_drive
    keeping.step()
    assert keeping.shares_drive


# --- what intake does not read


def test_what_is_no_picture_is_kept_after_the_frames(shoot: Shoot, drive: Drive) -> None:
    shoot.put("Capture/clip.mov", b"a video")
    shoot.put("Capture/sound.wav", b"a sound")
    shoot.put("Output/mine.mov", b"a film of the studio's own")
    shoot.put("Capture/a.NEF", samples.raw(1))
    shoot.intake.step()
    keeping = keeper(shoot, drive.vault)
    assert keeping.step() and set(drive.files()) == {b"Capture/a.NEF"}
    assert copies(keeping) == 2
    assert set(drive.files()) == {b"Capture/a.NEF", b"Capture/clip.mov", b"Capture/sound.wav"}
    shoot.put("Capture/late.mov", b"one more")
    shoot.intake.step()
    assert copies(keeping) == 1, "at once, not with the next look"
    assert missing(shoot.journal, drive.vault) == []


def test_the_hosts_settings_are_kept_in_every_version_and_its_cache_is_not(
    shoot: Shoot, drive: Drive
) -> None:
    kept = {
        SETTINGS: b"v1",
        "Capture/day 1/captureone/settings/b.NEF.cos": b"b",
        "Capture/CaptureOne/Settings153/masks/c.comask": b"c",
        "Selects/CaptureOne/Settings153/d.NEF.cos": b"d",
        "monday.cosessiondb": b"session",
    }
    left = ("Capture/CaptureOne/Cache/a.cot", "Output/x.cosessiondb", ".studio/CaptureOne/Settings/e.cos")
    for name, data in (kept | dict.fromkeys(left, b"no")).items():
        shoot.put(name, data)
    keeping = keeper(shoot, drive.vault)
    assert copies(keeping) == len(kept)
    assert drive.files() == {name.encode(): data for name, data in kept.items()}
    shoot.put(SETTINGS, b"version two")
    shoot.now_s += 60
    assert copies(keeping) == 0, "not with every slider that is moved"
    shoot.now_s += 300
    assert copies(keeping) == 1
    versions = {data for name, data in drive.files().items() if name.startswith(SETTINGS[:-4].encode())}
    assert versions == {b"v1", b"version two"}
    shoot.put(SETTINGS, b"v1")
    assert keep_all(shoot, drive.vault) == 1, "back to the first one: nothing is copied, but it counts again"
    assert drive.vault.index().own_latest[SETTINGS.encode()].path == SETTINGS.encode()
    assert keep_all(shoot, drive.vault) == 0
    (drive.root / SETTINGS).write_bytes(b"cut")
    assert keep_all(shoot, drive.vault) == 1, "a damaged copy is no copy"


def test_a_file_without_a_hash_is_left_until_it_has_been_still(shoot: Shoot, drive: Drive) -> None:
    keeping = keeper(shoot, drive.vault)
    path = shoot.put(SETTINGS, b"v1", age_s=0)
    assert copies(keeping) == 0
    shoot.now_s += 5
    assert copies(keeping) == 0
    shoot.now_s += 6
    assert copies(keeping) == 1
    assert Path(os.fsdecode(path)).read_bytes() == drive.files()[SETTINGS.encode()]


def test_a_video_that_goes_on_growing_is_kept_again(shoot: Shoot, drive: Drive) -> None:
    shoot.put("Capture/clip.mov", b"first half")
    shoot.intake.step()
    keeping = keeper(shoot, drive.vault)
    assert copies(keeping) == 1
    shoot.put("Capture/clip.mov", b"first half, second half")
    shoot.pass_time(40)
    shoot.pass_time(1)
    assert len(missing(shoot.journal, drive.vault)) == 1
    assert copies(keeping) == 1
    assert b"first half, second half" in drive.files().values()
    assert missing(shoot.journal, drive.vault) == []


def test_equal_sidecars_of_two_frames_are_both_kept_and_the_last_version_counts(
    shoot: Shoot, drive: Drive
) -> None:
    for name in ("a", "b"):
        shoot.put(f"Capture/{name}.xmp", samples.xmp(1))
    keep_all(shoot, drive.vault)
    assert set(drive.files()) == {b"Capture/a.xmp", b"Capture/b.xmp"}
    for rating in (5, 1):
        shoot.put("Capture/a.xmp", samples.xmp(rating))
        shoot.pass_time(10)
        assert keep_all(shoot, drive.vault) == 1
    assert len(drive.files()) == 3
    assert drive.vault.index().own_latest[b"Capture/a.xmp"].path == b"Capture/a.xmp"


# --- when the list is written


def test_the_list_is_written_when_there_is_time_and_now_and_then_when_there_is_none(
    shoot: Shoot, drive: Drive
) -> None:
    for seed in range(5):
        shoot.put(f"Capture/{seed}.NEF", samples.raw(seed))
    shoot.intake.step()
    keeping = keeper(shoot, drive.vault)

    def listed() -> int:
        return sum(path.read_text().count("<hash>") for path in drive.lists)

    counts = []
    for rest_s in (0.0, 0.0, 0.0, 11.0, 0.0, 0.0):
        shoot.now_s += rest_s
        keeping.step()
        counts.append(listed())
    assert counts == [1, 1, 1, 4, 4, 5]
    assert len(drive.lists) == 1, "one generation a run"


def test_a_list_that_cannot_be_written_is_said_and_written_later(
    shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    shoot.put("Capture/a.NEF", samples.raw(1))
    shoot.intake.step()
    keeping = keeper(shoot, drive.vault)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", raises(OSError(28, "No space left on device")))
        assert not keeping.step()
    assert keeping.problem is not None and "is full: make room" in keeping.problem
    assert drive.lists == []
    shoot.now_s += 60
    assert not keeping.step()
    assert keeping.problem is None
    (listed,) = drive.lists
    assert "Capture/a.NEF" in listed.read_text()
    assert keep_all(shoot, drive.vault) == 0


# --- the thread


def test_the_thread_says_each_problem_once_and_outlives_a_bug(
    shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VaultKeeper, "_copy_next", raises(AssertionError("a bug")))
    keeping, stop, steps = keeper(shoot, drive.vault), threading.Event(), 0
    said: list[str] = []

    def wait(timeout: float) -> None:
        nonlocal steps
        shoot.now_s += 60
        steps += 1
        if steps == 3:
            drive.unplug()
        if steps == 6:
            stop.set()

    monkeypatch.setattr(keeping._woken, "wait", wait)
    keeping.run(stop, said.append)
    assert [line.partition(":")[0] for line in said] == [
        "copying to the vault failed",
        f"the vault {drive.root} is not there",
    ]


@pytest.mark.timeout(30)
def test_finishing_ends_when_all_is_copied_and_also_when_nothing_can_be(shoot: Shoot, drive: Drive) -> None:
    for seed in range(3):
        shoot.put(f"Capture/{seed}.NEF", samples.raw(seed))
    shoot.intake.step()
    finishing = threading.Event()
    finishing.set()
    keeping = keeper(shoot, drive.vault)
    keeping.run(threading.Event(), finishing=finishing)
    assert keeping.pending == 0 and len(drive.files()) == 3
    drive.unplug()
    shoot.put("Capture/late.NEF", samples.raw(9))
    shoot.intake.step()
    keeping.run(threading.Event(), finishing=finishing)
    assert keeping.pending == 1 and keeping.problem is not None


def test_what_was_copied_before_a_stop_is_on_the_list(
    shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(3):
        shoot.put(f"Capture/{seed}.NEF", samples.raw(seed))
    shoot.intake.step()
    stop, keep = threading.Event(), Vault.keep

    def keep_and_stop(*arguments: object) -> bool:
        if len(drive.files()) == 1:
            stop.set()
        return keep(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Vault, "keep", keep_and_stop)
    keeper(shoot, drive.vault).run(stop)
    assert len(drive.files()) == 2
    assert sum(path.read_text().count("<hash>") for path in drive.lists) == 2


@pytest.mark.timeout(30)
def test_a_keeper_that_is_woken_copies_at_once(
    shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "_LOOK_INTERVAL_S", 3600.0)
    keeping, stop = keeper(shoot, drive.vault), threading.Event()
    thread = threading.Thread(target=keeping.run, args=(stop,), daemon=True)
    thread.start()
    while not keeping.shares_drive:  # it has looked, and sleeps now or soon
        time.sleep(0.01)
    shoot.put("Capture/a.NEF", samples.raw(1))
    shoot.intake.step()
    keeping.wake()
    while not drive.files():
        time.sleep(0.01)
    stop.set()
    keeping.wake()
    thread.join()
    assert drive.files() == {b"Capture/a.NEF": samples.raw(1)}


def test_a_keeper_that_was_given_up_says_so_whatever_it_finds_later(shoot: Shoot, drive: Drive) -> None:
    keeping = keeper(shoot, drive.vault)
    keeping.give_up()
    keeping.step()
    assert keeping.problem == f"the vault {drive.root} does not answer: check its drive or network"
