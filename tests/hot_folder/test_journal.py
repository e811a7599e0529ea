from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from hot_folder import (
    EventKind,
    FileKey,
    FileState,
    Journal,
    JournalBusy,
    JournalTooNew,
    JournalUnusable,
    Place,
)

KEY = FileKey(device=1, inode=2, size=3, mtime_ns=4)


def add(journal: Journal, path: bytes, key: FileKey = KEY) -> None:
    with journal.transaction() as writing:
        row = writing.add_file(FileState.PRESENT, Place.CAPTURE, path, key)
        writing.add_event(EventKind.ARRIVED, row)


def test_it_is_kept_through_power_cuts(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        settings = {name: journal.rows(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous")}
    assert settings == {"journal_mode": "wal", "synchronous": 2}


def test_what_a_killed_process_left_in_the_log_is_durable_before_anybody_is_told(tmp_path: Path) -> None:
    """It is read though it was never synced. What lies in the main file was."""
    code = (
        "import os, sys; from hot_folder import *\n"
        "with Journal.open(sys.argv[1]).transaction() as journal:\n"
        "    row = journal.add_file('present', Place.CAPTURE, b'Capture/a.NEF', FileKey(1, 2, 3, 4))\n"
        "    journal.add_event(EventKind.ARRIVED, row)\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "j"], check=True)
    assert (tmp_path / "j-wal").stat().st_size > 0
    with Journal.open(tmp_path / "j") as journal:
        assert len(journal.events()) == 1
        (tmp_path / "main").write_bytes((tmp_path / "j").read_bytes())
    with Journal.open(tmp_path / "main") as main:
        assert len(main.events()) == 1


def test_events_are_numbered_and_read_on_from_any_number(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j", wall_s=lambda: 1234.5) as journal:
        for number in range(7):
            add(journal, b"Capture/%d.NEF" % number)
        events = journal.events()
        assert [event.seq for event in events] == sorted({event.seq for event in events})
        assert journal.events(events[2].seq, limit=2) == events[3:5]
        assert events[0].at_s == 1234.5
        assert journal.last_seq() == events[-1].seq


def test_paths_and_keys_come_back_as_they_were(tmp_path: Path) -> None:
    path = b"Capture/\xff\x01 \xf0\x9f\xa6\x8a'.NEF"
    key = FileKey(device=-(2**63), inode=2**63 - 1, size=2**40, mtime_ns=-1)
    with Journal.open(tmp_path / "j") as journal:
        add(journal, path, key)
    with Journal.open(tmp_path / "j") as journal:
        (row,) = journal.live_files()
        assert (row.path, row.key) == (path, key)
        assert journal.keys_in(b"Capture") == {path: key}


def test_a_path_has_one_live_row(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        add(journal, b"Capture/a.NEF")
        with pytest.raises(sqlite3.IntegrityError):
            add(journal, b"Capture/a.NEF", KEY._replace(size=9))
        assert len(journal.events()) == 1


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        with pytest.raises(ZeroDivisionError), journal.transaction() as writing:
            writing.add_file(FileState.PRESENT, Place.CAPTURE, b"Capture/a.NEF", KEY)
            raise ZeroDivisionError
        assert journal.live_files() == []
        add(journal, b"Capture/a.NEF")


def test_a_journal_that_another_process_writes_is_busy(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal, Journal.open(tmp_path / "j") as other:
        journal._connection.execute("PRAGMA busy_timeout = 20")
        with other.transaction(), pytest.raises(JournalBusy, match="tried again"), journal.transaction():
            pass
        add(journal, b"Capture/a.NEF")


def test_what_is_no_journal_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b"these are my notes, not a database" * 100)
    with pytest.raises(JournalUnusable, match="is no journal"):
        Journal.open(tmp_path / "j")
    with pytest.raises(JournalUnusable, match="check its folder"):
        Journal.open(tmp_path / "missing" / "j")


def test_a_newer_journal_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "j") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalTooNew) as caught:
        Journal.open(tmp_path / "j")
    assert (caught.value.found_version, caught.value.known_version) == (99, 2)
    assert "update the program" in str(caught.value)


def test_a_page_that_went_bad_is_said_in_one_line(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j") as journal:
        for number in range(200):
            add(journal, b"Capture/%03d.NEF" % number)
        journal._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray((tmp_path / "j").read_bytes())
    data[4096 * 4 :] = b"\xa5" * (len(data) - 4096 * 4)
    (tmp_path / "j").write_bytes(data)
    with (
        pytest.raises(JournalUnusable, match="the journal is damaged"),
        Journal.open(tmp_path / "j") as journal,
    ):
        journal.live_files()


def test_a_journal_of_the_first_release_is_brought_up_to_date(tmp_path: Path) -> None:
    from hot_folder import schema

    with sqlite3.connect(tmp_path / "j") as old:
        for statement in schema._FORMATS[0].split(";"):
            old.execute(statement)
        old.execute("PRAGMA user_version = 1")
        old.execute(
            "INSERT INTO files (state, place, path, folder, device, inode, size, mtime_ns, first_place,"
            " first_path, stem, first_stem) VALUES ('present', 'capture', X'61', X'62', 1, 2, 3, 4,"
            " 'capture', X'61', X'61', X'61')"
        )
    old.close()
    for _ in range(2):
        with Journal.open(tmp_path / "j") as journal:
            assert [row.path for row in journal.live_files()] == [b"a"]
            assert journal.rows("PRAGMA user_version")[0][0] == len(schema._FORMATS)
            assert journal.rows("SELECT * FROM troubles") == journal.rows("SELECT * FROM watches") == []
