"""The session folder: where things lie, and its frozen settings (``.studio/session.toml``)."""

from __future__ import annotations

import json
import os
import secrets
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from hot_folder import durable
from studio_pipeline.errors import Refused
from studio_pipeline.records.base import digest
from studio_pipeline.records.preset import Preset
from studio_pipeline.session import keys, place

FOLDERS = ("Capture", "Selects", "Output", "Trash")
VAULT_MARKER = ".studio-vault"
LOCK = "studio.lock"
_SETTINGS = "session.toml"
_MARKER_TEXT = "This folder is a vault: `studio` copies originals into it. Leave this file where it is.\n"


@dataclass(frozen=True)
class Session:
    """An opened session. ``preset`` is the one frozen into it, whatever the shipped file says today."""

    root: Path
    id: str
    preset: Preset
    preset_name: str
    vault: Path | None
    no_vault: bool = False
    """Whether the studio chose to have one copy only."""

    @property
    def capture(self) -> Path:
        return self.root / "Capture"

    @property
    def output(self) -> Path:
        return self.root / "Output"

    @property
    def hidden(self) -> Path:
        return self.root / ".studio"

    @property
    def cache(self) -> Path:
        return self.hidden / "cache"

    @property
    def records(self) -> Path:
        return self.hidden / "records"

    @cached_property
    def databases(self) -> Path:
        """The folder of journal and catalog: ``.studio``, or the user's state folder on unsafe mounts."""
        return place.database_folder(self.hidden, self.id)

    @property
    def vault_shares_drive(self) -> bool:
        """Whether session and vault lie on one device, and are lost together."""
        return self.vault is not None and self.vault.stat().st_dev == self.root.stat().st_dev

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the session for one working process. Raises Refused when another one has it."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.databases / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise Refused(f"{self.root} is already being worked on by another studio process") from error
        try:
            yield
        finally:
            lock.release()


def create(
    root: Path,
    preset: Preset,
    preset_name: str,
    vault: Path | None,
    now: datetime,
    *,
    no_vault: bool = False,
) -> Session:
    """Make a session folder, or adopt one that another program made. Nothing that is there is touched.

    ``no_vault``: without a vault, the studio chose so. Raises Refused when it already is a session, cannot be
    written, or the vault cannot be one.
    """
    root = root.resolve()
    hidden = root / ".studio"
    if (hidden / _SETTINGS).exists():
        raise Refused(f"{root} already is a session; `studio shoot {root}` goes on with it")
    if vault is not None:
        vault = _made_vault(vault, root)
    frozen = preset.model_dump(mode="json")
    settings = {
        "id": secrets.token_hex(8),
        "created": now.isoformat(timespec="seconds"),
        "vault": str(vault or ""),
        "no_vault": no_vault and vault is None,
        "preset": {
            "name": preset_name,
            "sha256": digest(frozen),
            "frozen": json.dumps(frozen, sort_keys=True),
        },
    }
    try:
        for name in FOLDERS:
            (root / name).mkdir(parents=True, exist_ok=True)
        for folder in (hidden, hidden / "cache", hidden / "records"):
            folder.mkdir(exist_ok=True)
        keys.make(hidden)
        _write_settings(hidden, settings)
    except OSError as error:
        raise Refused(f"cannot make a session in {root}: {error.strerror}") from error
    return open_session(root)


def set_vault(session: Session, vault: Path | None) -> Session:
    """Give an existing session a vault, another one, or none by the studio's own choice; nothing is copied.

    Raises Refused when the session is being worked on, cannot be written, or the vault cannot be one.
    """
    with session.locked():
        settings = _read_settings(session.root)
        if vault is not None:
            vault = _made_vault(vault, session.root)
        settings |= {"vault": str(vault or ""), "no_vault": vault is None}
        try:
            _write_settings(session.hidden, settings)
        except OSError as error:
            raise Refused(f"cannot write the settings of {session.root}: {error.strerror}") from error
    return open_session(session.root)


def open_session(root: Path) -> Session:
    """Open an existing session. Raises Refused when there is none, or its settings are damaged."""
    root = root.resolve()
    table = _read_settings(root)
    settings = root / ".studio" / _SETTINGS
    try:
        frozen = json.loads(table["preset"]["frozen"])
        if digest(frozen) != table["preset"]["sha256"]:
            raise Refused(f"the frozen preset in {settings} was edited; restore the file")
        preset = Preset.model_validate(frozen)
        vault = Path(table["vault"]) if table.get("vault") else None
        no_vault = vault is None and table.get("no_vault") is True
        return Session(root, table["id"], preset, table["preset"]["name"], vault, no_vault)
    except (KeyError, TypeError, ValueError) as error:
        said = str(error).splitlines()[0]
        raise Refused(f"{settings} is damaged ({said}); restore it, or init a new session beside") from error


def is_session(root: Path) -> bool:
    return (root / ".studio" / _SETTINGS).exists()


def _made_vault(vault: Path, root: Path) -> Path:
    """The vault's folder, made if need be. Raises Refused when it cannot be one."""
    vault = vault.resolve()
    if vault.is_relative_to(root):
        raise Refused(f"the vault {vault} lies inside the session; choose a folder on another drive")
    if root.is_relative_to(vault):
        raise Refused(f"the session lies inside the vault {vault}; choose a folder on another drive")
    if vault.exists() and not vault.is_dir():
        raise Refused(f"the vault {vault} is a file; choose a folder on another drive")
    try:
        str(vault).encode("utf-8")
    except UnicodeEncodeError as error:
        raise Refused(f"the vault's name {vault} is not UTF-8; choose another") from error
    _mark_vault(vault)
    return vault


def _mark_vault(vault: Path) -> None:
    """The only time its folder is made: later a missing one means that its drive is not connected."""
    try:
        vault.mkdir(parents=True, exist_ok=True)
        with (vault / VAULT_MARKER).open("a+", encoding="utf-8", newline="\n") as file:
            if file.tell() == 0:
                file.write(_MARKER_TEXT)
            file.flush()
            durable.sync(file.fileno())
    except OSError as error:
        raise Refused(f"cannot make the vault {vault}: {error.strerror}; choose another folder") from error


def _read_settings(root: Path) -> dict[str, Any]:
    settings = root / ".studio" / _SETTINGS
    try:
        return tomllib.loads(settings.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refused(f"{root} is not a session; make it one with `studio init {root}`") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"cannot read {settings}: {error}") from error


def _write_settings(hidden: Path, settings: dict[str, Any]) -> None:
    """Whole or not at all: the one file that may not be lost half-way."""
    preset = settings["preset"]
    lines = [
        "# Written by `studio init`, its vault by `studio vault set`; the preset is frozen so that a session",
        "# keeps its meaning.",
        f"id = {_toml(settings['id'])}",
        f"created = {_toml(settings['created'])}",
        f"vault = {_toml(settings['vault'])}",
        f"no_vault = {'true' if settings['no_vault'] else 'false'}",
        "",
        "[preset]",
        *(f"{key} = {_toml(preset[key])}" for key in ("name", "sha256", "frozen")),
        "",
    ]
    temp = hidden / f".{_SETTINGS}.tmp"
    with temp.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(lines))
        file.flush()
        durable.sync(file.fileno())
    temp.replace(hidden / _SETTINGS)
    durable.sync_folder(os.fsencode(hidden))


def _toml(text: str) -> str:
    """A basic string: JSON's, without its surrogate pairs (TOML has none), and DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
