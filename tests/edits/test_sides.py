from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from studio_pipeline.edits import sides
from studio_pipeline.geometry import Extent, Insets, Roi
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.subject.reading import Reading
from tests.support.backdrops import EXTENT, WHOLE, reading

CUT = "the frame cuts the person here"
ANY = st.sets(st.sampled_from(sides.SIDES)).map(lambda names: dict.fromkeys(names, "because"))
extents = st.builds(Extent, st.integers(40, 9000), st.integers(40, 9000))
ratios = st.floats(0.2, 5)


def total(insets: Insets) -> int:
    return insets.top + insets.left + insets.bottom + insets.right


def added(extent: Extent, insets: Insets) -> Extent:
    return Roi.of(extent).grown(insets).extent


def read(who: Reading) -> tuple[Reading, Mask]:
    small = EXTENT.scaled(0.5)
    return who, who.backdrop_at(small.height, small.width)


class TestByPixels:
    @given(st.builds(Insets, *[st.integers(0, 500)] * 4), ANY)
    def test_what_was_asked_less_what_is_blocked(self, asked: Insets, reasons: dict[str, str]) -> None:
        wanted = sides.by_pixels(asked, reasons)
        for side in sides.SIDES:
            assert getattr(wanted.insets, side) == (0 if side in reasons else getattr(asked, side))
        refused = [s for s in sides.SIDES if s in reasons and getattr(asked, s)]
        assert [(r.where, r.reason) for r in wanted.refusals] == [(s, "because") for s in refused]
        assert wanted.notes == ()


class TestByAspect:
    @given(extents, ratios, st.sampled_from(["both", *sides.SIDES]))
    def test_the_ratio_is_met_within_a_pixel(self, extent: Extent, ratio: float, side: str) -> None:
        wanted = sides.by_aspect(extent, ratio, side, {})
        assert wanted.refusals == ()
        if not wanted.insets.any:
            assert wanted.notes == ("the picture already has this format",)
            assert extent.width / extent.height == pytest.approx(ratio, rel=0.002, abs=1.5 / 40 * ratio)
            return
        new = added(extent, wanted.insets)
        assert new.height == extent.height or new.width == extent.width
        assert abs(new.width - new.height * ratio) <= 0.5 * max(1, ratio) + 1e-6

    @given(extents, ratios)
    def test_each_side_gets_half(self, extent: Extent, ratio: float) -> None:
        insets = sides.by_aspect(extent, ratio, "both", {}).insets
        assert 0 <= insets.right - insets.left <= 1 and 0 <= insets.bottom - insets.top <= 1

    @given(extents, ratios, st.sampled_from(["both", *sides.SIDES]), ANY)
    def test_a_blocked_side_gets_nothing_and_the_other_all_of_it(
        self, extent: Extent, ratio: float, side: str, reasons: dict[str, str]
    ) -> None:
        free = sides.by_aspect(extent, ratio, side, {})
        assume(free.insets.any)
        wanted = sides.by_aspect(extent, ratio, side, reasons)
        pair = ("left", "right") if free.insets.left or free.insets.right else ("top", "bottom")
        asked = [s for s in pair if getattr(free.insets, s)]
        assert all(getattr(wanted.insets, s) == 0 for s in reasons)
        assert [r.where for r in wanted.refusals] == [s for s in asked if s in reasons]
        both = all(s in reasons for s in pair)
        assert total(wanted.insets) == (0 if both else total(free.insets))
        moved = not both and any(s in reasons for s in asked)
        assert bool(wanted.notes) == moved

    def test_a_preferred_side_gets_all(self) -> None:
        extent = Extent(400, 600)
        assert sides.by_aspect(extent, 2.0, "left", {}).insets == Insets(left=200)
        assert sides.by_aspect(extent, 2.0, "right", {}).insets == Insets(right=200)
        assert sides.by_aspect(extent, 1.0, "bottom", {}).insets == Insets(bottom=200)

    def test_a_preferred_side_that_does_not_lead_there_is_passed_over(self) -> None:
        assert sides.by_aspect(Extent(400, 600), 2.0, "top", {}).insets == Insets(left=100, right=100)

    def test_where_both_are_blocked_both_are_refused(self) -> None:
        wanted = sides.by_aspect(Extent(400, 600), 2.0, "both", {"left": "her arm", "right": "her bag"})
        assert not wanted.insets.any and wanted.notes == ()
        assert [(r.where, r.reason) for r in wanted.refusals] == [("left", "her arm"), ("right", "her bag")]

    @pytest.mark.parametrize("width", [599, 600, 601])
    def test_a_picture_of_that_format_is_left_alone(self, width: int) -> None:
        wanted = sides.by_aspect(Extent(400, width), 1.5, "both", {"left": "her arm"})
        assert not wanted.insets.any and wanted.refusals == ()
        assert wanted.notes == ("the picture already has this format",)


# A sitter cut by each side in turn, and which rows or columns of it she takes, in hundredths.
CUT_BY = {
    "top": (Roi(0, 150, 200, 300), 25, 50),
    "left": (Roi(100, 0, 300, 200), 25, 75),
    "bottom": (Roi(200, 150, 400, 450), 25, 75),
    "right": (Roi(200, 400, 300, 600), 50, 75),
}


class TestBlocked:
    @pytest.mark.parametrize("side", sides.SIDES)
    def test_the_side_that_cuts_her_is_named_and_where(self, side: str) -> None:
        sitter, first, last = CUT_BY[side]
        found = sides.blocked(*read(reading(sitter=sitter)))
        assert list(found) == [side] and found[side].startswith(CUT)
        assert f"({first}% to " in found[side]
        told = int(found[side].split(" to ")[1].split("%")[0])
        assert abs(told - last) <= 1

    def test_nobody_cut_nothing_blocked(self) -> None:
        assert sides.blocked(*read(reading(sitter=Roi(100, 200, 390, 400)))) == {}

    def test_a_safe_margin_that_touches_the_border_does_not_cut(self) -> None:
        """Her zones reach the border, her matte does not."""
        who = reading(sitter=Roi(6, 200, 300, 400))
        assert (who.zones[3:4] != 0).any()
        assert sides.blocked(*read(who)) == {}

    def test_a_hair_s_breadth_is_the_matte_s_blur(self) -> None:
        who = reading(sitter=Roi(0, 0, 0, 0))
        matte = who.matte.copy()
        matte[100, :10] = 255
        assert sides.blocked(*read(replace(who, matte=matte))) == {}
        matte[98:103, :10] = 255
        assert list(sides.blocked(*read(replace(who, matte=matte)))) == ["left"]

    def test_a_side_with_little_backdrop_is_refused(self) -> None:
        who = reading(sitter=Roi(0, 0, 0, 0))
        backdrop = who.backdrop.copy()
        backdrop[:160, -20:] = False
        found = sides.blocked(*read(replace(who, backdrop=backdrop)))
        assert found == {"right": "too little backdrop is visible at this side to continue it"}
        backdrop[140:160, -20:] = True
        assert sides.blocked(*read(replace(who, backdrop=backdrop))) == {}

    def test_an_unsure_reading_demands_backdrop_all_along(self) -> None:
        who = reading(sitter=Roi(0, 0, 0, 0), sure=False)
        assert sides.blocked(*read(who)) == {}
        backdrop = who.backdrop.copy()
        backdrop[90:96, :10] = False
        found = sides.blocked(*read(replace(who, backdrop=backdrop)))
        assert found == {"left": "it is not sure that only backdrop touches this side"}
        sure = replace(who, backdrop=backdrop, record=reading().record)
        assert sides.blocked(*read(sure)) == {}

    def test_any_plan_scale_will_do(self) -> None:
        sitter, *_ = CUT_BY["left"]
        who = reading(sitter=sitter)
        small = replace(who, matte=np.asarray(cv2.resize(who.matte, (97, 61), interpolation=cv2.INTER_AREA)))
        assert list(sides.blocked(small, who.backdrop_at(200, 300))) == ["left"]
        assert list(sides.blocked(who, np.ones((61, 97), bool))) == ["left"]
        assert WHOLE.contains(sitter)
