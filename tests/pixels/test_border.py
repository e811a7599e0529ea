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
    return border.carried(octaves, range(LENGTH), range(1, columns + 1))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_the_octaves_add_up_to_the_difference(seed: int) -> None:
    apart = difference(seed)
    np.testing.assert_allclose(sum(border.octaves(apart, EVERYWHERE, 600)), apart, atol=1e-4)


def test_beside_the_border_most_of_it_stands_and_far_from_it_none() -> None:
    octaves = border.octaves(difference(), EVERYWHERE, 600)
    reach = border.reach_px(octaves)
    out = border.carried(octaves, range(LENGTH), range(1, reach + 2))
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
    whole = border.carried(octaves, range(-200, 600), range(1, 500))
    part = border.carried(octaves, range(y, y + height), range(x, x + width))
    np.testing.assert_array_equal(part, whole[y + 200 : y + 200 + height, x - 1 : x - 1 + width])


@pytest.mark.parametrize("past", [10, 80])
def test_past_the_end_of_the_border_it_fades(past: int) -> None:
    octaves = border.octaves(np.ones((LENGTH, 3), np.float32), EVERYWHERE, 600)
    at_end, beyond = (border.carried(octaves, range(y, y + 1), range(1, 2))[0, 0, 0] for y in (0, -past))
    assert 0 <= beyond < at_end
