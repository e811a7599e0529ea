"""The vault at work: who copies, beside what, and what is said while originals exist only once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hot_folder import Journal, Vault, VaultKeeper
from hot_folder.errors import HotFolderError
from hot_folder.keeper import explained, missing
from studio_pipeline.session.folder import VAULT_MARKER, Session


def keeper(session: Session, journal: Journal) -> VaultKeeper | None:
    vault = _vault(session)
    return None if vault is None else VaultKeeper(os.fsencode(session.root), journal, vault)


@contextmanager
def beside(keeper: VaultKeeper | None, on_problem: Callable[[str], None] | None = None) -> Iterator[None]:
    """Copy in a thread of its own while the block runs; a slow or unplugged vault holds up nothing in it."""
    if keeper is None:
        yield
        return
    stop = threading.Event()
    copying = threading.Thread(target=keeper.run, args=(stop, on_problem), name="vault")
    copying.start()
    try:
        yield
    finally:
        stop.set()
        copying.join()


def problems(keeper: VaultKeeper | None) -> list[str]:
    """What keeps originals out of the vault: at most one line."""
    if keeper is None or keeper.problem is None:
        return []
    return [f"{_counted(keeper.pending)} only once: {keeper.problem}" if keeper.pending else keeper.problem]


def at_risk(session: Session) -> str | None:
    """What is not in the vault, for `studio status`; None when all is, or there is no vault."""
    vault, journal_path = _vault(session), session.databases / "journal.sqlite"
    if vault is None or not journal_path.exists():
        return None
    try:
        with Journal.open(os.fsencode(journal_path)) as journal:
            vault.check()
            count = missing(journal, vault)
    except HotFolderError as error:
        return f"the vault could not be compared: {error}"
    except OSError as error:
        return explained(vault, error)
    return f"{_counted(count)} only once, not in the vault yet; `studio run` copies them" if count else None


def _vault(session: Session) -> Vault | None:
    if session.vault is None:
        return None
    return Vault(os.fsencode(session.vault), os.fsencode(VAULT_MARKER))


def _counted(count: int) -> str:
    return "1 original may exist" if count == 1 else f"{count} originals may exist"
