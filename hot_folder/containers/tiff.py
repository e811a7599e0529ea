"""TIFF 6.0, BigTIFF and the RAW formats built on them (DNG, NEF, ARW, CR2, ORF, PEF, RW2, IIQ, 3FR, KDC ...).

Walks the directories and asks whether the pixel data they name lie inside the file. Pixel data, the first
directory or a SubIFD past the end: cut short. Another value past the end: unknown, for some cameras write
private tags that point nowhere; then the decoder has the last word.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hot_folder.containers.base import WHOLE, Source, Verdict, short, unknown

_TYPE_BYTES: Final = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_INTEGERS: Final = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}

_SUB_IFDS, _EXIF_IFD, _GPS_IFD, _PANASONIC_RAW_OFFSET = 0x014A, 0x8769, 0x8825, 0x0118
_PIXEL_TAGS: Final = (
    (0x0111, 0x0117),
    (0x0144, 0x0145),
    (0x0201, 0x0202),
)  # strips, tiles, JPEG: (offsets, counts)
_FOLLOWED: Final = frozenset({_SUB_IFDS, _EXIF_IFD, _GPS_IFD, *(tag for pair in _PIXEL_TAGS for tag in pair)})

_MAX_DIRECTORIES: Final = 128
_MAX_ENTRIES: Final = 4096
_MAX_VALUES: Final = 1 << 20
_UNSET: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Layout:
    """How this flavour writes its directories."""

    order: str
    is_big: bool

    def unpack(self, code: str, data: bytes) -> tuple[int, ...]:
        return struct.unpack(self.order + code, data)


class _Walk:
    def __init__(self, source: Source, layout: _Layout, is_panasonic: bool) -> None:
        self.source = source
        self.layout = layout
        self.is_panasonic = is_panasonic
        self.pixel_segments = 0
        self.doubt = ""

    def directory(self, offset: int, *, follow_next: bool) -> list[tuple[int, bool]]:
        """Check one directory; return those it names, each with whether it is in the main chain."""
        count_code, entry_bytes = ("Q", 20) if self.layout.is_big else ("H", 12)
        count_bytes = struct.calcsize("=" + count_code)
        (count,) = self.layout.unpack(count_code, self.source.at(offset, count_bytes))
        if count == 0:
            raise _NotWritten
        if count > _MAX_ENTRIES:
            self.doubt = self.doubt or "one of its directories cannot be understood"
            return []
        table = self.source.at(offset + count_bytes, count * entry_bytes)
        values: dict[int, tuple[int, ...]] = {}
        for start in range(0, len(table), entry_bytes):
            self._entry(table[start : start + entry_bytes], values)
        self._pixels(values)
        return list(self._further(values, offset + count_bytes + len(table), follow_next))

    def _entry(self, entry: bytes, values: dict[int, tuple[int, ...]]) -> None:
        if self.layout.is_big:
            tag, kind, count = self.layout.unpack("HHQ", entry[:12])
            inline, offset_code = entry[12:], "Q"
        else:
            tag, kind, count = self.layout.unpack("HHI", entry[:8])
            inline, offset_code = entry[8:], "I"
        length = count * _TYPE_BYTES.get(kind, 0)
        needed = tag in _FOLLOWED
        if length > len(inline):
            (offset,) = self.layout.unpack(offset_code, inline)
            if not needed and offset + length > self.source.size:
                self.doubt = self.doubt or f"its tag {tag} points past its end"
                return
            self.source.need(offset, length)
            if needed and kind in _INTEGERS and count <= _MAX_VALUES:
                values[tag] = self.layout.unpack(f"{count}{_INTEGERS[kind]}", self.source.at(offset, length))
        elif needed and kind in _INTEGERS:
            values[tag] = self.layout.unpack(f"{count}{_INTEGERS[kind]}", inline[:length])
        elif tag == _PANASONIC_RAW_OFFSET and self.is_panasonic:
            self.doubt = "its RAW data has no stated length"

    def _pixels(self, values: dict[int, tuple[int, ...]]) -> None:
        for offsets_tag, counts_tag in _PIXEL_TAGS:
            offsets, counts = values.get(offsets_tag, ()), values.get(counts_tag, ())
            if offsets and len(counts) != len(offsets):
                self.doubt = self.doubt or "its pixel data has no stated length"
            for offset, count in zip(offsets, counts, strict=False):
                if self.is_panasonic and _UNSET in (offset, count):
                    continue
                self.source.need(offset, count)
                self.pixel_segments += count > 0

    def _further(
        self, values: dict[int, tuple[int, ...]], end: int, follow_next: bool
    ) -> Iterator[tuple[int, bool]]:
        for offset in values.get(_SUB_IFDS, ()):
            yield offset, False
        for tag in (_EXIF_IFD, _GPS_IFD):
            for offset in values.get(tag, ()):
                if offset < self.source.size:
                    yield offset, False
                else:
                    self.doubt = self.doubt or "its EXIF points past its end"
        if follow_next:  # Exif directories often end in garbage here; only the main chain is a chain
            code = "Q" if self.layout.is_big else "I"
            (following,) = self.layout.unpack(code, self.source.at(end, struct.calcsize("=" + code)))
            if following >= self.source.size:
                self.doubt = self.doubt or "its next directory lies past its end"
            elif following:
                yield following, True


class _NotWritten(Exception):
    """A directory of zero entries: space that was reserved and not yet filled."""


def check(source: Source) -> Verdict:
    header = source.at(0, 8)
    order = "<" if header[:2] == b"II" else ">"
    (magic,) = struct.unpack(order + "H", header[2:4])
    layout = _Layout(order, is_big=magic == 43)
    (first,) = layout.unpack("Q", source.at(8, 8)) if layout.is_big else layout.unpack("I", header[4:8])
    if first == 0:
        return short("its first directory is not written yet")

    walk = _Walk(source, layout, is_panasonic=magic == 0x55)
    waiting, seen = [(first, True)], set[int]()
    try:
        while waiting and len(seen) < _MAX_DIRECTORIES:
            offset, is_chain = waiting.pop()
            if offset not in seen:
                seen.add(offset)
                waiting.extend(walk.directory(offset, follow_next=is_chain))
    except _NotWritten:
        return short("one of its directories is not written yet")
    if walk.doubt:
        return unknown(walk.doubt)
    return WHOLE if walk.pixel_segments else unknown("it names no pixel data")
