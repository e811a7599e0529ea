"""Works off what the vault does not have yet, beside intake and never in its way."""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hot_folder.errors import HotFolderError, OriginalUnreadable
from hot_folder.events import FileRow, FileState
from hot_folder.journal import Journal
from hot_folder.records import Place, shown
from hot_folder.vault import Vault

log = logging.getLogger(__name__)
_RESTS_S: Final = (2.0, 5.0, 15.0, 60.0)
_LOOK_INTERVAL_S: Final = 0.5
_RETRY_INTERVAL_S: Final = 5.0
_THERE: Final = (FileState.PRESENT, FileState.DUPLICATE, FileState.QUARANTINED)
_OF_ONE_NAME: Final = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.EEXIST, errno.ENOTDIR)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def is_original(row: FileRow) -> bool:
    """A file of the camera that was read whole and still lies in the session, culled to Selects or not."""
    return row.sha256 is not None and Place.CAPTURE in (row.place, row.first_place) and row.state in _THERE


def missing(journal: Journal, vault: Vault) -> int:
    """How many originals the vault does not hold. Raises OSError (the vault's drive), JournalBusy."""
    originals = [row for row in journal.live_files() if is_original(row)]
    return sum(not vault.holds(row.sha256, row.key.size) for row in originals if row.sha256 is not None)


@dataclass(slots=True)
class _Waiting:
    row: FileRow
    due_s: float = float("-inf")
    why: str | None = None


class VaultKeeper:
    """session: absolute path of the session folder. One thread calls `step` or `run`; any may ask."""

    def __init__(
        self,
        session: bytes,
        journal: Journal,
        vault: Vault,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._journal = journal
        self._vault = vault
        self._monotonic_s = monotonic_s
        self._waiting: dict[int, _Waiting] = {}
        self._seen_seq: int | None = None
        self._is_tidy = False
        self._failures = 0
        self._rest_until_s = float("-inf")
        self._problem: str | None = None

    @property
    def pending(self) -> int:
        """How many originals are not known to be in the vault."""
        return len(self._waiting)

    @property
    def problem(self) -> str | None:
        """Why they are not, in one line that says what to do; None when all is well."""
        return self._problem

    def step(self) -> bool:
        """Copy the next original. False when there is nothing to do now, or the vault fails and rests."""
        try:
            self._notice()
            if self._monotonic_s() < self._rest_until_s:
                return False
            self._vault.check()
            self._tidy_up()
            copied = self._copy_next()
        except HotFolderError as error:
            return self._rest(str(error))
        except OSError as error:
            return self._rest(explained(self._vault, error))
        self._failures = 0
        self._problem = next((one.why for one in self._waiting.values() if one.why), None)
        return copied

    def run(self, stop: threading.Event, on_problem: Callable[[str], None] | None = None) -> None:
        """Copy until `stop` is set. on_problem gets each problem that differs from the last."""
        said: str | None = None
        while not stop.is_set():
            try:
                copied = self.step()
            except Exception:  # this thread is the last that may end unnoticed
                log.exception("copying to the vault failed")
                copied = self._rest("copying to the vault failed: the log says why; it is tried again")
            if self._problem is not None and self._problem != said and on_problem is not None:
                on_problem(self._problem)
            said = self._problem
            if not copied:
                stop.wait(_LOOK_INTERVAL_S)

    def _notice(self) -> None:
        """What the journal says since the last step; in the first one, all that it knows."""
        if self._seen_seq is None:
            seq = self._journal.last_seq()
            self._waiting = {r.id: _Waiting(r) for r in self._journal.live_files() if is_original(r)}
            self._seen_seq = seq
        while events := self._journal.events(self._seen_seq):
            for file_id in dict.fromkeys(event.file_id for event in events):
                row = self._journal.file(file_id)
                if is_original(row):
                    self._waiting[row.id] = _Waiting(row)
                else:
                    self._waiting.pop(row.id, None)
            self._seen_seq = events[-1].seq

    def _tidy_up(self) -> None:
        """Once: a file may have moved on since a run was cut off in the midst of copying it."""
        if not self._is_tidy:
            ever = self._journal.rows("SELECT DISTINCT path, sha256 FROM events WHERE sha256 IS NOT NULL")
            self._vault.tidy_up((path, sha256) for path, sha256 in ever)
            self._is_tidy = True

    def _copy_next(self) -> bool:
        now_s = self._monotonic_s()
        due = [file_id for file_id, one in self._waiting.items() if one.due_s <= now_s]
        return any(self._copied(self._waiting[file_id]) for file_id in due)

    def _copied(self, one: _Waiting) -> bool:
        row = one.row
        assert row.sha256 is not None
        held = self._vault.holds(row.sha256, row.key.size)
        try:
            if not held:
                self._vault.keep(self._session, row.path, row.sha256)
        except OriginalUnreadable as error:
            return self._defer(one, str(error))
        except OSError as error:
            if error.errno not in _OF_ONE_NAME:
                raise
            cause = error.strerror or error
            return self._defer(one, f"the vault cannot hold {shown(row.path)} ({cause}): copy it yourself")
        del self._waiting[row.id]
        return not held

    def _defer(self, one: _Waiting, why: str) -> bool:
        """Let the others pass."""
        one.due_s, one.why = self._monotonic_s() + _RETRY_INTERVAL_S, why
        return False

    def _rest(self, problem: str) -> bool:
        self._problem = problem
        self._rest_until_s = self._monotonic_s() + _RESTS_S[min(self._failures, len(_RESTS_S) - 1)]
        self._failures += 1
        return False


def explained(vault: Vault, error: OSError) -> str:
    """What a failing vault means, and what to do."""
    where = f"the vault {shown(vault.root)}"
    try:
        vault.check()
    except FileNotFoundError:
        return f"{where} is not there: connect its drive"
    except OSError:
        pass
    if error.errno in _FULL:
        return f"{where} is full: make room on it"
    return f"{where} cannot be written ({error.strerror or error}): check its drive and its rights"
