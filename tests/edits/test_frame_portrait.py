import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from studio_pipeline.edits import heads, stack
from studio_pipeline.edits.base import Given
from studio_pipeline.edits.frame_portrait import FRAME_PORTRAIT, FrameParams
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels import metrics
from studio_pipeline.pixels.frame import plan_scale
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.hand import Hand
from studio_pipeline.records.plan import Plan, Tier
from studio_pipeline.records.preset import EditSpec
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.reading import Reading
from tests.support.backdrops import EXTENT, SITTER, WHOLE, picture, reading

BASE = picture()
SMALL = BASE.at_scale(plan_scale(BASE.extent))
EYES_Y, EYES_X, CROWN, CHIN = 165.5, 290.5, 110, 216
FACE = Face(
    roi=Roi(150, 255, 222, 325),
    score=0.9,
    sources=("short-range, whole",),
    eyes=(Point(165, 275), Point(165, 305)),
    chin=Point(215, 290),
)


def who(*faces: Face, sitter: Roi = SITTER, sure: bool = True) -> Reading:
    read = reading(sitter=sitter, sure=sure)
    return replace(read, record=read.record.model_copy(update={"faces": faces}))


HER = who(FACE)
NARROW = who(FACE, sitter=Roi(110, 255, 400, 326))


def planned(read: Reading = HER, hand: Hand | None = None, **params: JsonValue) -> Plan:
    given_to = Given(hand or Hand())
    return FRAME_PORTRAIT.plan(SMALL, read, FrameParams.model_validate(params), 1, given_to)


def canvas(plan: Plan) -> Roi:
    assert plan.changes and plan.canvas is not None
    return plan.canvas


def drawn(y0: int, x0: int, y1: int, x1: int) -> Hand:
    return Hand(area=((Point(y0, x0), Point(y0, x1), Point(y1, x1), Point(y1, x0)),))


class TestHeads:
    def test_crown_chin_and_sides(self) -> None:
        (head,) = heads.find(HER) or []
        assert (head.eyes_y, head.eyes_x, head.chin) == (EYES_Y, EYES_X, CHIN)
        assert head.crown == pytest.approx(CROWN, abs=2)
        assert head.left == pytest.approx(220.5, abs=2) and head.right == pytest.approx(360.5, abs=2)

    def test_what_is_above_is_no_hair(self) -> None:
        """A raised hand, or somebody behind: the head is then as high as heads are."""
        (head,) = heads.find(who(FACE, sitter=Roi(0, 220, 400, 370))) or []
        assert head.crown == pytest.approx(CHIN - 2.1 * (CHIN - EYES_Y))

    def test_a_head_that_the_frame_cuts(self) -> None:
        face = FACE.model_copy(update={"eyes": (Point(40, 275), Point(40, 305)), "chin": Point(90, 290)})
        (head,) = heads.find(who(face, sitter=Roi(0, 220, 400, 370))) or []
        assert head.crown < 0

    def test_without_a_mesh_the_face_tells_the_chin(self) -> None:
        (head,) = heads.find(who(FACE.model_copy(update={"chin": None}))) or []
        assert head.chin == pytest.approx(CHIN, abs=3)

    def test_a_small_face_behind_does_not_count(self) -> None:
        small = Face(roi=Roi(20, 20, 40, 38), score=0.8, sources=("full-range, tiles",))
        assert len(heads.find(who(FACE, small)) or []) == 1
        assert heads.find(who(FACE.model_copy(update={"eyes": ()}))) is None

    def test_several_are_framed_as_one(self) -> None:
        other = FACE.model_copy(
            update={
                "roi": Roi(120, 455, 192, 525),
                "eyes": (Point(135, 475), Point(135, 505)),
                "chin": Point(185, 490),
            }
        )
        both = heads.together(heads.find(who(FACE, other, sitter=Roi(80, 220, 400, 570))) or [])
        assert both.eyes_y == 150.5 and both.chin == CHIN and both.crown == pytest.approx(80, abs=2)


class TestPlan:
    @settings(max_examples=25)
    @given(
        st.sampled_from(["4:5", "1:1", "2:3", "3:4"]),
        st.floats(0.37, 0.45),
        st.floats(0.45, 0.6),
        st.floats(0.45, 0.55),
    )
    def test_eyes_head_and_format_are_where_they_are_asked(
        self, aspect: str, eye_line: float, head_height: float, head_centre: float
    ) -> None:
        frame = canvas(
            planned(
                NARROW, aspect=aspect, eye_line=eye_line, head_height=head_height, head_centre=head_centre
            )
        )
        size = frame.extent
        width, height = map(int, aspect.split(":"))
        assert abs(size.width - size.height * width / height) <= 0.5
        assert size.height == pytest.approx((CHIN - CROWN) / head_height, abs=6)
        assert abs(EYES_Y - (frame.y0 + eye_line * size.height)) <= 1
        assert abs(EYES_X - (frame.x0 + head_centre * size.width)) <= 1

    def test_a_kept_size_is_the_picture_s_height(self) -> None:
        plan = planned(aspect="4:5")
        assert canvas(plan).extent == Extent(400, 320)

    def test_it_is_a_record(self) -> None:
        plan = planned(aspect="16:9", head_height=0.4, most_new=0.6)
        assert plan.tier is Tier.BACKDROP_ONLY and plan.edit == "frame_portrait"
        again = Plan.model_validate(json.loads(json.dumps(plan.model_dump(mode="json"))))
        assert again == plan and again.digest() == plan.digest()

    def test_the_frame_it_has_is_left_alone(self) -> None:
        plan = planned(eye_line=EYES_Y / 400, head_centre=EYES_X / 600)
        assert not plan.changes and plan.canvas is None
        assert plan.notes == ("the picture has this frame already",)

    def test_no_body_is_invented_below(self) -> None:
        """Her torso meets the bottom: the frame shrinks, then moves, and says so."""
        plan = planned(aspect="4:5", head_height=0.2, eye_line=0.3, most_new=0.6)
        frame = canvas(plan)
        assert frame.y1 == 400 and abs(frame.extent.width - 0.8 * frame.extent.height) <= 0.5
        (refusal,) = plan.refusals
        assert refusal.where == "bottom" and "never invented" in refusal.reason
        assert any("smaller than asked" in note for note in plan.notes)

    def test_an_elbow_cut_below_the_frame_is_no_matter(self) -> None:
        sitter = Roi(110, 220, 400, 370)
        read = who(FACE, sitter=sitter)
        matte = read.matte.copy()
        matte[170:, :150] = 255  # master rows from 340, out at the left
        read = replace(read, matte=matte)
        near = planned(read, aspect="16:9", head_height=0.5, head_centre=0.85)
        assert canvas(near).x0 < 0 and canvas(near).y1 < 340 and near.refusals == ()
        far = planned(read, aspect="16:9", head_height=0.33, head_centre=0.85)
        assert canvas(far).x0 >= 0 and [r.where for r in far.refusals] == ["left"]

    def test_text_is_kept_clear_of_her(self) -> None:
        plan = planned(aspect="16:9", head_height=0.35, clear_left=0.5, most_new=0.6)
        frame = canvas(plan)
        assert frame.x0 + 0.5 * frame.extent.width <= SITTER.x0 and plan.refusals == ()
        assert any("from the left" in note for note in plan.notes)

    def test_where_she_is_too_wide_for_it_the_frame_is_made_without(self) -> None:
        plan = planned(aspect="4:5", head_height=0.5, clear_left=0.45, clear_right=0.35, most_new=0.2)
        assert canvas(plan) == canvas(planned(aspect="4:5", head_height=0.5))
        assert [r.where for r in plan.refusals] == ["clear area"]

    def test_groups_are_framed_together(self) -> None:
        other = FACE.model_copy(
            update={
                "roi": Roi(150, 455, 222, 525),
                "eyes": (Point(165, 475), Point(165, 505)),
                "chin": Point(215, 490),
            }
        )
        plan = planned(who(FACE, other, sitter=Roi(110, 220, 400, 570)), aspect="1:1", most_new=0.6)
        assert canvas(plan).x0 <= 220 and canvas(plan).x1 >= 558
        assert "2 heads are framed together" in plan.notes

    @pytest.mark.parametrize(
        ("read", "reason"),
        [
            (who(FACE, sure=False), "the back of a head; or draw the frame that is wanted"),
            (who(), "no face was found: draw"),
            (who(FACE.model_copy(update={"eyes": ()})), "eyes were not found: draw"),
        ],
    )
    def test_without_a_head_there_is_no_frame_until_somebody_draws_one(
        self, read: Reading, reason: str
    ) -> None:
        plan = planned(read, aspect="4:5")
        assert not plan.changes and plan.canvas is None
        (refusal,) = plan.refusals
        assert refusal.where == "whole edit" and reason in refusal.reason
        by_hand = planned(read, drawn(100, 200, 299, 279), aspect="4:5")
        assert canvas(by_hand) == Roi(100, 160, 300, 320)

    def test_too_much_new_is_refused(self) -> None:
        plan = planned(aspect="16:9", head_height=0.35, head_centre=0.9, most_new=0.05)
        assert not plan.changes and "more than most_new" in plan.refusals[0].reason

    def test_a_drawn_frame_holds_but_for_bodies(self) -> None:
        plan = planned(HER, drawn(180, 240, 430, 340), aspect="4:5")
        frame = canvas(plan)
        assert frame.y1 <= 400 and [r.where for r in plan.refusals] == ["bottom"]
        assert "the frame as it was drawn does not hold all of every head" in plan.notes


class TestPixels:
    def test_a_crop_copies_code_values(self) -> None:
        plan = planned(aspect="4:5", head_height=0.55)
        frame = canvas(plan)
        assert WHOLE.contains(frame) and plan.body == {"extension": None}
        out = stack.render([plan], BASE, HER, frame)
        np.testing.assert_array_equal(out, BASE.codes[frame.within(WHOLE)])

    def test_crop_and_extension_at_once(self) -> None:
        """Wider than the picture and less high: originals bit for bit, the rest backdrop; tiles agree."""
        plan = planned(aspect="16:9", head_height=0.35, head_centre=0.75, most_new=0.6)
        frame = canvas(plan)
        assert frame.x0 < 0 and frame.y1 < 400 and frame.x1 < 600
        whole = stack.render([plan], BASE, HER, frame)
        kept = frame & WHOLE
        np.testing.assert_array_equal(whole[kept.within(frame)], BASE.codes[kept.within(WHOLE)])
        tiled = np.empty_like(whole)
        stack.render_into(tiled, [plan], BASE, HER, frame)
        np.testing.assert_array_equal(tiled, whole)
        new = whole[:, : -frame.x0]
        assert (new > 0).all() and (HER.canvas_zones(frame, 1.0)[:, : -frame.x0] == Zone.NEW).all()

    def test_the_proxy_looks_like_the_master(self) -> None:
        plan = planned(aspect="16:9", head_height=0.35, head_centre=0.75, most_new=0.6)
        small = canvas(plan).scaled(SMALL.scale)
        proxy = BASE.encoding.decode(stack.render([plan], SMALL, HER, small))
        master = BASE.encoding.decode(stack.render([plan], BASE, HER, canvas(plan)))
        size = (small.extent.width, small.extent.height)
        blurred = [
            cv2.GaussianBlur(values, (0, 0), 2)
            for values in (proxy, cv2.resize(master, size, interpolation=cv2.INTER_AREA))
        ]
        assert metrics.delta_e2000(*blurred).mean() < 1

    def test_beside_another_edit_with_a_canvas_one_is_refused_or_the_last_counts(self) -> None:
        rows = [
            EditSpec(name="extend_background", params={"left": 60, "top": 30}),
            EditSpec(name="frame_portrait", params={"aspect": "4:5", "head_height": 0.3, "most_new": 0.6}),
        ]
        with pytest.raises(Refused, match=r"extend_background and frame_portrait each set the canvas"):
            stack.check(rows)
        off = rows[0].model_copy(update={"enabled": False})
        plans = stack.plan_all(SMALL, HER, [off, rows[1]])
        assert stack.canvas_of(plans, WHOLE) == plans[1].canvas
        both = stack.render(plans, BASE, HER, canvas(plans[1]))
        np.testing.assert_array_equal(both, stack.render(plans[1:], BASE, HER, canvas(plans[1])))


def test_params_that_leave_nobody_room_are_refused() -> None:
    with pytest.raises(Refused, match="leave less than"):
        stack.check([EditSpec(name="frame_portrait", params={"clear_left": 0.5, "clear_right": 0.4})])
    with pytest.raises(Refused, match=r"frame_portrait\.aspect: .*written as 4:5"):
        stack.check([EditSpec(name="frame_portrait", params={"aspect": "wide"})])
    assert HER.record.extent == EXTENT


def test_a_model_fills_what_lies_beyond_the_picture_and_only_that_counts() -> None:
    """Borrowed from ``extend_background``, with candidates to choose among and the classical one off them."""
    from studio_pipeline.pipeline import asking
    from tests.support import oracles

    base = oracles.picture()
    small = base.at_scale(0.5)
    frame = Roi(60, -200, 660, 400)  # beyond the left, less than the picture above and below
    corners = ((frame.y0, frame.x0), (frame.y0, frame.x1 - 1), (frame.y1 - 1, frame.x1 - 1))
    hand = Hand(area=(tuple(Point(y, x) for y, x in corners),))
    wanted = FrameParams(aspect="1:1", generative="structured", candidates=2, prompt="panelled wall")
    tints = iter((1.0, 0.97))
    with oracles.watched(oracles.Oracle(lambda made, _: made * np.float32(next(tints)))) as oracle:
        asked = Given(hand, engine=oracles.chooser(oracle))
        made = FRAME_PORTRAIT.plan(small, oracles.who(), wanted, 1, asked)
    assert made.canvas == frame and made.engine == "oracle" and len(oracle.requests) == 2
    assert made.made_by is not None and made.made_by.regions == (Roi(60, -200, 660, 0),)
    assert made.generated_px == 600 * 200
    ids = [item.id for item in made.items]
    assert len(ids) == 2 and made.off == (ids[1],)
    shown = [made, made.without({ids[0]}), made.without(ids)]
    pictures = [stack.render([plan], base, oracles.who(), frame) for plan in shown]
    inside = Roi(60, 0, 660, 400)
    assert all(
        np.array_equal(one[inside.within(frame)], base.codes[inside.within(oracles.WHOLE)])
        for one in pictures
    )
    assert len({one.tobytes() for one in pictures}) == 3 and shown[2].generated_px == 0
    never = FRAME_PORTRAIT.plan(small, oracles.who(), FrameParams(aspect="1:1"), 1, Given(hand))
    assert np.array_equal(pictures[2], stack.render([never], base, oracles.who(), frame))
    assert asking.wants_a_model((EditSpec(name="frame_portrait", params={"generative": "structured"}),))
