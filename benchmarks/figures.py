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


Value = float | tuple[float, ...]


@dataclass(frozen=True)
class Score:
    """What a method's new area is like: medians over ``pictures``; `docs/extension.md` explains the values.

    ``goals``: which of the part's goals those values meet.
    """

    part: str
    pictures: str
    method: str
    values: dict[str, Value]
    seconds: float
    goals: dict[str, bool] = field(default_factory=dict)
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

    def show(self, markdown: bool = False) -> None:
        """The tables on stdout: aligned, or as Markdown to be put into a document."""
        put = _print_markdown if markdown else print_table
        print(", ".join(f"{key} {value}" for key, value in self.machine.items()))
        if self.figures:
            header = ["part", "what", "s", "wanted", "MB", "beside peers", "note"]
            put(header, [_row(figure) for figure in self.figures])
        for part in dict.fromkeys(score.part for score in self.scores):
            rows = [score for score in self.scores if score.part == part]
            names = list(dict.fromkeys(name for score in rows for name in score.values))
            header = [part, "method", *names, "goals met", "s", "note"]
            put(header, [_score_row(score, names) for score in rows])


def _print_markdown(header: list[str], rows: list[list[str]]) -> None:
    filled = [i for i in range(len(header)) if any(row[i] for row in rows)]
    print()
    for row in (header, ["---"] * len(header), *rows):
        print("| " + " | ".join(row[i].replace("|", "/") for i in filled) + " |")


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


def _score_row(score: Score, names: list[str]) -> list[str]:
    missed = [goal for goal, met in score.goals.items() if not met]
    met = f"{len(score.goals) - len(missed)} of {len(score.goals)}"
    return [
        score.pictures,
        score.method,
        *(_shown(score.values.get(name)) for name in names),
        (met + (f", not {', '.join(missed)}" if missed else "")) if score.goals else "",
        f"{score.seconds:.2f}" if score.seconds else "",
        score.note,
    ]


def _shown(value: Value | None) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(map(_shown, value))
    return "–" if value != value else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
