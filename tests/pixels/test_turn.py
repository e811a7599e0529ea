import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import color, metrics, turn
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame, clipped_in_file
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.pixels.turn import Turn, largest_about, largest_within

SRGB = color.named("sRGB")
extents = st.builds(Extent, st.integers(40, 900), st.integers(40, 900))
degrees = st.floats(-15, 15).filter(lambda deg: abs(deg) > 0.01)


def whole(deg: float, base: Extent) -> Turn:
    return Turn(deg, base, largest_within(deg, base))


def inside(deg: float, base: Extent, region: Roi) -> bool:
    """Whether every corner of a region of the turned picture was in the base."""
    corners = ((y, x) for y in (region.y0, region.y1) for x in (region.x0, region.x1))
    places = (turn.turned(-deg, base, y, x) for y, x in corners)
    return all(-1e-6 <= y <= base.height + 1e-6 and -1e-6 <= x <= base.width + 1e-6 for y, x in places)


@given(degrees, extents, st.floats(0, 900), st.floats(0, 900))
def test_there_and_back(deg: float, base: Extent, y: float, x: float) -> None:
    there = whole(deg, base)
    assert there.back(*there.place(y, x)) == pytest.approx((y, x))


@given(degrees, extents)
def test_what_is_kept_has_no_empty_corner(deg: float, base: Extent) -> None:
    region = largest_within(deg, base)
    assert not region.empty and inside(deg, base, region)
    assert not inside(deg, base, region.grown(2))


@given(degrees, extents, st.data())
def test_a_frame_grows_until_it_meets_the_border(deg: float, base: Extent, data: st.DataObject) -> None:
    y, x = (data.draw(st.floats(0.3, 0.7)) * length for length in (base.height, base.width))
    up, left, down, right = (data.draw(st.integers(10, 400)) for _ in range(4))
    wanted = Roi(round(y) - up, round(x) - left, round(y) + down, round(x) + right)
    region = largest_about(deg, base, y, x, wanted)
    assert region.empty or inside(deg, base, region)
    assert not inside(deg, base, region.grown(3))


def waves(extent: Extent, y: np.ndarray, x: np.ndarray) -> Linear:
    """A picture that is known between its pixels: a wave of six pixels on a slope of light."""
    wave = 0.08 * np.sin(2 * math.pi * (0.6 * x + 0.8 * y) / 6)
    light = 0.3 + 0.2 * x / extent.width + wave
    return np.repeat(light[..., None], 3, axis=2).astype(np.float32)


def frame_of(light: Linear, bits: int = 16) -> Frame:
    codes = SRGB.encode(light, bits)
    return Frame(codes, SRGB, clipped_in_file(codes))


@pytest.mark.parametrize("deg", [-9.0, 0.7, 4.0])
def test_the_turned_picture_is_what_lies_there(deg: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the truth at every pixel's middle; a plain bilinear kernel would be four times as far off."""
    monkeypatch.setattr(turn, "_STRIP_ROWS", 61)
    base = Extent(240, 320)
    y, x = np.mgrid[0 : base.height, 0 : base.width] + 0.5
    it = whole(deg, base)
    found = it.frame(frame_of(waves(base, y, x))).linear()
    assert found.shape[:2] == (it.extent.height, it.extent.width)
    rows, columns = np.mgrid[0 : it.extent.height, 0 : it.extent.width] + 0.5
    places = np.array([it.back(r, c) for r, c in zip(rows.ravel(), columns.ravel(), strict=True)])
    truth = waves(base, *(places[:, i].reshape(rows.shape) for i in (0, 1)))
    away = np.abs(found - truth)[6:-6, 6:-6]
    assert away.mean() < 0.002 and away.max() < 0.02


def test_a_hard_edge_gets_no_rim() -> None:
    light = np.full((120, 120, 3), 0.02, np.float32)
    light[:, 60:] = 0.9
    found = whole(3.0, Extent(120, 120)).frame(frame_of(light)).linear()
    assert found.min() > 0.02 - 1e-4 and found.max() < 0.9 + 1e-3


@pytest.mark.parametrize("bits", [8, 16])
def test_it_is_a_frame_like_the_base(bits: int) -> None:
    light = np.full((200, 300, 3), 0.5, np.float32)
    light[80:90, 100:110] = 1.0
    frame = frame_of(light, bits)
    it = whole(5.0, frame.extent)
    turned = it.frame(frame)
    assert turned.codes.dtype == frame.codes.dtype and turned.encoding is SRGB and turned.scale == 1.0
    assert turned.extent == it.extent and turned.roi == Roi.of(it.extent)
    y, x = (round(v) for v in it.place(85, 105))
    assert turned.clipped[y, x] and 100 <= np.count_nonzero(turned.clipped) < 250
    np.testing.assert_array_equal(it.frame(frame).codes, turned.codes)
    with pytest.raises(ValueError, match="is no base of"):
        it.frame(replace(frame, codes=frame.codes[:-5], clipped=frame.clipped[:-5]))


@settings(max_examples=20)
@given(degrees, st.integers(0, 2**32 - 1))
def test_zones_go_to_the_protected_side(deg: float, seed: int) -> None:
    """No pixel has a weaker zone than any of the four that lie around its place in the base."""
    base, rng = Extent(50, 70), np.random.default_rng(seed)
    zones = rng.choice([int(z) for z in Zone if z != Zone.NEW], (base.height, base.width)).astype(np.uint8)
    backdrop = rng.random((base.height, base.width)) < 0.9
    it = whole(deg, base)
    found, sure = it.zones(zones), it.sure(backdrop)
    assert found.shape == sure.shape == (it.extent.height, it.extent.width)
    for y in range(0, it.extent.height, 3):
        for x in range(0, it.extent.width, 3):
            at_y, at_x = it.back(y + 0.5, x + 0.5)
            rows = slice(max(0, math.floor(at_y - 0.49)), math.floor(at_y + 0.49) + 1)
            columns = slice(max(0, math.floor(at_x - 0.49)), math.floor(at_x + 0.49) + 1)
            assert found[y, x] >= zones[rows, columns].max()
            assert not sure[y, x] or backdrop[rows, columns].all()


def test_a_proxy_is_turned_as_its_master_is() -> None:
    base = Extent(401, 601)
    y, x = np.mgrid[0 : base.height, 0 : base.width] + 0.5
    light = 0.3 + 0.25 * np.sin(x / 23) * np.cos(y / 31)
    frame = frame_of(np.repeat(light[..., None], 3, axis=2).astype(np.float32))
    it = Turn(-6.0, base, Roi(40, 60, 361, 521))
    small = it.frame(frame.at_scale(0.5))
    assert small.extent == it.extent.scaled(0.5)
    size = (small.extent.width, small.extent.height)
    master = cv2.resize(it.frame(frame).linear(), size, interpolation=cv2.INTER_AREA)
    pair = (cv2.GaussianBlur(np.asarray(v, np.float32), (0, 0), 2) for v in (small.linear(), master))
    assert metrics.delta_e2000(*pair).mean() < 0.5


def test_a_region_keeps_its_size_about_its_middle() -> None:
    it = Turn(5.0, Extent(400, 600), Roi(20, 30, 380, 570))
    roi = it.roi(Roi(100, 400, 160, 460))
    assert roi.extent == Extent(60, 60)
    assert ((roi.y0 + roi.y1) / 2, (roi.x0 + roi.x1) / 2) == pytest.approx(it.place(130, 430), abs=0.5)
