"""Where SQLite may live: its write-ahead log needs shared memory and honest locks (sqlite.org/wal.html)."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
from pathlib import Path

from hot_folder import durable
from hot_folder.mounts import Mount, mount_of
from studio_pipeline.errors import Refused

# Besides those whose writers this machine does not see: no guarantees that a write-ahead log needs.
_PART = ".part"
_UNSAFE = {"exfat", "vfat", "msdos", "fat32", "fat", "fuseblk"}


def database_folder(hidden: Path, session_id: str) -> Path:
    """``hidden`` itself, or a folder in the user's state directory with a locator left in ``hidden``.

    Raises Refused where the locator points to a folder that is not on this machine: an empty one in its place
    would look like a session without decisions. And where another copy of the session, which has gone on
    since, has its own there.
    """
    locator = hidden / "databases.json"
    if locator.exists():
        return _located(locator)
    if safe_for_sqlite(filesystem_of(hidden)):
        return hidden
    import platformdirs

    folder = Path(platformdirs.user_state_dir("studio-pipeline", appauthor=False)) / session_id
    folder.mkdir(parents=True, exist_ok=True)
    brought = sorted(hidden.glob("*.sqlite*"))  # of a session that was copied here from a safe place
    _bring(brought, folder)
    durable.sync_folder(os.fsencode(folder))
    temp = locator.with_name(f".{locator.name}.tmp")
    temp.write_text(json.dumps({"folder": str(folder)}), encoding="utf-8")
    _sync(temp)
    temp.replace(locator)
    durable.sync_folder(os.fsencode(hidden))
    for database in reversed(brought):  # its log before the database itself; nobody would read them again
        database.unlink()
    return folder


def _bring(databases: list[Path], folder: Path) -> None:
    """Copy them, again after a run that was cut short. Raises Refused where other ones lie there."""
    there = {path.name: path for path in folder.glob("*.sqlite*") if path.suffix != _PART}
    same = [d for d in databases if d.name in there and filecmp.cmp(d, there[d.name], shallow=False)]
    if databases and len(same) < len(there):
        raise Refused(
            f"{databases[0].parent} has databases, and {folder} has those of another copy of this session: "
            "work on that copy, or move away the databases of the one that nobody needs"
        )
    for database in databases:
        part = folder / f"{database.name}{_PART}"
        shutil.copy2(database, part)
        _sync(part)
        part.replace(folder / database.name)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        durable.sync(file.fileno())


def folder_as_found(hidden: Path) -> Path:
    """The same for a session that is only read: nothing is made, moved or noted."""
    locator = hidden / "databases.json"
    return _located(locator) if locator.exists() else hidden


def _located(locator: Path) -> Path:
    try:
        folder = Path(json.loads(locator.read_text(encoding="utf-8"))["folder"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(
            f"{locator} is damaged; restore it: it says where this session's databases lie"
        ) from error
    if not folder.is_dir():
        raise Refused(
            f"this session's databases lie in {folder}, which is not here: open it on the machine and as the "
            f"user who made it, or delete {locator} to start anew without its decisions"
        )
    return folder


def safe_for_sqlite(filesystem: str) -> bool:
    """``filesystem``: its type as the system calls it."""
    mount = Mount("", filesystem)
    return not mount.is_remote and filesystem.lower() not in _UNSAFE


def filesystem_of(path: Path) -> str:
    """The filesystem type of the mount that holds ``path``, "" when the system does not say."""
    return mount_of(os.fsencode(path)).filesystem
