"""Sets that are more than paper: lines, folds, lettering, narrow rolls, and an empty set beside them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from studio_pipeline.edits import stack
from studio_pipeline.edits.base import EMPTY_SET, Given, Source
from studio_pipeline.edits.extend_background import EXTEND_BACKGROUND, PAPER_EDGE, ExtendParams, ExtendPlan
from studio_pipeline.edits.extension.body import Copies
from studio_pipeline.edits.extension.drawing import copied
from studio_pipeline.edits.frame_portrait import FRAME_PORTRAIT, FrameParams
from studio_pipeline.geometry import Insets, Point, Roi
from studio_pipeline.pixels import metrics
from studio_pipeline.pixels.color import Codes, Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.kinds import Kind
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.hand import Hand
from studio_pipeline.records.plan import Grid, Plan
from tests.support.backdrops import FINE, MAGENTA, SITTER, SRGB, WHOLE, frame, reading, with_grain

ADDED = 90
CANVAS = WHOLE.grown(Insets(left=ADDED, right=ADDED))
WIDE = (Point(0, -60), Point(0, 660), Point(399, 660), Point(399, -60))
GREY = np.array([0.33, 0.32, 0.31], np.float32)


def places(roi: Roi) -> tuple[Linear, Linear]:
    y, x = np.mgrid[roi.y0 : roi.y1, roi.x0 : roi.x1].astype(np.float32)
    return y[..., None], x[..., None]


def floor_and_wall(roi: Roi, slope: float = 0.05) -> Linear:
    """A wall, a floor, and a dark skirting board between them that runs down to the right."""
    y, x = places(roi)
    line = 300 + slope * (x - 300)
    light = np.where(y > line, 0.55, 1.0) * (1 - 0.2 * x / 600)
    return np.asarray(np.where(np.abs(y - line) < 4, 0.05, light) * GREY, np.float32)


def folds(roi: Roi) -> Linear:
    _, x = places(roi)
    wave = 0.25 + 0.12 * np.sin(x / 9 + 0.6 * np.sin(x / 37)) + 0.05 * np.sin(x / 3.1)
    light = np.clip(wave, 0.02, 1) * np.array([0.6, 1, 0.8])
    return np.asarray(np.broadcast_to(light, (roi.extent.height, *light.shape[1:])), np.float32)


def narrow_paper(roi: Roi) -> Linear:
    """Paper between columns 60 and 545; outside it a wall and a stand."""
    y, x = places(roi)
    wall = np.where((x > 20) & (x < 32), 0.02, 0.14)
    light = np.where((x > 60 + 0.03 * (y - 200)) & (x < 545 - 0.02 * (y - 200)), 1 - 0.15 * x / 600, wall)
    return np.asarray(light * GREY, np.float32)


def paper_alone(roi: Roi) -> Linear:
    _, x = places(roi)
    light = np.broadcast_to(1 - 0.15 * x / 600, (roi.extent.height, roi.extent.width, 1))
    return np.asarray(light * GREY, np.float32)


def photographed(light: Linear, *, sitter: bool = True, seed: int = 1) -> Frame:
    linear = with_grain(light, FINE, seed)
    if sitter:
        linear[SITTER.within(WHOLE)] = MAGENTA
    return frame(linear)


def planned(base: Frame, given: Given | None = None, **params: JsonValue) -> Plan:
    wanted = ExtendParams.model_validate({"left": ADDED, "right": ADDED, **params})
    return EXTEND_BACKGROUND.plan(base.at_scale(0.5), reading(), wanted, 1, given or Given())


def kinds_of(plan: Plan) -> set[Kind]:
    body = ExtendPlan.model_validate(plan.body).extension
    assert body is not None
    return {side.kind for side in body.sides}


def new(values: np.ndarray) -> np.ndarray:
    """What lies left and right of the base."""
    return np.concatenate([values[:, :ADDED], values[:, -ADDED:]], axis=1)


def far_off(out: Codes, truth: Linear) -> float:
    """Root mean square over new area in 255ths of sRGB, after a blur of 2 px."""
    both = [SRGB.encode(v, 8).astype(np.float32) for v in (SRGB.decode(out), truth)]
    apart = cv2.GaussianBlur(both[0], (0, 0), 2) - cv2.GaussianBlur(both[1], (0, 0), 2)
    return float(np.sqrt(np.mean(np.square(new(apart)))))


class TestStructure:
    @pytest.mark.parametrize("slope", [0.0, 0.05, -0.08])
    def test_a_floor_line_goes_on(self, slope: float) -> None:
        base = photographed(floor_and_wall(WHOLE, slope))
        plan = planned(base)
        assert kinds_of(plan) == {Kind.STRUCTURED}
        out = stack.render([plan], base, reading(), CANVAS)
        dark = metrics.tone(SRGB.decode(out)) < 20
        dark[:, SITTER.x0 + ADDED : SITTER.x1 + ADDED] = False
        for column in (3, 40, 86, CANVAS.extent.width - 40, CANVAS.extent.width - 4):
            rows = np.flatnonzero(dark[:, column])
            wanted = 300 + slope * (column - ADDED - 300)
            assert abs(rows.mean() - wanted) < 3 and 4 <= len(rows) <= 11
        assert far_off(out, floor_and_wall(CANVAS, slope)) < 8

    def test_a_copy_that_ends_with_the_picture_leaves_its_place_to_the_next(self) -> None:
        """Where the fade of one reaches past what there is to copy: a line of a pixel once stood there."""
        labels = Grid.of(np.repeat(np.float32([[0, 0, 1, 1]]), 4, axis=0))
        shifts = Grid.of(np.float32([[0, 600 + 14], [0, 40]]))  # the first runs out two pixels into its fade
        copies = Copies(labels=labels, shifts=shifts, y0=4, x0=-28, node_px=8)
        base = photographed(paper_alone(WHOLE), sitter=False)
        part = Roi(0, -32, 32, 0)
        values, share = copied(
            copies, part, base, lambda roi: np.ones((roi.extent.height, roi.extent.width, 3), np.float32)
        )
        np.testing.assert_allclose(share, 1)
        np.testing.assert_allclose(values, 1)

    def test_the_wall_beside_it_is_laid_in_pieces(self) -> None:
        """A wall that is copied as a whole shows the same grain twice."""
        base = photographed(floor_and_wall(WHOLE, 0.0))
        body = ExtendPlan.model_validate(planned(base).body).extension
        assert body is not None and body.pieces.array().size
        for side in body.sides:
            assert side.copies is not None
            labels, rows = side.copies.labels.array(), side.copies.y0
            at = rows + np.arange(len(labels)) * side.copies.node_px
            assert (labels[(at > 290) & (at < 310)] >= 0).all()
            assert (labels[at < 200] < 0).mean() > 0.8

    def test_folds_go_on(self) -> None:
        base = photographed(folds(WHOLE))
        plan = planned(base)
        assert kinds_of(plan) == {Kind.STRUCTURED}
        out = stack.render([plan], base, reading(), CANVAS)
        np.testing.assert_array_equal(out[WHOLE.within(CANVAS)], base.codes)
        made, true = (new(metrics.tone(v)) for v in (SRGB.decode(out), folds(CANVAS)))
        assert made.std() / true.std() == pytest.approx(1, abs=0.15)
        # Folds are steep of themselves: the seam is as steep as the truth is there.
        for seam in (ADDED, ADDED + 600):
            strips = [metrics.tone(v)[:, seam - 16 : seam + 16] for v in (SRGB.decode(out), folds(CANVAS))]
            ratios = [metrics.seam_ratio(strip) for strip in strips]
            assert ratios[0] / ratios[1] == pytest.approx(1, abs=0.4)

    @settings(max_examples=10)
    @given(st.integers(0, 399), st.integers(-ADDED, 689), st.integers(1, 300), st.integers(1, 300))
    def test_any_tile_has_the_pixels_of_the_whole(self, y: int, x: int, height: int, width: int) -> None:
        tile = Roi(y, x, y + height, x + width) & CANVAS
        np.testing.assert_array_equal(
            stack.render([CURTAIN_PLAN], CURTAIN, reading(), tile), CURTAIN_WHOLE[tile.within(CANVAS)]
        )

    def test_a_proxy_shows_what_the_master_will_be(self) -> None:
        proxy, canvas = CURTAIN.at_scale(0.5), CANVAS.scaled(0.5)
        small = stack.render([CURTAIN_PLAN], proxy, reading(), canvas)
        size = (canvas.extent.width, canvas.extent.height)
        master = cv2.resize(SRGB.decode(CURTAIN_WHOLE), size, interpolation=cv2.INTER_AREA)
        a, b = (np.asarray(cv2.GaussianBlur(v, (0, 0), 2), np.float32) for v in (SRGB.decode(small), master))
        apart = metrics.delta_e2000(a, b)
        assert np.concatenate([apart[:, :45], apart[:, -45:]], axis=1).mean() < 1

    def test_nothing_of_her_is_copied(self) -> None:
        leaning = (CURTAIN_WHOLE[..., 0].astype(int) + CURTAIN_WHOLE[..., 2]) / 2 - CURTAIN_WHOLE[..., 1]
        assert new(leaning).max() < 4000  # the curtain is green, she is magenta

    def test_a_word_on_the_wall_is_neither_repeated_nor_mirrored(self) -> None:
        light = paper_alone(WHOLE).copy()
        for place in ((5, 80), (420, 80)):
            cv2.putText(light, "LOGO", place, cv2.FONT_HERSHEY_SIMPLEX, 2, (0.9, 0.9, 0.9), 10)
        base = photographed(light)
        plan = planned(base)
        assert kinds_of(plan) == {Kind.PLAIN}
        out = stack.render([plan], base, reading(), CANVAS)
        assert far_off(out, paper_alone(CANVAS)) < 3


class TestPaper:
    def test_it_is_found_and_offered_and_off(self) -> None:
        base = photographed(narrow_paper(WHOLE))
        plan = planned(base)
        (item,) = plan.items
        assert item.id == PAPER_EDGE and plan.off == (PAPER_EDGE,) and "left, right" in item.said
        assert 66 <= item.roi.x0 <= 80 and 527 <= item.roi.x1 <= 541
        out = stack.render([plan], base, reading(), CANVAS)
        np.testing.assert_array_equal(out[WHOLE.within(CANVAS)], base.codes)

    def test_switched_on_it_is_paper_to_the_border_and_she_is_untouched(self) -> None:
        base = photographed(narrow_paper(WHOLE))
        plan = planned(base)
        on = plan.model_copy(update={"off": ()})
        out = stack.render([on], base, reading(), CANVAS)
        kept = plan.items[0].roi
        np.testing.assert_array_equal(out[kept.within(CANVAS)], base.codes[kept.within(WHOLE)])
        truth = paper_alone(CANVAS)
        truth[SITTER.within(CANVAS)] = MAGENTA
        both = [cv2.GaussianBlur(SRGB.encode(v, 8).astype(np.float32), (0, 0), 12)
                for v in (SRGB.decode(out), truth)]  # fmt: skip
        assert np.sqrt(np.mean(np.square(both[0] - both[1]))) < 2
        asked = planned(base, paper_edge=True)
        assert asked.off == () and asked.writes == (Zone.NEW, Zone.BACKDROP)
        np.testing.assert_array_equal(stack.render([asked], base, reading(), CANVAS), out)

    def test_it_needs_no_new_canvas(self) -> None:
        base = photographed(narrow_paper(WHOLE))
        plan = planned(base, left=0, right=0, paper_edge=True)
        assert plan.changes and plan.canvas is None
        out = stack.render([plan], base, reading(), WHOLE)
        assert metrics.tone(SRGB.decode(out))[:, :50].min() > 40

    def test_not_where_somebody_reaches_past_it(self) -> None:
        base = photographed(narrow_paper(WHOLE))
        arm = reading(sitter=Roi(200, 30, 400, 370))
        wanted = ExtendParams(right=ADDED)
        plan = EXTEND_BACKGROUND.plan(base.at_scale(0.5), arm, wanted, 1)
        assert all("(right)" in item.said for item in plan.items)

    def test_a_framed_portrait_never_puts_paper_in_its_place(self) -> None:
        """The frame asks for new area only; what stands in the picture is the photographer's."""
        base, who = photographed(narrow_paper(WHOLE)), reading()
        params = FrameParams(aspect="16:9", most_new=0.9)
        plan = FRAME_PORTRAIT.plan(base.at_scale(0.5), who, params, 1, Given(Hand(area=(WIDE,))))
        assert plan.changes and plan.canvas is not None and plan.canvas.x0 < 0
        out = stack.render([plan], base, who, plan.canvas)
        kept = plan.canvas & WHOLE
        np.testing.assert_array_equal(out[kept.within(plan.canvas)], base.codes[kept.within(WHOLE)])

    def test_whole_paper_is_offered_nothing(self) -> None:
        assert planned(photographed(paper_alone(WHOLE))).items == ()


class TestByHand:
    def test_texture_comes_from_the_area_only(self) -> None:
        base = photographed(paper_alone(WHOLE))
        area = (Point(0, 400), Point(0, 590), Point(300, 590), Point(300, 400))
        plan = planned(base, Given(Hand(area=(area,))))
        body = ExtendPlan.model_validate(plan.body).extension
        assert body is not None
        rows = body.pieces.array()
        assert len(rows) and rows[:, 5].min() >= 398 and plan.hand.area == (area,)

    def test_and_never_from_what_is_spared(self) -> None:
        base = photographed(paper_alone(WHOLE))
        spare = (Point(0, 0), Point(0, 210), Point(399, 210), Point(399, 0))
        body = ExtendPlan.model_validate(planned(base, Given(Hand(spare=(spare,)))).body).extension
        assert body is not None and body.pieces.array()[:, 5].min() >= 208

    def test_nothing_is_left_to_read(self) -> None:
        everywhere = (Point(0, 0), Point(0, 600), Point(400, 600), Point(400, 0))
        plan = planned(photographed(paper_alone(WHOLE)), Given(Hand(spare=(everywhere,))))
        assert not plan.changes and {r.where for r in plan.refusals} == {"left", "right"}


class TestEmptySet:
    """Seen without her, the set is read behind her, too."""

    def test_is_read_and_named(self) -> None:
        base = photographed(folds(WHOLE))
        empty = photographed(0.8 * folds(WHOLE), sitter=False, seed=2)
        given = Given(sources={EMPTY_SET: Source("an-empty-base", empty.at_scale(0.5))})
        plan = planned(base, given)
        assert plan.sources == {EMPTY_SET: "an-empty-base"}
        assert plan.notes[-1] == "light and texture are read from the empty set"
        out = stack.render([plan], base, reading(), CANVAS, {EMPTY_SET: Source("an-empty-base", empty)})
        np.testing.assert_array_equal(out[WHOLE.within(CANVAS)], base.codes)
        without = stack.render([planned(base)], base, reading(), CANVAS)
        made, usual = (new(metrics.tone(SRGB.decode(codes))).mean() for codes in (out, without))
        assert abs(made - usual) < 2.5  # with its own exposure it would be 5 darker

    def test_nothing_that_is_spared_is_copied_from_it(self) -> None:
        base = photographed(paper_alone(WHOLE))
        empty = photographed(paper_alone(WHOLE), sitter=False, seed=2)
        spare = (Point(0, 0), Point(0, 380), Point(399, 380), Point(399, 0))
        given = Given(Hand(spare=(spare,)), {EMPTY_SET: Source("empty", empty.at_scale(0.5))})
        plan = planned(base, given)
        body = ExtendPlan.model_validate(plan.body).extension
        assert plan.sources and body is not None and body.pieces.array()[:, 5].min() >= 378

    def test_a_frame_that_reaches_beyond_the_picture_reads_it_too(self) -> None:
        base = photographed(folds(WHOLE))
        empty = photographed(folds(WHOLE), sitter=False, seed=2)
        given = Given(Hand(area=(WIDE,)), {EMPTY_SET: Source("an-empty-base", empty.at_scale(0.5))})
        assert EMPTY_SET in FRAME_PORTRAIT.roles
        plan = FRAME_PORTRAIT.plan(base.at_scale(0.5), reading(), FrameParams(aspect="16:9"), 1, given)
        assert plan.sources == {EMPTY_SET: "an-empty-base"} and plan.canvas is not None
        with_it, other = (
            stack.render([plan], base, reading(), plan.canvas, {EMPTY_SET: Source("an-empty-base", one)})
            for one in (empty, photographed(folds(WHOLE), sitter=False, seed=3))
        )
        inside = WHOLE.within(plan.canvas)
        np.testing.assert_array_equal(with_it[inside], other[inside])
        assert (with_it != other).any()  # its pixels are what is drawn from

    def test_another_set_is_not(self) -> None:
        base, other = photographed(folds(WHOLE)), photographed(floor_and_wall(WHOLE), sitter=False)
        plan = planned(base, Given(sources={EMPTY_SET: Source("another", other.at_scale(0.5))}))
        assert plan.sources == {} and plan.changes


def test_more_than_a_picture_is_said() -> None:
    plan = planned(photographed(paper_alone(WHOLE)), left=900, right=0)
    assert any("150% of the picture" in note for note in plan.notes)
    assert not any("%" in note for note in planned(photographed(paper_alone(WHOLE)), left=500).notes)


class TestBlend:
    def test_only_backdrop_inside_the_band_changes(self) -> None:
        base = photographed(paper_alone(WHOLE))
        who = reading(sitter=Roi(150, 8, 400, 370))  # she comes near the border at the left
        wanted = ExtendParams(left=ADDED, right=ADDED, blend_px=24)
        plan = EXTEND_BACKGROUND.plan(base.at_scale(0.5), who, wanted, 1)
        assert plan.writes == (Zone.NEW, Zone.BACKDROP)
        out = stack.render([plan], base, who, CANVAS)
        changed = (out[WHOLE.within(CANVAS)] != base.codes).any(axis=2)
        assert not changed[who.zones != Zone.BACKDROP].any() and not changed[150:, :30].any()
        assert not changed[:, 24:-24].any()
        assert changed[:100, :20].mean() > 0.9 and changed[:, -20:].mean() > 0.9
        tile = Roi(50, -30, 200, 60)
        np.testing.assert_array_equal(stack.render([plan], base, who, tile), out[tile.within(CANVAS)])

    def test_without_one_no_pixel_does(self) -> None:
        plan = planned(photographed(paper_alone(WHOLE)))
        assert plan.writes == (Zone.NEW,)


CURTAIN = photographed(folds(WHOLE))
CURTAIN_PLAN = planned(CURTAIN)
CURTAIN_WHOLE = stack.render([CURTAIN_PLAN], CURTAIN, reading(), CANVAS)
