import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio_pipeline.pixels import border

LENGTH = 300
EVERYWHERE = np.ones(LENGTH, np.float32)


def difference(seed: int = 1) -> border.Tone:
    return np.random.default_rng(seed).normal(0, 1, (LENGTH, 3)).astype(np.float32)


def carried(octaves: list[border.Tone], columns: int = 40) -> border.Tone:
    return border.carried(octaves, border.assumed(len(octaves)), range(LENGTH), range(1, columns + 1))


def field(sigma: tuple[float, float], seed: int = 1) -> border.Tone:
    """``(LENGTH, MEASURED_PX, 3)`` of deviation 1, white or blurred by ``sigma``: across, and along."""
    size = (LENGTH, border.MEASURED_PX + 80, 3)
    noise = np.random.default_rng(seed).normal(0, 1, size).astype(np.float32)
    for axis, each in enumerate(sigma[::-1]):
        if each:
            noise = np.asarray(
                cv2.GaussianBlur(noise, (0, 0), *((each, 1e-6) if axis else (1e-6, each))), np.float32
            )
    return np.ascontiguousarray(noise[:, 40:-40] / noise.std())


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_the_octaves_add_up_to_the_difference(seed: int) -> None:
    apart = difference(seed)
    np.testing.assert_allclose(sum(border.octaves(apart, EVERYWHERE, 600)), apart, atol=1e-4)


def test_beside_the_border_most_of_it_stands_and_far_from_it_none() -> None:
    octaves = border.octaves(difference(), EVERYWHERE, 600)
    left = border.assumed(len(octaves))
    out = border.carried(octaves, left, range(LENGTH), range(1, left.shape[1] + 1))
    strength = out.std(axis=(0, 2))
    assert 0.4 < strength[0] < 1 and strength[-1] < 1e-3
    assert (np.diff(strength) < 1e-6).all()


def test_what_is_wide_reaches_farther_than_what_is_fine() -> None:
    y = np.arange(LENGTH)[:, None]
    fine, wide = (
        np.repeat(np.sin(2 * np.pi * y / period), 3, axis=1).astype(np.float32) for period in (4, 120)
    )
    there = [carried(border.octaves(apart, EVERYWHERE, 600))[:, 7].std() for apart in (fine, wide)]
    assert there[0] < 0.05 and there[1] > 0.4


def test_places_without_a_say_take_it_from_beside_them() -> None:
    """Somebody stands at a part of the border: what is measured there is of no matter."""
    weight = EVERYWHERE.copy()
    weight[100:140] = 0
    apart = np.full((LENGTH, 3), 0.2, np.float32)
    apart[100:140] = 50
    out = carried(border.octaves(apart, weight, 600))
    assert 0 < out[:, 0].max() < 0.25


def test_nobody_has_a_say() -> None:
    octaves = border.octaves(difference(), np.zeros(LENGTH, np.float32), 600)
    assert not carried(octaves).any()


@given(st.integers(-200, 480), st.integers(1, 60), st.integers(1, 150), st.integers(1, 300))
@settings(max_examples=25)
def test_any_tile_has_the_values_of_the_whole(y: int, height: int, x: int, width: int) -> None:
    octaves = border.octaves(difference(), EVERYWHERE, 600)
    left = border.assumed(len(octaves))
    whole = border.carried(octaves, left, range(-200, 600), range(1, 500))
    part = border.carried(octaves, left, range(y, y + height), range(x, x + width))
    np.testing.assert_array_equal(part, whole[y + 200 : y + 200 + height, x - 1 : x - 1 + width])


@pytest.mark.parametrize("past", [10, 80])
def test_past_the_end_of_the_border_it_fades(past: int) -> None:
    octaves = border.octaves(np.ones((LENGTH, 3), np.float32), EVERYWHERE, 600)
    left = border.assumed(len(octaves))
    at_end, beyond = (
        border.carried(octaves, left, range(y, y + 1), range(1, 2))[0, 0, 0] for y in (0, -past)
    )
    assert 0 <= beyond < at_end


COUNT = 6


def measured(kept: border.Tone, made: border.Tone) -> border.Floats:
    return border.measured(kept, made, EVERYWHERE > 0, COUNT)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_of_grain_that_no_neighbours_share_nothing_is_left(seed: int) -> None:
    left = measured(field((0, 0), seed), field((0, 0), seed + 10))
    assert (left[:3, 1] < 0.1).all() and (left[:, 1] < 0.5).all()


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_what_neighbours_share_is_left(sigma: float) -> None:
    """The correlation of a Gaussian field at one pixel is exp(-1 / (4 sigma²))."""
    left = measured(field((sigma, sigma), 1), field((sigma, sigma), 2))
    assert left[1:4, 1] == pytest.approx(np.exp(-1 / (4 * sigma**2)), abs=0.08)


def test_the_stronger_of_the_two_says_what_is_left() -> None:
    rough, smooth = field((0, 0), 1), field((2, 2), 2)
    assert measured(rough, 0.05 * smooth)[1, 1] < 0.15 < 0.8 < measured(0.05 * rough, smooth)[1, 1]


def test_what_is_left_falls_with_the_distance() -> None:
    left = measured(field((1, 1), 1), field((0, 0), 2))
    assert (left[:, 0] == 1).all() and (np.diff(left, axis=1) <= 0).all() and (left >= 0).all()


@pytest.mark.parametrize("width", [1, 2])
def test_where_nothing_can_be_measured_it_is_assumed(width: int) -> None:
    field_ = field((0, 0))[:, :width]
    unseen = border.measured(field_, field_, EVERYWHERE < 0, COUNT)
    np.testing.assert_allclose(unseen, border.assumed(COUNT), rtol=1e-5)
    narrow = border.measured(field_[:, :1], field_, EVERYWHERE > 0, COUNT)
    np.testing.assert_allclose(narrow, border.assumed(COUNT), rtol=1e-5)
