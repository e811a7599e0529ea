from dataclasses import replace

import cv2
import numpy as np
import pytest

from studio_pipeline.geometry import Insets, Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.guards.grain import Grain
from studio_pipeline.pixels import noise
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult
from tests.support.canvases import (
    BASE,
    EVERY_SIDE,
    FILLED,
    SPOTS,
    edited,
    no_faces,
    rendered,
    with_cleaning,
    with_spots,
)  # fmt: skip

LIMITS = GuardLimits()


def check(canvas: Rendered) -> list[GuardResult]:
    return Grain().check(canvas, LIMITS, no_faces)


def soft(light: Linear) -> Linear:
    return np.asarray(cv2.GaussianBlur(light, (0, 0), 1.0), np.float32)


def noisy(light: Linear) -> Linear:
    return light * (1 + np.random.default_rng(3).normal(0, 0.03, light.shape)).astype(np.float32)


@pytest.mark.parametrize("grain", [0.0, 0.005, 0.02, 0.08])
def test_the_truth_has_the_same_grain(grain: float) -> None:
    (result,) = check(rendered(EVERY_SIDE, grain=grain))
    assert result.passed and 0.9 < result.value < 1.1


@pytest.mark.parametrize(
    "area",
    [
        Roi(BASE.y0, -80, BASE.y1, 0),
        Roi(BASE.y0, BASE.x1, BASE.y1, BASE.x1 + 90),
        Roi(-70, BASE.x0, 0, BASE.x1),
        Roi(BASE.y1, BASE.x0, BASE.y1 + 60, BASE.x1),
        Roi(BASE.y0, -80, BASE.y1, -52),  # only far from the seam
    ],
)
def test_a_soft_area_is_found_on_any_side_at_any_depth(area: Roi) -> None:
    (result,) = check(edited(rendered(EVERY_SIDE), area, soft))
    assert not result.passed and result.value < LIMITS.grain_min


def test_a_spot_that_is_off_does_not_count() -> None:
    canvas = with_spots(rendered())
    for spot in SPOTS:
        canvas = edited(canvas, spot.disc(1.0).roi, soft)
    (worse,) = check(canvas)
    assert not worse.passed
    off = [p.model_copy(update={"off": tuple(spot.id for spot in SPOTS)}) for p in canvas.plans]
    assert check(replace(canvas, plans=off)) == []


@pytest.mark.parametrize("bits", [8, 16])
def test_the_gates_own_dither_is_not_grain(bits: int) -> None:
    smooth = rendered(Insets(left=80), grain=0)
    light = smooth.encoding.decode(smooth.after)
    base = smooth.encoding.encode(light, bits)
    written = smooth.encoding.encode(light, bits, noise.uniform(smooth.canvas, 1))
    base[:, :80] = written[:, :80]
    (result,) = check(replace(smooth, before=base, after=base))
    assert result.passed and 0.9 < result.value < 1.1


def test_a_noisy_area_is_found() -> None:
    (result,) = check(edited(rendered(EVERY_SIDE), Roi(BASE.y0, -80, BASE.y1, 0), noisy))
    assert not result.passed and result.value > LIMITS.grain_max


def test_a_line_through_the_base_does_not_count() -> None:
    (result,) = check(rendered(Insets(left=80, right=90), floor=True))
    assert result.passed and 0.9 < result.value < 1.1


def test_the_person_is_no_reference() -> None:
    canvas = rendered(Insets(left=80))
    canvas.zones[:, 130:] = Zone.LOCKED
    rough = edited(canvas, Roi(0, 50, BASE.y1, BASE.x1), noisy)
    assert check(rough)[0].passed


def test_an_unsure_reading_is_judged_by_its_border() -> None:
    canvas = rendered(EVERY_SIDE)
    canvas.zones[BASE.within(canvas.canvas)] = Zone.LOCKED
    assert check(canvas)[0].passed
    assert not check(edited(canvas, Roi(BASE.y0, -80, BASE.y1, 0), soft))[0].passed


@pytest.mark.parametrize("new_px", [1, 3, 7, 17])
def test_narrow_strips_are_judged_as_far_as_there_are_pixels(new_px: int) -> None:
    results = check(rendered(Insets(left=new_px)))
    assert all(result.passed for result in results)
    assert bool(results) is (new_px >= 6)


def test_healed_spots_keep_their_grain_or_are_found() -> None:
    canvas = with_spots(rendered())
    (result,) = check(canvas)
    assert result.passed and 0.9 < result.value < 1.1 and result.edit == "heal_spots"
    for spot in SPOTS:
        canvas = edited(canvas, spot.disc(1.0).roi, soft)
    (result,) = check(canvas)
    assert not result.passed and result.value < LIMITS.grain_min


@pytest.mark.parametrize(("area", "item"), [(FILLED, "thing"), (Roi(24, 14, 42, 106), "lint")])
def test_what_was_cleaned_keeps_its_grain_or_is_found(area: Roi, item: str) -> None:
    (result,) = check(with_cleaning(rendered()))
    assert result.passed and 0.9 < result.value < 1.1 and result.edit == "clean_backdrop"
    blurred = edited(rendered(), area, soft)
    (result,) = check(with_cleaning(blurred))
    assert not result.passed and result.value < LIMITS.grain_min
    assert all(result.passed for result in check(with_cleaning(blurred, off=(item,))))
