"""New area by a model, shown with an oracle: it returns the truth and a fault, which is undone or refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio_pipeline.edits import stack
from studio_pipeline.edits.base import Given
from studio_pipeline.edits.extend_background import EXTEND_BACKGROUND, ExtendParams
from studio_pipeline.edits.extension import Extension, seeing
from studio_pipeline.edits.extension.planning import Band, Picture
from studio_pipeline.edits.generated import takeout, windows
from studio_pipeline.engines.base import Capabilities, EngineFailed, EngineRequest, Shown
from studio_pipeline.errors import LockedPixelsChanged
from studio_pipeline.geometry import Extent, Insets, Roi
from studio_pipeline.pixels import agreement, metrics
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import Frame, plan_scale
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.records.generated import StoredTone
from studio_pipeline.records.plan import Plan
from tests.support import oracles
from tests.support.backdrops import SRGB
from tests.support.oracles import AROUND, WHOLE, Fault, Oracle, chooser, watched

LEFT_PX = 240


def planned(engine: Oracle | None, base: Frame, **params: object) -> Plan:
    wanted = ExtendParams.model_validate({"left": LEFT_PX, "generative": "structured", **params})
    small = base.at_scale(plan_scale(base.extent))
    return EXTEND_BACKGROUND.plan(small, oracles.who(), wanted, 1, Given(engine=chooser(engine)))


@dataclass(frozen=True, eq=False)
class Shot:
    """A plan, and its canvas rendered."""

    plan: Plan
    codes: Codes
    canvas: Roi
    oracle: Oracle

    @property
    def new(self) -> Codes:
        return self.codes[:, : -self.canvas.x0]


def shot(base: Frame, fault: Fault = lambda made, request: made, **params: object) -> Shot:
    with watched(Oracle(fault)) as oracle:
        plan = planned(oracle, base, **params)
    canvas = stack.canvas_of([plan], WHOLE)
    return Shot(plan, stack.render([plan], base, oracles.who(), canvas), canvas, oracle)


@pytest.fixture(scope="module", autouse=True)
def decided_once() -> Iterator[None]:
    """The classical extension of one picture, which no fault changes, is decided once for all tests."""
    real, known = seeing.decide, {}

    def decide(
        picture: Picture, master: Extent, added: Insets, seed: int, band: Band | None = None
    ) -> Extension:
        key = (hash(picture.frame.codes.tobytes()), master, added, seed)
        if key not in known:
            known[key] = real(picture, master, added, seed, band)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seeing, "decide", decide)
        yield


@pytest.fixture(scope="module")
def base() -> Frame:
    return oracles.picture()


@pytest.fixture(scope="module")
def right(base: Frame) -> Shot:
    """By an oracle without a fault."""
    return shot(base)


def apart(made: Shot) -> np.ndarray:  # type: ignore[type-arg]
    """Delta E 2000 of new area from the truth, grain averaged out."""
    truth = SRGB.encode(oracles.truth()[made.canvas.within(AROUND)], 16)[:, : made.new.shape[1]]
    ours, theirs = (cv2.GaussianBlur(SRGB.decode(codes), (0, 0), 2.0) for codes in (made.new, truth))
    return metrics.delta_e2000(ours, theirs)


def panels(canvas: Roi) -> Mask:
    """Plain places between the set's lines, in new area."""
    mask = np.zeros((canvas.extent.height, -canvas.x0), np.bool_)
    for start in oracles.PANELS:
        if start + 20 >= canvas.x0 and start + 110 <= 0:
            mask[110:250, start + 20 - canvas.x0 : start + 110 - canvas.x0] = True
            mask[280:420, start + 20 - canvas.x0 : start + 110 - canvas.x0] = True
    return mask


def fineness(made: Shot) -> float:
    """High frequencies of new area over the truth's, where the set is plain."""
    truth = SRGB.encode(oracles.truth()[made.canvas.within(AROUND)], 16)[:, : made.new.shape[1]]
    mask = panels(made.canvas)
    assert mask.any()
    ours, theirs = (
        metrics.high_frequency_energy(metrics.tone(SRGB.decode(codes)), mask) for codes in (made.new, truth)
    )
    return ours / theirs


def constant(made: Shown, request: EngineRequest) -> Shown:
    return made + np.float32([0.04, -0.02, 0.03])


def gradient(made: Shown, request: EngineRequest) -> Shown:
    across = np.linspace(-0.06, 0.06, made.shape[1], dtype=np.float32)[None, :, None]
    down = np.linspace(0, 0.03, made.shape[0], dtype=np.float32)[:, None, None]
    return made + across * np.float32([1, 0.5, -0.5]) + down


def contrast(made: Shown, request: EngineRequest) -> Shown:
    return made * np.float32([0.9, 0.95, 0.88]) + np.float32(0.04)


def blurred(made: Shown, request: EngineRequest) -> Shown:
    return np.asarray(cv2.GaussianBlur(made, (0, 0), 2.0), np.float32)


def banded(made: Shown, request: EngineRequest) -> Shown:
    return np.rint(made * 255).astype(np.float32) / np.float32(255)


def rolled(dy: int, dx: int) -> Fault:
    return lambda made, request: np.roll(made, (dy, dx), (0, 1))


class TestFaultsAreUndone:
    def test_without_one_it_is_the_truth(self, right: Shot) -> None:
        assert right.plan.engine == "oracle" and right.plan.made_by is not None
        assert apart(right).mean() < 0.6 and np.quantile(apart(right), 0.95) < 1.2
        assert 0.9 <= fineness(right) <= 1.1

    @pytest.mark.parametrize("fault", [constant, gradient, contrast])
    def test_shifted_colours(self, base: Frame, fault: Fault) -> None:
        """To within 1 dE2000 on average, and nearly everywhere."""
        made = shot(base, fault)
        assert made.plan.engine == "oracle"
        assert apart(made).mean() < 1 and np.quantile(apart(made), 0.95) < 1.5

    def test_blur(self, base: Frame) -> None:
        made = shot(base, blurred)
        assert made.plan.engine == "oracle"
        assert 0.9 <= fineness(made) <= 1.1
        assert any("softer than in the picture" in note for note in made.plan.notes)

    @pytest.mark.parametrize(("dy", "dx"), [(0, 1), (2, -1)])
    def test_a_shift(self, base: Frame, dy: int, dx: int) -> None:
        made = shot(base, rolled(dy, dx))
        assert any("was moved back" in note for note in made.plan.notes)
        assert apart(made).mean() < 0.7

    def test_banding(self, base: Frame, right: Shot) -> None:
        made = shot(base, banded)
        assert len(np.unique(made.new)) > 256
        # No contour is left: light on a plain panel is as smooth as by the oracle without a fault.
        assert float(np.abs(apart(made) - apart(right))[panels(made.canvas)].mean()) < 0.05


def nothing_but_noise(made: Shown, request: EngineRequest) -> Shown:
    return np.random.default_rng(1).random(made.shape, np.float32)


def not_a_number(made: Shown, request: EngineRequest) -> Shown:
    return np.full_like(made, np.nan)


def far_off(made: Shown, request: EngineRequest) -> Shown:
    return np.roll(made, (9, 9), (0, 1))


def of_another_size(made: Shown, request: EngineRequest) -> Shown:
    return made[:-8]


def a_red_ball(made: Shown, request: EngineRequest) -> Shown:
    out = made.copy()
    cv2.circle(out, (60, 150), 55, (0.8, 0.05, 0.05), -1)
    return out


def a_fence(made: Shown, request: EngineRequest) -> Shown:
    out = made.copy()
    for x in range(0, made.shape[1] // 3, 12):
        out[:, x : x + 6] *= 0.75
    return out


def broken(made: Shown, request: EngineRequest) -> Shown:
    raise EngineFailed("the device is out of memory")


@pytest.fixture(scope="module")
def classical(base: Frame) -> Plan:
    return planned(None, base, generative="never")


class TestFaultsAreRefused:
    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            (nothing_but_noise, "was not used"),
            (not_a_number, "no numbers"),
            (far_off, "was not used: it moved the set"),
            (of_another_size, "answered with a picture of"),
            (a_red_ball, "colours that are nowhere on the set"),
            (a_fence, "more structure than the set"),
            (broken, "out of memory"),
        ],
    )
    def test_and_the_classical_proposal_stands(
        self, base: Frame, classical: Plan, fault: Fault, said: str
    ) -> None:
        with watched(Oracle(fault)) as oracle:
            plan = planned(oracle, base)
        assert plan.engine == "classical" and plan.made_by is None and not plan.items
        assert plan.body == classical.body and plan.canvas == classical.canvas
        assert any(said in note for note in plan.notes), plan.notes

    def test_no_engine_is_a_note(self, base: Frame, classical: Plan) -> None:
        plan = planned(None, base)
        assert plan.body == classical.body
        assert "no model was asked: none is installed" in plan.notes


class TestTheWayToTheModel:
    def test_the_prefill_is_shown_the_mask_is_soft_and_lines_go_on(self, right: Shot) -> None:
        (request,) = right.oracle.requests
        assert request.extent in windows.shapes(right.oracle.capabilities)
        assert request.edit_mask[:, 0].min() == 1 and request.edit_mask[:, -1].max() == 0
        assert ((request.edit_mask > 0) & (request.edit_mask < 1)).any()
        levels = [line for line in request.lines if abs(line[2] - line[0]) < 3]
        assert len(levels) >= 3, "the shelves run into new area"
        assert all(line[3] < 2 for line in request.lines)

    def test_no_person_reaches_it(self, base: Frame, right: Shot) -> None:
        """Whoever stands there, the model is shown the same, to the last bit."""
        other = oracles.picture(person=(0.02, 0.6, 0.9))
        seen = shot(other).oracle.requests[0]
        mine = right.oracle.requests[0]
        assert np.array_equal(seen.context, mine.context) and np.array_equal(seen.lines, mine.lines)
        assert mine.taken_out.any()
        magenta = SRGB.encode(np.float32([[(0.35, 0.02, 0.30)]]), 16)[0, 0] / 65535
        assert np.abs(mine.context - magenta).sum(axis=2).min() > 0.3

    @settings(max_examples=25)
    @given(seed=st.integers(0, 2**32 - 1), high=st.integers(24, 90), wide=st.integers(24, 90))
    def test_nobody_is_left_in_a_picture(self, seed: int, high: int, wide: int) -> None:
        rng = np.random.default_rng(seed)
        zones = np.zeros((high, wide), np.uint8)
        for _ in range(rng.integers(1, 5)):
            y, x = rng.integers(0, high), rng.integers(0, wide)
            zone = rng.choice([Zone.EDGE, Zone.HEALABLE, Zone.LOCKED])
            zones[y : y + rng.integers(1, 20), x : x + rng.integers(1, 20)] = zone
        tone = rng.random((high, wide, 3), np.float32)
        other = tone.copy()
        other[zones != Zone.BACKDROP] = rng.random(3)
        one, two = takeout.take_out(tone, zones), takeout.take_out(other, zones)
        assert not ((zones != Zone.BACKDROP) & ~one.gone).any()
        if not one.gone.all():
            assert np.array_equal(one.tone, two.tone) and np.isfinite(one.tone).all()
            takeout.check_nobody(one.tone, zones, one.gone)

    def test_a_pixel_that_is_left_stops_it(self) -> None:
        zones = np.zeros((40, 60), np.uint8)
        zones[10:30, 20:40] = Zone.LOCKED
        nobody = takeout.take_out(np.full((40, 60, 3), 0.5, np.float32), zones)
        with pytest.raises(LockedPixelsChanged):
            takeout.check_nobody(nobody.tone, zones, nobody.gone & (np.arange(60) < 30))
        leaked = nobody.tone.copy()
        leaked[12, 22] = np.nan  # what ``take_out`` puts where somebody was
        with pytest.raises(LockedPixelsChanged):
            takeout.check_nobody(cv2.GaussianBlur(leaked, (0, 0), 1.0), zones, nobody.gone)

    @settings(max_examples=60)
    @given(
        megapixels=st.floats(0.1, 2.0),
        multiple=st.sampled_from([8, 16, 32, 64]),
        side=st.sampled_from(["left", "right", "top", "bottom"]),
        high=st.integers(200, 6000),
        wide=st.integers(200, 6000),
        depth=st.integers(8, 5000),
    )
    def test_steps(
        self, megapixels: float, multiple: int, side: str, high: int, wide: int, depth: int
    ) -> None:
        """Every step fits one of a few shapes, sees twice its own depth, and all of them fill the region."""
        able = Capabilities(True, False, megapixels, multiple)
        across = side in ("left", "right")
        region = {
            "left": Roi(0, -depth, high, 0),
            "right": Roi(0, wide, high, wide + depth),
            "top": Roi(-depth, 0, 0, wide),
            "bottom": Roi(high, 0, high + depth, wide),
        }[side]
        length, context = (high, wide) if across else (wide, high)
        parts = windows.depths(depth, length, context)
        assert sum(parts) == depth and max(parts) <= max(1, context / 2) + 1
        strip = windows.strip(side, region, 0, parts[0])
        exists = Roi(min(0, strip.y0), min(0, strip.x0), max(high, strip.y1), max(wide, strip.x1))
        step = windows.step(side, strip, exists, able, 1.0)
        assert step.asked in windows.shapes(able) and len(windows.shapes(able)) <= 7
        assert step.asked.height % multiple == 0 and step.asked.width % multiple == 0
        assert step.lattice.pitch_px >= 1.0
        reach = step.lattice.pitch_px
        rows = step.lattice.y0, step.lattice.y0 + step.lattice.extent.height * reach
        columns = step.lattice.x0, step.lattice.x0 + step.lattice.extent.width * reach
        assert rows[0] <= strip.y0 + reach and rows[1] >= strip.y1 - reach
        assert columns[0] <= strip.x0 + reach and columns[1] >= strip.x1 - reach


class TestThePlan:
    def test_is_a_record(self, base: Frame, right: Shot) -> None:
        again = Plan.model_validate(json.loads(right.plan.model_dump_json()))
        assert again == right.plan and again.digest() == right.plan.digest()
        assert np.array_equal(stack.render([again], base, oracles.who(), right.canvas), right.codes)

    def test_names_the_engine_and_how_much_it_made(self, right: Shot) -> None:
        made_by = right.plan.made_by
        assert made_by is not None and made_by.weights_sha256 == "0" * 64
        assert right.plan.generated_px == LEFT_PX * WHOLE.extent.height
        share = right.plan.generated_px / right.canvas.extent.area
        assert any(f"{share:.1%} of the picture is generated" in note for note in right.plan.notes)

    def test_nothing_inside_changes(self, base: Frame, right: Shot) -> None:
        assert np.array_equal(right.codes[WHOLE.within(right.canvas)], base.codes)

    def test_tiles_agree_with_the_whole(self, base: Frame, right: Shot) -> None:
        for roi in (Roi(37, -200, 301, 90), Roi(500, -LEFT_PX, 720, -10), Roi(0, -64, 64, 0)):
            tile = stack.render([right.plan], base, oracles.who(), roi)
            assert np.array_equal(tile, right.codes[roi.within(right.canvas)])

    def test_proxy_and_master_agree(self, base: Frame, right: Shot) -> None:
        small = base.at_scale(plan_scale(base.extent))
        canvas = right.canvas.scaled(small.scale)
        proxy = stack.render([right.plan], small, oracles.who(), canvas)[:, : -canvas.x0]
        reduced = cv2.resize(right.new, (proxy.shape[1], proxy.shape[0]), interpolation=cv2.INTER_AREA)
        ours, theirs = (cv2.GaussianBlur(SRGB.decode(codes), (0, 0), 2.0) for codes in (proxy, reduced))
        assert metrics.delta_e2000(ours, theirs).mean() < 1

    def test_switched_off_it_is_the_classical_one(self, base: Frame, right: Shot) -> None:
        off = right.plan.without({item.id for item in right.plan.items})
        never = planned(None, base, generative="never")
        there = [stack.render([plan], base, oracles.who(), right.canvas) for plan in (off, never)]
        assert np.array_equal(*there) and off.generated_px == 0

    def test_candidates_are_drawn_one_at_a_time(self, base: Frame) -> None:
        tints = iter((0.0, 0.02))
        made = shot(base, lambda made, request: made * np.float32(1 - next(tints)), candidates=2)
        one, two = (item.id for item in made.plan.items)
        assert made.plan.off == (two,)
        first, second = made.oracle.requests
        assert first.seed != second.seed
        other = made.plan.without({one})
        assert other.generated_px == made.plan.generated_px
        assert not np.array_equal(stack.render([other], base, oracles.who(), made.canvas), made.codes)

    @settings(max_examples=30)
    @given(seed=st.integers(0, 2**32 - 1), high=st.integers(1, 40), wide=st.integers(1, 40))
    def test_tone_is_kept(self, seed: int, high: int, wide: int) -> None:
        tone = np.random.default_rng(seed).random((high, wide, 3), np.float32) * 1.5
        kept = StoredTone.of(tone).array()
        assert np.abs(kept - tone).max() <= 0.5 / 16384 + 1e-7
        assert np.array_equal(StoredTone.of(kept).array(), kept)


def test_a_large_extension_goes_in_steps(base: Frame) -> None:
    made = shot(base, left=700)
    assert len(made.oracle.requests) == 2
    assert apart(made).mean() < 1
    # Where one step ends and the next begins there is no line.
    tone = metrics.tone(SRGB.decode(made.new))[110:250]
    border = 350
    steps = np.abs(np.diff(cv2.GaussianBlur(tone, (0, 0), 1.5).mean(axis=0)))
    assert steps[border - 8 : border + 8].max() < 0.25


def test_sides_without_structure_stay_classical() -> None:
    from tests.support import backdrops

    frame = backdrops.picture()
    small = frame.at_scale(plan_scale(frame.extent))
    params = ExtendParams(left=90, generative="structured")
    plan = EXTEND_BACKGROUND.plan(small, backdrops.reading(), params, 1, Given(engine=chooser(Oracle())))
    assert plan.engine == "classical"
    assert any("no side has structure" in note for note in plan.notes)


def test_calm_places_lose_a_model_s_own_texture() -> None:
    rng = np.random.default_rng(1)
    made = np.full((120, 160, 3), 0.5, np.float32)
    made[:, 80:] = 0.3
    noisy = made + rng.normal(0, 0.01, made.shape).astype(np.float32)
    out = agreement.calmed(noisy, 2.5, np.ones((120, 160), np.bool_))
    assert out[:, :70].std() < 0.4 * noisy[:, :70].std()
    assert abs(float(out[:, 79].mean() - out[:, 80].mean())) > 0.17, "an edge stays"
