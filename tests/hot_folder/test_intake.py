from __future__ import annotations

import errno
import hashlib
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hot_folder import EventKind, FileState, Hint, Intake, Journal, Place, Role, Settings
from hot_folder.digest import read_through
from hot_folder.leases import Writer
from tests.hot_folder.samples import WHOLE_FILES, Shoot, jpeg, raw, tiff, xmp


def everything_in(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        os.fsdecode(os.fsencode(path)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_an_old_shoot_is_taken_in_by_the_first_step(shoot: Shoot) -> None:
    for name, data in WHOLE_FILES.items():
        shoot.put(b"Capture/" + name, data)
    report = shoot.intake.step()
    assert {event.path for event in report.taken_in} == {b"Capture/" + name for name in WHOLE_FILES}
    assert not report.settling
    assert not report.problems


def test_the_journal_carries_what_the_catalog_needs(shoot: Shoot) -> None:
    data = raw(1, taken="2024-05-01T12:00:00")
    shoot.put("Capture/IMG_0001.NEF", data)
    shoot.intake.step()
    (event,) = shoot.journal.events()
    assert (event.kind, event.role, event.place) == (EventKind.ARRIVED, Role.RAW, Place.CAPTURE)
    assert event.sha256 == hashlib.sha256(data).digest()
    assert event.size == len(data)
    assert str(event.hints.captured_at) == "2024-05-01 12:00:00"
    assert event.group_id is not None
    assert shoot.journal.events(after_seq=event.seq) == []


def test_a_second_step_and_a_restart_change_nothing(shoot: Shoot) -> None:
    shoot.put("Capture/a.NEF", raw(1))
    shoot.put("Capture/bad.NEF", b"")
    shoot.put("Capture/clip.mov", b"no picture")
    shoot.intake.step()
    before = shoot.journal.last_seq()
    shoot.pass_time(60)
    shoot.start()
    shoot.pass_time(60)
    assert shoot.journal.last_seq() == before == 3


def test_nothing_in_the_session_is_written(shoot: Shoot) -> None:
    for name, data in WHOLE_FILES.items():
        shoot.put(b"Capture/" + name, data)
    shoot.put("Capture/bad.NEF", b"text")
    before = everything_in(shoot.session / "Capture")
    for _ in range(4):
        shoot.pass_time(3)
    assert everything_in(shoot.session / "Capture") == before


def test_names_are_bytes(shoot: Shoot) -> None:
    names = ["🦊 fox.NEF".encode(), b"two  spaces .NEF"]
    if sys.platform == "linux":  # other systems refuse such names themselves
        names += [b"\xff\xfe latin \xe9.NEF", b"new\nline.NEF", b"x" * 251 + b".NEF"]
    for seed, name in enumerate(names):
        shoot.put(b"Capture/" + name, raw(seed))
    shoot.intake.step()
    assert {event.path for event in shoot.journal.events()} == {b"Capture/" + name for name in names}
    assert all(event.kind is EventKind.ARRIVED for event in shoot.journal.events())


def test_two_files_of_one_name_in_two_subfolders_are_two_captures(shoot: Shoot) -> None:
    shoot.put("Capture/A/DSC_0001.NEF", raw(1))
    shoot.put("Capture/B/DSC_0001.NEF", raw(2))
    shoot.intake.step()
    assert shoot.groups() == {frozenset({"Capture/A/DSC_0001.NEF"}), frozenset({"Capture/B/DSC_0001.NEF"})}


# What is bad


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.NEF", b"", "it is empty: copy it again"),
        ("short.NEF", raw(1)[:-10], "it is cut short (3,"),
        ("list.CR2", b"milk, eggs, film\n", "its name says CR2, but what is inside is text"),
        ("photo.tif", jpeg(), "its name says TIF, but what is inside is JPEG"),
    ],
)
def test_a_broken_file_is_set_aside_with_one_clear_line(
    shoot: Shoot, name: str, data: bytes, says: str
) -> None:
    shoot.put(f"Capture/{name}", data)
    shoot.put("Capture/good.NEF", raw(9))
    report = shoot.intake.step()
    (bad,) = report.quarantined
    assert says in bad.reason
    assert "\n" not in bad.reason
    assert name in bad.reason
    assert [event.path for event in report.taken_in] == [b"Capture/good.NEF"]


def test_a_file_that_was_set_aside_is_looked_at_again_when_it_changes(shoot: Shoot) -> None:
    path = shoot.put("Capture/a.NEF", raw(1)[:-10])
    shoot.intake.step()
    shoot.put("Capture/a.NEF", raw(1)[:-5], age_s=0)
    shoot.pass_time(1)
    shoot.put("Capture/a.NEF", raw(1), age_s=0)
    shoot.pass_time(1)
    shoot.pass_time(3)
    assert shoot.news() == [("quarantined", "Capture/a.NEF"), ("arrived", "Capture/a.NEF")]
    assert os.path.exists(path)


def test_a_good_file_that_breaks_and_recovers_is_the_same_file(shoot: Shoot) -> None:
    shoot.put("Capture/a.NEF", raw(1))
    shoot.intake.step()
    (arrived,) = shoot.journal.events()
    shoot.put("Capture/a.NEF", raw(1)[:-10])
    shoot.pass_time(3)
    shoot.put("Capture/a.NEF", raw(1))
    shoot.pass_time(3)
    shoot.pass_time(3)
    assert [kind for kind, _ in shoot.news()] == ["arrived", "quarantined", "restored"]
    assert shoot.journal.events()[-1].file_id == arrived.file_id
    assert shoot.journal.events()[-1].sha256 == arrived.sha256


def test_a_folder_named_like_a_picture_is_a_folder(shoot: Shoot) -> None:
    shoot.put("Capture/x.NEF/inside.NEF", raw(1))
    report = shoot.intake.step()
    assert [event.path for event in report.taken_in] == [b"Capture/x.NEF/inside.NEF"]
    (problem,) = report.problems
    assert "x.NEF is a folder" in problem.reason


@pytest.mark.skipif(os.name == "nt", reason="links and pipes need other rights there")
def test_a_link_out_of_the_folder_is_named_and_not_followed(shoot: Shoot, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.NEF").write_bytes(raw(1))
    (shoot.session / "Capture/link.NEF").symlink_to(outside / "secret.NEF")
    (shoot.session / "Capture/folder").symlink_to(outside)
    (shoot.session / "Capture/nowhere.NEF").symlink_to(outside / "missing.NEF")
    os.mkfifo(shoot.session / "Capture/pipe.NEF")
    shoot.put("Capture/a.NEF", raw(2))
    (shoot.session / "Selects/a.NEF").symlink_to(shoot.session / "Capture/a.NEF")
    report = shoot.intake.step()
    assert shoot.news() == [("arrived", "Capture/a.NEF")]
    said = {problem.path.decode(): problem.reason for problem in report.problems}
    assert set(said) == {f"Capture/{name}" for name in ("link.NEF", "folder", "nowhere.NEF", "pipe.NEF")}
    assert "leaves the folder and is not followed" in said["Capture/link.NEF"]


def test_what_is_no_picture_is_remembered_and_left_alone(shoot: Shoot) -> None:
    shoot.put("Capture/clip.mov", b"moving")
    report = shoot.intake.step()
    assert not report.taken_in
    assert shoot.news() == [("unsupported", "Capture/clip.mov")]


def test_a_name_that_is_no_pictures_yet_is_waited_for(shoot: Shoot) -> None:
    shoot.put("Capture/a.NEF.uploading", raw(1), age_s=0)
    shoot.intake.step()
    os.rename(shoot.session / "Capture/a.NEF.uploading", shoot.session / "Capture/a.NEF")
    shoot.pass_time(1)
    shoot.pass_time(3)
    assert shoot.news() == [("arrived", "Capture/a.NEF")]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom rights bind")
def test_a_file_that_may_not_be_read_is_a_problem_that_passes(shoot: Shoot) -> None:
    path = shoot.put("Capture/a.NEF", raw(1))
    os.chmod(path, 0)
    report = shoot.intake.step()
    assert not report.settling
    assert "cannot be read" in report.problems[0].reason
    os.chmod(path, 0o644)
    assert shoot.pass_time(10).taken_in


def test_an_error_of_the_disk_is_waited_out(shoot: Shoot, monkeypatch: pytest.MonkeyPatch) -> None:
    shoot.put("Capture/a.NEF", raw(1))
    shoot.put("Capture/b.NEF", raw(2))
    real_open = os.open

    def failing_open(path: bytes, flags: int) -> int:
        if path.endswith(b"a.NEF"):
            raise OSError(errno.EIO, "Input/output error")
        return real_open(path, flags)

    with monkeypatch.context() as broken:
        broken.setattr(os, "open", failing_open)
        report = shoot.intake.step()
    assert [event.path for event in report.taken_in] == [b"Capture/b.NEF"]
    assert [(p.path, "Input/output error" in p.reason) for p in report.problems] == [(b"Capture/a.NEF", True)]
    assert not report.settling
    report = shoot.pass_time(10)
    assert [event.path for event in report.taken_in] == [b"Capture/a.NEF"]
    assert not report.problems


# Writers


def test_a_fresh_file_waits_for_the_quiet_period(shoot: Shoot) -> None:
    shoot.put("Capture/a.NEF", raw(1), age_s=0)
    report = shoot.intake.step()
    (settling,) = report.settling
    assert settling.path == b"Capture/a.NEF"
    assert shoot.now_s < settling.look_again_s <= shoot.now_s + 2.0
    assert shoot.pass_time(2.1).taken_in


@pytest.mark.parametrize("hint", [Hint.CLOSED, Hint.RENAMED_IN])
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can say that nobody writes")
def test_a_closed_file_is_taken_in_at_once(shoot: Shoot, hint: Hint) -> None:
    path = shoot.put("Capture/a.NEF", raw(1), age_s=0)
    shoot.intake.hint(path, hint)
    assert shoot.intake.step(whole_tree=False).taken_in


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can say that somebody writes")
def test_a_file_held_open_for_writing_waits_however_old_it_looks(shoot: Shoot) -> None:
    path = shoot.put("Capture/a.NEF", raw(1))
    with open(path, "r+b"):
        for _ in range(3):
            report = shoot.pass_time(60)
            assert "open for writing" in report.settling[0].why
    assert shoot.pass_time(1).taken_in


@pytest.mark.parametrize("name", WHOLE_FILES)
@pytest.mark.parametrize("hinted", [True, False])
def test_a_writer_in_pieces_is_taken_in_once_and_whole(shoot: Shoot, name: bytes, hinted: bool) -> None:
    data = WHOLE_FILES[name]
    path = os.path.join(os.fsencode(shoot.session), b"Capture", name)
    for piece in _pieces(data, 7):
        with open(path, "ab") as file:
            file.write(piece)
        if hinted:
            shoot.intake.hint(path, Hint.CLOSED)
        shoot.pass_time(0.5)
    shoot.pass_time(3)
    arrived = shoot.journal.events()
    assert [(event.kind, event.sha256) for event in arrived] == [
        (EventKind.ARRIVED, hashlib.sha256(data).digest())
    ]


@pytest.mark.parametrize("name", [name for name in WHOLE_FILES if len(WHOLE_FILES[name]) > 1024])
def test_a_writer_that_reserves_first_and_fills_later(shoot: Shoot, name: bytes) -> None:
    """As Samba does: its size is there from the start, and between two pieces nobody has it open."""
    data = WHOLE_FILES[name]
    path = os.path.join(os.fsencode(shoot.session), b"Capture", name)
    with open(path, "wb") as file:
        file.truncate(len(data))
    offset = 0
    for piece in _pieces(data, 5):
        with open(path, "r+b") as file:
            file.seek(offset)
            file.write(piece)
            offset += len(piece)
        shoot.intake.hint(path, Hint.CLOSED)
        shoot.pass_time(0.5)
    shoot.pass_time(3)
    arrived = shoot.journal.events()
    assert [(event.kind, event.sha256) for event in arrived] == [
        (EventKind.ARRIVED, hashlib.sha256(data).digest())
    ]


def test_a_transfer_that_stalls_is_set_aside_and_taken_up_again(shoot: Shoot) -> None:
    data = raw(1)
    shoot.put("Capture/a.NEF", data[:2000], age_s=0)
    shoot.intake.step()
    shoot.pass_time(3)
    shoot.put("Capture/a.NEF", data, age_s=0)
    shoot.pass_time(1)
    shoot.pass_time(3)
    assert shoot.news() == [("quarantined", "Capture/a.NEF"), ("arrived", "Capture/a.NEF")]


def test_growth_after_it_was_taken_in_supersedes_it(shoot: Shoot) -> None:
    early, late = raw(1), raw(1) + b"and what a slow writer added"
    shoot.put("Capture/a.NEF", early)
    shoot.intake.step()
    shoot.put("Capture/a.NEF", late)
    shoot.pass_time(3)
    shoot.pass_time(3)
    first, second = shoot.journal.events()
    assert (second.kind, second.supersedes, second.group_id) == (
        EventKind.CHANGED,
        first.file_id,
        first.group_id,
    )


def test_a_file_that_changes_while_it_is_read_is_not_taken_in(
    shoot: Shoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shoot.put("Capture/a.NEF", raw(1))

    def read_and_append(*args: object, **kwargs: object) -> object:
        digest = read_through(*args, **kwargs)  # type: ignore[arg-type]
        with open(path, "ab") as file:
            file.write(b"more")
        return digest

    with monkeypatch.context() as racing:
        racing.setattr("hot_folder.gate.read_through", read_and_append)
        report = shoot.intake.step()
    assert not report.events
    assert report.settling
    shoot.pass_time(1)
    shoot.pass_time(3)
    assert shoot.journal.events()[0].size == len(raw(1)) + 4


@pytest.mark.parametrize("writer", [Writer.NONE, Writer.UNKNOWN])
def test_a_close_is_looked_into_though_size_and_time_are_as_known(
    shoot: Shoot, monkeypatch: pytest.MonkeyPatch, writer: Writer
) -> None:
    """As after a header was written anew and its time put back, or within one tick of a slow clock."""
    monkeypatch.setattr("hot_folder.gate.writer_of", lambda fd: writer)
    first = raw(1, taken="2024-05-01T12:00:00")
    path = shoot.put("Capture/a.NEF", first, age_s=-3600.0)  # by a clock that is ahead: its age says nothing
    known = os.stat(path)
    for _ in range(2):
        shoot.pass_time(3)
    assert shoot.news() == [("arrived", "Capture/a.NEF")]
    with open(path, "r+b") as file:
        file.write(first[:-50] + bytes(range(50)))
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))
    shoot.intake.hint(path, Hint.CLOSED)
    for _ in range(5):  # and the scans between, which find it as it was, make nobody forget
        shoot.pass_time(0.9)
        report = shoot.intake.step(whole_tree=False)
    assert shoot.news() == [("changed", "Capture/a.NEF")]
    assert report.settling == ()


# One exposure, one capture


MEMBERS = {
    "Capture/IMG_0001.CR2": raw(1, taken="2024-05-01T12:00:00"),
    "Capture/IMG_0001.JPG": jpeg(2),
    "Capture/IMG_0001.xmp": xmp(1),
    "Capture/IMG_0001.CR2.xmp": xmp(2),
    "Capture/IMG_0001.tif": tiff(3),
    "Capture/IMG_0001 1.tif": tiff(4),
    "Capture/Output/IMG_0001.tif": tiff(5),
    "Capture/B/IMG_0001.CR2": raw(6, taken="2024-05-01T13:00:00"),
    "Capture/B/IMG_0001.JPG": jpeg(7),
    "Capture/IMG_0002.NEF": raw(8),
}
CAPTURES = {
    frozenset(path for path in MEMBERS if not path.startswith("Capture/B/") and "0002" not in path),
    frozenset({"Capture/B/IMG_0001.CR2", "Capture/B/IMG_0001.JPG"}),
    frozenset({"Capture/IMG_0002.NEF"}),
}


@settings(max_examples=15)
@given(order=st.permutations(list(MEMBERS)))
def test_members_find_their_capture_in_any_order_of_arrival(
    tmp_path_factory: pytest.TempPathFactory, order: list[str]
) -> None:
    shoot = Shoot(tmp_path_factory.mktemp("shoot"))
    with shoot.journal:
        catalog: dict[int, int | None] = {}
        for path in order:
            shoot.put(path, MEMBERS[path])
            shoot.intake.step()
        assert shoot.groups() == CAPTURES
        for event in shoot.journal.events():
            catalog[event.file_id] = event.group_id
        assert catalog == {row.id: row.group_id for row in shoot.journal.live_files()}


def test_a_changed_sidecar_or_export_stays_in_its_capture(shoot: Shoot) -> None:
    shoot.put("Capture/a.NEF", raw(1))
    shoot.put("Capture/a.xmp", xmp(1))
    shoot.put("Capture/a.tif", tiff(1))
    shoot.intake.step()
    shoot.put("Capture/new.xmp.tmp", xmp(5))
    os.rename(shoot.session / "Capture/new.xmp.tmp", shoot.session / "Capture/a.xmp")
    shoot.put("Capture/a.tif", tiff(2))
    shoot.pass_time(3)
    shoot.pass_time(3)
    events = shoot.journal.events()
    assert [event.kind for event in events[3:]] == [EventKind.CHANGED, EventKind.CHANGED]
    assert len({event.group_id for event in events}) == 1
    shoot.put("Capture/a.xmp", xmp(1))
    shoot.pass_time(3)
    shoot.pass_time(3)
    assert shoot.journal.events()[-1].kind is EventKind.CHANGED
    assert shoot.groups() == {frozenset({"Capture/a.NEF", "Capture/a.xmp", "Capture/a.tif"})}


def test_sidecars_that_say_the_same_are_no_copies(shoot: Shoot) -> None:
    for stem in ("a", "b"):
        shoot.put(f"Capture/{stem}.NEF", raw(ord(stem)))
        shoot.put(f"Capture/{stem}.xmp", xmp(0))
    shoot.intake.step()
    assert len(shoot.groups()) == 2
    assert all(event.kind is EventKind.ARRIVED for event in shoot.journal.events())


def test_a_name_that_rolled_over_is_a_new_capture(shoot: Shoot) -> None:
    shoot.put("Capture/DSC_0001.NEF", raw(1))
    shoot.put("Capture/DSC_0001.JPG", jpeg(1))
    shoot.intake.step()
    os.remove(shoot.session / "Capture/DSC_0001.NEF")
    shoot.put("Capture/DSC_0001.NEF", raw(2))
    shoot.pass_time(3)
    old, old_jpeg, replaced, new = shoot.journal.events()
    assert (replaced.kind, replaced.file_id) == (EventKind.REPLACED, old.file_id)
    assert (new.kind, new.group_id == old.group_id) == (EventKind.ARRIVED, False)
    assert old_jpeg.group_id == old.group_id
    shoot.put("Capture/DSC_0001.JPG", jpeg(2))
    shoot.pass_time(3)
    assert shoot.journal.events()[-1].group_id == new.group_id


def test_a_rewritten_frame_with_the_same_capture_time_is_the_same_exposure(shoot: Shoot) -> None:
    shoot.put("Capture/a.DNG", raw(1, taken="2024-05-01T12:00:00"))
    shoot.intake.step()
    shoot.put("Capture/rated.part", raw(2, taken="2024-05-01T12:00:00"))
    os.rename(shoot.session / "Capture/rated.part", shoot.session / "Capture/a.DNG")
    shoot.pass_time(3)
    assert shoot.news() == [("arrived", "Capture/a.DNG"), ("changed", "Capture/a.DNG")]
    assert len(shoot.groups()) == 1


# Moves, copies, and what is gone


def test_selects_and_trash_are_moves_of_one_capture(shoot: Shoot) -> None:
    shoot.put("Capture/a.NEF", raw(1))
    shoot.put("Capture/a.xmp", xmp(1))
    shoot.put("Capture/b.NEF", raw(2))
    shoot.intake.step()
    shoot.news()
    route = ["Capture", "Selects", "Trash", "Capture"]
    for source, target in itertools.pairwise(route):
        for name in ("a.NEF", "a.xmp"):
            os.rename(shoot.session / source / name, shoot.session / target / name)
        shoot.pass_time(1)
        shoot.pass_time(10)
    kinds = [kind for kind, path in shoot.news() if path.endswith("a.NEF")]
    assert kinds == ["moved", "withdrawn", "restored"]
    assert shoot.groups() == {frozenset({"Capture/a.NEF", "Capture/a.xmp"}), frozenset({"Capture/b.NEF"})}


def test_a_renamed_file_is_the_same_file(shoot: Shoot) -> None:
    shoot.put("Capture/IMG_0001.NEF", raw(1))
    shoot.intake.step()
    os.rename(shoot.session / "Capture/IMG_0001.NEF", shoot.session / "Capture/Smith.NEF")
    shoot.pass_time(1)
    arrived, moved = shoot.journal.events()
    assert (moved.kind, moved.file_id, moved.path) == (EventKind.MOVED, arrived.file_id, b"Capture/Smith.NEF")
    assert moved.previous_path == b"Capture/IMG_0001.NEF"


def test_a_copy_is_said_to_be_one_and_takes_over_when_the_original_goes(shoot: Shoot) -> None:
    shoot.put("Capture/a.NEF", raw(1))
    shoot.put("Capture/other.NEF", raw(2))
    shoot.intake.step()
    shoot.put("Selects/a.NEF", raw(1))
    shoot.pass_time(1)
    arrived, _, copy = shoot.journal.events()
    assert (copy.kind, copy.duplicate_of, copy.group_id) == (
        EventKind.DUPLICATE,
        arrived.file_id,
        arrived.group_id,
    )
    os.remove(shoot.session / "Capture/a.NEF")
    shoot.pass_time(1)
    shoot.pass_time(10)
    moved = shoot.journal.events()[-1]
    assert (moved.kind, moved.file_id, moved.path) == (EventKind.MOVED, arrived.file_id, b"Selects/a.NEF")
    assert len(shoot.journal.live_files()) == 2


@pytest.mark.skipif(os.name == "nt", reason="hard links need other rights there")
def test_an_original_that_cannot_be_looked_at_has_not_moved(
    shoot: Shoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = shoot.put("Capture/a.NEF", raw(1))
    shoot.intake.step()
    shoot.put("Capture/sub/a.NEF", raw(1))
    lstat = os.lstat

    def stale(path: bytes) -> os.stat_result:
        if path == original:
            raise OSError(errno.ESTALE, "Stale file handle")
        return lstat(path)

    with monkeypatch.context() as broken:
        broken.setattr(os, "lstat", stale)
        shoot.pass_time(1)
    assert shoot.news() == [("arrived", "Capture/a.NEF"), ("duplicate", "Capture/sub/a.NEF")]


def test_a_hard_link_is_a_copy_and_stays_one(shoot: Shoot) -> None:
    shoot.put("Capture/a.NEF", raw(1))
    shoot.intake.step()
    os.link(shoot.session / "Capture/a.NEF", shoot.session / "Selects/a.NEF")
    for _ in range(4):
        shoot.pass_time(10)
    assert shoot.news() == [("arrived", "Capture/a.NEF"), ("duplicate", "Selects/a.NEF")]


def test_one_name_in_two_spellings_is_one_file(shoot: Shoot, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a filesystem that does not tell a.NEF from A.nef: the old name still answers after a rename."""
    shoot.put("Capture/a.NEF", raw(1))
    shoot.intake.step()
    os.rename(shoot.session / "Capture/a.NEF", shoot.session / "Capture/A.nef")
    real_lstat = os.lstat
    monkeypatch.setattr(os, "lstat", lambda path: real_lstat(path.replace(b"a.NEF", b"A.nef")))
    for _ in range(3):
        shoot.pass_time(10)
    assert shoot.news() == [("arrived", "Capture/a.NEF"), ("moved", "Capture/A.nef")]


def test_a_deleted_file_is_remembered_and_may_come_back(shoot: Shoot) -> None:
    shoot.put("Capture/a.NEF", raw(1))
    shoot.put("Capture/b.NEF", raw(2))
    shoot.put("Capture/sub/c.NEF", raw(3))
    shoot.intake.step()
    shoot.news()
    os.remove(shoot.session / "Capture/a.NEF")
    os.remove(shoot.session / "Capture/sub/c.NEF")
    os.rmdir(shoot.session / "Capture/sub")
    shoot.pass_time(1)
    assert shoot.news() == []
    shoot.pass_time(10)
    assert sorted(shoot.news()) == [("vanished", "Capture/a.NEF"), ("vanished", "Capture/sub/c.NEF")]
    shoot.put("Capture/a.NEF", raw(1))
    shoot.pass_time(1)
    assert shoot.news() == [("restored", "Capture/a.NEF")]


def test_bytes_that_were_replaced_and_come_back_are_the_old_capture(shoot: Shoot) -> None:
    shoot.put("Capture/a.NEF", raw(1))
    shoot.intake.step()
    os.remove(shoot.session / "Capture/a.NEF")
    shoot.put("Capture/a.NEF", raw(2))
    shoot.pass_time(3)
    shoot.put("Capture/a from card.NEF", raw(1))
    shoot.pass_time(3)
    events = shoot.journal.events()
    assert [event.kind for event in events] == [
        EventKind.ARRIVED,
        EventKind.REPLACED,
        EventKind.ARRIVED,
        EventKind.RESTORED,
    ]
    assert (events[3].file_id, events[3].group_id) == (events[0].file_id, events[0].group_id)
    assert len(shoot.groups()) == 2


def test_an_unplugged_drive_is_named_though_all_its_files_lay_in_subfolders(shoot: Shoot) -> None:
    shoot.put("Capture/day 1/a.NEF", raw(1))
    shoot.intake.step()
    shoot.news()
    (shoot.session / "Capture").rename(shoot.session / "unplugged")
    (shoot.session / "Capture").mkdir()
    (problem,) = shoot.pass_time(60).problems
    assert problem.path == b"Capture" and "is empty, but 1 files were taken in from it" in problem.reason
    assert shoot.news() == []


def test_an_unplugged_drive_deletes_nothing(shoot: Shoot) -> None:
    shoot.put("Capture/a.NEF", raw(1))
    shoot.put("Capture/sub/b.NEF", raw(2))
    shoot.intake.step()
    shoot.news()
    capture, away = shoot.session / "Capture", shoot.session / "unplugged"
    capture.rename(away)
    for stand_in in ("missing", "empty"):
        if stand_in == "empty":
            capture.mkdir()
        for _ in range(3):
            report = shoot.pass_time(60)
            assert any(problem.path == b"Capture" for problem in report.problems)
    capture.rmdir()
    away.rename(capture)
    report = shoot.pass_time(60)
    assert not report.problems
    assert shoot.news() == []


def test_a_name_taken_by_rename_gives_up_the_old_file(shoot: Shoot) -> None:
    shoot.put("Capture/a.NEF", raw(1))
    shoot.put("Capture/b.NEF", raw(2))
    shoot.intake.step()
    shoot.news()
    os.replace(shoot.session / "Capture/b.NEF", shoot.session / "Capture/a.NEF")
    shoot.pass_time(1)
    shoot.pass_time(10)
    assert shoot.news() == [("replaced", "Capture/a.NEF"), ("moved", "Capture/a.NEF")]


# Exports and the program's own files


def test_only_exports_of_known_frames_are_taken_from_output(shoot: Shoot) -> None:
    shoot.put("Output/a.tif", tiff(1))
    shoot.put("Output/a.jpg", jpeg(1))
    shoot.put("Output/unknown.tif", tiff(2))
    shoot.intake.step()
    assert shoot.news() == []
    shoot.put("Capture/a.NEF", raw(1))
    shoot.pass_time(1)
    shoot.pass_time(1)
    assert shoot.news() == [("arrived", "Capture/a.NEF"), ("arrived", "Output/a.tif")]
    assert shoot.groups() == {frozenset({"Capture/a.NEF", "Output/a.tif"})}


def test_an_export_of_one_of_two_namesakes_asks_for_a_person(shoot: Shoot) -> None:
    shoot.put("Capture/A/a.NEF", raw(1))
    shoot.put("Capture/B/a.NEF", raw(2))
    shoot.put("Output/a.tif", tiff(1))
    for _ in range(3):
        shoot.pass_time(1)
    (event,) = [event for event in shoot.journal.events() if event.place is Place.OUTPUT]
    assert event.kind is EventKind.QUARANTINED
    assert "put it beside" in event.reason


def test_what_the_program_delivered_is_ignored(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    with shoot.journal:
        shoot.put("Capture/a.NEF", raw(1))
        shoot.put("Output/a.tif", tiff(1))
        intake = Intake(os.fsencode(tmp_path), shoot.journal, ignore=lambda path: path == b"Output/a.tif")
        intake.step()
        intake.step()
        assert shoot.news() == [("arrived", "Capture/a.NEF")]


# Crowds, and two at once


def test_a_step_returns_when_its_time_is_spent_and_the_next_goes_on(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path, settings=Settings(step_budget_s=0.0))
    with shoot.journal:
        for number in range(5):
            shoot.put(f"Capture/{number}.NEF", raw(number), age_s=60 - number)
        ticking = itertools.count(1000.0, 0.01)
        intake = Intake(
            os.fsencode(tmp_path), shoot.journal, settings=shoot.settings, monotonic_s=lambda: next(ticking)
        )
        report = intake.step()
        steps = 1
        while report.settling:
            report = intake.step(whole_tree=False)
            steps += 1
        assert 1 < steps <= 6
        assert [path for _, path in shoot.news()] == [f"Capture/{number}.NEF" for number in range(5)]


def test_two_intakes_record_a_file_once(shoot: Shoot) -> None:
    for number in range(5):
        shoot.put(f"Capture/{number}.NEF", raw(number))
    with Journal.open(shoot.session / "journal.sqlite") as second_journal:
        second = Intake(os.fsencode(shoot.session), second_journal)
        shoot.intake._scan({})
        second.step()
        shoot.intake.step()
    assert len(shoot.journal.events()) == 5
    assert all(row.state is FileState.PRESENT for row in shoot.journal.live_files())


def test_importing_it_is_quick_and_loads_nothing_heavy() -> None:
    code = "import sys, hot_folder; print(*[m for m in sys.modules if m.split('.')[0] in HEAVY])"
    heavy = {"watchdog", "studio_pipeline", "numpy", "cv2", "pydantic", "sqlalchemy", "torch"}
    found = subprocess.run(
        [sys.executable, "-c", f"HEAVY = {heavy!r}\n{code}"], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == []


def _pieces(data: bytes, count: int) -> list[bytes]:
    length = -(-len(data) // count)
    return [data[start : start + length] for start in range(0, len(data), length)]
