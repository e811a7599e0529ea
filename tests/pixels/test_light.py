import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import light
from studio_pipeline.pixels.light import LightGrid, Tone

ROWS, COLUMNS, COUNT = 40, 60, 9  # a 15% extension
CELLS = Roi(0, 0, ROWS, COLUMNS)
GRID = LightGrid(np.random.default_rng(3).random((7, 9, 3), np.float32), -11.5, 4.25, 8.3)
WHOLE = Roi(-40, -30, 90, 110)

levels = st.floats(-4, 4, width=32)
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


class TestTone:
    @given(arrays(np.float32, (3, 2, 3), elements=levels))
    def test_there_and_back(self, linear: NDArray[np.float32]) -> None:
        np.testing.assert_allclose(light.from_tone(light.to_tone(linear)), linear, rtol=1e-6, atol=1e-30)
        np.testing.assert_allclose(light.to_tone(light.from_tone(linear)), linear, rtol=1e-6, atol=1e-15)

    @given(levels, levels)
    def test_brighter_stays_brighter(self, a: float, b: float) -> None:
        darker, brighter = light.to_tone(np.array(sorted((a, b)), np.float32))
        assert darker <= brighter

    def test_photon_noise_is_even(self) -> None:
        """Anscombe (1948): the square root of a Poisson count deviates by one half, bright or dark."""
        rng = np.random.default_rng(1)
        for mean in (50, 5000):
            tone = light.to_tone(rng.poisson(mean, (200, 200)).astype(np.float32))
            assert tone.std() == pytest.approx(0.5, rel=0.03)


class TestLightGrid:
    @given(
        st.integers(-40, 80), st.integers(-30, 100), st.integers(1, 60), st.integers(1, 60),
        st.sampled_from([1.0, 0.5, 0.341, 3.0]),
    )  # fmt: skip
    def test_is_the_same_in_any_tiling(self, y: int, x: int, height: int, width: int, scale: float) -> None:
        tile = Roi(y, x, y + height, x + width) & WHOLE
        whole = GRID.at(WHOLE, scale)
        np.testing.assert_array_equal(GRID.at(tile, scale), whole[tile.within(WHOLE)])

    def test_is_continuous(self) -> None:
        """Sixty pixels a cell: no step is larger than the steepest such curve, 2 a cell, allows."""
        values = GRID.at(Roi(-900, -900, 900, 1200), 60 / GRID.cell_px)
        assert values.shape == (1800, 2100, 3) and values.dtype == np.float32
        steps = [np.abs(np.diff(values, axis=axis)).max() for axis in (0, 1)]
        assert 0 < max(steps) <= 2 / 60

    def test_goes_through_its_cells(self) -> None:
        """A master pixel whose centre is a cell's centre has that cell's value."""
        grid = LightGrid(GRID.values, 4.5, 4.5, 9)
        np.testing.assert_allclose(grid.at(Roi(0, 0, 63, 81), 1.0)[4::9, 4::9], grid.values, atol=1e-6)

    @given(slopes, slopes)
    def test_keeps_a_slope(self, across: float, down: float) -> None:
        cells = surface(Roi(0, 0, 12, 14), 0.5, across, down)
        grid = LightGrid(cells, 4.0, 4.0, 8.0)
        y, x = (np.mgrid[16:80, 16:96] + 0.5) / 8 / COLUMNS
        wanted = (0.5 + across * x + down * y)[..., None] * [1.0, 0.97, 0.93]
        np.testing.assert_allclose(grid.at(Roi(16, 16, 80, 96), 1.0), wanted, atol=2e-6)

    @pytest.mark.parametrize("scale", [0.5, 0.25])
    def test_a_proxy_sees_the_same_light(self, scale: float) -> None:
        """The mean of the master's pixels under one of the proxy's, to the bend within that pixel."""
        step = round(1 / scale)
        master, proxy = GRID.at(Roi(0, 0, 64, 64), 1.0), GRID.at(Roi(0, 0, 64, 64).scaled(scale), scale)
        means = master.reshape(64 // step, step, 64 // step, step, 3).mean(axis=(1, 3))
        assert np.abs(means - proxy).max() < 0.005 * step**2

    def test_is_constant_beyond_its_last_cell(self) -> None:
        far = GRID.at(Roi(-5000, 500, -4990, 510), 1.0)
        np.testing.assert_allclose(far, np.broadcast_to(GRID.values[0, -1], far.shape), atol=1e-6)


class TestReadCells:
    @given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.integers(0, 99))
    def test_no_light_is_lost_or_invented(self, height: int, width: int, cell: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        tone, readable = rng.random((height, width, 3), np.float32), rng.random((height, width)) < 0.6
        cells, weights = light.read_cells(tone, readable, cell)
        assert cells.shape == (max(1, height // cell), max(1, width // cell), 3)
        assert weights.shape == cells.shape[:2] and weights.min() >= 0 and weights.max() <= 1
        rows, columns = (np.minimum(np.arange(n) // cell, max(1, n // cell) - 1) for n in (height, width))
        sizes = np.outer(np.bincount(rows), np.bincount(columns))
        total = (cells * (weights * sizes)[..., None]).sum(axis=(0, 1))
        np.testing.assert_allclose(total, tone[readable].sum(axis=0), rtol=1e-4, atol=1e-4)

    def test_the_person_is_not_read(self) -> None:
        tone, readable = np.full((40, 40, 3), 0.5, np.float32), np.ones((40, 40), bool)
        readable[13:30, 9:27] = False
        tone[~readable] = 9.0
        cells, weights = light.read_cells(tone, readable, 8)
        np.testing.assert_allclose(cells[weights > 0], 0.5, rtol=1e-6)
        assert (weights == 0).sum() == 1 * 1 and (weights == 1).sum() == 25 - 3 * 3


class TestFitSurface:
    @given(st.floats(0.2, 0.8), slopes, slopes, bends, bends, bends)
    def test_recovers_a_polynomial_and_continues_it(
        self, level: float, a: float, b: float, c: float, d: float, e: float
    ) -> None:
        outer = CELLS.grown(COUNT)
        for order, terms in ((1, (a, b)), (2, (a, b, c, d, e))):
            cells = surface(CELLS, level, *terms)
            fitted = light.fit_surface(cells, seen_around_a_sitter(), order, outer)
            assert np.abs(fitted - surface(outer, level, *terms)).max() < 0.001

    @given(st.integers(0, 999), st.floats(-0.4, 0.4).filter(lambda v: abs(v) > 0.05))
    def test_ignores_a_tenth_of_gross_outliers(self, seed: int, gross: float) -> None:
        truth = surface(CELLS, 0.5, 0.1, -0.05, -0.08, 0.04, 0.03)
        cells = noisy(truth, 0.002, seed)
        spoilt = np.random.default_rng(seed).random((ROWS, COLUMNS)) < 0.1
        cells[spoilt] += gross
        fitted = light.fit_surface(cells, everywhere(), 2, CELLS)
        assert rms(fitted - truth) < 0.001

    def test_ignores_a_stand_at_one_side(self) -> None:
        truth = surface(CELLS, 0.5, 0.1, -0.05)
        cells = noisy(truth, 0.002)
        cells[:, 3:7] = 0.05
        assert rms(light.fit_surface(cells, everywhere(), 2, CELLS) - truth) < 0.001

    def test_one_cell_gives_its_own_value(self) -> None:
        cells, weights = np.full((1, 1, 3), 0.4, np.float32), np.ones((1, 1), np.float32)
        fitted = light.fit_surface(cells, weights, 2, Roi(-2, -2, 3, 3))
        np.testing.assert_allclose(fitted[2, 2], 0.4, atol=1e-4)
        assert np.abs(fitted - 0.4).max() < 0.01


class TestFillUnseen:
    @given(st.integers(0, 999))
    def test_keeps_what_is_seen_and_stays_within_what_is_likely(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        weights = np.where(rng.random((ROWS, COLUMNS)) < 0.5, 0, rng.random((ROWS, COLUMNS))).astype(
            np.float32
        )
        cells = noisy(surface(CELLS, 0.5, 0.1), 0.02, seed)
        cells[weights == 0] = 0
        fitted = light.fit_surface(cells, weights, 2, CELLS)
        filled = light.fill_unseen(cells, weights, fitted)
        np.testing.assert_array_equal(filled[weights >= 0.5], cells[weights >= 0.5])
        low, high = cells[weights > 0].min() - 0.05, cells[weights > 0].max() + 0.05
        assert low < filled.min() and filled.max() < high

    def test_finds_the_light_behind_the_sitter(self) -> None:
        """Of a pool of light that no surface of second order has: what is seen around her is carried in."""
        y, x = (np.mgrid[:ROWS, :COLUMNS] + 0.5) / COLUMNS
        pool = 0.5 + 0.1 * np.exp(-((x - 0.4) ** 2 + (y - 0.2) ** 2) / 0.08)
        truth = np.repeat(pool[..., None], 3, axis=2).astype(np.float32)
        weights = seen_around_a_sitter()
        cells = np.where(weights[..., None] > 0, truth, 0)
        fitted = light.fit_surface(cells, weights, 2, CELLS)
        filled = light.fill_unseen(cells, weights, fitted)
        behind = weights == 0
        assert rms(filled[behind] - truth[behind]) < 0.6 * rms(fitted[behind] - truth[behind]) < 0.03
