"""Profiles: what we write, an independent reader understands; what studios bring, we read or refuse."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from studio_pipeline.pixels import color, icc

SRGB = color.named("sRGB")


def curve_points(values: list[int]) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)


@pytest.mark.parametrize("space", color.SPACES)
def test_little_cms_reads_our_profiles_as_we_do(space: str) -> None:
    """Pillow's ImageCms (lcms2) converts to sRGB; 8 bits, so within one code of ours."""
    ours = color.named(space)
    profile = ImageCms.ImageCmsProfile(io.BytesIO(ours.icc_profile))
    assert ImageCms.getProfileDescription(profile).strip() == space
    codes = np.random.default_rng(2).integers(60, 180, (32, 32, 3), np.uint8)
    target = ImageCms.createProfile("sRGB")
    theirs = ImageCms.profileToProfile(
        Image.fromarray(codes), profile, target, renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC
    )
    expected = color.convert(codes, ours, SRGB, 8)
    assert theirs is not None
    assert np.abs(np.asarray(theirs).astype(int) - expected).max() <= 1


def test_our_profiles_are_the_same_every_time() -> None:
    icc_again = icc.build("sRGB", SRGB.matrix.to_xyz, icc.curve_tag(0, (2.2,)))
    assert icc_again == icc.build("sRGB", SRGB.matrix.to_xyz, icc.curve_tag(0, (2.2,)))
    assert len(icc_again) == struct.unpack(">I", icc_again[:4])[0]


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4])
def test_parametric_curves_join_where_the_standard_says(kind: int) -> None:
    """ICC.1:2022 table 68, with the sRGB curve written in each of its forms."""
    g, a, b, c, d = 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045
    parameters = {0: (g,), 1: (g, a, b), 2: (g, a, b, 0.0), 3: (g, a, b, c, d), 4: (g, a, b, c, d, 0.0, 0.0)}
    curve = icc.parametric(kind, parameters[kind])
    x = np.linspace(0, 1, icc.TABLE_SIZE)
    expected = x**g if kind == 0 else (a * x + b) ** g
    if kind in (3, 4):
        expected = np.where(x >= d, expected, c * x)
    assert np.allclose(curve, expected, atol=1e-9)


@given(points=st.lists(st.integers(0, 65535), min_size=2, max_size=40))
def test_curves_given_by_points_pass_through_them(points: list[int]) -> None:
    rising = [0, *sorted(points), 65535]
    profile = icc.build("table", SRGB.matrix.to_xyz, curve_points(rising))
    curve = icc.parse(profile).curves[1]
    assert np.interp(np.linspace(0, 1, len(rising)), np.linspace(0, 1, 65536), curve) == pytest.approx(
        np.array(rising) / 65535, abs=2e-3
    )


def test_a_table_like_srgb_s_encodes_every_code_back() -> None:
    """Photoshop's sRGB profile holds 1024 points instead of the formula."""
    points = [round(v * 65535) for v in SRGB.matrix.curves[0][np.linspace(0, 65535, 1024).astype(int)]]
    encoding = color.from_profile(icc.build("points", SRGB.matrix.to_xyz, curve_points(points)))
    codes = np.repeat(np.arange(0, 65536, 7, dtype=np.uint16)[:, None], 3, axis=1)
    assert (encoding.encode(encoding.decode(codes), 16) == codes).all()


def test_gamma_curves_of_one_number() -> None:
    for tag, exponent in ((curve_points([]), 1.0), (curve_points([round(1.8 * 256)]), 1.8)):
        profile = icc.build("gamma", SRGB.matrix.to_xyz, tag)
        assert icc.parse(profile).curves[0][32768] == pytest.approx(0.5**exponent, rel=2e-3)


def test_other_classes_are_refused_by_what_they_are() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    cmyk = bytearray(SRGB.icc_profile)
    cmyk[16:20] = b"CMYK"
    flat = icc.build("flat", np.ones((3, 3)), icc.curve_tag(0, (2.2,)))
    falling = icc.build("falling", SRGB.matrix.to_xyz, curve_points([65535, 0]))
    for profile, why in (
        (lab, "Lab data"),
        (bytes(cmyk), "CMYK data"),
        (b"", "not an ICC profile"),
        (SRGB.icc_profile[:140], "no matrix"),
        (flat, "cannot be inverted"),
        (falling, "cannot be inverted"),
    ):
        with pytest.raises(icc.NotMatrixProfile, match=why):
            icc.parse(profile)
    with pytest.raises(icc.NotMatrixProfile, match="not a grey profile"):
        icc.grey_curve_tag(SRGB.icc_profile)


@given(place=st.integers(128, 700), value=st.binary(min_size=1, max_size=8), cut=st.integers(0, 500))
def test_damage_is_refused_or_readable(place: int, value: bytes, cut: int) -> None:
    profile = bytearray(SRGB.icc_profile)
    profile[place : place + len(value)] = value
    try:
        encoding = color.from_profile(bytes(profile[: len(profile) - cut]))
    except icc.NotMatrixProfile:
        return
    codes = np.full((2, 3), 40000, np.uint16)
    assert np.isfinite(encoding.decode(codes)).all()
    encoding.encode(encoding.decode(codes), 16)
