import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.pixels import metrics
from studio_pipeline.pixels.color import named, to_lab
from studio_pipeline.pixels.metrics import SEAM_REACH_PX, seam_ratio


def grain(rows: int, columns: int, deviation: float = 1.0, seed: int = 1) -> np.ndarray:
    return (50 + np.random.default_rng(seed).normal(0, deviation, (rows, columns))).astype(np.float32)


def strip(deviation: float = 1.0, seed: int = 1) -> np.ndarray:
    return grain(600, 2 * SEAM_REACH_PX, deviation, seed)


@given(st.floats(0, 1, width=32), st.floats(0, 1, width=32), st.floats(0, 1, width=32))
def test_tone_is_the_lightness_of_cielab(r: float, g: float, b: float) -> None:
    linear = np.array([[[r, g, b]]], np.float32)
    assert metrics.tone(linear)[0, 0] == pytest.approx(float(to_lab(linear)[0, 0, 0]), abs=1e-3)


class TestHighFrequencyEnergy:
    def test_white_grain_reads_as_its_deviation_times_root_twenty(self) -> None:
        assert metrics.high_frequency_energy(grain(300, 300, 2.0)) == pytest.approx(2 * 20**0.5, rel=0.02)

    def test_light_that_falls_off_evenly_has_none(self) -> None:
        y, x = np.mgrid[:50, :50].astype(np.float32)
        assert metrics.high_frequency_energy(y * 0.3 - x * 0.1) < 1e-4

    def test_only_the_mask_counts_and_never_the_border(self) -> None:
        tone = np.full((40, 40), 50, np.float32)
        tone[:, 20:] = grain(40, 20)
        mask = np.zeros(tone.shape, bool)
        mask[:, :18] = True
        assert metrics.high_frequency_energy(tone, mask) == 0
        assert metrics.high_frequency_energy(tone, ~mask) > 3
        assert metrics.high_frequency_energy(tone, np.zeros_like(mask)) == 0
        assert metrics.high_frequency_energy(tone[:2]) == 0

    def test_a_ratio_of_nothing_to_nothing_is_one(self) -> None:
        assert metrics.grain_ratio(0, 0) == 1
        assert metrics.grain_ratio(0, 4) == 0.2 and metrics.grain_ratio(4, 0) == 5


class TestSeamRatio:
    @given(st.sampled_from([0.0, 0.1, 1.0, 4.0]), st.integers(0, 30))
    def test_grain_alone_has_no_seam(self, deviation: float, seed: int) -> None:
        assert 0.85 < seam_ratio(strip(deviation, seed)) < 1.18

    def test_light_that_falls_off_has_no_seam(self) -> None:
        slope = np.linspace(0, 12, 2 * SEAM_REACH_PX, dtype=np.float32)
        assert seam_ratio(strip(0.2) + slope) == pytest.approx(1, abs=0.1)

    @pytest.mark.parametrize("deviation", [0.0, 0.5, 3.0])
    def test_a_step_shows_through_any_grain_the_more_the_larger(self, deviation: float) -> None:
        ratios = []
        for step in (0, 2, 4, 8):
            stepped = strip(deviation)
            stepped[:, SEAM_REACH_PX:] += step
            ratios.append(seam_ratio(stepped))
        assert ratios == sorted(ratios) and ratios[1] > 1.6

    def test_a_step_too_small_to_see_is_none(self) -> None:
        stepped = strip(0.1)
        stepped[:, SEAM_REACH_PX:] += 0.1
        assert seam_ratio(stepped) < 1.6

    def test_the_place_of_the_seam_matters(self) -> None:
        stepped = strip(0.5)
        stepped[:, SEAM_REACH_PX + 4 :] += 3
        assert seam_ratio(stepped) < 1.3

    def test_the_two_sides_are_alike(self) -> None:
        stepped = strip(1.0)
        stepped[:, SEAM_REACH_PX:] += 3
        assert seam_ratio(stepped) == pytest.approx(seam_ratio(stepped[:, ::-1]), rel=1e-6)

    def test_what_crosses_the_seam_neither_makes_nor_hides_one(self) -> None:
        crossed = strip(0.5)
        crossed[300:] -= 30  # a floor
        crossed[100:104, 6:] += 25  # a stand that ends near by
        assert 0.8 < seam_ratio(crossed) < 1.3
        crossed[:, SEAM_REACH_PX:] += 3
        assert seam_ratio(crossed) > 1.6

    def test_a_smooth_seam_in_rough_surroundings_is_low(self) -> None:
        smooth = strip(2.0)
        smooth[:, SEAM_REACH_PX - 1] = smooth[:, SEAM_REACH_PX]
        assert seam_ratio(smooth) < 0.3

    @pytest.mark.parametrize("shape", [(600, 31), (1, 32), (600, 34)])
    def test_other_strips_are_refused(self, shape: tuple[int, int]) -> None:
        with pytest.raises(ValueError, match="seam strip"):
            seam_ratio(np.zeros(shape, np.float32))


class TestBandEnergies:
    MASK = np.ones((128, 128), bool)

    def test_waves_fall_into_their_own_band(self) -> None:
        x = np.arange(128, dtype=np.float32)[None].repeat(128, 0)
        strongest = [
            int(np.argmax(metrics.band_energies(np.sin(2 * np.pi * x / period), self.MASK)))
            for period in (3, 6.5, 13, 26)
        ]
        assert strongest == [0, 1, 2, 3]

    def test_what_lies_outside_the_mask_has_no_part(self) -> None:
        tone = grain(128, 128)
        mask = self.MASK.copy()
        mask[:, 64:] = False
        loud = np.where(mask, tone, 1000).astype(np.float32)
        np.testing.assert_allclose(
            metrics.band_energies(loud, mask), metrics.band_energies(tone, mask), rtol=1e-4
        )


def test_colour_difference_is_ciede2000() -> None:
    srgb = named("sRGB")
    a = srgb.decode(np.array([[[128, 128, 128], [200, 30, 30]]], np.uint8))
    b = srgb.decode(np.array([[[130, 128, 128], [200, 30, 30]]], np.uint8))
    difference = metrics.delta_e2000(a, b)
    assert difference.shape == (1, 2) and difference[0, 1] == 0
    assert 0.3 < difference[0, 0] < 2
    # Sharma, Wu and Dalal (2005), first pair of their test data, through the same call.
    from skimage.color import deltaE_ciede2000

    assert deltaE_ciede2000([50, 2.6772, -79.7751], [50, 0, -82.7485]) == pytest.approx(2.0425, abs=1e-4)
