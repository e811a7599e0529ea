"""The memory that workers take while something is done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

_SAMPLED_EVERY_S = 0.02


@contextmanager
def largest_worker() -> Iterator[list[float]]:
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
