import numpy as np
import pytest

from studio_pipeline.pixels import shiftmap
from studio_pipeline.pixels.shiftmap import ShiftMap, scene

Floats = shiftmap.Floats


def stripes(period: int, height: int = 60, width: int = 80, slope: float = 0.0) -> Floats:
    """Upright folds, or with a ``slope`` slanted ones, a little grain on them."""
    y, x = np.mgrid[0:height, 0:width]
    waves = np.sin(2 * np.pi * (x + slope * y) / period)
    grain = np.random.default_rng(1).normal(0, 0.05, (height, width, 3))
    return (waves[..., None] + grain).astype(np.float32)


def everywhere(values: Floats) -> np.ndarray:
    return np.ones(values.shape[:2], np.bool_)


def copied(values: Floats, found: ShiftMap) -> Floats:
    """New area as the map says, NaN where nothing is copied."""
    n, depth = found.labels.shape
    out = np.full((n, depth, 3), np.nan, np.float32)
    for i, j in np.argwhere(found.labels >= 0):
        dy, dx = found.shifts[found.labels[i, j]]
        out[i, j] = values[i + dy, j - depth + dx]
    return out


@pytest.mark.parametrize(("period", "slope"), [(11, 0.0), (16, 0.0), (13, 0.5)])
def test_folds_go_on_in_step(period: int, slope: float) -> None:
    values = stripes(period, slope=slope)
    out = copied(values, shiftmap.solve(scene(values, everywhere(values)), 24))
    y, x = np.mgrid[0:60, -24:0]
    truth = np.sin(2 * np.pi * (x + slope * y) / period)
    there = ~np.isnan(out[..., 0])
    assert there.mean() > 0.97
    assert np.abs(out[..., 0] - truth)[there].mean() < 0.15


def test_nothing_unclean_is_copied() -> None:
    """The middle of the picture is somebody."""
    values = stripes(12)
    values[20:, 30:50] = 9
    clean = everywhere(values)
    clean[20:, 30:50] = False
    out = copied(values, shiftmap.solve(scene(values, clean), 30))
    assert np.nanmax(out) < 2


def test_a_line_is_carried_on() -> None:
    """A floor line that rises: copies come from where the line stands higher or lower."""
    y, x = np.mgrid[0:60, 0:90]
    values = np.where(y > 30 + 0.2 * (x - 45), 1.0, -1.0)[..., None].repeat(3, axis=2).astype(np.float32)
    out = copied(values, shiftmap.solve(scene(values, everywhere(values)), 25))
    rows, columns = np.mgrid[0:60, -25:0]
    truth = np.where(rows > 30 + 0.2 * (columns - 45), 1.0, -1.0)
    assert (np.sign(out[..., 0]) == truth).mean() > 0.97


def test_more_new_area_than_picture_is_filled_by_copies_of_copies() -> None:
    values = stripes(10, width=60)
    found = shiftmap.solve(scene(values, everywhere(values)), 80)
    assert (found.labels >= 0).mean() > 0.9


def test_where_nothing_is_clean_or_nothing_stands_nothing_is_copied() -> None:
    values = stripes(10)
    for nothing in (scene(values, ~everywhere(values)), scene(values * 0, everywhere(values))):
        found = shiftmap.solve(nothing, 12)
        assert (found.labels == -1).all() and found.shifts.shape == (0, 2)


def test_the_same_in_the_same_out() -> None:
    values = stripes(9)
    one, other = (shiftmap.solve(scene(values, everywhere(values)), 20) for _ in range(2))
    assert (one.labels == other.labels).all() and (one.shifts == other.shifts).all()
