import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import falloff
from studio_pipeline.pixels.light import Tone

ROWS, COLUMNS, COUNT = 40, 60, 9  # a 15% extension
CELLS = Roi(0, 0, ROWS, COLUMNS)

slopes = st.floats(-0.1, 0.1)
bends = st.floats(-0.08, 0.08)


def surface(roi: Roi, level: float, *terms: float) -> Tone:
    """``level + a x + b y + c x^2 + d y^2 + e x y``, the cells' long edge being 1, in three tints."""
    y, x = (np.mgrid[roi.y0 : roi.y1, roi.x0 : roi.x1] + 0.5) / COLUMNS
    value = level + sum(t * p for t, p in zip(terms, (x, y, x * x, y * y, x * y), strict=False))
    return np.asarray(np.broadcast_to(value, x.shape)[..., None] * [1.0, 0.97, 0.93], np.float32)


def everywhere() -> NDArray[np.float32]:
    return np.ones((ROWS, COLUMNS), np.float32)


def seen_around_a_sitter() -> NDArray[np.float32]:
    weights = everywhere()
    weights[12:, 22:38] = 0
    weights[11, 21:39] = 0.4
    return weights


def noisy(cells: Tone, deviation: float, seed: int = 5) -> Tone:
    noise = np.random.default_rng(seed).normal(0, deviation, cells.shape)
    return np.asarray(cells + noise, np.float32)


def rms(values: Tone) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


class TestKriged:
    """What kriging adds on calm backdrops."""

    def test_two_lamps_are_followed_farther_than_by_any_surface(self) -> None:
        y, x = (np.mgrid[:ROWS, -20:COLUMNS] + 0.5) / ROWS
        first, second = (
            (1 + ((y - at_y) ** 2 + (x - at_x) ** 2) / away**2) ** -2
            for at_y, at_x, away in ((0.2, -0.1, 0.7), (0.7, 0.9, 0.35))
        )
        truth = np.sqrt(0.75 * first + 0.5 * second + 0.15) * 0.5
        truth = np.repeat(truth[..., None], 3, axis=2).astype(np.float32)
        cells = noisy(truth[:, 20:], 0.0005)
        plain = falloff.continue_left(cells, everywhere(), 20)
        kriged = falloff.continue_left(cells, everywhere(), 20, kriged=True)
        assert rms(kriged - truth[:, :20]) < 0.7 * rms(plain - truth[:, :20])

    def test_a_narrow_strip_goes_on_farther_than_it_is_wide(self) -> None:
        truth = surface(Roi(0, -18, ROWS, 22), 0.5, 0.02, 0.0, -0.4, -0.2)
        cells = noisy(truth[:, 18:], 0.0005)
        weights = np.ones(cells.shape[:2], np.float32)
        plain, kriged = (falloff.continue_left(cells, weights, 18, kriged=k) for k in (False, True))
        assert rms(kriged - truth[:, :18]) < 0.6 * rms(plain - truth[:, :18])

    def test_a_set_that_cannot_be_foreseen_is_not_bent_past_the_border(self) -> None:
        # Blurred shapes behind a sitter, as in a photograph with an open lens: steep, and leading nowhere.
        rng = np.random.default_rng(3)
        clouds = cv2.GaussianBlur(rng.normal(0, 1, (ROWS, COLUMNS)).astype(np.float32), (0, 0), 5)
        tone = 0.35 + 0.09 * clouds / clouds.std() + 0.15 * np.linspace(-1, 0, COLUMNS) ** 3
        cells = np.repeat(tone[..., None], 3, axis=2).astype(np.float32)
        told: list[bool] = []
        new = falloff.continue_left(cells, seen_around_a_sitter(), 22, kriged=True, judged=told.append)
        assert told == [False]
        flat = falloff.spread_left(cells, seen_around_a_sitter(), 22, 0.35)
        assert np.abs(new - flat).max() < 0.05

    def test_no_light_falls_by_more_than_a_stop_and_a_quarter(self) -> None:
        cells = surface(CELLS, 0.1, 1.6, 0.0, -1.1)
        new = falloff.continue_left(cells, everywhere(), 24, kriged=True)
        border = cells[:, :1]
        assert new.min() > 0.6 * border.min()

    def test_slopes_on_things_have_to_prove_themselves(self) -> None:
        lit = noisy(surface(Roi(0, -COUNT, ROWS, COLUMNS), 0.5, -0.2), 0.001)
        cells, truth = lit[:, COUNT:], lit[:, :COUNT]
        kept = falloff.spread_left(cells, everywhere(), COUNT)
        assert rms(falloff.continue_left(cells, everywhere(), COUNT, things=True) - truth) < 0.5 * rms(
            kept - truth
        )
        # Folds: what stands at the border is as good as any slope.
        folds = np.broadcast_to(0.5 + 0.1 * np.sin(np.arange(COLUMNS) / 2.5)[:, None], (ROWS, COLUMNS, 3))
        folds = np.ascontiguousarray(folds, np.float32)
        kept = falloff.spread_left(folds, everywhere(), COUNT)
        assert np.abs(falloff.continue_left(folds, everywhere(), COUNT, things=True) - kept).max() < 0.04

    def test_too_few_cells_are_no_reason_to_fail(self) -> None:
        cells, weights = np.full((3, 3, 3), 0.4, np.float32), np.ones((3, 3), np.float32)
        new = falloff.continue_left(cells, weights, 4, kriged=True)
        np.testing.assert_allclose(new, 0.4, atol=1e-3)


@pytest.mark.parametrize("kriged", [False, True])
class TestContinueLeft:
    @staticmethod
    def miss(kriged: bool, terms: tuple[float, ...], deviation: float, seed: int) -> tuple[float, float]:
        """Error of the continued light, and of the border merely repeated."""
        outer = Roi(0, -COUNT, ROWS, COLUMNS)
        truth = surface(outer, 0.5, *terms)
        cells = noisy(truth[:, COUNT:], deviation, seed)
        new = falloff.continue_left(cells, seen_around_a_sitter(), COUNT, kriged)
        assert new.shape == (ROWS, COUNT, 3) and new.dtype == np.float32
        return rms(new - truth[:, :COUNT]), rms(truth[:, COUNT : COUNT + 1] - truth[:, :COUNT])

    @given(st.integers(0, 999))
    def test_constant_light(self, kriged: bool, seed: int) -> None:
        error, _ = self.miss(kriged, (), 0.001, seed)
        assert error < 0.001

    @given(slopes, slopes, st.integers(0, 999))
    def test_linear_light(self, kriged: bool, across: float, down: float, seed: int) -> None:
        error, repeated = self.miss(kriged, (across, down), 0.001, seed)
        assert error < 0.002 + 0.15 * repeated

    @given(slopes, slopes, bends, bends, st.integers(0, 999))
    def test_quadratic_light(self, kriged: bool, a: float, b: float, c: float, d: float, seed: int) -> None:
        error, repeated = self.miss(kriged, (a, b, c, d), 0.001, seed)
        assert error < 0.005 + 0.15 * repeated  # 0.005 of tone: a code of 255 and a little

    @given(slopes, bends)
    def test_leaves_the_border_without_a_step(self, kriged: bool, across: float, bend: float) -> None:
        truth = surface(CELLS, 0.5, across, 0.0, bend)
        new = falloff.continue_left(truth, everywhere(), COUNT, kriged)
        step, own = np.abs(new[:, -1] - truth[:, 0]).max(), np.abs(truth[:, 1] - truth[:, 0]).max()
        assert step < 0.002 + 2 * own

    @given(st.floats(0.02, 0.06), st.sampled_from([1, -1]))
    def test_light_that_turns_at_the_border_only_is_followed(
        self, kriged: bool, rise: float, up: int
    ) -> None:
        """No surface over the whole picture does; the border's own slope points the right way."""
        x = np.arange(-3, COLUMNS) + 0.5
        profile = 0.5 + up * rise * np.exp(-x / 6)
        truth = np.broadcast_to(profile[None, :, None], (ROWS, len(x), 3)).astype(np.float32)
        near = falloff.continue_left(truth[:, 3:], everywhere(), COUNT, kriged)[:, -3:]
        assert rms(near - truth[:, :3]) < 0.97 * rms(truth[:, 3:4] - truth[:, :3])

    @given(st.integers(0, 999), st.integers(1, 80), st.sampled_from([0.0, 0.3, 0.9]))
    @settings(max_examples=40)
    def test_never_goes_wild_on_noise(self, kriged: bool, seed: int, count: int, unseen: float) -> None:
        rng = np.random.default_rng(seed)
        cells = rng.normal(0.5, 0.05, (int(rng.integers(1, 40)), int(rng.integers(1, 60)), 3)).astype(
            np.float32
        )
        weights = (rng.random(cells.shape[:2]) >= unseen).astype(np.float32)
        weights[0, 0] = 1
        new = falloff.continue_left(cells, weights, count, kriged)
        assert new.shape == (len(cells), count, 3)
        assert cells.min() - 0.25 <= new.min() and new.max() <= cells.max() + 0.25
        if cells.size > 900 and not unseen:
            assert abs(float(new.mean()) - 0.5) < 0.06

    def test_a_border_where_nothing_is_seen_takes_the_light_of_the_rest(self, kriged: bool) -> None:
        weights = everywhere()
        weights[:, :12] = 0
        cells = np.where(weights[..., None] > 0, surface(CELLS, 0.5), 0)
        np.testing.assert_allclose(
            falloff.continue_left(cells, weights, COUNT, kriged), surface(CELLS, 0.5)[:, :COUNT], atol=1e-3
        )

    def test_a_person_at_the_border_is_passed_over(self, kriged: bool) -> None:
        truth = surface(Roi(0, -COUNT, ROWS, COLUMNS), 0.5, 0.0, 0.1)
        cells, weights = truth[:, COUNT:].copy(), everywhere()
        cells[15:25, :20], weights[15:25, :20] = 3.0, 0
        assert rms(falloff.continue_left(cells, weights, COUNT, kriged) - truth[:, :COUNT]) < 0.01
