"""A copy that can be relied on: hashed on the way, synced, read back from the drive, compared, then named.

SHA-256 of the original tells whether it is what it should be; XXH64 of original and copy, whether the drive
gives back what was written.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final

from hot_folder import durable
from hot_folder.errors import OriginalChanged, OriginalUnreadable
from hot_folder.names import ending_of, fitted, split
from hot_folder.opening import StillChanging, key_of, open_for_reading
from hot_folder.parts import finish, give_up_claim, part_of
from hot_folder.records import FileKey, shown

_CHUNK_BYTES: Final = 1 << 20
_CHUNKS_BEHIND: Final = 32
_SYNC_BYTES: Final = 64 << 20
"""So much is written before it is synced: a slow drive is seen to get on, and no sync takes minutes."""
_ENDING_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied; `xxh64` is what media hash lists are compared by."""

    size: int
    mtime_ns: int
    sha256: bytes
    xxh64: bytes


@dataclass(frozen=True, slots=True)
class Laid:
    """Where a copy lies, relative to its root, and whether it was made just now."""

    name: bytes
    copied: Copied
    is_new: bool


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


def lay(
    source: BinaryIO,
    root: bytes,
    relative_path: bytes,
    *,
    sha256: bytes | None = None,
    mtime_ns: int | None = None,
    owner: bytes = b"",
    synced: set[bytes] | None = None,
    tell: Callable[[], None] = lambda: None,
) -> Laid:
    """Copy an open file to `relative_path` below `root`, unless its bytes lie there. Nothing is replaced.

    A name that other bytes have already gets digits of the hash before its ending. The other arguments and
    what is raised are those of `copy_verified` and `make_folders`; after FileExistsError try again.
    """
    if sha256 is None and os.path.lexists(os.path.join(root, relative_path)):
        try:
            sha256 = hashes_of(source, tell).sha256
        except OSError as error:
            raise unreadable(relative_path, error) from error
    for name in _names(relative_path, sha256):
        target = os.path.join(root, name)
        give_up_claim(target, owner)
        if not os.path.lexists(target):
            make_folders(root, split(name)[0], synced)
            copied = copy_verified(
                *(source, target, relative_path), sha256=sha256, mtime_ns=mtime_ns, owner=owner, tell=tell
            )
            return Laid(name, copied, is_new=True)
        there = hashes_at(target, os.fstat(source.fileno()).st_size, tell)
        if there is not None and there.sha256 == sha256:
            finish(target, owner)
            return Laid(name, there, is_new=False)
    raise FileExistsError(errno.EEXIST, "every name for it is taken", shown(relative_path))


def copy_verified(
    source: BinaryIO,
    target: bytes,
    relative_path: bytes,
    *,
    sha256: bytes | None = None,
    mtime_ns: int | None = None,
    owner: bytes = b"",
    tell: Callable[[], None] = lambda: None,
) -> Copied:
    """Copy an open file to `target`, whose folder exists, with its modification time. Nothing is replaced.

    relative_path: what the original is called in messages. sha256: what its bytes must be, None for any that
    stay as they are meanwhile. mtime_ns: another modification time. owner: who else copies into that folder
    at the same time has another one. tell: called whenever some of it is done.

    Raises:
        OriginalUnreadable: the original cannot be read, or changes.
        OriginalChanged: it has other bytes than `sha256`.
        FileExistsError: the name is taken.
        OSError: as the target's drive says; no part of a copy is left under its final name.
    """
    temp, before = part_of(target, owner), os.fstat(source.fileno())
    mtime_ns = before.st_mtime_ns if mtime_ns is None else mtime_ns
    # Never opened where it lies: after a crash it may be a second name of a finished copy.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temp)
    try:
        with ThreadPoolExecutor(1, "hash") as hashing, open(temp, "xb") as copy:
            size, hashed, xxh64 = _pour(source, copy, relative_path, hashing, tell)
            copy.flush()
            with contextlib.suppress(OSError):
                os.utime(temp, ns=(mtime_ns, mtime_ns))
            durable.sync(copy.fileno())
            durable.drop_cached(copy.fileno())
            copied = Copied(size, mtime_ns, hashed.result(), xxh64)
        if sha256 is None and FileKey.of(before) != key_of(source):
            raise OriginalUnreadable(f"{shown(relative_path)} changes while it is copied: it is tried again")
        if sha256 is not None and copied.sha256 != sha256:
            raise OriginalChanged(
                f"{shown(relative_path)} has other bytes than when it was taken in: "
                "it is copied once it is taken in again"
            )
        if _xxh64_of(temp, tell) != xxh64:
            raise OSError(errno.EIO, "other bytes come back than were written; replace the drive")
        durable.rename_without_replacing(temp, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temp)
        raise
    durable.sync_folder(os.path.dirname(target))
    return copied


def make_folders(root: bytes, relative: bytes, synced: set[bytes] | None = None) -> None:
    """Make `relative` below `root` durably, one by one; the root is never made: its drive may be away.

    One that is there is synced, too: the run that made it may have ended before that. synced: those for which
    this has been done.
    """
    folder = root
    for part in filter(None, relative.split(b"/")):
        parent, folder = folder, os.path.join(folder, part)
        try:
            os.mkdir(folder)
        except FileExistsError:
            if synced is not None and folder in synced:
                continue
        durable.sync_folder(parent)
        if synced is not None:
            synced.add(folder)


def has_bytes(path: bytes, size: int, sha256: bytes) -> bool:
    """Whether a regular file with these bytes lies there. Raises OSError when the drive does."""
    there = hashes_at(path, size)
    return there is not None and there.sha256 == sha256


def hashes_at(path: bytes, size: int, tell: Callable[[], None] = lambda: None) -> Copied | None:
    """Both hashes of a regular file of that size, read from its drive; None when there is no such file."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_size != size:
        return None
    with open(path, "rb") as file:
        durable.drop_cached(file.fileno())
        return hashes_of(file, tell)


def hashes_of(file: BinaryIO, tell: Callable[[], None] = lambda: None) -> Copied:
    """Both hashes of an open file, read from its beginning."""
    import xxhash

    sha256, xxh64, size = hashlib.sha256(), xxhash.xxh64(), 0
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        sha256.update(chunk)
        xxh64.update(chunk)
        size += len(chunk)
        tell()
    return Copied(size, os.fstat(file.fileno()).st_mtime_ns, sha256.digest(), xxh64.digest())


def _names(relative_path: bytes, sha256: bytes | None) -> Iterator[bytes]:
    """The names a copy may have, best first, each short enough for any filesystem."""
    yield relative_path
    folder, name = split(relative_path)
    ending = ending_of(name)
    cut = len(name) - len(ending) - 1 if 0 < len(ending) <= _ENDING_BYTES else len(name)
    digits = (sha256 or b"").hex().encode()
    for some in (digits[:8], digits):
        yield (folder + b"/" if folder else b"") + fitted(name[:cut], b"-%s%s" % (some, name[cut:]))


def _pour(
    source: BinaryIO,
    copy: BinaryIO,
    relative_path: bytes,
    hashing: ThreadPoolExecutor,
    tell: Callable[[], None],
) -> tuple[int, Future[bytes], bytes]:
    """Write all of it, and sync it now and then; returns its size, its SHA-256 when `hashing` is done, XXH64.

    SHA-256 takes as long as writing and syncing do, so both are done at once.
    """
    import xxhash

    sha256, xxh64, size = hashlib.sha256(), xxhash.xxh64(), 0
    behind: deque[Future[None]] = deque()
    for chunk in _chunks(source, relative_path):
        behind.append(hashing.submit(sha256.update, chunk))
        if len(behind) > _CHUNKS_BEHIND:
            behind.popleft().result()
        xxh64.update(chunk)
        copy.write(chunk)
        size += len(chunk)
        if size % _SYNC_BYTES < len(chunk):
            copy.flush()
            durable.sync(copy.fileno())
        tell()
    return size, hashing.submit(sha256.digest), xxh64.digest()


def _xxh64_of(path: bytes, tell: Callable[[], None]) -> bytes:
    import xxhash

    xxh64 = xxhash.xxh64()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            xxh64.update(chunk)
            tell()
    return xxh64.digest()


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
