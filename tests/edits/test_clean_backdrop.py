from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from studio_pipeline.edits import stack
from studio_pipeline.edits.base import Given
from studio_pipeline.edits.clean_backdrop import CLEAN_BACKDROP, CleanBackdropParams
from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels import color, metrics
from studio_pipeline.pixels.color import Codes, Linear
from studio_pipeline.pixels.frame import Frame, clipped_in_file, plan_scale
from studio_pipeline.pixels.masks import Mask, Zone, grow
from studio_pipeline.records.flaws import EVEN, CleanPlan
from studio_pipeline.records.hand import Hand
from studio_pipeline.records.plan import Plan, Tier
from studio_pipeline.subject.reading import Reading
from tests.support import backdrops, flawed
from tests.support.flawed import EXTENT

WHOLE = Roi.of(EXTENT)
SITTER = Roi(400, 480, 800, 700)
READING = backdrops.reading(EXTENT, SITTER)
NOBODY = backdrops.reading(EXTENT, Roi(0, 0, 0, 0))
ENCODING = color.named("ProPhoto")
KINDS = {"dust": "dust", "lint": "lint", "scuff": "scuffs", "crease": "creases", "thing": "things"}

FLAWS: dict[str, list[flawed.Field]] = {
    "dust": [flawed.dust(*at) for at in ((90, 120, 5.0), (700, 150, 7.0), (300, 1120, 4.0), (690, 900, 6.0))],
    "lint": [
        flawed.thread(150, 300, 60, 3, seed=4),
        flawed.thread(110, 800, 120, 2, seed=1),
        flawed.thread(600, 110, 90, 3, seed=2),
    ],
    "scuff": [flawed.scuff(250, 160, 30, seed=1), flawed.scuff(620, 330, 40, 0.07, seed=2),
              flawed.scuff(600, 1010, 45, seed=3)],
    "crease": [flawed.crease((45, 420), (330, 1110), 9, 0.07, 20)],
}  # fmt: skip


@cache
def paper() -> Linear:
    linear = flawed.paper(3)
    linear.setflags(write=False)
    return linear


def photograph(linear: Linear, bits: int = 16, sitter: Roi = SITTER) -> Frame:
    linear = linear.copy()
    linear[sitter.within(WHOLE)] = backdrops.MAGENTA
    return backdrops.frame(linear, bits, ENCODING)


def laid(linear: Linear, *kinds: str) -> Linear:
    field = flawed.ones()
    for kind in kinds:
        for flaw in FLAWS[kind]:
            field = field * flaw
    return np.asarray(linear * field[..., None], np.float32)


def where(*kinds: str) -> Mask:
    return np.logical_or.reduce([np.abs(flaw - 1) > 0.004 for kind in kinds for flaw in FLAWS[kind]])


def planned(base: Frame, who: Reading = READING, hand: Hand | None = None, **params: float) -> Plan:
    asked = Given(hand) if hand else Given()
    settings = CleanBackdropParams.model_validate(params)
    return CLEAN_BACKDROP.plan(base.at_scale(0.5), who, settings, 1, asked)


def body(plan: Plan) -> CleanPlan:
    return CleanPlan.model_validate(plan.body)


def kinds(plan: Plan) -> Counter[str]:
    return Counter(item.kind for item in plan.items)


def rendered(plan: Plan, base: Frame, who: Reading = READING) -> Codes:
    return stack.render([plan], base, who, base.roi)


def difference(a: Codes, b: Codes, sigma_px: float = 2) -> np.ndarray:
    blurred = (cv2.GaussianBlur(ENCODING.decode(codes), (0, 0), sigma_px) for codes in (a, b))
    return metrics.delta_e2000(*(np.asarray(linear, np.float32) for linear in blurred))


@pytest.fixture(scope="module")
def truth() -> Frame:
    return photograph(paper())


@pytest.fixture(scope="module")
def base() -> Frame:
    return photograph(laid(paper(), *FLAWS))


@pytest.fixture(scope="module")
def plan(base: Frame) -> Plan:
    return planned(base)


@pytest.fixture(scope="module")
def after(base: Frame, plan: Plan) -> Codes:
    return rendered(plan, base)


class TestFinding:
    def test_every_flaw_is_an_item_and_nothing_else_is(self, plan: Plan) -> None:
        assert kinds(plan) == {kind: len(flaws) for kind, flaws in FLAWS.items()}
        assert plan.tier is Tier.BACKDROP_ONLY and plan.canvas is None and plan.off == ()
        assert len({item.id for item in plan.items}) == len(plan.items)
        for item in plan.items:
            flaw = where(item.kind)
            assert flaw[(item.roi & WHOLE).within(WHOLE)].any() and item.said

    @pytest.mark.parametrize("name", [*flawed.PLAIN, *flawed.TEXTURED])
    def test_real_texture_has_none(self, name: str) -> None:
        clean = {**flawed.PLAIN, **flawed.TEXTURED}[name](5)
        plan = planned(photograph(clean))
        assert plan.items == () and not plan.changes and plan.refusals == ()

    @pytest.mark.parametrize("material", [flawed.coarse_grain, flawed.muslin])
    def test_flaws_are_found_through_grain_and_mottle(self, material: flawed.Backdrop) -> None:
        found = kinds(planned(photograph(laid(material(6), "dust", "lint", "crease"))))
        assert found["dust"] >= 2 and found["lint"] >= 2 and sum(found.values()) <= 8
        assert found["crease"] == 1 or material is flawed.muslin

    def test_lettering_on_the_wall_is_no_flaw(self) -> None:
        linear = paper()
        wall = np.zeros((EXTENT.height, EXTENT.width), np.uint8)
        for text, y, x, size in (("STUDIO", 180, 60, 2.2), ("28.05", 26, 700, 3.0)):
            cv2.putText(wall, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, (255,), 9, cv2.LINE_AA)
        for light in (0.55, 0.05):
            lettered = linear + (wall / 255.0)[..., None] * (light - linear)
            assert planned(photograph(lettered.astype(np.float32))).items == ()

    def test_sensitivity_and_switches_by_kind(self, base: Frame, plan: Plan) -> None:
        assert sum(kinds(planned(base, sensitivity=0.5)).values()) < len(plan.items)
        for left_out in (("dust", "crease"), ("lint", "scuff")):
            found = kinds(planned(base, **{KINDS[kind]: False for kind in left_out}))
            assert set(found) == set(FLAWS) - set(left_out)

    def test_the_same_picture_gives_the_same_record(self, base: Frame, plan: Plan) -> None:
        assert planned(base).digest() == plan.digest()
        assert Plan.model_validate_json(plan.model_dump_json()) == plan


class TestCleaning:
    @pytest.mark.parametrize("kind", FLAWS)
    def test_the_flaw_is_gone(self, base: Frame, truth: Frame, after: Codes, kind: str) -> None:
        flaw = where(kind)
        before = difference(base.codes, truth.codes)[flaw]
        left = difference(after, truth.codes)[flaw]
        assert left.mean() < 0.8 and np.quantile(left, 0.99) < 2 and left.mean() < 0.25 * before.mean()

    def test_nothing_else_changes_and_the_person_least_of_all(self, base: Frame, after: Codes) -> None:
        changed = (after != base.codes).any(axis=2)
        assert not changed[READING.zones != Zone.BACKDROP].any()
        assert (changed & ~grow(where(*FLAWS), 30)).sum() == 0
        elsewhere = changed & ~grow(where(*FLAWS), 6)
        assert difference(after, base.codes)[elsewhere].mean() < 0.3

    @pytest.mark.parametrize("kind", ["scuff", "crease"])
    def test_a_gain_keeps_the_texture_of_the_very_pixels(self, truth: Frame, after: Codes, kind: str) -> None:
        tones = [metrics.tone(ENCODING.decode(codes)) for codes in (after, truth.codes)]
        flaw = where(kind)
        energies = [metrics.band_energies(tone, flaw, 3) for tone in tones]
        assert energies[0] / energies[1] == pytest.approx(1, abs=0.1)
        fine = [tone - cv2.GaussianBlur(tone, (0, 0), 1.5) for tone in tones]
        assert np.corrcoef(fine[0][flaw], fine[1][flaw])[0, 1] > 0.98

    def test_healed_specks_have_the_grain_around_them(self, base: Frame, plan: Plan, after: Codes) -> None:
        tone = metrics.tone(ENCODING.decode(after))
        inner = body(plan).healed(WHOLE, 1.0)
        around = grow(inner, 20) & ~grow(inner, 2)
        ratio = metrics.high_frequency_energy(tone, inner) / metrics.high_frequency_energy(tone, around)
        assert ratio == pytest.approx(1, abs=0.1)

    @pytest.mark.parametrize("kind", FLAWS)
    def test_an_item_that_is_off_leaves_its_pixels_as_they_are(
        self, base: Frame, plan: Plan, kind: str
    ) -> None:
        item = next(item for item in plan.items if item.kind == kind)
        others = tuple(other.id for other in plan.items if other.id != item.id)
        without, alone = (
            rendered(plan.model_copy(update={"off": off}), base) for off in ((item.id,), others)
        )
        mine, theirs = ((codes != base.codes).any(axis=2) for codes in (alone, without))
        assert mine.any() and mine.sum() == mine[(item.roi & WHOLE).within(WHOLE)].sum()
        assert not (mine & theirs).sum() > 0.2 * mine.sum()

    @settings(max_examples=12)
    @given(st.integers(0, 799), st.integers(0, 1199), st.integers(1, 420), st.integers(1, 420))
    def test_any_tile_has_the_pixels_of_the_whole(
        self, base: Frame, everything: tuple[Plan, Codes], y: int, x: int, height: int, width: int
    ) -> None:
        plan, whole = everything
        tile = Roi(y, x, min(800, y + height), min(1200, x + width))
        np.testing.assert_array_equal(stack.render([plan], base, READING, tile), whole[tile.within(WHOLE)])

    @pytest.mark.parametrize("scale", [0.5, 0.31, 0.1, 0.02])
    def test_any_scale_stays_in_its_zones_and_looks_like_the_master(
        self, base: Frame, everything: tuple[Plan, Codes], scale: float
    ) -> None:
        plan, whole = everything
        proxy = base.at_scale(scale)
        small = rendered(plan, proxy)
        if scale >= 0.3:
            master = replace(base, codes=whole).at_scale(scale)
            edited = (small != proxy.codes).any(axis=2)
            assert difference(small, master.codes)[edited].mean() < 1

    def test_eight_bit_bases_stay_eight_bit(self) -> None:
        eight = photograph(laid(paper(), "dust", "scuff"), bits=8)
        after = rendered(planned(eight), eight)
        assert after.dtype == np.uint8 and (after != eight.codes).any()


@pytest.fixture(scope="module")
def everything(base: Frame) -> tuple[Plan, Codes]:
    """All kinds at once, with an area drawn by hand and even light."""
    corner = tuple(Point(y, x) for y, x in ((0, 1000), (0, 1150), (90, 1150), (90, 1000)))
    plan = planned(base, hand=Hand(area=(corner,)), even_light=0.8)
    assert set(kinds(plan)) == {*KINDS, "uneven light"}
    return plan, rendered(plan, base)


class TestThings:
    def stood(self, at_x: float, radius_px: float = 7, light: tuple[float, ...] = (0.012,) * 3) -> Frame:
        linear = paper()
        cover, _ = flawed.stand(at_x, radius_px)
        return photograph(linear + cover[..., None] * (np.array(light, np.float32) - linear))

    def test_a_stand_at_the_side_becomes_backdrop(self, truth: Frame) -> None:
        base = self.stood(1090)
        plan = planned(base)
        assert kinds(plan) == {"thing": 1} and plan.off == () and planned(base, things=False).items == ()
        after = rendered(plan, base)
        changed = (after != base.codes).any(axis=2)
        assert changed[:, 1083:1098].all() and not changed[:, :1040].any()
        assert difference(after, truth.codes, 6)[changed].mean() < 0.6
        tone = metrics.tone(ENCODING.decode(after))
        inner = np.zeros_like(changed)
        inner[20:-20, 1084:1097] = True
        beside = np.zeros_like(changed)
        beside[20:-20, 1000:1050] = True
        bands = metrics.band_energies(tone, inner, 3) / metrics.band_energies(tone, beside, 3)
        assert bands == pytest.approx(1, abs=0.12)

    @pytest.mark.parametrize("at_x", [474, 590, 706])
    def test_what_touches_or_nears_the_person_is_never_filled(self, at_x: int) -> None:
        assert kinds(planned(self.stood(at_x)))["thing"] == 0

    def test_a_plant_is_proposed_at_most_and_its_switch_starts_off(self) -> None:
        base = self.stood(1150, 40, (0.03, 0.16, 0.02))
        plan = planned(base)
        assert set(plan.off) == {item.id for item in plan.items if item.kind == "thing"}
        np.testing.assert_array_equal(rendered(plan, base), base.codes)

    def test_the_floor_and_the_wall_beside_the_paper_are_left_alone(self) -> None:
        for part in (np.s_[:, 1080:], np.s_[660:, :]):
            linear = paper().copy()
            linear[part] *= 0.4
            assert kinds(planned(photograph(linear)))["thing"] == 0

    def test_a_persons_hand_says_what_is_filled_and_what_is_spared(self, truth: Frame) -> None:
        base = self.stood(1090)
        area = tuple(Point(y, x) for y, x in ((100, 150), (100, 230), (260, 230), (260, 150)))
        drawn = planned(base, hand=Hand(area=(area,)))
        changed = (rendered(drawn, base) != base.codes).any(axis=2)
        assert changed[110:250, 160:220].all() and not changed[:, 300:].any() and not changed[280:].any()

        spare = tuple(Point(y, x) for y, x in ((-20, 1000), (-20, 1220), (300, 1220), (300, 1000)))
        spared = planned(base, hand=Hand(spare=(spare,)), even_light=1)
        changed = (rendered(spared, base) != base.codes).any(axis=2)
        assert not changed[:301, 1000:].any() and changed[:, :400].any()

    def test_an_area_over_the_person_is_cut_or_refused(self, truth: Frame) -> None:
        inside = tuple(Point(y, x) for y, x in ((500, 500), (500, 680), (700, 680), (700, 500)))
        plan = planned(truth, hand=Hand(area=(inside,)))
        assert [r.where for r in plan.refusals] == ["fill"] and not plan.changes
        across = tuple(Point(y, x) for y, x in ((420, 300), (420, 600), (560, 600), (560, 300)))
        base = self.stood(1090)
        changed = (rendered(planned(base, hand=Hand(area=(across,))), base) != base.codes).any(axis=2)
        assert changed[440:540, 320:440].all() and not changed[READING.zones != Zone.BACKDROP].any()

    def test_another_try_copies_from_elsewhere(self, truth: Frame) -> None:
        area = tuple(Point(y, x) for y, x in ((100, 150), (100, 230), (260, 230), (260, 150)))
        plans = [planned(truth, hand=Hand(area=(area,), tries=tries)) for tries in (0, 1, 2)]
        offsets = {body(plan).fills[0].offset for plan in plans}
        assert len(offsets) == 3 and None not in offsets
        assert len({body(plan).fills[0].area for plan in plans}) == 1

    def test_what_runs_through_the_rim_goes_on_in_the_fill(self) -> None:
        base = photograph(flawed.brick(5))
        area = tuple(Point(y, x) for y, x in ((120, 150), (120, 330), (300, 330), (300, 150)))
        after = rendered(planned(base, hand=Hand(area=(area,))), base)
        inner = np.s_[110:310, 140:340]
        joints = [metrics.tone(ENCODING.decode(codes))[inner] for codes in (after, base.codes)]
        joints = [cv2.GaussianBlur(joint, (0, 0), 2) for joint in joints]
        assert (after != base.codes).any() and np.corrcoef(*(joint.ravel() for joint in joints))[0, 1] > 0.8

    def test_an_area_too_large_for_one_copy_is_covered_in_pieces(self, truth: Frame) -> None:
        area = tuple(Point(y, x) for y, x in ((-20, 20), (-20, 1180), (330, 1180), (330, 20)))
        plan = planned(truth, hand=Hand(area=(area,)))
        (fill,) = body(plan).fills
        assert fill.offset is None and fill.pieces is not None and len(fill.pieces.array()) > 20
        after = rendered(plan, truth)
        assert difference(after, truth.codes, 8)[20:300, 60:1140].mean() < 1.0
        tones = [metrics.tone(ENCODING.decode(codes)) for codes in (after, truth.codes)]
        inner = np.zeros(tones[0].shape, np.bool_)
        inner[30:290, 80:1120] = True
        bands = [metrics.band_energies(tone, inner, 3) for tone in tones]
        assert bands[0] / bands[1] == pytest.approx(1, abs=0.12)

    def test_dust_is_not_copied_into_a_fill(self, truth: Frame) -> None:
        linear = paper()
        for y in range(60, 780, 60):
            for x in range(900, 1070, 45):
                linear = linear * flawed.dust(y, x, 4.0)[..., None]
        cover, _ = flawed.stand(1120)
        base = photograph(linear + cover[..., None] * (0.012 - linear))
        after = rendered(planned(base), base)
        assert difference(after, truth.codes)[30:770, 1113:1127].max() < 3  # a speck is 9 off


class TestEvenLight:
    def light(self, codes: Codes) -> np.ndarray:
        return cv2.GaussianBlur(ENCODING.decode(codes), (0, 0), 12)

    @pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
    def test_strength_is_a_share_of_the_stops(self, truth: Frame, strength: float) -> None:
        plan = planned(truth, even_light=strength)
        after = rendered(plan, truth)
        far = ~grow(READING.zones != Zone.BACKDROP, 210)
        before, now = (np.log2(self.light(codes)[far]) for codes in (truth.codes, after))
        shares = (np.quantile(now, 0.98, axis=0) - np.quantile(now, 0.02, axis=0)) / (
            np.quantile(before, 0.98, axis=0) - np.quantile(before, 0.02, axis=0)
        )
        assert shares == pytest.approx(1 - strength, abs=0.09)
        assert not (after != truth.codes)[READING.zones != Zone.BACKDROP].any()

    def test_nothing_jumps_at_the_person_and_nothing_rings(self, truth: Frame) -> None:
        gain = self.light(rendered(planned(truth, even_light=1), truth)) / self.light(truth.codes)
        for row in (100, 500, 700):
            line = np.log2(gain[row, 715:, 1])
            assert abs(line[0]) < 0.03 and np.abs(np.diff(line)).max() < 0.01
            assert np.diff(line).min() > -0.002  # it rises towards the dark side, and never falls back

    def test_texture_is_scaled_with_its_light(self, truth: Frame) -> None:
        after = rendered(planned(truth, even_light=1), truth)
        tones = [metrics.tone(ENCODING.decode(codes)) for codes in (after, truth.codes)]
        fine = [(tone - cv2.GaussianBlur(tone, (0, 0), 2))[:, :300] for tone in tones]
        assert np.corrcoef(fine[0].ravel(), fine[1].ravel())[0, 1] > 0.99

    def test_its_switch_leaves_it_out(self, truth: Frame) -> None:
        plan = planned(truth, even_light=1)
        assert kinds(plan) == {"uneven light": 1}
        off = plan.model_copy(update={"off": (EVEN,)})
        np.testing.assert_array_equal(rendered(off, truth), truth.codes)

    def test_white_that_is_clipped_stays_white(self) -> None:
        linear = paper() * 2.2
        linear[:200, :300] = 1.2  # a window
        base = photograph(linear)
        after = rendered(planned(base, even_light=1), base)
        np.testing.assert_array_equal(after[base.clipped], base.codes[base.clipped])
        assert (after != base.codes)[:, 900:].any()

    def test_a_white_set_becomes_whiter_and_never_greyer(self) -> None:
        linear = flawed.coarse_grain(3) * 3.6
        base = photograph(linear)
        assert 0.3 < base.clipped.mean() < 0.9
        plan = planned(base, even_light=1)
        after = rendered(plan, base)
        assert "white" in next(item.said for item in plan.items if item.id == EVEN)
        assert (after.astype(np.int64) - base.codes >= -1).all()
        np.testing.assert_array_equal(after[base.clipped], base.codes[base.clipped])


class TestBadInput:
    @pytest.mark.parametrize("zone", [Zone.LOCKED, Zone.EDGE, Zone.HEALABLE])
    def test_where_nothing_is_backdrop_the_reason_is_told(self, base: Frame, zone: Zone) -> None:
        who = backdrops.reading(EXTENT, SITTER, sure=False)
        who = replace(who, zones=np.full_like(who.zones, zone))
        plan = planned(base, who, even_light=1)
        assert not plan.changes and [r.reason for r in plan.refusals] == ["the back of a head"]

    def test_a_tiny_picture_and_a_black_one_are_refused(self) -> None:
        extent = Extent(90, 120)
        who = backdrops.reading(extent, Roi(60, 50, 90, 70))
        codes = np.full((90, 120, 3), 9000, np.uint16)
        tiny = Frame(codes, ENCODING, clipped_in_file(codes))
        assert "too small" in planned(tiny, who).refusals[0].reason
        black = photograph(np.zeros((EXTENT.height, EXTENT.width, 3), np.float32))
        assert "black" in planned(black, even_light=1).refusals[0].reason

    @pytest.mark.parametrize("extent", [Extent(130, 3000), Extent(3000, 130)])
    def test_long_pictures_are_cleaned_like_any(self, extent: Extent) -> None:
        rng = np.random.default_rng(1)
        linear = (0.2 + 0.004 * rng.standard_normal((extent.height, extent.width, 3))).astype(np.float32)
        linear[40:50, 60:70] *= 0.5
        codes = ENCODING.encode(linear, 16)
        base = Frame(codes, ENCODING, clipped_in_file(codes))
        plan = planned(base, backdrops.reading(extent, Roi(0, 0, 0, 0)), even_light=1)
        assert set(kinds(plan)) <= {"dust", "uneven light"} and plan.refusals == ()

    def test_flat_pixels_without_any_noise(self) -> None:
        plan = planned(photograph(np.full((EXTENT.height, EXTENT.width, 3), 0.2, np.float32)), even_light=1)
        assert plan.items == () and plan.notes == ("the light is even already",)

    @pytest.mark.parametrize(
        "wrong", [{"even_light": 1.5}, {"sensitivity": 0}, {"person_margin": 0.001}, {"dirt": True}]
    )
    def test_parameters_have_bounds(self, wrong: dict[str, float]) -> None:
        with pytest.raises(ValidationError):
            CleanBackdropParams.model_validate(wrong)


@pytest.mark.pictures
def test_real_backdrops_are_left_as_they_are_and_people_in_any_case(pictures_folder: Path) -> None:
    from studio_pipeline.subject.read import read_subject

    encoding = color.named("sRGB")
    for path in sorted(pictures_folder.rglob("portrait_*.*"))[:12]:
        codes = np.ascontiguousarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1])
        extent = Extent(*codes.shape[:2])
        base = Frame(codes, encoding, clipped_in_file(codes))
        small = base.at_scale(plan_scale(extent))
        who = read_subject(small, extent)
        plan = CLEAN_BACKDROP.plan(small, who, CleanBackdropParams(even_light=1), 1)
        assert not [item for item in plan.items if item.id != EVEN], path.name
        after = stack.render([plan], base, who, base.roi)
        assert not (after != codes).any(axis=2)[who.zones != Zone.BACKDROP].any(), path.name
