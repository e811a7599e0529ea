"""What a copy needs to survive a power cut: down to the medium, and never in the place of another."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import Final

_NO_HARD_LINKS: Final = (
    errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.EINVAL,
)  # fmt: skip
_NO_FOLDER_SYNC: Final = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF)


def sync(descriptor: int) -> None:
    """Down to the medium: on macOS `fsync` stops at the drive's cache, F_FULLFSYNC does not."""
    if sys.platform == "darwin":
        import fcntl

        with contextlib.suppress(OSError):  # network volumes refuse it
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def sync_folder(folder: bytes) -> None:
    """Make a new name durable. Windows and some shares cannot; the file itself is synced already.

    Raises OSError when the drive fails: then nobody may rely on the name.
    """
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def drop_cached(descriptor: int) -> None:
    """Let the next reading of a synced file come from the drive, where the system can be asked for that."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def rename_without_replacing(temp: bytes, final: bytes) -> None:
    """Give a file its final name in the same folder. Raises FileExistsError when the name is taken."""
    if sys.platform == "win32":
        os.rename(temp, final)  # refuses an existing name by itself
        return
    try:
        os.link(temp, final)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        _claim_and_fill(temp, final)
    else:
        os.unlink(temp)


def _claim_and_fill(temp: bytes, final: bytes) -> None:
    """Where there are no hard links (exFAT, some shares): an empty file holds the name until it is filled."""
    os.close(os.open(final, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    try:
        os.replace(temp, final)
    except BaseException:
        os.unlink(final)
        raise
