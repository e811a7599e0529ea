from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hot_folder.cards import Card
from tests.hot_folder.drives import Drive
from tests.hot_folder.samples import Shoot


@pytest.fixture
def shoot(tmp_path: Path) -> Iterator[Shoot]:
    shoot = Shoot(tmp_path / "session")
    yield shoot
    shoot.journal.close()


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path / "card")


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    return Drive(tmp_path / "vault")
