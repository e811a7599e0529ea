"""The look that follows the camera's JPEG: found when it is there, and given up in words when it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from studio_pipeline.develop import develop, look
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color
from studio_pipeline.records.capture import Role
from studio_pipeline.records.develop import BaseRecord, DevelopSettings
from tests.develop.scenes import Light, camera_jpeg, studio
from tests.support.rawfiles import Camera, bayer_dng

# Warmer and more saturated: rows sum to about 1, as a camera's picture style does.
STYLE = np.array([[1.18, -0.12, -0.02], [-0.06, 1.12, -0.06], [-0.02, -0.08, 1.10]])


def rendered(scene: Light, slope: float = 3.0) -> Light:
    return look.rolloff(np.clip(scene @ STYLE.T, 0, 1), slope)


def matched(
    folder: Path, scene: Light, preview: bytes | None, orientation: int = 1
) -> tuple[Light, BaseRecord]:
    path = folder / "frame.dng"
    path.write_bytes(bayer_dng(scene, Camera(preview=preview, orientation=orientation)))
    frame, record = develop(path, Role.RAW, DevelopSettings(), half=True)
    return frame.linear().astype(np.float64), record


def mean_delta_e(one: Light, other: Light) -> float:
    labs = [color.to_lab(picture.astype(np.float32)) for picture in (one, other)]
    return float(np.median(np.linalg.norm(labs[0] - labs[1], axis=2)))


def half(picture: Light) -> Light:
    return (picture[0::2, 0::2] + picture[1::2, 0::2] + picture[0::2, 1::2] + picture[1::2, 1::2]) / 4


@pytest.mark.parametrize("slope", [0.8, 2.0, 6.0])
def test_a_style_and_exposure_are_found(tmp_path: Path, slope: float) -> None:
    scene = studio()
    truth = rendered(scene, slope)
    ours, record = matched(tmp_path, scene, camera_jpeg(truth))
    assert record.look is not None and record.look.tone == "match-embedded", record.notes
    assert mean_delta_e(ours, half(truth)) < 1.0
    grey = np.array(record.look.matrix).reshape(3, 3).sum(axis=1)
    assert np.allclose(grey, 1, atol=0.05)


@pytest.mark.parametrize("space", ["sRGB", "AdobeRGB", "P3"])
def test_the_embedded_profile_is_read(tmp_path: Path, space: str) -> None:
    scene = studio()
    ours, record = matched(tmp_path, scene, camera_jpeg(rendered(scene), space=space, embed=True))
    assert record.notes == ()
    assert mean_delta_e(ours, half(rendered(scene))) < 1.0


def test_the_curve_rises_and_ends_at_white(tmp_path: Path) -> None:
    _, record = matched(tmp_path, studio() * 0.25, camera_jpeg(rendered(studio() * 0.25, 8.0)))
    assert record.look is not None
    curve = np.array(record.look.curve)
    assert curve[0] == 0 and curve[-1] <= 1 and (np.diff(curve) >= 0).all()
    assert curve[-1] > 0.99, "beyond the darkest picture the curve still leads to white"


def test_an_in_camera_crop_and_a_shift_do_not_matter(tmp_path: Path) -> None:
    scene = studio(Extent(320, 480))
    wide = rendered(scene)[25:295, 3:479]  # about 16:9, off the centre by a few pixels
    ours, record = matched(tmp_path, scene, camera_jpeg(wide))
    assert record.notes == ()
    assert mean_delta_e(ours, half(rendered(scene))) < 1.5


@pytest.mark.parametrize("turned", [False, True])
def test_a_turned_frame_is_matched_however_its_jpeg_lies(tmp_path: Path, turned: bool) -> None:
    stored = studio()
    shown = np.ascontiguousarray(np.rot90(stored, -1))  # orientation 6: show it turned clockwise
    preview = camera_jpeg(rendered(shown if turned else stored))
    ours, record = matched(tmp_path, stored, preview, orientation=6)
    assert record.notes == () and record.extent == Extent(480, 320)
    assert mean_delta_e(ours, half(rendered(shown))) < 1.0


def test_blown_highlights_of_the_jpeg_do_not_bend_the_rest(tmp_path: Path) -> None:
    scene = studio() * 1.3
    truth = np.clip(scene @ STYLE.T * 3.0, 0, 1)  # a hard clip: a third of the backdrop is white
    ours, record = matched(tmp_path, scene, camera_jpeg(truth))
    dark = half(truth).max(axis=2) < 0.7
    assert record.notes == ()
    assert mean_delta_e(ours[dark][None], half(truth)[dark][None]) < 1.5


def test_a_grey_scene_leaves_the_colours_alone(tmp_path: Path) -> None:
    """A grey card has nothing to say about colour: the matrix stays near the identity."""
    scene = np.repeat(np.linspace(0.02, 0.7, 480)[None, :, None], 320, axis=0) * np.ones(3)
    _, record = matched(tmp_path, scene, camera_jpeg(look.rolloff(scene, 3.0)))
    assert record.look is not None and record.look.tone == "match-embedded"
    assert np.allclose(np.array(record.look.matrix).reshape(3, 3), np.eye(3), atol=0.05)


def test_what_cannot_be_matched_is_neutral_and_says_why(tmp_path: Path) -> None:
    scene = studio()
    grey = np.repeat(rendered(scene).mean(axis=2, keepdims=True), 3, axis=2)
    unrelated = studio(seed=99)[::-1, ::-1] @ np.roll(np.eye(3), 1, axis=0)
    for preview, why in (
        (None, "no embedded JPEG"),
        (camera_jpeg(rendered(scene)[:150, :200]), "too small"),
        (camera_jpeg(grey), "black-and-white"),
        (camera_jpeg(unrelated), "cannot be matched"),
        (camera_jpeg(np.ones_like(scene)), "too few pixels"),
        (camera_jpeg(rendered(scene))[:-4000], "no embedded JPEG"),
    ):
        _, record = matched(tmp_path, scene, preview)
        assert record.look is not None and record.look.tone == "neutral"
        assert len(record.notes) == 1 and why in record.notes[0], record.notes
