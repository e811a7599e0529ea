"""A camera's card against a session: by content, whatever its files are called, under names that fit."""

from __future__ import annotations

import os
import shutil

import pytest

from hot_folder import bringing
from hot_folder.card import read_card
from hot_folder.stock import SomeFile, Standing
from tests.hot_folder import samples
from tests.hot_folder.cards import Card, brought, compared, contents, missing, take_in
from tests.hot_folder.samples import Shoot

FIRST, SECOND = (f"2026-05-04T10:12:0{n}" for n in range(2))


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


def test_digits_fit_into_a_name_between_two_characters() -> None:
    assert bringing.folder_name(b"card", b"-12") == b"card-12"
    assert bringing.folder_name(b"", b"-12") == b"from elsewhere-12"
    assert bringing.folder_name(b"x" * 255, b"-12") == b"x" * 252 + b"-12"
    assert bringing.folder_name("ü".encode() * 127, b"-1") == "ü".encode() * 126 + b"-1"
    assert bringing.folder_name(b"\xfc" * 255, b"-1") == b"\xfc" * 253 + b"-1"
