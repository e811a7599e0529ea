"""Where a stray hair may be taken away: the same in any tile, and never in the hair's body."""

from __future__ import annotations

from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.loose import body, deep, loose, on_clothes, room
from studio_pipeline.pixels.masks import Mask, Zone, grow, inside
from studio_pipeline.pixels.strokes import Stroke
from tests.support import clothes, flyaways

MASTER = Roi.of(Extent(1440, 1120))
STROKES = [Stroke(np.array(s, np.float64) * 2, 4.0) for s in flyaways.STRANDS]


@cache
def whole() -> Mask:
    who = flyaways.reading(2)
    return loose(STROKES, who.zones, who.matte, MASTER, MASTER)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1400), st.integers(0, 1100), st.integers(1, 300), st.integers(1, 300))
def test_tiles_agree_with_the_whole(y: int, x: int, height: int, width: int) -> None:
    tile, who = Roi(y, x, y + height, x + width), flyaways.reading(2)
    zones = np.full((height, width), Zone.NEW, np.uint8)
    part = tile & MASTER
    zones[part.within(tile)] = who.zones[part.within(MASTER)]
    found = loose(STROKES, zones, who.matte, MASTER, tile)
    assert np.array_equal(found[part.within(tile)], whole()[part.within(MASTER)])
    assert found.sum() == found[part.within(tile)].sum()


def test_it_lies_in_strokes_outside_the_body_and_the_lock() -> None:
    who = flyaways.reading(2)
    assert whole().any()
    assert not (whole() & ~inside(who.zones, Zone.BACKDROP, Zone.EDGE)).any()
    large = np.repeat(np.repeat(body(who.matte), 2, 0), 2, 1)
    assert not (whole() & large).any()


def test_the_body_is_what_is_thick_and_a_margin() -> None:
    who = flyaways.reading()
    found = body(who.matte)
    assert not (grow(flyaways.body(), 1) & ~found).any()
    strands = (flyaways.coverage() > 0.5) & ~grow(flyaways.body(), 8)
    assert strands.any() and not found[strands].any()
    opaque = np.where(strands, 255, who.matte).astype(np.uint8)  # however opaque a strand is
    assert np.array_equal(body(opaque), found)


def test_room_ends_at_the_pictures_border() -> None:
    assert room(np.ones((5, 9), np.bool_))[2].tolist() == [1, 2, 3, 3, 3, 3, 3, 2, 1]


JACKET = Roi.of(Extent(1240, 800))
DISCS = [Stroke(np.array([place], np.float64), 5.0) for place in ((700, 70), (900, 300), (640, 560))]


@cache
def lint() -> Mask:
    who = clothes.reading(scale=2)
    return on_clothes(DISCS, who.zones, who.matte, JACKET, JACKET)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1200), st.integers(0, 780), st.integers(1, 300), st.integers(1, 300))
def test_lint_in_tiles_agrees_with_the_whole(y: int, x: int, height: int, width: int) -> None:
    who, tile = clothes.reading(scale=2), Roi(y, x, y + height, x + width) & JACKET
    found = on_clothes(DISCS, who.zones[tile.within(JACKET)], who.matte, JACKET, tile)
    assert np.array_equal(found, lint()[tile.within(JACKET)])


def test_lint_lies_in_discs_deep_inside_the_lock() -> None:
    who = clothes.reading(scale=2)
    inner = np.repeat(np.repeat(deep(who.matte), 2, 0), 2, 1)
    asked = np.any([disc.mask(JACKET) for disc in DISCS], axis=0)
    assert np.array_equal(lint(), asked & inner & inside(who.zones, Zone.LOCKED))
    assert lint().any() and (asked & ~inner).any()  # one disc lies at the silhouette
