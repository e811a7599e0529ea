"""Each touch of a tree's filesystem has a number, and a plan decides at each whether something goes wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.hot_folder.faults.disk import Disk


class Kind(StrEnum):
    LOOK = "look"
    READ = "read"
    NAME = "name"
    """Makes, moves or removes a name."""
    WRITE = "write"
    SYNC = "sync"


@dataclass(frozen=True, slots=True)
class Step:
    number: int
    call: str
    path: bytes
    kind: Kind

    @property
    def drive(self) -> bytes:
        """The session, the databases' folder and the vault count as drives of their own."""
        return self.path.partition(b"/")[0]

    def __str__(self) -> str:
        return f"{self.call} {os.fsdecode(self.path)}"


Tear = Callable[[], None]
"""Does the first half of a write, down to the operating system."""


Plan = Callable[[Step, Tear | None], None]
"""Called before every step: it may end the process, or raise what the step shall fail with."""


@dataclass
class Watch:
    """Numbers the steps below `root`, tells the disk of them, and lets a plan decide."""

    root: bytes
    disk: Disk
    plan: Plan
    count: int = 0
    open_files: dict[int, bytes] = field(default_factory=dict)

    def covers(self, path: object) -> bytes | None:
        """The path of a thing in the tree relative to it, None for all others."""
        if isinstance(path, int):
            return self.open_files.get(path)
        try:
            absolute = os.fsencode(path)  # type: ignore[arg-type]
        except TypeError:
            return None
        return absolute[len(self.root) + 1 :] if absolute.startswith(self.root + b"/") else None

    def step(self, call: str, path: bytes, kind: Kind, tear: Tear | None = None) -> None:
        number, self.count = self.count, self.count + 1
        with watching(None):
            self.plan(Step(number, call, path, kind), tear)

    def note(self, done: Callable[..., None], *args: Any) -> None:
        """Tell the disk what was done to it."""
        with watching(None):
            done(*args)


current: Watch | None = None


@contextmanager
def watching(watch: Watch | None) -> Iterator[None]:
    """With None: what the camera does, and what is done beside, are no steps of ingest."""
    global current
    before, current = current, watch
    try:
        yield
    finally:
        current = before
