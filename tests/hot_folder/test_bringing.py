"""Bringing files in through bad sectors, pulled cards, full drives and killed commands."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hot_folder import durable, scanner
from hot_folder.bringing import bring
from hot_folder.card import read_card
from hot_folder.errors import OriginalUnreadable
from hot_folder.scanner import is_ignored, scan
from tests.hot_folder import samples
from tests.hot_folder.cards import (
    Card,
    brought,
    compared,
    contents,
    missing,
    take_in,
    unlistable,
    unreadable,
)
from tests.hot_folder.samples import Shoot

ROOT = Path(__file__).resolve().parents[2]


def test_one_bad_sector_costs_one_frame(shoot: Shoot, card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3):
        card.put(f"DSC_000{number}.NEF", samples.raw(number, payload_bytes=3000 + number))
    with monkeypatch.context() as patch:
        unreadable(patch, b"DSC_0002.NEF")
        done = brought(shoot, card)
        assert len(done.files) == 2 and not done.gave_up
        assert done.problems == [
            "DCIM/100NIKON/DSC_0002.NEF cannot be read (Input/output error): check its rights and its drive"
        ]
        comparison, _ = compared(shoot, card)
        assert [one.file.name for one in comparison.wanted] == [b"DSC_0002.NEF"]
        shoot.put("Capture/of the same size.NEF", samples.raw(9, payload_bytes=3002))
        comparison, _ = compared(shoot, card)
        assert comparison.wanted == [] and len(comparison.problems) == 1
    assert len(brought(shoot, card).files) == 1


@pytest.mark.parametrize("what_is_left", ["nothing", "an empty folder"])
def test_a_pulled_card_is_said_once_and_the_rest_comes_the_next_time(
    shoot: Shoot, card: Card, what_is_left: str
) -> None:
    for number in (1, 2, 3, 4):
        card.put(f"DSC_000{number}.NEF", samples.raw(number))
    comparison, stock = compared(shoot, card)
    away = card.root.with_name("away")

    def pull(done: int, all_: int) -> None:
        if done == 2:
            card.root.rename(away)
            if what_is_left == "an empty folder":
                card.root.mkdir()

    done = bring(comparison.wanted, stock, pull)
    assert (len(done.files), done.gave_up, len(done.problems)) == (2, True, 2)
    assert done.problems[-1] == (
        f"{card.root} is not there any more: connect it again, then do the same again; "
        "2 of 4 files are copied"
    )
    shutil.rmtree(card.root, ignore_errors=True)
    away.rename(card.root)
    assert len(brought(shoot, card).files) == 2
    assert missing(shoot, card) == {}


def test_a_folder_of_the_card_that_cannot_be_listed_is_named(
    shoot: Shoot, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.put("DSC_0001.NEF", samples.raw(1))
    card.put("DSC_9999.NEF", samples.raw(2), "DCIM/101NIKON")
    monkeypatch.setattr("hot_folder.card.scan", partial(scan, scandir=unlistable(b"101NIKON")))
    found = read_card(os.fsencode(card.root))
    assert found.files == 1
    assert found.problems == [
        f"{card.root / 'DCIM' / '101NIKON'} cannot be listed (Input/output error): "
        "check that its drive is connected and readable"
    ]


def test_a_file_of_the_card_that_cannot_be_looked_at_is_named(
    shoot: Shoot, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.put("DSC_0001.NEF", samples.raw(1))
    card.put("DSC_0002.NEF", samples.raw(2))
    monkeypatch.setattr(scanner, "_stat", faulty(scanner._stat, b"DSC_0001.NEF"))
    found = read_card(os.fsencode(card.root))
    assert found.files == 1
    assert found.problems == ["DCIM/100NIKON/DSC_0001.NEF cannot be looked at: check the card and its reader"]


def faulty(stat: Any, name: bytes) -> Any:
    def failing(entry: os.DirEntry[bytes]) -> os.stat_result:
        if entry.name == name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        result: os.stat_result = stat(entry)
        return result

    return failing


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_drive_that_fails_leaves_no_partial_and_goes_on_later(
    shoot: Shoot, card: Card, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    for name in ("DSC_0001.NEF", "DSC_0001.JPG", "DSC_0002.NEF"):
        card.put(name, samples.raw(int(name[7])) if name.endswith("NEF") else samples.jpeg(1))
    real_sync, calls = durable.sync, 0

    def sync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OSError(number, os.strerror(number))
        real_sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(durable, "sync", sync)
        done = brought(shoot, card)
    assert (len(done.files), done.gave_up) == (1, True)
    said = "is full: make room" if number == errno.ENOSPC else f"cannot be written ({os.strerror(number)})"
    assert said in done.problems[0] and done.problems[0].endswith("1 of 3 files are copied")
    assert len(brought(shoot, card).files) == 2
    assert len(shoot.groups()) == 2, "the RAW and its JPEG found each other"


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_killed_command_leaves_whole_files_only_and_the_next_one_goes_on(shoot: Shoot, card: Card) -> None:
    for number in range(3):
        card.put(f"DSC_000{number}.NEF", samples.raw(number))
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, shoot.session, card.root], cwd=ROOT, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = contents(shoot.session / "Capture")
    (part,) = (name for name in left if is_ignored(name))
    assert {name: data for name, (data, _) in left.items() if name != part} == {
        b"DSC_0000.NEF": samples.raw(0)
    }
    assert len(brought(shoot, card).files) == 2
    assert contents(shoot.session / "Capture").keys() == {b"DSC_000%d.NEF" % n for n in range(3)}


_KILLED = """
import os, signal, sys
from hot_folder import Journal, durable
from hot_folder.bringing import bring
from hot_folder.card import compare, read_card
from hot_folder.stock import Stock

def sync(descriptor, times=[]):
    times.append(1)
    if len(times) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

durable.sync = sync
session, card = map(os.fsencode, sys.argv[1:])
with Journal.open(os.path.join(session, b"journal.sqlite")) as journal:
    stock = Stock(session, journal)
    bring(compare(read_card(card), stock).wanted, stock)
"""


def test_a_part_that_a_power_cut_left_is_written_over(shoot: Shoot, card: Card) -> None:
    data = samples.raw(1)
    card.put("DSC_0001.NEF", data)
    part = f".studio-{hashlib.sha256(b'DSC_0001.NEF').hexdigest()[:16]}.part"
    (shoot.session / "Capture" / part).write_bytes(b"half" * 9999)
    assert missing(shoot, card) == {"DSC_0001.NEF": "Capture/DSC_0001.NEF"}
    brought(shoot, card)
    assert contents(shoot.session / "Capture").keys() == {b"DSC_0001.NEF"}


def test_a_card_that_reads_differently_each_time_is_not_believed(
    shoot: Shoot, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    shoot.put("Capture/of the same size.NEF", samples.raw(1))
    take_in(shoot)
    card.put("DSC_0001.NEF", samples.raw(2))
    comparison, stock = compared(shoot, card)
    card.put("DSC_0001.NEF", samples.raw(3))
    done = bring(comparison.wanted, stock)
    assert done.files == []
    assert done.problems == [
        "DCIM/100NIKON/DSC_0001.NEF gives other bytes at each reading: try another reader or cable"
    ]
    assert not (shoot.session / "Capture/DSC_0001.NEF").exists()


def test_a_name_that_is_taken_at_the_last_moment_is_never_replaced(shoot: Shoot, card: Card) -> None:
    card.put("DSC_0001.NEF", samples.raw(1))
    comparison, stock = compared(shoot, card)
    shoot.put("Capture/DSC_0001.NEF", samples.raw(2))
    done = bring(comparison.wanted, stock)
    assert done.files == [] and "cannot be copied to Capture/DSC_0001.NEF (File exists)" in done.problems[0]
    assert (shoot.session / "Capture/DSC_0001.NEF").read_bytes() == samples.raw(2)
    assert missing(shoot, card) == {"DSC_0001.NEF": "Capture/100NIKON/DSC_0001.NEF"}


def test_a_session_that_cannot_be_listed_is_not_compared(
    shoot: Shoot, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies in it would all count as missing."""
    card.put("DSC_0001.NEF", samples.raw(1))
    for optional in ("Selects", "Output", "Trash"):
        (shoot.session / optional).rmdir()
    assert len(missing(shoot, card)) == 1
    shoot.put("Output/web/a.jpg", samples.jpeg(1))
    with monkeypatch.context() as patch:
        patch.setattr("hot_folder.stock.scan", partial(scan, scandir=unlistable(b"web")))
        assert len(missing(shoot, card)) == 1
    (shoot.session / "Capture/day 1").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("hot_folder.stock.scan", partial(scan, scandir=unlistable(b"day 1")))
        with pytest.raises(OriginalUnreadable, match="Capture/day 1 cannot be listed"):
            compared(shoot, card)
    shutil.rmtree(shoot.session / "Capture")
    with pytest.raises(OriginalUnreadable, match="Capture cannot be listed"):
        compared(shoot, card)


def test_a_file_of_the_session_that_cannot_be_read_is_named_and_not_relied_on(
    shoot: Shoot, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.put("DSC_0001.NEF", samples.raw(1))
    shoot.put("Capture/a.NEF", samples.raw(1))  # not taken in, so that it has to be read
    unreadable(monkeypatch, b"a.NEF")
    comparison, stock = compared(shoot, card)
    assert len(comparison.wanted) == 1
    assert "Capture/a.NEF cannot be read" in stock.problems[b"Capture/a.NEF"]
