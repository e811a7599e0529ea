from __future__ import annotations

import io
from pathlib import Path

import pytest

from hot_folder.containers import Wholeness, inspect
from tests.hot_folder.samples import CRW, WHOLE_FILES, cr3, jpeg, raf, raw, tiff, xmp


def verdict(data: bytes, name: bytes) -> Wholeness:
    return inspect(io.BytesIO(data), len(data), name).wholeness


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_whole_files_are_whole(name: bytes) -> None:
    assert verdict(WHOLE_FILES[name], name) is Wholeness.WHOLE


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_no_prefix_is_whole_or_takes_another_name(name: bytes) -> None:
    data = WHOLE_FILES[name]
    assert verdict(b"", name) is Wholeness.EMPTY
    for length in range(1, len(data)):
        found = verdict(data[:length], name)
        assert found in (Wholeness.SHORT, Wholeness.UNKNOWN), length
        # TIFF keeps small tables where it likes; what is short of pixels must be known as short.
        assert found is Wholeness.SHORT or name.endswith((b".tif", b".NEF")), length


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_reserved_and_not_yet_filled_is_never_whole(name: bytes) -> None:
    data = WHOLE_FILES[name]
    for filled in range(0, len(data) - 512, 7):
        reserved = data[:filled] + bytes(len(data) - filled)
        assert verdict(reserved, name) not in (Wholeness.WHOLE, Wholeness.NOT_AS_NAMED), filled


LARGE_FILES = {
    b"a.NEF": raw(payload_bytes=200_000),
    b"a.tif": tiff(size=(300, 200)),
    b"a.CR3": cr3(payload_bytes=200_000),
    b"a.RAF": raf(payload_bytes=200_000),
    b"a.CRW": CRW,
    b"a.jpg": jpeg(1) + jpeg(2).ljust(200_000, b"\1"),
}


@pytest.mark.parametrize("name", LARGE_FILES)
def test_a_large_file_that_is_reserved_and_being_filled_is_known_as_such(name: bytes) -> None:
    data = LARGE_FILES[name]
    for filled in range(0, len(data) - (1 << 16), 4999):
        reserved = data[:filled] + bytes(len(data) - filled)
        assert verdict(reserved, name) in (Wholeness.SHORT, Wholeness.RESERVED), filled


@pytest.mark.parametrize("name", [b"a.NEF", b"a.tif", b"a.CR3", b"a.RAF"])
def test_the_last_of_its_data_must_be_there(name: bytes) -> None:
    data = LARGE_FILES[name]
    assert verdict(data, name) is Wholeness.WHOLE
    if name != b"a.tif":  # its directory comes last
        assert verdict(data[:-64] + bytes(64), name) is Wholeness.RESERVED


@pytest.mark.parametrize("name", [b"a.NEF", b"a.jpg", b"a.RAF"])
def test_zeros_behind_the_data_are_padding(name: bytes) -> None:
    assert verdict(WHOLE_FILES[name] + bytes(40_000), name) is Wholeness.WHOLE


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"this is a shopping list\n", b"IMG_0001.CR2"),
        (b"hi", b"IMG_0001.CR3"),
        (jpeg(), b"IMG_0001.NEF"),
        (jpeg(), b"IMG_0001.tif"),
        (tiff(), b"IMG_0001.jpg"),
        (raw(), b"IMG_0001.xmp"),
        (b"<html><body/></html>", b"IMG_0001.xmp"),
        (b"what a camera would never write" * 3, b"IMG_0001.raw"),
    ],
)
def test_what_is_inside_must_fit_the_name(data: bytes, name: bytes) -> None:
    found = inspect(io.BytesIO(data), len(data), name)
    assert found.wholeness is Wholeness.NOT_AS_NAMED
    assert found.why


def test_raw_of_an_undocumented_container_is_unknown() -> None:
    data = bytes(range(200, 256)) * 10
    assert verdict(data, b"IMG_0001.dcr") is Wholeness.UNKNOWN


def test_jpeg_followed_by_something_else_is_unknown() -> None:
    assert verdict(jpeg() + b"what a phone appends", b"a.jpg") is Wholeness.UNKNOWN
    assert verdict(jpeg(progressive=True) + b"\1" * 70_000, b"a.jpg") is Wholeness.UNKNOWN


@pytest.mark.parametrize("progressive", [True, False])
def test_a_preview_behind_a_jpeg_must_be_whole_too(progressive: bool) -> None:
    picture, preview = jpeg(7, progressive=progressive), jpeg(8, progressive=progressive)
    assert verdict(picture + preview, b"a.jpg") is Wholeness.WHOLE
    assert verdict(picture + preview + b"a trailer", b"a.jpg") is Wholeness.UNKNOWN
    for length in range(3, len(preview)):
        assert verdict(picture + preview[:length], b"a.jpg") is Wholeness.SHORT, length
        assert verdict(picture + bytes(99) + preview[:length], b"a.jpg") is Wholeness.SHORT, length


def test_an_end_marker_inside_a_thumbnail_is_not_the_end() -> None:
    thumbnail = jpeg(7)
    picture = jpeg(8)
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    with_thumbnail = picture[:2] + segment + picture[2:]
    assert verdict(with_thumbnail, b"a.jpg") is Wholeness.WHOLE
    assert verdict(with_thumbnail[: 2 + len(segment)], b"a.jpg") is Wholeness.SHORT
    assert verdict(with_thumbnail[:-9], b"a.jpg") is Wholeness.SHORT


def test_a_private_tag_past_the_end_condemns_no_frame() -> None:
    data = bytearray(raw())
    description_offset = 8 + 2 + 8
    data[description_offset : description_offset + 4] = (1 << 30).to_bytes(4, "little")
    assert verdict(bytes(data), b"a.NEF") is Wholeness.UNKNOWN


def test_directories_in_a_circle_end() -> None:
    data = bytearray(raw())
    next_directory = 8 + 2 + 4 * 12
    data[next_directory : next_directory + 4] = (8).to_bytes(4, "little")
    assert verdict(bytes(data), b"a.NEF") is Wholeness.WHOLE


@pytest.mark.pictures
@pytest.mark.parametrize(
    "name", ["canon_eos_6d.dng", "kodak_dc50.KDC", "portrait_flags.jpg", "two_people.jpg"]
)
def test_camera_files_are_whole_and_their_prefixes_are_not(pictures_folder: Path, name: str) -> None:
    data = (pictures_folder / name).read_bytes()
    assert verdict(data, name.encode()) is Wholeness.WHOLE
    for length in [
        *range(min(4096, len(data))),
        *range(4096, len(data), 4999),
        len(data) - 2,
    ]:  # a last byte may be padding
        assert verdict(data[:length], name.encode()) is not Wholeness.WHOLE, length


def test_a_broken_sidecar_says_so() -> None:
    found = inspect(io.BytesIO(xmp()[:-5]), len(xmp()) - 5, b"a.xmp")
    assert "XML is not complete" in found.why
