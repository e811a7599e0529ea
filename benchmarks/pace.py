"""A shoot: a frame every few seconds, and whether proposals keep up; all at once, and what a frame takes."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks import peers
from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.shooting import shooting

_PREVIEW_WANTED_S, _PROPOSAL_WANTED_S = 1.0, 6.0


@dataclass(frozen=True)
class _Shoot:
    """For each frame in order, seconds of one clock."""

    closed_s: list[float]
    previewed_s: list[float]
    proposed_s: list[float]

    @property
    def lags_s(self) -> list[float]:
        """File closed to proposal."""
        return [done - closed for done, closed in zip(self.proposed_s, self.closed_s, strict=True)]

    @property
    def slowest_preview_s(self) -> float:
        return max(seen - closed for seen, closed in zip(self.previewed_s, self.closed_s, strict=True))


def measure(bench: Bench) -> list[Figure]:
    """Lags of a shoot's first and last proposal, and what a frame takes when they lie in a heap."""
    even, heap = _shoot(bench, bench.interval_s), _shoot(bench, 0.0)
    count, lags = len(even.lags_s), even.lags_s
    grows_s = (lags[-1] - lags[0]) / max(1, count - 1)
    each_s = (max(heap.proposed_s) - heap.closed_s[0]) / count
    beside = bench.beside(peers.HALF, peers.DARKTABLE)
    shoot = f"{count} frames, one every {bench.interval_s:g} s"
    return [
        Figure("pace", "slowest preview", even.slowest_preview_s, beside, _PREVIEW_WANTED_S, note=shoot),
        Figure("pace", "lag of the first proposal", lags[0], beside, _PROPOSAL_WANTED_S),
        Figure(
            "pace",
            "lag of the last proposal",
            lags[-1],
            beside,
            _PROPOSAL_WANTED_S,
            note=f"grows by {grows_s:+.2f} s a frame, worst {max(lags):.2f}",
        ),
        Figure(
            "pace",
            "seconds a frame at full load",
            each_s,
            beside,
            bench.interval_s,
            note=f"{count} frames at once; their slowest preview {heap.slowest_preview_s:.2f} s",
        ),
    ]


def _shoot(bench: Bench, interval_s: float) -> _Shoot:
    """A session of its own; the warm-up frames are not counted."""
    frames = bench.frames[: bench.shoot]
    names = [f"SHOT_{number:02d}" for number in range(len(frames))]
    closed_s: list[float] = []
    with shooting(bench.folder() / "session", bench.warm_up) as studio:
        started_s = time.monotonic()
        for number, raw in enumerate(frames):
            time.sleep(max(0.0, started_s + number * interval_s - time.monotonic()))
            closed_s.append(studio.tether(raw, names[number]))
        seen = [studio.proposed(name) for name in names]
    return _Shoot(closed_s, [row.preview_s or at_s for row, at_s in seen], [at_s for _, at_s in seen])
