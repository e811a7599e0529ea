"""What was measured: rows of a table, and the same as JSON."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from studio_pipeline.terminal import print_table


@dataclass(frozen=True)
class Figure:
    """One measured time. ``beside``: what named peers took for their part of it in the same run, seconds.

    ``wanted_s`` is the aim, never a limit that fails a run. ``memory_mb``: the worker's peak resident set.
    """

    part: str
    what: str
    seconds: float
    beside: dict[str, float] = field(default_factory=dict)
    wanted_s: float | None = None
    memory_mb: float | None = None
    note: str = ""

    @property
    def ratios(self) -> dict[str, float]:
        return {peer: self.seconds / seconds for peer, seconds in self.beside.items() if seconds > 0}


@dataclass(frozen=True)
class Score:
    """How near an extension came to what was really there; see ``scores``. Medians over ``pictures``."""

    part: str
    pictures: str
    method: str
    low_frequency_error: float
    texture: tuple[float, ...]
    seam: float
    seconds: float
    note: str = ""


@dataclass
class Report:
    """Everything of one run."""

    machine: dict[str, Any]
    figures: list[Figure] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        figures = [asdict(f) | {"ratios": f.ratios} for f in self.figures]
        return {"machine": self.machine, "figures": figures, "scores": [asdict(s) for s in self.scores]}

    def show(self) -> None:
        print(", ".join(f"{key} {value}" for key, value in self.machine.items()))
        if self.figures:
            print_table(
                ["part", "what", "s", "wanted", "MB", "beside peers", "note"], list(map(_row, self.figures))
            )
        if self.scores:
            header = ["part", "pictures", "method", "lf error", "texture by octave", "seam", "s", "note"]
            print_table(header, list(map(_score_row, self.scores)))


def machine() -> dict[str, Any]:
    """What figures mean nothing without."""
    import psutil

    from studio_pipeline.versions import deciding_versions

    return {
        "date": datetime.now(UTC).date().isoformat(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "load_before": load(),
        **deciding_versions(),
    }


def load() -> float:
    """The mean number of busy programs over the last minute; what else runs makes every figure worse."""
    import psutil

    return round(psutil.getloadavg()[0], 1)


def timed(call: Callable[[], object], runs: int) -> float:
    """Median seconds of a call."""
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - not a path of ours
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown"


def _row(figure: Figure) -> list[str]:
    return [
        figure.part,
        figure.what,
        f"{figure.seconds:.2f}" if figure.seconds >= 0.1 else f"{figure.seconds:.4f}",
        "" if figure.wanted_s is None else f"{figure.wanted_s:g}",
        "" if figure.memory_mb is None else f"{figure.memory_mb:.0f}",
        ", ".join(f"{ratio:.2f} × {peer}" for peer, ratio in figure.ratios.items()),
        figure.note,
    ]


def _score_row(score: Score) -> list[str]:
    return [
        score.part,
        score.pictures,
        score.method,
        f"{score.low_frequency_error:.2f}",
        " ".join(f"{ratio:.2f}" for ratio in score.texture),
        f"{score.seam:.2f}",
        f"{score.seconds:.2f}",
        score.note,
    ]
