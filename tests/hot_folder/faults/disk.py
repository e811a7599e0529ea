"""What of a tree would survive a power cut: only what was synced, and whatever else chance keeps.

A file's bytes are durable as of its last fsync. A name (made, linked, renamed, removed) is durable once its
folder was synced, and never by syncing the file: what POSIX promises, and stricter than ext4, XFS and APFS.
A folder that is not durable itself takes what lies in it along. Modification times are not modelled.

SQLite is taken for what it does on Unix: with the first sync of a rollback journal or write-ahead log it
syncs the folder, too, and so it does when it deletes a rollback journal. What it does to a file between two
syncs is lost or kept as with any other. Its shared memory (-shm) never survives.
"""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import dataclass, field
from enum import StrEnum

Contents = dict[bytes, bytes | None]
"""What lies where: each path with its bytes, None for a folder."""


class Cut(StrEnum):
    """What a power cut does to what was not synced."""

    LOST = "lost"
    """All of it is gone."""
    HOLLOW = "hollow"
    """Names and lengths are there, and zeros instead of bytes: metadata reached the disk before data."""
    MIXED = "mixed"
    """By chance, file by file and folder by folder."""


@dataclass(slots=True, eq=False)
class Node:
    """A file or folder, under however many names."""

    is_folder: bool
    synced: bytes = b""


@dataclass
class Disk:
    """The parts of the tree at `root` that ingest writes: `areas`, folders relative to it."""

    root: bytes
    areas: tuple[bytes, ...]
    live: dict[bytes, Node] = field(default_factory=dict)
    durable: dict[bytes, Node] = field(default_factory=dict)
    _opened: dict[bytes, Node] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """All that is there now counts as durable."""
        for path, data in self.contents().items():
            self.live[path] = Node(data is None, data or b"")
        self.durable = dict(self.live)
        self._opened = dict(self.live)

    def contents(self) -> Contents:
        found: Contents = {}
        for area in self.areas:
            for folder, folders, files in os.walk(os.path.join(self.root, area)):
                below = os.path.relpath(folder, self.root)
                found |= {os.path.join(below, name): None for name in folders}
                found |= {os.path.join(below, name): _bytes_of(os.path.join(folder, name)) for name in files}
        return {path: data for path, data in found.items() if not path.endswith(b"-shm")}

    # What is done to it

    def opened(self, path: bytes) -> None:
        """Perhaps it was made by that."""
        if self._covers(path):
            self._opened[path] = self.live.setdefault(path, Node(is_folder=False))

    def made_folder(self, path: bytes) -> None:
        if self._covers(path):
            self.live[path] = Node(is_folder=True)

    def linked(self, path: bytes, new_path: bytes) -> None:
        self.live[new_path] = self.live[path]

    def renamed(self, path: bytes, new_path: bytes) -> None:
        assert not self.live[path].is_folder, "moving folders is not modelled"
        self.live[new_path] = self.live.pop(path)

    def unlinked(self, path: bytes) -> None:
        if self._covers(path):
            del self.live[path]

    def synced(self, path: bytes) -> None:
        """path: under which a file was opened; it may have another name by now."""
        if os.path.isdir(os.path.join(self.root, path)):
            self._sync_folder(path)
        elif self._covers(path):
            node = self._opened[path]
            node.synced = self._lying(node) or b""

    def _sync_folder(self, folder: bytes) -> None:
        """All names in it: what was made there is durable, and what was removed is gone."""
        kept = {path: node for path, node in self.durable.items() if os.path.dirname(path) != folder}
        made = {path: node for path, node in self.live.items() if os.path.dirname(path) == folder}
        self.durable = {**kept, **made}

    def _covers(self, path: bytes) -> bool:
        return path.startswith(tuple(area + b"/" for area in self.areas))

    # The power cut

    def after(self, cut: Cut, seed: str = "") -> Contents:
        """What would be found there. seed: of what chance keeps."""
        chance = random.Random(seed)
        share = {Cut.LOST: 0.0, Cut.HOLLOW: 1.0, Cut.MIXED: 0.5}[cut]
        paths = sorted({*self.live, *self.durable})
        keeps = {folder: chance.random() < share for folder in sorted(set(map(os.path.dirname, paths)))}
        names: dict[bytes, Node] = {}
        for path in paths:
            folder = os.path.dirname(path)
            node = (self.live if keeps[folder] else self.durable).get(path)
            if node is not None and (folder in names or folder in self.areas):
                names[path] = node
        contents = {node: self._content(node, cut, chance) for node in dict.fromkeys(names.values())}
        return {path: contents[node] for path, node in names.items()}

    def _content(self, node: Node, cut: Cut, chance: random.Random) -> bytes | None:
        if node.is_folder:
            return None
        data = self._lying(node)
        if data is None or cut is Cut.LOST:
            return node.synced
        hollow = node.synced[: len(data)].ljust(len(data), b"\0")
        return hollow if cut is Cut.HOLLOW else chance.choice([hollow, data, node.synced])

    def _lying(self, node: Node) -> bytes | None:
        """What a file holds now, None when it has no name any more."""
        path = next((path for path, live in self.live.items() if live is node), None)
        return None if path is None else _bytes_of(os.path.join(self.root, path))

    def leave(self, contents: Contents) -> None:
        """Make the tree what the cut left of it."""
        for area in self.areas:
            shutil.rmtree(os.path.join(self.root, area))
            os.mkdir(os.path.join(self.root, area))
        for path, data in sorted(contents.items()):
            if data is None:
                os.mkdir(os.path.join(self.root, path))
            else:
                with open(os.path.join(self.root, path), "wb") as file:
                    file.write(data)


def _bytes_of(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()
