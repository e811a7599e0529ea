"""Ingest is killed, cut off from its power and failed by its drives, at every step; nothing is lost or half.

Here: at every kill that leaves something else behind, and at a part of the rest. By hand, at all of it:
`python -m tests.hot_folder.faults.harness --mode errno`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hot_folder import EventKind

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: forks, and SQLite in reach")

STRIDE = 20
TRIED_AT_LEAST = {
    "kill": {"kill": 400, "kill in half of a write": 40},
    "power": {"power cut, lost": 60, "power cut, hollow": 120, "power cut, mixed": 20},
    "errno": {
        "EIO": 45, "ESTALE": 40, "EACCES": 25, "ENOSPC": 7, "SQLITE_FULL": 15, "SQLITE_IOERR_WRITE": 15,
        "drive away": 20, "drive full": 7,
    },
}  # fmt: skip
STEPS_AT_LEAST = {
    "sqlite.write": 300, "sqlite.sync": 30, "sqlite.read": 80, "sqlite.open": 7, "sqlite.delete": 2,
    "os.open": 35, "os.link": 9, "os.unlink": 9, "os.mkdir": 9, "os.fsync": 25, "os.utime": 9, "open": 30,
    "os.scandir": 90, "entry.stat": 80, "os.stat": 150, "os.lstat": 60, "os.fstat": 80,
    "file.read": 200, "file.write": 20, "file.flush": 9, "file.close": 50,
}  # fmt: skip

FOUND_BY = {
    "copies_are_not_synced": ("power", "first", "", "said to be safe, and not durable"),
    "names_are_not_synced": ("power", "first", "", "said to be safe, and not durable"),
    "copies_are_named_before_they_are_synced": ("power", "first", "os.", "under a final name"),
    "copies_have_their_name_while_they_are_written": ("kill", "first", "file.", "under a final name"),
    "names_are_replaced": ("errno", "change", "os.lstat", "said to be safe, and not durable"),
    "errors_of_folders_are_ignored": ("errno", "first", "os.fsync", "said to be safe, and not durable"),
    "a_copy_that_failed_counts": ("errno", "first", "os.link", "is not in the vault"),
    "the_journal_is_not_synced": ("power", "first", "", "events that were told are not in the journal"),
    "a_file_and_its_event_are_two_transactions": ("kill", "first", "sqlite.sync", "do not give the table"),
    "originals_are_touched": ("kill", "first", "", "the session may not be written to"),
}
"""A bug; in which mode, story and calls it comes out, and what is said then."""


def harness(folder: Path, *args: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.hot_folder.faults.harness", "--folder", str(folder), *args]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[dict[str, Any]]]]:
    """All modes, two at a time; in memory, for what a power cut leaves is reckoned, not waited for."""
    memory, stride = Path("/dev/shm"), str(STRIDE)
    on = memory if os.access(memory, os.W_OK) else tmp_path_factory.mktemp("faults")
    with tempfile.TemporaryDirectory(dir=on) as name, ThreadPoolExecutor(2) as pool:
        folder = Path(name)
        yield {
            mode: pool.submit(harness, folder, "--mode", mode, "--stride", stride) for mode in TRIED_AT_LEAST
        }


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", TRIED_AT_LEAST)
def test_ingest_is_up_again_after_every_fault(
    runs: dict[str, Future[dict[str, Any]]], mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = runs[mode].result()
    with capsys.disabled():
        tried = ", ".join(f"{count} {what}" for what, count in found["tried"].items())
        print(f"\n{mode} in {found['took_s']} s at {sum(found['steps'].values())} steps: {tried}")
    assert found["failures"] == []
    if found["without"]:
        pytest.skip(found["without"])
    assert _missing(found["tried"], TRIED_AT_LEAST[mode]) == {}
    assert set(found["happened"]) == set(EventKind), "not every kind of transaction was tried"
    assert _missing(found["steps"], STEPS_AT_LEAST) == {}, "they are not seen any more"


@pytest.mark.parametrize("bug", FOUND_BY)
def test_the_harness_finds_a_bug(tmp_path: Path, bug: str) -> None:
    mode, story, call, says = FOUND_BY[bug]
    args = ("--mode", mode, "--plant", bug, "--story", story, "--call", call, "--first")
    found = harness(tmp_path, *args)
    if found["without"]:
        pytest.skip(found["without"])
    wrong = [line for failure in found["failures"] for line in failure["wrong"]]
    assert any(says in line for line in wrong), wrong or "the bug was not found"


def _missing(counts: dict[str, int], at_least: dict[str, int]) -> dict[str, int]:
    return {what: counts.get(what, 0) for what, count in at_least.items() if counts.get(what, 0) < count}
