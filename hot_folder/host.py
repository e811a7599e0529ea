"""What the tethering program keeps beside the pictures and cannot make again: Capture One's settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from hot_folder.names import ending_of, is_ignored_file, is_ignored_folder, split
from hot_folder.records import FileKey
from hot_folder.scanner import Found

_PLACES: Final = (b"Capture", b"Selects")
HOST: Final = b"captureone"
"""Its folder in every folder of pictures, in small letters."""
_SETTINGS: Final = b"settings"
_SESSION_FILE: Final = b"cosessiondb"


def is_settings(path: bytes) -> bool:
    """Whether a path relative to the session is that of settings, by its name alone."""
    *folders, name = path.lower().split(b"/")
    if not folders:
        return ending_of(name) == _SESSION_FILE
    return any(above == HOST and below.startswith(_SETTINGS) for above, below in pairwise(folders))


def settings_of(session: bytes) -> Iterator[Found]:
    """The session file at the session's root, and every file of `CaptureOne/Settings*` at any depth.

    What cannot be listed is passed over: the scans of intake say so.
    """
    waiting = [b""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(os.path.join(session, folder)) as entries:
                for entry in entries:
                    path = folder + b"/" + entry.name if folder else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if _may_hold_settings(folder, path, entry.name.lower()):
                            waiting.append(path)
                    elif is_settings(path) and not is_ignored_file(entry.name) and not entry.is_symlink():
                        yield Found(path, FileKey.of(entry.stat(follow_symlinks=False)))
        except OSError:
            continue


def _may_hold_settings(above: bytes, path: bytes, name: bytes) -> bool:
    if not above:
        return path in _PLACES
    if split(above)[1].lower() == HOST:
        return name.startswith(_SETTINGS)
    return name == HOST or is_settings(path + b"/") or not is_ignored_folder(name)
