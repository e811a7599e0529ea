"""Where SQLite may live: its write-ahead log needs shared memory and honest locks (sqlite.org/wal.html)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from studio_pipeline.errors import Refused

# Filesystems over a network or a translation layer, and those without the guarantees a WAL needs.
_UNSAFE = (
    "nfs", "cifs", "smb", "afp", "webdav", "davfs", "fuse", "osxfuse", "macfuse", "sshfs", "9p", "remote",
    "vboxsf", "prl_fs", "vmhgfs", "drvfs", "ceph", "lustre", "gpfs", "beegfs",
)  # fmt: skip
_UNSAFE_EXACT = {"exfat", "vfat", "msdos", "fat32", "fat"}


def database_folder(hidden: Path, session_id: str) -> Path:
    """``hidden`` itself, or a folder in the user's state directory with a locator left in ``hidden``.

    Raises Refused where the locator points to a folder that is not on this machine: an empty one in its place
    would look like a session without decisions.
    """
    locator = hidden / "databases.json"
    if locator.exists():
        return _located(locator)
    if safe_for_sqlite(filesystem_of(hidden)):
        return hidden
    import platformdirs

    folder = Path(platformdirs.user_state_dir("studio-pipeline", appauthor=False)) / session_id
    folder.mkdir(parents=True, exist_ok=True)
    for database in hidden.glob("*.sqlite*"):  # a session that was copied here from a safe place
        shutil.copy2(database, folder)
    temp = locator.with_name(f".{locator.name}.tmp")
    temp.write_text(json.dumps({"folder": str(folder)}), encoding="utf-8")
    temp.replace(locator)
    return folder


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
    name = filesystem.lower()
    return name not in _UNSAFE_EXACT and not name.startswith(_UNSAFE)


def filesystem_of(path: Path) -> str:
    """The filesystem type of the mount that holds ``path``, "remote" for a network drive of Windows, "" when
    the system does not say.
    """
    import psutil

    here = path.resolve()
    if str(here).startswith("\\\\"):
        return "remote"  # a UNC path: no drive letter, so psutil has no mount for it
    best = ("", "")
    for partition in psutil.disk_partitions(all=True):
        mount = Path(partition.mountpoint)
        if (here == mount or mount in here.parents) and len(partition.mountpoint) >= len(best[0]):
            is_remote = "remote" in partition.opts.split(",")
            best = (partition.mountpoint, "remote" if is_remote else partition.fstype)
    return best[1]
