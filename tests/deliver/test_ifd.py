import io
import struct

import exifread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.deliver import ifd


@given(
    texts=st.dictionaries(
        st.integers(40000, 40020),
        st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=20),
    ),
    shorts=st.lists(st.integers(0, 65535), min_size=1, max_size=9),
)
def test_every_field_is_read_back_by_another_reader(texts: dict[int, str], shorts: list[int]) -> None:
    entries = [ifd.ascii_entry(tag, text) for tag, text in texts.items()]
    entries.append(ifd.short(41000, *shorts))
    tags = exifread.process_file(io.BytesIO(ifd.header(8) + ifd.pack(entries, 8)), details=False)
    found = {tag.tag: tag.values for name, tag in tags.items() if name.startswith("Image ")}
    assert found.pop(41000) == shorts
    assert {tag: value.rstrip("\0") for tag, value in found.items()} == texts


def test_a_chain_leads_to_its_children() -> None:
    children = {34665: (ifd.short(0x8827, 400),), 34853: (), 330: (ifd.long(256, 70000), ifd.long(257, 3))}
    block = ifd.header(8) + ifd.chain([ifd.ascii_entry(271, "a longer maker")], children, 8)
    tags = exifread.process_file(io.BytesIO(block), details=False)
    assert tags["EXIF ISOSpeedRatings"].values == [400]
    assert tags["Image Make"].values == "a longer maker"
    assert not any(name.startswith("GPS") for name in tags)


def test_fractions_and_signs() -> None:
    block = ifd.pack([ifd.rational(33434, 0.008), ifd.srational(37380, -1.5)], 8)
    assert struct.pack("<II", 1, 125) in block
    assert struct.pack("<ii", -3, 2) in block


@pytest.mark.parametrize(
    ("entries", "offset"), [([ifd.short(1, 1), ifd.short(1, 2)], 8), ([ifd.short(1, 1)], 9)]
)
def test_a_directory_that_readers_would_misread_is_refused(entries: list[ifd.Entry], offset: int) -> None:
    with pytest.raises(ValueError, match=r"once|even"):
        ifd.pack(entries, offset)
