"""A camera's card beside a session, and the ways in which it fails."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hot_folder import copying
from hot_folder.bringing import Brought, bring
from hot_folder.card import Comparison, compare, read_card
from hot_folder.stock import Stock
from tests.hot_folder.samples import Shoot


@dataclass
class Card:
    """A camera's card: a folder with DCIM in it, whose files were written a while ago."""

    root: Path
    folder: str = "DCIM/100NIKON"
    before: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)

    def put(self, name: str | bytes, data: bytes, folder: str | None = None) -> None:
        path = os.path.join(os.fsencode(self.root / (folder or self.folder)), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        os.utime(path, (1_700_000_000, 1_700_000_000))

    def files(self) -> dict[bytes, tuple[bytes, int]]:
        return contents(self.root)


def contents(root: Path) -> dict[bytes, tuple[bytes, int]]:
    """Every file below, hidden ones too: its bytes, and when they were last written."""
    top = os.fsencode(root)
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
    return {
        os.path.relpath(path, top).replace(os.fsencode(os.sep), b"/"): (
            Path(os.fsdecode(path)).read_bytes(),
            os.stat(path).st_mtime_ns,
        )
        for path in paths
    }


def compared(shoot: Shoot, card: Card) -> tuple[Comparison, Stock]:
    stock = Stock(os.fsencode(shoot.session), shoot.journal)
    return compare(read_card(os.fsencode(card.root)), stock), stock


def missing(shoot: Shoot, card: Card) -> dict[str, str]:
    """What is missing, by its name on the card, with the path it would get."""
    wanted = compared(shoot, card)[0].wanted
    return {os.fsdecode(one.file.name): os.fsdecode(one.target) for one in wanted}


def brought(shoot: Shoot, card: Card) -> Brought:
    """Bring what is missing, and let intake take it in. The card stays as it is."""
    before = card.files()
    comparison, stock = compared(shoot, card)
    done = bring(comparison.wanted, stock)
    assert card.files() == before
    assert not [name for name in contents(shoot.session) if name.endswith(b".part")]
    take_in(shoot)
    return done


def take_in(shoot: Shoot) -> None:
    for _ in range(4):
        shoot.pass_time(10)


class Pulled:
    """A file on a card that is pulled after the first bytes."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def __enter__(self) -> Pulled:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def unreadable(monkeypatch: pytest.MonkeyPatch, *names: bytes) -> None:
    """Reading files of these names fails as it does when their drive is pulled."""
    open_for_reading = copying.open_for_reading

    def opened(path: bytes, expected: Any) -> Any:
        file = open_for_reading(path, expected)
        return Pulled(file) if os.path.basename(path) in names else file

    monkeypatch.setattr(copying, "open_for_reading", opened)


def unlistable(name: bytes) -> Any:
    """A scandir that fails for folders of this name."""

    def scandir(path: bytes) -> Any:
        if os.path.basename(path) == name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return os.scandir(path)

    return scandir
