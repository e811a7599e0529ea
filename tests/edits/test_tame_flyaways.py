"""Stray hairs: found at plan scale, off until a person says so, healed in their own strokes only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from studio_pipeline.edits import stack
from studio_pipeline.edits.base import Given
from studio_pipeline.edits.tame_flyaways import TAME_FLYAWAYS, TameFlyawaysParams
from studio_pipeline.errors import LockedPixelsChanged
from studio_pipeline.geometry import Point, Roi
from studio_pipeline.guards.flyaways import Flyaways
from studio_pipeline.guards.locked_pixels import LockedPixels
from studio_pipeline.pipeline.stages import rendered
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.loose import FAR, body
from studio_pipeline.pixels.masks import Mask, Zone, grow
from studio_pipeline.pixels.metrics import delta_e2000
from studio_pipeline.records.hand import Hand
from studio_pipeline.records.plan import Plan, Tier
from studio_pipeline.records.preset import EditSpec, GuardLimits
from studio_pipeline.records.strands import STRAND, StrandPlan, strokes_on
from studio_pipeline.subject.reading import Reading
from tests.support import flyaways
from tests.support.flyaways import EXTENT, STRANDS, WHOLE


def planned(base: Frame, reading: Reading | None = None, hand: Hand | None = None, **params: float) -> Plan:
    chosen = TameFlyawaysParams.model_validate(params)
    who = flyaways.reading() if reading is None else reading
    return TAME_FLYAWAYS.plan(base, who, chosen, seed=0, given=Given(hand or Hand()))


def square(y0: int, x0: int, y1: int, x1: int) -> Hand:
    return Hand(area=((Point(y0, x0), Point(y0, x1), Point(y1, x1), Point(y1, x0)),))


def differs(one: Codes, other: Codes) -> Mask:
    return np.asarray((one != other).any(axis=2), np.bool_)


def strokes(plan: Plan, scale: float = 1.0) -> Mask:
    out = np.zeros((EXTENT.height, EXTENT.width), np.bool_)
    for stroke in strokes_on(plan, scale):
        part = stroke.roi & WHOLE
        out[part.within(WHOLE)] |= stroke.mask(part)
    return out


@pytest.fixture(scope="module")
def base() -> Frame:
    return flyaways.frame()


@pytest.fixture(scope="module")
def plan(base: Frame) -> Plan:
    return planned(base)


@pytest.fixture(scope="module")
def after(base: Frame, plan: Plan) -> Codes:
    return rendered((plan.without(()),), base, flyaways.reading())[0]


def test_every_strand_is_found_and_every_one_is_off(base: Frame, plan: Plan) -> None:
    assert plan.tier is Tier.BOUNDED_RETOUCH and plan.changes and not plan.refusals
    assert len(plan.items) == len(STRANDS) and {item.kind for item in plan.items} == {STRAND}
    assert set(plan.off) == {item.id for item in plan.items}
    assert np.array_equal(stack.render((plan,), base, flyaways.reading(), WHOLE), base.codes)


def test_strands_become_the_backdrop_behind_them(base: Frame, plan: Plan, after: Codes) -> None:
    clean = flyaways.frame(strands=False)
    alone = (flyaways.coverage() > 0.3) & ~body(flyaways.reading().matte, 2 * FAR)
    apart = delta_e2000(base.encoding.decode(after), clean.linear())
    assert strokes(plan.without(()))[alone].mean() > 0.95
    assert np.median(delta_e2000(base.linear(), clean.linear())[alone]) > 12
    assert np.median(apart[alone]) < 2.0  # grain on either side: 1.2


def test_nothing_else_changes_and_no_pixel_of_the_body(base: Frame, plan: Plan, after: Codes) -> None:
    changed = differs(after, base.codes)
    assert changed.any() and not (changed & ~strokes(plan.without(()))).any()
    assert not (changed & body(flyaways.reading().matte)).any()
    assert not (changed & grow(flyaways.body(), 2)).any()
    assert (flyaways.reading().zones[changed] == Zone.EDGE).any()


def test_one_switch_takes_one_strand(base: Frame, plan: Plan) -> None:
    first, *others = [item.id for item in plan.items]
    one = plan.without(others)
    changed = differs(stack.render((one,), base, flyaways.reading(), WHOLE), base.codes)
    place = next(item.roi for item in plan.items if item.id == first)
    y, x = np.nonzero(changed)
    assert place.contains(Roi(int(y.min()), int(x.min()), int(y.max()) + 1, int(x.max()) + 1))


def test_tiles_agree_with_the_whole(base: Frame, plan: Plan, after: Codes) -> None:
    on = plan.without(())
    for tile in (Roi(100, 120, 233, 260), Roi(233, 120, 300, 260), Roi(150, 400, 151, 470)):
        part = stack.render((on,), base, flyaways.reading(), tile)
        assert np.array_equal(part, after[tile.within(WHOLE)])


def test_a_plan_of_the_proxy_holds_on_the_master() -> None:
    master, who = flyaways.frame(2), flyaways.reading(2)
    half = master.at_scale(0.5)
    on = planned(half, who).without(())
    assert len(on.on) == len(STRANDS)
    codes, finished = rendered((on,), master, who)
    figures = Flyaways().check(finished, GuardLimits(), lambda *_: 0)
    assert len(figures) == 5 and all(figure.passed for figure in figures)
    clean = flyaways.frame(2, strands=False)
    alone = (flyaways.coverage(2) > 0.3) & ~np.repeat(np.repeat(body(who.matte, 2 * FAR), 2, 0), 2, 1)
    assert np.median(delta_e2000(master.encoding.decode(codes), clean.linear())[alone]) < 2.0


@pytest.mark.parametrize("to", ["the hair's body", "its margin", "the lock"])
def test_a_stroke_that_reaches_too_far_is_stopped_at_the_gate(base: Frame, plan: Plan, to: str) -> None:
    """As a plan would say that nobody measured."""
    x = {"the hair's body": 300.0, "its margin": 403.0, "the lock": 280.0}[to]
    strands = StrandPlan.model_validate(plan.body).strands
    row = next(row for row in strands if row.offset is not None)
    forged = row.model_copy(update={"points": ((370.0, x), (370.0, 430.0)), "offset": Point(-330, 0)})
    body_ = StrandPlan(strands=(forged,)).model_dump(mode="json")
    wrong = plan.model_copy(update={"body": body_, "off": ()})
    with pytest.raises(LockedPixelsChanged):
        stack.render((wrong,), base, flyaways.reading(), WHOLE)


def test_with_the_backdrop_exchanged_what_was_freed_gets_all_of_the_new_light(plan: Plan) -> None:
    base, who = flyaways.frame(), flyaways.reading()
    spec = EditSpec(name="match_backdrop", params={"to": "colour", "colour": "#3060a0"})
    (match,) = stack.plan_all(base, who, [spec])
    assert match.changes, match.refusals
    on = plan.without(())
    codes, finished = rendered((on, match), base, who)
    (locked,) = LockedPixels().check(finished, GuardLimits(), lambda *_: 0)
    assert locked.value == 0
    clean = flyaways.frame(strands=False)
    want = rendered((match,), clean, who)[0]
    alone = (flyaways.coverage() > 0.3) & ~body(who.matte, 2 * FAR)
    apart = delta_e2000(base.encoding.decode(codes), base.encoding.decode(want))
    assert np.median(apart[alone]) < 3.0
    y, x = np.argwhere((who.zones == Zone.EDGE) & ~grow(strokes(on), 2))[500]
    finished.after[y, x] ^= 1
    assert LockedPixels().check(finished, GuardLimits(), lambda *_: 0)[0].value == 1


def test_the_hand_chooses_and_spares(base: Frame) -> None:
    one = planned(base, hand=square(90, 130, 200, 190))
    assert len(one.items) == 1
    spared = planned(base, hand=Hand(spare=square(90, 130, 215, 190).area)).without(())
    assert len(spared.items) == len(STRANDS) - 1 or not strokes(spared)[90:215, 130:190].any()
    nothing = planned(base, hand=square(20, 20, 60, 60))
    assert not nothing.changes and nothing.notes[-1].startswith("no stray hair was found in the area")


def test_what_is_refused(base: Frame) -> None:
    def reason(plan: Plan) -> str:
        assert not plan.changes
        return plan.refusals[0].reason

    assert reason(planned(base, flyaways.reading(faces=False))).startswith("no face is in sight")
    small = base.at_scale(0.5)
    assert reason(planned(small)).startswith("the picture is too small")
    locked = replace(flyaways.reading(), zones=np.full_like(flyaways.reading().zones, Zone.LOCKED))
    assert reason(planned(base, locked)) == "no backdrop is in sight"


def test_a_backdrop_with_lines_of_its_own_is_refused() -> None:
    y, x = np.mgrid[: EXTENT.height, : EXTENT.width]
    joints = ((y % 24 < 1.5) | ((x + 12 * (y // 24 % 2)) % 40 < 1.5)).astype(np.float32)[..., None]
    brick = np.asarray(flyaways.backdrop() * (1 - 0.5 * joints), np.float32)
    plan = planned(flyaways.frame(behind=brick))
    assert not plan.changes


def test_without_strands_there_is_nothing() -> None:
    plan = planned(flyaways.frame(strands=False))
    assert not plan.changes and not plan.items


def test_no_more_than_were_asked_for(base: Frame) -> None:
    plan = planned(base, max_count=2)
    assert len(plan.items) == 2 and any("only the strongest 2" in note for note in plan.notes)
