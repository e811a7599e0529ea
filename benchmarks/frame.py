"""A lone frame: file closed to preview on the page, to proposal; approved to its 16-bit TIFF."""

from __future__ import annotations

import statistics
import time

from benchmarks import peers
from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.memory import largest_worker
from benchmarks.shooting import Shooting, shooting
from studio_pipeline.pipeline.decide import Decisions
from studio_pipeline.pipeline.studio import utc_now

_PREVIEW_WANTED_S, _PROPOSAL_WANTED_S, _DELIVERY_WANTED_S = 1.0, 6.0, 12.0


def measure(bench: Bench) -> list[Figure]:
    """Medians over ``bench.runs`` frames, each brought in after the one before was delivered."""
    previews, proposals, deliveries, memory_mb = [], [], [], 0.0
    with shooting(bench.folder() / "session", bench.warm_up) as studio:
        for number, raw in enumerate(bench.frames[: bench.runs]):
            name = f"LONE_{number}"
            closed_s = studio.tether(raw, name)
            seen, proposed_s = studio.proposed(name)
            assert seen.preview_s is not None
            previews.append(seen.preview_s - closed_s)
            proposals.append(proposed_s - closed_s)
            with largest_worker() as samples_mb:
                deliveries.append(_deliver(studio, name))
            memory_mb = max(memory_mb, *samples_mb)
    half, full = bench.beside(peers.HALF, peers.DARKTABLE), bench.beside(peers.AHD, peers.DARKTABLE)
    return [
        _figure("file closed to preview on the page", previews, half, _PREVIEW_WANTED_S),
        _figure("file closed to proposal", proposals, half, _PROPOSAL_WANTED_S),
        _figure("approved to delivered 16-bit TIFF", deliveries, full, _DELIVERY_WANTED_S, memory_mb),
    ]


def _figure(
    what: str,
    seconds: list[float],
    beside: dict[str, float],
    wanted_s: float,
    memory_mb: float | None = None,
) -> Figure:
    note = f"median of {len(seconds)}, worst {max(seconds):.2f}"
    return Figure("frame", what, statistics.median(seconds), beside, wanted_s, memory_mb, note)


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
