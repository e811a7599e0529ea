import numpy as np
import pytest

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import evenness
from studio_pipeline.pixels.light import LightGrid, Tone, to_tone

SHAPE = (120, 180)
EVERYWHERE = np.ones(SHAPE, np.bool_)
NOWHERE = np.zeros(SHAPE, np.bool_)


def falling(darkest: float = 0.1) -> Tone:
    x = np.linspace(1, 0, SHAPE[1], dtype=np.float32)
    light = darkest + (0.4 - darkest) * x
    return to_tone(np.broadcast_to(light[None, :, None], (*SHAPE, 3)) * np.array([1, 0.9, 0.8], np.float32))


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_the_gain_takes_that_share_of_the_stops_and_every_tint(strength: float) -> None:
    even = evenness.even(falling(), EVERYWHERE, EVERYWHERE, NOWHERE, 0.5, strength)
    assert even is not None and even.stops == pytest.approx(1.8, abs=0.2) and not even.white
    gain = even.gain.at(Roi(0, 0, *SHAPE), 0.5)
    before, after = np.log2(np.square(falling())), np.log2(np.square(falling()) * gain)
    assert np.ptp(after[20:100, 15:165, 1]) == pytest.approx(
        (1 - strength) * np.ptp(before[20:100, 15:165, 1]), abs=0.06
    )


def test_the_light_beside_the_person_is_where_nothing_changes() -> None:
    backdrop = EVERYWHERE.copy()
    backdrop[40:, 20:50] = False
    even = evenness.even(falling(), backdrop, backdrop, NOWHERE, 1.0, 1.0)
    assert even is not None
    gain = even.gain.at(Roi(0, 0, *SHAPE), 1.0)[60, :, 1]
    assert gain[35] == pytest.approx(1, abs=0.2) and gain[170] > 2


def test_what_is_too_dark_gets_the_most_gain_there_is_and_keeps_its_tint() -> None:
    tone = to_tone(np.full((*SHAPE, 3), 0.4, np.float32))
    tone[:, 120:] = to_tone(np.array([0.02, 0.03, 0.04], np.float32))
    even = evenness.even(tone, EVERYWHERE, EVERYWHERE, NOWHERE, 1.0, 1.0)
    assert even is not None
    gain = even.gain.values
    assert gain.max() <= 3 + 1e-6 and gain.min() >= 1 / 3 - 1e-6
    dark = even.gain.at(Roi(0, 0, *SHAPE), 1.0)[60, 170]
    assert dark[0] > dark[1] > dark[2]  # towards the one colour


def test_too_little_light_or_backdrop_is_not_evened() -> None:
    black = np.zeros((*SHAPE, 3), np.float32)
    assert evenness.even(black, EVERYWHERE, EVERYWHERE, NOWHERE, 1.0, 1.0) is None
    assert evenness.even(falling(), EVERYWHERE, NOWHERE, NOWHERE, 1.0, 1.0) is None


@pytest.mark.parametrize("scale", [0.25, 1.0])
def test_clearance_never_says_more_room_than_there_is(scale: float) -> None:
    free = EVERYWHERE.copy()
    free[50:70, 80:95] = False
    grid = evenness.clearance(free, scale, 60 / scale)
    assert isinstance(grid, LightGrid) and grid.values.max() == pytest.approx(60 / scale)
    room = grid.at(Roi(0, 0, *SHAPE), scale)[..., 0]
    assert (room[~free] <= 1.5 / scale).all() and room[60, 10] == pytest.approx(60 / scale, rel=0.01)
    assert (evenness.clearance(EVERYWHERE, scale, 5).values == 5).all()
