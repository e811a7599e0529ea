"""A camera's card against a session: by content, whatever its files are called, and brought without harm."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hot_folder import bringing, copying, durable, scanner
from hot_folder.bringing import Brought, bring
from hot_folder.card import Comparison, compare, read_card
from hot_folder.errors import OriginalUnreadable
from hot_folder.scanner import is_ignored, scan
from hot_folder.stock import SomeFile, Standing, Stock
from tests.hot_folder import samples
from tests.hot_folder.samples import Shoot

ROOT = Path(__file__).resolve().parents[2]
FIRST, SECOND = (f"2026-05-04T10:12:0{n}" for n in range(2))


@dataclass
class Card:
    """A camera's card: a folder with DCIM in it, whose files were written a while ago."""

    root: Path
    folder: str = "DCIM/100NIKON"
    before: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)

    def put(self, name: str | bytes, data: bytes, folder: str | None = None) -> None:
        path = os.path.join(os.fsencode(self.root / (folder or self.folder)), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        os.utime(path, (1_700_000_000, 1_700_000_000))

    def files(self) -> dict[bytes, tuple[bytes, int]]:
        return contents(self.root)


def contents(root: Path) -> dict[bytes, tuple[bytes, int]]:
    """Every file below, hidden ones too: its bytes, and when they were last written."""
    top = os.fsencode(root)
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
    return {
        os.path.relpath(path, top).replace(os.fsencode(os.sep), b"/"): (
            Path(os.fsdecode(path)).read_bytes(),
            os.stat(path).st_mtime_ns,
        )
        for path in paths
    }


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path / "card")


def compared(shoot: Shoot, card: Card) -> tuple[Comparison, Stock]:
    stock = Stock(os.fsencode(shoot.session), shoot.journal)
    return compare(read_card(os.fsencode(card.root)), stock), stock


def missing(shoot: Shoot, card: Card) -> dict[str, str]:
    """What is missing, by its name on the card, with the path it would get."""
    wanted = compared(shoot, card)[0].wanted
    return {os.fsdecode(one.file.name): os.fsdecode(one.target) for one in wanted}


def brought(shoot: Shoot, card: Card) -> Brought:
    """Bring what is missing, and let intake take it in. The card stays as it is."""
    before = card.files()
    comparison, stock = compared(shoot, card)
    done = bring(comparison.wanted, stock)
    assert card.files() == before
    assert not [name for name in contents(shoot.session) if name.endswith(b".part")]
    take_in(shoot)
    return done


def take_in(shoot: Shoot) -> None:
    for _ in range(4):
        shoot.pass_time(10)


def test_what_the_cable_dropped_is_found_by_content_and_brought(shoot: Shoot, card: Card) -> None:
    taken = {f"DSC_000{n}.NEF": samples.raw(n, payload_bytes=3000 + n) for n in range(1, 5)}
    for name, data in taken.items():
        card.put(name, data)
    shoot.put("Capture/Smith 001.NEF", taken["DSC_0001.NEF"])  # named by the tether program
    shoot.put("Selects/Smith 003.NEF", taken["DSC_0003.NEF"])
    take_in(shoot)
    assert missing(shoot, card) == {n: f"Capture/{n}" for n in ("DSC_0002.NEF", "DSC_0004.NEF")}
    assert len(brought(shoot, card).files) == 2
    for name in ("DSC_0002.NEF", "DSC_0004.NEF"):
        copy = shoot.session / "Capture" / name
        assert copy.read_bytes() == taken[name]
        assert copy.stat().st_mtime == 1_700_000_000
    assert len(shoot.groups()) == 4
    after = contents(shoot.session / "Capture")
    assert missing(shoot, card) == {}
    assert brought(shoot, card).files == []
    assert contents(shoot.session / "Capture") == after


def test_a_size_that_nothing_here_has_is_missing_without_being_read(
    shoot: Shoot, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    shoot.put("Capture/a.NEF", samples.raw(1))
    take_in(shoot)
    card.put("DSC_0002.NEF", samples.raw(2, payload_bytes=9000))
    monkeypatch.setattr(SomeFile, "sha256", None)
    assert missing(shoot, card) == {"DSC_0002.NEF": "Capture/DSC_0002.NEF"}


def test_what_is_withdrawn_changed_or_not_taken_in_yet_is_not_missing(shoot: Shoot, card: Card) -> None:
    jpeg, edited = samples.jpeg(5), samples.jpeg(5) + b"keyword"
    for number in (1, 2, 3):
        card.put(f"DSC_000{number}.NEF", samples.raw(number))
    card.put("DSC_0004.JPG", jpeg)
    shoot.put("Trash/DSC_0001.NEF", samples.raw(1))
    shoot.put("Capture/DSC_0002.NEF", samples.raw(2))
    changing = shoot.put("Capture/DSC_0004.JPG", jpeg)
    take_in(shoot)
    with open(changing, "r+b") as file:  # a keyword is written into it, in place
        file.write(edited)
    shoot.age(changing, 60)
    take_in(shoot)
    shoot.put("Capture/not yet/DSC_0003.NEF", samples.raw(3))
    comparison, _ = compared(shoot, card)
    assert comparison.wanted == [] and comparison.problems == []
    assert comparison.held == {
        Standing.WITHDRAWN: 1, Standing.TAKEN_IN: 1, Standing.NOT_TAKEN_IN: 1, Standing.CHANGED: 1
    }  # fmt: skip


def test_a_frame_that_vanished_from_the_session_is_brought_back(shoot: Shoot, card: Card) -> None:
    card.put("DSC_0001.NEF", samples.raw(1))
    lost = shoot.put("Capture/Smith 001.NEF", samples.raw(1))
    shoot.put("Capture/other.NEF", samples.raw(2))
    take_in(shoot)
    os.unlink(lost)  # noticed by nobody yet
    assert missing(shoot, card) == {"DSC_0001.NEF": "Capture/DSC_0001.NEF"}
    take_in(shoot)
    shoot.news()
    assert missing(shoot, card) == {"DSC_0001.NEF": "Capture/DSC_0001.NEF"}
    brought(shoot, card)
    assert shoot.news() == [("restored", "Capture/DSC_0001.NEF")]


def test_a_frame_whose_file_is_another_by_now_is_missing_before_anybody_noticed(
    shoot: Shoot, card: Card
) -> None:
    card.put("DSC_0001.NEF", samples.raw(1))
    shoot.put("Capture/a.NEF", samples.raw(1))
    take_in(shoot)
    shoot.put("Capture/a.NEF", samples.raw(2))
    assert missing(shoot, card) == {"DSC_0001.NEF": "Capture/DSC_0001.NEF"}


def test_a_raw_in_output_is_no_capture_and_counts_as_missing(shoot: Shoot, card: Card) -> None:
    card.put("DSC_0001.NEF", samples.raw(1))
    shoot.put("Output/DSC_0001.NEF", samples.raw(1))
    take_in(shoot)
    assert missing(shoot, card) == {"DSC_0001.NEF": "Capture/DSC_0001.NEF"}


def test_a_half_written_frame_is_brought_whole_beside_it(shoot: Shoot, card: Card) -> None:
    whole = samples.raw(1, taken=FIRST)
    card.put("DSC_0001.NEF", whole)
    shoot.put("Capture/DSC_0001.NEF", whole[:-9])
    take_in(shoot)
    assert missing(shoot, card) == {"DSC_0001.NEF": "Capture/100NIKON/DSC_0001.NEF"}
    brought(shoot, card)
    assert shoot.groups() == {frozenset({"Capture/100NIKON/DSC_0001.NEF"})}
    assert (shoot.session / "Capture/DSC_0001.NEF").read_bytes() == whole[:-9]


def test_a_frame_that_broke_after_it_was_taken_in_is_brought_whole(shoot: Shoot, card: Card) -> None:
    whole = samples.raw(1, taken=FIRST)
    card.put("DSC_0001.NEF", whole)
    shoot.put("Capture/DSC_0001.NEF", whole)
    take_in(shoot)
    shoot.put("Capture/DSC_0001.NEF", b"not a picture ".ljust(len(whole), b"."))
    take_in(shoot)
    assert shoot.journal.quarantined()
    assert missing(shoot, card) == {"DSC_0001.NEF": "Capture/100NIKON/DSC_0001.NEF"}
    brought(shoot, card)
    assert shoot.groups() >= {frozenset({"Capture/100NIKON/DSC_0001.NEF"})}


def test_a_frame_that_was_changed_and_then_broke_is_brought_as_it_was(shoot: Shoot, card: Card) -> None:
    jpeg = samples.jpeg(1)
    card.put("DSC_0001.JPG", jpeg)
    path = shoot.put("Capture/DSC_0001.JPG", jpeg)
    take_in(shoot)
    for data in (jpeg + b"keyword", b"no picture any more"):
        with open(path, "r+b") as file:
            file.truncate()
            file.write(data)
        shoot.age(path, 60)
        take_in(shoot)
    assert shoot.journal.quarantined()
    assert missing(shoot, card) == {"DSC_0001.JPG": "Capture/100NIKON/DSC_0001.JPG"}


def test_a_raw_its_jpeg_and_its_sidecar_stay_together_under_any_name(shoot: Shoot, card: Card) -> None:
    """Three bodies whose counters all began at 1, and one of them shoots two cards."""
    others = (samples.raw(1, taken=FIRST), samples.raw(2, taken=SECOND))
    shoot.put("Capture/DSC_0001.JPG", samples.jpeg(7))
    shoot.put("Capture/100NIKON/DSC_0001.xmp", samples.xmp(1))
    take_in(shoot)
    card.put("DSC_0001.NEF", others[0])
    card.put("DSC_0001.JPG", samples.jpeg(8))
    card.put("DSC_0001.NEF.xmp", samples.xmp(5))
    assert missing(shoot, card) == {
        name: f"Capture/100NIKON/{name}" for name in ("DSC_0001.NEF", "DSC_0001.JPG", "DSC_0001.NEF.xmp")
    }
    assert len(brought(shoot, card).files) == 3
    shutil.rmtree(card.root)
    card.put("DSC_0001.NEF", others[1])
    card.put("DSC_0001.JPG", samples.jpeg(9))
    card.put("DSC_0001.NEF.xmp", samples.xmp(4))
    mark = SomeFile(os.fsencode(card.root), b"DCIM/100NIKON/DSC_0001.NEF", 0).sha256().hex()[:8]
    names = [f"DSC_0001-{mark}{ending}" for ending in (".NEF", ".JPG", ".NEF.xmp")]
    assert list(missing(shoot, card).values()) == [f"Capture/100NIKON/{name}" for name in names]
    brought(shoot, card)
    assert shoot.groups() >= {frozenset(f"Capture/100NIKON/{name}" for name in names)}
    assert missing(shoot, card) == {}


@pytest.mark.parametrize("culled", [False, True])
def test_what_is_missing_of_a_frame_comes_beside_it_under_its_name_here(
    shoot: Shoot, card: Card, culled: bool
) -> None:
    card.put("DSC_0001.NEF", samples.raw(1))
    card.put("DSC_0001.JPG", samples.jpeg(1))
    card.put("DSC_0001.NEF.XMP", samples.xmp(3))
    path = shoot.put("Capture/day 1/Smith 001.NEF", samples.raw(1))
    take_in(shoot)
    if culled:
        os.rename(path, os.path.join(os.fsencode(shoot.session), b"Selects/Smith 001.NEF"))
        take_in(shoot)
    brought(shoot, card)
    raw = "Selects/Smith 001.NEF" if culled else "Capture/day 1/Smith 001.NEF"
    beside = {"Capture/day 1/Smith 001.JPG", "Capture/day 1/Smith 001.NEF.XMP"}
    assert shoot.groups() == {frozenset({raw, *beside})}


def test_sidecars_that_say_the_same_belong_each_to_its_frame(shoot: Shoot, card: Card) -> None:
    for number in (1, 2, 3):
        card.put(f"DSC_000{number}.NEF", samples.raw(number))
        card.put(f"DSC_000{number}.xmp", samples.xmp(3))
        shoot.put(f"Capture/DSC_000{number}.NEF", samples.raw(number))
    card.put("DSC_0004.NEF", samples.raw(4))
    card.put("DSC_0004.xmp", samples.xmp(3))
    shoot.put("Capture/DSC_0001.xmp", samples.xmp(3))
    shoot.put("Capture/DSC_0002.xmp", samples.xmp(5))  # rated anew since
    take_in(shoot)
    comparison, _ = compared(shoot, card)
    names = [os.fsdecode(one.file.name) for one in comparison.wanted]
    assert names == ["DSC_0003.xmp", "DSC_0004.NEF", "DSC_0004.xmp"]
    assert comparison.held == {Standing.TAKEN_IN: 4, Standing.CHANGED: 1}


def test_a_sidecar_that_stayed_when_its_frame_was_culled_is_not_missing(shoot: Shoot, card: Card) -> None:
    card.put("DSC_0001.NEF", samples.raw(1))
    card.put("DSC_0001.xmp", samples.xmp(3))
    frame = shoot.put("Capture/DSC_0001.NEF", samples.raw(1))
    shoot.put("Capture/DSC_0001.xmp", samples.xmp(3))
    take_in(shoot)
    os.rename(frame, frame.replace(b"Capture", b"Selects"))
    take_in(shoot)
    assert missing(shoot, card) == {}


def test_the_sidecar_of_another_body_s_namesake_is_not_that_of_a_missing_frame(
    shoot: Shoot, card: Card
) -> None:
    shoot.put("Capture/DSC_0001.NEF", samples.raw(1))
    shoot.put("Capture/DSC_0001.xmp", samples.xmp(3))
    take_in(shoot)
    card.put("DSC_0001.NEF", samples.raw(2))
    card.put("DSC_0001.xmp", samples.xmp(3))
    assert missing(shoot, card) == {
        name: f"Capture/100NIKON/{name}" for name in ("DSC_0001.NEF", "DSC_0001.xmp")
    }


def test_a_sidecar_alone_is_known_by_its_bytes_and_its_name(shoot: Shoot, card: Card) -> None:
    for name in ("DSC_0001.xmp", "DSC_0002.xmp"):
        card.put(name, samples.xmp(3))
    shoot.put("Capture/DSC_0009.xmp", samples.xmp(3))
    take_in(shoot)
    shoot.put("Capture/DSC_0001.xmp", samples.xmp(3))  # not taken in yet
    assert missing(shoot, card) == {"DSC_0002.xmp": "Capture/DSC_0002.xmp"}


def test_cameras_write_into_dcim_and_into_nothing_beside_it(shoot: Shoot, card: Card) -> None:
    card.put("DSC_0001.NEF", samples.raw(1), "one/DCIM/100NIKON")
    card.put("DSC_0002.NEF", samples.raw(2), "two/dcim/100NIKON")
    card.put("C0001T01.JPG", samples.jpeg(1), "one/PRIVATE/M4ROOT/THMBNL")
    card.put("C0001T01.JPG", samples.jpeg(2), "two/PRIVATE/M4ROOT/THMBNL")
    card.put("DSC_0001.MOV", b"film", "one/DCIM/100NIKON")
    card.put("._DSC_0001.NEF", b"of macOS", "one/DCIM/100NIKON")
    card.put("DSC_0003.NEF", samples.raw(3), "loose")
    found = read_card(os.fsencode(card.root))
    paths = [file.path for unit in found.units for file in unit]
    assert paths == [
        b"loose/DSC_0003.NEF", b"one/DCIM/100NIKON/DSC_0001.NEF", b"two/dcim/100NIKON/DSC_0002.NEF"
    ]  # fmt: skip
    assert (found.others, found.problems) == (3, [])
    inside = read_card(os.fsencode(card.root / "one/DCIM/100NIKON"))
    assert [file.path for unit in inside.units for file in unit] == [b"DSC_0001.NEF"]


def test_a_folder_of_loose_files_gives_its_own_name_to_what_has_none_free(shoot: Shoot, card: Card) -> None:
    shoot.put("Capture/DSC_0001.NEF", samples.raw(1))
    take_in(shoot)
    for name, folder in (("Nikon", "Nikon"), (".Trashes", "from .Trashes"), ("JPEG", "from JPEG")):
        loose = Card(card.root / name, ".")
        loose.put("DSC_0001.NEF", samples.raw(2))
        assert missing(shoot, loose) == {"DSC_0001.NEF": f"Capture/{folder}/DSC_0001.NEF"}


def test_two_cards_with_the_same_frames_are_brought_once(shoot: Shoot, card: Card) -> None:
    card.put("DSC_0001.NEF", samples.raw(1), "one/DCIM/100NIKON")
    card.put("DSC_0001.NEF", samples.raw(1), "two/DCIM/101NIKON")
    card.put("DSC_0001.JPG", samples.jpeg(1), "two/DCIM/101NIKON")
    comparison, _ = compared(shoot, card)
    assert comparison.held == {Standing.TO_COME: 1}
    assert len(brought(shoot, card).files) == 2
    assert shoot.groups() == {frozenset({"Capture/DSC_0001.NEF", "Capture/DSC_0001.JPG"})}


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
@pytest.mark.parametrize("stem", [b"caf\xe9", b"two\nlines", b"x" * 251, "ü".encode() * 125 + b"x"])
def test_any_name_is_brought_and_known_again_even_when_it_is_taken(
    shoot: Shoot, card: Card, stem: bytes
) -> None:
    for seed in (1, 2, 3):
        try:
            card.put(stem + b".NEF", samples.raw(seed))
        except OSError:
            pytest.skip("this filesystem refuses such a name")
        assert brought(shoot, card).problems == []
        assert missing(shoot, card) == {}
    kept = {data for data, _ in contents(shoot.session / "Capture").values()}
    assert kept == {samples.raw(seed) for seed in (1, 2, 3)}
    assert len(shoot.groups()) == 3


class Pulled:
    """A file on a card that is pulled after the first bytes."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def __enter__(self) -> Pulled:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def unreadable(monkeypatch: pytest.MonkeyPatch, *names: bytes) -> None:
    """Reading files of these names fails as it does when their drive is pulled."""
    open_for_reading = copying.open_for_reading

    def opened(path: bytes, expected: Any) -> Any:
        file = open_for_reading(path, expected)
        return Pulled(file) if os.path.basename(path) in names else file

    monkeypatch.setattr(copying, "open_for_reading", opened)


def unlistable(name: bytes) -> Any:
    """A scandir that fails for folders of this name."""

    def scandir(path: bytes) -> Any:
        if os.path.basename(path) == name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return os.scandir(path)

    return scandir


def test_one_bad_sector_costs_one_frame(shoot: Shoot, card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3):
        card.put(f"DSC_000{number}.NEF", samples.raw(number, payload_bytes=3000 + number))
    with monkeypatch.context() as patch:
        unreadable(patch, b"DSC_0002.NEF")
        done = brought(shoot, card)
        assert len(done.files) == 2 and not done.gave_up
        assert done.problems == [
            "DCIM/100NIKON/DSC_0002.NEF cannot be read (Input/output error): check its rights and its drive"
        ]
        comparison, _ = compared(shoot, card)
        assert [one.file.name for one in comparison.wanted] == [b"DSC_0002.NEF"]
        shoot.put("Capture/of the same size.NEF", samples.raw(9, payload_bytes=3002))
        comparison, _ = compared(shoot, card)
        assert comparison.wanted == [] and len(comparison.problems) == 1
    assert len(brought(shoot, card).files) == 1


@pytest.mark.parametrize("what_is_left", ["nothing", "an empty folder"])
def test_a_pulled_card_is_said_once_and_the_rest_comes_the_next_time(
    shoot: Shoot, card: Card, what_is_left: str
) -> None:
    for number in (1, 2, 3, 4):
        card.put(f"DSC_000{number}.NEF", samples.raw(number))
    comparison, stock = compared(shoot, card)
    away = card.root.with_name("away")

    def pull(done: int, all_: int) -> None:
        if done == 2:
            card.root.rename(away)
            if what_is_left == "an empty folder":
                card.root.mkdir()

    done = bring(comparison.wanted, stock, pull)
    assert (len(done.files), done.gave_up, len(done.problems)) == (2, True, 2)
    assert done.problems[-1] == (
        f"{card.root} is not there any more: connect it again, then do the same again; "
        "2 of 4 files are copied"
    )
    shutil.rmtree(card.root, ignore_errors=True)
    away.rename(card.root)
    assert len(brought(shoot, card).files) == 2
    assert missing(shoot, card) == {}


def test_a_folder_of_the_card_that_cannot_be_listed_is_named(
    shoot: Shoot, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.put("DSC_0001.NEF", samples.raw(1))
    card.put("DSC_9999.NEF", samples.raw(2), "DCIM/101NIKON")
    monkeypatch.setattr("hot_folder.card.scan", partial(scan, scandir=unlistable(b"101NIKON")))
    found = read_card(os.fsencode(card.root))
    assert found.files == 1
    assert found.problems == [
        f"{card.root / 'DCIM' / '101NIKON'} cannot be listed (Input/output error): "
        "check that its drive is connected and readable"
    ]


def test_a_file_of_the_card_that_cannot_be_looked_at_is_named(
    shoot: Shoot, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.put("DSC_0001.NEF", samples.raw(1))
    card.put("DSC_0002.NEF", samples.raw(2))
    monkeypatch.setattr(scanner, "_stat", faulty(scanner._stat, b"DSC_0001.NEF"))
    found = read_card(os.fsencode(card.root))
    assert found.files == 1
    assert found.problems == ["DCIM/100NIKON/DSC_0001.NEF cannot be looked at: check the card and its reader"]


def faulty(stat: Any, name: bytes) -> Any:
    def failing(entry: os.DirEntry[bytes]) -> os.stat_result:
        if entry.name == name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        result: os.stat_result = stat(entry)
        return result

    return failing


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_drive_that_fails_leaves_no_partial_and_goes_on_later(
    shoot: Shoot, card: Card, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    for name in ("DSC_0001.NEF", "DSC_0001.JPG", "DSC_0002.NEF"):
        card.put(name, samples.raw(int(name[7])) if name.endswith("NEF") else samples.jpeg(1))
    real_sync, calls = durable.sync, 0

    def sync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OSError(number, os.strerror(number))
        real_sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(durable, "sync", sync)
        done = brought(shoot, card)
    assert (len(done.files), done.gave_up) == (1, True)
    said = "is full: make room" if number == errno.ENOSPC else f"cannot be written ({os.strerror(number)})"
    assert said in done.problems[0] and done.problems[0].endswith("1 of 3 files are copied")
    assert len(brought(shoot, card).files) == 2
    assert len(shoot.groups()) == 2, "the RAW and its JPEG found each other"


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_killed_command_leaves_whole_files_only_and_the_next_one_goes_on(shoot: Shoot, card: Card) -> None:
    for number in range(3):
        card.put(f"DSC_000{number}.NEF", samples.raw(number))
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, shoot.session, card.root], cwd=ROOT, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = contents(shoot.session / "Capture")
    (part,) = (name for name in left if is_ignored(name))
    assert {name: data for name, (data, _) in left.items() if name != part} == {
        b"DSC_0000.NEF": samples.raw(0)
    }
    assert len(brought(shoot, card).files) == 2
    assert contents(shoot.session / "Capture").keys() == {b"DSC_000%d.NEF" % n for n in range(3)}


_KILLED = """
import os, signal, sys
from hot_folder import Journal, durable
from hot_folder.bringing import bring
from hot_folder.card import compare, read_card
from hot_folder.stock import Stock

def sync(descriptor, times=[]):
    times.append(1)
    if len(times) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

durable.sync = sync
session, card = map(os.fsencode, sys.argv[1:])
with Journal.open(os.path.join(session, b"journal.sqlite")) as journal:
    stock = Stock(session, journal)
    bring(compare(read_card(card), stock).wanted, stock)
"""


def test_a_part_that_a_power_cut_left_is_written_over(shoot: Shoot, card: Card) -> None:
    data = samples.raw(1)
    card.put("DSC_0001.NEF", data)
    part = f".studio-{hashlib.sha256(b'DSC_0001.NEF').hexdigest()[:16]}.part"
    (shoot.session / "Capture" / part).write_bytes(b"half" * 9999)
    assert missing(shoot, card) == {"DSC_0001.NEF": "Capture/DSC_0001.NEF"}
    brought(shoot, card)
    assert contents(shoot.session / "Capture").keys() == {b"DSC_0001.NEF"}


def test_a_card_that_reads_differently_each_time_is_not_believed(
    shoot: Shoot, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    shoot.put("Capture/of the same size.NEF", samples.raw(1))
    take_in(shoot)
    card.put("DSC_0001.NEF", samples.raw(2))
    comparison, stock = compared(shoot, card)
    card.put("DSC_0001.NEF", samples.raw(3))
    done = bring(comparison.wanted, stock)
    assert done.files == []
    assert done.problems == [
        "DCIM/100NIKON/DSC_0001.NEF gives other bytes at each reading: try another reader or cable"
    ]
    assert not (shoot.session / "Capture/DSC_0001.NEF").exists()


def test_a_name_that_is_taken_at_the_last_moment_is_never_replaced(shoot: Shoot, card: Card) -> None:
    card.put("DSC_0001.NEF", samples.raw(1))
    comparison, stock = compared(shoot, card)
    shoot.put("Capture/DSC_0001.NEF", samples.raw(2))
    done = bring(comparison.wanted, stock)
    assert done.files == [] and "cannot be copied to Capture/DSC_0001.NEF (File exists)" in done.problems[0]
    assert (shoot.session / "Capture/DSC_0001.NEF").read_bytes() == samples.raw(2)
    assert missing(shoot, card) == {"DSC_0001.NEF": "Capture/100NIKON/DSC_0001.NEF"}


def test_a_session_that_cannot_be_listed_is_not_compared(
    shoot: Shoot, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies in it would all count as missing."""
    card.put("DSC_0001.NEF", samples.raw(1))
    for optional in ("Selects", "Output", "Trash"):
        (shoot.session / optional).rmdir()
    assert len(missing(shoot, card)) == 1
    shoot.put("Output/web/a.jpg", samples.jpeg(1))
    with monkeypatch.context() as patch:
        patch.setattr("hot_folder.stock.scan", partial(scan, scandir=unlistable(b"web")))
        assert len(missing(shoot, card)) == 1
    (shoot.session / "Capture/day 1").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("hot_folder.stock.scan", partial(scan, scandir=unlistable(b"day 1")))
        with pytest.raises(OriginalUnreadable, match="Capture/day 1 cannot be listed"):
            compared(shoot, card)
    shutil.rmtree(shoot.session / "Capture")
    with pytest.raises(OriginalUnreadable, match="Capture cannot be listed"):
        compared(shoot, card)


def test_a_file_of_the_session_that_cannot_be_read_is_named_and_not_relied_on(
    shoot: Shoot, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.put("DSC_0001.NEF", samples.raw(1))
    shoot.put("Capture/a.NEF", samples.raw(1))  # not taken in, so that it has to be read
    unreadable(monkeypatch, b"a.NEF")
    comparison, stock = compared(shoot, card)
    assert len(comparison.wanted) == 1
    assert "Capture/a.NEF cannot be read" in stock.problems[b"Capture/a.NEF"]


def test_digits_fit_into_a_name_between_two_characters() -> None:
    assert bringing.folder_name(b"card", b"-12") == b"card-12"
    assert bringing.folder_name(b"", b"-12") == b"from elsewhere-12"
    assert bringing.folder_name(b"x" * 255, b"-12") == b"x" * 252 + b"-12"
    assert bringing.folder_name("ü".encode() * 127, b"-1") == "ü".encode() * 126 + b"-1"
    assert bringing.folder_name(b"\xfc" * 255, b"-1") == b"\xfc" * 253 + b"-1"
