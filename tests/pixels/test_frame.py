"""Frames: their place, their scale, and what counts as clipped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels import color
from studio_pipeline.pixels.frame import Frame, clipped_in_file, plan_scale

CORNER = Point(0, 0)


def frame(height: int, width: int, origin: Point = CORNER) -> Frame:
    codes = np.random.default_rng(height * width).integers(0, 65536, (height, width, 3)).astype(np.uint16)
    return Frame(codes, color.named("ProPhoto"), clipped_in_file(codes), origin)


@given(st.integers(64, 12000), st.integers(64, 12000))
def test_plans_are_made_at_half_size_or_2048(height: int, width: int) -> None:
    scale = plan_scale(Extent(height, width))
    assert scale <= 0.5
    long_edge = Extent(height, width).scaled(scale).long_edge
    assert long_edge == (2048 if max(height, width) > 4096 else (max(height, width) + 1) // 2)


@given(height=st.integers(4, 40), width=st.integers(4, 40), y=st.integers(-9, 9), x=st.integers(-9, 9))
def test_a_region_is_read_by_canvas_place(height: int, width: int, y: int, x: int) -> None:
    whole = frame(height, width, Point(y, x))
    part = Roi(y + 1, x + 2, y + height - 1, x + width)
    assert (whole.linear(part) == whole.linear()[1:-1, 2:]).all()
    with pytest.raises(ValueError, match="is not inside"):
        whole.linear(Roi(y - 1, x, y + 1, x + 1))


def test_a_smaller_copy_marks_a_pixel_clipped_where_any_was() -> None:
    codes = np.full((40, 60, 3), 20000, np.uint16)
    codes[10, 20, 1] = 65535
    whole = Frame(codes, color.named("sRGB"), clipped_in_file(codes), Point(-20, 40))
    half = whole.at_scale(0.5)
    assert half.extent == Extent(20, 30) and half.scale == 0.5 and half.origin == Point(-10, 20)
    assert np.argwhere(half.clipped).tolist() == [[5, 10]]
    assert half.codes[0, 0].tolist() == [20000] * 3
    assert whole.at_scale(1.0) is whole


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_clipped_means_any_channel_at_the_top(dtype: type[np.uint8] | type[np.uint16]) -> None:
    top = np.iinfo(dtype).max
    codes = np.zeros((1, 4, 3), dtype)
    codes[0, :3] = np.eye(3, dtype=dtype) * top
    codes[0, 3] = top - 1
    assert clipped_in_file(codes).tolist() == [[True, True, True, False]]


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="height, width, 3"):
        Frame(np.zeros((4, 4), np.uint16), color.named("sRGB"), np.zeros((4, 4), bool))
    with pytest.raises(ValueError, match="clipped is"):
        Frame(np.zeros((4, 4, 3), np.uint16), color.named("sRGB"), np.zeros((4, 5), bool))
