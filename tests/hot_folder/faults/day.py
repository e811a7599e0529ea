"""Ingest at work on one tree: journal, intake and keeper, with clocks that move when told."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any, Final

from hot_folder import HotFolderError, Intake, Journal, JournalBusy, Settings, Vault, VaultKeeper
from hot_folder.wanted import is_original
from tests.hot_folder.faults import steps
from tests.hot_folder.faults.stories import EPOCH_S, Beat, Camera
from tests.hot_folder.samples import describe

MARKER: Final = b".studio-vault"
AREAS: Final = (b"state", b"vault")
_SETTINGS: Final = Settings(step_budget_s=60.0)

Tell = Callable[[str, Any], None]
"""What a crash must not take back: ("beat", number), ("events", [...]), ("safe", [sha256, ...])."""


def make_tree(root: bytes) -> None:
    for name in (b"Capture", b"Selects", b"Trash", b"Output"):
        os.makedirs(os.path.join(root, b"session", name))
    for area in AREAS:
        os.makedirs(os.path.join(root, area))
    for folder in (b"Capture", b"Selects", b"Trash", b"Output"):  # an empty folder is suspicious
        with open(os.path.join(root, b"session", folder, b".keep"), "wb"):
            pass
    with open(os.path.join(root, b"vault", MARKER), "wb"):
        pass


class Day:
    def __init__(self, root: bytes, tell: Tell, *, now_s: float = 1000.0) -> None:
        self.session = os.path.join(root, b"session")
        self.root = root
        self._tell = tell
        self.now_s = now_s
        self.is_open = False
        self._told_seq = 0

    def start(self) -> None:
        """Raises what opening a journal may raise."""
        wall_s = lambda: EPOCH_S + self.now_s  # noqa: E731
        monotonic_s = lambda: self.now_s  # noqa: E731
        path = os.path.join(self.root, b"state", b"journal.sqlite")
        self.journal = Journal.open(path, wall_s=wall_s)
        self.is_open = True
        self.vault = Vault(os.path.join(self.root, b"vault"), MARKER, wall_s=wall_s)
        self.intake = Intake(
            self.session,
            self.journal,
            settings=_SETTINGS,
            describe=describe,
            monotonic_s=monotonic_s,
            wall_s=wall_s,
        )
        self.keeper = VaultKeeper(
            self.session, self.journal, self.vault, monotonic_s=monotonic_s, wall_s=wall_s
        )

    def stop(self) -> None:
        if self.is_open:
            self.journal.close()
        self.is_open = False

    def live(self, beat: Beat, camera: Camera) -> None:
        """One beat of a story."""
        with steps.watching(None):
            beat.act(camera)
        if beat.starts:
            self.stop()
        for wait_s in beat.waits_s:
            self.look(wait_s)

    def look(self, wait_s: float) -> None:
        """What the threads of a shoot do, one after the other. Only JournalBusy may come of a fault."""
        self.now_s += wait_s
        if not self.is_open:
            try:
                self.start()
            except HotFolderError:
                return  # a person reads one line, and tries again
        with contextlib.suppress(JournalBusy):
            self.intake.step()
            self._consume()
        while self.keeper.step():
            pass
        self._say_what_is_safe()

    def _consume(self) -> None:
        """As the catalog does: by number, and never again."""
        events = self.journal.events(self._told_seq)
        if events:
            self._told_seq = events[-1].seq
            self._tell(
                "events",
                [[e.seq, e.kind, e.file_id, e.path.hex(), e.sha256 and e.sha256.hex()] for e in events],
            )

    def _say_what_is_safe(self) -> None:
        if self.keeper.pending or self.keeper.problem:
            return
        with steps.watching(None):
            originals = [row for row in self.journal.live_files() if is_original(row) and row.sha256]
        self._tell("safe", [row.sha256.hex() for row in originals if row.sha256])
