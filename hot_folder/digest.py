"""One pass over a file's bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import BinaryIO, Final

HEAD_BYTES: Final = 4096
_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Digest:
    size: int
    sha256: bytes
    head_sha256: bytes
    """Of the first 4096 bytes, where every format keeps the time of the exposure."""
    prefix_sha256: bytes | None
    """Of the first `prefix_bytes` bytes, None when none were asked for or the file is shorter."""


def read_through(file: BinaryIO, prefix_bytes: int | None = None) -> Digest:
    """Read the whole file once, from its beginning. Raises OSError when the disk does."""
    file.seek(0)
    whole, size = hashlib.sha256(), 0
    head = prefix = None
    marks = sorted({HEAD_BYTES, prefix_bytes or 0} - {0})
    while True:
        stop = next((mark - size for mark in marks if mark > size), _CHUNK_BYTES)
        chunk = file.read(min(stop, _CHUNK_BYTES))
        if not chunk:
            break
        whole.update(chunk)
        size += len(chunk)
        if size == HEAD_BYTES:
            head = whole.digest()
        if size == prefix_bytes:
            prefix = whole.digest()
    return Digest(size, whole.digest(), head or whole.digest(), prefix)
