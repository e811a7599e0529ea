"""RGB encodings: code values of a matrix profile to linear Rec.2020 and back.

Edits are computed in linear Rec.2020 (ITU-R BT.2020 primaries, D50-adapted as ICC profiles are), float32,
1.0 = the profile's white. Code values that no edit touched never take this way; see ``composite``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels import icc

Codes = NDArray[np.unsignedinteger[Any]]
"""Code values ``(h, w, 3)``, uint8 or uint16."""
Linear = NDArray[np.float32]

_D65, _D50 = (0.3127, 0.3290), (0.3457, 0.3585)
_REC2020 = icc.primaries_to_xyz_d50(((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), _D65)
_SRGB_CURVE = (3, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
_SPACES: dict[
    str, tuple[tuple[tuple[float, float], ...], tuple[float, float], tuple[int, tuple[float, ...]]]
] = {
    "sRGB": (((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), _D65, _SRGB_CURVE),
    "AdobeRGB": (((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), _D65, (0, (563 / 256,))),
    "ProPhoto": (((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), _D50, (0, (1.8,))),
    "P3": (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), _D65, _SRGB_CURVE),
}
SPACES = tuple(_SPACES)
_SQRT_STEPS = 1 << 20
_CHUNK_PX = 1 << 16


@dataclass(frozen=True, eq=False)
class RgbEncoding:
    """What code values mean: a matrix/TRC ICC profile, ready to decode and encode.

    Both ways are tables. Encoding looks the code up by the square root of the light, whose steps are about
    as even to the eye as the codes are: 2**20 of them place every code of a named space exactly.
    """

    name: str
    icc_profile: bytes
    matrix: icc.MatrixProfile

    @cached_property
    def to_rec2020(self) -> NDArray[np.float32]:
        return np.linalg.solve(_REC2020, self.matrix.to_xyz).astype(np.float32)

    @cached_property
    def from_rec2020(self) -> NDArray[np.float32]:
        return np.linalg.solve(self.matrix.to_xyz, _REC2020).astype(np.float32)

    @cached_property
    def _curves(self) -> NDArray[np.float64]:
        """The distinct curves: ``(1, 65536)`` where the three channels share theirs, else ``(3, 65536)``."""
        curves = self.matrix.curves
        return curves[:1] if (curves == curves[0]).all() else curves

    @cached_property
    def _decode_tables(self) -> dict[int, NDArray[np.float32]]:
        """Linear light of every code, for 16-bit and (every 257th) 8-bit codes."""
        wide = self._curves.astype(np.float32)
        return {16: wide, 8: np.ascontiguousarray(wide[:, ::257])}

    @cached_property
    def _code_places(self) -> NDArray[np.float32]:
        """Fractional 16-bit code at even steps of sqrt(light)."""
        light = np.linspace(0.0, 1.0, _SQRT_STEPS + 1) ** 2
        codes = np.arange(icc.TABLE_SIZE, dtype=np.float64)
        rising = np.maximum.accumulate(self._curves, axis=1)
        return np.stack([np.interp(light, curve, codes) for curve in rising]).astype(np.float32)

    @cached_property
    def _code_tables(self) -> dict[int, Codes]:
        places = self._code_places
        return {16: np.rint(places).astype(np.uint16), 8: np.rint(places / 257).astype(np.uint8)}

    def decode(self, codes: Codes) -> Linear:
        """``(..., 3)`` uint8 or uint16 codes to linear Rec.2020 float32, same shape."""
        tables = self._decode_tables[8 * codes.dtype.itemsize]
        linear = np.empty(codes.shape, np.float32)
        source, target = codes.reshape(-1, 3), linear.reshape(-1, 3)
        for chunk in _chunks(len(source)):
            interleave(mix(_look_up(tables, source[chunk].T), self.to_rec2020), target[chunk])
        return linear

    def encode(self, linear: Linear, bits: int, dither: NDArray[np.float32] | None = None) -> Codes:
        """Linear Rec.2020 ``(..., 3)`` to codes of 8 or 16 bits, clipped to the profile's gamut.

        ``dither``: same shape, in codes, normally within ±0.5; added before rounding.
        """
        kind = np.uint8 if bits == 8 else np.uint16
        codes: Codes = np.empty(linear.shape, kind)
        source, target = linear.reshape(-1, 3), codes.reshape(-1, 3)
        noise = None if dither is None else dither.reshape(-1, 3)
        for chunk in _chunks(len(source)):
            steps = sqrt_steps(mix(planes(source[chunk]), self.from_rec2020), _SQRT_STEPS)
            if noise is None:
                interleave(_look_up(self._code_tables[bits], steps), target[chunk])
            else:
                places = _look_up(self._code_places, steps) / np.float32(257 if bits == 8 else 1)
                places += planes(noise[chunk])
                np.rint(np.clip(places, 0, np.iinfo(kind).max, out=places), out=places)
                interleave(places.astype(kind), target[chunk])
        return codes


def planes(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """``(n, 3)`` of any type as float32 ``(3, n)``, one channel after the other."""
    out = np.empty((3, len(pixels)), np.float32)
    source = pixels.astype(np.float32, copy=False)
    cv2.mixChannels([source[None]], [channel[None] for channel in out], (0, 0, 1, 1, 2, 2))
    return out


def interleave(channels: NDArray[Any], pixels: NDArray[Any]) -> None:
    """Write ``(3, n)`` into ``pixels`` ``(n, 3)``, contiguous and of its type. numpy takes far longer."""
    cv2.merge([channel[None] for channel in channels], pixels[None])


def mix(light: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """``matrix`` (3, 3) times ``light`` ``(3, n)``, by plain products and sums.

    A pixel's result is the same in whatever tile and on whatever machine. OpenCV and BLAS fuse and reorder,
    so theirs depends on the pixel's place in the array.
    """
    out = np.empty_like(light)
    term = np.empty(light.shape[1], np.float32)
    for row, target in zip(matrix, out, strict=True):
        np.multiply(light[0], row[0], out=target)
        for channel in (1, 2):
            target += np.multiply(light[channel], row[channel], out=term)
    return out


def sqrt_steps(linear: Linear, steps: int) -> NDArray[np.int32]:
    """Light clipped to [0, 1] as the nearest of even steps of its square root. Overwrites ``linear``.

    Raises ValueError for light that is not a number.
    """
    if np.isnan(linear.min(initial=0)):
        raise ValueError("light that is not a number has no code")
    np.clip(linear, 0.0, 1.0, out=linear)
    np.sqrt(linear, out=linear)
    linear *= steps
    linear += 0.5
    return linear.astype(np.int32)


def _look_up(tables: NDArray[Any], index: NDArray[Any]) -> NDArray[Any]:
    """``tables`` ``(1 or 3, n)`` at ``index`` ``(3, m)``."""
    # Clipping changes nothing, since every index is within; it spares numpy a copy in case one is not.
    out = np.empty(index.shape, tables.dtype)
    for channel, table in enumerate(np.broadcast_to(tables, (3, tables.shape[1]))):
        np.take(table, index[channel], out=out[channel], mode="clip")
    return out


def _chunks(count: int) -> Iterator[slice]:
    """Pieces whose temporary arrays stay in the processor's cache."""
    return (slice(start, start + _CHUNK_PX) for start in range(0, count, _CHUNK_PX))


@cache
def named(space: str) -> RgbEncoding:
    """One of ``SPACES``, its profile built in code. Raises KeyError for any other name."""
    primaries, white, (kind, parameters) = _SPACES[space]
    curve = icc.curve_tag(kind, parameters)
    profile = icc.build(space, icc.primaries_to_xyz_d50(primaries, white), curve)
    return RgbEncoding(space, profile, icc.parse(profile))


def from_grey_profile(profile: bytes) -> RgbEncoding:
    """A grey profile's own curve on sRGB's primaries, for greys copied to three channels.

    Raises ``icc.NotMatrixProfile`` for a profile that is not grey.
    """
    curve = icc.grey_curve_tag(profile)
    return from_profile(icc.build(icc.profile_name(profile), named("sRGB").matrix.to_xyz, curve))


@lru_cache(maxsize=16)
def from_profile(profile: bytes) -> RgbEncoding:
    """The encoding of an embedded profile. Raises ``icc.NotMatrixProfile`` for any but RGB matrix/TRC."""
    matrix = icc.parse(profile)
    return RgbEncoding(matrix.name, profile, matrix)


def convert(codes: Codes, source: RgbEncoding, target: RgbEncoding, bits: int) -> Codes:
    """Codes of one encoding as codes of another; the same array where nothing would change."""
    if source.icc_profile == target.icc_profile and codes.dtype.itemsize * 8 == bits:
        return codes
    return target.encode(source.decode(codes), bits)


def luminance(linear: Linear) -> NDArray[np.float32]:
    """CIE Y of linear Rec.2020, ``(h, w, 3)`` to ``(h, w)``."""
    red, green, blue = _REC2020[1].astype(np.float32)
    return np.asarray(linear[..., 0] * red + linear[..., 1] * green + linear[..., 2] * blue, np.float32)


def to_lab(linear: Linear) -> NDArray[np.float32]:
    """Linear Rec.2020 ``(h, w, 3)`` to CIELAB D50 (CIE 15:2018), L* 0..100."""
    lab = np.empty(linear.shape, np.float32)
    source, target = linear.reshape(-1, 3), lab.reshape(-1, 3)
    white = icc.D50_XYZ.astype(np.float32)[:, None]
    for chunk in _chunks(len(source)):
        ratio = np.maximum(mix(planes(source[chunk]), _REC2020.astype(np.float32)) / white, 0)
        x, y, z = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
        target[chunk] = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
    return lab
