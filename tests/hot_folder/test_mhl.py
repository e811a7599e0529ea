"""The media hash list: what others read of it, and that every name comes back as it was."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hot_folder import mhl
from hot_folder.mhl import Entry, Generation, Link, Maker

NOW = datetime(2026, 5, 4, 12, 30, 15, tzinfo=UTC)
MAKER = Maker("studio", "1.2 <beta>", "host & co", "ab12", "Monday <1>")
ENTRY = Entry(b"Capture/a.NEF", b"Capture/a.NEF", 3000, 1_700_000_000_123_456_789, bytes(32), bytes(8))
A = "{urn:ASC:MHL:v2.0}"


def generation(*entries: Entry, maker: Maker = MAKER) -> bytes:
    elements = (mhl.element(entry, "original", NOW) for entry in entries)
    return mhl.generation(maker, NOW, ("ascmhl/", ".studio-*.part"), elements)


def test_a_generation_says_what_the_standard_asks_for_in_its_order() -> None:
    root = ElementTree.fromstring(generation(ENTRY))
    assert root.tag == f"{A}hashlist" and root.get("version") == "2.0"
    assert [child.tag for child in root] == [
        f"{A}{name}" for name in ("creatorinfo", "processinfo", "hashes", "metadata")
    ]
    creator = {child.tag.removeprefix(A): child.text for child in root[0]}
    assert creator == {
        "creationdate": "2026-05-04T12:30:15+00:00",
        "hostname": "host & co",
        "tool": "studio",
        "comment": "session Monday <1> (ab12)",
    }
    tool = root.find(f"{A}creatorinfo/{A}tool")
    assert tool is not None and tool.get("version") == "1.2 <beta>"
    assert root.findtext(f"{A}processinfo/{A}process") == "transfer"
    patterns = root.findall(f"{A}processinfo/{A}ignore/{A}pattern")
    assert [pattern.text for pattern in patterns] == ["ascmhl/", ".studio-*.part"]
    (listed,) = root.findall(f"{A}hashes/{A}hash")
    assert [child.tag for child in listed] == [f"{A}{name}" for name in ("path", "xxh64", "metadata")]
    path, xxh64, metadata = listed
    assert (path.text, path.attrib) == (
        "Capture/a.NEF",
        {"size": "3000", "lastmodificationdate": "2023-11-14T22:13:20+00:00"},
    )
    assert (xxh64.text, xxh64.attrib) == (
        "0" * 16,
        {"action": "original", "hashdate": "2026-05-04T12:30:15+00:00"},
    )
    assert metadata.findtext(f"{A}sha256") == "0" * 64


PATHS = st.lists(
    st.binary(min_size=1, max_size=20).filter(lambda part: mhl.is_plain(part) and b"/" not in part),
    min_size=1,
    max_size=3,
).map(b"/".join)


@given(PATHS, PATHS, st.integers(0, 1 << 50), st.integers(-(10**20), 10**20))
@example("größe 📷.NEF".encode(), b"caf\xe9\n.NEF", 0, 0)
@example("\ufffe\uffff".encode(), b" spaces ", 1, -1)
@example(b"]]>&amp;<\">'", b"\\x0a", 1, 10**19)
@example("\x85\u2028".encode(), b"a\r\nb\tc\x1b", 1, 1)
def test_every_name_and_number_comes_back(path: bytes, origin: bytes, size: int, mtime_ns: int) -> None:
    entry = Entry(path, origin, size, mtime_ns, hashlib.sha256(path).digest(), os.urandom(8))
    read = mhl.read_generation(generation(entry, ENTRY))
    assert read == Generation("ab12", "Monday <1>", (entry, ENTRY))


@pytest.mark.parametrize("name", [b"caf\xe9", b"two\nlines", b"\x1b[2J"])
def test_a_name_that_xml_cannot_hold_is_readable_all_the_same(name: bytes) -> None:
    root = ElementTree.fromstring(generation(Entry(name, name, 1, 1, bytes(32), bytes(8))))
    shown = name.decode("utf-8", "backslashreplace").replace("\n", "\\x0a").replace("\x1b", "\\x1b")
    assert root.findtext(f"{A}hashes/{A}hash/{A}path") == shown


def test_a_list_of_another_program_is_read_as_far_as_it_goes() -> None:
    text = b"""<?xml version="1.0"?>
        <hashlist version="2.0" xmlns="urn:ASC:MHL:v2.0"><creatorinfo/><hashes>
        <directoryhash><path>day 1</path><content><md5>00</md5></content></directoryhash>
        <hash><path size="5">day 1/a.mov</path><xxh64 action="original">00112233445566aa</xxh64></hash>
        <hash><path size="5">b.mov</path><md5>00</md5></hash></hashes></hashlist>"""
    assert mhl.read_generation(text) == Generation(
        *("", ""),
        (
            Entry(b"day 1/a.mov", b"day 1/a.mov", 5, 0, None, bytes.fromhex("00112233445566aa")),
            Entry(b"b.mov", b"b.mov", 5, 0, None, None),
        ),
    )


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a//b", "./a", ""])
def test_a_path_that_leads_out_of_the_vault_is_not_read(path: str) -> None:
    data = generation(ENTRY, ENTRY).replace(b">Capture/a.NEF<", f">{path}<".encode(), 1)
    assert mhl.read_generation(data).entries == (ENTRY,)
    chained = mhl.chain([Link(1, path or "/", "c4")])
    with pytest.raises(ValueError, match="no name of a generation"):
        mhl.read_chain(chained)


@pytest.mark.parametrize("keep", [0, 1, 100, -1, -20])
def test_a_torn_list_or_chain_is_never_taken_for_a_whole_one(keep: int) -> None:
    for whole, read in (
        (generation(ENTRY).strip(), mhl.read_generation),
        (mhl.chain([Link(1, "0001_v.mhl", "c4")]).strip(), mhl.read_chain),
    ):
        with pytest.raises(ValueError, match=r"is damaged|no media hash list"):
            read(whole[:keep])
        with pytest.raises(ValueError, match="is no media hash list"):
            read(b"<html></html>")


def test_a_chain_comes_back_in_its_order() -> None:
    links = [Link(1, "0001_a & b.mhl", mhl.c4(b"one")), Link(2, "0002_v.mhl", mhl.c4(b"two"))]
    assert mhl.read_chain(mhl.chain(links)) == links


def test_c4_ids_are_those_of_the_standard() -> None:
    """The empty id and a word's, as SMPTE ST 2114 and its reference give them."""
    assert mhl.c4(b"") == (
        "c459dsjfscH38cYeXXYogktxf4Cd9ibshE3BHUo6a58hBXmRQdZrAkZzsWcbWtDg5oQstpDuni4Hirj75GEmTc1sFT"
    )
    assert mhl.c4(b"foo") == (
        "c45xZeXwMSpqXjpDumcHMA6mhoAmGHkUo7r9WmN2UgSEQzj9KjgseaQdkEJ11fGb5S1WEENcV3q8RFWwEeVpC7Fjk2"
    )
    assert all(len(mhl.c4(bytes([n]))) == 90 for n in range(50))
