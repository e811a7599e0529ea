"""The vault: a true copy of every original, made once, on drives that fill up, fail and lie."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from hot_folder import Vault, copying, durable
from hot_folder.copying import copy_verified, has_bytes, original
from hot_folder.errors import OriginalChanged, OriginalUnreadable
from hot_folder.parts import part_of
from hot_folder.wanted import missing
from tests.hot_folder import samples
from tests.hot_folder.drives import Drive, copies, keep_all, keeper, raises, wanted
from tests.hot_folder.samples import Shoot


def test_copies_are_identical_and_keep_their_times(shoot: Shoot, drive: Drive) -> None:
    for name, data in samples.WHOLE_FILES.items():
        shoot.put(b"Capture/day 1/" + name, data)
    shoot.intake.step()
    keeping = keeper(shoot, drive.vault)
    assert copies(keeping) == len(samples.WHOLE_FILES)
    assert drive.files() == {b"Capture/day 1/" + n: data for n, data in samples.WHOLE_FILES.items()}
    assert keeping.pending == 0 and keeping.problem is None
    source, copy = (root / "Capture/day 1/a.NEF" for root in (shoot.session, drive.root))
    assert abs(source.stat().st_mtime - copy.stat().st_mtime) < 2.1  # exFAT counts in twos


def test_a_restart_copies_nothing_twice(shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    shoot.put("Capture/a.NEF", samples.raw(1))
    shoot.put("Capture/b.NEF", samples.raw(2))
    shoot.put("Capture/clip.mov", b"no picture")
    assert keep_all(shoot, drive.vault) == 3
    with monkeypatch.context() as patch:
        patch.setattr(Vault, "keep", None)
        again = keeper(shoot, drive.vault)
        assert copies(again) == 0 and again.pending == 0
    shutil.rmtree(drive.root / "ascmhl")  # what the vault holds is found out by reading it
    before = {path: path.stat().st_ino for path in drive.root.rglob("*.*") if path.is_file()}
    assert len(missing(shoot.journal, drive.vault)) == 3
    assert keep_all(shoot, drive.vault) == 3
    assert {path: path.stat().st_ino for path in before} == before
    assert missing(shoot.journal, drive.vault) == []


def test_a_copy_that_was_deleted_or_cut_short_is_made_again(shoot: Shoot, drive: Drive) -> None:
    data = samples.raw(1)
    shoot.put("Capture/a.NEF", data)
    keep_all(shoot, drive.vault)
    (drive.root / "Capture/a.NEF").write_bytes(data[:100])
    assert keep_all(shoot, drive.vault) == 1
    assert data in drive.files().values()
    shutil.rmtree(drive.root / "Capture")
    assert keep_all(shoot, drive.vault) == 1
    assert drive.files() == {b"Capture/a.NEF": data}


def test_what_moves_or_is_culled_is_copied_once_under_the_name_it_came_with(
    shoot: Shoot, drive: Drive
) -> None:
    keeping = keeper(shoot, drive.vault)
    assert copies(keeping) == 0
    first = shoot.put("Capture/a.NEF", samples.raw(1))
    shoot.intake.step()
    assert copies(keeping) == 1
    os.rename(first, first.replace(b"Capture", b"Selects"))
    late = shoot.put("Capture/b.NEF", samples.raw(2))
    shoot.intake.step()
    os.rename(late, late.replace(b"Capture", b"Selects"))  # before it was copied
    shoot.pass_time(10)
    shoot.pass_time(10)
    assert copies(keeping) == 1
    assert set(drive.files()) == {b"Capture/a.NEF", b"Capture/b.NEF"}
    assert keeping.pending == 0


class Failing:
    """A file on a drive that takes some bytes and then no more."""

    def __init__(self, file: Any, error: OSError) -> None:
        self._file, self._error = file, error

    def write(self, data: bytes) -> int:
        self._file.write(data[:100])
        raise self._error

    def __enter__(self) -> Failing:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("step", ["write", "sync", "rename_without_replacing"])
def test_a_failing_drive_leaves_no_partial_and_is_tried_again(
    shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    shoot.put("Capture/a.NEF", samples.raw(1))
    shoot.intake.step()
    keeping, error = keeper(shoot, drive.vault), OSError(number, os.strerror(number))
    with monkeypatch.context() as patch:
        if step == "write":
            patch.setattr(copying, "open", lambda *a: Failing(open(*a), error), raising=False)  # noqa: SIM115
        else:
            patch.setattr(durable, step, raises(error))
        assert not keeping.step()
    assert drive.files() == {}
    said = "is full: make room" if number == errno.ENOSPC else "cannot be written (Input/output error)"
    assert keeping.problem is not None and said in keeping.problem
    assert keeping.pending == 1
    shoot.now_s += 60
    assert copies(keeping) == 1
    assert list(drive.files().values()) == [samples.raw(1)]


def test_a_drive_that_gives_back_other_bytes_is_not_believed(
    shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = samples.raw(1)
    path = shoot.put("Capture/a.NEF", data)

    def rot(descriptor: int) -> None:
        os.pwrite(descriptor, b"rot", 50)

    monkeypatch.setattr(durable, "drop_cached", rot)
    with pytest.raises(OSError, match="other bytes come back"):
        drive.vault.keep(os.fsencode(shoot.session), wanted(b"Capture/a.NEF", data))
    assert drive.files() == {}
    assert Path(os.fsdecode(path)).read_bytes() == data


def test_a_part_that_a_power_cut_left_is_written_over(shoot: Shoot, drive: Drive) -> None:
    data, session = samples.raw(1), os.fsencode(shoot.session)
    shoot.put("Capture/a.NEF", data)
    (drive.root / "Capture").mkdir()
    part = part_of(os.fsencode(drive.root / "Capture/a.NEF"), b"one")
    Path(os.fsdecode(part)).write_bytes(b"half" * 9999)
    drive.vault.keep(session, wanted(b"Capture/a.NEF", data))
    assert drive.files() == {b"Capture/a.NEF": data}


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be synced there")
def test_what_a_run_that_was_cut_off_had_no_time_for_is_done(
    shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed once its copy was named: its part lies there still, and no folder may be synced yet."""
    synced: list[bytes] = []
    monkeypatch.setattr(durable, "sync_folder", synced.append)
    shoot.put("Capture/a.NEF", samples.raw(1))
    (drive.root / "Capture").mkdir()
    copy = os.fsencode(drive.root / "Capture/a.NEF")
    Path(os.fsdecode(part_of(copy, b"one"))).write_bytes(samples.raw(1))
    os.link(part_of(copy, b"one"), copy)
    assert keep_all(shoot, drive.vault) == 1
    assert drive.files() == {b"Capture/a.NEF": samples.raw(1)}
    assert os.fsencode(drive.root / "Capture") in synced
    shoot.put("Capture/b.NEF", samples.raw(2))
    assert keep_all(shoot, drive.vault) == 1
    assert os.fsencode(drive.root) in synced, "the folder was there, but who knows whether durably"


def test_parts_of_what_is_not_copied_any_more_are_removed_and_another_sessions_stay(
    shoot: Shoot, drive: Drive
) -> None:
    shoot.put("Capture/a.NEF", samples.raw(1))
    ours, theirs, gone = (
        part_of(os.fsencode(drive.root / name), owner)
        for name, owner in (
            ("Capture/day 1/gone.NEF", b"one"),
            ("Capture/day 1/live.NEF", b"two"),
            ("x.cosessiondb", b"one"),
        )
    )
    (drive.root / "Capture/day 1").mkdir(parents=True)
    for part in (ours, theirs, gone):
        Path(os.fsdecode(part)).write_bytes(b"half")
    assert keep_all(shoot, drive.vault) == 1
    root = os.fsencode(drive.root) + b"/"
    assert set(drive.files()) == {b"Capture/a.NEF", theirs.removeprefix(root)}


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be synced there")
@pytest.mark.parametrize("number", [errno.EIO, errno.EINVAL])
def test_a_copy_whose_folder_cannot_be_synced_counts_only_where_none_can(
    shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    shoot.put("Capture/a.NEF", samples.raw(1))
    shoot.intake.step()
    keeping, fsync = keeper(shoot, drive.vault), os.fsync

    def failing(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        assert keeping.step() == (number == errno.EINVAL)
    assert keeping.pending == (number == errno.EIO)
    shoot.now_s += 60
    copies(keeping)
    assert keeping.pending == 0 and keeping.problem is None
    assert drive.files() == {b"Capture/a.NEF": samples.raw(1)}


@pytest.mark.skipif(os.name == "nt", reason="needs hard links that the program makes")
def test_a_part_that_is_a_second_name_of_a_finished_copy_is_never_written_into(
    shoot: Shoot, drive: Drive
) -> None:
    """The program was killed between giving the copy its name and taking the part's away."""
    data, session = samples.raw(1), os.fsencode(shoot.session)
    shoot.put("Capture/a.NEF", data)
    shoot.put("Capture/b.NEF", samples.raw(2))
    drive.vault.keep(session, wanted(b"Capture/a.NEF", data))
    copy = os.fsencode(drive.root / "Capture/a.NEF")
    os.link(copy, part_of(copy, b"one"))
    with original(session, b"Capture/b.NEF") as source, pytest.raises(FileExistsError):
        copy_verified(source, copy, b"Capture/b.NEF", owner=b"one")
    assert drive.files() == {b"Capture/a.NEF": data}
    os.link(copy, part_of(copy, b"one"))
    assert not drive.vault.keep(session, wanted(b"Capture/a.NEF", data))
    assert drive.files() == {b"Capture/a.NEF": data}, "and it goes when the copy is found"


def test_two_sessions_never_write_into_one_part() -> None:
    assert part_of(b"/v/a.NEF", b"one") != part_of(b"/v/a.NEF", b"two")
    assert part_of(b"/v/a.NEF", b"one") != part_of(b"/v/b.NEF", b"one")


def test_namesakes_of_one_size_are_kept_side_by_side(shoot: Shoot, drive: Drive) -> None:
    """Uncompressed RAW files all have one size, and cameras count from 1 again."""
    session, taken = os.fsencode(shoot.session), [samples.raw(seed) for seed in (1, 2)]
    vault = drive.vault
    for data in [*taken, *taken]:
        shoot.put("Capture/a.NEF", data)
        assert vault.holds(wanted(b"Capture/a.NEF", data)) == (data in drive.files().values())
        vault.keep(session, wanted(b"Capture/a.NEF", data))
    second = b"Capture/a-%s.NEF" % (wanted(b"", taken[1]).sha256 or b"").hex()[:8].encode()
    assert drive.files() == {b"Capture/a.NEF": taken[0], second: taken[1]}


def test_where_there_are_no_hard_links_nothing_is_replaced_either(
    shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", raises(OSError(errno.EPERM, "no hard links")))
    test_namesakes_of_one_size_are_kept_side_by_side(shoot, drive)
    taken, fresh = (os.fsencode(drive.root / name) for name in ("Capture/a.NEF", "new"))
    Path(os.fsdecode(fresh)).touch()
    with pytest.raises(FileExistsError):
        durable.rename_without_replacing(fresh, taken)


def test_a_name_that_a_killed_program_only_claimed_is_given_to_the_copy(
    shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = samples.raw(1)
    shoot.put("Capture/a.NEF", data)
    copy = os.fsencode(drive.root / "Capture/a.NEF")
    (drive.root / "Capture").mkdir()
    Path(os.fsdecode(copy)).touch()
    Path(os.fsdecode(part_of(copy, b"one"))).write_bytes(data)
    keep_all(shoot, drive.vault)
    assert drive.files() == {b"Capture/a.NEF": data}


NAMES = [
    b"caf\xe9.NEF",
    b"two\nlines \\n.NEF",
    b' & <b>".NEF',
    b"x" * 251 + b".NEF",
    "x{}.NEF".format("é" * 125).encode(),
]


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_kept_and_known_again_twice(shoot: Shoot, drive: Drive, name: bytes) -> None:
    try:
        shoot.put(b"Capture/" + name, samples.raw(1))
    except OSError:
        pytest.skip("this filesystem refuses such a name")
    keep_all(shoot, drive.vault)
    assert drive.files() == {b"Capture/" + name: samples.raw(1)}
    assert missing(shoot.journal, drive.vault) == []
    shoot.put(b"Capture/" + name, samples.raw(2))
    shoot.pass_time(10)
    assert keep_all(shoot, drive.vault) == 1
    (beside,) = drive.files().keys() - {b"Capture/" + name}
    assert drive.files()[beside] == samples.raw(2)
    digits = (wanted(b"", samples.raw(2)).sha256 or b"").hex()[:8].encode()
    assert beside.endswith(b"-" + digits + b".NEF") and len(beside) <= len(b"Capture/") + 255
    assert name.decode("utf-8", "surrogateescape").startswith(
        beside.removeprefix(b"Capture/")[: -len(b"-%s.NEF" % digits)].decode("utf-8", "surrogateescape")
    ), "no character is cut in two"
    assert missing(shoot.journal, drive.vault) == []


def test_an_original_that_is_another_by_now_is_not_copied_and_holds_up_none(
    shoot: Shoot, drive: Drive
) -> None:
    changed = shoot.put("Capture/a.NEF", samples.raw(1))
    gone = shoot.put("Capture/b.NEF", samples.raw(2))
    shoot.put("Capture/c.NEF", samples.raw(3))
    shoot.intake.step()
    Path(os.fsdecode(changed)).write_bytes(samples.raw(4))
    os.unlink(gone)
    with pytest.raises(OriginalChanged, match=r"a\.NEF has other bytes than when it was taken in"):
        drive.vault.keep(os.fsencode(shoot.session), wanted(b"Capture/a.NEF", samples.raw(1)))
    keeping = keeper(shoot, drive.vault)
    assert copies(keeping) == 1
    assert set(drive.files()) == {b"Capture/c.NEF"}
    assert keeping.pending == 2
    assert keeping.problem is not None and "Capture/a.NEF has other bytes" in keeping.problem
    shoot.age(changed, 60)
    for _ in range(3):
        shoot.pass_time(10)
    assert copies(keeping) == 1
    assert drive.files()[b"Capture/a.NEF"] == samples.raw(4)
    assert keeping.pending == 0 and keeping.problem is None


def test_a_file_without_a_hash_that_changes_while_it_is_copied_gets_no_name(
    shoot: Shoot, drive: Drive
) -> None:
    path, session = shoot.put("Capture/clip.mov", b"first half"), os.fsencode(shoot.session)

    def grow() -> None:
        if os.path.getsize(path) < 12:
            with open(path, "ab") as file:
                file.write(b", second half")

    with original(session, b"Capture/clip.mov") as source, pytest.raises(OriginalUnreadable, match="changes"):
        copy_verified(source, os.fsencode(drive.root / "clip.mov"), b"Capture/clip.mov", tell=grow)
    assert drive.files() == {}


def test_the_session_is_only_read(shoot: Shoot, drive: Drive) -> None:
    path = shoot.put("Capture/a.NEF", samples.raw(1))
    os.chmod(path, 0o444)
    shoot.intake.step()
    before = os.stat(path)
    assert keep_all(shoot, drive.vault) == 1
    after = os.stat(path)
    assert (before.st_mtime_ns, before.st_ctime_ns, before.st_nlink) == (
        after.st_mtime_ns,
        after.st_ctime_ns,
        after.st_nlink,
    )
    assert has_bytes(path, before.st_size, wanted(b"", samples.raw(1)).sha256 or b"")


def test_two_sessions_share_a_vault_and_each_knows_its_own(
    shoot: Shoot, drive: Drive, tmp_path: Path
) -> None:
    other = Shoot(tmp_path / "other")
    both, alone = samples.raw(1), samples.raw(2)
    shoot.put("Capture/a.NEF", both)
    other.put("Capture/card 2/x.NEF", both)
    other.put("Capture/a.NEF", alone)
    keep_all(shoot, drive.of("one"))
    assert keep_all(other, drive.of("two")) == 2
    digits = (wanted(b"", alone).sha256 or b"").hex()[:8].encode()
    assert drive.files() == {b"Capture/a.NEF": both, b"Capture/a-%s.NEF" % digits: alone}, "once each"
    origins = {name: set(drive.of(name).index().own_latest) for name in ("one", "two")}
    assert origins == {"one": {b"Capture/a.NEF"}, "two": {b"Capture/card 2/x.NEF", b"Capture/a.NEF"}}
    assert drive.vault.sessions() == {"one": "session one", "two": "session two"}
    for session, of in ((shoot, "one"), (other, "two")):
        assert missing(session.journal, drive.of(of)) == []
        assert keep_all(session, drive.of(of)) == 0
    other.journal.close()
