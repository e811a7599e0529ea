"""Errors of the hot folder, split by what the operator does about them.

What is expected on a shoot (a file still being written, a drive that does not answer) is a typed
result, never an exception; see `settle.NotYet` and `intake.Problem`.
"""

from __future__ import annotations


class HotFolderError(Exception):
    """Root of every error this package raises. The message is one line and says what to do."""


class JournalBusy(HotFolderError):
    """Retry: another process holds the journal, or its disk is full or does not answer right now."""


class JournalUnusable(HotFolderError):
    """Stop: the journal cannot be opened, or cannot be kept safely where it lies."""


class JournalTooNew(JournalUnusable):
    """Stop: the journal was written by a newer release."""

    def __init__(self, found_version: int, known_version: int) -> None:
        super().__init__(
            f"the journal has format {found_version}, this release knows up to {known_version}: "
            "update the program, or open the session with the release that made it"
        )
        self.found_version = found_version
        self.known_version = known_version


class OriginalUnreadable(HotFolderError):
    """Retry: an original is gone, cannot be read, or has other bytes than it should have."""


class OriginalChanged(OriginalUnreadable):
    """Retry: an original has other bytes than it should have."""
