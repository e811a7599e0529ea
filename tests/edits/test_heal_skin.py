"""Healing on skin: found at plan scale, off until a person says so, the same pixels in any tile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from studio_pipeline.edits import stack
from studio_pipeline.edits.base import Given
from studio_pipeline.edits.heal_skin import HEAL_SKIN, HealSkinParams
from studio_pipeline.geometry import Point, Roi
from studio_pipeline.guards.retouch import Retouch
from studio_pipeline.pipeline.stages import rendered
from studio_pipeline.pixels import metrics
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.hand import Hand
from studio_pipeline.records.plan import Plan, Tier
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.retouch import BLEMISH, LASTING, RADIUS_MAX, SHARE_MAX, SkinPlan, SkinSpot
from studio_pipeline.subject.marks import place_on
from tests.support.canvases import no_faces
from tests.support.skin import (
    BROWN,
    EXTENT,
    FACE,
    FAIR,
    Spot,
    frame,
    open_skin,
    pair,
    reading,
    skin,
    with_spots,
)

BLEMISHES = [Spot(140, 150), Spot(250, 230, 3.0, 0.6), Spot(300, 170, 3.8, 0.4)]
MOLE = Spot(200, 190, 3.5, 0.8, BROWN)
WHOLE = Roi.of(EXTENT)


def planned(base: Frame, given: Given | None = None, **params: float) -> Plan:
    chosen = HealSkinParams.model_validate(params)
    return HEAL_SKIN.plan(base, reading(), chosen, seed=0, given=given or Given())


def spots(plan: Plan) -> tuple[SkinSpot, ...]:
    return SkinPlan.model_validate(plan.body).spots


def at(plan: Plan, spot: Spot) -> SkinSpot:
    (one,) = [s for s in spots(plan) if np.hypot(s.centre.y - spot.y, s.centre.x - spot.x) < 3]
    return one


def all_blemishes_on(plan: Plan) -> Plan:
    return plan.without([item.id for item in plan.items if item.kind == LASTING])


@pytest.fixture(scope="module")
def clean() -> Frame:
    return frame(skin())


@pytest.fixture(scope="module")
def base() -> Frame:
    return frame(with_spots(skin(), [*BLEMISHES, MOLE]))


@pytest.fixture(scope="module")
def plan(base: Frame) -> Plan:
    return planned(base)


def test_every_spot_is_an_item_and_every_one_waits_for_a_person(plan: Plan, base: Frame) -> None:
    assert plan.tier is Tier.BOUNDED_RETOUCH and plan.changes
    assert plan.off == tuple(item.id for item in plan.items) and plan.on == ()
    assert sorted(item.kind for item in plan.items) == [BLEMISH] * 3 + [LASTING]
    assert at(plan, MOLE).mark and not any(at(plan, spot).mark for spot in BLEMISHES)
    assert np.array_equal(stack.render([plan], base, reading(), WHOLE), base.codes)


def test_what_is_healed_is_like_skin_that_never_had_it(plan: Plan, base: Frame, clean: Frame) -> None:
    codes = stack.render([all_blemishes_on(plan)], base, reading(), WHOLE)
    apart = metrics.delta_e2000(base.encoding.decode(codes), clean.linear())
    for spot in BLEMISHES:
        healed = at(plan, spot).disc(1.0).mask(WHOLE)
        assert apart[healed].mean() <= 2


def test_only_discs_of_spots_that_are_on_change_and_only_on_open_skin(plan: Plan, base: Frame) -> None:
    on = all_blemishes_on(plan)
    changed = (stack.render([on], base, reading(), WHOLE) != base.codes).any(axis=2)
    allowed = np.zeros(changed.shape, np.bool_)
    for spot in SkinPlan.model_validate(on.body).on(on.off):
        allowed |= spot.disc(1.0).mask(WHOLE)
    assert changed.any() and not (changed & ~allowed).any() and not (changed & ~open_skin()).any()
    assert not changed[at(plan, MOLE).disc(1.0).mask(WHOLE)].any()


def test_a_person_can_unlock_a_mark(plan: Plan, base: Frame) -> None:
    mole = at(plan, MOLE)
    unlocked = plan.without([item.id for item in plan.items if item.id != mole.id])
    changed = (stack.render([unlocked], base, reading(), WHOLE) != base.codes).any(axis=2)
    assert changed[mole.disc(1.0).mask(WHOLE)].any()


def test_tiles_agree_with_the_whole(plan: Plan, base: Frame) -> None:
    on = all_blemishes_on(plan)
    whole = HEAL_SKIN.render(on, base, WHOLE)
    for tile in WHOLE.tiles(97):
        part = HEAL_SKIN.render(on, base, tile)
        where = tile.within(WHOLE)
        assert np.array_equal(part.mask, whole.mask[where])
        assert np.array_equal(part.linear[part.mask], whole.linear[where][part.mask])


def test_proxy_and_master_agree(base: Frame) -> None:
    codes = np.repeat(np.repeat(base.codes, 2, 0), 2, 1)
    master = Frame(codes, base.encoding, np.zeros(codes.shape[:2], np.bool_))
    who = reading(scale=2)
    on = all_blemishes_on(HEAL_SKIN.plan(master.at_scale(0.5), who, HealSkinParams(), seed=0))
    assert len(on.on) == len(BLEMISHES)
    large = stack.render([on], master, who, master.roi)
    small = stack.render([on], master.at_scale(0.5), who, Roi.of(EXTENT))
    linear = [base.encoding.decode(part) for part in (large[::2, ::2], small)]
    area = np.zeros((EXTENT.height, EXTENT.width), np.bool_)
    for spot in SkinPlan.model_validate(on.body).on(on.off):
        area |= spot.disc(0.5).mask(Roi.of(EXTENT))
    assert metrics.delta_e2000(*linear)[area].mean() <= 1


def test_limits_hold_whatever_is_asked(base: Frame) -> None:
    many = [Spot(*place, 3.0, 0.5) for place in np.argwhere(open_skin())[400::1400]]
    for plan in (planned(base, sensitivity=2.0), planned(frame(with_spots(skin(), many)))):
        area = sum(np.pi * spot.radius_px**2 for spot in spots(plan))
        assert area <= SHARE_MAX * np.count_nonzero(open_skin())
        assert all(spot.radius_px <= RADIUS_MAX * FACE.extent.height for spot in spots(plan))


def test_a_mark_of_another_frame_locks_the_same_place(base: Frame) -> None:
    (face,) = reading().record.faces
    known = place_on(face, BLEMISHES[0].y + 3, BLEMISHES[0].x - 2)
    assert known is not None
    plan = planned(base, Given(marks=(known,)))
    assert at(plan, BLEMISHES[0]).mark and not at(plan, BLEMISHES[1]).mark
    assert {item.kind for item in plan.items if item.id == at(plan, BLEMISHES[0]).id} == {LASTING}


def test_by_hand(base: Frame, plan: Plan) -> None:
    around = (Point(120, 130), Point(120, 170), Point(160, 170), Point(160, 130))
    only = planned(base, Given(Hand(area=(around,))))
    assert {spot.id for spot in spots(only)} == {at(plan, BLEMISHES[0]).id}
    spared = planned(base, Given(Hand(spare=(around,))))
    assert at(plan, BLEMISHES[0]).id not in {spot.id for spot in spots(spared)}
    again = planned(base, Given(Hand(tries=1)))
    assert at(again, BLEMISHES[1]).offset != at(plan, BLEMISHES[1]).offset


def test_refusals_and_notes(base: Frame) -> None:
    locked = HEAL_SKIN.plan(base, reading(healable=False), HealSkinParams(), seed=0)
    assert not locked.changes and locked.refusals[0].where == "whole edit"
    small = HEAL_SKIN.plan(base, reading(face=Roi(120, 130, 280, 250)), HealSkinParams(), seed=0)
    assert not small.changes and "too small" in small.notes[0]


def test_what_is_locked_at_the_master_is_never_written(base: Frame, plan: Plan) -> None:
    who = reading()
    zones = np.where(who.zones == Zone.HEALABLE, np.uint8(Zone.LOCKED), who.zones)
    with pytest.raises(Exception, match="heal_skin"):
        stack.render([all_blemishes_on(plan)], base, replace(who, zones=zones), WHOLE)


@pytest.fixture(scope="module")
def crowded() -> Frame:
    places = ((120, 160), (140, 220), (200, 150), (220, 230), (270, 190), (170, 190))
    pairs = []
    for k, (y, x) in enumerate(places):
        turn = 0.4 + 1.1 * k
        beside = Spot(y + 5.6 * np.sin(turn), x + 5.6 * np.cos(turn), 3.0, 0.9, BROWN)
        pairs += [Spot(y, x, 3.5, 0.5), beside]
    return frame(with_spots(skin(), pairs))


class TestNeighbours:
    """Blemishes that touch brown marks: whether those are items or not, the heals are the same."""

    def test_marks_that_are_too_many_to_be_listed_change_no_heal(self, crowded: Frame) -> None:
        listed, unlisted = planned(crowded), planned(crowded, max_marks=0)
        assert not any(spot.mark for spot in spots(unlisted)) and any(spot.mark for spot in spots(listed))
        assert [s for s in spots(listed) if not s.mark] == list(spots(unlisted))
        codes = [
            stack.render([all_blemishes_on(one)], crowded, reading(), WHOLE) for one in (listed, unlisted)
        ]
        assert (codes[0] == codes[1]).all() and (codes[0] != crowded.codes).any()

    def test_no_pixel_of_a_mark_that_is_off_is_healed(self, crowded: Frame) -> None:
        plan = planned(crowded)
        codes = stack.render([all_blemishes_on(plan)], crowded, reading(), WHOLE)
        marks = np.any([s.disc(1).mask(WHOLE) for s in spots(plan) if s.mark], axis=0)
        discs = np.any([s.disc(1).mask(WHOLE) for s in spots(plan) if not s.mark], axis=0)
        assert (marks & discs).any()
        assert (codes[marks] == crowded.codes[marks]).all()

    def test_an_area_by_hand_beside_a_mark(self, crowded: Frame) -> None:
        """The mark lies outside the area: it is no item, and still known."""
        area = ((Point(112, 152), Point(112, 164), Point(128, 164), Point(128, 152)),)
        plan = planned(crowded, Given(Hand(area=area)))
        body = SkinPlan.model_validate(plan.body)
        assert len(body.spots) == 1 and body.left


class TestCheekToCheek:
    LARGE, SMALL = Roi(60, 20, 500, 360), Roi(300, 340, 480, 480)

    def test_each_spot_is_listed_once_and_judged_by_its_own_face(self) -> None:
        """Legal on the adult's face, it would be half again too large on the child's."""
        base, who = pair(
            [(self.LARGE, FAIR), (self.SMALL, FAIR)],
            [Spot(280, 200, 6.0), Spot(300, 320, 6.0), Spot(390, 410, 2.4, 0.6)],
        )
        plan = HEAL_SKIN.plan(base, who, HealSkinParams(), seed=0)
        ids = [item.id for item in plan.items]
        assert len(ids) == len(set(ids)) == 3
        _, finished = rendered((plan.without(()),), base, who)
        assert [g for g in Retouch().check(finished, GuardLimits(), no_faces) if not g.passed] == []
