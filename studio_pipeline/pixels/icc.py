"""Matrix/TRC ICC profiles: written for the spaces we name, read from the files studios bring (ICC.1:2022)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TABLE_SIZE = 65536
D50_XYZ = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# ICC.1:2022 table 68: the number of parameters of each parametric curve type.
_PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}


class NotMatrixProfile(ValueError):
    """The profile is not an RGB matrix/TRC profile (a printer, grey, CMYK or lookup-table profile)."""


@dataclass(frozen=True, slots=True)
class MatrixProfile:
    """``to_xyz``: (3, 3), linear RGB to XYZ D50. ``curves``: (3, 65536), code/65535 to linear 0..1."""

    name: str
    to_xyz: NDArray[np.float64]
    curves: NDArray[np.float64]


def parametric(kind: int, p: tuple[float, ...]) -> NDArray[np.float64]:
    """A parametric curve (ICC.1:2022, 10.18) at 65536 even steps of its domain 0..1, clipped to 0..1."""
    with np.errstate(all="ignore"):
        values = _parametric(np.linspace(0.0, 1.0, TABLE_SIZE), kind, p)
    return np.clip(np.nan_to_num(values), 0.0, 1.0)


def _parametric(x: NDArray[np.float64], kind: int, p: tuple[float, ...]) -> NDArray[np.float64]:
    g, a, b, c, d, e, f = (*p, *(0.0,) * (7 - len(p)))
    if kind == 0:
        return x**g
    power = np.maximum(a * x + b, 0.0) ** g
    if kind == 1:
        return np.where(a * x + b >= 0, power, 0.0)
    if kind == 2:
        return np.where(a * x + b >= 0, power + c, c)
    return np.where(x >= d, power + (e if kind == 4 else 0.0), c * x + (f if kind == 4 else 0.0))


def primaries_to_xyz_d50(
    primaries_xy: tuple[tuple[float, float], ...], white_xy: tuple[float, float]
) -> NDArray[np.float64]:
    """Linear RGB to XYZ, Bradford-adapted to the profile connection space's D50. Returns (3, 3)."""
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries_xy]).T
    white = np.array([white_xy[0] / white_xy[1], 1.0, (1 - sum(white_xy)) / white_xy[1]])
    native = columns * np.linalg.solve(columns, white)
    cone_scale = np.diag((_BRADFORD @ D50_XYZ) / (_BRADFORD @ white))
    return np.asarray(np.linalg.solve(_BRADFORD, cone_scale @ _BRADFORD) @ native)


def curve_tag(kind: int, parameters: tuple[float, ...]) -> bytes:
    """The bytes of a parametric curve (ICC.1:2022, 10.18)."""
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _s15(*parameters)


def grey_curve_tag(profile: bytes) -> bytes:
    """The curve of a grey profile, as it stands in the file. Raises NotMatrixProfile if it is none."""
    if profile[16:20] != b"GRAY":
        raise NotMatrixProfile("not a grey profile")
    try:
        curve = _tags(profile)[b"kTRC"]
        _curve(curve)
    except (KeyError, struct.error, IndexError) as error:
        raise NotMatrixProfile("no curve in the grey profile") from error
    return curve


def build(name: str, to_xyz: NDArray[np.float64], curve: bytes) -> bytes:
    """A version 4.3 display profile with one curve (a tag's bytes) for the three channels."""

    def text(value: str) -> bytes:
        data = value.encode("utf-16-be")
        return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(data), 28) + data

    tags: list[tuple[bytes, bytes]] = [
        (b"desc", text(name)),
        (b"cprt", text("No copyright, use freely")),
        (b"wtpt", b"XYZ \0\0\0\0" + _s15(*D50_XYZ)),
        *((tag, b"XYZ \0\0\0\0" + _s15(*to_xyz[:, i])) for i, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))),
        *((tag, curve) for tag in (b"rTRC", b"gTRC", b"bTRC")),
    ]
    directory, body, places = b"", b"", {}
    start = 128 + 4 + 12 * len(tags)
    for tag, data in tags:
        if data not in places:
            places[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
        directory += struct.pack(">4sII", tag, places[data], len(data))
    header = struct.pack(
        ">I4xI4s4s4s6H4s4xI8xQI12s4x16s28x",
        start + len(body), 0x04300000, b"mntr", b"RGB ", b"XYZ ", 2026, 1, 1, 0, 0, 0, b"acsp", 0, 0, 0,
        _s15(*D50_XYZ), bytes(16),
    )  # fmt: skip
    return header + struct.pack(">I", len(tags)) + directory + body


def parse(profile: bytes) -> MatrixProfile:
    """Read an RGB matrix/TRC profile, version 2 or 4.

    Raises:
        NotMatrixProfile: it is of another class, or damaged; the text says which.
    """
    if len(profile) < 132 or profile[36:40] != b"acsp":
        raise NotMatrixProfile("not an ICC profile")
    if profile[16:20] != b"RGB ":
        raise NotMatrixProfile(f"a profile for {profile[16:20].decode('latin-1').strip()} data, not RGB")
    try:
        tags = _tags(profile)
        to_xyz = np.stack([_xyz(tags[t]) for t in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
        curves = np.stack([_curve(tags[t]) for t in (b"rTRC", b"gTRC", b"bTRC")])
        name = profile_name(profile)
    except (KeyError, struct.error, IndexError) as error:
        raise NotMatrixProfile("no matrix and curves in the profile") from error
    if abs(np.linalg.det(to_xyz)) < 1e-6 or (curves[:, -1] <= curves[:, 0]).any():
        raise NotMatrixProfile("its matrix or curves cannot be inverted")
    return MatrixProfile(name, to_xyz, curves)


def profile_name(profile: bytes) -> str:
    """What the profile calls itself."""
    return _name(_tags(profile).get(b"desc", b""))


def _s15(*values: float) -> bytes:
    """s15Fixed16Number (ICC.1:2022, 4.6)."""
    return struct.pack(f">{len(values)}i", *(round(v * 65536) for v in values))


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    places = (struct.unpack_from(">4sII", profile, 132 + 12 * i) for i in range(min(count, 100)))
    return {tag: profile[offset : offset + size] for tag, offset, size in places}


def _xyz(data: bytes) -> NDArray[np.float64]:
    return np.array(struct.unpack_from(">3i", data, 8)) / 65536


def _curve(data: bytes) -> NDArray[np.float64]:
    if data[:4] == b"para":
        (kind,) = struct.unpack_from(">H", data, 8)
        values = struct.unpack_from(f">{_PARAMETERS[kind]}i", data, 12)
        return parametric(kind, tuple(v / 65536 for v in values))
    if data[:4] != b"curv":
        raise NotMatrixProfile(f"an unknown curve type {data[:4]!r}")
    (count,) = struct.unpack_from(">I", data, 8)
    values = struct.unpack_from(f">{count}H", data, 12)
    if count <= 1:
        return parametric(0, (values[0] / 256 if count else 1.0,))
    grid = np.linspace(0.0, 1.0, TABLE_SIZE)
    return np.interp(grid, np.linspace(0.0, 1.0, count), np.array(values) / 65535)


def _name(data: bytes) -> str:
    if data[:4] == b"desc":
        (length,) = struct.unpack_from(">I", data, 8)
        return data[12 : 12 + length].rstrip(b"\0").decode("latin-1")
    if data[:4] == b"mluc" and len(data) >= 28:
        length, offset = struct.unpack_from(">II", data, 20)
        return data[offset : offset + length].decode("utf-16-be", "replace").rstrip("\0")
    return "unnamed profile"
