"""JPEG (ITU-T T.81): marker segments, then entropy-coded data up to the end-of-image marker."""

from __future__ import annotations

import re
from typing import Final

from hot_folder.containers.base import WHOLE, Source, Verdict, short, unknown

_EOI, _SOS = 0xD9, 0xDA
_TAIL_BYTES: Final = 1 << 16
_CHUNK_BYTES: Final = 1 << 20
# In coded data FF is followed by 00 (stuffing), D0-D7 (restart) or FF (fill); anything else is a marker.
_MARKER: Final = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]", re.DOTALL)


def check(source: Source) -> Verdict:
    coded = _skip_segments(source, 2)
    if coded is None:
        return short("it ends before its picture data")
    tail_start = max(coded, source.size - _TAIL_BYTES)
    tail = source.at(tail_start, source.size - tail_start)
    if tail.rstrip(b"\0").endswith(b"\xff\xd9"):
        return WHOLE
    if _finds_end(source, coded):
        return unknown("something follows its picture data")
    return short("its picture data has no end")


def _skip_segments(source: Source, offset: int) -> int | None:
    """The offset just after the next start-of-scan header, None at an end-of-image marker before one."""
    while True:
        prefix, marker = source.at(offset, 2)
        if prefix != 0xFF:
            return offset  # damaged: let the search for the end decide
        if marker == 0xFF:
            offset += 1
            continue
        if marker == _EOI:
            return None
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            offset += 2
            continue
        length = int.from_bytes(source.at(offset + 2, 2), "big")
        offset += 2 + max(2, length)
        if marker == _SOS:
            source.need(offset, 1)
            return offset


def _finds_end(source: Source, offset: int) -> bool:
    """Whether an end-of-image marker closes the scans that begin at `offset`."""
    while offset < source.size:
        chunk = source.at(offset, min(_CHUNK_BYTES, source.size - offset))
        found = _MARKER.search(chunk)
        if found is None:
            offset += max(1, len(chunk) - 1)  # a marker may straddle two chunks
            if len(chunk) < 2 or offset >= source.size - 1:
                return False
        elif chunk[found.end() - 1] == _EOI:
            return True
        else:
            following = _skip_segments(source, offset + found.end() - 2)
            if following is None:
                return True
            offset = following
    return False
