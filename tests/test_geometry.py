import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.geometry import Extent, Insets, Point, Roi

coordinates = st.integers(-5000, 5000)
lengths = st.integers(0, 3000)
scales = st.floats(0.01, 1.0)
rois = st.builds(lambda y, x, h, w: Roi(y, x, y + h, x + w), coordinates, coordinates, lengths, lengths)
extents = st.builds(Extent, st.integers(1, 9000), st.integers(1, 9000))


def test_rows_come_first() -> None:
    roi = Roi.of(Extent(height=2, width=3), Point(y=10, x=20))
    assert roi == Roi(10, 20, 12, 23)
    assert (roi.extent, roi.origin) == (Extent(2, 3), Point(10, 20))
    assert Extent(2, 3).area == 6 and Extent(2, 3).long_edge == 3


@given(rois, rois)
def test_the_common_part_lies_in_both(a: Roi, b: Roi) -> None:
    common = a & b
    assert common.extent.area == (b & a).extent.area
    assert common.y0 <= common.y1 and common.x0 <= common.x1
    if not common.empty:
        assert a.contains(common) and b.contains(common) and common == b & a


@given(rois)
def test_a_region_contains_itself_and_is_its_own_common_part(roi: Roi) -> None:
    assert roi & roi == roi and roi.contains(roi)


def test_regions_that_touch_have_nothing_in_common() -> None:
    assert (Roi(0, 0, 4, 4) & Roi(0, 4, 4, 8)).empty
    assert (Roi(0, 0, 4, 4) & Roi(9, 9, 12, 12)).extent == Extent(0, 0)


@given(rois, st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_growing_adds_to_each_side(roi: Roi, top: int, left: int, bottom: int, right: int) -> None:
    grown = roi.grown(Insets(top, left, bottom, right))
    assert grown.extent == Extent(roi.extent.height + top + bottom, roi.extent.width + left + right)
    assert grown.contains(roi)
    assert roi.grown(top).grown(-top) == roi


@given(rois, coordinates, coordinates)
def test_shifting_keeps_the_extent_and_goes_back(roi: Roi, dy: int, dx: int) -> None:
    assert roi.shifted(dy, dx).extent == roi.extent
    assert roi.shifted(dy, dx).shifted(-dy, -dx) == roi


@given(rois, st.integers(0, 3000), scales)
def test_regions_that_touch_still_touch_when_scaled(roi: Roi, width: int, scale: float) -> None:
    right = Roi(roi.y0, roi.x1, roi.y1, roi.x1 + width)
    assert roi.scaled(scale).x1 == right.scaled(scale).x0


@given(extents, scales)
def test_an_extent_is_rounded_as_its_region_and_never_vanishes(extent: Extent, scale: float) -> None:
    scaled = extent.scaled(scale)
    region = Roi.of(extent).scaled(scale).extent
    assert scaled == Extent(max(1, region.height), max(1, region.width))


def test_half_of_an_odd_size_is_rounded_up() -> None:
    assert Extent(5, 7).scaled(0.5) == Extent(3, 4) == Roi(0, 0, 5, 7).scaled(0.5).extent


@given(
    st.integers(-300, 300), st.integers(-300, 300), st.integers(1, 90), st.integers(1, 90), st.integers(1, 40)
)
def test_tiles_cover_every_pixel_once(y: int, x: int, height: int, width: int, size: int) -> None:
    roi = Roi(y, x, y + height, x + width)
    seen = np.zeros((height, width), int)
    for tile in roi.tiles(size):
        assert not tile.empty and max(tile.extent.height, tile.extent.width) <= size
        seen[tile.within(roi)] += 1
    assert (seen == 1).all()
    assert len(list(roi.tiles(size))) == math.ceil(height / size) * math.ceil(width / size)


def test_an_index_reaches_the_right_pixels() -> None:
    outer = Roi(-2, -3, 4, 5)
    pixels = np.arange(48).reshape(6, 8)
    assert pixels[Roi(-2, -3, -1, -2).within(outer)] == 0
    assert pixels[Roi(3, 4, 4, 5).within(outer)] == 47


def test_a_region_outside_has_no_index() -> None:
    with pytest.raises(ValueError, match="not inside"):
        Roi(0, 0, 3, 3).within(Roi(0, 0, 2, 9))


def test_insets_are_never_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        Insets(left=-1)
    assert not Insets().any and Insets(bottom=1).any


@given(rois, rois)
def test_minus_and_the_common_part_cover_every_pixel_once(outer: Roi, other: Roi) -> None:
    parts = [outer & other, *outer.minus(other)]
    assert sum(part.extent.area for part in parts) == outer.extent.area
    assert all(outer.contains(part) for part in parts if not part.empty)
    for i, part in enumerate(parts):
        assert all((part & later).empty for later in parts[i + 1 :])
