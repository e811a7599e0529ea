from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.strokes import Stroke, along, at_scale

WHOLE = Roi(-10, -10, 60, 70)
PATH = np.array([[5.0, 4.0], [20.0, 30.0], [22.5, 55.0]])


def test_a_stroke_of_one_point_is_a_disc() -> None:
    mask = Stroke(np.array([[20.0, 30.0]]), 6.3).mask(WHOLE)
    y, x = np.ogrid[WHOLE.y0 : WHOLE.y1, WHOLE.x0 : WHOLE.x1]
    np.testing.assert_array_equal(mask, np.hypot(y - 20, x - 30) <= 6.3)


def test_a_stroke_holds_every_pixel_near_its_line_and_its_bounds_leave_a_rim() -> None:
    stroke = Stroke(PATH, 3.0)
    y, x = np.mgrid[WHOLE.y0 : WHOLE.y1, WHOLE.x0 : WHOLE.x1]
    dense = np.concatenate([np.linspace(a, b, 400) for a, b in pairwise(PATH)])
    far = np.min(np.hypot(y[..., None] - dense[:, 0], x[..., None] - dense[:, 1]), axis=2)
    mask = stroke.mask(WHOLE)
    assert mask[far < 2.95].all() and not mask[far > 3.05].any()
    inner = stroke.mask(stroke.roi)
    assert inner.sum() == mask.sum()
    assert not (inner[0].any() or inner[-1].any() or inner[:, 0].any() or inner[:, -1].any())
    assert (stroke.mask(WHOLE, grown_px=2) >= mask).all()


@given(st.integers(-10, 59), st.integers(-10, 69), st.integers(1, 40), st.integers(1, 40))
def test_any_window_has_the_numbers_of_the_whole(y: int, x: int, height: int, width: int) -> None:
    part = Roi(y, x, y + height, x + width) & WHOLE
    at = part.within(WHOLE)
    np.testing.assert_array_equal(Stroke(PATH, 4.2).mask(part), Stroke(PATH, 4.2).mask(WHOLE)[at])
    for mine, whole in zip(along(PATH, part, 8.0), along(PATH, WHOLE, 8.0), strict=True):
        np.testing.assert_array_equal(mine, whole[at])


def test_places_beside_a_line_are_counted_along_it_and_to_its_right() -> None:
    place, side = along(np.array([[10.0, 0.0], [10.0, 20.0], [10.0, 40.0]]), Roi(0, 0, 20, 41), 5.0)
    assert place[10, 30] == pytest.approx(1.5) and side[13, 30] == 3 and side[7, 30] == -3
    assert np.isnan(place[16, 30]) and place[10, 0] == 0 and place[10, 40] == 2


def test_pixel_centres_keep_their_place_at_any_scale() -> None:
    assert at_scale(np.array([[0.0, 9.0]]), 0.5) == pytest.approx(np.array([[-0.25, 4.25]]))
