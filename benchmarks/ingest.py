"""Ingest: a file closed to taken in, and to the vault; a scan of what is known; twenty frames a second."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks.bench import Bench
from benchmarks.figures import Figure, timed
from benchmarks.shooting import shooting
from hot_folder import Intake, Journal, Report, Settings, Vault, VaultKeeper, Watching

_FRAME_BYTES = 30_000_000
_MARKER = ".vault"
_QUIET_S = 1.0
_ARRIVAL_WANTED_S, _SCAN_WANTED_S, _RHYTHM_S = 0.05, 0.3, 0.05
_PATIENCE_S = 120.0


def measure(bench: Bench) -> list[Figure]:
    """Medians; the peers copy the same bytes, or look through the same folder, in the same run."""
    copied_s = median(_copied_by_hand(bench) for _ in range(3 * bench.runs))
    beside = {"cp + sync": copied_s}
    local = _arrivals(bench, Settings())
    scanned = _arrivals(bench, Settings(watching=Watching.SCANS, remote_quiet_period_s=_QUIET_S))
    kept = _arrivals(bench, Settings(), with_vault=True)
    size = f"{_FRAME_BYTES / 1e6:.0f} MB, median of {len(local)}"
    return [
        Figure(
            "ingest", "closed to taken in, local disk", median(local), beside, _ARRIVAL_WANTED_S, note=size
        ),
        Figure(
            "ingest",
            "closed to taken in, scans only",
            median(scanned),
            wanted_s=_QUIET_S + 0.1,
            note=f"quiet period {_QUIET_S:g} s",
        ),
        Figure(
            "ingest",
            "closed to verified in the vault",
            median(kept),
            beside,
            3 * copied_s,
            note=f"{size}; hashed, synced, read back",
        ),
        _scan(bench),
        _burst(bench),
    ]


def frame(number: int, size: int) -> bytes:
    """A file that ingest takes for a whole RAW: a TIFF of one strip, no two alike."""
    entries = ((0x0111, 4, 1, 38), (0x0117, 4, 1, size - 38))
    table = struct.pack("<H", 2) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    head = struct.pack("<2sHI", b"II", 42, 8) + table
    body = (number + 1).to_bytes(8, "little") * ((size - len(head)) // 8 + 1)
    return (head + body)[:size]


def _copied_by_hand(bench: Bench) -> float:
    """Seconds that a careful person's copy takes, of a file that was just written."""
    folder = bench.folder()
    (folder / "frame.NEF").write_bytes(frame(0, _FRAME_BYTES))
    _settle_drive()
    begun_s = time.perf_counter()
    _copy(folder / "frame.NEF", folder / "copy.NEF")
    took_s = time.perf_counter() - begun_s
    shutil.rmtree(folder)
    return took_s


def _settle_drive() -> None:
    """So that nobody pays for what another wrote."""
    if hasattr(os, "sync"):
        os.sync()


def _copy(source: Path, target: Path) -> None:
    if shutil.which("cp") and shutil.which("sync"):
        subprocess.run(["cp", source, target], check=True)
        subprocess.run(["sync", target], check=True)
        return
    shutil.copyfile(source, target)
    with target.open("rb+") as file:
        os.fsync(file.fileno())


class _Watched:
    """Intake in a thread, and when each file was taken in."""

    def __init__(
        self, session: Path, settings: Settings, keeper: VaultKeeper | None, journal: Journal
    ) -> None:
        self._intake = Intake(os.fsencode(session), journal, settings=settings)
        self._keeper = keeper
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._seen_s: dict[bytes, float] = {}
        self._threads = [threading.Thread(target=self._intake.run, args=(self._stop, self._note))]
        if keeper is not None:
            self._threads.append(threading.Thread(target=keeper.run, args=(self._stop,)))

    def _note(self, report: Report) -> None:
        if self._keeper is not None and report.events:
            self._keeper.wake()
        with self._changed:
            self._seen_s |= dict.fromkeys((event.path for event in report.taken_in), time.monotonic())
            self._changed.notify_all()

    def wait(self, path: bytes) -> float:
        """When it was taken in."""
        with self._changed:
            if not self._changed.wait_for(lambda: path in self._seen_s, _PATIENCE_S):
                raise TimeoutError(f"{path!r} is not taken in")
            return self._seen_s[path]

    @contextmanager
    def running(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        time.sleep(0.5)
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()


def _arrivals(bench: Bench, settings: Settings, *, with_vault: bool = False) -> list[float]:
    """For each of some frames, seconds from its last byte written and closed to taken in (and copied)."""
    folder = bench.folder()
    session, vault = folder / "session", folder / "vault"
    (session / "Capture").mkdir(parents=True)
    vault.mkdir()
    (vault / _MARKER).touch()
    seconds = []
    with Journal.open(os.fsencode(folder / "journal.sqlite")) as journal:
        store = Vault(os.fsencode(vault), _MARKER.encode())
        keeper = VaultKeeper(os.fsencode(session), journal, store) if with_vault else None
        watched = _Watched(session, settings, keeper, journal)
        with watched.running():
            for number in range(3 * bench.runs):
                name = f"Capture/IMG_{number:04}.NEF"
                data = frame(number, _FRAME_BYTES)
                with (session / name).open("wb") as file:
                    file.write(data)
                closed_s = time.monotonic()
                done_s = watched.wait(name.encode())
                if keeper is not None:
                    done_s = _copied(vault / name)
                seconds.append(done_s - closed_s)
                _settle_drive()
    shutil.rmtree(folder)
    return seconds


def _copied(copy: Path) -> float:
    """When a copy has its name: it is synced and read back by then."""
    until_s = time.monotonic() + _PATIENCE_S
    while not copy.exists():
        if time.monotonic() > until_s:
            raise TimeoutError(f"{copy} is not copied")
        time.sleep(0.002)
    return time.monotonic()


def _scan(bench: Bench) -> Figure:
    """Looking through a folder of known files in which nothing has changed."""
    from watchdog.utils.dirsnapshot import DirectorySnapshot, DirectorySnapshotDiff

    session, count = bench.folder(), bench.known_files
    for number in range(count):
        path = session / "Capture" / f"{number // 1000:03}" / f"IMG_{number:05}.NEF"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(frame(number, 200))
        os.utime(path, (1e9, 1e9))
    with Journal.open(os.fsencode(session / "journal.sqlite")) as journal:
        intake = Intake(os.fsencode(session), journal, settings=Settings(step_budget_s=1e9))
        intake.step()
        scan_s = timed(intake.step, bench.runs)
        tracemalloc.start()
        intake.step()
        peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        before = DirectorySnapshot(str(session / "Capture"))
        beside = {
            "watchdog polling": timed(
                lambda: DirectorySnapshotDiff(before, DirectorySnapshot(str(session / "Capture"))), bench.runs
            ),
            "os.scandir + stat": timed(lambda: _bare(session / "Capture"), bench.runs),
        }
    shutil.rmtree(session)
    note = f"{count} files, {peak_mb:.1f} MB at most"
    return Figure("ingest", "scan of known files", scan_s, beside, _SCAN_WANTED_S, note=note)


def _bare(folder: Path) -> int:
    waiting, found = [str(folder)], 0
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    found += entry.stat(follow_symlinks=False).st_size >= 0
    return found


def _burst(bench: Bench) -> Figure:
    """Frames at the rate of a burst, into `studio shoot` with everything on: none lost, previews in order."""
    count = round(bench.burst_s / _RHYTHM_S)
    original = bench.warm_up[0].read_bytes()
    names, closed_s = [f"BURST_{number:04}" for number in range(count)], []
    with shooting(bench.folder() / "session", bench.warm_up) as studio:
        begun_s = time.monotonic()
        for number, name in enumerate(names):
            time.sleep(max(0.0, begun_s + number * _RHYTHM_S - time.monotonic()))
            temporary = studio.session.capture / f".{name}.tmp"
            temporary.write_bytes(original + number.to_bytes(8, "little"))
            temporary.rename(studio.session.capture / f"{name}.DNG")
            closed_s.append(time.monotonic())
        previewed = [studio.page.wait(name, lambda seen: seen.preview_s is not None) for name in names]
        taken = {event.path for event in studio.studio.journal.events(limit=10 * count)}
    missing = sum(f"Capture/{name}.DNG".encode() not in taken for name in names)
    seen_s = [row.preview_s or 0.0 for row in previewed]
    disorder = sum(later < sooner for sooner, later in pairwise(seen_s))
    note = (
        f"{count} frames of {len(original) / 1e6:.1f} MB, one every {_RHYTHM_S * 1e3:.0f} ms: "
        f"{missing} lost, {disorder} previews out of order"
    )
    return Figure("ingest", "last preview after the last frame", seen_s[-1] - closed_s[-1], note=note)
