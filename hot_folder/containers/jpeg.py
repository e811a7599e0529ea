"""JPEG (ITU-T T.81): marker segments, then entropy-coded data up to the end-of-image marker.

Behind it many cameras put a second JPEG, their preview (CIPA DC-007, multi-picture format).
"""

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
    coded, is_scan = _skip_segments(source, 2)
    if not is_scan:
        return short("it ends before its picture data")
    tail_start = max(coded, source.size - _TAIL_BYTES)
    tail = source.at(tail_start, source.size - tail_start)
    if tail.rstrip(b"\0").endswith(b"\xff\xd9"):
        return WHOLE
    end = _end_of_scans(source, coded)
    if end is None:
        return short("its picture data has no end")
    return _check_what_follows(source, end)


def _check_what_follows(source: Source, end: int) -> Verdict:
    while True:
        following = source.at(end, min(_TAIL_BYTES, source.size - end))
        preview = following.lstrip(b"\0")
        if not preview.startswith(b"\xff\xd8\xff"):
            return unknown("something follows its picture data")
        coded, is_scan = _skip_segments(source, end + len(following) - len(preview) + 2)
        preview_end = _end_of_scans(source, coded) if is_scan else None
        if preview_end is None:
            return short("the preview behind its picture data has no end")
        end = preview_end


def _skip_segments(source: Source, offset: int) -> tuple[int, bool]:
    """The offset just after the next start-of-scan header and True, or after an end-of-image and False."""
    while True:
        prefix, marker = source.at(offset, 2)
        if prefix != 0xFF:
            return offset, True  # damaged: let the search for the end decide
        if marker == 0xFF:
            offset += 1
            continue
        if marker == _EOI:
            return offset + 2, False
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            offset += 2
            continue
        length = int.from_bytes(source.at(offset + 2, 2), "big")
        offset += 2 + max(2, length)
        if marker == _SOS:
            source.need(offset, 1)
            return offset, True


def _end_of_scans(source: Source, offset: int) -> int | None:
    """The offset after the end-of-image marker that closes the scans that begin at `offset`."""
    while offset < source.size:
        chunk = source.at(offset, min(_CHUNK_BYTES, source.size - offset))
        found = _MARKER.search(chunk)
        if found is None:
            offset += max(1, len(chunk) - 1)  # a marker may straddle two chunks
            if len(chunk) < 2 or offset >= source.size - 1:
                return None
        elif chunk[found.end() - 1] == _EOI:
            return offset + found.end()
        else:
            offset, is_scan = _skip_segments(source, offset + found.end() - 2)
            if not is_scan:
                return offset
    return None
