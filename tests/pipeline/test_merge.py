"""`studio merge`: a second station's session joined into this one, which alone is written to."""

from __future__ import annotations

import base64
import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hot_folder import copying
from studio_pipeline.pipeline import merge as merge_module
from studio_pipeline.pipeline import space
from studio_pipeline.records.capture import State
from studio_pipeline.session import place
from studio_pipeline.session.catalog import Catalog
from studio_pipeline.session.folder import Session, open_session
from tests.hot_folder import samples
from tests.support import shoots, stations
from tests.support.command import Answer, done, studio
from tests.support.finished import hashes


@pytest.fixture
def ours(tmp_path: Path) -> Session:
    return stations.new_station(tmp_path / "monday")


@pytest.fixture
def laptop(tmp_path: Path) -> Session:
    return stations.new_station(tmp_path / "laptop")


def names(session: Session) -> set[str]:
    return {os.fsdecode(name) for name in stations.tree(session.capture)}


@contextmanager
def untouched(session: Session) -> Iterator[None]:
    before = stations.tree(session.root)
    yield
    assert stations.tree(session.root) == before


def merged(ours: Session, other: Session) -> Any:
    with untouched(other):
        return done("merge", ours.root, other.root, "--json").json


def files_of(session: Session) -> dict[str, set[str]]:
    """The captures of a session: the path of each one's first file, and all of them."""
    rows = done("status", session.root, "--json").json["captures"]
    return {row["files"][0]["path"]: {file["path"] for file in row["files"]} for row in rows}


def test_a_second_body_with_the_same_names_stays_apart_and_whole(ours: Session, laptop: Session) -> None:
    stations.put(ours, "Capture/DSC_0001.NEF", samples.raw(1))
    for number in (1, 2):
        stations.put(laptop, f"Capture/DSC_000{number}.NEF", samples.raw(10 + number))
        stations.put(laptop, f"Capture/DSC_000{number}.xmp", samples.xmp(3))
    stations.put(laptop, "Capture/day 2/DSC_0003.NEF", samples.raw(13))
    stations.put(laptop, "Selects/hero/DSC_0004.NEF", samples.raw(14))
    stations.put(laptop, "Capture/CaptureOne/Settings/DSC_0001.NEF.cos", b"settings")
    stations.put(laptop, "Trash/DSC_0005.NEF", samples.raw(15))
    stations.take_in(laptop)
    stations.put(laptop, "Output/DSC_0001-2.tif", samples.tiff(1))
    stations.put(laptop, "Output/web/DSC_0001.jpg", samples.jpeg(1))
    stations.take_in(laptop)
    answer = merged(ours, laptop)
    assert names(ours) == {
        "DSC_0001.NEF", "laptop/DSC_0001.NEF", "laptop/DSC_0001.xmp", "laptop/DSC_0002.NEF",
        "laptop/DSC_0002.xmp", "laptop/day 2/DSC_0003.NEF", "laptop/hero/DSC_0004.NEF",
        "laptop/Output/DSC_0001-2.tif",
    }  # fmt: skip
    assert (answer["copied"], answer["already_here"]) == (7, 0)
    assert (answer["left_in_trash"], answer["left_in_output"]) == (1, 1)
    assert answer["folder"] == "Capture/laptop" and answer["complete"]
    captures = files_of(ours)
    assert len(captures) == 5
    assert captures["Capture/laptop/DSC_0001.NEF"] == {
        "Capture/laptop/DSC_0001.NEF", "Capture/laptop/DSC_0001.xmp", "Capture/laptop/Output/DSC_0001-2.tif"
    }  # fmt: skip
    assert captures["Capture/DSC_0001.NEF"] == {"Capture/DSC_0001.NEF"}


def test_a_second_run_changes_nothing_and_a_later_one_brings_what_is_new(
    ours: Session, laptop: Session
) -> None:
    stations.put(laptop, "Capture/DSC_0001.NEF", samples.raw(1))
    stations.take_in(laptop)
    merged(ours, laptop)
    before, status = stations.tree(ours.capture), done("status", ours.root, "--json").json["captures"]
    again = merged(ours, laptop)
    assert (again["copied"], again["already_here"], again["files"]) == (0, 1, [])
    assert stations.tree(ours.capture) == before
    assert done("status", ours.root, "--json").json["captures"] == status
    stations.put(laptop, "Capture/DSC_0002.NEF", samples.raw(2))  # not even taken in there
    assert merged(ours, laptop)["copied"] == 1
    assert names(ours) == {"laptop/DSC_0001.NEF", "laptop/DSC_0002.NEF"}


def test_what_is_here_already_is_not_copied_and_its_rest_comes_beside_it(
    ours: Session, laptop: Session
) -> None:
    stations.put(ours, "Capture/Smith 001.NEF", samples.raw(1))
    stations.put(ours, "Trash/DSC_0002.NEF", samples.raw(2))
    stations.take_in(ours)
    for number in (1, 2):
        stations.put(laptop, f"Capture/DSC_000{number}.NEF", samples.raw(number))
    stations.put(laptop, "Capture/DSC_0001.xmp", samples.xmp(5))
    stations.put(laptop, "Selects/DSC_0001.NEF", samples.raw(1))  # copied, not moved
    stations.take_in(laptop)
    answer = merged(ours, laptop)
    assert (answer["copied"], answer["already_here"]) == (1, 3)
    assert names(ours) == {"Smith 001.NEF", "Smith 001.xmp"}
    (row,) = [c for c in done("status", ours.root, "--json").json["captures"] if c["rating"] == 5]
    assert len(row["files"]) == 2


def test_names_that_clash_inside_a_station_are_told_apart(ours: Session, laptop: Session) -> None:
    stations.put(laptop, "Capture/DSC_0001.NEF", samples.raw(1))
    stations.put(laptop, "Selects/DSC_0001.NEF", samples.raw(2))  # the counter had begun anew
    stations.put(laptop, "Selects/DSC_0001.jpg", samples.jpeg(2))
    stations.take_in(laptop)
    merged(ours, laptop)
    (marked,) = {name for name in names(ours) if name.endswith(".NEF")} - {"laptop/DSC_0001.NEF"}
    assert marked.startswith("laptop/DSC_0001-")
    assert names(ours) == {"laptop/DSC_0001.NEF", marked, marked.replace(".NEF", ".jpg")}
    assert len(files_of(ours)) == 2


def test_what_a_station_has_twice_comes_once(ours: Session, laptop: Session) -> None:
    for folder in ("Capture", "Selects"):
        stations.put(laptop, f"{folder}/DSC_0001.NEF", samples.raw(1))
    stations.take_in(laptop)
    answer = merged(ours, laptop)
    assert (answer["copied"], answer["already_here"]) == (1, 1)
    assert names(ours) == {"laptop/DSC_0001.NEF"}


def test_exports_of_one_name_from_two_folders_both_come(ours: Session, laptop: Session) -> None:
    stations.put(laptop, "Capture/DSC_0001.NEF", samples.raw(1))
    stations.put(laptop, "Capture/Output/DSC_0001.tif", samples.tiff(1))
    stations.take_in(laptop)
    stations.put(laptop, "Output/DSC_0001.tif", samples.tiff(2))
    stations.take_in(laptop)
    assert merged(ours, laptop)["copied"] == 3
    brought = {data for data, _ in stations.tree(ours.capture).values()}
    assert brought == {samples.raw(1), samples.tiff(1), samples.tiff(2)}


def test_a_raw_whose_export_is_here_comes_beside_it_under_its_own_name(
    ours: Session, laptop: Session
) -> None:
    stations.put(ours, "Capture/edited/DSC_0001-2.tif", samples.tiff(1))
    stations.take_in(ours)
    stations.put(laptop, "Capture/DSC_0001.NEF", samples.raw(1))
    stations.put(laptop, "Capture/DSC_0001-2.tif", samples.tiff(1))
    stations.take_in(laptop)
    merged(ours, laptop)
    assert names(ours) == {"edited/DSC_0001-2.tif", "edited/DSC_0001.NEF"}
    assert len(files_of(ours)) == 1


def test_its_own_deliverables_never_come_along(ours: Session, laptop: Session) -> None:
    """Neither as somebody's export, nor once their name was given up."""
    stations.put(laptop, "Capture/DSC_0001.NEF", samples.raw(1))
    stations.take_in(laptop)
    ours_there = stations.put(laptop, "Output/DSC_0001.tif", samples.tiff(1))
    stations.take_in(laptop)
    record = laptop.records / f"{hashes(ours_there.parent)['DSC_0001.tif']}.json"
    record.write_text("{}")
    assert merged(ours, laptop)["left_in_output"] == 1
    record.unlink()
    assert merged(ours, laptop)["left_in_output"] == 0
    assert names(ours) == {"laptop/DSC_0001.NEF", "laptop/DSC_0001.tif"}
    assert len(files_of(ours)) == 1


def test_two_stations_of_one_name_get_a_folder_each(ours: Session, tmp_path: Path) -> None:
    first, second = (stations.new_station(tmp_path / place / "tethered") for place in ("a", "b"))
    stations.put(first, "Capture/DSC_0001.NEF", samples.raw(1))
    stations.put(second, "Capture/DSC_0001.jpg", samples.jpeg(1))  # with no time that would tell them apart
    for station in (first, second, first, second):
        merged(ours, station)
    assert names(ours) == {"tethered/DSC_0001.NEF", f"tethered-{second.id[:8]}/DSC_0001.jpg"}
    assert len(files_of(ours)) == 2


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_any_name_comes_along_also_that_of_the_station(ours: Session, tmp_path: Path) -> None:
    try:
        station = stations.new_station(tmp_path / os.fsdecode(b"caf\xe9"))
    except (OSError, UnicodeError):
        pytest.skip("this filesystem refuses such a name")
    for name in (b"\xe9.NEF", b"x" * 251 + b".NEF", b"two\nlines.NEF"):
        stations.put(station, b"Capture/" + name, samples.raw(len(name)))
    stations.take_in(station)
    answer = merged(ours, station)
    assert (answer["copied"], answer["folder"]) == (3, "Capture/caf\\xe9")
    assert b"Capture/caf\xe9/\xe9.NEF" in {base64.b64decode(row["to_b64"]) for row in answer["files"]}
    assert merged(ours, station)["already_here"] == 3


def test_a_station_of_an_ignored_name_gets_one_that_is_looked_into(ours: Session, tmp_path: Path) -> None:
    station = stations.new_station(tmp_path / "CaptureOne")
    stations.put(station, "Capture/DSC_0001.NEF", samples.raw(1))
    assert merged(ours, station)["folder"] == "Capture/from CaptureOne"
    assert set(files_of(ours)) == {"Capture/from CaptureOne/DSC_0001.NEF"}


def test_what_cannot_be_joined_is_refused_before_anything_is_written(
    ours: Session, laptop: Session, tmp_path: Path
) -> None:
    inside = stations.new_station(ours.capture / "inside")
    shutil.copytree(laptop.root, tmp_path / "copy")
    (tmp_path / "plain").mkdir()
    before = stations.tree(tmp_path)

    def refused(other: Path, into: Session = ours) -> str:
        return studio("merge", into.root, other).failure

    assert refused(ours.root) == f"{ours.root} is a copy of {ours.root}: there is nothing to join"
    assert "is a copy of" in refused(tmp_path / "copy", into=laptop)
    assert "lie in one another" in refused(inside.root)
    assert "lie in one another" in refused(ours.root, into=inside)
    assert "is not a session" in refused(tmp_path / "plain")
    assert "is not a session" in refused(tmp_path / "nowhere")
    assert stations.tree(tmp_path) == before


def test_a_session_that_somebody_works_on_is_left_to_them(ours: Session, laptop: Session) -> None:
    with ours.locked():
        line = studio("merge", ours.root, laptop.root).failure
        assert line == f"{ours.root} is already being worked on by another studio process"
    with laptop.locked(), untouched(laptop):
        line = studio("merge", ours.root, laptop.root).failure
        assert line == f"{laptop.root} is being worked on by another studio process; end that first"
    merged(ours, laptop)


def test_nobody_starts_to_work_on_the_other_meanwhile(
    ours: Session, laptop: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    stations.take_in(laptop)
    tried: list[Answer] = []
    monkeypatch.setattr(
        merge_module, "read_station", _after(lambda: tried.append(studio("run", laptop.root)))
    )
    done("merge", ours.root, laptop.root)
    assert "is already being worked on" in tried[0].failure
    with laptop.locked():
        pass


def _after(first: Any) -> Any:
    read_station = merge_module.read_station

    def both(*arguments: Any) -> Any:
        first()
        return read_station(*arguments)

    return both


def test_what_only_the_write_ahead_log_of_the_other_holds_counts_too(
    ours: Session, laptop: Session, tmp_path: Path
) -> None:
    """The laptop's battery died: nothing was written back from the log."""
    stations.put(laptop, "Capture/DSC_0001.NEF", samples.raw(1))
    stations.take_in(laptop)
    with shoots.opened(laptop) as catalog:
        (entry,) = catalog.entries()
        catalog.update(entry.id, picked=True)
        assert (laptop.hidden / "catalog.sqlite-wal").stat().st_size > 0
        shutil.copytree(laptop.root, tmp_path / "disk" / "laptop")
    other = open_session(tmp_path / "disk" / "laptop")
    assert merged(ours, other)["picks"] == 1


def test_a_session_whose_databases_are_elsewhere_gives_its_files_and_says_so(
    ours: Session, laptop: Session
) -> None:
    stations.put(laptop, "Capture/DSC_0001.NEF", samples.raw(1))
    (laptop.hidden / "databases.json").write_text(json.dumps({"folder": "/nowhere/at all"}))
    with untouched(laptop):
        answer = studio("merge", ours.root, laptop.root)
    assert answer.code == 1
    assert "exports in its Output, stay there: this session's databases lie in" in answer.err
    assert names(ours) == {"laptop/DSC_0001.NEF"}


def test_a_session_on_a_stick_is_read_there_and_gets_no_databases_elsewhere(
    ours: Session, laptop: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened to be worked on, its databases would move to a safe filesystem, and it would say where."""
    stations.put(laptop, "Capture/DSC_0001.NEF", samples.raw(1))
    stations.take_in(laptop)
    with shoots.opened(laptop) as catalog:
        catalog.update(catalog.entries()[0].id, picked=True)
    monkeypatch.setattr(place, "filesystem_of", lambda path: "exfat" if laptop.root in path.parents else "")
    monkeypatch.setattr("platformdirs.user_state_dir", lambda *_, **__: str(tmp_path / "state"))
    assert merged(ours, laptop)["picks"] == 1
    assert not (tmp_path / "state").exists()


def test_what_comes_along_is_copied_to_the_vault(laptop: Session, tmp_path: Path) -> None:
    done("init", tmp_path / "kept", "--preset", "cleanup-only", "--vault", tmp_path / "vault")
    stations.put(laptop, "Capture/DSC_0001.NEF", samples.raw(1))
    merged(open_session(tmp_path / "kept"), laptop)
    (copy,) = (tmp_path / "vault").rglob("DSC_0001.NEF")
    assert copy.read_bytes() == samples.raw(1)


def test_a_session_that_was_never_worked_on_gives_its_files(ours: Session, laptop: Session) -> None:
    stations.put(laptop, "Capture/DSC_0001.NEF", samples.raw(1))
    assert merged(ours, laptop)["complete"]
    assert names(ours) == {"laptop/DSC_0001.NEF"}


def test_an_unreadable_file_is_named_its_words_wait_and_the_rest_comes(
    ours: Session, laptop: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        stations.put(laptop, f"Capture/DSC_000{number}.NEF", samples.raw(number))
    stations.take_in(laptop)
    with shoots.opened(laptop) as catalog:
        for entry in catalog.entries():
            catalog.update(entry.id, picked=True)
    opened = copying.open_for_reading

    def failing(path: bytes, expected: Any) -> Any:
        if path.endswith(b"laptop/Capture/DSC_0001.NEF"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return opened(path, expected)

    with monkeypatch.context() as patch:
        patch.setattr(copying, "open_for_reading", failing)
        answer = studio("merge", ours.root, laptop.root, "--json")
    assert answer.code == 1
    assert answer.json["problems"] == [
        "Capture/DSC_0001.NEF cannot be read (Input/output error): check its rights and its drive"
    ]
    assert (answer.json["copied"], answer.json["picks"]) == (1, 1)
    again = merged(ours, laptop)
    assert (again["copied"], again["picks"]) == (1, 1)


def test_a_full_drive_stops_before_words_are_brought_and_the_next_run_goes_on(
    ours: Session, laptop: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        stations.put(laptop, f"Capture/DSC_000{number}.NEF", samples.raw(number))
    stations.take_in(laptop)

    with shoots.opened(laptop) as catalog:
        for entry in catalog.entries():
            catalog.update(entry.id, picked=True)
    pour, room = copying._pour, iter([True])

    def pour_while_there_is_room(*arguments: Any) -> Any:
        if not next(room, False):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pour(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(copying, "_pour", pour_while_there_is_room)
        answer = studio("merge", ours.root, laptop.root, "--json")
    assert (answer.code, answer.json["copied"], answer.json["picks"]) == (1, 1, 0)
    assert answer.json["problems"] == [
        "the session's drive is full: make room on it, then do the same again; 1 of 2 files are copied"
    ]
    assert names(ours) == {"laptop/DSC_0001.NEF"} and files_of(ours) == {}
    again = merged(ours, laptop)
    assert (again["copied"], again["picks"]) == (1, 2)


def test_what_does_not_fit_is_refused(
    ours: Session, laptop: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    stations.put(laptop, "Capture/DSC_0001.NEF", samples.raw(1))
    small = space.Drive("the session", free_bytes=5000, reserve_bytes=2000)
    monkeypatch.setattr(space, "drives", lambda session: [small])
    line = studio("merge", ours.root, laptop.root).failure
    assert "are to be copied and 2.0 kB must stay free, but the drive of" in line
    assert names(ours) == set()


def test_a_link_in_the_other_is_said_and_left(ours: Session, laptop: Session, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.NEF").write_bytes(samples.raw(1))
    try:
        (laptop.capture / "link.NEF").symlink_to(tmp_path / "elsewhere.NEF")
    except OSError:
        pytest.skip("links need a right here")
    answer = done("merge", ours.root, laptop.root)
    assert "Capture/link.NEF is a link that leaves the folder and is not followed" in answer.err
    assert names(ours) == set()


# --- what was said, on pictures that were really worked on


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> tuple[Session, Answer, Answer]:
    """A station that was worked on and decided in, merged into a new session, which was worked on then."""
    folder = tmp_path_factory.mktemp("joined")
    preset = shoots.cleanup_preset()
    station, ours = (shoots.create(folder / n, preset, "test", None, shoots.NOW) for n in ("laptop", "main"))
    for frame in shoots.frames():
        shoots.put(station, frame)
    with shoots.at_work(station) as studio_there:
        studio_there.run()
        decide = shoots.decisions(station, studio_there.catalog)
        grey, _, first, second = studio_there.catalog.entries()
        decide.approve(first.id, None, None, "bea", shoots.NOW)
        decide.reject(second.id, "bea", shoots.NOW)
        decide.pick(first.id, True)
        decide.mark_reference(first.id, True, "bea", shoots.NOW)
        decide.nobody_here(grey.id, "bea", shoots.NOW)
    before = stations.tree(station.root)
    text = done("merge", ours.root, station.root)
    again = done("merge", ours.root, station.root)
    assert stations.tree(station.root) == before
    shoots.work(ours)
    return ours, text, again


def test_the_words_are_said_and_hold_through_the_work_that_follows(
    joined: tuple[Session, Answer, Answer],
) -> None:
    ours, text, again = joined
    lines = text.out.splitlines()
    assert lines[:5] == [
        "1 pick brought along",
        "1 rejection brought along",
        '1 outline (or "nobody here") brought along',
        "1 reference (or that it is none) brought along",
        "approved there, to be approved again here: STP_0003",
    ]
    assert lines[5].startswith("4 files copied into Capture/laptop (")
    assert again.out.splitlines()[0] == lines[4]
    assert "0 files copied" in again.out.splitlines()[1]
    with shoots.opened(ours) as catalog:
        grey, _, first, second = catalog.entries()
        assert (first.state, first.picked, catalog.decisions(first.id)) == (State.PROPOSED, True, [])
        assert (second.state, second.proposal, second.base is not None) == (State.REJECTED, None, True)
        (decision,) = catalog.decisions(second.id)
        assert (decision.user, decision.host, decision.via) == ("bea", "testhost", "test, merged from laptop")
        assert grey.door is not None and grey.door.user == "bea"
        assert grey.subject is not None and grey.subject.decided_by is not None


def test_a_rejection_that_came_along_can_be_taken_back(joined: tuple[Session, Answer, Answer]) -> None:
    ours, _, _ = joined
    done("revoke", ours.root, "STP_0004")
    shoots.work(ours)
    with shoots.opened(ours) as catalog:
        assert _state(catalog, "STP_0004") is State.PROPOSED


def _state(catalog: Catalog, name: str) -> State:
    (entry,) = [entry for entry in catalog.entries() if entry.name == name]
    return entry.state
