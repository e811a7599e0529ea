"""Blemishes: red, small and alone; not what is brown, what reaches on, and what a face has many of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio_pipeline.pixels.blemishes import Blemish, densities, find
from studio_pipeline.pixels.color import Linear
from tests.support.skin import BROWN, FACE, Spot, open_skin, skin, with_spots

LARGEST_PX = 0.015 * FACE.extent.height
BLEMISHES = [Spot(140, 150), Spot(250, 230, 2.8, 0.6), Spot(300, 170, 4.0, 0.35)]


def found(linear: Linear, sensitivity: float = 1.0) -> list[Blemish]:
    return find(linear, open_skin(), LARGEST_PX, sensitivity)


def at(spots: list[Blemish], spot: Spot) -> list[Blemish]:
    return [one for one in spots if np.hypot(one.y - spot.y, one.x - spot.x) < 2]


@pytest.fixture(scope="module")
def blemished() -> list[Blemish]:
    return found(with_spots(skin(), BLEMISHES))


def test_every_blemish_is_found_where_it_is_and_as_large_as_it_is(blemished: list[Blemish]) -> None:
    assert len([spot for spot in blemished if spot.passes]) == len(BLEMISHES)
    for spot in BLEMISHES:
        (one,) = at(blemished, spot)
        assert one.passes and one.contrast > 2
        assert 0.6 * spot.radius_px <= one.radius_px <= LARGEST_PX


def test_clean_skin_has_none() -> None:
    assert found(skin()) == []


@given(st.integers(0, 1000), st.floats(0.08, 1.0))
@settings(max_examples=6, deadline=None)
def test_dark_skin_is_seen_as_light_skin_is(seed: int, gain: float) -> None:
    """A gain of light changes no density but by a constant, so the same spots are found."""
    linear = with_spots(skin(seed=seed), BLEMISHES)
    light, dark = found(linear), found(linear * np.float32(gain))
    for spot in BLEMISHES:
        assert bool(at(light, spot)) == bool(at(dark, spot))


def test_density_is_what_pigments_add() -> None:
    linear = skin()
    darker = linear * np.exp(-np.array([0.1, 0.3, 0.2], np.float32))
    assert np.allclose(densities(darker) - densities(linear), [0.2, 0.2, -0.1], atol=1e-4)


@pytest.mark.parametrize("amount", [0.35, 0.7])
def test_what_is_brown_is_a_lasting_mark(amount: float) -> None:
    mole = Spot(200, 190, 3.5, amount, BROWN)
    assert not [spot for spot in found(with_spots(skin(), [mole])) if spot.passes]


def test_a_strong_mole_is_listed() -> None:
    mole = Spot(200, 190, 3.5, 0.7, BROWN)
    (one,) = at(found(with_spots(skin(), [mole])), mole)
    assert not one.passes


def test_a_fold_is_no_blemish() -> None:
    linear = skin()
    x = np.arange(linear.shape[1])
    for y, drop in ((199, 0.12), (200, 0.25), (201, 0.12)):
        linear[y, (x > 120) & (x < 260)] *= np.exp(-drop * np.array([0.7, 0.9, 0.9], np.float32))
    assert not [spot for spot in found(linear) if spot.passes and abs(spot.y - 200) < 6]


def test_of_many_alike_none_stands_out() -> None:
    rng = np.random.default_rng(4)
    places = np.argwhere(open_skin())
    many = [Spot(*places[k], 2.8, 0.25) for k in rng.choice(len(places), 400, replace=False)]
    assert len([spot for spot in found(with_spots(skin(), many)) if spot.passes]) <= 4


def test_what_is_larger_than_a_spot_is_left() -> None:
    assert not at(found(with_spots(skin(), [Spot(200, 190, 14.0, 0.5)])), Spot(200, 190))


def test_no_spot_reaches_out_of_the_open_skin() -> None:
    edge = [Spot(210, 88, 3.0), Spot(82, 190, 3.0), Spot(210, 293, 3.0)]
    for spot in found(with_spots(skin(), edge)):
        y, x = np.ogrid[: open_skin().shape[0], : open_skin().shape[1]]
        assert open_skin()[np.hypot(y - spot.y, x - spot.x) <= spot.radius_px].all()


def test_too_little_skin_says_nothing() -> None:
    assert find(skin(), np.zeros(open_skin().shape, np.bool_), LARGEST_PX) == []
