from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hot_folder import Hint, Journal, Settings
from hot_folder.watcher import Watcher
from tests.hot_folder.running import Running, wait_for
from tests.hot_folder.samples import WHOLE_FILES, jpeg, raw

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="what events say differs by system")


@contextmanager
def heard(folder: Path) -> Iterator[list[tuple[bytes, Hint]]]:
    said: list[tuple[bytes, Hint]] = []
    with Watcher([os.fsencode(folder)], lambda path, hint: said.append((path, hint))) as watcher:
        assert watcher.watched == {os.fsencode(folder)}
        yield said


@LINUX
def test_a_close_and_a_rename_are_told_from_the_rest(tmp_path: Path) -> None:
    folder, outside = tmp_path / "Capture", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "from outside.NEF").write_bytes(b"x")
    with heard(folder) as said:
        (folder / "closed.NEF").write_bytes(b"x")
        (folder / "temp").write_bytes(b"x")
        (folder / "temp").rename(folder / "renamed.NEF")
        (outside / "from outside.NEF").rename(folder / "from outside.NEF")
        path = os.path.join(os.fsencode(folder), b"\xff\xfe.NEF")
        with open(path, "wb") as file:
            file.write(b"x")
        wait_for(lambda: (path, Hint.CLOSED) in said)
    assert (os.fsencode(folder / "closed.NEF"), Hint.CLOSED) in said
    assert (os.fsencode(folder / "renamed.NEF"), Hint.RENAMED_IN) in said
    assert (os.fsencode(folder / "from outside.NEF"), Hint.RENAMED_IN) in said


def test_reading_wakes_nobody(tmp_path: Path) -> None:
    (tmp_path / "a.NEF").write_bytes(b"x")
    with heard(tmp_path) as said:
        time.sleep(0.2)  # what came before the watch may still be told, on some systems
        said.clear()
        for _ in range(3):
            (tmp_path / "a.NEF").read_bytes()
            os.listdir(tmp_path)
        time.sleep(0.3)
        assert said == []


def test_a_folder_that_comes_back_is_watched_anew(tmp_path: Path) -> None:
    folder = tmp_path / "Capture"
    said: list[bytes] = []
    with Watcher([os.fsencode(folder)], lambda path, hint: said.append(path)) as watcher:
        assert watcher.watched == frozenset()
        for round_number in range(2):
            folder.mkdir()
            watcher.renew()
            assert watcher.watched == {os.fsencode(folder)}
            name = os.fsencode(folder / f"{round_number}.NEF")
            Path(os.fsdecode(name)).write_bytes(b"x")
            wait_for(lambda name=name: name in said)  # type: ignore[misc]
            shutil.rmtree(folder)
            watcher.renew()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    # So long a rescan interval that whatever arrives in time was brought by an event.
    with Running(tmp_path / "session", Settings(quiet_period_s=0.3, rescan_interval_s=60.0)) as running:
        yield running


def test_files_are_taken_in_soon_after_they_are_closed_or_renamed(running: Running) -> None:
    (running.capture / "day 1").mkdir()
    for name, data in WHOLE_FILES.items():
        (running.capture / "day 1" / name.decode()).write_bytes(data)
        (running.capture / ".temp").write_bytes(data + b"" if name.endswith(b"xmp") else data)
        (running.capture / ".temp").rename(running.capture / f"renamed {name.decode()}")
    wait_for(lambda: len(running.journal.events()) == 2 * len(WHOLE_FILES))


@LINUX
def test_a_closed_file_does_not_wait_for_the_quiet_period(tmp_path: Path) -> None:
    delays_s = []
    with Running(tmp_path / "session", Settings(quiet_period_s=30.0, rescan_interval_s=60.0)) as running:
        for number in range(8):
            name = f"Capture/{number}.NEF"
            (running.capture / f"{number}.NEF").write_bytes(raw(number, payload_bytes=200_000))
            closed_at_s = time.monotonic()
            wait_for(lambda name=name: name.encode() in running.seen_at_s)  # type: ignore[misc]
            delays_s.append(running.seen_at_s[name.encode()] - closed_at_s)
    print(
        f"closed to taken in: median {sorted(delays_s)[4] * 1e3:.1f} ms, worst {max(delays_s) * 1e3:.1f} ms"
    )


def test_a_slow_writer_is_taken_in_once_and_whole(running: Running) -> None:
    data = raw(1)
    with (running.capture / "slow.NEF").open("wb", buffering=0) as file:
        for start in range(0, len(data), 700):
            file.write(data[start : start + 700])
            time.sleep(0.12)
    wait_for(lambda: "slow.NEF" in running.arrived())
    assert running.arrived()["slow.NEF"].sha256 == hashlib.sha256(data).digest()
    assert len(running.journal.events()) == 1


def test_a_writer_that_reserves_first_is_taken_in_once_and_whole(running: Running) -> None:
    data = raw(1)
    with (running.capture / "samba.NEF").open("wb", buffering=0) as file:
        file.truncate(len(data))
        for start in range(0, len(data), 700):
            file.seek(start)
            file.write(data[start : start + 700])
            time.sleep(0.12)
    wait_for(lambda: "samba.NEF" in running.arrived())
    assert running.arrived()["samba.NEF"].sha256 == hashlib.sha256(data).digest()
    assert len(running.journal.events()) == 1


def test_a_burst_is_taken_in_whole_and_once(running: Running) -> None:
    frames = {f"{number:04}.jpg": jpeg(number) for number in range(300)}
    for name, data in frames.items():
        (running.capture / name).write_bytes(data)
    wait_for(lambda: running.journal.last_seq() >= len(frames))
    assert {name: event.sha256 for name, event in running.arrived().items()} == {
        name: hashlib.sha256(data).digest() for name, data in frames.items()
    }


WRITE_MANY = """
import sys
folder, frame = sys.argv[1], open(sys.argv[2], "rb").read()
for number in range(int(sys.argv[3])):
    with open(f"{folder}/IMG_{number:05}.NEF", "wb") as file:
        file.write(frame[:-8] + b"%08d" % number)
"""


@LINUX
@pytest.mark.timeout(300)
def test_forty_thousand_at_once_overflow_the_systems_queue_and_none_is_missed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    count = 40_000
    (tmp_path / "frame").write_bytes(raw(1, payload_bytes=200))
    with Running(tmp_path / "session", Settings()) as running:
        child = [sys.executable, "-c", WRITE_MANY, str(running.capture), str(tmp_path / "frame"), str(count)]
        subprocess.run(child, check=True)
        wait_for(lambda: running.journal.last_seq() >= count, 240)
        events = running.journal.events(limit=2 * count)
        assert {event.path for event in events} == {f"Capture/IMG_{n:05}.NEF".encode() for n in range(count)}
        assert len(events) == count == len({event.sha256 for event in events})
    overflows = [record for record in caplog.records if "overflow" in record.getMessage()]
    print(f"the system's queue overflowed {len(overflows)} times")


def test_lost_events_cost_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watcher, "_dispatch", lambda self, event: None)
    with Running(tmp_path / "session", Settings(quiet_period_s=0.1, rescan_interval_s=0.2)) as running:
        (running.capture / "a.NEF").write_bytes(raw(1))
        wait_for(lambda: "a.NEF" in running.arrived())


def test_without_any_watcher_the_scans_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_watches() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("hot_folder.watcher._new_observer", no_watches)
    with Running(tmp_path / "session", Settings(quiet_period_s=0.1, rescan_interval_s=0.2)) as running:
        (running.capture / "a.NEF").write_bytes(raw(1))
        wait_for(lambda: "a.NEF" in running.arrived())


def test_reports_say_what_is_waited_for(running: Running) -> None:
    with (running.capture / "a.NEF").open("wb", buffering=0) as file:
        file.write(raw(1)[:1000])
        wait_for(lambda: any(report.settling for report in running.reports))
        file.write(raw(1)[1000:])
    wait_for(lambda: "a.NEF" in running.arrived())
    wait_for(lambda: not running.reports[-1].settling)


def test_a_busy_journal_is_reported_and_waited_out(tmp_path: Path) -> None:
    settings = Settings(quiet_period_s=0.1, rescan_interval_s=0.2, retry_after_s=(0.2,))
    with Running(tmp_path / "session", settings) as running:
        running.journal._connection.execute("PRAGMA busy_timeout = 20")
        with Journal.open(tmp_path / "session" / "journal.sqlite") as other, other.transaction():
            (running.capture / "a.NEF").write_bytes(raw(1))
            wait_for(lambda: any("tried again" in p.reason for r in running.reports for p in r.problems))
            before = len(running.reports)
            time.sleep(0.5)
            assert len(running.reports) <= before + 1, "it must rest between tries, and not repeat itself"
        wait_for(lambda: "a.NEF" in running.arrived())
