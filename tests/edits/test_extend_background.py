import colorsys
import json
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import JsonValue

from studio_pipeline.edits import stack
from studio_pipeline.edits.extend_background import EXTEND_BACKGROUND, ExtendParams, ExtendPlan
from studio_pipeline.geometry import Extent, Insets, Roi
from studio_pipeline.pixels import light, metrics, texture
from studio_pipeline.pixels.color import Codes, Linear
from studio_pipeline.pixels.frame import Frame, plan_scale
from studio_pipeline.pixels.light import LightGrid
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.records.plan import Plan, Tier
from studio_pipeline.subject.reading import Reading
from tests.support import backdrops
from tests.support.backdrops import COARSE, EXTENT, FINE, SITTER, SRGB, WHOLE, Light, picture, reading

FIFTEEN = {"left": 90, "right": 90}
NOBODY = Roi(0, 0, 0, 0)


def planned(base: Frame, who: Reading, seed: int = 1, **params: JsonValue) -> Plan:
    small = base.at_scale(plan_scale(base.extent))
    return EXTEND_BACKGROUND.plan(small, who, ExtendParams.model_validate(params), seed)


def extended(base: Frame, who: Reading, **params: JsonValue) -> tuple[Codes, Roi]:
    plan = planned(base, who, 1, **params)
    canvas = stack.canvas_of([plan], base.roi)
    return stack.render([plan], base, who, canvas), canvas


def new_area(canvas: Roi, base: Roi = WHOLE) -> Mask:
    mask = np.ones((canvas.extent.height, canvas.extent.width), np.bool_)
    mask[base.within(canvas)] = False
    return mask


def codes_of_255(values: Codes | Linear) -> NDArray[np.float32]:
    codes = values if values.dtype.kind == "u" else SRGB.encode(np.asarray(values, np.float32), 16)
    return codes.astype(np.float32) / (257 if codes.dtype == np.uint16 else 1)


def sources(plan: Plan) -> Iterator[Roi]:
    """What each piece copies, in master pixels."""
    body = ExtendPlan.model_validate(plan.body).extension
    assert body is not None
    for row in body.pieces.array():
        piece = texture.Piece.of_row(row).scaled(1.0, WHOLE)
        yield Roi.of(piece.roi.extent, piece.source)


@pytest.fixture(scope="module")
def base() -> Frame:
    return picture(grain=COARSE)


@pytest.fixture(scope="module")
def plan(base: Frame) -> Plan:
    return planned(base, reading(), left=90, right=47, top=61)


@pytest.fixture(scope="module")
def whole(base: Frame, plan: Plan) -> Codes:
    return stack.render([plan], base, reading(), CANVAS)


CANVAS = Roi(-61, -90, 400, 647)


class TestPlan:
    def test_is_a_record(self, base: Frame, plan: Plan) -> None:
        """It survives JSON to the letter, and the same picture gives the same hash."""
        assert plan.changes and plan.canvas == CANVAS and plan.tier is Tier.BACKDROP_ONLY
        again = Plan.model_validate(json.loads(json.dumps(plan.model_dump(mode="json"))))
        assert again == plan and again.digest() == plan.digest()
        assert Plan.model_validate_json(plan.model_dump_json()).digest() == plan.digest()
        assert planned(base, reading(), left=90, right=47, top=61).digest() == plan.digest()
        assert planned(base, reading(), 2, left=90, right=47, top=61).digest() != plan.digest()

    def test_is_small(self, plan: Plan) -> None:
        assert len(plan.model_dump_json()) < 200_000

    def test_an_aspect_is_met(self, base: Frame) -> None:
        for aspect, wanted in (("16:9", Extent(400, 711)), ("1:1", Extent(600, 600))):
            canvas = planned(base, reading(sitter=NOBODY), aspect=aspect).canvas
            assert canvas is not None and canvas.extent == wanted

    def test_the_format_it_has_is_left_alone(self, base: Frame) -> None:
        plan = planned(base, reading(), aspect="3:2")
        assert not plan.changes and plan.canvas is None and plan.refusals == ()
        assert plan.notes == ("the picture already has this format",)


class TestRefusals:
    def test_a_side_that_cuts_her_is_refused_and_the_others_go(self, base: Frame) -> None:
        plan = planned(base, reading(), left=40, bottom=40, top=20)
        assert plan.canvas == WHOLE.grown(Insets(left=40, top=20))
        (refusal,) = plan.refusals
        assert refusal.where == "bottom" and "cuts the person" in refusal.reason
        out, canvas = extended(base, reading(), left=40, bottom=40, top=20)
        assert out.shape == (420, 640, 3) and canvas == plan.canvas

    def test_her_side_s_share_goes_to_the_other(self, base: Frame) -> None:
        plan = planned(base, reading(), aspect="1:1")
        assert plan.canvas == Roi(-200, 0, 400, 600)
        assert [r.where for r in plan.refusals] == ["bottom"]
        assert plan.notes == ("all new backdrop goes to the top", "top: plain")

    def test_where_all_is_refused_nothing_changes(self, base: Frame) -> None:
        who = reading(sitter=Roi(100, 0, 300, 600))
        plan = planned(base, who, aspect="2:1")
        assert not plan.changes and plan.canvas is None and plan.body == {}
        assert {r.where for r in plan.refusals} == {"left", "right"}
        np.testing.assert_array_equal(stack.render([plan], base, who, WHOLE), base.codes)

    @pytest.mark.parametrize("seen_columns", [0, 1, 2])
    @pytest.mark.parametrize("sure", [True, False])
    def test_where_no_backdrop_can_be_read_nothing_is_made_up(
        self, base: Frame, seen_columns: int, sure: bool
    ) -> None:
        who = reading(sitter=NOBODY, sure=sure)
        backdrop = np.zeros_like(who.backdrop)
        backdrop[:, :seen_columns] = True
        plan = planned(base, replace(who, backdrop=backdrop), left=50)
        assert not plan.changes and [r.where for r in plan.refusals] == ["left"]

    def test_an_unsure_frame_is_extended_where_only_backdrop_touches(self, base: Frame) -> None:
        """Every pixel of it stays locked; new area is nobody's."""
        who = reading(sure=False)
        out, canvas = extended(base, who, left=30, right=30, bottom=30)
        assert canvas == WHOLE.grown(Insets(left=30, right=30))
        np.testing.assert_array_equal(out[WHOLE.within(canvas)], base.codes)


class TestPixels:
    @pytest.mark.parametrize("bits", [8, 16])
    def test_every_original_pixel_is_itself(self, bits: int) -> None:
        base = picture(bits=bits)
        out, canvas = extended(base, reading(), left=33, right=20, top=41)
        assert out.dtype == base.codes.dtype
        np.testing.assert_array_equal(out[WHOLE.within(canvas)], base.codes)
        assert (out[new_area(canvas)] > 0).all()

    def test_the_stored_plan_gives_the_same_pixels(self, base: Frame, plan: Plan, whole: Codes) -> None:
        stored = Plan.model_validate_json(plan.model_dump_json())
        np.testing.assert_array_equal(stack.render([stored], base, reading(), CANVAS), whole)

    @settings(max_examples=15)
    @given(st.integers(-61, 399), st.integers(-90, 646), st.integers(1, 300), st.integers(1, 300))
    def test_any_tile_has_the_pixels_of_the_whole(
        self, base: Frame, plan: Plan, whole: Codes, y: int, x: int, height: int, width: int
    ) -> None:
        tile = Roi(y, x, y + height, x + width) & CANVAS
        out = stack.render([plan], base, reading(), tile)
        np.testing.assert_array_equal(out, whole[tile.within(CANVAS)])

    @pytest.mark.parametrize("scale", [0.5, 0.37])
    def test_a_proxy_shows_what_the_master_will_be(
        self, base: Frame, plan: Plan, whole: Codes, scale: float
    ) -> None:
        proxy, canvas = base.at_scale(scale), CANVAS.scaled(scale)
        small = stack.render([plan], proxy, reading(), canvas)
        size = (canvas.extent.width, canvas.extent.height)
        master = cv2.resize(SRGB.decode(whole), size, interpolation=cv2.INTER_AREA)
        a, b = (np.asarray(cv2.GaussianBlur(v, (0, 0), 2), np.float32) for v in (SRGB.decode(small), master))
        new = new_area(canvas, proxy.roi)
        assert metrics.delta_e2000(a, b)[new].mean() < 1

    @pytest.mark.parametrize("extent", [Extent(401, 601), Extent(399, 599), Extent(253, 378)])
    @pytest.mark.parametrize("scale", [1.0, 0.5, 0.341])
    def test_odd_sizes_leave_no_gap(self, extent: Extent, scale: float) -> None:
        """At plan scale a frame of 601 is one of 301; no row or column of the master goes without grain."""
        base = backdrops.frame(backdrops.with_grain(backdrops.even(Roi.of(extent)), COARSE))
        who = reading(extent, NOBODY)
        plan = planned(base, who, left=45, right=47, top=31, bottom=29)
        canvas = Roi.of(extent).grown(Insets(31, 45, 29, 47)).scaled(scale)
        out = stack.render([plan], base.at_scale(scale), who, canvas)
        grain = metrics.tone(SRGB.decode(out))
        grain -= cv2.GaussianBlur(grain, (0, 0), 3)
        every = [grain.std(axis=axis) for axis in (0, 1)]
        assert min(e.min() for e in every) > 0.6 * np.median(every[0])

    @pytest.mark.parametrize("extent", [Extent(1, 1), Extent(2, 3), Extent(9, 400), Extent(31, 20)])
    def test_the_smallest_pictures_too(self, extent: Extent) -> None:
        base = backdrops.frame(backdrops.with_grain(backdrops.even(Roi.of(extent)), FINE))
        out, canvas = extended(base, reading(extent, NOBODY), left=5, bottom=7)
        np.testing.assert_array_equal(out[base.roi.within(canvas)], base.codes)
        assert np.abs(codes_of_255(out).mean() - codes_of_255(base.codes).mean()) < 3


def low_frequency_error(light: Light, out: Codes, canvas: Roi) -> float:
    """Root mean square over new area, in 255ths of sRGB, after a blur of 1/60 of the long edge."""
    truth = codes_of_255(light(canvas))
    got = np.where(new_area(canvas)[..., None], codes_of_255(out), truth)
    difference = cv2.GaussianBlur(got - truth, (0, 0), canvas.extent.long_edge / 60)
    return float(np.sqrt(np.mean(np.square(difference[new_area(canvas)]))))


def replicated(base: Frame, canvas: Roi) -> Codes:
    added = (-canvas.y0, canvas.y1 - base.roi.y1, -canvas.x0, canvas.x1 - base.roi.x1)
    return np.asarray(cv2.copyMakeBorder(base.codes, *added, cv2.BORDER_REPLICATE), np.uint16)


@pytest.mark.parametrize("grain", [FINE, COARSE])
class TestLight:
    @pytest.mark.parametrize(
        "light", [backdrops.even, backdrops.linear_fall_off, backdrops.quadratic_fall_off]
    )
    @pytest.mark.parametrize("sides", [FIFTEEN, {"top": 60}, {"left": 90, "top": 60}], ids=str)
    def test_falls_off_as_it_did(self, light: Light, grain: float, sides: dict[str, JsonValue]) -> None:
        out, canvas = extended(picture(light, grain), reading(), **sides)
        assert low_frequency_error(light, out, canvas) <= 2

    @pytest.mark.parametrize("sides", [{"right": 30}, {"left": 90}, {"top": 60}], ids=str)
    def test_is_read_where_it_is(self, grain: float, sides: dict[str, JsonValue]) -> None:
        """A cell's error of place would be 0.0015 of tone."""

        def slope(roi: Roi) -> Linear:
            y, x = np.mgrid[roi.y0 : roi.y1, roi.x0 : roi.x1] / EXTENT.long_edge
            return np.asarray(np.repeat((0.35 - 0.12 * (x + y))[..., None], 3, axis=2), np.float32)

        body = ExtendPlan.model_validate(planned(picture(slope, grain), reading(), 1, **sides).body).extension
        assert body is not None
        grid = LightGrid(body.light.array(), body.light_y0, body.light_x0, body.cell_px)
        miss = (grid.at(WHOLE, 1.0) - light.to_tone(slope(WHOLE)))[reading().zones == Zone.BACKDROP]
        assert np.sqrt(np.mean(np.square(miss))) < 0.0011

    def test_a_steep_fall_off_is_followed_far_better_than_by_repeating_the_border(self, grain: float) -> None:
        base = picture(backdrops.steep_fall_off, grain)
        out, canvas = extended(base, reading(), **FIFTEEN)
        error = low_frequency_error(backdrops.steep_fall_off, out, canvas)
        repeated = low_frequency_error(backdrops.steep_fall_off, replicated(base, canvas), canvas)
        assert error <= 3 and error < repeated / 3

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_meets_the_border_without_a_step(self, grain: float, seed: int) -> None:
        out, _ = extended(picture(grain=grain, seed=seed), reading(), **FIFTEEN)
        tone = metrics.tone(SRGB.decode(out))
        for seam in (90, 690):
            strip = tone[:, seam - metrics.SEAM_REACH_PX : seam + metrics.SEAM_REACH_PX]
            assert 0.9 < metrics.seam_ratio(strip) < 1.1

    def test_grain_is_the_backdrop_s(self, grain: float) -> None:
        base = picture(grain=grain)
        out, canvas = extended(base, reading(), left=90, right=90, top=60)
        truth = backdrops.frame(
            backdrops.with_grain(backdrops.quadratic_fall_off(canvas), grain, seed=9)
        ).codes
        made, real = (metrics.tone(SRGB.decode(codes)) for codes in (out, truth))
        new = new_area(canvas)
        energies = [metrics.high_frequency_energy(tone, new) for tone in (made, real)]
        assert energies[0] / energies[1] == pytest.approx(1, abs=0.1)
        assert metrics.grain_ratio(*energies) == pytest.approx(1, abs=0.1)
        bands = [metrics.band_energies(tone, new, 4) for tone in (made, real)]
        ratios = bands[0] / bands[1]
        assert ratios[:3] == pytest.approx(np.ones(3), abs=0.12)
        assert ratios[3] == pytest.approx(1, abs=0.2)  # where grain is fine, the light's own bend counts here

    @pytest.mark.parametrize("rise", [0.35, 0.9])
    def test_a_blown_out_side_goes_on_white(self, grain: float, rise: float) -> None:
        """What the file cuts off at white is at least that: no gap, to be filled with the grey beside it."""

        def light(roi: Roi) -> Linear:
            x = np.arange(roi.x0, roi.x1, dtype=np.float32) / EXTENT.width
            row = (1.12 - rise + rise * x)[None, :, None]
            return np.asarray(np.broadcast_to(row, (roi.extent.height, len(x), 3)))

        base = picture(light, grain)
        assert 0.08 < base.clipped.mean() < 0.5
        out, canvas = extended(base, reading(), right=90)
        beside, made = codes_of_255(out)[:, 580:600], codes_of_255(out)[:, 600:]
        assert made.mean() > beside.mean() - 0.5 > 253
        assert low_frequency_error(light, out, canvas) <= 2


class TestWhatIsNeverCopied:
    def test_a_clipped_white_set_stays_white(self) -> None:
        base = picture(lambda roi: np.full((roi.extent.height, roi.extent.width, 3), 1.2, np.float32))
        out, canvas = extended(base, reading(), left=60, right=60, top=60)
        assert out[new_area(canvas)].min() == 65535

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_her_colours_never_appear(self, seed: int) -> None:
        """She is pure magenta, on a grey set: no new pixel leans that way."""
        base = picture(grain=FINE, seed=seed)
        who = reading()
        plan = planned(base, who, seed, left=90, right=90, top=80)
        canvas = WHOLE.grown(Insets(80, 90, 0, 90))
        linear = SRGB.decode(stack.render([plan], base, who, canvas))
        new = new_area(canvas)
        assert pinkness(linear[new]).max() < 0.15 * pinkness(np.array(backdrops.MAGENTA, np.float32))
        smooth = cv2.GaussianBlur(linear, (0, 0), 4)[new][::97]
        hue, saturation, _ = np.array([colorsys.rgb_to_hsv(*pixel) for pixel in smooth.tolist()]).T
        assert saturation.max() < 0.15 and hue.max() < 0.2  # the paper's own warm grey, nothing else
        for copied in sources(plan):
            assert (copied & SITTER.grown(2)).empty

    @pytest.mark.parametrize(
        ("radius_px", "darker"), [(1.5, 0.4), (2.5, 0.4), (2.5, 0.2), (5.0, 0.4), (5.0, 0.2)]
    )
    @pytest.mark.parametrize("grain", [FINE, COARSE])
    def test_no_speck_of_dust_is_copied(self, radius_px: float, darker: float, grain: float) -> None:
        rng = np.random.default_rng(3)
        specks = [
            (int(rng.integers(10, 390)), int(x))
            for x in (*rng.integers(8, 200, 7), *rng.integers(390, 592, 7))
        ]
        linear = backdrops.with_grain(backdrops.quadratic_fall_off(WHOLE), grain)
        for y, x in specks:
            away = np.hypot(*np.ogrid[-y : EXTENT.height - y, -x : EXTENT.width - x])
            linear *= 1 - darker * np.clip(radius_px + 0.5 - away, 0, 1)[..., None].astype(np.float32)
        linear[SITTER.within(WHOLE)] = backdrops.MAGENTA
        plan = planned(backdrops.frame(linear), reading(), left=90, right=90, top=60)
        copied = list(sources(plan))
        assert len(copied) > 40
        for y, x in specks:
            assert not any(roi.contains(Roi(y, x, y + 1, x + 1)) for roi in copied)

    def test_a_texture_is_copied_whatever_stands_out_of_it(self) -> None:
        """Muslin: where everything stands out nothing is dust."""
        weave = cv2.GaussianBlur(
            np.random.default_rng(2).standard_normal((400, 600)).astype(np.float32), (0, 0), 4
        )
        linear = backdrops.with_grain(backdrops.even(WHOLE) * (1 + 2.5 * weave[..., None]), FINE)
        plan = planned(backdrops.frame(linear), reading(sitter=NOBODY), left=90)
        base = backdrops.frame(linear)
        out = stack.render([plan], base, reading(sitter=NOBODY), WHOLE.grown(Insets(left=90)))
        tone = metrics.tone(SRGB.decode(out))
        bands = [metrics.band_energies(tone, mask, 4) for mask in (side(0, 90), side(90, 300))]
        assert bands[0] / bands[1] == pytest.approx(np.ones(4), abs=0.15)


def pinkness(linear: Linear) -> NDArray[np.float32]:
    """How much more red and blue than green."""
    return np.asarray((linear[..., 0] + linear[..., 2]) / 2 - linear[..., 1])


def side(x0: int, x1: int) -> Mask:
    mask = np.zeros((EXTENT.height, EXTENT.width + 90), np.bool_)
    mask[:, x0:x1] = True
    return mask


class TestPatch:
    def test_it_writes_new_area_and_all_of_it(self, base: Frame, plan: Plan) -> None:
        patch = EXTEND_BACKGROUND.render(plan, base, CANVAS)
        np.testing.assert_array_equal(patch.mask, new_area(CANVAS))
        assert patch.linear.dtype == np.float32 and np.isfinite(patch.linear).all()
        assert plan.writes == (Zone.NEW,)

    def test_inside_the_base_there_is_nothing_to_do(self, base: Frame, plan: Plan) -> None:
        assert not EXTEND_BACKGROUND.render(plan, base, Roi(10, 10, 50, 70)).mask.any()
