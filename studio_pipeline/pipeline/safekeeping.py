"""The vault at work: who copies, beside what, and what is said while originals exist only once."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hot_folder import Journal, Vault, VaultKeeper
from hot_folder.errors import HotFolderError
from hot_folder.keeper import explained
from hot_folder.mhl import Maker
from hot_folder.records import shown
from hot_folder.wanted import missing, wanted_rows
from studio_pipeline import __version__
from studio_pipeline.session.folder import VAULT_MARKER, Session

PATIENCE_S = 10.0
"""How long a vault may do nothing at all before nobody waits for it any more."""
_MOMENT_S = 15.0
"""How long a frame may exist only once without a word: a copy takes its time."""
ONE_DRIVE = "the vault lies on the session's own drive: the loss of that drive takes both"


@dataclass(frozen=True)
class VaultHealth:
    """Whether every original is safe. ``pending`` of them are not known to be in the vault."""

    path: Path | None
    chosen_none: bool
    shares_drive: bool = False
    pending: int = 0
    copied: int | None = None
    """None while nobody counted."""
    problem: str | None = None
    """Why frames exist only once, in one line that says what to do; None when none does, or by choice."""

    @property
    def lines(self) -> list[str]:
        """All that the studio should hear of, worst first."""
        return [line for line in (self.problem, ONE_DRIVE if self.shares_drive else None) if line]

    def as_json(self) -> dict[str, Any]:
        return {
            "path": None if self.path is None else shown(os.fsencode(self.path)),
            "chosen_none": self.chosen_none,
            "shares_drive": self.shares_drive,
            "copied": self.copied,
            "pending": self.pending,
            "problem": self.problem,
        }


def open_vault(session: Session, path: Path | None = None) -> Vault | None:
    """The session's vault, or the one at ``path`` in its name."""
    path = path or session.vault
    return None if path is None else vault_at(path, session.id, session.root.name)


def vault_at(path: Path, session_id: str = "", session_name: str = "") -> Vault:
    maker = Maker("studio-pipeline", __version__, socket.gethostname(), session_id, session_name)
    return Vault(os.fsencode(path), os.fsencode(VAULT_MARKER), maker=maker)


def keeper(session: Session, journal: Journal) -> VaultKeeper | None:
    vault = open_vault(session)
    return None if vault is None else VaultKeeper(os.fsencode(session.root), journal, vault)


@contextmanager
def beside(
    keeper: VaultKeeper | None,
    on_problem: Callable[[str], None] | None = None,
    *,
    finish: bool = False,
    patience_s: float = PATIENCE_S,
    progress: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Copy in a thread of its own while the block runs; a slow or unplugged vault holds up nothing in it.

    finish: wait until all is copied that can be. The copy under way is waited for in any case, as long as it
    gets on: a vault that does nothing for ``patience_s`` is given up.
    """
    if keeper is None:
        yield
        return
    stop, finishing = threading.Event(), threading.Event()
    run = threading.Thread(
        target=keeper.run, args=(stop, on_problem), kwargs={"finishing": finishing}, name="vault", daemon=True
    )
    run.start()
    try:
        yield
        (finishing if finish else stop).set()
    except BaseException:
        stop.set()
        raise
    finally:
        keeper.wake()
        if not _ended(run, keeper, patience_s, progress):
            keeper.give_up()
            if on_problem is not None and keeper.problem is not None:
                on_problem(keeper.problem)
        stop.set()


def _ended(
    run: threading.Thread, keeper: VaultKeeper, patience_s: float, progress: Callable[[], None]
) -> bool:
    pulse, since_s = keeper.pulse, time.monotonic()
    while run.is_alive():
        run.join(0.1)
        progress()
        if keeper.pulse != pulse:
            pulse, since_s = keeper.pulse, time.monotonic()
        elif time.monotonic() - since_s > patience_s:
            return not run.is_alive()
    return True


def health(session: Session, keeper: VaultKeeper | None) -> VaultHealth:
    """While it is being worked on. Touches no drive."""
    if keeper is None:
        return _without_vault(session)
    pending, problem = keeper.pending, keeper.problem
    if problem is None and pending and keeper.pending_s > _MOMENT_S:
        problem = "still being copied to the vault"
    if problem is not None and pending:
        problem = f"{_counted(pending)} only once: {problem}"
    return VaultHealth(session.vault, False, keeper.shares_drive, pending, problem=problem)


def problems(session: Session, keeper: VaultKeeper | None) -> list[str]:
    """What the page shows in red."""
    return health(session, keeper).lines


def examined(session: Session, patience_s: float = PATIENCE_S) -> VaultHealth:
    """While nobody works on it, for `studio status`: asks the drive, for so long at most."""
    vault = open_vault(session)
    if vault is None:
        return _without_vault(session)
    answer: Future[VaultHealth] = Future()

    def ask() -> None:
        try:
            answer.set_result(_examined(session, vault))
        except BaseException as error:  # raised where it is waited for
            answer.set_exception(error)

    threading.Thread(target=ask, name="vault", daemon=True).start()
    try:
        return answer.result(patience_s)
    except TimeoutError:
        silent = f"the vault {session.vault} does not answer: check its drive or network"
        return VaultHealth(session.vault, False, problem=silent)


def _examined(session: Session, vault: Vault) -> VaultHealth:
    shares_drive, journal_path = False, session.databases / "journal.sqlite"
    pending = copied = 0
    try:
        shares_drive = vault.check()[0] == session.root.stat().st_dev
        if journal_path.exists():
            with Journal.open(os.fsencode(journal_path)) as journal:
                pending = len(missing(journal, vault))
                copied = sum(1 for _ in wanted_rows(journal)) - pending
    except HotFolderError as error:
        return VaultHealth(session.vault, False, problem=f"the vault could not be compared: {error}")
    except OSError as error:
        return VaultHealth(session.vault, False, shares_drive, problem=explained(vault, error))
    problem = f"{_counted(pending)} only once, not in the vault yet; `studio run` copies them"
    return VaultHealth(session.vault, False, shares_drive, pending, copied, problem if pending else None)


def _without_vault(session: Session) -> VaultHealth:
    if session.no_vault:
        return VaultHealth(None, True)
    told = f"no vault: every frame exists only once; `studio vault set {session.root} VAULT` gives it one"
    return VaultHealth(None, False, problem=told)


def _counted(count: int) -> str:
    return "1 original may exist" if count == 1 else f"{count} originals may exist"
