"""What Finder, Explorer, rsync and file servers do when they copy into the folder."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hot_folder import EventKind
from hot_folder.mounts import Watching
from tests.hot_folder.running import Running, wait_for
from tests.hot_folder.samples import CRW, describe
from tests.hot_folder.tether.writers import (
    FRAMES,
    PAUSE_S,
    QUICK,
    captures,
    frames_of,
    kinds_of,
    pieces,
    reasons_of,
    write_in_pieces,
    write_piece,
)

LONG_AGO_S = 1_000_000_000  # 2001
ONCE = [EventKind.ARRIVED]
COUNT = len(FRAMES) - 1  # one of them is a sidecar

RSYNC = shutil.which("rsync")


def running_over(tmp_path: Path, watching: Watching) -> Running:
    return Running(tmp_path / "session", replace(QUICK, watching=watching), describe)


# Servers: they reserve, they stall, and some open the file for each piece


# What grows without a length of its own is another matter, see below.
GROWING, RESERVED = FRAMES, {**frames_of(2), "2_0010.CRW": CRW}


@pytest.mark.parametrize("holds_open", [True, False], ids=["holds-open", "opens-each-time"])
def test_a_copy_that_stalls_is_taken_in_once_and_whole(running: Running, holds_open: bool) -> None:
    frames = {**GROWING, **RESERVED}
    write_in_pieces(running.capture, frames, reserved=RESERVED, holds_open=holds_open)
    running.wait_for_exactly(frames)
    assert {name: kinds_of(running, name) for name in frames} == dict.fromkeys(frames, ONCE)
    set_aside = [reason for name in frames for reason in reasons_of(running, name)]
    assert all("copy it again from the card" in reason for reason in set_aside)
    if sys.platform == "linux" and holds_open:
        assert not set_aside, "that somebody still wrote was there to be seen"


def test_a_writer_whom_nobody_sees_is_waited_for_too(tmp_path: Path) -> None:
    """As on a server: no events, and nobody can say who has a file open."""
    frames = {**GROWING, **RESERVED}
    with running_over(tmp_path, Watching.SCANS) as running:
        write_in_pieces(running.capture, frames, reserved=RESERVED)
        running.wait_for_exactly(frames)
        assert {name: kinds_of(running, name) for name in frames} == dict.fromkeys(frames, ONCE)


def test_a_container_without_a_length_stays_one_capture_while_it_grows(running: Running) -> None:
    write_in_pieces(running.capture, {"a.CRW": CRW}, holds_open=False)
    running.wait_for_exactly({"a.CRW": CRW})
    first, *later = kinds_of(running, "a.CRW")
    assert (first, set(later)) == (EventKind.ARRIVED, {EventKind.CHANGED})
    assert len(captures(running)) == 1


def test_a_time_that_was_set_before_the_bytes_came_is_not_believed(tmp_path: Path) -> None:
    """Samba keeps the time that a program set, whatever it writes after that."""
    frames = {name: data for name, data in RESERVED.items() if len(data) > 200_000}
    with running_over(tmp_path, Watching.SCANS) as running:
        for name, data in frames.items():
            path = tmp_path / name
            path.write_bytes(pieces(data)[0].ljust(len(data), b"\0"))
            os.utime(path, (LONG_AGO_S, LONG_AGO_S))
            path.rename(running.capture / name)
        for number in range(1, 4):
            time.sleep(PAUSE_S)
            for name, data in frames.items():
                write_piece(running.capture / name, data, number)
                os.utime(running.capture / name, (LONG_AGO_S, LONG_AGO_S))
        running.wait_for_exactly(frames)
        assert {name: kinds_of(running, name) for name in frames} == dict.fromkeys(frames, ONCE)


# Finder and Explorer


@pytest.mark.parametrize("reserves", [True, False], ids=["explorer", "finder"])
def test_a_time_that_is_set_at_the_end_makes_no_second_arrival(running: Running, reserves: bool) -> None:
    for name, data in FRAMES.items():
        with (running.capture / name).open("wb") as file:
            file.truncate(len(data) if reserves else 0)
            for piece in pieces(data):
                file.write(piece)
    wait_for(lambda: running.arrived().keys() == FRAMES.keys(), 20)
    for name in FRAMES:
        os.utime(running.capture / name, (LONG_AGO_S, LONG_AGO_S))
    wait_for(lambda: {row.key.mtime_ns for row in running.journal.live_files()} == {LONG_AGO_S * 10**9}, 20)
    running.wait_for_exactly(FRAMES)
    assert {name: kinds_of(running, name) for name in FRAMES} == dict.fromkeys(FRAMES, ONCE)
    assert len(captures(running)) == COUNT


# rsync


def rsync_by_hand(source: Path, target: Path, *, in_place: bool) -> None:
    """As rsync's receiver does: under `.NAME.XXXXXX`, time first, then the name; or into the file itself."""
    for path in sorted(source.iterdir()):
        final = target / path.name
        if final.exists() and final.stat().st_mtime == path.stat().st_mtime:
            continue
        name = final if in_place else target / f".{path.name}.{secrets.token_hex(3)}"
        with name.open("wb", buffering=0) as file:
            for piece in pieces(path.read_bytes()):
                file.write(piece)
            time.sleep(PAUSE_S if path.name in list(FRAMES)[:2] else 0.0)
        shutil.copystat(path, name)
        name.replace(final)


def rsync(source: Path, target: Path, *, in_place: bool) -> None:
    assert RSYNC is not None
    options = ["--archive", "--bwlimit=1500", *(["--inplace"] if in_place else [])]
    subprocess.run([RSYNC, *options, f"{source}/", f"{target}/"], check=True, timeout=60)


@pytest.mark.parametrize("in_place", [True, False], ids=["--inplace", "renames"])
@pytest.mark.parametrize(
    "copy",
    [
        rsync_by_hand,
        pytest.param(rsync, marks=pytest.mark.skipif(RSYNC is None, reason="needs rsync")),
    ],
)
def test_what_rsync_brings_is_taken_in_once_and_whole(
    tmp_path: Path, running: Running, copy: Callable[..., None], in_place: bool
) -> None:
    source = tmp_path / "card"
    source.mkdir()
    for name, data in FRAMES.items():
        (source / name).write_bytes(data)
        os.utime(source / name, (LONG_AGO_S, LONG_AGO_S))
    copy(source, running.capture, in_place=in_place)
    running.wait_for_exactly(FRAMES)
    assert running.news() == [(EventKind.ARRIVED, name) for name, _ in running.arrived().items()]
    copy(source, running.capture, in_place=in_place)  # and once more, which changes nothing
    running.wait_for_exactly(FRAMES)
