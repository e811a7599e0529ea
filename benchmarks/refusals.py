"""Ordinary frames of the demo's set, no two alike, and how many are refused: none should be."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.bench import Bench
from benchmarks.figures import Score
from studio_pipeline.demo import scene
from studio_pipeline.demo.scene import Kind, Scene
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color
from studio_pipeline.pixels.frame import Frame, clipped_in_file
from studio_pipeline.subject import read_subject
from studio_pipeline.subject.reading import Reading

VARIATIONS = 300
MOST_REFUSED = 0.03
_EXTENTS = (Extent(684, 1024), Extent(1024, 684), Extent(768, 1024), Extent(1024, 1024))
_WANTED = {"portrait": "portrait", "empty": "empty-set", "card": "grey-card"}
_STREAM = 31
_TALLEST = 5.2  # her enlargement over the frame's format: her hair just below the upper border


def measure(bench: Bench) -> Iterator[Score]:
    """One row for each kind of frame: the share that was read as something else, and what was said then."""
    found: dict[str, list[str]] = {}
    seconds: dict[str, list[float]] = {}
    for number in range(VARIATIONS if bench.runs > 1 else VARIATIONS // 10):
        kind, picture = frame(number)
        started = time.perf_counter()
        record = read(picture).record
        seconds.setdefault(kind, []).append(time.perf_counter() - started)
        wrong = "" if record.kind == _WANTED[kind] else f"{number}: {record.reason or record.kind}"
        found.setdefault(kind, []).append(wrong)
    for kind, said in found.items():
        refused = [reason for reason in said if reason]
        share = len(refused) / len(said)
        yield Score(
            "refusals",
            kind,
            "",
            {"refused": share, "frames": float(len(said))},
            float(np.median(seconds[kind])),
            {"refused": share <= MOST_REFUSED},
            "; ".join(f"{count} times {reason}" for reason, count in Counter(refused).items()),
        )


def frame(number: int) -> tuple[Kind, NDArray[np.uint8]]:
    """The kind of that frame, and its picture, 8-bit sRGB; the same for the same number."""
    rng = np.random.default_rng([_STREAM, number])
    kind: Kind = "empty" if number % 10 == 8 else "card" if number % 10 == 9 else "portrait"
    extent = _EXTENTS[0 if kind == "card" else number % len(_EXTENTS)]
    shown = Scene(
        kind,
        pan=float(rng.uniform(-0.1, 0.15)),
        centre_x=float(rng.uniform(0.4, 0.66)),
        size=float(rng.uniform(1.2, min(4.0, _TALLEST * extent.height / extent.width))),
        exposure_ev=float(rng.uniform(-2, 0.4)),
        stand_x=float(rng.uniform(0.85, 0.97)) if rng.random() < 0.3 else None,
    )
    light, _ = scene.render(shown, extent, seed=number % 7)
    variance = light.clip(0) * np.float32(10 ** rng.uniform(-4.8, -3.4)) + np.float32(2e-7)
    light += rng.standard_normal(light.shape, np.float32) * np.sqrt(variance)
    return kind, np.asarray(color.named("sRGB").encode(np.clip(light, 0, 1), 8), np.uint8)


def read(picture: NDArray[np.uint8]) -> Reading:
    """As for a master of twice the size."""
    base = Frame(picture, color.named("sRGB"), clipped_in_file(picture), scale=0.5)
    return read_subject(base, Extent(2 * picture.shape[0], 2 * picture.shape[1]))
