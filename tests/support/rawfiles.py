"""Small Bayer DNG files for tests, written byte by byte: enough of a camera for LibRaw, no more (DNG 1.4)."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# XYZ (D65) to linear Rec.2020: the camera of these tests sees in Rec.2020 primaries.
XYZ_TO_REC2020 = (
    (1.7166512, -0.3556708, -0.2533663),
    (-0.6666844, 1.6164812, 0.0157685),
    (0.0176399, -0.0427706, 0.9421031),
)
BLACK, WHITE = 512, 16383
_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SRATIONAL = 1, 2, 3, 4, 5, 10
_FORMAT = {_BYTE: "B", _SHORT: "H", _LONG: "L"}


@dataclass(frozen=True)
class Camera:
    """What the DNG says beside its pixels. ``neutral``: the camera's answer to white, green = 1."""

    neutral: tuple[float, float, float] = (0.5, 1.0, 0.625)
    orientation: int = 1
    serial: str | None = "00123456"
    taken: str = "2024:05:06 07:08:09"
    subsecond: str = "25"
    offset: str = "+02:00"
    preview: bytes | None = None
    compression: int = 1
    adobe_rgb: bool = False


def bayer_dng(linear: NDArray[np.floating[Any]], camera: Camera = Camera()) -> bytes:
    """A RGGB DNG of a scene: ``linear`` ``(h, w, 3)`` in Rec.2020, 1.0 = the green channel is full."""
    sensor = linear * np.array(camera.neutral)
    mosaic = sensor[..., 1].copy()
    mosaic[0::2, 0::2] = sensor[0::2, 0::2, 0]
    mosaic[1::2, 1::2] = sensor[1::2, 1::2, 2]
    codes = np.rint(BLACK + np.clip(mosaic, 0, 1) * (WHITE - BLACK)).astype("<u2")
    return _file(codes, camera)


def _file(codes: NDArray[np.uint16], camera: Camera) -> bytes:
    height, width = codes.shape
    exif = [
        (0x829A, _RATIONAL, (1, 125)),
        (0x829D, _RATIONAL, (28, 10)),
        (0x8827, _SHORT, (200,)),
        (0x9003, _ASCII, camera.taken),
        (0x9011, _ASCII, camera.offset),
        (0x9291, _ASCII, camera.subsecond),
        *([(0xA431, _ASCII, camera.serial)] if camera.serial else []),
        *([(0xA005, _LONG, ("interoperability",))] if camera.adobe_rgb else []),
        (0xA434, _ASCII, "Test 85mm F1.4"),
    ]
    raw = [
        (254, _LONG, (0,)),
        (256, _LONG, (width,)),
        (257, _LONG, (height,)),
        (258, _SHORT, (16,)),
        (259, _SHORT, (camera.compression,)),
        (262, _SHORT, (32803,)),
        (271, _ASCII, "Test"),
        (272, _ASCII, "Test Camera"),
        (273, _LONG, ("pixels",)),
        (274, _SHORT, (camera.orientation,)),
        (277, _SHORT, (1,)),
        (278, _LONG, (height,)),
        (279, _LONG, (codes.nbytes,)),
        *([(330, _LONG, ("preview",))] if camera.preview else []),
        (33421, _SHORT, (2, 2)),
        (33422, _BYTE, (0, 1, 1, 2)),
        (34665, _LONG, ("exif",)),
        (50706, _BYTE, (1, 4, 0, 0)),
        (50707, _BYTE, (1, 1, 0, 0)),
        (50708, _ASCII, "Test Camera"),
        (50714, _SHORT, (BLACK,)),
        (50717, _LONG, (WHITE,)),
        (
            50721,
            _SRATIONAL,
            tuple(v for row in XYZ_TO_REC2020 for n in row for v in (round(n * 10**6), 10**6)),
        ),
        (50728, _RATIONAL, tuple(v for n in camera.neutral for v in (round(n * 10**6), 10**6))),
        (50778, _SHORT, (21,)),
    ]
    directories: dict[str, list[tuple[int, int, Any]]] = {"raw": raw, "exif": exif}
    if camera.adobe_rgb:
        directories["interoperability"] = [(1, _ASCII, "R03")]
    blobs = {"pixels": codes.tobytes()}
    if camera.preview:
        directories["preview"] = _preview_directory(camera.preview)
        blobs["jpeg"] = camera.preview
    return _assemble(directories, blobs)


def _preview_directory(jpeg: bytes) -> list[tuple[int, int, Any]]:
    width, height = Image.open(io.BytesIO(jpeg)).size
    return [
        (254, _LONG, (1,)),
        (256, _LONG, (width,)),
        (257, _LONG, (height,)),
        (258, _SHORT, (8, 8, 8)),
        (259, _SHORT, (7,)),
        (262, _SHORT, (6,)),
        (273, _LONG, ("jpeg",)),
        (277, _SHORT, (3,)),
        (278, _LONG, (height,)),
        (279, _LONG, (len(jpeg),)),
    ]


def _assemble(directories: dict[str, list[tuple[int, int, Any]]], blobs: dict[str, bytes]) -> bytes:
    """Lay the directories out one after the other, each with its long values, then the blobs."""
    places: dict[str, int] = dict.fromkeys([*directories, *blobs], 0)
    for _ in range(2):  # once to learn every place, once to write it
        out = b"II*\0" + struct.pack("<L", 8)
        for name, entries in directories.items():
            places[name] = len(out)
            out += _directory(entries, len(out), places)
        for name, blob in blobs.items():
            places[name] = len(out)
            out += blob
    return out


def _directory(entries: list[tuple[int, int, Any]], at: int, places: dict[str, int]) -> bytes:
    head, tail = struct.pack("<H", len(entries)), b""
    tail_at = at + 2 + 12 * len(entries) + 4
    for tag, kind, value in entries:
        data, count = _value(kind, value, places)
        if len(data) > 4:
            head += struct.pack("<HHLL", tag, kind, count, tail_at + len(tail))
            tail += data + b"\0" * (len(data) % 2)
        else:
            head += struct.pack("<HHL", tag, kind, count) + data.ljust(4, b"\0")
    return head + b"\0\0\0\0" + tail


def _value(kind: int, value: Any, places: dict[str, int]) -> tuple[bytes, int]:
    if kind == _ASCII:
        text = value.encode() + b"\0"
        return text, len(text)
    numbers = [places[v] if isinstance(v, str) else v for v in value]
    if kind in (_RATIONAL, _SRATIONAL):
        return struct.pack(f"<{len(numbers)}{'L' if kind == _RATIONAL else 'l'}", *numbers), len(numbers) // 2
    return struct.pack(f"<{len(numbers)}{_FORMAT[kind]}", *numbers), len(numbers)
