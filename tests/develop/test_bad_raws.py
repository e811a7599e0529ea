"""Files named as RAWs that are none, or not whole: each gives one line that says what to do."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from studio_pipeline.develop import describe, develop, embedded_preview
from studio_pipeline.errors import CannotRead, NeedsTiff, StudioError
from studio_pipeline.geometry import Extent
from studio_pipeline.records.capture import Role
from studio_pipeline.records.develop import DevelopSettings
from tests.develop.scenes import camera_jpeg, studio
from tests.support.rawfiles import Camera, bayer_dng

SCENE = studio(Extent(96, 160))
JPEG_XL = 52546


def fails(path: Path | bytes, kind: type[StudioError]) -> str:
    """What both ways into a RAW say of it; they must agree."""
    with pytest.raises(kind) as caught:
        develop(path, Role.RAW, DevelopSettings(), half=True)
    with pytest.raises(kind) as preview:
        embedded_preview(path, Role.RAW)
    assert str(caught.value) == str(preview.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_an_empty_file(tmp_path: Path) -> None:
    path = written(tmp_path, "a.NEF", b"")
    assert fails(path, CannotRead) == "a.NEF is empty; copy it from the camera again"


def test_text_named_as_a_raw(tmp_path: Path) -> None:
    path = written(tmp_path, "IMG_1.CR2", b"not a picture at all\n" * 50)
    assert fails(path, CannotRead).startswith("IMG_1.CR2 is not a RAW file")


def test_pictures_named_as_raws(tmp_path: Path) -> None:
    pixels = np.zeros((80, 80, 3), np.uint16)
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, photometric="rgb", extratags=[(271, "s", 0, "Canon", True)])
    for data in (camera_jpeg(SCENE), out.getvalue()):
        assert "is not a RAW file" in fails(written(tmp_path, "b.NEF", data), CannotRead)


def test_a_folder_named_as_a_raw(tmp_path: Path) -> None:
    folder = tmp_path / "x.NEF"
    folder.mkdir()
    assert fails(folder, CannotRead) == "x.NEF is a folder, not a picture"


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    assert fails(tmp_path / "gone.ARW", CannotRead) == "gone.ARW is not there any more"


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.99])
def test_a_raw_that_is_cut_short(tmp_path: Path, kept: float) -> None:
    whole = bayer_dng(SCENE, Camera(preview=camera_jpeg(SCENE)))
    path = written(tmp_path, "c.dng", whole[: int(len(whole) * kept)])
    with pytest.raises(CannotRead, match=r"cut short|damaged"):
        develop(path, Role.RAW, DevelopSettings(), half=True)


def test_a_camera_s_new_compression_waits_for_a_tiff(tmp_path: Path) -> None:
    path = written(tmp_path, "new.dng", bayer_dng(SCENE, Camera(compression=JPEG_XL)))
    with pytest.raises(NeedsTiff, match=r"new\.dng: LibRaw .* the file is safe\. Export a 16-bit TIFF"):
        develop(path, Role.RAW, DevelopSettings(), half=True)


def test_a_new_compression_still_shows_its_preview(tmp_path: Path) -> None:
    camera = Camera(compression=JPEG_XL, preview=camera_jpeg(studio(Extent(480, 720))))
    path = written(tmp_path, "new.dng", bayer_dng(SCENE, camera))
    assert embedded_preview(path, Role.RAW)[:3] == b"\xff\xd8\xff"


def test_a_raw_of_a_few_pixels_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "d.dng", bayer_dng(SCENE[:40, :60]))
    with pytest.raises(CannotRead, match="60×40 pixels; the least"):
        develop(path, Role.RAW, DevelopSettings(), half=True)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("name", [b"caf\xe9 \xff.dng", "two words \N{CAMERA}.dng".encode()])
def test_names_of_any_bytes(tmp_path: Path, name: bytes) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(bayer_dng(SCENE))
    frame, _ = develop(path, Role.RAW, DevelopSettings(), half=True)
    assert frame.extent == Extent(48, 80) and describe(path).extent == Extent(96, 160)
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(b"words")
    assert "is not a RAW file" in fails(path, CannotRead)
