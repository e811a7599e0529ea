"""By how much a portrait is turned, and that the edit's own plan finds the eyes level afterwards."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.edits import level, stack
from studio_pipeline.edits.base import Source
from studio_pipeline.edits.framing import Wish
from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels.frame import plan_scale
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.pixels.turn import turned
from studio_pipeline.records.hand import Hand
from studio_pipeline.records.preset import EditSpec
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.reading import Reading
from tests.support.backdrops import EXTENT, picture, reading

SITTER = Roi(150, 230, 400, 360)
BASE = picture(sitter=SITTER)
SMALL = BASE.at_scale(plan_scale(BASE.extent))


def face(slope_deg: float, chin: bool = True) -> Face:
    """Eyes 60 px apart about (205, 295), the right one in the picture lower by ``slope_deg``."""
    dy, dx = 30 * math.sin(math.radians(slope_deg)), 30 * math.cos(math.radians(slope_deg))
    eyes = (Point(round(205 - dy), round(295 - dx)), Point(round(205 + dy), round(295 + dx)))
    return Face(
        roi=Roi(190, 260, 262, 330),
        score=0.9,
        sources=("a",),
        eyes=eyes,
        chin=Point(255, 295) if chin else None,
    )


def who(*faces: Face) -> Reading:
    read = reading(sitter=SITTER)
    return replace(read, record=read.record.model_copy(update={"faces": faces}))


def spec(rotate: str | float, **more: float) -> EditSpec:
    params = {"aspect": "4:5", "head_height": 0.5, "rotate": rotate, **more}
    return EditSpec.model_validate({"name": "frame_portrait", "params": params})


@pytest.mark.parametrize("slope_deg", [-8.0, -2.0, 3.0, 9.0])
def test_eyes_are_level_afterwards(slope_deg: float) -> None:
    read = who(face(slope_deg))
    turn = stack.turn(read, [spec("level")])
    assert turn is not None and turn.deg == pytest.approx(-slope_deg, abs=0.9)  # eyes on whole pixels
    after = read.turned(turn)
    left, right = after.record.faces[0].eyes
    assert abs(left.y - right.y) <= 1
    (plan,) = stack.plan_all(turn.frame(SMALL), after, [spec("level")])
    assert plan.canvas is not None and plan.changes
    assert any("so all of it is resampled" in note for note in plan.notes)
    eyes_y = (left.y + right.y) / 2 + 0.5
    assert abs(eyes_y - plan.canvas.y0 - 0.4 * plan.canvas.extent.height) <= 1
    out = stack.render([plan], turn.frame(BASE), after, plan.canvas)
    kept = plan.canvas & Roi.of(turn.extent)
    same = turn.frame(BASE).codes[kept.within(Roi.of(turn.extent))]
    np.testing.assert_array_equal(out[kept.within(plan.canvas)], same)


@pytest.mark.parametrize(
    ("faces", "rotate", "said"),
    [
        ((face(0.0),), "level", "the eyes are level"),
        ((face(14.0),), "level", "which is a pose"),
        ((face(4.0), face(4.0)), "level", "not levelled: one head can be"),
        ((face(4.0),), "none", None),
        ((face(4.0),), 0, None),
    ],
)
def test_where_nothing_is_turned_it_says_why(
    faces: tuple[Face, ...], rotate: str | float, said: str | None
) -> None:
    read = who(*faces)
    assert stack.turn(read, [spec(rotate)]) is None
    (plan,) = stack.plan_all(SMALL, read, [spec(rotate)])
    assert [n for n in plan.notes if "level" in n or "pose" in n or "turned" in n] == [
        n for n in plan.notes if said and said in n
    ]
    assert said is None or any(said in note for note in plan.notes)


def test_a_drawn_frame_of_a_head_without_eyes_is_not_levelled() -> None:
    read = who(face(4.0).model_copy(update={"eyes": ()}))
    corners = tuple(Point(y, x) for y, x in ((150, 200), (150, 399), (349, 399), (349, 200)))
    hand = {"frame_portrait": Hand(area=(corners,))}
    assert stack.turn(read, [spec("level")]) is None
    (plan,) = stack.plan_all(SMALL, read, [spec("level")], hand)
    assert plan.changes and "not levelled: the eyes were not found" in plan.notes


def test_a_head_at_the_border_is_not_turned_out_of_the_picture() -> None:
    high = face(4.0).model_copy(update={"eyes": (Point(53, 265), Point(57, 325)), "chin": Point(105, 295)})
    read = who(high)
    matte = np.zeros_like(read.matte)
    matte[1:200, 115:180] = 255
    read = replace(read, matte=matte)
    assert stack.turn(read, [spec(9.0)]) is None
    (plan,) = stack.plan_all(SMALL, read, [spec(9.0)])
    assert "not turned: a part of the head would be lost" in plan.notes


def test_only_an_edit_that_is_on_and_a_head_that_is_known_turn_a_picture() -> None:
    on = spec(3.0)
    turn = stack.turn(who(face(0.0)), [EditSpec(name="heal_spots"), on])
    assert turn is not None and turn.deg == 3.0
    assert stack.turn(who(face(0.0)), [on.model_copy(update={"enabled": False})]) is None
    assert stack.turn(who(), [on]) is None
    assert stack.turn(reading(sure=False), [on]) is None
    with pytest.raises(Exception, match="rotate"):
        stack.turn(who(face(0.0)), [spec(40.0)])


@given(st.floats(-9, 9), st.floats(120, 300), st.floats(200, 400), st.floats(40, 500))
def test_what_is_kept_holds_the_head(deg: float, y: float, x: float, height_px: float) -> None:
    keep = Roi(round(y) - 40, round(x) - 30, round(y) + 40, round(x) + 30)
    wish = Wish(ratio=0.8, height_px=height_px, y=y, x=x, at_y=0.4, at_x=0.5, keep=keep)
    turn = level.choose(deg, EXTENT, wish)
    if turn is None:
        return
    at_y, at_x = turned(deg, EXTENT, y, x)
    head = keep.shifted(round(at_y - y), round(at_x - x))
    assert turn.region.contains(head)
    if height_px < 150 and abs(deg) > 0.5 and 100 < y < 250:
        frame = Roi(*(round(v) for v in (at_y - 0.4 * height_px, at_x - 0.4 * height_px)), *(0, 0))
        assert turn.region.y0 <= frame.y0 + 1 and turn.region.x0 <= frame.x0 + 1


def test_zones_of_a_turned_reading_are_the_master_s_size() -> None:
    read = who(face(5.0))
    turn = stack.turn(read, [spec("level")])
    assert turn is not None
    after = read.turned(turn)
    assert after.record.extent == turn.extent == Extent(*after.zones.shape)
    assert after.record.zones_sha256 == read.record.zones_sha256 and after.turn == turn
    assert (after.zones == Zone.LOCKED).any() and after.backdrop.any() and after.matte.max() == 255
    assert read.turned(None) is read


def test_a_frame_of_the_same_set_is_turned_alike() -> None:
    read = who(face(5.0))
    turn = stack.turn(read, [spec("level")])
    assert turn is not None
    empty = Source("key", BASE, read)
    alike = empty.turned(turn)
    assert alike.key == "key" and alike.reading is not None and alike.reading.turn == turn
    np.testing.assert_array_equal(alike.frame.codes, turn.frame(BASE).codes)
    assert empty.turned(None) is empty
