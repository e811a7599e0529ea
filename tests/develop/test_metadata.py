"""What a file says of its exposure, and what it may get wrong without harm."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from studio_pipeline.develop import describe
from studio_pipeline.develop.metadata import read_tags, time_and_serial
from studio_pipeline.errors import CannotRead
from studio_pipeline.geometry import Extent
from studio_pipeline.records.capture import Exposure
from tests.develop.scenes import studio
from tests.support.rawfiles import Camera, bayer_dng

SCENE = studio(Extent(96, 160))
CAMERA = Camera()
CEST = timezone(timedelta(hours=2))


def described(folder: Path, camera: Camera = CAMERA) -> Exposure:
    path = folder / "frame.dng"
    path.write_bytes(bayer_dng(SCENE, camera))
    return describe(path)


def test_a_raw_tells_its_exposure(tmp_path: Path) -> None:
    assert described(tmp_path) == Exposure(
        extent=Extent(96, 160),
        captured_at=datetime(2024, 5, 6, 7, 8, 9, 250_000, CEST),
        make="Test",
        camera="Test Camera",
        serial="00123456",
        lens="Test 85mm F1.4",
        iso=200,
        exposure_s=1 / 125,
        f_number=2.8,
    )


def test_the_extent_is_upright(tmp_path: Path) -> None:
    turned = described(tmp_path, Camera(orientation=6))
    assert (turned.extent, turned.orientation) == (Extent(160, 96), 6)


def test_odd_metadata_is_left_out(tmp_path: Path) -> None:
    camera = Camera(taken="0000:00:00 00:00:00", subsecond="x", offset="sometime", serial=None)
    odd = described(tmp_path, camera)
    assert odd.captured_at is None and odd.serial is None and odd.camera == "Test Camera"
    no_zone = described(tmp_path, Camera(offset="   :  ", subsecond=""))
    assert no_zone.captured_at == datetime(2024, 5, 6, 7, 8, 9)


def test_pictures_tell_theirs(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271], exif[274] = "Maker", 8
    exif.get_ifd(0x8769)[0x9003] = "2023:01:02 03:04:05"
    exif.get_ifd(0x8769)[0x829A] = 0.0
    for name in ("a.jpg", "a.tif", "a.png"):
        Image.new("RGB", (100, 70)).save(tmp_path / name, exif=exif)
        told = describe(tmp_path / name)
        assert told.extent == Extent(100, 70) and told.orientation == 8
        assert told.exposure_s is None
        if name == "a.jpg":
            assert told.make == "Maker" and told.captured_at == datetime(2023, 1, 2, 3, 4, 5)


def test_a_file_that_is_no_picture_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "words.CR2").write_bytes(b"words " * 100)
    assert describe(tmp_path / "words.CR2") == Exposure()
    with pytest.raises(CannotRead):
        describe(tmp_path / "gone.CR2")


def test_the_head_of_a_file_is_enough_for_time_and_serial() -> None:
    head = bayer_dng(SCENE)[:2000]
    assert time_and_serial(head) == (datetime(2024, 5, 6, 7, 8, 9, 250_000, CEST), "00123456")
    assert time_and_serial(b"words") == (None, None)


@given(place=st.integers(0, 900), values=st.binary(min_size=1, max_size=12))
def test_damaged_tags_raise_nothing(place: int, values: bytes) -> None:
    head = bytearray(bayer_dng(SCENE[:64, :64])[:4000])
    head[place : place + len(values)] = values
    moment, serial = time_and_serial(bytes(head))
    assert moment is None or moment.year > 0
    assert serial is None or serial.isprintable()
    assert isinstance(read_tags(bytes(head)), dict)
