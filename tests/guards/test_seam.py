from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from studio_pipeline.geometry import Insets, Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.guards.seam import SEAM_MIN, Seam
from studio_pipeline.pixels.color import Linear
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult
from tests.support.canvases import BASE, EVERY_SIDE, edited, no_faces, rendered

LIMITS = GuardLimits()
NEW = {
    "left": Roi(BASE.y0, -80, BASE.y1, 0),
    "right": Roi(BASE.y0, BASE.x1, BASE.y1, BASE.x1 + 90),
    "top": Roi(-70, BASE.x0, 0, BASE.x1),
    "bottom": Roi(BASE.y1, BASE.x0, BASE.y1 + 60, BASE.x1),
}


def check(canvas: Rendered) -> list[GuardResult]:
    return Seam().check(canvas, LIMITS, no_faces)


@pytest.mark.parametrize("grain", [0.0, 0.005, 0.02, 0.08])
def test_the_truth_has_no_seam(grain: float) -> None:
    (result,) = check(rendered(EVERY_SIDE, grain=grain))
    assert result.passed and 0.85 < result.value < 1.2
    assert result.edit == "extend_background"


def test_a_line_that_crosses_the_seam_is_none() -> None:
    (result,) = check(rendered(Insets(left=80, right=90), floor=True))
    assert result.passed and 0.85 < result.value < 1.2


@pytest.mark.parametrize("side", NEW)
@pytest.mark.parametrize("grain", [0.0, 0.02, 0.08])
def test_a_step_of_light_is_found_on_any_side_under_any_grain(side: str, grain: float) -> None:
    canvas = edited(rendered(EVERY_SIDE, grain=grain), NEW[side], lambda light: light * np.float32(1.08))
    (result,) = check(canvas)
    assert not result.passed and result.value > LIMITS.seam_max


def test_a_dark_line_is_found() -> None:
    canvas = edited(rendered(EVERY_SIDE), Roi(0, -1, BASE.y1, 0), lambda light: light * np.float32(0.85))
    assert not check(canvas)[0].passed


def test_a_blurred_seam_is_found() -> None:
    def blurred(light: Linear) -> Linear:
        return np.asarray(cv2.GaussianBlur(light, (0, 0), 3), np.float32)

    canvas = edited(rendered(EVERY_SIDE, grain=0.05), Roi(0, BASE.x1 - 3, BASE.y1, BASE.x1 + 3), blurred)
    (result,) = check(canvas)
    assert not result.passed and result.value < SEAM_MIN


def test_a_mirrored_side_is_found() -> None:
    canvas = rendered(Insets(left=80), grain=0.05)
    canvas.after[:, :80] = canvas.after[:, 159:79:-1]
    (result,) = check(canvas)
    assert not result.passed and result.value < SEAM_MIN


def test_a_canvas_that_was_not_extended_has_none() -> None:
    assert check(rendered()) == []


def test_memory_maps_give_the_same_figures(tmp_path: Path) -> None:
    canvas = rendered(EVERY_SIDE)
    np.save(tmp_path / "after.npy", canvas.after)
    mapped = np.load(tmp_path / "after.npy", mmap_mode="r")
    assert check(replace(canvas, after=mapped)) == check(canvas)
