"""Laws of where a frame lies, whatever is asked of it."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from studio_pipeline.edits import framing
from studio_pipeline.edits.framing import SIDES, Room, Span, Wish
from studio_pipeline.geometry import Extent, Roi

EXTENT = Extent(400, 600)


def nobody(y0: int, y1: int) -> None:
    return None


def stands(first: float, last: float) -> Callable[[int, int], Span]:
    return lambda y0, y1: (first, last)


FREE = Room(EXTENT, frozenset(), nobody)


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    """A head somewhere in the picture, and a frame that could hold it."""
    top, left = draw(st.integers(0, 300)), draw(st.integers(0, 500))
    height, width = draw(st.integers(20, 400 - top)), draw(st.integers(20, 600 - left))
    return Wish(
        ratio=draw(st.sampled_from([0.8, 1.0, 2 / 3, 16 / 9, 0.5])),
        height_px=draw(st.floats(30, 900)),
        y=top + draw(st.floats(0.3, 0.7)) * height,
        x=left + width / 2,
        at_y=draw(st.floats(0.2, 0.8)),
        at_x=draw(st.floats(0.2, 0.8)),
        keep=Roi(top, left, top + height, left + width),
        least=draw(st.sampled_from([0.8, 1.0])),
    )


rooms = st.frozensets(st.sampled_from(SIDES)).map(lambda blocked: Room(EXTENT, blocked, nobody))


@given(wishes(), rooms)
def test_what_is_never_broken(wish: Wish, room: Room) -> None:
    """The format to the pixel, the head whole, and no blocked side left."""
    frame = framing.place(wish, room)
    if frame is None:
        assert room.blocked >= {"top", "bottom"} or room.blocked >= {"left", "right"}
        return
    assert abs(frame.extent.width - wish.ratio * frame.extent.height) <= 0.5
    assert frame.contains(wish.keep)
    assert not framing.sides_left(frame, EXTENT) & room.blocked
    assert frame.extent.height >= math.floor(wish.least * wish.height_px) or len(room.blocked) > 1


@given(wishes())
def test_where_it_is_free_the_frame_is_as_asked(wish: Wish) -> None:
    frame = framing.place(wish, FREE)
    assert frame is not None
    holds = max(wish.keep.extent.height, wish.keep.extent.width / wish.ratio)
    assert abs(frame.extent.height - max(wish.height_px, math.ceil(holds))) <= 0.5
    y0, x0 = wish.y - wish.at_y * frame.extent.height, wish.x - wish.at_x * frame.extent.width
    assume(Roi(round(y0), round(x0), round(y0) + frame.extent.height, round(x0) + frame.extent.width)
           .contains(wish.keep.grown(1)))  # fmt: skip
    assert abs(frame.y0 - y0) <= 1 and abs(frame.x0 - x0) <= 1


@given(wishes(), rooms, st.floats(0, 0.6), st.floats(0.05, 0.5), st.booleans())
def test_clear_shares_are_clear_or_there_is_no_frame(
    wish: Wish, room: Room, most_new: float, share: float, at_left: bool
) -> None:
    first, last = wish.keep.x0 - 5.0, wish.keep.x1 + 5.0
    wish = replace(wish, clear_left=share if at_left else 0.0, clear_right=0.0 if at_left else share)
    frame = framing.place(wish, replace(room, person=stands(first, last)), most_new)
    if frame is None:
        return
    assert framing.new_share(frame, EXTENT) <= most_new
    assert frame.contains(wish.keep) and not framing.sides_left(frame, EXTENT) & room.blocked
    if at_left:
        assert first >= frame.x0 + share * frame.extent.width - 1e-6
    else:
        assert last <= frame.x1 - share * frame.extent.width + 1e-6


HEAD = Roi(100, 250, 220, 350)
ASKED = Wish(ratio=0.8, height_px=300, y=160, x=300, at_y=0.4, at_x=0.5, keep=HEAD, least=0.8)


class TestWhatGivesWay:
    def test_first_the_size_about_the_eyes(self) -> None:
        """A head near the blocked bottom: a frame of 250 px about it just fits."""
        wish = replace(ASKED, y=250, keep=Roi(190, 250, 310, 350))
        frame = framing.place(wish, Room(EXTENT, frozenset({"bottom"}), nobody))
        assert frame == Roi(150, 200, 400, 400)

    def test_then_the_place(self) -> None:
        wish = replace(ASKED, y=330, keep=Roi(270, 250, 390, 350))
        frame = framing.place(wish, Room(EXTENT, frozenset({"bottom"}), nobody))
        assert frame == Roi(160, 204, 400, 396)

    def test_a_kept_size_only_moves(self) -> None:
        wish = replace(ASKED, y=330, keep=Roi(270, 250, 390, 350), least=1.0)
        frame = framing.place(wish, Room(EXTENT, frozenset({"bottom"}), nobody))
        assert frame == Roi(100, 180, 400, 420)

    def test_between_two_blocked_sides_it_is_as_large_as_the_picture(self) -> None:
        wish = replace(ASKED, height_px=800)
        frame = framing.place(wish, Room(EXTENT, frozenset({"top", "bottom"}), nobody))
        assert frame is not None and (frame.y0, frame.y1) == (0, 400)

    def test_a_head_that_no_frame_can_hold_is_refused(self) -> None:
        wish = replace(ASKED, ratio=0.2, keep=Roi(0, 0, 400, 600))
        assert framing.place(wish, Room(EXTENT, frozenset({"top", "bottom"}), nobody)) is None

    def test_it_grows_for_text_and_stays_where_that_is_enough(self) -> None:
        wide = replace(ASKED, ratio=16 / 9, clear_left=0.4)
        moved = framing.place(wide, replace(FREE, person=stands(240, 360)))
        assert moved is not None and moved.extent.height == 300 and moved.x0 + 0.4 * 533 <= 240
        both = replace(wide, clear_left=0.3, clear_right=0.2)
        grown = framing.place(both, replace(FREE, person=stands(100, 500)))
        assert grown is not None and 440 <= grown.extent.height <= 460  # 400 px are half of its width
        assert framing.place(both, replace(FREE, person=stands(-600, 1200))) is None

    @pytest.mark.parametrize(("most_new", "expected"), [(0.5, 300), (0.22, 270), (0.05, None)])
    def test_too_much_new_makes_it_smaller_and_then_none(self, most_new: float, expected: int | None) -> None:
        wish = replace(ASKED, y=60, keep=Roi(20, 250, 120, 350))
        frame = framing.place(wish, FREE, most_new)
        assert (frame and frame.extent.height) == (expected and pytest.approx(expected, abs=30))
        assert frame is None or framing.new_share(frame, EXTENT) <= most_new
