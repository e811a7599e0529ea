"""What fails and may pass: tried again, ever more patiently, and said to whoever asks."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hot_folder import FileState, Journal, gate
from hot_folder.troubles import troubles
from tests.hot_folder.samples import Shoot, raw, tiff

PASSING = [errno.EIO, errno.ESTALE, errno.EACCES, errno.ENOSPC, errno.ENXIO, errno.EBUSY]


@contextmanager
def refusing(monkeypatch: pytest.MonkeyPatch, number: int, name: bytes) -> Iterator[list[bytes]]:
    """A disk that refuses to open one file."""
    asked: list[bytes] = []
    real = gate.open_for_reading

    def refuse(path: bytes, expected: Any) -> Any:
        if path.endswith(name):
            asked.append(path)
            raise OSError(number, os.strerror(number))
        return real(path, expected)

    with monkeypatch.context() as patch:
        patch.setattr(gate, "open_for_reading", refuse)
        yield asked


@pytest.mark.parametrize("number", PASSING, ids=errno.errorcode.get)
def test_what_may_pass_is_never_a_verdict(shoot: Shoot, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    shoot.put("Capture/a.NEF", raw(1))
    shoot.put("Capture/b.NEF", raw(2))
    with refusing(monkeypatch, number, b"a.NEF"):
        for _ in range(50):
            shoot.pass_time(60)
    assert shoot.news() == [("arrived", "Capture/b.NEF")]
    assert shoot.journal.quarantined() == []
    shoot.pass_time(60)
    assert shoot.news() == [("arrived", "Capture/a.NEF")]


def test_tries_become_rarer_and_an_event_brings_the_next_at_once(
    shoot: Shoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    shoot.put("Capture/a.NEF", raw(1))
    with refusing(monkeypatch, errno.EIO, b"a.NEF") as asked:
        times_s = []
        for _ in range(200):
            before = len(asked)
            shoot.pass_time(1.0)
            if len(asked) > before:
                times_s.append(shoot.now_s)
        pauses_s = [round(later - sooner) for sooner, later in pairwise(times_s)]
        assert pauses_s == [1, 2, 5, 15, 60, 60]
    (problem,) = shoot.intake.step().problems
    assert problem.tries == len(times_s)


def test_another_program_can_read_what_is_in_the_way_and_since_when(
    shoot: Shoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    shoot.put("Capture/a.NEF", raw(1))
    with refusing(monkeypatch, errno.EACCES, b"a.NEF"):
        shoot.pass_time(0)
        with Journal.open(shoot.session / "journal.sqlite") as beside:
            (first,) = troubles(beside)
            assert first.path == b"Capture/a.NEF" and first.tries == 1
            assert "cannot be read (Permission denied): check its rights and its drive" in first.reason
            shoot.pass_time(60)
            (later,) = troubles(beside)
            assert later.since_s == first.since_s and later.tries == 2
            shoot.start()  # a restart keeps what it is about, and tries at once
            shoot.pass_time(0)
            (again,) = troubles(beside)
            assert again.since_s == first.since_s
    shoot.pass_time(60)
    assert troubles(shoot.journal) == []


def test_a_journal_on_a_full_disk_is_waited_out(shoot: Shoot) -> None:
    """SQLite's own limit stands for the disk's: the error is the same, SQLITE_FULL."""
    from hot_folder import JournalBusy

    connection = shoot.journal._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    for seed in range(40):
        shoot.put(f"Capture/{seed}.NEF", raw(seed))
    with pytest.raises(JournalBusy, match=r"full.*tried again"):
        shoot.intake.step()
    assert shoot.journal.events() == [], "half of a transaction was written"
    connection.execute("PRAGMA max_page_count = 1000000")
    shoot.pass_time(1)
    assert len(shoot.news()) == 40


def test_what_was_set_aside_can_be_taken_up_again(shoot: Shoot, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an update that knows more containers, say: the file is the same, the verdict is another."""
    path = shoot.put("Capture/a.NEF", b"what this release does not know" * 100)
    shoot.intake.step()
    (row,) = shoot.journal.quarantined()
    shoot.news()
    shoot.journal.take_up_again([row.id])
    shoot.pass_time(60)
    assert shoot.news() == [] and len(shoot.journal.quarantined()) == 1, "still bad: nothing new to say"

    from hot_folder.containers import Verdict, Wholeness

    monkeypatch.setattr(gate, "inspect", lambda *_: Verdict(Wholeness.WHOLE))
    shoot.pass_time(60)
    assert shoot.news() == [], "it is not looked at again unasked"
    shoot.journal.take_up_again([row.id])
    shoot.pass_time(60)
    assert [kind for kind, _ in shoot.news()] == ["arrived"]
    assert shoot.journal.quarantined() == [] and os.path.exists(path)


def test_an_export_without_a_home_stays_aside_until_it_has_one(shoot: Shoot) -> None:
    for folder, taken in (("a", "2024-05-01T12:00:00"), ("b", "2024-05-01T12:00:05")):
        shoot.put(f"Capture/{folder}/IMG_1.NEF", raw(ord(folder), taken=taken))
    shoot.intake.step()
    shoot.put("Output/IMG_1.tif", tiff(1))
    shoot.pass_time(60)
    (row,) = shoot.journal.quarantined()
    shoot.news()
    shoot.journal.take_up_again([row.id])
    shoot.pass_time(60)
    assert shoot.news() == [] and shoot.journal.file(row.id).state is FileState.QUARANTINED


READ_ONLY = """
import os, sys
from hot_folder import Intake, Journal
from hot_folder.errors import HotFolderError
try:
    with Journal.open(sys.argv[1] + "/j.sqlite") as journal:
        Intake(os.fsencode(sys.argv[1]), journal).step()
except HotFolderError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs Linux and root, to mount")
def test_a_read_only_session_is_said_in_one_line(tmp_path: Path) -> None:
    """A real read-only mount, in a mount namespace of its own."""
    (tmp_path / "Capture").mkdir()
    (tmp_path / "Capture" / "a.NEF").write_bytes(raw(1))
    script = f"mount --bind {tmp_path} {tmp_path} && mount -o remount,ro,bind {tmp_path} && exec "
    command = [
        "unshare",
        "-m",
        "sh",
        "-c",
        script + '"$@"',
        "sh",
        sys.executable,
        "-c",
        READ_ONLY,
        str(tmp_path),
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare" in answer.stderr or "mount:" in answer.stderr:
        pytest.skip("needs a machine that lets root mount")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("JournalUnusable") and answer.stdout.count("\n") == 1, answer.stdout
