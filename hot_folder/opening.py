"""Opening a file of somebody else's folder, which may be another thing by the time it is open."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from hot_folder.records import FileKey


class StillChanging(Exception):
    """The file is not the one that was judged any more. Never leaves this package."""


def open_for_reading(path: bytes, expected: FileKey) -> BinaryIO:
    """Open a regular file in the expected state, without following a link or waiting for a pipe.

    Raises StillChanging when it is another file by now, OSError when the disk or its rights refuse.
    """
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    fd = os.open(path, flags)
    file = os.fdopen(fd, "rb")
    if not stat.S_ISREG(os.fstat(fd).st_mode) or key_of(file) != expected:
        file.close()
        raise StillChanging
    return file


def key_of(file: BinaryIO) -> FileKey:
    return FileKey.of(os.fstat(file.fileno()))
