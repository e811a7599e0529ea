"""Works off what the vault does not have yet, beside intake and never in its way."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from hot_folder.errors import HotFolderError, OriginalUnreadable
from hot_folder.events import FileRow
from hot_folder.host import is_settings
from hot_folder.journal import Journal
from hot_folder.records import shown
from hot_folder.vault import Vault
from hot_folder.wanted import Unhashed, Waiting, is_original, wanted_of

log = logging.getLogger(__name__)
_RESTS_S: Final = (2.0, 5.0, 15.0, 60.0)
_LOOK_INTERVAL_S: Final = 0.5
_RETRY_INTERVAL_S: Final = 5.0
_LIST_INTERVAL_S: Final = 10.0
"""How long copies may lie in the vault unlisted while others are still coming."""
_OF_ONE_NAME: Final = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.EEXIST, errno.ENOTDIR)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class VaultKeeper:
    """session: absolute path of the session folder. One thread calls `step` or `run`; any may ask."""

    def __init__(
        self,
        session: bytes,
        journal: Journal,
        vault: Vault,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._journal = journal
        self._vault = vault
        self._monotonic_s = monotonic_s
        self._originals: dict[int | bytes, Waiting] = {}
        self._unhashed: dict[int | bytes, Waiting] = {}
        self._others = Unhashed(session, journal, monotonic_s, wall_s)
        self._seen_seq: int | None = None
        self._drive: tuple[int, int] | None = None
        self._tidy_drive: tuple[int, int] | None = None
        self._failures = 0
        self._rest_until_s = float("-inf")
        self._list_at_s = float("-inf")
        self._woken = threading.Event()
        self._problem: str | None = None
        self._gave_up: str | None = None
        self.pulse = 0
        """Another number whenever something got on; while it stays, nothing does."""
        self.shares_drive = False
        """Whether session and vault were on one drive when last looked at."""

    @property
    def pending(self) -> int:
        """How many files of the journal are not known to be in the vault."""
        others = sum(not is_settings(one.wanted.origin) for one in tuple(self._unhashed.values()))
        return len(self._originals) + others

    @property
    def pending_s(self) -> float:
        """How long the one that has waited longest is known."""
        waiting = (*self._originals.values(), *self._unhashed.values())
        return self._monotonic_s() - min((one.since_s for one in waiting), default=self._monotonic_s())

    @property
    def problem(self) -> str | None:
        """Why they are not, in one line that says what to do; None when all is well."""
        return self._gave_up or self._problem

    def wake(self) -> None:
        """Say that the journal has something new. From any thread."""
        self._woken.set()

    def give_up(self) -> None:
        """Nobody waits for it any more: it hangs in the middle of something. From any thread."""
        self._gave_up = f"the vault {shown(self._vault.root)} does not answer: check its drive or network"

    def step(self) -> bool:
        """Copy the next file. False when there is nothing to do now, or the vault fails and rests."""
        try:
            self._notice()
            if self._monotonic_s() < self._rest_until_s:
                return False
            self._look_at_drive()
            copied = self._copy_next()
            self._list(is_idle=not copied)
        except HotFolderError as error:
            return self._rest(str(error))
        except OSError as error:
            return self._rest(explained(self._vault, error))
        self._failures = 0
        waiting = (*self._originals.values(), *self._unhashed.values())
        self._problem = next((one.why for one in waiting if one.why), None)
        return copied

    def run(
        self,
        stop: threading.Event,
        on_problem: Callable[[str], None] | None = None,
        *,
        finishing: threading.Event | None = None,
    ) -> None:
        """Copy until `stop` is set, or `finishing` is and nothing is left that can be done now.

        on_problem gets each problem that differs from the last.
        """
        said: str | None = None
        while not stop.is_set():
            is_last = finishing is not None and finishing.is_set()
            try:
                copied = self.step()
            except Exception:  # this thread is the last that may end unnoticed
                if stop.is_set():
                    return
                log.exception("copying to the vault failed")
                copied = self._rest("copying to the vault failed: the log says why; it is tried again")
            self._get_on()
            if self._problem is not None and self._problem != said and on_problem is not None:
                on_problem(self._problem)
            said = self._problem
            if not copied:
                if is_last:
                    return
                self._woken.wait(_LOOK_INTERVAL_S)
                self._woken.clear()
        with contextlib.suppress(OSError):
            self._vault.flush()

    def _get_on(self) -> None:
        self.pulse += 1

    def _notice(self) -> None:
        """What the journal says since the last step; in the first one, all that it knows."""
        if self._seen_seq is None:
            seq = self._journal.last_seq()
            self._originals = {}
            for row in filter(is_original, self._journal.live_files()):
                self._await(row)
            self._others.forget()
            self._seen_seq = seq
        while events := self._journal.events(self._seen_seq):
            for file_id in dict.fromkeys(event.file_id for event in events):
                row = self._journal.file(file_id)
                if is_original(row):
                    self._await(row)
                else:
                    self._originals.pop(row.id, None)
                    self._others.look_at_once()
            self._seen_seq = events[-1].seq
        self._unhashed = self._others.look(self._unhashed)

    def _await(self, row: FileRow) -> None:
        before, now_s = self._originals.get(row.id), self._monotonic_s()
        since_s = now_s if before is None else before.since_s
        self._originals[row.id] = Waiting(wanted_of(row), since_s, due_s=float("-inf"))

    def _look_at_drive(self) -> None:
        """Another drive in the place of the last one has its own list: all is asked for anew."""
        drive = self._vault.check()
        if drive != self._tidy_drive:
            self._vault.tidy_up()
            self._tidy_drive = drive
        with contextlib.suppress(OSError):
            self.shares_drive = os.stat(self._session).st_dev == drive[0]
        if self._drive not in (None, drive):
            self._seen_seq = None
            self._notice()
        self._drive = drive

    def _copy_next(self) -> bool:
        for table in (self._originals, self._unhashed):
            while True:
                now_s = self._monotonic_s()
                due = next(((key, one) for key, one in table.items() if one.due_s <= now_s), None)
                if due is None:
                    break
                if self._settle(table, *due):
                    return True
        return False

    def _settle(self, table: dict[int | bytes, Waiting], key: int | bytes, one: Waiting) -> bool:
        """Have one file in the vault, or let the others pass. True when it took a copy or a comparison."""
        self._get_on()
        wanted = one.wanted
        held = self._vault.holds(wanted)
        try:
            if not held:
                self._vault.keep(self._session, wanted, self._get_on)
        except OriginalUnreadable as error:
            return self._defer(one, str(error))
        except OSError as error:
            if error.errno not in _OF_ONE_NAME:
                raise
            cause = error.strerror or error
            return self._defer(one, f"the vault cannot hold {shown(wanted.path)} ({cause}): copy it yourself")
        del table[key]
        if wanted.sha256 is None:
            self._others.is_kept(wanted)
        return not held

    def _list(self, *, is_idle: bool) -> None:
        """Write the list when there is time for it, and now and then when there is none."""
        now_s = self._monotonic_s()
        if not self._vault.is_listed and (is_idle or now_s >= self._list_at_s):
            self._vault.flush()
            self._list_at_s = now_s + _LIST_INTERVAL_S

    def _defer(self, one: Waiting, why: str) -> bool:
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
