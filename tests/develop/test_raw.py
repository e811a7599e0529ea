"""RAW to base: what LibRaw is asked for, orientation, half and full size, clipping, and repeatability."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from studio_pipeline.develop import develop, look
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color
from studio_pipeline.pixels.frame import Frame, plan_scale
from studio_pipeline.records.capture import Role
from studio_pipeline.records.develop import BaseRecord, DevelopSettings
from tests.develop.scenes import as_stored, camera_jpeg, reduced, studio
from tests.support.rawfiles import Camera, bayer_dng

NEUTRAL = DevelopSettings(tone="neutral")


def developed(
    folder: Path, dng: bytes, settings: DevelopSettings = NEUTRAL, *, half: bool = False
) -> tuple[Frame, BaseRecord]:
    path = folder / "frame.dng"
    path.write_bytes(dng)
    return develop(path, Role.RAW, settings, half=half)


def test_the_neutral_look_is_the_stated_curve_on_the_sensor_s_light(tmp_path: Path) -> None:
    scene = studio()
    frame, record = developed(tmp_path, bayer_dng(scene))
    expected = look.rolloff(scene, look.NEUTRAL_SLOPE)
    inner = (slice(8, -8), slice(8, -8))
    difference = reduced(frame.linear()[inner], 76, 116) - reduced(expected[inner], 76, 116)
    assert frame.encoding.name == "ProPhoto" and frame.bits == 16
    assert np.abs(difference).mean() < 0.002
    assert record.look == look.neutral() and record.notes == ()
    assert record.extent == Extent(320, 480) and record.kind == "raw"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(tmp_path: Path, orientation: int) -> None:
    upright = studio(Extent(96, 160))
    stored = np.ascontiguousarray(as_stored(upright, orientation))
    frame, record = developed(tmp_path, bayer_dng(stored, Camera(orientation=orientation)))
    half, _ = developed(tmp_path, bayer_dng(stored, Camera(orientation=orientation)), half=True)
    expected = look.rolloff(upright, look.NEUTRAL_SLOPE)
    assert frame.extent == record.extent == Extent(96, 160)
    assert record.orientation == orientation
    assert np.abs(reduced(frame.linear(), 24, 40) - reduced(expected, 24, 40)).mean() < 0.01
    assert np.abs(reduced(half.linear(), 24, 40) - reduced(expected, 24, 40)).mean() < 0.01


def test_a_highlight_does_not_change_the_rest_of_the_frame(tmp_path: Path) -> None:
    """LibRaw's own defaults brighten a frame by up to 31% with its content."""
    scene = studio() * 0.5
    with_highlight = scene.copy()
    with_highlight[200:260, 300:380] = 2.0
    dark, _ = developed(tmp_path, bayer_dng(scene))
    bright, _ = developed(tmp_path, bayer_dng(with_highlight))
    assert (dark.codes[:180] == bright.codes[:180]).all()
    assert not dark.clipped.any()
    assert bright.clipped[202:258, 302:378].all()
    assert not bright.clipped[:190].any()


def test_a_single_full_photosite_marks_its_neighbours_at_both_sizes(tmp_path: Path) -> None:
    scene = np.full((128, 160, 3), 0.2)
    scene[64, 80] = 1.5
    frame, _ = developed(tmp_path, bayer_dng(scene, Camera(neutral=(1.0, 1.0, 1.0))))
    half, _ = developed(tmp_path, bayer_dng(scene, Camera(neutral=(1.0, 1.0, 1.0))), half=True)
    assert frame.clipped[63:66, 79:82].all() and np.count_nonzero(frame.clipped) == 9
    assert half.clipped[32, 40] and np.count_nonzero(half.clipped) <= 4


@pytest.mark.parametrize("size", [(96, 160), (97, 161), (96, 161), (67, 4200)])
def test_half_and_full_are_the_same_picture(tmp_path: Path, size: tuple[int, int]) -> None:
    dng = bayer_dng(studio(Extent(*size)))
    full, record = developed(tmp_path, dng)
    half, same = developed(tmp_path, dng, half=True)
    assert record == same
    assert half.scale == plan_scale(record.extent)
    assert half.extent == record.extent.scaled(half.scale)
    assert half.clipped.shape == half.codes.shape[:2]
    whole_cells = full.linear()[: size[0] // 2 * 2, : size[1] // 2 * 2]
    height, width = (round(edge * half.scale) for edge in whole_cells.shape[:2])
    proxy = cv2.resize(whole_cells, (width, height), interpolation=cv2.INTER_AREA)
    pair = (half.linear()[:height, :width], proxy)
    one, other = (color.to_lab(cv2.GaussianBlur(picture, (0, 0), 2)) for picture in pair)
    assert np.mean(np.linalg.norm(one - other, axis=2)) < 1.0


def test_a_look_is_fitted_once_and_then_only_applied(tmp_path: Path) -> None:
    scene = studio()
    preview = camera_jpeg(look.rolloff(scene, 3.0))
    path = tmp_path / "frame.dng"
    path.write_bytes(bayer_dng(scene, Camera(preview=preview)))
    settings = DevelopSettings()
    _, planned = develop(path, Role.RAW, settings, half=True)
    first, fitted = develop(path, Role.RAW, settings, half=False)
    again, given = develop(path, Role.RAW, settings, half=False, look=planned.look)
    stored = BaseRecord.model_validate_json(planned.model_dump_json())
    assert planned == fitted == given == stored
    assert planned.look is not None and planned.look.tone == "match-embedded"
    assert (first.codes == again.codes).all()
    other, _ = develop(path, Role.RAW, settings, half=False, look=look.neutral())
    assert (other.codes != first.codes).any()


def test_keeping_highlights_keeps_the_exposure(tmp_path: Path) -> None:
    scene = np.full((96, 160, 3), 0.04)
    clip, _ = developed(tmp_path, bayer_dng(scene))
    blend, record = developed(tmp_path, bayer_dng(scene), DevelopSettings(tone="neutral", highlights="blend"))
    assert record.settings.highlights == "blend"
    assert np.allclose(clip.linear()[20:-20, 20:-20], blend.linear()[20:-20, 20:-20], rtol=0.05)


def test_the_working_space_is_the_preset_s(tmp_path: Path) -> None:
    dng = bayer_dng(studio(Extent(96, 160)) * 0.6)
    wide, _ = developed(tmp_path, dng)
    narrow, record = developed(tmp_path, dng, DevelopSettings(tone="neutral", working_space="AdobeRGB"))
    assert record.profile_name == "AdobeRGB"
    grey = wide.linear()[:, :20], narrow.linear()[:, :20]
    assert np.allclose(*grey, atol=2e-3)
