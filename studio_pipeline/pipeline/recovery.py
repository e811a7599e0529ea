"""A vault is looked through, and gives back: what `studio vault check` and `studio vault restore` do."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hot_folder import Journal, Vault
from hot_folder.checking import Checked, Kind
from hot_folder.checking import check as check_vault
from hot_folder.errors import HotFolderError
from hot_folder.forgetting import purged
from hot_folder.keeper import explained
from hot_folder.records import shown
from hot_folder.restoring import Restored, restore_journalled, restore_listed
from hot_folder.wanted import missing
from studio_pipeline.errors import Refused
from studio_pipeline.pipeline.safekeeping import open_vault, vault_at
from studio_pipeline.session.folder import VAULT_MARKER, Session, is_session, open_session

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Verdict:
    """``absent``: originals of the session that the vault does not hold, as paths in the session."""

    vault: Path
    checked: Checked
    absent: tuple[bytes, ...]

    @property
    def valid(self) -> bool:
        return not self.checked.findings and not self.absent

    @property
    def lines(self) -> list[str]:
        """What is wrong, a line each."""
        lines = [f"{one.kind}: {one.what}" for one in self.checked.findings]
        return lines + [f"not in the vault: {shown(path)}" for path in self.absent]

    def as_json(self) -> dict[str, Any]:
        of_kind = {
            kind.value: [
                _path(one.path) | {"what": one.what} for one in self.checked.findings if one.kind is kind
            ]
            for kind in Kind
        }
        return {
            "vault": shown(os.fsencode(self.vault)),
            "valid": self.valid,
            "files": self.checked.files,
            "bytes": self.checked.size,
            "generations": self.checked.generations,
            **of_kind,
            "absent": [_path(path) for path in self.absent],
        }


def check(root: Path, tell: Tell) -> Verdict:
    """Look through the vault of the session at ``root``, or through the vault that lies there.

    Raises Refused when it is neither, or the vault is not connected.
    """
    session = open_session(root) if is_session(root) else None
    vault = _vault_of(session, None) if session is not None else vault_at(root.resolve())
    if session is None and not (root / VAULT_MARKER).exists():
        raise Refused(f"{root} is neither a session nor a vault")
    path = Path(os.fsdecode(vault.root))
    try:
        checked = _less_what_was_purged(session, vault, check_vault(vault, tell))
        absent = _absent(session, vault) if session is not None else ()
    except HotFolderError as error:
        raise Refused(f"the vault could not be compared: {error}") from error
    except OSError as error:
        raise Refused(explained(vault, error)) from error
    return Verdict(path, checked, absent)


def restore(root: Path, vault_path: Path | None, wanted: str | None, tell: Tell) -> Restored:
    """Bring back what ``root`` lacks: an existing session, or the folder of a lost one, made if need be.

    ``wanted``: the name or id of the lost session, where the vault serves several. Raises Refused when there
    is no vault, it is not connected, it does not say which session is meant, or ``root`` takes no files.
    """
    root = root.resolve()
    vault_path = None if vault_path is None else vault_path.resolve()
    if is_session(root):
        session = open_session(root)
        vaults = [_vault_of(session, vault_path)]
        journal_path = session.databases / "journal.sqlite"
    else:
        if vault_path is None:
            raise Refused(f"{root} is not a session: name the vault that has its originals, --vault VAULT")
        vaults, journal_path = _vaults_of_lost(root, vault_path, wanted), None
    for vault in vaults:
        if _overlap(root, Path(os.fsdecode(vault.root))):
            raise Refused(
                f"the vault {shown(vault.root)} and {root} lie one inside the other; choose another"
            )
    total = Restored()
    try:
        root.mkdir(parents=True, exist_ok=True)
        for vault in vaults:
            total.add(_restored(vault, root, journal_path, tell))
    except HotFolderError as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(_where(vaults[0], root, error)) from error
    return total


def laid_beside(path: bytes, laid: bytes) -> str:
    return f"other bytes lie at {shown(path)}, and stay; the original was laid beside them: {shown(laid)}"


def _restored(vault: Vault, root: Path, journal_path: Path | None, tell: Tell) -> Restored:
    folder = os.fsencode(root)
    if journal_path is None or not journal_path.exists():
        return restore_listed(vault, folder, tell)
    with Journal.open(os.fsencode(journal_path)) as journal:
        return restore_journalled(vault, folder, journal, tell)


def _vault_of(session: Session, path: Path | None) -> Vault:
    vault = open_vault(session, path)
    if vault is None:
        raise Refused(f"this session has no vault; `studio vault set {session.root} VAULT` gives it one")
    return vault


def _vaults_of_lost(root: Path, vault_path: Path, wanted: str | None) -> list[Vault]:
    """The vault in the name of each session that is meant, the one that came last first."""
    vault = vault_at(vault_path)
    try:
        vault.check()
        sessions = {id: name for id, name in vault.sessions().items() if id}
    except OSError as error:
        raise Refused(explained(vault, error)) from error
    names = sorted(set(sessions.values()))
    name = shown(os.fsencode(root.name))
    if wanted is not None:
        chosen = [id for id in sessions if wanted in (id, sessions[id])]
    elif len(names) > 1:
        chosen = [id for id in sessions if sessions[id] == name]
    else:
        chosen = list(sessions) or [""]
    if not chosen:
        asked = name if wanted is None else wanted
        raise Refused(f"the vault has no session {asked!r}; --session takes one of: {', '.join(names)}")
    return [vault_at(vault_path, id) for id in reversed(chosen)]


def _less_what_was_purged(session: Session | None, vault: Vault, checked: Checked) -> Checked:
    """What was removed on request is listed still, for lists are chained, and not missing."""
    path = session.databases / "journal.sqlite" if session is not None else None
    if path is None or not path.exists():
        return checked
    with Journal.open(os.fsencode(path)) as journal:
        gone = purged(journal)
    entries = vault.index().entries
    listed = [one for one in checked.findings if one.kind is Kind.MISSING]
    removed = [one for one in listed if gone.has(entries[one.path].origin, entries[one.path].sha256)]
    return replace(checked, findings=tuple(one for one in checked.findings if one not in removed))


def _absent(session: Session, vault: Vault) -> tuple[bytes, ...]:
    path = session.databases / "journal.sqlite"
    if not path.exists():
        return ()
    with Journal.open(os.fsencode(path)) as journal:
        return tuple(wanted.path for wanted in missing(journal, vault))


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _where(vault: Vault, root: Path, error: OSError) -> str:
    try:
        vault.check()
    except OSError:
        return explained(vault, error)
    return f"cannot restore into {root}: {error.strerror or error}; what was restored stays, start again"


def _path(path: bytes) -> dict[str, str]:
    return {"path": shown(path), "path_b64": base64.b64encode(path).decode("ascii")}
