"""A reading on the canvas: zones at any place and scale, backdrop at any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.subject import SubjectRecord
from studio_pipeline.subject.reading import Reading

HEIGHT, WIDTH = 24, 36


@pytest.fixture(scope="module")
def reading() -> Reading:
    zones = np.random.default_rng(3).integers(0, 4, (HEIGHT, WIDTH), np.uint8)
    backdrop = np.zeros((HEIGHT // 2, WIDTH // 2), np.bool_)
    backdrop[:, :5] = True
    record = SubjectRecord(
        extent=Extent(HEIGHT, WIDTH),
        kind="portrait",
        sure=True,
        reason="",
        faces=(),
        fractions={},
        zones_sha256="",
        versions={},
    )
    return Reading(record, zones, backdrop, np.zeros(backdrop.shape, np.uint8))


@given(y0=st.integers(-9, 30), x0=st.integers(-9, 40), height=st.integers(1, 30), width=st.integers(1, 40))
def test_a_region_shows_the_base_where_it_lies_and_new_canvas_elsewhere(
    reading: Reading, y0: int, x0: int, height: int, width: int
) -> None:
    shown = reading.canvas_zones(Roi(y0, x0, y0 + height, x0 + width), 1.0)
    for y in range(height):
        for x in range(width):
            on_base = 0 <= y0 + y < HEIGHT and 0 <= x0 + x < WIDTH
            assert shown[y, x] == (reading.zones[y0 + y, x0 + x] if on_base else Zone.NEW)


@given(st.sampled_from([1.0, 0.5, 0.25]), st.integers(1, 9))
def test_tiles_are_cut_from_one_map(reading: Reading, scale: float, size: int) -> None:
    canvas = Roi(0, 0, HEIGHT, WIDTH).scaled(scale).grown(3)
    whole = reading.canvas_zones(canvas, scale)
    for tile in canvas.tiles(size):
        np.testing.assert_array_equal(reading.canvas_zones(tile, scale), whole[tile.within(canvas)])


def test_backdrop_is_never_read_where_it_was_not_trusted(reading: Reading) -> None:
    for height, width in ((HEIGHT, WIDTH), (HEIGHT // 2, WIDTH // 2), (HEIGHT // 4, WIDTH // 4)):
        shown = reading.backdrop_at(height, width)
        assert shown.shape == (height, width)
        edge = 5 * width / (WIDTH // 2)
        assert not shown[:, int(np.ceil(edge)) :].any()
        assert shown[:, : int(edge)].all()
