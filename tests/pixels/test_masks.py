"""Laws of zones and of the morphology of masks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from studio_pipeline.pixels import masks
from studio_pipeline.pixels.masks import Mask, Zone, ZoneMap, grow, inside, resize_zones

some_masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24))
zone_maps = arrays(
    np.uint8,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24),
    elements=st.sampled_from([int(zone) for zone in Zone]),
)


def within_disc(mask: Mask, radius_px: int) -> Mask:
    """The definition, pixel by pixel."""
    y, x = np.indices(mask.shape)
    out = np.zeros_like(mask)
    for py, px in np.argwhere(mask):
        out |= (y - py) ** 2 + (x - px) ** 2 <= radius_px**2
    return out


@given(some_masks, st.integers(1, 9))
def test_growing_adds_exactly_what_lies_within_the_radius(mask: Mask, radius_px: int) -> None:
    np.testing.assert_array_equal(grow(mask, radius_px), within_disc(mask, radius_px))


@given(some_masks, st.integers(1, 22))
def test_both_ways_of_growing_give_the_same_pixels(mask: Mask, radius_px: int) -> None:
    largest = masks._LARGEST_KERNEL_PX
    try:
        masks._LARGEST_KERNEL_PX = 0
        by_distance = grow(mask, radius_px)
        masks._LARGEST_KERNEL_PX = 99
        by_kernel = grow(mask, radius_px)
    finally:
        masks._LARGEST_KERNEL_PX = largest
    np.testing.assert_array_equal(by_kernel, by_distance)


@given(some_masks, st.integers(0, 9))
def test_growing_only_adds_and_shrinking_only_takes(mask: Mask, radius_px: int) -> None:
    assert not (mask & ~grow(mask, radius_px)).any()
    assert not (grow(mask, -radius_px) & ~mask).any()


@given(some_masks, some_masks, st.integers(-4, 6))
def test_growing_keeps_order(one: Mask, other: Mask, radius_px: int) -> None:
    height, width = np.minimum(one.shape, other.shape)
    small, large = (one & True)[:height, :width], (one[:height, :width] | other[:height, :width])
    assert not (grow(small, radius_px) & ~grow(large, radius_px)).any()


@given(some_masks, st.integers(0, 9))
def test_shrinking_is_growing_the_rest(mask: Mask, radius_px: int) -> None:
    np.testing.assert_array_equal(grow(mask, -radius_px), ~grow(~mask, radius_px))


@given(some_masks, st.integers(-9, 9))
def test_the_mask_that_is_given_is_never_written(mask: Mask, radius_px: int) -> None:
    before = mask.copy()
    grown = grow(mask, radius_px)
    grown[:] = True
    np.testing.assert_array_equal(mask, before)


def test_the_border_does_not_eat() -> None:
    full = np.ones((7, 9), np.bool_)
    assert grow(full, -3).all()


@given(zone_maps)
def test_every_pixel_is_in_exactly_one_zone(zones: ZoneMap) -> None:
    counted = sum(inside(zones, zone).astype(int) for zone in Zone)
    assert (np.asarray(counted) == 1).all()


@given(zone_maps, st.integers(1, 60), st.integers(1, 60))
def test_another_size_brings_no_zone_that_was_not_there(zones: ZoneMap, height: int, width: int) -> None:
    known = np.where(zones == Zone.NEW, np.uint8(Zone.BACKDROP), zones)
    other = resize_zones(known, height, width)
    assert other.shape == (height, width)
    if other.size >= known.size:
        assert set(np.unique(other)) <= set(np.unique(known))


@given(zone_maps, st.integers(1, 8), st.integers(1, 8))
def test_reducing_loses_no_protection(zones: ZoneMap, down: int, across: int) -> None:
    """A reduced cell is backdrop only where all it covers is, and locked where any of it is."""
    rows, columns = zones.shape
    known = np.where(zones == Zone.NEW, np.uint8(Zone.BACKDROP), zones)
    large = np.kron(known, np.ones((down, across), np.uint8))
    large = np.roll(large, 1, axis=1) if across > 1 else large
    reduced = resize_zones(large, rows, columns)
    cells = large.reshape(rows, down, columns, across)
    np.testing.assert_array_equal(reduced, cells.max(axis=(1, 3)))
