"""What a person draws, filled: the same pixels in every tile."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.geometry import Point, Roi
from studio_pipeline.records.hand import Polygon, drawn

WHOLE = Roi(-20, -30, 130, 150)
corners = st.builds(Point, st.integers(-90, 220), st.integers(-90, 220))
polygons = st.lists(st.lists(corners, min_size=3, max_size=9).map(tuple), min_size=1, max_size=3).map(tuple)


@given(polygons, st.integers(7, 100), st.sampled_from((1.0, 0.5, 0.37)))
def test_any_tiling_shows_the_same(areas: tuple[Polygon, ...], size: int, scale: float) -> None:
    whole = drawn(areas, WHOLE, scale)
    for tile in WHOLE.tiles(size):
        np.testing.assert_array_equal(drawn(areas, tile, scale), whole[tile.within(WHOLE)])


@given(st.lists(corners, min_size=3, max_size=9).map(tuple))
def test_what_lies_wholly_inside_is_filled_as_ever(area: Polygon) -> None:
    """Plans that were approved stay what they are."""
    roi = Roi(-90, -90, 221, 221)
    expected = np.zeros((311, 311), np.uint8)
    cv2.fillPoly(expected, [np.array([(p.x + 90, p.y + 90) for p in area], np.int32)], (1.0,))
    np.testing.assert_array_equal(drawn((area,), roi, 1.0), expected.view(np.bool_))


@pytest.mark.parametrize("tile", [Roi(5000, 5000, 5040, 5060), Roi(0, 0, 0, 9), Roi(-60, 0, -50, 9)])
def test_a_tile_far_from_it_or_far_inside(tile: Roi) -> None:
    large = (Point(0, 0), Point(0, 9000), Point(9000, 9000), Point(9000, 0))
    assert drawn((large,), tile, 1.0).all() == (tile.y0 >= 0)
    assert drawn((large,), tile, 1.0).shape == (tile.extent.height, tile.extent.width)
