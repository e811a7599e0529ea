"""The first picture on the page: upright, sRGB, from the camera's JPEG where it has one."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from studio_pipeline.develop import embedded_preview, look
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color
from studio_pipeline.records.capture import Role
from tests.develop.scenes import Light, as_stored, camera_jpeg, reduced, studio
from tests.support.rawfiles import Camera, bayer_dng

SCENE = studio(Extent(480, 720))
SRGB = color.named("sRGB")


def preview(folder: Path, data: bytes, role: Role = Role.RAW, long_edge_px: int = 2048) -> NDArray[np.uint8]:
    path = folder / "frame"
    path.write_bytes(data)
    image = Image.open(io.BytesIO(embedded_preview(path, role, long_edge_px)))
    assert image.info["icc_profile"] == SRGB.icc_profile
    assert image.getexif().get(274) is None
    return np.asarray(image)


def assert_shows(shown: NDArray[np.uint8], light: Light) -> None:
    expected = SRGB.encode(light.astype(np.float32), 8)
    assert shown.shape[0] / shown.shape[1] == pytest.approx(light.shape[0] / light.shape[1], rel=0.02)
    difference = reduced(shown, 30, 30) - reduced(expected, 30, 30)
    assert np.abs(difference).mean() < 2.0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_camera_s_jpeg_upright(tmp_path: Path, orientation: int) -> None:
    shown = np.ascontiguousarray(SCENE[:, :, ::-1])  # not what the RAW holds: it must come from the JPEG
    stored = np.ascontiguousarray(as_stored(shown, orientation))
    raw = np.ascontiguousarray(as_stored(SCENE, orientation))
    dng = bayer_dng(raw, Camera(preview=camera_jpeg(stored), orientation=orientation))
    assert_shows(preview(tmp_path, dng), shown)


def test_an_adobe_rgb_jpeg_becomes_srgb(tmp_path: Path) -> None:
    light = SCENE * 0.5 + 0.1  # inside sRGB
    dng = bayer_dng(SCENE, Camera(preview=camera_jpeg(light, space="AdobeRGB", embed=True)))
    assert_shows(preview(tmp_path, dng), light)


def test_a_camera_in_adobe_rgb_mode_says_so_in_the_raw_only(tmp_path: Path) -> None:
    light = SCENE * 0.5 + 0.1
    camera = Camera(preview=camera_jpeg(light, space="AdobeRGB"), adobe_rgb=True)
    assert_shows(preview(tmp_path, bayer_dng(SCENE, camera)), light)


def test_without_a_usable_jpeg_the_neutral_look(tmp_path: Path) -> None:
    icon = camera_jpeg(SCENE[:120, :160, ::-1])
    for found in (None, icon, camera_jpeg(SCENE)[:-9000]):
        dng = bayer_dng(SCENE, Camera(preview=found, orientation=8))
        shown = preview(tmp_path, dng)
        assert shown.shape == (360, 240, 3)
        assert_shows(shown, look.rolloff(np.rot90(SCENE), look.NEUTRAL_SLOPE))


@pytest.mark.parametrize("long_edge_px", [200, 333, 5000])
def test_reduced_to_the_long_edge_and_never_enlarged(tmp_path: Path, long_edge_px: int) -> None:
    dng = bayer_dng(SCENE, Camera(preview=camera_jpeg(SCENE)))
    assert max(preview(tmp_path, dng, long_edge_px=long_edge_px).shape) == min(720, long_edge_px)


def test_pictures_show_themselves_in_srgb(tmp_path: Path) -> None:
    wide = color.named("ProPhoto")
    out = io.BytesIO()
    light = SCENE * 0.5 + 0.1
    codes = wide.encode(light.astype(np.float32), 16)
    tifffile.imwrite(out, codes, photometric="rgb", iccprofile=wide.icc_profile)
    assert_shows(preview(tmp_path, out.getvalue(), Role.TIFF, 400), light)
    assert_shows(preview(tmp_path, camera_jpeg(light), Role.JPEG, 400), light)
