"""A second drive for the vault's tests, and what a copy of a shoot on it looks like."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hot_folder import Vault, VaultKeeper, manifest, sums
from hot_folder.mhl import Maker
from hot_folder.vault import Wanted
from tests.hot_folder.samples import Shoot

MARKER = b".marker"


@dataclass
class Drive:
    """A second drive that can be unplugged: another folder beside the session."""

    root: Path

    def __post_init__(self) -> None:
        self.root.mkdir()
        (self.root / os.fsdecode(MARKER)).touch()

    @property
    def vault(self) -> Vault:
        return self.of("one")

    def of(self, session_id: str) -> Vault:
        """The vault as another run of the program for that session opens it."""
        maker = Maker("studio", "1.0", "testhost", session_id, f"session {session_id}" * bool(session_id))
        return Vault(os.fsencode(self.root), MARKER, maker=maker)

    def unplug(self) -> None:
        self.root.rename(self.root.with_name("elsewhere"))

    def plug_in(self) -> None:
        self.root.with_name("elsewhere").rename(self.root)

    def files(self) -> dict[bytes, bytes]:
        """Every file but the marker and the lists: its path, its bytes."""
        found = self.everything()
        mine = (MARKER, sums.SUMS)
        return {
            name: data
            for name, data in found.items()
            if name not in mine and not name.startswith(manifest.FOLDER + b"/")
        }

    def everything(self) -> dict[bytes, bytes]:
        root = os.fsencode(self.root)
        paths = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
        return {
            os.path.relpath(path, root).replace(os.sep.encode(), b"/"): Path(os.fsdecode(path)).read_bytes()
            for path in paths
        }

    @property
    def lists(self) -> list[Path]:
        return sorted((self.root / "ascmhl").glob("*.mhl"))


def keeper(shoot: Shoot, vault: Vault) -> VaultKeeper:
    """A keeper that believes that every file has been still for long."""
    session = os.fsencode(shoot.session)
    return VaultKeeper(session, shoot.journal, vault, monotonic_s=lambda: shoot.now_s)


def copies(keeping: VaultKeeper) -> int:
    """Step until there is nothing to do; how many files were copied or compared."""
    count = 0
    while keeping.step():
        count += 1
    return count


def keep_all(shoot: Shoot, vault: Vault) -> int:
    """As one run of the program does it."""
    shoot.intake.step()
    return copies(keeper(shoot, vault))


def wanted(path: bytes, data: bytes) -> Wanted:
    return Wanted(path, path, len(data), 0, hashlib.sha256(data).digest())


def raises(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail
