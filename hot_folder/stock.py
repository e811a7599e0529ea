"""Which bytes a session has: what lies on disk counts, and the journal saves the reading of what it knows."""

from __future__ import annotations

import os
from enum import IntEnum
from typing import Final

from hot_folder.copying import original, unreadable
from hot_folder.digest import read_through
from hot_folder.errors import OriginalUnreadable
from hot_folder.events import FileRow, FileState
from hot_folder.intake import SESSION_FOLDERS
from hot_folder.journal import Journal
from hot_folder.names import role_of, split, stem_of
from hot_folder.records import Place, Role, shown
from hot_folder.scanner import Found, ListingFailed, scan

_READ: Final = (FileState.PRESENT, FileState.DUPLICATE)
"""In these a row's hash is that of the file as the row knows it; of one that is set aside, an earlier one."""


def is_unchanged(row: FileRow, found: Found) -> bool:
    """Whether a file is in the state the journal saw it in; its drive may have got another number since."""
    return row.key[1:] == found.key[1:]


class SomeFile:
    """A file whose bytes are read when somebody has to know them, and then once.

    root: absolute path of a folder. path: relative to it, with forward slashes.
    """

    def __init__(self, root: bytes, path: bytes, size: int, sha256: bytes | None = None) -> None:
        self.root, self.path, self.size = root, path, size
        self.known_sha256 = sha256

    @property
    def name(self) -> bytes:
        return split(self.path)[1]

    @property
    def role(self) -> Role:
        return role_of(self.name)

    def sha256(self) -> bytes:
        """Raises OriginalUnreadable."""
        if self.known_sha256 is None:
            with original(self.root, self.path) as file:
                try:
                    self.known_sha256 = read_through(file).sha256
                except OSError as error:
                    raise unreadable(self.path, error) from error
        return self.known_sha256


class Standing(IntEnum):
    """How a session has some bytes. Of several, the least counts."""

    TAKEN_IN = 0
    NOT_TAKEN_IN = 1
    """They lie in one of its folders, and the journal does not know them yet."""
    TO_COME = 2
    """They are about to be brought."""
    CHANGED = 3
    """The file that had them has others since, and is the same exposure; or a sidecar is there already."""
    WITHDRAWN = 4
    """They lie in Trash."""


class Held:
    """A file that the session has. first_path: where it lay when it was first seen; grouping goes by both."""

    def __init__(self, file: SomeFile, path: bytes, first_path: bytes, standing: Standing) -> None:
        self.file, self.path, self.first_path, self.standing = file, path, first_path, standing


class Stock:
    """All files of a session as they lie there now, and those that are promised to it.

    session: its absolute path. Raises OriginalUnreadable where a folder cannot be listed: what lies in it
    would count as missing.
    """

    def __init__(self, session: bytes, journal: Journal) -> None:
        self.session = session
        self.problems: dict[bytes, str] = {}
        """Files of the session that cannot be read, each with what to do."""
        self._journal = journal
        self._sizes: set[int] = set()
        self._by_bytes: dict[bytes, list[Held]] = {}
        self._unread: dict[int, list[Held]] = {}
        self._sidecars: dict[tuple[bytes, bytes], Held] = {}
        self._promised: set[bytes] = set()
        rows = {row.path: row for row in journal.live_files()}
        for folder, place in SESSION_FOLDERS.items():
            for listing in scan(session, folder):
                if isinstance(listing, ListingFailed):
                    _may_be_missing(listing, place)
                    continue
                for found in listing.files:
                    self._look_at(found, place, rows.get(found.path))
                for path in listing.unsure:
                    self.problems[path] = f"{shown(path)} cannot be looked at: check its drive"

    def find(self, file: SomeFile, name: bytes | None = None) -> Held | None:
        """The session's file with the same bytes (and `name`), None when it has none. Reads what it must.

        Raises OriginalUnreadable when `file` has to be read and cannot be.
        """
        if file.size not in self._sizes:
            return None
        sha256 = file.sha256()
        if name is not None or sha256 not in self._by_bytes:
            self._read(file.size)
        same = (
            held for held in self._by_bytes.get(sha256, ()) if name is None or split(held.path)[1] == name
        )
        return min(same, key=lambda held: held.standing, default=None)

    def sidecar_of(self, frame: Held) -> Held | None:
        """The sidecar beside a frame, where it lies or first lay."""
        places = ((split(path)[0], stem_of(split(path)[1])) for path in (frame.path, frame.first_path))
        return next((self._sidecars[place] for place in places if place in self._sidecars), None)

    def is_taken(self, path: bytes) -> bool:
        """Whether a name of the session is in use, or promised."""
        return path in self._promised or os.path.lexists(os.path.join(self.session, path))

    def promise(self, file: SomeFile, path: bytes) -> None:
        """A file from elsewhere is to lie at `path`."""
        self._promised.add(path)
        self._add(Held(file, path, path, Standing.TO_COME))

    def _look_at(self, found: Found, place: Place, row: FileRow | None) -> None:
        if row is not None and not is_unchanged(row, found):
            row = None
        if row is None and place is Place.OUTPUT:
            return  # nobody's capture, whatever its bytes
        is_read = row is not None and row.state in _READ
        if place is Place.TRASH:
            standing = Standing.WITHDRAWN
        else:
            standing = Standing.NOT_TAKEN_IN if row is None else Standing.TAKEN_IN
        first_path = found.path if row is None else self._first_path(row)
        file = SomeFile(self.session, found.path, found.key.size, row.sha256 if row and is_read else None)
        self._add(Held(file, found.path, first_path, standing))
        if row is not None and is_read:
            self._add_former(row, first_path)

    def _first_path(self, row: FileRow) -> bytes:
        return (row if row.duplicate_of is None else self._journal.file(row.duplicate_of)).first_path

    def _add_former(self, row: FileRow, first_path: bytes) -> None:
        """What a file was before a program wrote into it (a keyword, a rating): no reason to miss it."""
        path, seen = row.path, {row.id}
        while row.supersedes is not None and row.supersedes not in seen:
            row = self._journal.file(row.supersedes)
            seen.add(row.id)
            if row.sha256 is not None:
                file = SomeFile(self.session, path, row.key.size, row.sha256)
                self._add(Held(file, path, first_path, Standing.CHANGED))

    def _add(self, held: Held) -> None:
        self._sizes.add(held.file.size)
        if held.file.known_sha256 is None:
            self._unread.setdefault(held.file.size, []).append(held)
        else:
            self._by_bytes.setdefault(held.file.known_sha256, []).append(held)
        if role_of(split(held.path)[1]) is Role.SIDECAR and held.standing is not Standing.CHANGED:
            folder, name = split(held.path)
            self._sidecars.setdefault((folder, stem_of(name)), held)

    def _read(self, size: int) -> None:
        """Find out the bytes of all that have this size."""
        for held in self._unread.pop(size, ()):
            try:
                self._by_bytes.setdefault(held.file.sha256(), []).append(held)
            except OriginalUnreadable as error:
                self.problems[held.path] = str(error)


def _may_be_missing(failed: ListingFailed, place: Place) -> None:
    is_optional = failed.folder in SESSION_FOLDERS and place is not Place.CAPTURE
    if place is not Place.OUTPUT and not (is_optional and isinstance(failed.error, FileNotFoundError)):
        raise OriginalUnreadable(failed.reason)
