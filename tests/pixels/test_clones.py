import numpy as np
import pytest

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import clones

SHAPE = (160, 240)


def pattern(period: int = 24) -> np.ndarray:
    """Bright joints every ``period`` pixels both ways, on light that falls off."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    joints = ((y % period < 3) | (x % period < 3)).astype(np.float32)
    light = 0.5 - 0.2 * x / SHAPE[1] - 0.1 * joints
    return np.repeat(light[..., None], 3, axis=2).astype(np.float32)


@pytest.fixture
def area() -> np.ndarray:
    out = np.zeros(SHAPE, np.bool_)
    out[60:95, 100:140] = True
    return out


def test_a_pattern_goes_on_in_its_own_period(area: np.ndarray) -> None:
    tone = pattern()
    found = [clones.best_offset(tone, ~area, area, tries) for tries in range(3)]
    assert len(set(found)) == 3
    for offset in found:
        assert offset is not None and offset[0] % 24 == 0 and offset[1] % 24 == 0


def test_the_copy_meets_the_light_around_it(area: np.ndarray) -> None:
    tone = pattern()
    offset = clones.best_offset(tone, ~area, area, 0)
    assert offset is not None
    grid = clones.shade(tone, ~area, area, offset, 0.5)
    assert grid is not None
    whole = Roi(0, 0, *SHAPE)
    ys, xs = np.nonzero(area)
    filled = tone[ys + offset[0], xs + offset[1]] + grid.at(whole, 0.5)[ys, xs]
    assert np.abs(filled - tone[ys, xs]).max() < 0.012


def test_only_clean_places_are_copied(area: np.ndarray) -> None:
    clean = ~area
    clean[:, 150:] = False
    offset = clones.best_offset(pattern(), clean, area, 0)
    assert offset is not None
    ys, xs = np.nonzero(area)
    assert clean[ys + offset[0], xs + offset[1]].all()
    clean[:, :60] = clean[:50] = clean[105:] = False
    assert clones.best_offset(pattern(), clean, area, 0) is None
