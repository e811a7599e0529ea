import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import noise

PINNED = [0.006087, -0.006674, -0.020427, -0.448834]
WHOLE = Roi(-40, -50, 360, 350)


@given(
    st.integers(-40, 300),
    st.integers(-50, 290),
    st.integers(1, 50),
    st.integers(1, 50),
    st.integers(0, 2**40),
)
def test_every_tile_has_the_values_of_the_whole(y: int, x: int, height: int, width: int, seed: int) -> None:
    tile = Roi(y, x, y + height, x + width)
    around = tile.grown(7)
    np.testing.assert_array_equal(noise.uniform(tile, seed), noise.uniform(around, seed)[tile.within(around)])


def test_values_are_uniform_and_white() -> None:
    values = noise.uniform(WHOLE, 1)
    assert values.dtype == np.float32 and values.shape == (400, 400, 3)
    assert values.min() >= -0.5 and values.max() < 0.5
    counts, _ = np.histogram(values, bins=64, range=(-0.5, 0.5))
    expected = values.size / 64
    assert ((counts - expected) ** 2 / expected).sum() < 120  # chi square, 63 degrees: p about 1e-5
    for other in (values[1:], values[:, 1:], values[1:, 1:], values[..., 1:]):
        part = values[: other.shape[0], : other.shape[1], : other.shape[2]]
        assert abs(np.corrcoef(part.ravel(), other.ravel())[0, 1]) < 0.01
    power = np.abs(np.fft.fft2(values[..., 0])) ** 2 / values[..., 0].size
    power[0, 0] = 0
    assert power.max() < 25 * values.var()  # no lattice: white noise of this size peaks near 12


@pytest.mark.parametrize("other", [0, 2, 1 << 31])
def test_seeds_have_nothing_in_common(other: int) -> None:
    a, b = noise.uniform(WHOLE, 1), noise.uniform(WHOLE, other)
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.01


def test_values_are_pinned() -> None:
    """Stored records promise the same dither on every machine."""
    values = noise.uniform(Roi(-1, -1, 1, 1), 7)[:, :, 0]
    np.testing.assert_array_equal(values, noise.uniform(Roi(-1, -1, 1, 1), 7, channels=1)[:, :, 0])
    assert [round(float(v), 6) for v in values.ravel()] == PINNED


def test_arithmetic_is_quiet() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        noise.uniform(Roi(-3, -3, 3, 3), 2**63)
