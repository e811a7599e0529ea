"""A second pass in tiles, shown with an oracle that sees less than the picture holds."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio_pipeline.edits import stack
from studio_pipeline.edits.base import Given
from studio_pipeline.edits.extend_background import EXTEND_BACKGROUND, ExtendParams
from studio_pipeline.edits.generated import refining, windows
from studio_pipeline.edits.generated.windows import Step
from studio_pipeline.engines.base import Capabilities, EngineRequest, Shown
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import metrics
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import Frame, plan_scale
from studio_pipeline.pixels.grids import Lattice
from studio_pipeline.records.plan import Plan
from tests.support import oracles
from tests.support.backdrops import SRGB
from tests.support.oracles import AROUND, WHOLE, Fault, Oracle, chooser, watched

SMALL = Capabilities(True, False, 0.02, 8, supports_strength=True)  # a cell for five pixels and more
LEFT_PX, STRENGTH = 240, 0.3


def planned(
    base: Frame, fault: Fault = lambda made, request: made, able: Capabilities = SMALL, **params: object
) -> tuple[Plan, Oracle]:
    given = {"left": LEFT_PX, "generative": "structured", "second_pass": STRENGTH} | params
    small = base.at_scale(plan_scale(base.extent))
    with watched(Oracle(fault, capabilities=able)) as oracle:
        wanted = ExtendParams.model_validate(given)
        return EXTEND_BACKGROUND.plan(small, oracles.who(), wanted, 1, Given(engine=chooser(oracle))), oracle


def rendered(plan: Plan, base: Frame) -> Codes:
    return stack.render([plan], base, oracles.who(), Roi(0, -LEFT_PX, WHOLE.y1, WHOLE.x1))


def apart(codes: Codes) -> float:
    """Mean Delta E 2000 of new area from the truth, at the picture's own sharpness."""
    there = Roi(0, -LEFT_PX, WHOLE.y1, 0)
    truth = SRGB.encode(oracles.truth()[there.within(AROUND)], 16)
    ours, theirs = (cv2.GaussianBlur(SRGB.decode(one), (0, 0), 1.0) for one in (codes[:, :LEFT_PX], truth))
    return float(metrics.delta_e2000(ours, theirs).mean())


@pytest.fixture(scope="module")
def base() -> Frame:
    return oracles.picture()


@pytest.fixture(scope="module")
def once(base: Frame) -> Plan:
    return planned(base, second_pass=0)[0]


@pytest.fixture(scope="module")
def twice(base: Frame) -> tuple[Plan, Oracle]:
    return planned(base)


def test_lines_are_sharper_and_the_request_is_of_the_same_size(
    base: Frame, once: Plan, twice: tuple[Plan, Oracle]
) -> None:
    plan, oracle = twice
    assert plan.engine == "oracle" and not any("second pass" in note for note in plan.notes), plan.notes
    first, *tiles = oracle.requests
    assert len(tiles) >= 2 and {one.extent for one in oracle.requests} == {first.extent}
    assert {one.strength for one in tiles} == {STRENGTH} and first.strength == 0.95
    assert len({one.seed for one in oracle.requests[1:]}) == len(tiles)
    before, after = apart(rendered(once, base)), apart(rendered(plan, base))
    assert after < 0.75 * before, (before, after)


def test_all_that_holds_for_new_area_holds(base: Frame, twice: tuple[Plan, Oracle]) -> None:
    plan, oracle = twice
    whole = rendered(plan, base)
    assert np.array_equal(whole[:, LEFT_PX:], base.codes)
    for roi in (Roi(37, -200, 301, 90), Roi(500, -LEFT_PX, 720, -10)):
        tile = stack.render([plan], base, oracles.who(), roi)
        assert np.array_equal(tile, whole[roi.shifted(0, LEFT_PX).within(Roi.of(Extent(*whole.shape[:2])))])
    magenta = SRGB.encode(np.float32([[(0.35, 0.02, 0.30)]]), 16)[0, 0] / 65535
    for request in oracle.requests:
        assert np.abs(request.context - magenta).sum(axis=2).min() > 0.3
        assert request.edit_mask[request.taken_out].max(initial=0) == 0


def only_later(fault: Fault) -> Fault:
    return lambda made, request: made if request.strength > 0.9 else fault(made, request)


def not_a_number(made: Shown, request: EngineRequest) -> Shown:
    return np.full_like(made, np.nan)


def a_fence(made: Shown, request: EngineRequest) -> Shown:
    out = made.copy()
    for x in range(0, made.shape[1], 12):
        out[:, x : x + 6] *= 0.75
    return out


@pytest.mark.parametrize("fault", [not_a_number, a_fence])
def test_one_that_is_not_fit_leaves_the_first(base: Frame, once: Plan, fault: Fault) -> None:
    plan, _ = planned(base, only_later(fault))
    assert any("a second pass was not used" in note for note in plan.notes), plan.notes
    assert plan.body == once.body


def test_colours_that_it_shifts_are_undone(base: Frame, twice: tuple[Plan, Oracle]) -> None:
    shifted, _ = planned(base, only_later(lambda made, _: made + np.float32([0.04, -0.02, 0.03])))
    assert abs(apart(rendered(shifted, base)) - apart(rendered(twice[0], base))) < 0.15


def test_an_engine_without_strength_is_asked_once_and_says_so(base: Frame, once: Plan) -> None:
    plan, oracle = planned(base, able=Capabilities(True, False, 0.02, 8))
    assert len(oracle.requests) == 1 and plan.body == once.body
    assert any("knows no strength" in note for note in plan.notes)


@settings(max_examples=60)
@given(
    high=st.integers(2, 40).map(lambda n: 8 * n),
    wide=st.integers(2, 40).map(lambda n: 8 * n),
    parts=st.integers(2, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_tiles_cover_the_region_within_the_window(high: int, wide: int, parts: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells = Extent(high * parts, wide * parts)
    y, x = np.sort(rng.integers(0, cells.height + 1, 2)), np.sort(rng.integers(0, cells.width + 1, 2))
    region = np.zeros((cells.height, cells.width), np.bool_)
    region[y[0] : y[1] + 1, x[0] : x[1] + 1] = True
    if not region.any():
        return
    fine = Step("left", Roi(0, 0, 9, 9), Lattice(-7.5, 3.25, 1.5, cells), Extent(high, wide))
    mass = np.zeros(region.shape, np.float32)
    for tile, weight in refining.tiles(fine, region):
        at = windows.cells_of(tile, fine)
        assert mass[at].shape == weight.shape == (high, wide)
        mass[at] += weight
    assert mass[region].min() > 0
