"""All or nothing on disk: a deliverable appears under its name whole, synced, never in another's place."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from io import BufferedRandom
from pathlib import Path

from hot_folder import durable
from studio_pipeline.errors import Refused, StudioError, TryAgain
from studio_pipeline.records.capture import shown

_PART_PREFIX, _PART_SUFFIX = ".studio-", ".part"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_NEEDS_MENDING = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.EINVAL, errno.ENOTDIR,
    errno.EEXIST, errno.EFBIG,
)  # fmt: skip


@contextlib.contextmanager
def temporary(folder: Path) -> Iterator[tuple[BufferedRandom, Path]]:
    """A new file in ``folder`` (made if need be), open to write and read back; gone when the block ends.

    Raises:
        TryAgain: the disk is full or busy.
        Refused: the folder cannot be written to.
    """
    path = folder / f"{_PART_PREFIX}{secrets.token_hex(8)}{_PART_SUFFIX}"
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("x+b")
    try:
        with explained(folder):
            yield file, path
    finally:
        with contextlib.suppress(OSError):  # a close may report the full disk once more
            file.close()
        path.unlink(missing_ok=True)


def publish(file: BufferedRandom, temp: Path, final: Path, *, replace: bool = False) -> None:
    """Sync ``file``, close it, and give it its final name in the same folder.

    With ``replace`` it takes the place of what stands there: only for a file the caller knows to be its own.

    Raises:
        FileExistsError: the name is taken (never with ``replace``); ``temp`` is still there.
        OSError: as the system says; ``temp`` is still there.
    """
    if not file.closed:
        file.flush()
        durable.sync(file.fileno())
        file.close()
    if replace:
        temp.replace(final)
    else:
        durable.rename_without_replacing(os.fsencode(temp), os.fsencode(final))
    durable.sync_folder(os.fsencode(final.parent))


def sweep(folder: Path) -> int:
    """Remove what a killed run left under temporary names in ``folder`` and below. Returns how many files."""
    parts = [p for p in folder.rglob(f"{_PART_PREFIX}*{_PART_SUFFIX}") if p.is_file() and not p.is_symlink()]
    for part in parts:
        part.unlink()
    return len(parts)


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn the system's errors into ours, split by what the operator does about them."""
    try:
        yield
    except StudioError:
        raise
    except OSError as error:
        reason = f"cannot write into {shown(os.fsencode(folder))}: {error.strerror or error}"
        if error.errno in _FULL:
            raise TryAgain(f"{reason}; make room: the delivery is kept and tried again") from error
        if error.errno in _NEEDS_MENDING:
            raise Refused(f"{reason}; check the folder's permissions and the name's length") from error
        raise TryAgain(f"{reason}; the delivery is kept and tried again") from error
