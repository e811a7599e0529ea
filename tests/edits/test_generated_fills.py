"""Bounded fills inside the frame by a model, shown with an oracle: what stands on the set gives way to it."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from studio_pipeline.edits import stack
from studio_pipeline.edits.base import Given
from studio_pipeline.edits.clean_backdrop import CLEAN_BACKDROP, CleanBackdropParams
from studio_pipeline.geometry import Point, Roi
from studio_pipeline.pixels import metrics
from studio_pipeline.pixels.frame import Frame, clipped_in_file, plan_scale
from studio_pipeline.records.hand import Hand
from studio_pipeline.records.plan import Plan
from tests.support import oracles
from tests.support.backdrops import SRGB
from tests.support.oracles import AROUND, SITTER, WHOLE, Fault, Oracle, chooser, watched

STAND = Roi(300, 150, 560, 190)
DRAWN = tuple(Point(y, x) for y, x in ((290, 140), (290, 200), (570, 200), (570, 140)))


@pytest.fixture(scope="module")
def base() -> Frame:
    """The oracles' room with a light stand before its wall."""
    linear = oracles.truth()[WHOLE.within(AROUND)].copy()
    linear[SITTER.within(WHOLE)] = (0.35, 0.02, 0.30)
    linear[STAND.within(WHOLE)] = 0.02
    codes = SRGB.encode(linear, 16)
    return Frame(codes, SRGB, clipped_in_file(codes))


def planned(base: Frame, oracle: Oracle | None, **params: object) -> Plan:
    small = base.at_scale(plan_scale(base.extent))
    only = dict.fromkeys(("dust", "lint", "scuffs", "creases"), False)
    wanted = CleanBackdropParams.model_validate({**only, "generative": "structured", **params})
    hand = Hand(area=(DRAWN,))
    return CLEAN_BACKDROP.plan(small, oracles.who(), wanted, 1, Given(hand, engine=chooser(oracle)))


def made(base: Frame, fault: Fault = lambda made, request: made) -> tuple[Plan, Oracle]:
    with watched(Oracle(fault)) as oracle:
        return planned(base, oracle), oracle


@pytest.fixture(scope="module")
def right(base: Frame) -> Plan:
    return made(base)[0]


def test_the_set_is_back_where_the_stand_was(base: Frame, right: Plan) -> None:
    assert right.engine == "oracle" and right.made_by is not None, right.notes
    after = stack.render([right], base, oracles.who(), WHOLE)
    truth = SRGB.encode(oracles.truth()[WHOLE.within(AROUND)], 16)
    inner = np.s_[300:560, 150:190]
    ours, theirs = (cv2.GaussianBlur(SRGB.decode(codes), (0, 0), 2.0)[inner] for codes in (after, truth))
    assert metrics.delta_e2000(ours, theirs).mean() < 1.5
    plain = np.s_[300:400, 174:190]
    before, now = (
        metrics.high_frequency_energy(metrics.tone(SRGB.decode(codes[plain]))) for codes in (truth, after)
    )
    assert 0.8 < now / before < 1.2


def test_nothing_else_changes_and_tiles_agree(base: Frame, right: Plan) -> None:
    after = stack.render([right], base, oracles.who(), WHOLE)
    outside = np.ones(after.shape[:2], np.bool_)
    outside[285:575, 135:205] = False
    assert np.array_equal(after[outside], base.codes[outside])
    for roi in (Roi(310, 100, 420, 170), Roi(400, 160, 600, 400)):
        assert np.array_equal(stack.render([right], base, oracles.who(), roi), after[roi.within(WHOLE)])


def test_it_is_a_record_and_says_how_much_it_made(right: Plan) -> None:
    assert Plan.model_validate(json.loads(right.model_dump_json())).digest() == right.digest()
    assert 0.8 * 280 * 60 < right.generated_px < 1.2 * 280 * 60
    assert right.without({item.id for item in right.items}).generated_px == 0
    assert any("of the picture is generated" in note for note in right.notes)


def test_nobody_is_in_what_the_model_is_shown(base: Frame) -> None:
    _, oracle = made(base)
    (request,) = oracle.requests
    magenta = SRGB.encode(np.float32([[(0.35, 0.02, 0.30)]]), 16)[0, 0] / 65535
    assert np.abs(request.context - magenta).sum(axis=2).min() > 0.3
    assert request.edit_mask.max() == 1 and request.edit_mask[request.taken_out].max(initial=0) == 0
    assert len(request.lines), "shelves run through"


def test_a_fault_leaves_the_classical_fill(base: Frame) -> None:
    plan, _ = made(base, lambda made, request: np.full_like(made, np.nan))
    never = planned(base, None, generative="never")
    assert plan.engine == "classical" and plan.body == never.body
    assert any("no numbers" in note for note in plan.notes)
