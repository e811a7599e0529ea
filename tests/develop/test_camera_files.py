"""Real cameras' RAWs, from the folder that STUDIO_TEST_PICTURES names."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from studio_pipeline.develop import describe, develop, embedded_preview
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color
from studio_pipeline.records.capture import Role
from studio_pipeline.records.develop import DevelopSettings

pytestmark = pytest.mark.pictures


def test_a_canon_looks_as_its_own_jpeg(pictures_folder: Path) -> None:
    path = pictures_folder / "canon_eos_6d.dng"
    if not path.exists():
        pytest.skip(f"there is no {path.name} in STUDIO_TEST_PICTURES")
    told = describe(path)
    assert (told.camera, told.serial, told.extent) == ("Canon EOS 6D", "033024001432", Extent(816, 1224))
    frame, record = develop(path, Role.RAW, DevelopSettings(), half=False)
    assert record.notes == () and record.look is not None and record.look.tone == "match-embedded"
    camera = np.asarray(Image.open(io.BytesIO(embedded_preview(path, Role.RAW))))
    ours = cv2.resize(frame.linear(), camera.shape[1::-1], interpolation=cv2.INTER_AREA)
    pair = (ours, color.named("sRGB").decode(camera))
    labs = [color.to_lab(cv2.GaussianBlur(picture, (0, 0), 2)) for picture in pair]
    assert np.median(np.linalg.norm(labs[0] - labs[1], axis=2)) < 3


def test_a_kodak_without_jpeg_is_neutral(pictures_folder: Path) -> None:
    path = pictures_folder / "kodak_dc50.KDC"
    if not path.exists():
        pytest.skip(f"there is no {path.name} in STUDIO_TEST_PICTURES")
    assert describe(path).extent == Extent(512, 768)
    frame, record = develop(path, Role.RAW, DevelopSettings(), half=True)
    assert record.notes == ("neutral look: there is no embedded JPEG to match",)
    assert 40 < np.median(color.to_lab(frame.linear())[..., 0]) < 75
    assert Image.open(io.BytesIO(embedded_preview(path, Role.RAW))).size == (384, 256)
