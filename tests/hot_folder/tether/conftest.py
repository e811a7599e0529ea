from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hot_folder.running import Running
from tests.hot_folder.samples import describe
from tests.hot_folder.tether.writers import QUICK


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path / "session", QUICK, describe) as running:
        yield running
