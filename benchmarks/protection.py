"""How well people are protected: zones and matte on composites whose coverage is known exactly.

Half are real portraits' cores (where STUDIO_TEST_PICTURES names a folder), half the demo's sitter, all with
rendered hair, in ten skin tones, before eleven backdrops, at three noise levels. Then the demo's own frames,
which are ordinary ones and should not be refused. `docs/protection.md` explains the values.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import sets
from benchmarks.backdrops import View
from benchmarks.bench import Bench
from benchmarks.composites import Composite, Wanted, composites, wanted
from benchmarks.figures import Score, Value
from benchmarks.matting_sheets import write_sheets
from studio_pipeline import subject
from studio_pipeline.demo import scene
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color
from studio_pipeline.pixels.frame import Frame, clipped_in_file
from studio_pipeline.pixels.masks import Mask, Zone, grow
from studio_pipeline.subject.reading import Reading

Floats = NDArray[np.float32]

OURS, PEER = "ours", "mediapipe + guided filter"
ALL, DEMO = "all", "demo's frames"
LEAKED, NEEDLESS, MATTE, REFUSED, SPREAD = 0.1, 2.0, 0.5, 3.0, 3.0
"""Goals: per cent, per cent, times the peer's, per cent, points below the best group."""
_PERSON = 0.05  # coverage from which a pixel is the person's
_FAR = 0.015  # of the long edge
_BAND_PX = 0.004  # of the long edge, around what is partly covered
_FEWEST = 5
_DEMO_EXTENT = Extent(720, 1080)


@dataclass(frozen=True)
class Result:
    """One picture. Pixels are counted: of the ``person``, ``leaked`` of those, ``far`` from her, ``needless``
    of those. ``matte`` and ``peer``: mean absolute errors of coverage in the band. NaN where refused.
    """

    groups: tuple[str, ...]
    refused: bool
    person: int
    leaked: int
    far: int
    needless: int
    matte: float
    peer: float
    seconds: float


def measure(bench: Bench) -> Iterator[Score]:
    """A row for all, one for each kind, tone, hair, backdrop and noise, and one for the demo's frames."""
    chosen = [one for one in wanted(bench.composites) if not bench.only or set(bench.only) & set(groups(one))]
    results, kept = [], []
    for made in composites(chosen, bench.composite_scale):
        reading, seconds = read(made.codes)
        results.append(judged(made, reading, seconds))
        if bench.sheets is not None:
            kept.append((results[-1], made, reading))
    if bench.sheets is not None:
        write_sheets(bench.sheets, sorted(kept, key=lambda one: -one[0].leaked))
    yield from rows(results)
    yield from spreads(results)
    if bench.demo_frames and (not bench.only or DEMO in bench.only):
        yield _row(DEMO, [_demo(number) for number in range(bench.demo_frames)])


def groups(one: Wanted) -> tuple[str, ...]:
    """The rows that a composite counts in, the general ones first."""
    return (
        ALL,
        one.kind,
        f"tone {one.tone}",
        f"hair: {one.group}",
        f"backdrop: {one.backdrop}",
        f"noise: ISO {one.noise}",
    )


def read(codes: NDArray[np.uint16]) -> tuple[Reading, float]:
    """The reading of a picture at its own size, and the seconds it took."""
    frame = Frame(codes, color.named("sRGB"), clipped_in_file(codes))
    started = time.perf_counter()
    reading = subject.read_subject(frame, frame.extent)
    return reading, time.perf_counter() - started


def judged(made: Composite, reading: Reading, seconds: float) -> Result:
    """A reading beside the truth."""
    return _judged(groups(made.wanted), made.codes, made.coverage, reading, seconds)


def _judged(
    named: tuple[str, ...], codes: NDArray[np.uint16], coverage: Floats, reading: Reading, seconds: float
) -> Result:
    person = coverage > _PERSON
    free = reading.zones == Zone.BACKDROP
    far = far_from(person)
    refused = not reading.record.sure or reading.record.kind != "portrait"
    band = unknown_band(coverage)
    return Result(
        named,
        refused,
        int(person.sum()),
        int((person & free).sum()),
        0 if refused else int(far.sum()),
        0 if refused else int((far & ~free).sum()),
        float("nan") if refused else _error(reading.matte.astype(np.float32) / 255, coverage, band),
        float("nan") if refused else _error(guided_mediapipe(codes), coverage, band),
        seconds,
    )


def far_from(person: Mask) -> Mask:
    """What lies farther from anybody than an edge may reach."""
    return ~grow(person, round(_FAR * max(person.shape)))


def unknown_band(coverage: Floats) -> Mask:
    """Where coverage is partial, and a little around."""
    return grow((coverage > 0.02) & (coverage < 0.98), max(2, round(_BAND_PX * max(coverage.shape))))


def guided_mediapipe(codes: NDArray[np.uint16]) -> Floats:
    """The peer: mediapipe's person map of the whole picture, laid on its edges by the guided filter."""
    from studio_pipeline.subject.detectors import shared

    picture = np.ascontiguousarray((codes // 257).astype(np.uint8))
    rough = shared().person(picture)["general"]
    guide = picture.astype(np.float32) / np.float32(255)
    radius = max(2, round(0.012 * max(picture.shape)))
    return np.clip(cv2.ximgproc.guidedFilter(guide, rough, radius, 1e-4), 0, 1)


def _error(matte: Floats, coverage: Floats, band: Mask) -> float:
    return float(np.abs(matte[band] - coverage[band]).mean()) if band.any() else 0.0


def rows(results: Sequence[Result]) -> list[Score]:
    """One for each group, in the order of their names' first appearance by kind of group."""
    names = dict.fromkeys(
        name for level in range(6) for name in sorted({r.groups[level] for r in results}, key=_order)
    )
    made = {name: [r for r in results if name in r.groups] for name in names}
    return [_row(name, some) for name, some in made.items()]


def spreads(results: Sequence[Result]) -> Iterator[Score]:
    """How far the worst tone and the worst hair are from the best, in points of each value.

    Groups of fewer than ``_FEWEST`` pictures say more of those than of the group.
    """
    for level, kind in ((2, "tones"), (3, "kinds of hair")):
        names = sorted({r.groups[level] for r in results})
        groups = [[r for r in results if r.groups[level] == name] for name in names]
        values = [_row("", some).values for some in groups if len(some) >= _FEWEST]
        if len(values) < 2:
            continue
        apart: dict[str, Value] = {
            what: round(unit * (max(found) - min(found)), 6)
            for what, unit in (("leaked %", 1.0), ("needless %", 1.0), ("matte", 100.0), ("refused %", 1.0))
            for found in [[float(one[what]) for one in values]]  # type: ignore[arg-type]
        }
        goals = {f"{what} apart": float(points) <= SPREAD for what, points in apart.items()}  # type: ignore[arg-type]
        yield Score("protection", f"between {kind} ({len(values)})", OURS, apart, 0.0, goals)


def _order(name: str) -> tuple[str, int]:
    word = name.split()[-1]
    return (name.rstrip("0123456789"), int(word) if word.isdigit() else 0)


def _leaked(results: Sequence[Result]) -> float:
    return 100 * sum(r.leaked for r in results) / max(1, sum(r.person for r in results))


def _needless(results: Sequence[Result]) -> float:
    return 100 * sum(r.needless for r in results) / max(1, sum(r.far for r in results))


def _row(name: str, results: Sequence[Result]) -> Score:
    read_ones = [r for r in results if not r.refused]
    refused = 100 * (len(results) - len(read_ones)) / max(1, len(results))
    matte, peer = (
        float(np.mean([getattr(r, what) for r in read_ones])) if read_ones else float("nan")
        for what in ("matte", "peer")
    )
    values: dict[str, Value] = {
        "leaked %": _leaked(results),
        "worst": max((100 * r.leaked / max(1, r.person) for r in results), default=0.0),
        "needless %": _needless(results),
        "matte": matte,
        "× peer": matte / peer if peer else float("nan"),
        "refused %": refused,
    }
    goals = {
        "leaked": _leaked(results) <= LEAKED,
        "needless": _needless(results) <= NEEDLESS,
        "matte": bool(matte <= MATTE * peer),
        "refused": refused <= REFUSED,
    }
    seconds = float(np.median([r.seconds for r in results])) if results else 0.0
    return Score("protection", f"{name} ({len(results)})", OURS, values, seconds, goals)


def _demo(number: int) -> Result:
    """An ordinary frame of the demo's shoot: she, the camera and the light a little otherwise each time."""
    rng = np.random.default_rng([7, number])
    stand = float(rng.uniform(0.9, 0.97)) if rng.random() < 0.2 else None
    wanted_scene = scene.Scene(
        pan=float(rng.uniform(-0.05, 0.17)),
        centre_x=float(rng.uniform(0.4, 0.65)),
        size=float(rng.uniform(1.4, 2.0)),
        exposure_ev=float(rng.uniform(-0.5, 0.3)),
        stand_x=stand,
    )
    light, coverage = scene.render(wanted_scene, _DEMO_EXTENT, seed=number % 7)
    sets.put_noise(light, sets.NOISY[number % 3], View.of(_DEMO_EXTENT.height, _DEMO_EXTENT.width, number))
    codes = sets.srgb16(light)
    reading, seconds = read(codes)
    return _judged((DEMO,), codes, coverage, reading, seconds)
