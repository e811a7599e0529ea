"""The vault: a folder on a second drive that keeps a verified copy of every original.

A copy lies under the original's own path relative to the session. `SHA256SUMS` lists what was copied, in the
form that `sha256sum -c` checks; it is how a later run knows what need not be copied again.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from typing import Final

from hot_folder.copying import copy_verified, discard_parts, finish, has_bytes, make_folders, original
from hot_folder.names import ending_of, split
from hot_folder.records import shown

MANIFEST: Final = b"SHA256SUMS"
_LINE = re.compile(rb"(\\?)([0-9a-f]{64}) [ *](.+)", re.DOTALL)
_ESCAPES: Final = {b"\\": b"\\\\", b"\n": b"\\n"}  # as sha256sum writes them


class Vault:
    """root: absolute path of the vault's folder. marker: name of the file in it that says it is one.

    Without the marker nothing is written: the drive is not connected, and the folder at its place lies on
    another one. One thread at a time.
    """

    def __init__(self, root: bytes, marker: bytes) -> None:
        self.root = root
        self._marker = os.path.join(root, marker)
        self._manifest = os.path.join(root, MANIFEST)
        self._known: dict[bytes, list[bytes]] = {}
        self._known_as_of: tuple[int, int, int] | None = None

    def check(self) -> None:
        """Raises FileNotFoundError when the vault's drive is not there, OSError when it does not answer."""
        os.stat(self._marker)

    def holds(self, sha256: bytes, size: int) -> bool:
        """Whether these bytes were copied before, under whatever name, and the copy still has its size.

        Raises OSError when the drive does not answer.
        """
        self._renew_known()
        paths = (os.path.join(self.root, name) for name in self._known.get(sha256, ()))
        return any(_size(path) == size for path in paths)

    def keep(self, session: bytes, relative_path: bytes, sha256: bytes) -> None:
        """Copy one original, unless the same bytes lie there under its name. Nothing is ever replaced.

        A name that other bytes have already gets the first 8 digits of the hash before its ending.

        Raises:
            OriginalUnreadable: the original is gone, cannot be read, or is not the journalled file any more.
            OSError: as the vault's drive says; no part of a copy is left under any final name.
        """
        self.check()
        with original(session, relative_path) as source:
            size = os.fstat(source.fileno()).st_size
            for name in _names(relative_path, sha256):
                target = os.path.join(self.root, name)
                if not os.path.lexists(target):
                    make_folders(self.root, split(name)[0])
                    copy_verified(source, target, relative_path, sha256=sha256)
                elif has_bytes(target, size, sha256):
                    finish(target)
                else:
                    continue
                self._note(name, sha256)
                return
        raise FileExistsError(errno.EEXIST, "every name for it is taken", shown(relative_path))

    def tidy_up(self, originals: Iterable[tuple[bytes, bytes]]) -> None:
        """Remove what interrupted runs left of these, (relative path, SHA-256) each. Raises OSError."""
        discard_parts(self.root, (name for path, sha256 in originals for name in _names(path, sha256)))

    def _renew_known(self) -> None:
        """Read the manifest when it is another than before: at the start, and when a drive was exchanged."""
        as_of = _state(self._manifest)
        if as_of == self._known_as_of:
            return
        self._known = {}
        if as_of is not None:
            with open(self._manifest, "rb") as file:
                for name, sha256 in _lines(file.read()):
                    self._known.setdefault(sha256, []).append(name)
        self._known_as_of = as_of

    def _note(self, name: bytes, sha256: bytes) -> None:
        """Not synced: a line that a power cut takes away costs one comparison in the next run."""
        self._renew_known()
        if name in self._known.get(sha256, ()):
            return
        with open(self._manifest, "a+b") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 1))
            torn = b"" if file.read() in (b"", b"\n") else b"\n"
            file.write(torn + _line(name, sha256))
        self._known.setdefault(sha256, []).append(name)
        self._known_as_of = _state(self._manifest)


def _names(relative_path: bytes, sha256: bytes) -> Iterator[bytes]:
    """The names a copy may have, best first."""
    yield relative_path
    ending = ending_of(relative_path)
    cut = len(relative_path) - len(ending) - 1 if ending else len(relative_path)
    digits = sha256.hex().encode()
    for some in (digits[:8], digits):
        yield b"%s-%s%s" % (relative_path[:cut], some, relative_path[cut:])


def _size(path: bytes) -> int | None:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _state(path: bytes) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino, status.st_size


def _line(name: bytes, sha256: bytes) -> bytes:
    escaped = re.sub(rb"[\\\n]", lambda found: _ESCAPES[found[0]], name)
    return b"%s%s  %s\n" % (b"\\" if escaped != name else b"", sha256.hex().encode(), escaped)


def _lines(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, SHA-256) of every whole line."""
    for line in text.split(b"\n"):
        match = _LINE.fullmatch(line)
        if match:
            escaped, digits, name = match.groups()
            if escaped:
                name = re.sub(rb"\\(.)", lambda found: b"\n" if found[1] == b"n" else found[1], name)
            yield name, bytes.fromhex(digits.decode())
