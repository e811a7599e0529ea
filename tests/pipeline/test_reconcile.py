"""`studio reconcile`: what lies on the card and not in the session, by the command, also beside a shoot."""

from __future__ import annotations

import base64
import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hot_folder import copying
from studio_pipeline.demo.shoot import STARTED, TAKES
from studio_pipeline.pipeline import bringing
from studio_pipeline.pipeline.reconcile import reconcile
from studio_pipeline.pipeline.studio import at_work
from studio_pipeline.pipeline.supervisor import Supervisor
from studio_pipeline.session.folder import Session
from tests.hot_folder import samples
from tests.support import stations
from tests.support.command import done, studio
from tests.support.mounting import small_disk
from tests.support.shoots import portrait

FOLDER = "DCIM/100STUDIO"


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return stations.new_station(tmp_path / "monday")


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return tmp_path / "card"


def shot(card: Path, name: str, data: bytes) -> None:
    path = card / FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (path.stat().st_mtime - 60,) * 2)


def test_the_list_says_what_when_and_how_large_and_copying_ends_it(session: Session, card: Path) -> None:
    frame = portrait()
    shot(card, "STP_0003.DNG", frame.dng)
    shot(card, "STP_0003.xmp", samples.xmp(3))
    shot(card, "STP_0001.NEF", samples.raw(1))
    shot(card, "FILM.MOV", b"moving")
    stations.put(session, "Capture/Smith 001.NEF", samples.raw(1))
    stations.take_in(session)
    before = stations.tree(card)
    size = len(frame.dng)

    listed = studio("reconcile", session.root, "--card", card)
    assert (listed.code, listed.err) == (1, "")
    (line,) = [line for line in listed.out.splitlines() if "STP_0003.DNG" in line]
    taken = STARTED + timedelta(seconds=TAKES[2].after_s)
    assert line.split() == [f"{FOLDER}/STP_0003.DNG", f"{size:,}", *f"{taken:%Y-%m-%d %H:%M:%S}".split()]
    assert listed.out.splitlines()[-2] == "1 other file is on the card, no picture, and not compared"
    assert "2 of 3 files are missing from the session" in listed.out.splitlines()[-1]
    assert stations.tree(session.capture).keys() == {b"Smith 001.NEF"}

    copied = done("reconcile", session.root, "--card", card, "--copy", "--json").json
    assert [(row["path"], row["to"], row["copied"]) for row in copied["missing"]] == [
        (f"{FOLDER}/STP_0003.DNG", "Capture/STP_0003.DNG", True),
        (f"{FOLDER}/STP_0003.xmp", "Capture/STP_0003.xmp", True),
    ]
    assert (copied["files"], copied["here"], copied["others"], copied["copied"]) == (3, 1, 1, 2)
    assert copied["missing"][0]["bytes"] == size and copied["missing"][0]["captured_at"].startswith("20")
    assert (session.capture / "STP_0003.DNG").read_bytes() == frame.dng

    again = done("reconcile", session.root, "--card", card)
    assert again.out.splitlines() == [
        "2 files are here and not taken in yet: `studio run` does that",
        "1 other file is on the card, no picture, and not compared",
        "nothing is missing: the session has 3 of 3 files of the card",
    ]
    stations.take_in(session)
    assert done("reconcile", session.root, "--card", card, "--json").json["not_taken_in"] == 0
    captures = done("status", session.root, "--json").json["captures"]
    assert sorted(len(capture["files"]) for capture in captures) == [1, 2]
    assert stations.tree(card) == before


def test_what_is_withdrawn_is_said_and_not_missing(session: Session, card: Path) -> None:
    shot(card, "STP_0001.NEF", samples.raw(1))
    stations.put(session, "Trash/STP_0001.NEF", samples.raw(1))
    stations.take_in(session)
    answer = done("reconcile", session.root, "--card", card)
    assert answer.out.splitlines()[0] == "1 file is withdrawn, in Trash"


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_is_not_utf8_is_listed_and_copied(session: Session, card: Path) -> None:
    try:
        shot(card, os.fsdecode(b"caf\xe9.NEF"), samples.raw(1))
    except (OSError, UnicodeError):
        pytest.skip("this filesystem refuses such a name")
    assert "caf\\xe9.NEF" in studio("reconcile", session.root, "--card", card).out
    (row,) = done("reconcile", session.root, "--card", card, "--copy", "--json").json["missing"]
    assert base64.b64decode(row["to_b64"]) == b"Capture/caf\xe9.NEF"
    assert stations.tree(session.capture)[b"caf\xe9.NEF"][0] == samples.raw(1)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nowhere", "there is no folder"),
        ("card", "no picture was found on"),
        ("monday/Capture", "lie in one another"),
        (".", "lie in one another"),
    ],
)
def test_what_cannot_be_compared_is_one_line(session: Session, card: Path, place: str, said: str) -> None:
    """An empty mount point is no card on which nothing is missing."""
    card.mkdir()
    assert said in studio("reconcile", session.root, "--card", card.parent / place).failure


def test_an_unreadable_part_is_named_and_the_rest_is_copied(
    session: Session, card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        shot(card, f"STP_000{number}.NEF", samples.raw(number))
    opened = copying.open_for_reading

    def refused(path: bytes, expected: object) -> object:
        if path.endswith(b"STP_0001.NEF"):
            raise PermissionError(13, "Permission denied")
        return opened(path, expected)  # type: ignore[arg-type]

    monkeypatch.setattr(copying, "open_for_reading", refused)
    answer = studio("reconcile", session.root, "--card", card, "--copy")
    assert answer.code == 1
    assert answer.err == (
        f"{FOLDER}/STP_0001.NEF cannot be read (Permission denied): check its rights and its drive\n"
    )
    assert "2 of 2 files were missing" in answer.out and "1 copied" in answer.out
    assert stations.tree(session.capture).keys() == {b"STP_0002.NEF"}


def test_two_commands_do_not_bring_at_once(session: Session, card: Path) -> None:
    shot(card, "STP_0001.NEF", samples.raw(1))
    with bringing.alone(session):
        line = studio("reconcile", session.root, "--card", card, "--copy").failure
        assert line == f"another command brings files into {session.root}; wait until it is done"
        assert studio("reconcile", session.root, "--card", card).code == 1


def test_it_works_beside_a_shoot_which_takes_the_copies_in(session: Session, card: Path) -> None:
    for number in range(6):
        shot(card, f"STP_000{number}.NEF", samples.raw(number))
    stop = threading.Event()
    with Supervisor([]) as nobody, at_work(session, only=frozenset(), workers=nobody) as working:
        shooting = threading.Thread(target=working.shoot, args=(stop,))
        shooting.start()
        try:
            done("reconcile", session.root, "--card", card, "--copy")
            until_s = time.monotonic() + 20
            while len(working.catalog.entries()) < 6 and time.monotonic() < until_s:
                time.sleep(0.05)
        finally:
            stop.set()
            shooting.join()
        assert len(working.catalog.entries()) == 6
        assert {e.state.value for e in working.catalog.entries()} == {"taken-in"}
    assert done("reconcile", session.root, "--card", card, "--json").json["here"] == 6


@pytest.fixture
def small_drive(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "drive", "4m"):
        yield tmp_path / "drive"


def test_what_does_not_fit_is_one_line_before_anything_is_copied(small_drive: Path, card: Path) -> None:
    session = stations.new_station(small_drive / "monday")
    shot(card, "STP_0001.NEF", samples.raw(1, payload_bytes=3_900_000))
    line = studio("reconcile", session.root, "--card", card, "--copy").failure
    assert line.startswith("3.9 MB are to be copied and 209.7 kB must stay free, but the drive of")
    assert line.endswith("make room; nothing was copied")
    assert stations.tree(session.capture) == {}


def test_a_drive_that_others_fill_meanwhile_keeps_what_is_whole(small_drive: Path, card: Path) -> None:
    session = stations.new_station(small_drive / "monday")
    for number in range(3):
        shot(card, f"STP_000{number}.NEF", samples.raw(number, payload_bytes=1_000_000))

    def fill(text: str) -> None:
        if text == "1 of 3 copied":
            with pytest.raises(OSError), (small_drive / "filler").open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(1 << 16))

    answer = reconcile(session, card, copy=True, tell=fill)
    assert (answer["copied"], answer["complete"]) == (1, False)
    assert answer["problems"] == [
        "the session's drive is full: make room on it, then do the same again; 1 of 3 files are copied"
    ]
    assert stations.tree(session.capture).keys() == {b"STP_0000.NEF"}
    (small_drive / "filler").unlink()
    again = reconcile(session, card, copy=True)
    assert (again["copied"], again["complete"], len(stations.tree(session.capture))) == (2, True, 3)
