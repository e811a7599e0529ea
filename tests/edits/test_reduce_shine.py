"""Shine on skin: its light is lowered smoothly, on open skin only, each place by a person's word."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from studio_pipeline.edits import stack
from studio_pipeline.edits.base import Given
from studio_pipeline.edits.heal_skin import HEAL_SKIN, HealSkinParams
from studio_pipeline.edits.reduce_shine import REDUCE_SHINE, ReduceShineParams
from studio_pipeline.geometry import Point, Roi
from studio_pipeline.guards import check_all
from studio_pipeline.guards.base import Rendered
from studio_pipeline.guards.shine import ShineLimits
from studio_pipeline.pipeline.stages import rendered
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.metrics import delta_e2000, tone
from studio_pipeline.records.hand import Hand
from studio_pipeline.records.plan import Plan, Tier
from studio_pipeline.records.preset import GuardLimits
from tests.support.canvases import no_faces
from tests.support.skin import EXTENT, FACE, FAIR, Spot, frame, open_skin, pair, reading, skin, with_spots

WHOLE = Roi.of(EXTENT)
DARK = (0.08, 0.045, 0.03)
PLACES = ((150, 190), (260, 240))


def shining(linear: Linear, strength: float = 0.75) -> Linear:
    """White light on top of the skin's own, as specular light lies: on the forehead, and on a cheek."""
    y, x = np.ogrid[: EXTENT.height, : EXTENT.width]
    out = linear.copy()
    for cy, cx in PLACES:
        gloss = np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * 16.0**2))
        out += (strength * gloss[..., None] * linear.mean(axis=(0, 1)).max()).astype(np.float32)
    return out


def planned(base: Frame, given: Given | None = None, **params: float) -> Plan:
    return REDUCE_SHINE.plan(base, reading(), ReduceShineParams.model_validate(params), 0, given or Given())


def figures(plan: Plan, base: Frame) -> dict[str, tuple[float, bool]]:
    codes = stack.render([plan], base, reading(), WHOLE)
    canvas = Rendered(
        base.codes, codes, reading().zones, WHOLE, WHOLE, 1.0, base.encoding, [plan], faces=(FACE,)
    )
    return {g.name: (g.value, g.passed) for g in ShineLimits().check(canvas, GuardLimits(), no_faces)}


@pytest.fixture(scope="module")
def base() -> Frame:
    return frame(shining(skin()))


@pytest.fixture(scope="module")
def plan(base: Frame) -> Plan:
    return planned(base)


def test_every_place_waits_for_a_person(plan: Plan, base: Frame) -> None:
    assert plan.tier is Tier.BOUNDED_RETOUCH and len(plan.items) == len(PLACES)
    assert plan.off == tuple(item.id for item in plan.items)
    assert np.array_equal(stack.render([plan], base, reading(), WHOLE), base.codes)


@pytest.mark.parametrize("tone_of_skin", [(0.45, 0.3, 0.22), DARK])
def test_shine_is_lowered_within_the_limits_in_any_tone(tone_of_skin: tuple[float, float, float]) -> None:
    base = frame(shining(skin(tone_of_skin)))
    on = planned(base, above=6).without([])
    assert len(on.on) == len(PLACES)
    after = base.encoding.decode(stack.render([on], base, reading(), WHOLE))
    drop = tone(base.linear()) - tone(after)
    for y, x in PLACES:
        assert drop[y - 3 : y + 4, x - 3 : x + 4].mean() > 1.5
    assert all(passed for _, passed in figures(on, base).values())


def test_nothing_outside_open_skin_changes_and_no_edge_is_left(plan: Plan, base: Frame) -> None:
    codes = stack.render([plan.without([])], base, reading(), WHOLE)
    assert not ((codes != base.codes).any(axis=2) & ~open_skin()).any()
    lowered = tone(base.linear()) - tone(base.encoding.decode(codes))
    steps = np.abs(np.diff(lowered, axis=1))
    assert steps.max() < 1.0


def test_a_place_can_be_left_out(plan: Plan, base: Frame) -> None:
    one = plan.without([plan.items[0].id])
    changed = (stack.render([one], base, reading(), WHOLE) != base.codes).any(axis=2)
    assert (
        not changed[plan.items[0].roi.within(WHOLE)].all() and changed[plan.items[1].roi.within(WHOLE)].any()
    )


def test_skin_that_does_not_shine_is_left() -> None:
    plan = planned(frame(skin()))
    assert not plan.changes and not plan.refusals


def test_tiles_agree_with_the_whole(plan: Plan, base: Frame) -> None:
    on = plan.without([])
    whole = REDUCE_SHINE.render(on, base, WHOLE)
    for tile in WHOLE.tiles(101):
        part = REDUCE_SHINE.render(on, base, tile)
        assert np.array_equal(part.linear, whole.linear[tile.within(WHOLE)])


def test_proxy_and_master_agree(base: Frame) -> None:
    codes = np.repeat(np.repeat(base.codes, 2, 0), 2, 1)
    master = Frame(codes, base.encoding, np.zeros(codes.shape[:2], np.bool_))
    who = reading(scale=2)
    on = REDUCE_SHINE.plan(master.at_scale(0.5), who, ReduceShineParams(), 0).without([])
    large = stack.render([on], master, who, master.roi)[::2, ::2]
    small = stack.render([on], master.at_scale(0.5), who, WHOLE)
    assert delta_e2000(*(base.encoding.decode(part) for part in (large, small))).mean() <= 1


def test_burned_out_shine_is_left_with_a_note() -> None:
    base = frame(shining(skin()))
    burned = replace(base, clipped=np.ones(base.clipped.shape, np.bool_))
    plan = planned(burned)
    assert not plan.changes and "burned out" in plan.notes[0]


def test_by_hand_and_refusal(base: Frame, plan: Plan) -> None:
    around = (Point(120, 150), Point(120, 230), Point(190, 230), Point(190, 150))
    assert len(planned(base, Given(Hand(area=(around,)))).items) == 1
    assert len(planned(base, Given(Hand(spare=(around,)))).items) == 1
    locked = REDUCE_SHINE.plan(base, reading(healable=False), ReduceShineParams(), 0)
    assert not locked.changes and locked.refusals[0].where == "whole edit"


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("shine_chroma", (0.9, 0.6, 0.6)),
        ("shine_texture", (0.3, 0.3, 0.3)),
        ("shine_brighter", (1.2, 1.2, 1.2)),
    ],
)
def test_the_guard_holds_each_limit(
    name: str, factor: tuple[float, float, float], plan: Plan, base: Frame
) -> None:
    on = plan.without([])
    light = base.linear() * np.array(factor, np.float32)
    after = base.codes.copy()
    after[open_skin()] = base.encoding.encode(light, 16)[open_skin()]
    canvas = Rendered(
        base.codes, after, reading().zones, WHOLE, WHOLE, 1.0, base.encoding, [on], faces=(FACE,)
    )
    found = {g.name: g for g in ShineLimits().check(canvas, GuardLimits(), no_faces)}
    assert not found[name].passed and found[name].edit == on.edit


@pytest.mark.parametrize("skin_tone", [FAIR, (0.2, 0.12, 0.08), (0.07, 0.04, 0.03)])
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_a_blemish_in_a_shining_place_passes_with_both_edits_on(
    skin_tone: tuple[float, float, float], strength: float
) -> None:
    """Each guard answers for its own edit: what the other one does there is no fault of it."""
    spots = [Spot(142, 193, amount=0.6), Spot(155, 180, amount=0.6), Spot(260, 190)]
    base, who = frame(with_spots(shining(skin(skin_tone), 0.6), spots)), reading()
    heal = HEAL_SKIN.plan(base, who, HealSkinParams(), 0)
    lower = planned(base, strength=strength)
    place = Roi(120, 160, 180, 220)
    assert any(not (item.roi & place).empty for item in heal.items) and lower.items
    _, finished = rendered((heal.without(()), lower.without(())), base, who)
    assert [g for g in check_all(finished, GuardLimits(), no_faces) if not g.passed] == []


def test_a_pale_cheek_beside_a_dark_face_does_not_shine() -> None:
    """The ceiling is of the face that the skin belongs to."""
    base, who = pair([(Roi(60, 20, 460, 360), DARK), (Roi(80, 340, 460, 680), FAIR)], [])
    assert REDUCE_SHINE.plan(base, who, ReduceShineParams(), 0).items == ()
