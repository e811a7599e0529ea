"""CR3 and other ISO base media files (ISO/IEC 14496-12): a chain of boxes that ends where the file ends."""

from __future__ import annotations

import struct

from hot_folder.containers.base import WHOLE, Source, Verdict, short, unknown


def check(source: Source) -> Verdict:
    seen: set[bytes] = set()
    offset = 0
    while offset < source.size:
        length, box = _box(source, offset)
        if length == 0:
            return unknown("its last box has no stated length")
        if length < 8:
            return short("one of its boxes is not written yet")
        source.need(offset, length)
        seen.add(box)
        offset += length
    missing = {b"moov", b"mdat"} - seen
    if missing:
        return short("it ends before its picture data")
    return WHOLE


def _box(source: Source, offset: int) -> tuple[int, bytes]:
    length, box = struct.unpack(">I4s", source.at(offset, 8))
    if length == 1:
        (length,) = struct.unpack(">Q", source.at(offset + 8, 8))
    return length, box
