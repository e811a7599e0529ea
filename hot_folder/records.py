"""The small words every module of the hot folder shares."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

_SIGN = 1 << 63
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


class Place(StrEnum):
    """Which of the session's folders a file lies in."""

    CAPTURE = "capture"
    SELECTS = "selects"
    OUTPUT = "output"
    """Exports: a TIFF here joins a capture that is already known, and never founds one."""
    TRASH = "trash"
    """A capture here is withdrawn, not forgotten."""


class Role(StrEnum):
    """What a file is to its capture, judged by its name."""

    RAW = "raw"
    TIFF = "tiff"
    JPEG = "jpeg"
    SIDECAR = "sidecar"
    OTHER = "other"


class Hint(StrEnum):
    """What an event said about a file. It can make a file settle sooner, never skip a check."""

    NONE = "none"
    CLOSED = "closed"
    RENAMED_IN = "renamed-in"


class FileKey(NamedTuple):
    """One state of one file on disk. Device and inode are folded into the signed 64 bits SQLite keeps."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> FileKey:
        device, inode = stat.st_dev, stat.st_ino
        if device >= _SIGN or inode >= _SIGN:  # FUSE, CIFS and ReFS use all 64 bits and more
            device, inode = _folded(device), _folded(inode)
        return cls(device, inode, stat.st_size, stat.st_mtime_ns)


def _folded(number: int) -> int:
    return (number + _SIGN) % (2 * _SIGN) - _SIGN


@dataclass(frozen=True, slots=True)
class ExposureHints:
    """What the file says about its exposure. Hints: they part namesakes, and are never an identity.

    captured_at is the camera's own clock (naive); only whole seconds are compared.
    """

    captured_at: datetime | None = None
    serial: str | None = None


def shown(path: bytes) -> str:
    """A path for a message or a log line: one readable line, and never a reason to fail."""
    text = path.decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
