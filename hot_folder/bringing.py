"""Brings files from elsewhere into a session: what it lacks, verified, nothing in the place of another.

A unit is what belongs to one exposure where it comes from. Its files stay together.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from hot_folder.copying import copy_verified, make_folders, original
from hot_folder.errors import OriginalChanged, OriginalUnreadable
from hot_folder.names import fitted, is_export_folder, is_ignored_folder, split, stem_of
from hot_folder.records import Role, shown
from hot_folder.stock import Held, SomeFile, Standing, Stock

Naming = Callable[[SomeFile], bytes]
"""Which path in the session a file from elsewhere is to get."""
Progress = Callable[[int, int], None]
"""Called with how many are done, and how many there are."""

CAPTURE: Final = b"Capture/"
FRAMES: Final = (Role.RAW, Role.TIFF, Role.JPEG)
_ORDER: Final = (*FRAMES, Role.SIDECAR, Role.OTHER)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_OF_ONE_NAME: Final = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.EEXIST, errno.ENOTDIR)


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """A file that the session lacks, and the path it is to get there."""

    file: SomeFile
    target: bytes


@dataclass(slots=True)
class Judged:
    """A unit held against the stock: what of it the session has, lacks, and what cannot be read."""

    held: dict[SomeFile, Held] = field(default_factory=dict)
    lacking: list[SomeFile] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    @property
    def beside(self) -> Naming | None:
        """Into the folder in Capture of the frame that the session has of this unit, under its name there."""
        for file, held in self.held.items():
            for path in (held.first_path, held.path):
                if file.role in FRAMES and path.startswith(CAPTURE):
                    return _renaming(stem_of(file.name), path)
        return None

    @property
    def frames(self) -> list[Held]:
        """What the session has of it, without sidecars; the RAW first."""
        return [held for file, held in self.held.items() if file.role in FRAMES]


@dataclass(slots=True)
class Brought:
    """What was brought, what not and why, and whether it was given up before the end."""

    files: list[Wanted] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    gave_up: bool = False


def judge(unit: Iterable[SomeFile], stock: Stock) -> Judged:
    """What the session has of a unit, by its bytes.

    A sidecar says the same for many frames, so it goes with its frame: it is there when the frame has one.
    """
    judged = Judged()
    for file in sorted(unit, key=lambda file: (_ORDER.index(file.role), file.path)):
        try:
            held = _find_sidecar(file, judged, stock) if file.role is Role.SIDECAR else stock.find(file)
        except OriginalUnreadable as error:
            judged.unreadable.append(str(error))
            continue
        if held is None:
            judged.lacking.append(file)
        else:
            judged.held[file] = held
    return judged


def _find_sidecar(sidecar: SomeFile, judged: Judged, stock: Stock) -> Held | None:
    if not judged.frames:
        is_alone = all(file.role is Role.SIDECAR for file in judged.lacking)
        return stock.find(sidecar, name=sidecar.name) if is_alone else None
    held = next(filter(None, map(stock.sidecar_of, judged.frames)), None)
    if held is None or (held.file.size == sidecar.size and held.file.sha256() == sidecar.sha256()):
        return held
    return Held(held.file, held.path, held.first_path, Standing.CHANGED)


def promise(lacking: Sequence[SomeFile], namings: Sequence[Naming], stock: Stock) -> list[Wanted]:
    """Give a unit's lacking files the first names that are free for all of them, and keep these for them.

    When all are taken, the last ones get digits of the hash of the unit's first file; and when no names will
    do for all of them, each file gets one for itself.

    Raises OriginalUnreadable when the file that the digits are made of cannot be read.
    """
    for naming in chain(namings, _marked(namings[-1], lacking[0])):
        wanted = [Wanted(file, naming(file)) for file in lacking]
        targets = {one.target for one in wanted}
        if len(targets) == len(wanted) and not any(map(stock.is_taken, targets)):
            for one in wanted:
                stock.promise(one.file, one.target)
            return wanted
    if len(lacking) == 1:
        raise OriginalUnreadable(f"every name for {shown(lacking[0].path)} is taken: copy it yourself")
    return [one for file in lacking for one in promise([file], namings, stock)]


def _marked(naming: Naming, first: SomeFile) -> Iterator[Naming]:
    for digits in (8, 64):

        def with_digits(file: SomeFile, digits: int = digits) -> bytes:
            folder, name = split(naming(file))
            stem, mark = stem_of(name), b"-" + first.sha256().hex()[:digits].encode()
            return b"%s/%s" % (folder, fitted(stem, mark + name[len(stem) :]))

        yield with_digits


def _renaming(stem_there: bytes, path_here: bytes) -> Naming:
    folder, name = split(path_here)

    def naming(file: SomeFile) -> bytes:
        if not file.name.startswith(stem_there):
            return b"%s/%s" % (folder, file.name)
        return b"%s/%s" % (folder, fitted(stem_of(name), file.name[len(stem_there) :]))

    return naming


def folder_name(name: bytes, mark: bytes = b"") -> bytes:
    """A name for a folder in Capture: one that intake looks into, and that no converter's exports have."""
    if not name or is_ignored_folder(name) or is_export_folder(name):
        name = b"from " + (name or b"elsewhere")
    return fitted(name, mark)


def bring(wanted: Sequence[Wanted], stock: Stock, progress: Progress = lambda done, all_: None) -> Brought:
    """Copy what is wanted. What cannot be read is named, and the rest goes on, unless its drive is gone."""
    brought = Brought()
    for number, one in enumerate(wanted):
        progress(number, len(wanted))
        try:
            _copy(stock.session, one)
            brought.files.append(one)
        except OriginalChanged:
            brought.problems.append(
                f"{shown(one.file.path)} gives other bytes at each reading: try another reader or cable"
            )
        except OriginalUnreadable as error:
            brought.problems.append(str(error))
            if not _answers(one.file.root):
                _give_up(brought, f"{shown(one.file.root)} is not there any more: connect it again", wanted)
                break
        except OSError as error:
            if error.errno not in _OF_ONE_NAME:
                _give_up(brought, _explained(error), wanted)
                break
            cause = error.strerror or error
            brought.problems.append(
                f"{shown(one.file.path)} cannot be copied to {shown(one.target)} ({cause}): copy it yourself"
            )
    return brought


def _copy(session: bytes, one: Wanted) -> None:
    make_folders(session, split(one.target)[0])
    with original(one.file.root, one.file.path) as source:
        target = os.path.join(session, one.target)
        copy_verified(source, target, one.file.path, sha256=one.file.known_sha256)


def _give_up(brought: Brought, why: str, wanted: Sequence[Wanted]) -> None:
    brought.gave_up = True
    done = f"{len(brought.files)} of {len(wanted)} files are copied"
    brought.problems.append(f"{why}, then do the same again; {done}")


def _explained(error: OSError) -> str:
    if error.errno in _FULL:
        return "the session's drive is full: make room on it"
    return f"the session's drive cannot be written ({error.strerror or error}): check it"


def _answers(root: bytes) -> bool:
    """Whether something is still there: the folder that a card was mounted on is left behind, empty."""
    try:
        with os.scandir(root) as entries:
            return any(True for _ in entries)
    except OSError:
        return False
