"""A copy that can be relied on: hashed on the way, synced, read back, compared, and only then named."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final

from hot_folder import durable
from hot_folder.digest import read_through
from hot_folder.errors import OriginalChanged, OriginalUnreadable
from hot_folder.opening import StillChanging, open_for_reading
from hot_folder.records import FileKey, shown

_CHUNK_BYTES: Final = 1 << 20
_NO_SUCH_FOLDER: Final = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied; `xxh64` is what media hash lists are compared by."""

    size: int
    mtime_ns: int
    sha256: bytes
    xxh64: bytes


@contextmanager
def original(root: bytes, relative_path: bytes) -> Iterator[BinaryIO]:
    """A file to copy, open for reading. Follows no link, waits for no pipe. Raises OriginalUnreadable."""
    path = os.path.join(root, relative_path)
    try:
        source = open_for_reading(path, FileKey.of(os.lstat(path)))
    except (OSError, StillChanging) as error:
        raise unreadable(relative_path, error) from error
    with source:
        yield source


def copy_verified(
    source: BinaryIO, target: bytes, relative_path: bytes, *, sha256: bytes | None = None
) -> Copied:
    """Copy an open file to `target`, whose folder exists, with its modification time. Nothing is replaced.

    relative_path: what the original is called in messages. sha256: what its bytes must be, None for any.

    Raises:
        OriginalUnreadable: the original cannot be read.
        OriginalChanged: it has other bytes than `sha256`.
        FileExistsError: the name is taken.
        OSError: as the target's drive says; no part of a copy is left under its final name.
    """
    temp = _part(target)
    status = os.fstat(source.fileno())
    try:
        with open(temp, "wb") as copy:
            copied = _pour(source, copy, relative_path, status.st_mtime_ns)
            if sha256 is not None and copied.sha256 != sha256:
                raise OriginalChanged(
                    f"{shown(relative_path)} has other bytes than when it was taken in: "
                    "it is copied once it is taken in again"
                )
            copy.flush()
            with contextlib.suppress(OSError):
                os.utime(temp, ns=(status.st_mtime_ns, status.st_mtime_ns))
            durable.sync(copy.fileno())
            durable.drop_cached(copy.fileno())
        if not has_bytes(temp, copied.size, copied.sha256):
            raise OSError(errno.EIO, "other bytes come back than were written; replace the drive")
        durable.rename_without_replacing(temp, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temp)
        raise
    durable.sync_folder(os.path.dirname(target))
    return copied


def finish(target: bytes) -> None:
    """Do what a run that ended just after it named its copy had no time for. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_part(target))
    durable.sync_folder(os.path.dirname(target))


def discard_parts(root: bytes, relative_paths: Iterable[bytes]) -> None:
    """Remove what interrupted runs left of copies that were to have these names. Raises OSError."""
    parts_in: dict[bytes, set[bytes]] = {}
    for path in relative_paths:
        folder, part = os.path.split(_part(os.path.join(root, path)))
        parts_in.setdefault(folder, set()).add(part)
    for folder, parts in parts_in.items():
        try:
            for part in parts.intersection(os.listdir(folder)):
                os.unlink(os.path.join(folder, part))
        except OSError as error:
            if error.errno not in _NO_SUCH_FOLDER:
                raise


def make_folders(root: bytes, relative: bytes) -> None:
    """Make `relative` below `root` durably, one by one; the root is never made: its drive may be away.

    One that is there is synced, too: the run that made it may have ended before that.
    """
    folder = root
    for part in filter(None, relative.split(b"/")):
        parent, folder = folder, os.path.join(folder, part)
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
        durable.sync_folder(parent)


def has_bytes(path: bytes, size: int, sha256: bytes) -> bool:
    """Whether a regular file with these bytes lies there. Raises OSError when the drive does."""
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode) or status.st_size != size:
        return False
    with open(path, "rb") as file:
        return read_through(file).sha256 == sha256


def _part(target: bytes) -> bytes:
    """The name of a part is the same in every run, so what a power cut left is written over."""
    folder, name = os.path.split(target)
    return os.path.join(folder, b".studio-%s.part" % hashlib.sha256(name).hexdigest()[:16].encode())


def _pour(source: BinaryIO, copy: BinaryIO, relative_path: bytes, mtime_ns: int) -> Copied:
    import xxhash

    sha256, xxh64, size = hashlib.sha256(), xxhash.xxh64(), 0
    for chunk in _chunks(source, relative_path):
        sha256.update(chunk)
        xxh64.update(chunk)
        size += copy.write(chunk)
    return Copied(size, mtime_ns, sha256.digest(), xxh64.digest())


def _chunks(source: BinaryIO, relative_path: bytes) -> Iterator[bytes]:
    """All bytes of the original; only errors in reading it become OriginalUnreadable."""
    try:
        source.seek(0)
        while chunk := source.read(_CHUNK_BYTES):
            yield chunk
    except OSError as error:
        raise unreadable(relative_path, error) from error


def unreadable(relative_path: bytes, error: Exception) -> OriginalUnreadable:
    """What is said of a file that the disk, its rights or its writer do not let us read."""
    cause = (error.strerror or str(error)) if isinstance(error, OSError) else "it changes while it is read"
    return OriginalUnreadable(
        f"{shown(relative_path)} cannot be read ({cause}): check its rights and its drive"
    )
