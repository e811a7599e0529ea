import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from studio_pipeline.pixels.metrics import high_frequency_energy
from studio_pipeline.pixels.poisson import heal, laplace

SIZE = 41
Y, X = np.mgrid[:SIZE, :SIZE].astype(np.float32)
DISC = np.hypot(Y - 20, X - 19) <= 13
masks = hnp.arrays(bool, (12, 15)).filter(lambda mask: not mask.all())


def grain(seed: int, deviation: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, deviation, (SIZE, SIZE, 3)).astype(np.float32)


@pytest.mark.parametrize("field", [Y, X, 2 * X - 3 * Y + 5, Y * X, Y * Y - X * X])
def test_harmonic_fields_are_found_again(field: np.ndarray) -> None:
    values = np.stack([field, -field, np.full_like(field, 4)], axis=-1)
    flawed = np.where(DISC[..., None], np.float32(-999), values)
    np.testing.assert_allclose(laplace(flawed, DISC), values, atol=1e-3 * np.abs(values).max())


@given(masks, st.integers(0, 99))
def test_the_membrane_stays_between_what_holds_it_up(mask: np.ndarray, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(-1, 1, (*mask.shape, 1)).astype(np.float32)
    found = laplace(values, mask)
    np.testing.assert_array_equal(found[~mask], values[~mask])
    assert found.min() >= values[~mask].min() - 1e-5 and found.max() <= values[~mask].max() + 1e-5


def test_several_flaws_and_a_flaw_at_the_border_are_solved_at_once() -> None:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[3:9, 3:9] = mask[0:5, 20:30] = mask[-4:, -4:] = True
    values = np.where(mask, 0, 7).astype(np.float32)[..., None]
    np.testing.assert_allclose(laplace(values, mask), 7, rtol=1e-6)


def test_nothing_to_solve_is_a_copy() -> None:
    values = grain(1)
    found = laplace(values, np.zeros((SIZE, SIZE), bool))
    np.testing.assert_array_equal(found, values)
    assert found is not values


def test_a_window_without_a_known_pixel_is_left_as_it_is() -> None:
    """Where other flaws cover all of a flaw's window, nothing says what its light should be."""
    everywhere = np.ones((SIZE, SIZE), bool)
    np.testing.assert_array_equal(laplace(grain(1), everywhere), grain(1))
    np.testing.assert_allclose(heal(grain(1), grain(2), everywhere), grain(1), atol=1e-6)


def test_healing_takes_texture_from_the_source_and_light_from_around() -> None:
    target_light, source_light = 10 + 0.2 * Y + 0.1 * X, 30 - 0.3 * Y
    texture = grain(2, 0.5)
    target = target_light[..., None] + grain(3, 0.5)
    flawed = np.where(DISC[..., None], target * 0.3, target).astype(np.float32)
    source = (source_light[..., None] + texture).astype(np.float32)

    healed = heal(flawed, source, DISC)

    np.testing.assert_array_equal(healed[~DISC], flawed[~DISC])
    left = healed - target_light[..., None]
    inner = np.hypot(Y - 20, X - 19) <= 9
    assert abs(float(left[inner].mean())) < 0.15  # the light is that of the surroundings
    np.testing.assert_allclose(
        left[inner], texture[inner], atol=0.6
    )  # and each pixel of texture the source's
    assert np.corrcoef(left[inner].ravel(), texture[inner].ravel())[0, 1] > 0.95


def test_a_flaw_healed_from_itself_does_not_change() -> None:
    target = grain(4)
    np.testing.assert_allclose(heal(target, target, DISC), target, atol=1e-6)


@pytest.mark.parametrize("radius_px", [3, 6, 12])
def test_grain_stays_what_it_was(radius_px: int) -> None:
    mask = np.hypot(Y - 20, X - 20) <= radius_px
    energies = [
        high_frequency_energy(np.ascontiguousarray(heal(grain(seed), grain(seed + 50), mask)[..., 0]), mask)
        for seed in range(40)
    ]
    assert np.mean(energies) / np.sqrt(20) == pytest.approx(1, abs=0.06)


def test_the_same_input_gives_the_same_bits() -> None:
    a, b = heal(grain(5), grain(6), DISC), heal(grain(5), grain(6), DISC)
    assert a.dtype == np.float32 and a.tobytes() == b.tobytes()
