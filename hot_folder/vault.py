"""The vault: a folder on a second drive that keeps a verified copy of every original.

A copy lies under the path the original was first seen at, relative to the session. Nothing is ever replaced:
other bytes of one name lie side by side. What was copied is listed (see `manifest`), which is how a later run
knows what need not be copied again, and `checking` and `restoring` what there should be.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hot_folder.copying import Laid, hashes_at, lay, original
from hot_folder.host import is_settings
from hot_folder.intake import SESSION_FOLDERS
from hot_folder.manifest import IGNORED, Index, Manifest
from hot_folder.mhl import Entry, Maker
from hot_folder.names import role_of, split
from hot_folder.parts import discard_parts
from hot_folder.records import Role

_NOBODY: Final = Maker()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of the session that the vault is to hold. sha256: None for one that nobody has hashed yet."""

    path: bytes
    origin: bytes
    """Where it was seen first: what it is kept and listed under, however it is moved."""
    size: int
    mtime_ns: int
    sha256: bytes | None


def only_newest_counts(path: bytes) -> bool:
    """Whether a file is one that programs rewrite: each version is kept, and the last is the one to have."""
    return role_of(split(path)[1]) is Role.SIDECAR or is_settings(path)


class Vault:
    """root: absolute path of the vault's folder. marker: name of the file in it that says it is one.

    Without the marker nothing is written: the drive is not connected, and the folder at its place lies on
    another one. One thread at a time; several programs may share a vault.
    """

    def __init__(
        self,
        root: bytes,
        marker: bytes,
        *,
        maker: Maker = _NOBODY,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self.root = root
        self.maker = maker
        self._owner = maker.session_id.encode()
        self.ignored = (*IGNORED, os.fsdecode(marker))
        self._marker = os.path.join(root, marker)
        self._wall_s = wall_s
        self._drive: tuple[int, int] | None = None
        self._synced: set[bytes] = set()
        self._manifest = self._new_manifest()

    def check(self) -> tuple[int, int]:
        """Which drive and marker it is by now; another than before is believed to hold what it lists itself.

        Raises FileNotFoundError when the vault's drive is not there, OSError when it does not answer.
        """
        status = os.stat(self._marker)
        drive = status.st_dev, status.st_ino
        if self._drive not in (None, drive):
            self._manifest, self._synced = self._new_manifest(), set()
        self._drive = drive
        return drive

    def index(self) -> Index:
        """All that is listed. Raises OSError when the drive does not answer."""
        return self._manifest.index()

    def sessions(self) -> dict[str, str]:
        """The sessions it serves, ids and names, whoever came last last. "" for what names none."""
        return self._manifest.sessions()

    def holds(self, wanted: Wanted) -> bool:
        """Whether these bytes were copied before, and the copy still has its size.

        A picture's bytes are known under whatever name. Raises OSError when the drive does not answer.
        """
        index = self.index()
        if wanted.sha256 is None or only_newest_counts(wanted.origin):
            last = index.own_latest.get(wanted.origin)
            if last is None or self._size(last.path) != wanted.size:
                return False
            return last.sha256 == wanted.sha256 if wanted.sha256 else last.mtime_ns == wanted.mtime_ns
        if wanted.sha256 not in index.own_bytes:
            return False
        return any(self._size(path) == wanted.size for path in index.paths[wanted.sha256])

    def keep(self, session: bytes, wanted: Wanted, tell: Callable[[], None] = lambda: None) -> bool:
        """Copy one file, unless its bytes lie there; then False. `flush` makes its place in the list last.

        Raises:
            OriginalUnreadable: the original is gone, cannot be read, or is not the journalled file any more.
            OSError: as the vault's drive says; no part of a copy is left under any final name.
        """
        self.check()
        with original(session, wanted.path) as source:
            mtime_ns = os.fstat(source.fileno()).st_mtime_ns
            laid = self._held_for_another(wanted, tell) or lay(
                *(source, self.root, wanted.origin),
                sha256=wanted.sha256,
                owner=self._owner,
                synced=self._synced,
                tell=tell,
            )
        copied = laid.copied
        self._manifest.add(
            Entry(laid.name, wanted.origin, copied.size, mtime_ns, copied.sha256, copied.xxh64)
        )
        return laid.is_new

    def tidy_up(self) -> None:
        """Remove what interrupted runs for this session left half copied. Raises OSError."""
        discard_parts(self.root, SESSION_FOLDERS, self._owner)

    @property
    def is_listed(self) -> bool:
        """Whether every copy is on the list that lies on the drive."""
        return self._manifest.is_written

    def flush(self) -> None:
        """Write the list. Raises OSError; then nothing is forgotten."""
        self.check()
        self._manifest.flush()

    def _held_for_another(self, wanted: Wanted, tell: Callable[[], None]) -> Laid | None:
        """The copy of a picture that another session brought, read through."""
        if wanted.sha256 is None or only_newest_counts(wanted.origin):
            return None
        for path in self.index().paths.get(wanted.sha256, ()):
            there = hashes_at(os.path.join(self.root, path), wanted.size, tell)
            if there is not None and there.sha256 == wanted.sha256:
                return Laid(path, there, is_new=False)
        return None

    def _size(self, path: bytes) -> int | None:
        try:
            status = os.lstat(os.path.join(self.root, path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def _new_manifest(self) -> Manifest:
        return Manifest(self.root, self.maker, self.ignored, self._wall_s)
