"""When is a file gone? Only when good listings have said so for a while.

A listing that failed says nothing. A folder that comes back quite empty, or on another drive with none of its
files, says nothing either: so does a drive that was unplugged under its mount point.
"""

from __future__ import annotations

import os
from collections.abc import Set

from hot_folder.accession import note_vanished
from hot_folder.events import Event
from hot_folder.journal import Journal
from hot_folder.names import split
from hot_folder.records import FileKey, shown
from hot_folder.scanner import Listing


class MissingFiles:
    """Gathers during one scan what was not found, and remembers between scans since when."""

    def __init__(self, journal: Journal, session: bytes, grace_s: float) -> None:
        self._journal = journal
        self._session = session
        self._grace_s = grace_s
        self._since_s: dict[bytes, float] = {}
        self.begin()

    def begin(self) -> None:
        """Before a scan of the whole tree."""
        self._listed: dict[bytes, int] = {}
        self._silent: set[bytes] = set()
        self._gone: set[bytes] = set()
        self._suspicions: dict[bytes, str] = {}

    def listed(self, listing: Listing) -> None:
        """A folder was listed."""
        folder, missed = listing.folder, len(listing.gone) + len(listing.elsewhere)
        if listing.is_empty or listing.elsewhere:
            self._silent.add(folder)
            missed += self._known_below(folder) if listing.is_empty else 0
            if missed:
                self._suspect(folder, "is empty" if listing.is_empty else "lies on another drive", missed)
        else:
            self._listed[folder] = listing.device
            self._gone |= listing.gone

    def _suspect(self, folder: bytes, found: str, missed: int) -> None:
        self._suspicions[folder] = (
            f"{shown(folder)} {found}, but {missed} files were taken in from it: "
            "check that its drive is connected; nothing is counted as deleted"
        )

    def _known_below(self, folder: bytes) -> int:
        below = (one for one in self._journal.folders() if one.startswith(folder + b"/"))
        return sum(len(self._journal.keys_in(one)) for one in below)

    def could_not_list(self, folder: bytes) -> None:
        self._silent.add(folder)

    def settle(self, now_s: float, on_its_way: Set[FileKey]) -> tuple[list[Event], dict[bytes, str]]:
        """After the scan: record what is gone for good; returns those events, and suspicions by folder.

        on_its_way: states of files that were found elsewhere and wait to be taken in: moved, not lost.
        """
        for folder in self._journal.folders():
            device = None if folder in self._listed else self._device_above(folder)
            if device is not None:
                self._not_there(folder, device)
        self._since_s = {path: self._since_s.get(path, now_s) for path in self._gone}
        events: list[Event] = []
        for path, since_s in list(self._since_s.items()):
            if now_s - since_s >= self._grace_s and self._is_gone(path):
                events += self._record(path, on_its_way)
        return events, self._suspicions

    def _not_there(self, folder: bytes, device: int) -> None:
        """A folder that was not found in the one above it, which lies on `device`."""
        known = self._journal.keys_in(folder)
        gone = {path for path, key in known.items() if key[0] == device}
        self._gone |= gone
        if len(gone) < len(known):
            self._suspect(folder, "is not there, and what should hold it is another drive", len(known))

    def _device_above(self, folder: bytes) -> int | None:
        """Of the nearest folder above that was looked at; None unless it was listed well."""
        while folder:
            if folder in self._silent:
                return None
            if folder in self._listed:
                return self._listed[folder]
            folder = split(folder)[0]
        return None

    def _is_gone(self, path: bytes) -> bool:
        try:
            os.lstat(os.path.join(self._session, path))
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            pass
        return False

    def _record(self, path: bytes, on_its_way: Set[FileKey]) -> list[Event]:
        with self._journal.transaction() as journal:
            row = journal.at(path)
            if row is None or row.key in on_its_way:
                return []
            del self._since_s[path]
            return note_vanished(journal, row)
