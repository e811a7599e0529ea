"""Encodings: exact both ways, and the same as the standards say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from studio_pipeline.pixels import color, icc

ALL_CODES = np.repeat(np.arange(65536, dtype=np.uint16)[:, None], 3, axis=1)
spaces = st.sampled_from(color.SPACES)
triples = st.integers(1, 40).flatmap(lambda n: arrays(np.uint16, (n, 3)))


@pytest.mark.parametrize("space", color.SPACES)
def test_every_grey_code_comes_back(space: str) -> None:
    encoding = color.named(space)
    assert (encoding.encode(encoding.decode(ALL_CODES), 16) == ALL_CODES).all()
    bytes_ = ALL_CODES[:256].astype(np.uint8)
    assert (encoding.encode(encoding.decode(bytes_), 8) == bytes_).all()


@given(space=spaces, codes=triples)
def test_every_colour_comes_back(space: str, codes: Any) -> None:
    """Where float32 can tell: beside a full channel, a black one drowns in its last bits."""
    encoding = color.named(space)
    mild = (codes // 2 + 16384).astype(np.uint16)
    assert (encoding.encode(encoding.decode(mild), 16) == mild).all()
    again = encoding.encode(encoding.decode(codes), 16)
    linear = encoding.matrix.curves[0][again] - encoding.matrix.curves[0][codes]
    assert np.abs(linear).max() < 2e-6


@pytest.mark.parametrize(("space", "code", "light"), [
    ("sRGB", 0.5, ((0.5 + 0.055) / 1.055) ** 2.4),  # IEC 61966-2-1
    ("sRGB", 0.03, 0.03 / 12.92),
    ("P3", 0.5, ((0.5 + 0.055) / 1.055) ** 2.4),
    ("AdobeRGB", 0.5, 0.5 ** (563 / 256)),  # Adobe RGB (1998)
    ("ProPhoto", 0.5, 0.5**1.8),  # ISO 22028-2 (ROMM), without its linear toe, as Adobe's profile
])  # fmt: skip
def test_greys_follow_the_standard_s_curve(space: str, code: float, light: float) -> None:
    codes = np.full((1, 3), round(code * 65535), np.uint16)
    assert color.named(space).decode(codes)[0] == pytest.approx([light] * 3, rel=1e-3)


def test_primaries_follow_the_standards() -> None:
    """sRGB red in XYZ D50, as in the ICC's own sRGB profile."""
    red = color.named("sRGB").matrix.to_xyz[:, 0]
    assert red == pytest.approx([0.4360, 0.2225, 0.0139], abs=2e-4)
    white = color.named("ProPhoto").matrix.to_xyz.sum(axis=1)
    assert white == pytest.approx(icc.D50_XYZ, abs=1e-3)


@given(space=spaces, light=arrays(np.float32, (5, 3), elements=st.floats(-0.5, 1.5, width=32)))
def test_out_of_gamut_is_clipped_and_rises(space: str, light: Any) -> None:
    encoding = color.named(space)
    codes = encoding.encode(light, 16).astype(int)
    brighter = encoding.encode(light + np.float32(0.05), 16).astype(int)
    assert (brighter >= codes).all()


@given(value=st.floats(0.0, 1.0, width=32), shift=st.floats(-0.5, 0.5, width=32))
def test_dither_is_added_in_codes(value: float, shift: float) -> None:
    encoding = color.named("AdobeRGB")
    light = np.full((1, 3), value, np.float32)
    plain = encoding.encode(light, 16).astype(int)
    moved = encoding.encode(light, 16, np.full((1, 3), shift, np.float32)).astype(int)
    assert np.abs(moved - plain).max() <= 1


def test_dither_keeps_the_mean() -> None:
    encoding = color.named("sRGB")
    light = np.full((200_000, 3), 0.18037, np.float32)
    exact = np.interp(0.18037, encoding.matrix.curves[0], np.arange(65536)) / 257
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, light.shape).astype(np.float32)
    assert encoding.encode(light, 8, noise).mean() == pytest.approx(exact, abs=0.01)


def test_shapes_and_strips_do_not_matter() -> None:
    encoding = color.named("ProPhoto")
    codes = np.random.default_rng(0).integers(0, 65536, (1100, 500, 3)).astype(np.uint16)
    linear = encoding.decode(codes)
    assert (linear[700:710] == encoding.decode(codes[700:710])).all()
    assert (encoding.encode(linear, 16)[:, ::3] == encoding.encode(linear[:, ::3], 16)).all()
    assert encoding.decode(codes[:0]).shape == (0, 500, 3)
    assert encoding.encode(linear[3:3], 8).shape == (0, 500, 3)


def test_conversion_where_nothing_changes_is_the_same_array() -> None:
    srgb, p3 = color.named("sRGB"), color.named("P3")
    codes = np.full((2, 2, 3), 30000, np.uint16)
    assert color.convert(codes, srgb, srgb, 16) is codes
    assert (color.convert(codes, srgb, p3, 16) == codes).all(), "greys are the same in both"
    red = np.array([[[65535, 0, 0]]], np.uint16)
    assert color.convert(red, srgb, p3, 16)[0, 0, 0] < 65535


def test_channels_with_curves_of_their_own() -> None:
    srgb, prophoto = color.named("sRGB"), color.named("ProPhoto")
    curves = np.stack([srgb.matrix.curves[0], prophoto.matrix.curves[0], srgb.matrix.curves[0] ** 1.1])
    mixed = color.RgbEncoding("mixed", b"", icc.MatrixProfile("mixed", srgb.matrix.to_xyz, curves))
    assert (mixed.encode(mixed.decode(ALL_CODES[1000:]), 16) == ALL_CODES[1000:]).all()


def test_lab_of_known_colours() -> None:
    """CIE 15: white is (100, 0, 0); sRGB red, D50-adapted, is (54.29, 80.81, 69.89)."""
    codes = np.array([[[255, 255, 255], [255, 0, 0], [0, 0, 0]]], np.uint8)
    lab = color.to_lab(color.named("sRGB").decode(codes))[0]
    assert lab[0] == pytest.approx([100, 0, 0], abs=0.02)
    assert lab[1] == pytest.approx([54.29, 80.81, 69.89], abs=0.05)
    assert lab[2] == pytest.approx([0, 0, 0], abs=0.01)


def test_luminance_is_cie_y() -> None:
    light = np.random.default_rng(1).random((4, 5, 3)).astype(np.float32)
    lightness = color.to_lab(light)[..., 0]
    y = color.luminance(light)
    assert 116 * np.cbrt(y) - 16 == pytest.approx(lightness, abs=1e-3)
