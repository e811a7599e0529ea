"""Brings back from the vault what the session lacks: verified copies, and nothing is ever replaced.

Where the journal is left, it says what there should be and where it lay last; else the vault's lists do.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from hot_folder.copying import hashes_at, lay, original
from hot_folder.errors import OriginalChanged, OriginalUnreadable
from hot_folder.forgetting import is_forgotten, purged
from hot_folder.intake import SESSION_FOLDERS
from hot_folder.journal import Journal
from hot_folder.mhl import Entry
from hot_folder.names import role_of, split
from hot_folder.records import Place, Role, shown
from hot_folder.scanner import Listing, scan
from hot_folder.vault import Vault, only_newest_counts

_OWNER: Final = b"restore"
_OF_THE_DRIVE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENODEV)


@dataclass(slots=True)
class Restored:
    """What came of it. Paths are relative to the session."""

    there: int = 0
    restored: list[bytes] = field(default_factory=list)
    beside: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Where it should be and other bytes lie, and where it was laid instead."""
    failed: list[tuple[bytes, str]] = field(default_factory=list)
    """What could not be restored, and why, in one line."""

    def add(self, other: Restored) -> None:
        self.there += other.there
        self.restored += other.restored
        self.beside += other.beside
        self.failed += other.failed


@dataclass(frozen=True, slots=True)
class _Due:
    """What should lie at `target`, and what the vault has of it."""

    target: bytes
    copies: tuple[Entry, ...]


Tell = Callable[[int, int], None]


def restore_listed(vault: Vault, session: bytes, tell: Tell = lambda done, of: None) -> Restored:
    """Bring back all that the session of the vault's `maker` ever brought, to where it was first.

    session: absolute path of its folder, which exists. Of pictures of one name the last gets it, the others
    lie beside; of a sidecar or settings only the last version is brought back.
    """
    vault.check()
    index = vault.index()
    newest = list(index.own_latest.values())
    older = [
        entry
        for entry in index.own.values()
        if entry != index.own_latest[entry.origin] and not only_newest_counts(entry.origin)
    ]
    due = [_Due(entry.origin, _copies(vault, entry)) for entry in (*newest, *older)]
    return _bring_back(vault, session, due, tell)


def restore_journalled(
    vault: Vault, session: bytes, journal: Journal, tell: Tell = lambda done, of: None
) -> Restored:
    """Bring back the journal's originals to where they lay last, and what else the session brought.

    Also those that another file was written over, beside it. What has moved within the session since the
    journal saw it is not missing. Raises OSError, JournalBusy.
    """
    vault.check()
    index, lying, done = vault.index(), _Lying(session), Restored()
    due: list[_Due] = []
    for row in (*journal.live_files(), *journal.overwritten()):
        if row.sha256 is None or Place.CAPTURE not in (row.place, row.first_place):
            continue
        if is_forgotten(row.path):
            continue
        if lying.has(row.path, row.key.size, row.sha256):
            done.there += 1
        else:
            copies = (index.entries[path] for path in index.paths.get(row.sha256, ()))
            due.append(_Due(row.path, tuple(copies)))
    gone = purged(journal)
    for origin, entry in index.own_latest.items():
        if gone.has(origin, entry.sha256):
            continue
        if role_of(split(origin)[1]) is not Role.OTHER or os.path.lexists(os.path.join(session, origin)):
            continue
        if entry.sha256 is not None and not lying.has(origin, entry.size, entry.sha256):
            due.append(_Due(origin, _copies(vault, entry)))
    return _bring_back(vault, session, due, tell, done)


class _Lying:
    """The bytes that lie in a session; each file is read once at most, when it is asked for."""

    def __init__(self, session: bytes) -> None:
        self._session = session
        self._by_size: dict[int, list[bytes]] = {}
        self._read: dict[bytes, bytes | None] = {}
        for folder in SESSION_FOLDERS:
            for listing in scan(session, folder, skip=frozenset(SESSION_FOLDERS)):
                for found in listing.files if isinstance(listing, Listing) else ():
                    self._by_size.setdefault(found.key.size, []).append(found.path)

    def has(self, path: bytes, size: int, sha256: bytes) -> bool:
        """Whether these bytes lie at `path`, or were moved; a sidecar's must have kept their name."""
        if self._sha256(path, size) == sha256:
            return True
        is_sidecar, name = role_of(split(path)[1]) is Role.SIDECAR, split(path)[1]
        return any(
            self._sha256(other, size) == sha256
            for other in self._by_size.get(size, ())
            if not is_sidecar or split(other)[1] == name
        )

    def _sha256(self, path: bytes, size: int) -> bytes | None:
        if path not in self._read:
            try:
                there = hashes_at(os.path.join(self._session, path), size)
            except OSError:
                there = None
            self._read[path] = None if there is None else there.sha256
        return self._read[path]


def _copies(vault: Vault, entry: Entry) -> tuple[Entry, ...]:
    """The entry, and whatever else in the vault has its bytes."""
    index = vault.index()
    same: Iterable[bytes] = () if entry.sha256 is None else index.paths[entry.sha256]
    return (entry, *(index.entries[path] for path in same if path != entry.path))


def _bring_back(
    vault: Vault, session: bytes, due: list[_Due], tell: Tell, done: Restored | None = None
) -> Restored:
    done = done or Restored()
    for number, one in enumerate(due):
        tell(number, len(due))
        if only_newest_counts(one.target) and os.path.lexists(os.path.join(session, one.target)):
            done.there += 1
            continue
        try:
            why = _restore(vault, session, one, done)
        except OSError as error:
            if error.errno in _OF_THE_DRIVE:
                raise
            why = f"it cannot be written ({error.strerror or error})"
        if why is not None:
            vault.check()
            done.failed.append((one.target, f"{shown(one.target)} was not restored: {why}"))
    return done


def _restore(vault: Vault, session: bytes, one: _Due, done: Restored) -> str | None:
    """Lay the first good copy; returns why there is none."""
    why = "the vault does not have it"
    for entry in one.copies:
        copy = shown(entry.path)
        try:
            with original(vault.root, entry.path) as source:
                mtime_ns = entry.mtime_ns or None
                laid = lay(source, session, one.target, sha256=entry.sha256, mtime_ns=mtime_ns, owner=_OWNER)
        except OriginalChanged:
            why = f"its copy {copy} in the vault has other bytes than were copied"
        except OriginalUnreadable as error:
            why = f"its copy in the vault: {error}"
        else:
            if not laid.is_new:
                done.there += 1
            elif laid.name == one.target:
                done.restored.append(one.target)
            else:
                done.beside.append((one.target, laid.name))
            return None
    return why
