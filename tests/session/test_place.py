"""Where the databases lie: beside the session, or in the user's own folder where SQLite is not safe."""

from __future__ import annotations

import json
from collections import namedtuple
from pathlib import Path

import platformdirs
import psutil
import pytest

from studio_pipeline.errors import Refused
from studio_pipeline.records.preset import load
from studio_pipeline.session import place
from studio_pipeline.session.folder import create, open_session
from tests.support import shoots

Partition = namedtuple("Partition", "device mountpoint fstype opts")


@pytest.fixture()
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's state folder, in this test's own."""
    folder = tmp_path / "state"
    monkeypatch.setattr(platformdirs, "user_state_dir", lambda *_, **__: str(folder))
    return folder


@pytest.fixture()
def on_exfat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "filesystem_of", lambda path: "exFAT")


@pytest.mark.parametrize(
    "name", ["ext4", "xfs", "btrfs", "zfs", "apfs", "hfs", "NTFS", "overlay", "tmpfs", ""]
)
def test_local_filesystems_are_safe(name: str) -> None:
    assert place.safe_for_sqlite(name)


@pytest.mark.parametrize(
    "name",
    ["nfs4", "cifs", "smb3", "smbfs", "afpfs", "webdav", "fuse.sshfs", "fuseblk", "macfuse", "exFAT", "msdos",
     "vfat", "FAT32", "9p", "vboxsf", "remote", "ceph"],
)  # fmt: skip
def test_network_and_camera_card_filesystems_are_not(name: str) -> None:
    assert not place.safe_for_sqlite(name)


def test_the_innermost_mount_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path.resolve() / "share"
    (inner / "s").mkdir(parents=True)
    mounts = [
        Partition("a", "/", "ext4", "rw"),
        Partition("b", str(inner), "nfs4", "rw,vers=4"),
        Partition("c", str(inner) + "2", "xfs", "rw"),
    ]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
    assert place.filesystem_of(inner / "s") == "nfs4"
    assert place.filesystem_of(tmp_path) == "ext4"


def test_a_network_drive_of_windows_is_known_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: [Partition("Z:", "/", "NTFS", "rw,remote")])
    assert place.filesystem_of(Path("/")) == "remote"


def test_on_a_safe_drive_all_of_it_stays_in_the_session(tmp_path: Path, state: Path) -> None:
    assert place.database_folder(tmp_path, "id") == tmp_path
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("on_exfat")
def test_elsewhere_a_locator_stays_in_the_session(tmp_path: Path, state: Path) -> None:
    create(tmp_path / "s", load("cleanup-only"), "x", None, shoots.NOW)
    session = open_session(tmp_path / "s")
    assert session.databases == state / session.id
    with shoots.opened(session) as catalog:
        assert catalog.entries() == []
    assert (state / session.id / "catalog.sqlite").exists()
    assert not list(session.hidden.glob("*.sqlite*"))


@pytest.mark.usefixtures("on_exfat")
def test_the_locator_holds_wherever_the_session_goes(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / ".studio"
    hidden.mkdir()
    first = place.database_folder(hidden, "id")
    monkeypatch.setattr(place, "filesystem_of", lambda path: "ext4")
    monkeypatch.setattr(platformdirs, "user_state_dir", lambda *_, **__: str(tmp_path / "elsewhere"))
    assert place.database_folder(hidden, "id") == first == state / "id"


@pytest.mark.usefixtures("on_exfat", "state")
def test_a_session_copied_to_such_a_drive_keeps_its_decisions(tmp_path: Path) -> None:
    for name in ("catalog.sqlite", "catalog.sqlite-wal", "journal.sqlite"):
        (tmp_path / name).write_text(name)
    folder = place.database_folder(tmp_path, "id")
    assert folder != tmp_path
    assert {p.name: p.read_text() for p in folder.iterdir()} == {
        name: name for name in ("catalog.sqlite", "catalog.sqlite-wal", "journal.sqlite")
    }


@pytest.mark.usefixtures("on_exfat", "state")
def test_what_was_copied_is_not_left_behind(tmp_path: Path) -> None:
    for name in ("catalog.sqlite", "catalog.sqlite-wal", "journal.sqlite"):
        (tmp_path / name).write_text(name)
    place.database_folder(tmp_path, "id")
    assert [path.name for path in tmp_path.glob("*.sqlite*")] == []


@pytest.mark.usefixtures("on_exfat", "state")
def test_what_is_put_beside_a_locator_later_is_not_touched(tmp_path: Path) -> None:
    """It may be the newer one: of two catalogs a person has to choose."""
    folder = place.database_folder(tmp_path, "id")
    (tmp_path / "catalog.sqlite").write_text("another")
    assert place.database_folder(tmp_path, "id") == folder
    assert (tmp_path / "catalog.sqlite").read_text() == "another"


@pytest.mark.usefixtures("on_exfat", "state")
def test_databases_stay_while_no_locator_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "catalog.sqlite").write_text("catalog")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("pulled")))
    with pytest.raises(OSError, match="pulled"):
        place.database_folder(tmp_path, "id")
    assert (tmp_path / "catalog.sqlite").read_text() == "catalog"


def test_databases_that_are_not_here_are_not_replaced_by_empty_ones(tmp_path: Path) -> None:
    locator = tmp_path / "databases.json"
    locator.write_text(json.dumps({"folder": str(tmp_path / "gone")}))
    with pytest.raises(Refused, match="which is not here"):
        place.database_folder(tmp_path, "id")
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"folder": 3}', "\0"])
def test_a_damaged_locator_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "databases.json").write_text(text)
    with pytest.raises(Refused, match="is damaged"):
        place.database_folder(tmp_path, "id")


@pytest.mark.usefixtures("on_exfat", "state")
def test_two_copies_of_a_session_do_not_overwrite_each_other(tmp_path: Path) -> None:
    """Both have its id: the first one's work of a week lies where the second one's would go."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "catalog.sqlite").write_text("as it was")
    folder = place.database_folder(tmp_path / "first", "id")
    (folder / "catalog.sqlite").write_text("a week later")
    with pytest.raises(Refused, match="another copy of this session"):
        place.database_folder(tmp_path / "second", "id")
    assert (folder / "catalog.sqlite").read_text() == "a week later"
    assert (tmp_path / "second" / "catalog.sqlite").read_text() == "as it was"


@pytest.mark.usefixtures("on_exfat", "state")
def test_bringing_them_goes_on_where_it_was_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("catalog.sqlite", "journal.sqlite"):
        (tmp_path / name).write_text(name)
    synced = place._sync
    with monkeypatch.context() as patch:
        patch.setattr(place, "_sync", lambda path: synced(path) if "catalog" in path.name else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            place.database_folder(tmp_path, "id")
    folder = place.database_folder(tmp_path, "id")
    assert {p.name for p in folder.glob("*.sqlite")} == {"catalog.sqlite", "journal.sqlite"}
    assert not list(tmp_path.glob("*.sqlite"))
