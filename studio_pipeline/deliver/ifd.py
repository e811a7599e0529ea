"""TIFF image file directories, written by hand: the container of DNG, of EXIF blocks and of our TIFFs.

TIFF 6.0 section 2, little-endian. Offsets count from the header's first byte, 32 bits wide.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction

HEADER_BYTES = 8
LARGEST_FILE_BYTES = 2**32 - 1


class Kind(IntEnum):
    """Field types of TIFF 6.0 that we write."""

    BYTE = 1
    ASCII = 2
    SHORT = 3
    LONG = 4
    RATIONAL = 5
    UNDEFINED = 7
    SRATIONAL = 10


_FORMAT = {Kind.SHORT: "H", Kind.LONG: "I", Kind.RATIONAL: "II", Kind.SRATIONAL: "ii"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One field.

    ``value``: bytes for BYTE, ASCII and UNDEFINED; integers for SHORT and LONG; (numerator, denominator)
    pairs for the two rationals.
    """

    tag: int
    kind: Kind
    value: bytes | tuple[int, ...] | tuple[tuple[int, int], ...]

    @property
    def data(self) -> bytes:
        if isinstance(self.value, bytes):
            return self.value
        flat = [n for item in self.value for n in (item if isinstance(item, tuple) else (item,))]
        return struct.pack(f"<{_FORMAT[self.kind] * len(self.value)}", *flat)

    @property
    def count(self) -> int:
        return len(self.value)


def ascii_entry(tag: int, text: str) -> Entry:
    """Text, zero-terminated. EXIF says ASCII; names in UTF-8 are what every reader accepts today."""
    return Entry(tag, Kind.ASCII, text.encode("utf-8", "replace") + b"\0")


def short(tag: int, *values: int) -> Entry:
    return Entry(tag, Kind.SHORT, values)


def long(tag: int, *values: int) -> Entry:
    return Entry(tag, Kind.LONG, values)


def rational(tag: int, *values: float) -> Entry:
    """Unsigned fractions, the nearest with a denominator up to 10,000: 0.008 is written as 1/125."""
    return Entry(tag, Kind.RATIONAL, tuple(_fraction(value) for value in values))


def srational(tag: int, *values: float) -> Entry:
    """Signed fractions, as ``rational``."""
    return Entry(tag, Kind.SRATIONAL, tuple(_fraction(value) for value in values))


def _fraction(value: float) -> tuple[int, int]:
    return Fraction(value).limit_denominator(10_000).as_integer_ratio()


def header(first_ifd: int) -> bytes:
    return struct.pack("<2sHI", b"II", 42, first_ifd)


def pack(entries: Iterable[Entry], offset: int) -> bytes:
    """One directory as it stands at ``offset`` (even), followed by the data that does not fit in its rows.

    Raises:
        ValueError: a tag stands twice, or ``offset`` is odd.
    """
    rows = sorted(entries, key=lambda entry: entry.tag)
    if len({row.tag for row in rows}) != len(rows):
        raise ValueError("a tag may stand once in a directory")
    if offset % 2:
        raise ValueError(f"a directory starts at an even offset, not {offset}")
    table, beyond = b"", b""
    start = offset + 2 + 12 * len(rows) + 4
    for row in rows:
        data = row.data
        if len(data) > 4:
            place = struct.pack("<I", start + len(beyond))
            beyond += data + bytes(len(data) % 2)
        else:
            place = data.ljust(4, b"\0")
        table += struct.pack("<HHI", row.tag, row.kind, row.count) + place
    return struct.pack("<H", len(rows)) + table + bytes(4) + beyond


def chain(entries: Iterable[Entry], children: dict[int, tuple[Entry, ...]], offset: int) -> bytes:
    """A directory at ``offset`` and, after it, those its pointer tags lead to; empty ones are left out.

    ``children`` maps the pointer's tag (34665 EXIF, 34853 GPS) to the child's entries.
    """
    present = {tag: rows for tag, rows in children.items() if rows}
    parent = [*entries, *(long(tag, 0) for tag in present)]
    place = offset + len(pack(parent, offset))
    pointers, bodies = [], b""
    for tag, rows in present.items():
        pointers.append(long(tag, place))
        body = pack(rows, place)
        bodies += body
        place += len(body)
    return pack([*entries, *pointers], offset) + bodies
