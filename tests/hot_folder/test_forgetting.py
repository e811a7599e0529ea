"""What is forgotten goes, whole; and nothing that is another file's, whatever its name or its bytes."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from hot_folder.errors import JournalBusy
from hot_folder.events import FileRow
from hot_folder.forgetting import changed_since, copies_of, files_of, forget, forget_copies
from hot_folder.restoring import restore_journalled
from tests.hot_folder import samples
from tests.hot_folder.drives import Drive, copies, keep_all, keeper
from tests.hot_folder.samples import Shoot


def rows_at(shoot: Shoot, path: bytes) -> list[FileRow]:
    row = shoot.journal.at(path)
    assert row is not None and row.group_id is not None
    return files_of(shoot.journal, [row.group_id])


def forget_at(shoot: Shoot, path: bytes) -> list[bytes]:
    return sorted(forget(os.fsencode(shoot.session), shoot.journal, rows_at(shoot, path)).removed)


def there(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*.*") if path.is_file()}


def test_settings_of_a_namesake_in_another_folder_stay(shoot: Shoot) -> None:
    for seed, folder in enumerate(("Capture", "Capture/ben")):
        shoot.put(f"{folder}/1.NEF", samples.raw(seed))
        shoot.put(f"{folder}/CaptureOne/Settings153/1.NEF.cos", b"settings")
        shoot.put(f"{folder}/CaptureOne/Cache/Proxies/1.NEF.cop", b"proxy")
    shoot.put("Capture/CaptureOne/Settings153/10.NEF.cos", b"settings")
    shoot.intake.step()
    assert forget_at(shoot, b"Capture/1.NEF") == [
        b"Capture/1.NEF",
        b"Capture/CaptureOne/Cache/Proxies/1.NEF.cop",
        b"Capture/CaptureOne/Settings153/1.NEF.cos",
    ]
    assert there(shoot.session / "Capture") == {
        "CaptureOne/Settings153/10.NEF.cos",
        *(f"ben/{name}" for name in ("1.NEF", "CaptureOne/Settings153/1.NEF.cos")),
        "ben/CaptureOne/Cache/Proxies/1.NEF.cop",
    }


def test_settings_of_the_frame_that_took_a_name_stay(shoot: Shoot) -> None:
    shoot.put("Capture/1.NEF", samples.raw(1, taken="2026-05-04T12:00:00"))
    shoot.intake.step()
    theirs = rows_at(shoot, b"Capture/1.NEF")
    shoot.put("Capture/1.NEF", samples.raw(2, taken="2026-05-04T13:00:00"))
    shoot.intake.step()
    shoot.put("Capture/CaptureOne/Settings153/1.NEF.cos", b"settings")
    theirs = files_of(shoot.journal, [theirs[0].group_id or 0])
    assert forget(os.fsencode(shoot.session), shoot.journal, theirs).removed == []
    assert len(there(shoot.session / "Capture")) == 2


def test_copies_of_another_frame_with_the_same_sidecar_stay(shoot: Shoot, drive: Drive) -> None:
    for n in (1, 2):
        shoot.put(f"Capture/{n}.NEF", samples.raw(n))
        shoot.put(f"Capture/{n}.xmp", samples.xmp(3))
        shoot.put(f"Capture/CaptureOne/Settings153/{n}.NEF.cos", b"settings %d" % n)
    keep_all(shoot, drive.vault)
    rows = rows_at(shoot, b"Capture/1.NEF")
    hers = [b"Capture/1.NEF", b"Capture/1.xmp", b"Capture/CaptureOne/Settings153/1.NEF.cos"]
    assert sorted(copies_of(drive.vault, shoot.journal, rows)) == hers
    assert sorted(forget_copies(drive.vault, shoot.journal, rows).removed) == hers
    forget(os.fsencode(shoot.session), shoot.journal, rows)
    restored = restore_journalled(drive.vault, os.fsencode(shoot.session), shoot.journal)
    assert (restored.restored, restored.failed) == ([], [])
    assert sorted(drive.files()) == [
        b"Capture/2.NEF", b"Capture/2.xmp", b"Capture/CaptureOne/Settings153/2.NEF.cos"
    ]  # fmt: skip


def test_another_frames_settings_of_the_same_bytes_come_back(shoot: Shoot, drive: Drive) -> None:
    for n in (1, 2):
        shoot.put(f"Capture/{n}.NEF", samples.raw(n))
        shoot.put(f"Capture/CaptureOne/Settings153/{n}.NEF.cos", b"the usual settings")
    keep_all(shoot, drive.vault)
    forget_at(shoot, b"Capture/1.NEF")
    for path in ("Capture/2.NEF", "Capture/CaptureOne/Settings153/2.NEF.cos"):
        (shoot.session / path).unlink()
    restored = restore_journalled(drive.vault, os.fsencode(shoot.session), shoot.journal)
    hers = [b"Capture/2.NEF", b"Capture/CaptureOne/Settings153/2.NEF.cos"]
    assert (sorted(restored.restored), restored.failed) == (hers, [])


def test_the_vaults_settings_go_later_too_and_nobody_elses(shoot: Shoot, drive: Drive) -> None:
    """First the originals are forgotten, then their copies: of the settings the journal has no name left."""
    for n in (1, 2):
        shoot.put(f"Capture/{n}.NEF", samples.raw(n))
        shoot.put(f"Capture/CaptureOne/Settings153/{n}.NEF.cos", b"the usual settings")
    keep_all(shoot, drive.vault)
    rows = rows_at(shoot, b"Capture/1.NEF")
    group = rows[0].group_id or 0
    forget(os.fsencode(shoot.session), shoot.journal, rows)
    hers = [b"Capture/1.NEF", b"Capture/CaptureOne/Settings153/1.NEF.cos"]
    left = files_of(shoot.journal, [group])
    assert sorted(forget_copies(drive.vault, shoot.journal, left).removed) == hers
    assert sorted(drive.files()) == [b"Capture/2.NEF", b"Capture/CaptureOne/Settings153/2.NEF.cos"]


def test_settings_that_the_vault_keeps_do_not_come_back_by_themselves(shoot: Shoot, drive: Drive) -> None:
    shoot.put("Capture/1.NEF", samples.raw(1))
    shoot.put("Capture/CaptureOne/Settings153/1.NEF.cos", b"settings")
    keep_all(shoot, drive.vault)
    forget_at(shoot, b"Capture/1.NEF")
    restored = restore_journalled(drive.vault, os.fsencode(shoot.session), shoot.journal)
    assert (restored.restored, restored.failed) == ([], [])
    assert len(drive.files()) == 2


def test_copies_are_found_by_their_bytes_once_their_names_are_forgotten(shoot: Shoot, drive: Drive) -> None:
    for n in (1, 2):
        shoot.put(f"Capture/{n}.NEF", samples.raw(n))
    keep_all(shoot, drive.vault)
    rows = rows_at(shoot, b"Capture/1.NEF")
    forget(os.fsencode(shoot.session), shoot.journal, rows)
    rows = files_of(shoot.journal, [rows[0].group_id or 0])
    assert forget_copies(drive.vault, shoot.journal, rows).removed == [b"Capture/1.NEF"]
    assert set(drive.files()) == {b"Capture/2.NEF"}


def test_what_took_a_name_keeps_its_copy(shoot: Shoot, drive: Drive) -> None:
    first, second = (samples.raw(n, taken=f"2026-05-04T1{n}:00:00") for n in (1, 2))
    shoot.put("Capture/1.NEF", first)
    keep_all(shoot, drive.vault)
    group = rows_at(shoot, b"Capture/1.NEF")[0].group_id or 0
    shoot.put("Capture/1.NEF", second)
    keep_all(shoot, drive.vault)
    assert set(drive.files().values()) == {first, second}
    forget_copies(drive.vault, shoot.journal, files_of(shoot.journal, [group]))
    assert list(drive.files().values()) == [second]


def test_a_copy_that_another_session_lists_stays_and_is_named(
    shoot: Shoot, drive: Drive, tmp_path: Path
) -> None:
    other = Shoot(tmp_path / "other")
    for one, name in ((shoot, "one"), (other, "two")):
        one.put("Capture/1.NEF", samples.raw(1))
        one.intake.step()
        copies(keeper(one, drive.of(name)))
    rows = rows_at(shoot, b"Capture/1.NEF")
    done = forget_copies(drive.of("one"), shoot.journal, rows)
    assert done.removed == [] and done.left == [(b"Capture/1.NEF", "another session lists it, too")]
    (other.session / "Capture/1.NEF").unlink()
    restored = restore_journalled(drive.of("two"), os.fsencode(other.session), other.journal)
    assert restored.restored == [b"Capture/1.NEF"]
    other.journal.close()


def test_the_journal_keeps_no_name_in_its_free_pages(shoot: Shoot) -> None:
    for n in range(50):
        shoot.put(f"Capture/ada-{n}.NEF", samples.raw(n))
    shoot.intake.step()
    rows = files_of(shoot.journal, [row.group_id or 0 for row in shoot.journal.live_files()])
    reader = sqlite3.connect(shoot.session / "journal.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM files").fetchone()
    shoot.journal.execute("PRAGMA busy_timeout = 50")
    with pytest.raises(JournalBusy, match="close it"):
        forget(os.fsencode(shoot.session), shoot.journal, rows)
    reader.close()
    forget(os.fsencode(shoot.session), shoot.journal, rows)
    assert all(b"ada-" not in path.read_bytes() for path in shoot.session.glob("journal.sqlite*"))


def test_what_was_written_since_intake_looked_is_told(shoot: Shoot) -> None:
    path = shoot.put("Capture/1.NEF", samples.raw(1))
    shoot.intake.step()
    rows = rows_at(shoot, b"Capture/1.NEF")
    session = os.fsencode(shoot.session)
    assert changed_since(session, rows) == []
    shoot.put("Capture/1.NEF", samples.raw(2))
    assert changed_since(session, rows) == [b"Capture/1.NEF"]
    os.unlink(path)
    assert changed_since(session, rows) == []
