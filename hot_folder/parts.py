"""The part: what a copy is called until it is whole, and what becomes of one that a crash left.

Its name is the same in every run, so nothing has to be remembered to find it again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable

from hot_folder import durable


def finish(target: bytes, owner: bytes = b"") -> None:
    """Do what a run that ended just after it named its copy had no time for. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(part_of(target, owner))
    durable.sync_folder(os.path.dirname(target))


def part_of(target: bytes, owner: bytes = b"") -> bytes:
    """The name a copy has until it is whole: the same in every run, so what a power cut left is replaced."""
    folder, name = os.path.split(target)
    return os.path.join(folder, b"%s%s.part" % (_prefix(owner), _digits(name, 16)))


def discard_parts(root: bytes, folders: Iterable[bytes], owner: bytes) -> None:
    """Remove what interrupted runs of `owner` left in `root` itself and anywhere below its `folders`.

    Raises OSError.
    """
    is_part = re.compile(re.escape(_prefix(owner)) + rb"[0-9a-f]{16}\.part").fullmatch
    waiting = [b"", *folders]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as found:
                entries = list(found)
        except (FileNotFoundError, NotADirectoryError):
            continue
        parts = [entry.path for entry in entries if is_part(entry.name)]
        for entry in entries:
            if folder and entry.is_dir(follow_symlinks=False):
                waiting.append(folder + b"/" + entry.name)
            elif parts and part_of(entry.path, owner) in parts:
                give_up_claim(entry.path, owner)
        for part in parts:
            os.unlink(part)


def give_up_claim(target: bytes, owner: bytes) -> None:
    """Remove the empty file that held a name when the program was killed, where there are no hard links."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if os.lstat(target).st_size == 0 and os.lstat(part_of(target, owner)).st_size:
            os.unlink(target)


def _prefix(owner: bytes) -> bytes:
    return b".studio-" + (_digits(owner, 8) + b"-" if owner else b"")


def _digits(name: bytes, count: int) -> bytes:
    return hashlib.sha256(name).hexdigest()[:count].encode()
