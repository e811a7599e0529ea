"""Marks from XMP sidecars: what other programs write, and nothing that could hurt."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.pipeline.sidecar import Marks, read_marks

ATTRIBUTES = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="{}" xmp:Label="{}"/>
</rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""
ELEMENTS = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xap="http://ns.adobe.com/xap/1.0/"><xap:Rating> {} </xap:Rating>
<xap:Label>{}</xap:Label></rdf:Description></rdf:RDF></x:xmpmeta>"""


def marks(folder: Path, data: bytes) -> Marks:
    (folder / "a.xmp").write_bytes(data)
    return read_marks(os.fsencode(folder / "a.xmp"))


@pytest.mark.parametrize("form", [ATTRIBUTES, ELEMENTS])
@pytest.mark.parametrize(
    ("written", "rating"),
    [("5", 5), ("0", 0), ("-1", -1), ("3.0", 3), ("9", 5), ("-7", -1), ("", None), ("good", None),
     ("inf", None), ("nan", None), ("1e999", None)],
)  # fmt: skip
def test_rating_and_label_in_either_form(tmp_path: Path, form: str, written: str, rating: int | None) -> None:
    assert marks(tmp_path, form.format(written, "Rot").encode()) == Marks(rating, "Rot")


def test_utf16_is_read_too(tmp_path: Path) -> None:
    text = ELEMENTS.format("4", "größer")
    assert marks(tmp_path, text.encode("utf-16")) == Marks(4, "größer")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_that_declares_entities_is_not_opened(tmp_path: Path, encoding: str) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "&b;&b;"><!ENTITY b "5">]>' + ELEMENTS.format("&b;", "&a;")
    assert marks(tmp_path, bomb.encode(encoding)) == Marks()


@pytest.mark.parametrize(
    "data",
    [b"", b"not xml", b"<a>", b'<?xml version="1.0" encoding="klingon"?><a/>', b"<a>" * 5000, b"\xff" * 100],
)
def test_what_is_no_xmp_has_no_marks(tmp_path: Path, data: bytes) -> None:
    assert marks(tmp_path, data) == Marks()


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    assert marks(tmp_path, ELEMENTS.format(5, "x").encode() + b" " * (5 << 20)) == Marks()


def test_a_sidecar_that_is_gone_has_no_marks(tmp_path: Path) -> None:
    assert read_marks(os.fsencode(tmp_path / "a.xmp")) == Marks()
    assert read_marks(os.fsencode(tmp_path)) == Marks()


@given(st.binary(max_size=200), st.integers(0, 700))
def test_damage_never_stops_a_frame(tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int) -> None:
    data = bytearray(ATTRIBUTES.format("5", "Rot").encode())
    data[at : at + len(noise)] = noise
    assert isinstance(marks(tmp_path_factory.getbasetemp(), bytes(data)), Marks)
