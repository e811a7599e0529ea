from dataclasses import replace

import numpy as np
import pytest

from studio_pipeline.guards.base import Rendered
from studio_pipeline.guards.bounds import Bounds
from studio_pipeline.records.flaws import covered
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
)

LIMITS = GuardLimits()


def check(canvas: Rendered, limits: GuardLimits = LIMITS) -> dict[str, GuardResult]:
    return {result.name: result for result in Bounds().check(canvas, limits, no_faces)}


def test_new_area_is_measured_against_the_base() -> None:
    canvas = rendered(EVERY_SIDE)
    expected = canvas.canvas.extent.area / BASE.extent.area - 1
    (result,) = check(canvas).values()
    assert result.value == pytest.approx(expected) and result.edit == "extend_background"
    assert result.passed is (expected <= LIMITS.new_area_max)
    assert not check(canvas, GuardLimits(new_area_max=expected - 0.01))["new_area"].passed


def test_healed_area_is_counted_in_pixels() -> None:
    canvas = with_spots(rendered())
    assert check(canvas)["healed_area"].value == 0
    limits, allowed_px = GuardLimits(healed_area_max=0.005), int(0.005 * BASE.extent.area)
    ys, xs = np.nonzero(covered([spot.disc(1.0) for spot in SPOTS], BASE))
    after = canvas.after.copy()
    after[ys[:allowed_px], xs[:allowed_px], 0] ^= 1
    result = check(replace(canvas, after=after), limits)["healed_area"]
    assert result.value == pytest.approx(allowed_px / BASE.extent.area) and result.passed
    after[ys[allowed_px], xs[allowed_px], 2] ^= 1
    assert not check(replace(canvas, after=after), limits)["healed_area"].passed


def test_what_another_edit_changed_is_no_heal() -> None:
    everywhere = edited(with_spots(rendered()), BASE, lambda light: light * 0.8)
    discs = np.count_nonzero(covered([spot.disc(1.0) for spot in SPOTS], BASE))
    assert check(everywhere)["healed_area"].value == pytest.approx(discs / BASE.extent.area, rel=0.02)


def test_even_light_is_no_heal_and_what_was_filled_has_a_limit_of_its_own() -> None:
    brighter = edited(rendered(), BASE, lambda light: light * 1.2)
    figures = check(with_cleaning(with_spots(brighter)))
    assert figures["healed_area"].value < 0.02 and figures["healed_area"].passed
    assert figures["filled_area"].value == pytest.approx(FILLED.extent.area / BASE.extent.area, rel=0.1)
    assert not figures["filled_area"].passed and figures["filled_area"].edit == "clean_backdrop"
    assert check(with_cleaning(brighter, off=("thing",)))["filled_area"].value == 0
    assert check(with_cleaning(brighter, off=("lint",)))["healed_area"].value == 0


def test_nothing_is_said_about_edits_that_are_not_there() -> None:
    assert check(rendered()) == {}
