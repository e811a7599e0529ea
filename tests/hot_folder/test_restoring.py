"""The way back: whole, to its place, never over anything, and a second time without a change."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from hot_folder import Vault, durable
from hot_folder.restoring import Restored, restore_journalled, restore_listed
from tests.hot_folder import samples
from tests.hot_folder.drives import Drive, keep_all, raises, wanted
from tests.hot_folder.samples import Shoot

FRAMES = {f"Capture/day {n}/{n}.NEF".encode(): samples.raw(n) for n in (1, 2, 3)}
BESIDES = {
    b"Capture/clip.mov": b"a video",
    b"Capture/day 1/1.xmp": samples.xmp(3),
    b"Capture/CaptureOne/Settings153/1.cos": b"settings",
    b"monday.cosessiondb": b"session",
}
EVERYTHING = FRAMES | BESIDES


@pytest.fixture
def shot(shoot: Shoot, drive: Drive) -> Shoot:
    """A shoot of three frames with all that lies beside them, in the vault."""
    for name, data in EVERYTHING.items():
        shoot.put(name, data)
    keep_all(shoot, drive.vault)
    return shoot


def files(root: Path) -> dict[bytes, bytes]:
    top = os.fsencode(root)
    return {
        os.path.relpath(path, top).replace(os.sep.encode(), b"/"): Path(os.fsdecode(path)).read_bytes()
        for folder, _, names in os.walk(top)
        for path in (os.path.join(folder, name) for name in names)
        if b"journal.sqlite" not in path
    }


def suffixed(name: bytes, data: bytes) -> bytes:
    stem, ending = name.rsplit(b".", 1)
    return b"%s-%s.%s" % (stem, (wanted(b"", data).sha256 or b"").hex()[:8].encode(), ending)


def again(shot: Shoot, drive: Drive) -> Restored:
    return restore_journalled(drive.vault, os.fsencode(shot.session), shot.journal)


def test_a_whole_session_gets_nothing(shot: Shoot, drive: Drive) -> None:
    before = files(shot.session)
    done = again(shot, drive)
    assert (done.restored, done.beside, done.failed) == ([], [], [])
    assert done.there == len(FRAMES) + 1, "the originals that the journal knows"
    assert files(shot.session) == before


def test_what_is_gone_comes_back_where_it_was_with_its_time(shot: Shoot, drive: Drive) -> None:
    for copy in (drive.root / "Capture").rglob("*.*"):
        os.utime(copy, (0, 0))  # a drive that cannot keep times
    times = {name: (shot.session / os.fsdecode(name)).stat().st_mtime_ns for name in EVERYTHING}
    shutil.rmtree(shot.session / "Capture/day 1")
    shutil.rmtree(shot.session / "Capture/CaptureOne")
    (shot.session / "Capture/clip.mov").unlink()
    done = again(shot, drive)
    gone = [name for name in EVERYTHING if name.startswith((b"Capture/day 1", b"Capture/C", b"Capture/c"))]
    assert sorted(done.restored) == sorted(gone)
    assert (done.beside, done.failed) == ([], [])
    assert files(shot.session) == EVERYTHING
    assert {n: (shot.session / os.fsdecode(n)).stat().st_mtime_ns for n in EVERYTHING} == times
    second = again(shot, drive)
    assert (second.restored, second.beside, second.failed) == ([], [], [])


def test_what_comes_back_is_the_capture_it_was(shot: Shoot, drive: Drive) -> None:
    shot.put("Capture/day 2/other.NEF", samples.raw(60))
    shot.pass_time(10)
    groups = shot.groups()
    (shot.session / "Capture/day 2/2.NEF").unlink()
    shot.pass_time(10)
    shot.pass_time(10)
    assert ("vanished", "Capture/day 2/2.NEF") in shot.news()
    assert again(shot, drive).restored == [b"Capture/day 2/2.NEF"]
    shot.pass_time(10)
    shot.pass_time(10)
    assert ("restored", "Capture/day 2/2.NEF") in shot.news()
    assert shot.groups() == groups


def test_what_was_culled_comes_back_where_it_lay_last(shot: Shoot, drive: Drive) -> None:
    culled = shot.session / "Selects/2.NEF"
    (shot.session / "Capture/day 2/2.NEF").rename(culled)
    shot.pass_time(10)
    shot.pass_time(10)
    culled.unlink()
    assert again(shot, drive).restored == [b"Selects/2.NEF"]
    assert culled.read_bytes() == samples.raw(2)


def test_what_moved_while_nothing_ran_is_not_missing(shot: Shoot, drive: Drive) -> None:
    (shot.session / "Capture/day 2/2.NEF").rename(shot.session / "Trash/2.NEF")
    (shot.session / "Capture/day 1").rename(shot.session / "Selects/day one")
    (shot.session / "Capture/clip.mov").rename(shot.session / "Selects/clip.mov")
    before = files(shot.session)
    done = again(shot, drive)
    assert (done.restored, done.beside, done.failed) == ([], [], [])
    assert files(shot.session) == before


def test_other_bytes_are_never_replaced_and_the_original_lies_beside_them(shot: Shoot, drive: Drive) -> None:
    name, other = b"Capture/day 2/2.NEF", b"something else"
    (shot.session / os.fsdecode(name)).write_bytes(other)
    done = again(shot, drive)
    beside = suffixed(name, samples.raw(2))
    assert (done.restored, done.beside) == ([], [(name, beside)])
    assert files(shot.session) == EVERYTHING | {name: other, beside: samples.raw(2)}
    second = again(shot, drive)
    assert (second.restored, second.beside) == ([], [])


def test_a_frame_that_another_was_written_over_comes_back_beside_it(shot: Shoot, drive: Drive) -> None:
    """The card counted from 1 again, and the tether's program did not mind."""
    name, other = b"Capture/day 2/2.NEF", samples.raw(22)
    shot.put(name, other)
    for _ in range(2):
        shot.pass_time(10)
    keep_all(shot, drive.vault)
    beside = suffixed(name, samples.raw(2))
    assert again(shot, drive).beside == [(name, beside)]
    assert files(shot.session) == EVERYTHING | {name: other, beside: samples.raw(2)}
    for _ in range(2):
        shot.pass_time(10)
    assert ("restored", os.fsdecode(beside)) in shot.news()
    assert (again(shot, drive).restored, again(shot, drive).beside) == ([], [])


def test_what_a_file_was_before_it_changed_does_not_come_back(shot: Shoot, drive: Drive) -> None:
    sidecar = b"Capture/day 1/1.xmp"
    grown = samples.raw(2) + b"more of it"
    shot.put(sidecar, samples.xmp(5))
    shot.put("Capture/day 2/2.NEF", grown)
    for _ in range(2):
        shot.pass_time(10)
    assert ("changed", "Capture/day 2/2.NEF") in shot.news()
    keep_all(shot, drive.vault)
    done = again(shot, drive)
    assert (done.restored, done.beside, done.failed) == ([], [], [])


def test_a_sidecar_or_settings_that_are_there_are_left_as_they_are(shot: Shoot, drive: Drive) -> None:
    newer = {b"Capture/day 1/1.xmp": samples.xmp(5), b"Capture/CaptureOne/Settings153/1.cos": b"newer"}
    for name, data in newer.items():
        (shot.session / os.fsdecode(name)).write_bytes(data)
    done = again(shot, drive)
    assert (done.restored, done.beside, done.failed) == ([], [], [])
    assert files(shot.session) == EVERYTHING | newer


def test_a_copy_that_fails_its_hash_is_named_and_not_restored(shot: Shoot, drive: Drive) -> None:
    name = b"Capture/day 2/2.NEF"
    (drive.root / os.fsdecode(name)).write_bytes(samples.raw(8))
    (drive.root / "Capture/day 3/3.NEF").unlink()
    for lost in (name, b"Capture/day 3/3.NEF"):
        (shot.session / os.fsdecode(lost)).unlink()
    done = again(shot, drive)
    assert done.restored == []
    assert [path for path, _ in done.failed] == [name, b"Capture/day 3/3.NEF"]
    told = [why for _, why in done.failed]
    assert "Capture/day 2/2.NEF in the vault has other bytes than were copied" in told[0]
    assert "Capture/day 3/3.NEF was not restored" in told[1] and "No such file" in told[1]
    assert files(shot.session).keys() == EVERYTHING.keys() - {name, b"Capture/day 3/3.NEF"}


def test_a_good_copy_beside_a_bad_one_is_found(shot: Shoot, drive: Drive) -> None:
    name = b"Capture/day 2/2.NEF"
    (drive.root / os.fsdecode(name)).write_bytes(b"cut short")
    keep_all(shot, drive.vault)  # lays a good one beside it
    (shot.session / os.fsdecode(name)).unlink()
    assert again(shot, drive).restored == [name]
    assert (shot.session / os.fsdecode(name)).read_bytes() == samples.raw(2)


def test_a_frame_that_never_reached_the_vault_is_named(shot: Shoot, drive: Drive) -> None:
    path = shot.put("Capture/late.NEF", samples.raw(7))
    shot.intake.step()
    os.unlink(path)
    assert again(shot, drive).failed == [
        (b"Capture/late.NEF", "Capture/late.NEF was not restored: the vault does not have it")
    ]


def test_a_full_disk_stops_it_and_the_next_run_goes_on(
    shot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FRAMES:
        (shot.session / os.fsdecode(name)).unlink()
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(durable, "sync", raises(OSError(errno.ENOSPC, "No space left on device")))
        again(shot, drive)
    assert files(shot.session) == BESIDES
    assert len(again(shot, drive).restored) == 3


def test_a_sidecar_that_says_the_same_as_another_is_missed_all_the_same(shot: Shoot, drive: Drive) -> None:
    path = shot.put("Capture/day 2/2.xmp", samples.xmp(3))
    keep_all(shot, drive.vault)
    os.unlink(path)
    assert again(shot, drive).restored == [b"Capture/day 2/2.xmp"]


# --- the session is lost, and its journal with it


def lost(drive: Drive, root: Path, session_id: str = "one") -> Restored:
    root.mkdir(exist_ok=True)
    return restore_listed(drive.of(session_id), os.fsencode(root))


def test_a_lost_session_comes_back_from_the_lists_alone(shot: Shoot, drive: Drive, tmp_path: Path) -> None:
    done = lost(drive, tmp_path / "new")
    assert sorted(done.restored) == sorted(EVERYTHING)
    assert files(tmp_path / "new") == EVERYTHING
    second = lost(drive, tmp_path / "new")
    assert (second.there, second.restored, second.beside) == (len(EVERYTHING), [], [])
    assert files(tmp_path / "new") == EVERYTHING


def test_of_settings_the_newest_version_comes_back_alone_and_of_frames_all(
    shot: Shoot, drive: Drive, tmp_path: Path
) -> None:
    settings, frame, sidecar = (
        b"Capture/CaptureOne/Settings153/1.cos", b"Capture/day 2/2.NEF", b"Capture/day 1/1.xmp"
    )  # fmt: skip
    newer = {settings: b"newer settings", frame: samples.raw(22), sidecar: samples.xmp(5)}
    for name, data in newer.items():
        shot.put(name, data)
    shot.pass_time(10)
    keep_all(shot, drive.vault)
    lost(drive, tmp_path / "new")
    older = suffixed(frame, samples.raw(2))
    assert files(tmp_path / "new") == EVERYTHING | newer | {older: samples.raw(2)}


def test_an_older_version_is_not_given_out_for_the_newest(shot: Shoot, drive: Drive, tmp_path: Path) -> None:
    settings = "Capture/CaptureOne/Settings153/1.cos"
    shot.put(settings, b"newer settings")
    keep_all(shot, drive.vault)
    newest = drive.vault.index().own_latest[settings.encode()].path
    (drive.root / os.fsdecode(newest)).write_bytes(b"rotten settings")
    done = lost(drive, tmp_path / "new")
    assert [path for path, _ in done.failed] == [settings.encode()]
    assert not (tmp_path / "new" / settings).exists()


def test_a_session_gets_its_own_from_a_vault_of_several(shot: Shoot, drive: Drive, tmp_path: Path) -> None:
    other = Shoot(tmp_path / "other")
    theirs = {b"Capture/day 1/1.NEF": samples.raw(40), b"Capture/copy.NEF": samples.raw(2)}
    for name, data in theirs.items():
        other.put(name, data)
    keep_all(other, drive.of("two"))
    assert lost(drive, tmp_path / "one", "one").failed == []
    assert lost(drive, tmp_path / "two", "two").failed == []
    assert files(tmp_path / "one") == EVERYTHING
    assert files(tmp_path / "two") == theirs
    other.journal.close()


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_any_name_comes_back(shoot: Shoot, drive: Drive, tmp_path: Path) -> None:
    names = (
        b"Capture/caf\xe9.NEF",
        b"Capture/two\nlines.NEF",
        b"Capture/ \\x0a.NEF",
        b"Capture/" + b"x" * 255,
    )
    made = {}
    for seed, name in enumerate(names):
        try:
            shoot.put(name, samples.raw(seed))
            made[name] = samples.raw(seed)
        except OSError:
            continue
    keep_all(shoot, drive.vault)
    lost(drive, tmp_path / "new")
    assert files(tmp_path / "new") == made


def test_the_vault_is_only_read(shot: Shoot, drive: Drive, tmp_path: Path) -> None:
    before = drive.everything()
    lost(drive, tmp_path / "new")
    again(shot, drive)
    assert drive.everything() == before


def test_without_its_drive_nothing_is_made(shot: Shoot, drive: Drive, tmp_path: Path) -> None:
    vault: Vault = drive.vault
    drive.unplug()
    (tmp_path / "new").mkdir()
    with pytest.raises(FileNotFoundError):
        restore_listed(vault, os.fsencode(tmp_path / "new"))
    assert files(tmp_path / "new") == {}
