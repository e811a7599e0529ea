"""Is everything in the vault that its lists say, byte for byte, and nothing else? Nothing is written."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from hot_folder import durable, manifest
from hot_folder.copying import hashes_of
from hot_folder.mhl import Entry
from hot_folder.records import shown
from hot_folder.vault import Vault


class Kind(StrEnum):
    MISSING = "missing"
    """A file that is listed, and whose bytes are nowhere else in the vault."""
    CHANGED = "changed"
    """A listed file with other bytes, or one that cannot be read."""
    EXTRA = "extra"
    """A file that no list names."""
    CHAIN = "chain"
    """A list that was edited, taken away or put in."""


@dataclass(frozen=True, slots=True)
class Finding:
    """path: relative to the vault. what: one line."""

    kind: Kind
    path: bytes
    what: str


@dataclass(frozen=True, slots=True)
class Checked:
    files: int
    """How many were found as they are listed."""
    size: int
    generations: int
    findings: tuple[Finding, ...]


def check(vault: Vault, tell: Callable[[int, int], None] = lambda done, of: None) -> Checked:
    """Read every listed file from the drive. tell: how many are done, of how many.

    Files that a running session copies meanwhile are listed by the time this ends. Raises OSError when the
    vault's drive is not there, or goes.
    """
    vault.check()
    lying = list(_walk(vault, b""))
    findings = list(_lists(vault.root))
    entries = sorted(vault.index().entries.values(), key=lambda entry: entry.path)
    whole: list[Entry] = []
    lost: list[Finding] = []
    known: set[tuple[int, int]] = set()
    for number, entry in enumerate(entries):
        tell(number, len(entries))
        finding = _compared(vault, entry, known)
        if finding is None:
            whole.append(entry)
        elif finding.kind is Kind.MISSING:
            lost.append(finding)
        else:
            findings.append(finding)
    elsewhere = {entry.sha256 for entry in whole}
    lost = [one for one in lost if vault.index().entries[one.path].sha256 not in elsewhere]
    listed = vault.index().entries
    extra = [path for path, inode in lying if path not in listed and inode not in known]
    vault.check()
    return Checked(
        len(whole),
        sum(entry.size for entry in whole if entry.size > 0),
        len(manifest.generations(vault.root)),
        (*findings, *lost, *(Finding(Kind.EXTRA, path, f"{shown(path)} is on no list") for path in extra)),
    )


def _compared(vault: Vault, entry: Entry, known: set[tuple[int, int]]) -> Finding | None:
    """None when the file is as it is listed. Adds what it is to `known`, under whatever name."""
    path, name = os.path.join(vault.root, entry.path), shown(entry.path)
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            return Finding(Kind.CHANGED, entry.path, f"{name} is no file any more")
        if status.st_ino:
            known.add((status.st_dev, status.st_ino))
        if entry.size not in (-1, status.st_size):
            what = f"{name} has {status.st_size} bytes, not {entry.size}"
            return Finding(Kind.CHANGED, entry.path, what)
        with open(path, "rb") as file:
            durable.drop_cached(file.fileno())
            there = hashes_of(file)
    except (FileNotFoundError, NotADirectoryError):
        vault.check()
        return Finding(Kind.MISSING, entry.path, f"{name} is missing")
    except OSError as error:
        vault.check()
        return Finding(Kind.CHANGED, entry.path, f"{name} cannot be read ({error.strerror or error})")
    listed, found = (entry.xxh64, there.xxh64) if entry.sha256 is None else (entry.sha256, there.sha256)
    if listed not in (None, found):
        return Finding(Kind.CHANGED, entry.path, f"{name} has other bytes than were copied")
    return None


def _lists(root: bytes) -> Iterator[Finding]:
    try:
        links = manifest.read_links(root)
    except ValueError as error:
        path = manifest.FOLDER + b"/" + manifest.CHAIN
        yield Finding(Kind.CHAIN, path, f"{shown(path)}: {error}: the lists cannot be checked against it")
        return
    for link in links:
        path = manifest.FOLDER + b"/" + os.fsencode(link.name)
        try:
            is_intact = manifest.read_linked(root, link)[1]
        except FileNotFoundError:
            yield Finding(Kind.CHAIN, path, f"the list {shown(path)} is missing")
            continue
        if not is_intact:
            yield Finding(Kind.CHAIN, path, f"the list {shown(path)} was changed after it was written")
    for name in set(manifest.generations(root)) - {os.fsencode(link.name) for link in links}:
        path = manifest.FOLDER + b"/" + name
        yield Finding(Kind.CHAIN, path, f"the list {shown(path)} is not in the chain")


def _walk(vault: Vault, folder: bytes) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Every file but what is known to be none of the vault's business: its path, its device and inode."""
    with os.scandir(os.path.join(vault.root, folder)) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = folder + b"/" + entry.name if folder else entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if _is_ignored(vault, os.fsdecode(entry.name) + "/" * is_folder):
                continue
            if is_folder:
                yield from _walk(vault, path)
            else:
                status = entry.stat(follow_symlinks=False)
                yield path, (status.st_dev, status.st_ino)


def _is_ignored(vault: Vault, name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in vault.ignored)
