"""Lint on clothes: only on what is surely plain cloth, off until a person says so, the same in any tile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from studio_pipeline.edits import stack
from studio_pipeline.edits.base import Given
from studio_pipeline.edits.heal_lint import HEAL_LINT, HealLintParams
from studio_pipeline.errors import LockedPixelsChanged
from studio_pipeline.geometry import Point, Roi
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.pixels.metrics import delta_e2000
from studio_pipeline.records.hand import Hand
from studio_pipeline.records.lint import LINT, RADIUS_MAX, LintPlan
from studio_pipeline.records.plan import Plan, Tier
from studio_pipeline.records.spots import Spot
from tests.support.clothes import EXTENT, FACE, HAND, LOCK, Speck, frame, jacket, reading, with_lint

WHOLE = Roi.of(EXTENT)
SPECKS = [Speck(400, 100), Speck(520, 250, 1.8), Speck(455, 200, 2.0)]


def planned(base: Frame, given: Given | None = None, **params: float) -> Plan:
    return HEAL_LINT.plan(base, reading(), HealLintParams.model_validate(params), 0, given or Given())


def spots(plan: Plan) -> tuple[Spot, ...]:
    return LintPlan.model_validate(plan.body).spots


def is_found(plan: Plan, speck: Speck) -> bool:
    return any(np.hypot(s.centre.y - speck.y, s.centre.x - speck.x) < 2 for s in spots(plan))


@pytest.fixture(scope="module")
def clean() -> Linear:
    return jacket()


@pytest.fixture(scope="module")
def base(clean: Linear) -> Frame:
    return frame(with_lint(clean, SPECKS))


@pytest.fixture(scope="module")
def plan(base: Frame) -> Plan:
    return planned(base)


def test_every_speck_is_an_item_and_waits_for_a_person(plan: Plan, base: Frame, clean: Linear) -> None:
    assert plan.tier is Tier.BOUNDED_RETOUCH and plan.changes and not plan.refusals
    assert len(plan.items) == 3 and all(is_found(plan, speck) for speck in SPECKS)
    assert {item.kind for item in plan.items} == {LINT}
    assert plan.off == tuple(item.id for item in plan.items)
    assert np.array_equal(stack.render([plan], base, reading(), WHOLE), base.codes)
    assert not planned(frame(clean)).items


def test_what_is_healed_is_like_cloth_that_never_had_it(plan: Plan, base: Frame, clean: Linear) -> None:
    codes = stack.render([plan.without(())], base, reading(), WHOLE)
    apart = delta_e2000(base.encoding.decode(codes), clean)
    for spot in spots(plan):
        assert apart[spot.disc(1.0).mask(WHOLE)].mean() <= 2


def test_only_discs_that_are_on_change(plan: Plan, base: Frame) -> None:
    on = plan.without((plan.items[0].id,))
    changed = (stack.render([on], base, reading(), WHOLE) != base.codes).any(axis=2)
    allowed = np.any([s.disc(1.0).mask(WHOLE) for s in spots(plan) if s.id not in on.off], axis=0)
    assert changed.any() and not (changed & ~allowed).any()
    assert (reading().zones[changed] == Zone.LOCKED).all()


def test_tiles_agree_with_the_whole(plan: Plan, base: Frame) -> None:
    on = plan.without(())
    whole = stack.render([on], base, reading(), WHOLE)
    for tile in WHOLE.tiles(131):
        assert np.array_equal(stack.render([on], base, reading(), tile), whole[tile.within(WHOLE)])


def test_proxy_and_master_agree(base: Frame) -> None:
    codes = np.repeat(np.repeat(base.codes, 2, 0), 2, 1)
    master, who = Frame(codes, base.encoding, np.zeros(codes.shape[:2], np.bool_)), reading(scale=2)
    on = HEAL_LINT.plan(master.at_scale(0.5), who, HealLintParams(), 0).without(())
    assert len(on.items) == 3
    large = stack.render([on], master, who, master.roi)
    small = stack.render([on], master.at_scale(0.5), who, WHOLE)
    area = np.any([s.disc(0.5).mask(WHOLE) for s in spots(on)], axis=0)
    linear = [base.encoding.decode(np.ascontiguousarray(part)) for part in (large[::2, ::2], small)]
    assert (large != master.codes).any() and delta_e2000(*linear)[area].mean() <= 1


@pytest.mark.parametrize(
    "speck",
    [
        Speck(520, 90, 2.2, (0.1, 0.03, 0.02), 0.8),  # on a hand: a mole
        Speck(360, 300),  # on a lock of hair
        Speck(290, 200),  # on the neck
        Speck(30, 200),  # on the head
        Speck(350, 36),  # at the silhouette
        Speck(430, 220, 9, cover=0.6),  # larger than lint: a button
        Speck(430, 220, 2.2, (1, 1, 1), 1.0),  # it shines: a stud
    ],
)
def test_what_is_left(speck: Speck, clean: Linear) -> None:
    assert not planned(frame(with_lint(clean, [speck]))).items


def test_buttons_in_a_row_are_left_and_lint_beside_them_is_not(clean: Linear) -> None:
    row = [Speck(360 + 60 * k, 200, 2.4) for k in range(4)]
    plan = planned(frame(with_lint(clean, [*row, SPECKS[0]])))
    assert is_found(plan, SPECKS[0]) and not any(is_found(plan, one) for one in row)
    assert "in a row" in plan.notes[0]


def test_cloth_of_the_colour_of_skin_and_patterns_are_left(clean: Linear) -> None:
    beige = with_lint(jacket(cloth=(0.25, 0.16, 0.12)), SPECKS)
    striped = with_lint(clean, SPECKS)
    striped[240:, 30:370][:, ::12] *= 3
    for linear in (beige, striped):
        refused = planned(frame(linear))
        assert not refused.changes and "neither skin, hair nor pattern" in refused.refusals[0].reason


def test_refusals(base: Frame) -> None:
    unknown = HEAL_LINT.plan(base, reading(open_skin=False), HealLintParams(), 0)
    assert "no open skin" in unknown.refusals[0].reason and not unknown.changes
    far = HEAL_LINT.plan(base, reading(roi=Roi(100, 150, 190, 230)), HealLintParams(), 0)
    assert "too small" in far.refusals[0].reason
    nobody = replace(reading(), record=reading().record.model_copy(update={"faces": ()}))
    assert "no face" in HEAL_LINT.plan(base, nobody, HealLintParams(), 0).refusals[0].reason


def test_by_hand(base: Frame, plan: Plan) -> None:
    around = (Point(380, 80), Point(380, 120), Point(420, 120), Point(420, 80))
    only, spared = planned(base, Given(Hand(area=(around,)))), planned(base, Given(Hand(spare=(around,))))
    assert is_found(only, SPECKS[0]) and not is_found(only, SPECKS[1])
    assert not is_found(spared, SPECKS[0]) and is_found(spared, SPECKS[1])
    again = planned(base, Given(Hand(tries=1)))
    assert {s.offset for s in spots(again)} != {s.offset for s in spots(plan)}


def forged(plan: Plan, **update: object) -> Plan:
    body = LintPlan.model_validate(plan.body)
    first = body.spots[0].model_copy(update=update)
    body = body.model_copy(update={"spots": (first,)})
    return plan.model_copy(update={"body": body.model_dump(mode="json")}).without(())


@pytest.mark.parametrize(
    "update",
    [
        {"centre": Point(140, 200)},  # the face
        {"centre": Point(250, 200)},  # under the chin
        {"centre": Point(400, 33)},  # the silhouette's rim
        {"radius_px": RADIUS_MAX * FACE.extent.height + 1},
    ],
)
def test_a_forged_plan_is_stopped_at_the_gate(plan: Plan, base: Frame, update: dict[str, object]) -> None:
    with pytest.raises(LockedPixelsChanged):
        stack.render([forged(plan, offset=Point(0, 30), **update)], base, reading(), WHOLE)


def test_the_support_has_what_is_to_be_told(clean: Linear) -> None:
    assert clean[HAND].mean() > 0.3 and clean[LOCK].mean() < 0.05
