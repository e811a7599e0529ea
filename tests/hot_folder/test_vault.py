"""The vault: a true copy of every original, made once, through drives that vanish, fill up and fail."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hot_folder import Vault, VaultKeeper, copying, durable, vault
from hot_folder.errors import OriginalUnreadable
from hot_folder.keeper import missing
from tests.hot_folder import samples
from tests.hot_folder.samples import Shoot

MARKER = b".marker"


@dataclass
class Drive:
    """A second drive that can be unplugged: another folder beside the session."""

    root: Path

    def __post_init__(self) -> None:
        self.root.mkdir()
        (self.root / os.fsdecode(MARKER)).touch()

    @property
    def vault(self) -> Vault:
        return Vault(os.fsencode(self.root), MARKER)

    def unplug(self) -> None:
        self.root.rename(self.root.with_name("elsewhere"))

    def plug_in(self) -> None:
        self.root.with_name("elsewhere").rename(self.root)

    def files(self) -> dict[bytes, bytes]:
        """Every file but marker and manifest: its path, its bytes."""
        root = os.fsencode(self.root)
        paths = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
        found = {os.path.relpath(path, root): Path(os.fsdecode(path)).read_bytes() for path in paths}
        return {name: data for name, data in found.items() if name not in (MARKER, vault.MANIFEST)}


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    return Drive(tmp_path / "vault")


def keeper(shoot: Shoot, drive: Drive) -> VaultKeeper:
    session = os.fsencode(shoot.session)
    return VaultKeeper(session, shoot.journal, drive.vault, monotonic_s=lambda: shoot.now_s)


def copies(keeper: VaultKeeper) -> int:
    """Step until there is nothing to do; how many files were copied."""
    count = 0
    while keeper.step():
        count += 1
    return count


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def test_copies_are_identical_and_sha256sum_agrees(shoot: Shoot, drive: Drive) -> None:
    for name, data in samples.WHOLE_FILES.items():
        shoot.put(b"Capture/day 1/" + name, data)
    shoot.put("Capture/notes.txt", b"no picture")
    shoot.intake.step()
    keeping = keeper(shoot, drive)
    assert copies(keeping) == len(samples.WHOLE_FILES)
    assert drive.files() == {b"Capture/day 1/" + n: data for n, data in samples.WHOLE_FILES.items()}
    assert keeping.pending == 0 and keeping.problem is None
    original, copy = (root / "Capture/day 1/a.NEF" for root in (shoot.session, drive.root))
    assert abs(original.stat().st_mtime - copy.stat().st_mtime) < 2.1  # exFAT counts in twos
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=drive.root, check=True)


def test_a_restart_copies_nothing_twice(shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    shoot.put("Capture/a.NEF", samples.raw(1))
    shoot.put("Capture/b.NEF", samples.raw(2))
    shoot.intake.step()
    assert copies(keeper(shoot, drive)) == 2
    with monkeypatch.context() as patch:
        patch.setattr(Vault, "keep", None)
        again = keeper(shoot, drive)
        assert copies(again) == 0 and again.pending == 0
    (drive.root / "SHA256SUMS").unlink()  # what it holds is found out by reading it
    before = {path: path.stat().st_ino for path in drive.root.rglob("*.NEF")}
    assert missing(shoot.journal, drive.vault) == 2
    assert copies(keeper(shoot, drive)) == 2
    assert {path: path.stat().st_ino for path in drive.root.rglob("*.NEF")} == before
    assert missing(shoot.journal, drive.vault) == 0


def test_a_copy_that_was_deleted_or_cut_short_is_made_again(shoot: Shoot, drive: Drive) -> None:
    data = samples.raw(1)
    shoot.put("Capture/a.NEF", data)
    shoot.intake.step()
    copies(keeper(shoot, drive))
    (drive.root / "Capture/a.NEF").write_bytes(data[:100])
    assert copies(keeper(shoot, drive)) == 1
    assert data in drive.files().values()
    shutil.rmtree(drive.root / "Capture")
    assert copies(keeper(shoot, drive)) == 1
    assert drive.files() == {b"Capture/a.NEF": data}


def test_what_arrives_later_moves_or_is_culled_is_copied_once(shoot: Shoot, drive: Drive) -> None:
    keeping = keeper(shoot, drive)
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
    assert set(drive.files()) == {b"Capture/a.NEF", b"Selects/b.NEF"}
    assert keeping.pending == 0


def test_a_vault_that_vanishes_is_not_made_anew_and_goes_on_when_it_is_back(
    shoot: Shoot, drive: Drive
) -> None:
    shoot.put("Capture/a.NEF", samples.raw(1))
    shoot.intake.step()
    keeping = keeper(shoot, drive)
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


def raises(error: Exception) -> Callable[..., Any]:
    def fail(*_: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("step", ["write", "sync", "rename_without_replacing"])
def test_a_failing_drive_leaves_no_partial_and_is_tried_again(
    shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    shoot.put("Capture/a.NEF", samples.raw(1))
    shoot.intake.step()
    keeping, error = keeper(shoot, drive), OSError(number, os.strerror(number))
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
    path = shoot.put("Capture/a.NEF", samples.raw(1))

    def rot(descriptor: int) -> None:
        os.pwrite(descriptor, b"rot", 50)

    monkeypatch.setattr(durable, "drop_cached", rot)
    with pytest.raises(OSError, match="other bytes come back"):
        drive.vault.keep(os.fsencode(shoot.session), b"Capture/a.NEF", sha256(samples.raw(1)))
    assert drive.files() == {}
    assert Path(os.fsdecode(path)).read_bytes() == samples.raw(1)


def test_a_part_that_a_power_cut_left_is_written_over(shoot: Shoot, drive: Drive) -> None:
    data, session = samples.raw(1), os.fsencode(shoot.session)
    shoot.put("Capture/a.NEF", data)
    (drive.root / "Capture").mkdir()
    named = sha256(b"a.NEF").hex()[:16]
    (drive.root / f"Capture/.studio-{named}.part").write_bytes(b"half" * 9999)
    (drive.root / "SHA256SUMS").write_bytes(b"0123abc")  # a torn line
    drive.vault.keep(session, b"Capture/a.NEF", sha256(data))
    assert drive.files() == {b"Capture/a.NEF": data}
    assert drive.vault.holds(sha256(data), len(data))


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be synced there")
def test_what_a_run_that_was_cut_off_had_no_time_for_is_done(
    shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed once its copy was named: its part lies there still, and no folder may be synced yet."""
    synced: list[bytes] = []
    monkeypatch.setattr(durable, "sync_folder", synced.append)
    shoot.put("Capture/a.NEF", samples.raw(1))
    shoot.intake.step()
    (drive.root / "Capture").mkdir()
    part = drive.root / f"Capture/.studio-{sha256(b'a.NEF').hex()[:16]}.part"
    part.write_bytes(samples.raw(1))
    os.link(part, drive.root / "Capture/a.NEF")
    assert copies(keeper(shoot, drive)) == 1
    assert drive.files() == {b"Capture/a.NEF": samples.raw(1)}
    assert os.fsencode(drive.root / "Capture") in synced
    shoot.put("Capture/b.NEF", samples.raw(2))
    shoot.intake.step()
    assert copies(keeper(shoot, drive)) == 1
    assert os.fsencode(drive.root) in synced, "the folder was there, but who knows whether durably"


def test_the_part_of_a_file_that_moved_while_the_program_was_down_is_removed(
    shoot: Shoot, drive: Drive
) -> None:
    path = shoot.put("Capture/a.NEF", samples.raw(1))
    shoot.put("Capture/sub/b.NEF", samples.raw(2))
    shoot.intake.step()
    (drive.root / "Capture").mkdir()
    (drive.root / "Capture/sub").write_bytes(b"a file that is in the way of a folder")
    for name in (b"a.NEF", b"of somebody else.NEF"):
        part = drive.root / f"Capture/.studio-{sha256(name).hex()[:16]}.part"
        part.write_bytes(b"half")
    os.rename(path, path.replace(b"Capture", b"Selects"))
    shoot.pass_time(10)
    assert copies(keeper(shoot, drive)) == 1
    others = {os.fsencode(part.relative_to(drive.root)), b"Capture/sub"}
    assert set(drive.files()) == {b"Selects/a.NEF"} | others


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be synced there")
@pytest.mark.parametrize("number", [errno.EIO, errno.EINVAL])
def test_a_copy_whose_folder_cannot_be_synced_counts_only_where_none_can(
    shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    shoot.put("Capture/a.NEF", samples.raw(1))
    shoot.intake.step()
    keeping, fsync = keeper(shoot, drive), os.fsync

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


def test_namesakes_of_one_size_are_kept_side_by_side(shoot: Shoot, drive: Drive) -> None:
    """Uncompressed RAW files all have one size, and cameras count from 1 again."""
    session, taken = os.fsencode(shoot.session), [samples.raw(seed) for seed in (1, 2)]
    for data in [*taken, *taken]:
        shoot.put("Capture/a.NEF", data)
        assert drive.vault.holds(sha256(data), len(data)) == (data in drive.files().values())
        drive.vault.keep(session, b"Capture/a.NEF", sha256(data))
    second = b"Capture/a-%s.NEF" % sha256(taken[1]).hex()[:8].encode()
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


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
@pytest.mark.parametrize("name", [b"caf\xe9.NEF", b"two\nlines \\n.NEF", b"x" * 251 + b".NEF"])
def test_any_name_is_kept_and_known_again(shoot: Shoot, drive: Drive, name: bytes) -> None:
    try:
        shoot.put(b"Capture/" + name, samples.raw(1))
    except OSError:
        pytest.skip("this filesystem refuses such a name")
    shoot.intake.step()
    assert copies(keeper(shoot, drive)) == 1
    assert drive.files() == {b"Capture/" + name: samples.raw(1)}
    assert missing(shoot.journal, drive.vault) == 0
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=drive.root, check=True)


def test_an_original_that_is_another_by_now_is_not_copied_and_holds_up_none(
    shoot: Shoot, drive: Drive
) -> None:
    changed = shoot.put("Capture/a.NEF", samples.raw(1))
    gone = shoot.put("Capture/b.NEF", samples.raw(2))
    shoot.put("Capture/c.NEF", samples.raw(3))
    shoot.intake.step()
    Path(os.fsdecode(changed)).write_bytes(samples.raw(4))
    os.unlink(gone)
    with pytest.raises(OriginalUnreadable, match=r"a\.NEF has other bytes than when it was taken in"):
        drive.vault.keep(os.fsencode(shoot.session), b"Capture/a.NEF", sha256(samples.raw(1)))
    keeping = keeper(shoot, drive)
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


def test_the_session_is_only_read(shoot: Shoot, drive: Drive) -> None:
    path = shoot.put("Capture/a.NEF", samples.raw(1))
    os.chmod(path, 0o444)
    shoot.intake.step()
    before = os.stat(path)
    assert copies(keeper(shoot, drive)) == 1
    after = os.stat(path)
    assert (before.st_mtime_ns, before.st_ctime_ns, before.st_nlink) == (
        after.st_mtime_ns,
        after.st_ctime_ns,
        after.st_nlink,
    )
    assert Path(os.fsdecode(path)).read_bytes() == samples.raw(1)


def test_the_thread_says_each_problem_once_and_outlives_a_bug(
    shoot: Shoot, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VaultKeeper, "_copy_next", raises(AssertionError("a bug")))
    keeping, stop, steps = keeper(shoot, drive), threading.Event(), 0
    said: list[str] = []

    def wait(timeout: float) -> None:
        nonlocal steps
        shoot.now_s += 60
        steps += 1
        if steps == 3:
            drive.unplug()
        if steps == 6:
            stop.set()

    monkeypatch.setattr(stop, "wait", wait)
    keeping.run(stop, said.append)
    assert [line.partition(":")[0] for line in said] == [
        "copying to the vault failed",
        f"the vault {drive.root} is not there",
    ]
