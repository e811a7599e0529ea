"""A lone frame: file closed to preview on the page, and to proposal."""

from __future__ import annotations

import statistics

from benchmarks import peers
from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.shooting import shooting

_PREVIEW_WANTED_S, _PROPOSAL_WANTED_S = 1.0, 6.0


def measure(bench: Bench) -> list[Figure]:
    """Medians over ``bench.runs`` frames, each brought in after the one before was done."""
    previews, proposals = [], []
    with shooting(bench.folder() / "session", bench.frames[0]) as studio:
        for number, raw in enumerate(bench.frames[1 : 1 + bench.runs]):
            closed_s = studio.tether(raw, f"LONE_{number}")
            seen, proposed_s = studio.proposed(f"LONE_{number}")
            assert seen.preview_s is not None
            previews.append(seen.preview_s - closed_s)
            proposals.append(proposed_s - closed_s)
    beside = bench.beside(peers.HALF, peers.DARKTABLE)
    note = f"median of {len(previews)}, worst "
    return [
        Figure(
            "arrival",
            "file closed to preview on the page",
            statistics.median(previews),
            beside,
            _PREVIEW_WANTED_S,
            note=f"{note}{max(previews):.2f}",
        ),
        Figure(
            "arrival",
            "file closed to proposal",
            statistics.median(proposals),
            beside,
            _PROPOSAL_WANTED_S,
            note=f"{note}{max(proposals):.2f}",
        ),
    ]
