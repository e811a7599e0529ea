"""An approved RAW to its 16-bit TIFF with extension, and the memory its worker takes."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from benchmarks import peers
from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.shooting import Shooting, shooting
from studio_pipeline.pipeline.decide import Decisions
from studio_pipeline.pipeline.studio import utc_now

_WANTED_S = 12.0
_SAMPLED_EVERY_S = 0.02


def measure(bench: Bench) -> list[Figure]:
    """Median of ``bench.runs`` frames: approved, developed, rendered, checked, written, published."""
    seconds, memory_mb = [], 0.0
    with shooting(bench.folder() / "session", bench.frames[0]) as studio:
        for number, raw in enumerate(bench.frames[1 : 1 + bench.runs]):
            studio.tether(raw, f"ORDER_{number}")
            studio.proposed(f"ORDER_{number}")
            with _largest_worker() as peak_mb:
                seconds.append(_deliver(studio, f"ORDER_{number}"))
            memory_mb = max(memory_mb, *peak_mb)
    return [
        Figure(
            "delivery",
            "approved to delivered 16-bit TIFF",
            statistics.median(seconds),
            bench.beside(peers.AHD, peers.DARKTABLE),
            _WANTED_S,
            memory_mb,
            note=f"median of {len(seconds)}, worst {max(seconds):.2f}; the worker's peak resident set",
        )
    ]


def _deliver(studio: Shooting, name: str) -> float:
    """Approve as it stands, and wait for the file. Seconds between."""
    seen = studio.page.wait(name, lambda s: s.state == "proposed")
    decisions = Decisions(studio.session, studio.studio.catalog, "localhost", "benchmark")
    approved_s = time.monotonic()
    decisions.approve(seen.id, None, None, "benchmark", utc_now())
    studio.studio.conductor.wake()
    done = studio.page.wait(name, lambda s: "delivered" in s.reached_s or bool(s.reason))
    if done.state != "delivered":
        raise RuntimeError(f"{name} was not delivered: {done.reason}")
    return done.reached_s["delivered"] - approved_s


@contextmanager
def _largest_worker() -> Iterator[list[float]]:
    """Samples of the resident set of this process's largest child, in MB, while the block runs."""
    samples = [0.0]
    ended = threading.Event()

    def sample() -> None:
        workers = psutil.Process().children(recursive=True)
        while not ended.wait(_SAMPLED_EVERY_S):
            samples.append(max((_resident_mb(worker) for worker in workers), default=0.0))

    watching = threading.Thread(target=sample, name="memory")
    watching.start()
    try:
        yield samples
    finally:
        ended.set()
        watching.join()


def _resident_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / 2**20
    except psutil.Error:
        return 0.0
