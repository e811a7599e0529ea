import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels import kriging

ROWS, COLUMNS, COUNT = 40, 60, 12


def field(sigma_cells: float, seed: int = 3) -> NDArray[np.float32]:
    """A stationary process of one length, ``(ROWS, COUNT + COLUMNS, 3)``."""
    noise = np.random.default_rng(seed).standard_normal((ROWS + 200, COUNT + COLUMNS + 200, 3), np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma_cells)[100:-100, 100:-100]
    return np.asarray(0.5 + 0.05 * smooth / smooth.std(), np.float32)


EVERYWHERE = np.ones((ROWS, COLUMNS), np.float32)


def wide_share(course: kriging.Course) -> float:
    """Of the variance, the part that is longer than a seventh of the long edge."""
    wide = [min(lengths) > 0.15 for lengths in kriging.LENGTHS]
    variances = course.variances[: len(wide)]
    return float(variances[wide].sum() / variances.sum())


def test_the_length_over_which_light_changes_is_measured() -> None:
    mottle, light = (kriging.measure(field(sigma)[:, COUNT:], EVERYWHERE) for sigma in (1.5, 20.0))
    assert mottle is not None and light is not None
    assert wide_share(mottle) < 0.5 < 0.9 < wide_share(light)


def test_mottle_is_forgotten_past_the_border_and_light_is_not() -> None:
    errors = {}
    for sigma in (1.5, 20.0):
        truth = field(sigma)
        cells = truth[:, COUNT:]
        course = kriging.measure(cells, EVERYWHERE)
        assert course is not None
        new = kriging.foresee_left(cells, EVERYWHERE, course, COUNT)
        assert new.shape == (ROWS, COUNT + 1, 3) and new.dtype == np.float32
        errors[sigma] = new[:, :COUNT] - truth[:, :COUNT]
        if sigma < 2:  # the mean is the best that there is to say of what nobody can foresee
            assert np.abs(new[:, :4] - np.median(cells, axis=(0, 1))).mean() < 0.01
    assert np.square(errors[20.0]).mean() < 0.1 * np.square(errors[1.5]).mean()


def test_the_same_cells_give_the_same_course() -> None:
    cells = field(5.0)[:, COUNT:]
    one, other = (kriging.measure(cells, EVERYWHERE) for _ in range(2))
    assert one is not None and other is not None
    np.testing.assert_array_equal(one.variances, other.variances)


def test_nothing_is_measured_of_a_few_cells() -> None:
    weights = np.zeros((ROWS, COLUMNS), np.float32)
    weights[:4, :4] = 1
    assert kriging.measure(field(5.0)[:, COUNT:], weights) is None
