"""Snapshots of the watched tree by os.scandir: the truth about what is there.

Nothing is followed, nothing is opened. A listing that fails is a typed result, so that it can never be
mistaken for a folder whose files were deleted.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

from hot_folder.names import is_ignored_file, is_ignored_folder, role_of
from hot_folder.records import FileKey, Role, shown

ScanDir = Callable[[bytes], AbstractContextManager[Iterable["os.DirEntry[bytes]"]]]
Known = Callable[[bytes], dict[bytes, tuple[int, int, int, int]]]
"""What is known of a folder: each file's path, and the FileKey it was last seen with."""


class Found(NamedTuple):
    """A regular file. path is relative to the session, with forward slashes."""

    path: bytes
    key: FileKey


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something that is no regular file and that the operator should hear of, with what to do about it."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Listing:
    """One folder as it was listed, compared with what was known of it.

    files: those that are new or in another state. gone: known ones that it does not hold. elsewhere: known
    ones that it does not hold either, but they lay on another drive than this one. renumbered: known ones
    whose drive got another device number, as drives and shares do when they are connected anew. is_empty: it
    held nothing at all, ignored names included.
    """

    folder: bytes
    device: int
    files: tuple[Found, ...]
    gone: frozenset[bytes]
    elsewhere: frozenset[bytes]
    renumbered: frozenset[bytes]
    oddities: tuple[Oddity, ...]
    unsure: frozenset[bytes]
    """Paths that were listed and then could not be looked at: neither there nor gone."""
    is_empty: bool


@dataclass(frozen=True, slots=True)
class ListingFailed:
    """One folder that could not be listed. Says nothing about the files in and below it."""

    folder: bytes
    error: OSError

    @property
    def reason(self) -> str:
        cause = self.error.strerror or str(self.error)
        return (
            f"{shown(self.folder)} cannot be listed ({cause}): check that its drive is connected and readable"
        )


def scan(
    session: bytes,
    folder: bytes,
    *,
    known: Known = lambda folder: {},
    skip: frozenset[bytes] = frozenset(),
    scandir: ScanDir = os.scandir,
) -> Iterator[Listing | ListingFailed]:
    """List `folder` (relative to `session`) and everything below it, one result a folder, parents first.

    Memory holds one folder at a time. Folders named in `skip` are left to whoever watches them.
    """
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        try:
            listing, subfolders = _list(session, current, known(current), scandir)
        except OSError as error:
            yield ListingFailed(current, error)
            continue
        yield listing
        waiting.extend(sub for sub in sorted(subfolders, reverse=True) if sub not in skip)


def is_ignored(path: bytes) -> bool:
    """Whether a scan would pass a path over, because of its own name or that of a folder above it."""
    *folders, name = path.split(b"/")
    return is_ignored_file(name) or any(map(is_ignored_folder, folders))


def look(session: bytes, path: bytes) -> Found | None:
    """One file as a scan would find it, None when it is not there, not regular, or not to be looked at.

    Raises OSError when the disk does not answer.
    """
    if is_ignored(path):
        return None
    try:
        status = os.lstat(os.path.join(session, path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Found(path, FileKey.of(status)) if stat.S_ISREG(status.st_mode) else None


def _list(
    session: bytes, folder: bytes, known: dict[bytes, tuple[int, int, int, int]], scandir: ScanDir
) -> tuple[Listing, list[bytes]]:
    files: list[Found] = []
    renumbered: dict[bytes, int] = {}
    oddities: list[Oddity] = []
    unsure: set[bytes] = set()
    subfolders: list[bytes] = []
    is_empty = True
    prefix = folder + b"/"
    with scandir(os.path.join(session, folder)) as entries:
        for entry in entries:
            is_empty = False
            path = prefix + entry.name
            try:
                if entry.is_dir(follow_symlinks=False) and not _is_junction(entry):
                    if not is_ignored_folder(entry.name):
                        subfolders.append(path)
                        oddities.extend(_folder_named_like_a_picture(path, entry.name))
                elif is_ignored_file(entry.name):
                    continue
                elif entry.is_file(follow_symlinks=False):
                    key = FileKey.of(_stat(entry))
                    before = known.pop(path, None)
                    if before is None or before[1:] != key[1:]:
                        files.append(Found(path, key))
                    elif before != key:
                        renumbered[path] = before[0]
                else:
                    known.pop(path, None)
                    oddities.extend(_not_a_file(session, path, entry))
            except FileNotFoundError:
                continue  # gone since it was listed
            except OSError:
                known.pop(path, None)
                unsure.add(path)
    device = FileKey.of(os.stat(os.path.join(session, folder))).device
    earlier = set(renumbered.values())
    gone = frozenset(path for path, key in known.items() if key[0] == device or key[0] in earlier)
    moved_along = frozenset(path for path in gone if known[path][0] != device)
    return Listing(
        folder,
        device,
        files=tuple(files),
        gone=gone,
        elsewhere=frozenset(known) - gone,
        renumbered=moved_along | renumbered.keys(),
        oddities=tuple(oddities),
        unsure=frozenset(unsure),
        is_empty=is_empty,
    ), subfolders


def _stat(entry: os.DirEntry[bytes]) -> os.stat_result:
    # Windows' scandir leaves device and inode at zero.
    return os.lstat(entry.path) if os.name == "nt" else entry.stat(follow_symlinks=False)


def _is_junction(entry: os.DirEntry[bytes]) -> bool:
    if os.name != "nt":
        return False
    attributes: int = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    return bool(attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT)


def _folder_named_like_a_picture(path: bytes, name: bytes) -> Iterator[Oddity]:
    if role_of(name) is not Role.OTHER:
        yield Oddity(
            path, f"{shown(path)} is a folder, not a picture: what lies inside it is taken in; rename it"
        )


def _not_a_file(session: bytes, path: bytes, entry: os.DirEntry[bytes]) -> Iterator[Oddity]:
    if not (entry.is_symlink() or _is_junction(entry)):
        yield Oddity(
            path, f"{shown(path)} is not a regular file and is left alone: move it out of the watched folder"
        )
        return
    target = os.path.realpath(entry.path)
    inside = os.path.join(os.path.realpath(session), b"")
    if not os.path.exists(entry.path):
        yield Oddity(path, f"{shown(path)} is a link to nothing: copy the picture itself into the folder")
    elif not target.startswith(inside):
        yield Oddity(
            path,
            f"{shown(path)} is a link that leaves the folder and is not followed: "
            "copy what it points to into the folder",
        )
