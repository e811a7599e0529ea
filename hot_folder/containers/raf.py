"""Fujifilm RAF: the header names three blocks (JPEG, metadata, sensor data), big-endian."""

from __future__ import annotations

import struct
from typing import Final

from hot_folder.containers.base import WHOLE, Source, Verdict, short

_BLOCK_TABLE: Final = 84


def check(source: Source) -> Verdict:
    blocks = struct.unpack(">6I", source.at(_BLOCK_TABLE, 24))
    jpeg_offset, _, _, _, sensor_offset, sensor_bytes = blocks
    if not (jpeg_offset and sensor_offset and sensor_bytes):
        return short("its block table is not written yet")
    for offset, count in zip(blocks[::2], blocks[1::2], strict=True):
        source.need(offset, count)
    return WHOLE
