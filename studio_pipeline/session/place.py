"""Where SQLite may live: its write-ahead log needs shared memory and honest locks (sqlite.org/wal.html)."""

from __future__ import annotations

import json
from pathlib import Path

# Filesystems over a network or a translation layer, and those without the guarantees a WAL needs.
_UNSAFE = ("nfs", "cifs", "smb", "afp", "webdav", "davfs", "fuse", "osxfuse", "macfuse", "sshfs", "9p")
_UNSAFE_EXACT = {"exfat", "vfat", "msdos", "fat32", "fat"}


def database_folder(hidden: Path, session_id: str) -> Path:
    """``hidden`` itself, or a folder in the user's state directory with a locator left in ``hidden``."""
    locator = hidden / "databases.json"
    if locator.exists():
        folder = Path(json.loads(locator.read_text(encoding="utf-8"))["folder"])
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    if safe_for_sqlite(filesystem_of(hidden)):
        return hidden
    import platformdirs

    folder = Path(platformdirs.user_state_dir("studio-pipeline", appauthor=False)) / session_id
    folder.mkdir(parents=True, exist_ok=True)
    locator.write_text(json.dumps({"folder": str(folder)}), encoding="utf-8")
    return folder


def safe_for_sqlite(filesystem: str) -> bool:
    name = filesystem.lower()
    return name not in _UNSAFE_EXACT and not name.startswith(_UNSAFE)


def filesystem_of(path: Path) -> str:
    """The filesystem type of the mount that holds ``path`` ("" when the system does not say)."""
    import psutil

    here = path.resolve()
    best = ("", "")
    for partition in psutil.disk_partitions(all=True):
        mount = Path(partition.mountpoint)
        if (here == mount or mount in here.parents) and len(partition.mountpoint) >= len(best[0]):
            best = (partition.mountpoint, partition.fstype)
    return best[1]
