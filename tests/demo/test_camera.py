import io
from datetime import UTC, datetime

import exifread
import numpy as np
import pytest
import rawpy
from numpy.typing import NDArray
from PIL import Image

from studio_pipeline.demo import camera
from studio_pipeline.demo.dng import Body, Shot, write_dng
from studio_pipeline.geometry import Extent

BODY = Body()
WHEN = datetime(2026, 5, 4, 10, 12, 9, 340_000, tzinfo=UTC)


def ramp(height: int = 240, width: int = 320) -> NDArray[np.float32]:
    """Light that changes slowly in every channel, so that demosaicing has nothing to invent."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    light = np.stack([0.1 + 0.5 * x / width, 0.2 + 0.3 * y / height, 0.6 - 0.4 * x / width], axis=-1)
    return np.asarray(light, np.float32)


def shoot(light: NDArray[np.float32], shot: Shot, seed: int = 1) -> bytes:
    mosaic = camera.expose(light, shot, BODY, np.random.default_rng(seed))
    preview = camera.in_camera_jpeg(mosaic, shot, BODY, half_size=True)
    return write_dng(mosaic, preview, Extent(light.shape[0] // 2, light.shape[1] // 2), shot, BODY)


def develop(data: bytes) -> NDArray[np.float64]:
    with rawpy.imread(io.BytesIO(data)) as raw:
        codes = raw.postprocess(
            gamma=(1, 1),
            no_auto_bright=True,
            adjust_maximum_thr=0,
            use_camera_wb=True,
            output_color=rawpy.ColorSpace.sRGB,
            output_bps=16,
        )
    return np.asarray(codes / 65535)


def test_libraw_develops_the_light_that_was_rendered() -> None:
    light = ramp()
    found = develop(shoot(light, Shot(WHEN)))[8:-8, 8:-8]
    blocks = (found - light[8:-8, 8:-8]).reshape(28, 8, 38, 8, 3).mean((1, 3))
    assert np.abs(blocks.mean((0, 1))).max() < 5e-4
    assert np.abs(blocks).max() < 0.01


@pytest.mark.parametrize("iso", [100, 1600])
def test_noise_is_that_of_the_electrons(iso: int) -> None:
    light = np.full((256, 256, 3), 0.25, np.float32)
    shot = Shot(WHEN, iso=iso)
    mosaic = camera.expose(light, shot, BODY, np.random.default_rng(2))
    green = (mosaic[0::2, 1::2].astype(float) - BODY.black) / (BODY.white - BODY.black)
    full_e = BODY.full_well_e * 100 / iso
    expected = np.sqrt(0.25 * full_e + BODY.read_noise_e**2) / full_e
    assert green.mean() == pytest.approx(0.25, rel=0.01)
    assert green.std() == pytest.approx(expected, rel=0.03)


def test_what_is_brighter_than_the_sensor_stands_at_its_white_level() -> None:
    mosaic = camera.expose(np.full((32, 32, 3), 3.0, np.float32), Shot(WHEN), BODY, np.random.default_rng(1))
    assert mosaic.min() == mosaic.max() == BODY.white


def test_exif_is_read_as_written() -> None:
    data = shoot(ramp(64, 96), Shot(WHEN, iso=400, f_number=7.1, orientation=8))
    tags = exifread.process_file(io.BytesIO(data), details=False)
    expected = {
        "Image Make": BODY.make,
        "Image Model": BODY.model,
        "EXIF BodySerialNumber": BODY.serial,
        "EXIF LensModel": BODY.lens,
        "EXIF DateTimeOriginal": "2026:05:04 10:12:09",
        "EXIF SubSecTimeOriginal": "34",
        "EXIF ExposureTime": "1/160",
        "EXIF FNumber": "71/10",
        "EXIF ISOSpeedRatings": "400",
    }
    assert {name: str(tags[name]) for name in expected} == expected
    assert tags["Image Orientation"].values == [8]


@pytest.mark.parametrize(("orientation", "shape"), [(1, (64, 96)), (6, (96, 64)), (8, (96, 64))])
def test_libraw_turns_the_picture_upright(orientation: int, shape: tuple[int, int]) -> None:
    assert develop(shoot(ramp(64, 96), Shot(WHEN, orientation=orientation))).shape[:2] == shape


def test_the_preview_is_the_cameras_jpeg_of_the_same_picture() -> None:
    light = ramp(64, 96)
    with rawpy.imread(io.BytesIO(shoot(light, Shot(WHEN)))) as raw:
        thumb = raw.extract_thumb()
    assert thumb.format is rawpy.ThumbFormat.JPEG
    with Image.open(io.BytesIO(thumb.data)) as image:
        shown = np.array(image)
    assert shown.shape == (32, 48, 3)
    grey = camera.in_camera_jpeg(
        camera.expose(np.full((64, 64, 3), 0.18, np.float32), Shot(WHEN), BODY, np.random.default_rng(1)),
        Shot(WHEN), BODY, half_size=False,
    )  # fmt: skip
    with Image.open(io.BytesIO(grey)) as image:
        mean = np.array(image).reshape(-1, 3).mean(0)
    assert mean == pytest.approx([136, 136, 136], abs=2)


def test_a_tone_curve_and_its_inverse() -> None:
    light = np.linspace(0, 1, 999)
    np.testing.assert_allclose(camera.untone(camera.tone(light)), light, atol=1e-9)
    assert (np.diff(camera.tone(light)) > 0).all()
