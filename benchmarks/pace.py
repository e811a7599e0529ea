"""A shoot: a frame every few seconds, and whether proposals keep up."""

from __future__ import annotations

import time

from benchmarks import peers
from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.shooting import shooting

_WANTED_S = 6.0


def measure(bench: Bench) -> list[Figure]:
    """Lag (file closed to proposal) of the first and the last frame, and the seconds a frame in a row."""
    frames = bench.frames[1:]
    names = [f"SHOT_{number:02d}" for number in range(len(frames))]
    closed_s: list[float] = []
    with shooting(bench.folder() / "session", bench.frames[0]) as studio:
        started_s = time.monotonic()
        for number, raw in enumerate(frames):
            time.sleep(max(0.0, started_s + number * bench.interval_s - time.monotonic()))
            closed_s.append(studio.tether(raw, names[number]))
        seen = [studio.proposed(name) for name in names]
    lags = [at_s - closed for (_, at_s), closed in zip(seen, closed_s, strict=True)]
    previews = [
        row.preview_s - closed for (row, _), closed in zip(seen, closed_s, strict=True) if row.preview_s
    ]
    grows_s = (lags[-1] - lags[0]) / max(1, len(lags) - 1)
    beside = bench.beside(peers.HALF, peers.DARKTABLE)
    shoot = f"{len(frames)} frames, one every {bench.interval_s:g} s"
    return [
        Figure("pace", "slowest preview", max(previews), beside, 1.0, note=shoot),
        Figure("pace", "lag of the first proposal", lags[0], beside, _WANTED_S),
        Figure(
            "pace",
            "lag of the last proposal",
            lags[-1],
            beside,
            _WANTED_S,
            note=f"grows by {grows_s:+.2f} s a frame",
        ),
        Figure(
            "pace",
            "seconds a frame, sustained",
            max(bench.interval_s + grows_s, 0.0),
            beside,
            bench.interval_s,
            note="the interval, where proposals keep up",
        ),
    ]
