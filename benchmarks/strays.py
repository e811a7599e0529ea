"""How well stray hairs before plain backdrops are found and taken away, by hair colour and backdrop.

Strays are rendered strand by strand around heads whose hair has none (``benchmarks/hair.py``); the picture
without them is the truth, and is searched for false finds. Everything goes through the reading, the edit's
own plan and render, and the guard. ``docs/healing.md`` explains the values.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks import hair, sets
from benchmarks.backdrops import View
from benchmarks.bench import Bench
from benchmarks.composites import BACKDROPS, dressed, placed, sitter
from benchmarks.figures import Score, Value
from benchmarks.hair import Floats, Head
from studio_pipeline import subject
from studio_pipeline.edits.tame_flyaways import TAME_FLYAWAYS, TameFlyawaysParams
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.guards.flyaways import Flyaways
from studio_pipeline.pipeline.stages import rendered
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import Frame, clipped_in_file
from studio_pipeline.pixels.loose import body
from studio_pipeline.pixels.masks import Mask, Zone, grow, inside
from studio_pipeline.pixels.metrics import delta_e2000
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.strands import StrandPlan, strokes_on
from studio_pipeline.subject.reading import Reading

OURS, ALL = "ours", "all"
FOUND, FALSE, TRUE = 70.0, 1.0, 1.0
"""Goals: per cent of the length that may be written, items a picture, median ΔE2000 over that of grain."""
PLAIN = ("light", "grey", "dark", "colour")
_EXTENT = Extent(1200, 960)
_FACE = (0.16, 0.2)  # of the height
_COVERED = 0.15  # coverage from which a pixel of a stray counts
_SEEN = 3.0  # ΔE2000 to the backdrop from which a stray can be seen at all
_SEED = 23


@dataclass(frozen=True, eq=False)
class Strays:
    """``stray`` ``(h, w)``: coverage by strays; ``other``: by the person and the hair that stays."""

    groups: tuple[str, ...]
    frame: Frame
    clean: Frame
    stray: Floats
    other: Floats
    head: Head


@dataclass(frozen=True)
class Judged:
    """One picture. ``visible``: pixels of strays that can be seen; ``told``: of those that may be written,
    ``healed``: of those in strokes. ``before`` and ``after``: CIEDE2000 of these two to the truth; ``grain``:
    what other grain alone makes. ``body_px``, ``locked_px``: changed pixels of the true body, of locked ones.
    """

    groups: tuple[str, ...]
    refused: bool
    told: int
    healed: int
    visible: int
    false: int
    ends: int
    before: NDArray[np.float32]
    grain: NDArray[np.float32]
    after: NDArray[np.float32]
    body_px: int
    locked_px: int
    failed: int
    seconds: float


def strays(colour: str, backdrop: str, noise: str, number: int, extent: Extent = _EXTENT) -> Strays:
    """The demo's sitter with hair of a colour, with a dozen or two strays and without."""
    rng = np.random.default_rng([_SEED, number])
    shape = (extent.height, extent.width)
    view = View.of(*shape, number)
    light, coverage, head = placed(sitter(), 3 + number % 6, extent, rng, _FACE)
    coverage, light = dressed(light, coverage, hair.render("sleek", colour, head, shape, rng))
    loose = hair.render("strays", colour, head, shape, rng)
    behind = BACKDROPS[backdrop](view)
    clean = behind * (1 - coverage[..., None]) + light
    under = behind * (1 - loose.coverage[..., None]) + loose.light
    full = under * (1 - coverage[..., None]) + light
    frames = []
    for picture in (full, clean):
        sets.put_noise(picture, noise, View.of(*shape, number))
        codes = sets.srgb16(picture)
        frames.append(Frame(codes, color.named("sRGB"), clipped_in_file(codes)))
    named = (ALL, f"hair: {colour}", f"backdrop: {backdrop}", f"noise: ISO {noise}")
    return Strays(named, frames[0], frames[1], loose.coverage * (1 - coverage), coverage, head)


def measure(bench: Bench) -> Iterator[Score]:
    """A row for all, for hair colours, backdrops and noise."""
    results, number = list[Judged](), 0
    for backdrop in PLAIN:
        for colour in hair.COLOURS:
            made = strays(colour, backdrop, sets.NOISY[number % len(sets.NOISY)], number)
            number += 1
            if not bench.only or set(bench.only) & set(made.groups):
                results.append(judged(made))
    yield from rows(results)


def planned(frame: Frame, reading: Reading) -> Plan:
    """The plan with every strand switched on."""
    return TAME_FLYAWAYS.plan(frame, reading, TameFlyawaysParams(), seed=0).without(())


def read(frame: Frame) -> Reading:
    return subject.read_subject(frame, frame.extent)


def judged(made: Strays) -> Judged:
    reading = read(made.frame)
    started = time.perf_counter()
    plan = planned(made.frame, reading)
    seconds = time.perf_counter() - started
    after, finished = rendered((plan,), made.frame, reading)
    figures = Flyaways().check(finished, GuardLimits(), lambda *_: 0)
    apart = [distance(codes, made) for codes in (made.frame.codes, after)]
    visible = (made.stray > _COVERED) & (made.other < 0.02) & (apart[0] > _SEEN)
    may = inside(reading.zones, Zone.BACKDROP, Zone.EDGE) & ~body(reading.matte)
    told = visible & may
    healed = told & _covered(plan, made.frame)
    changed = (after != made.frame.codes).any(axis=2)
    return Judged(
        made.groups,
        not plan.changes,
        int(told.sum()),
        int(healed.sum()),
        int(visible.sum()),
        *false_finds(made),
        apart[0][told],
        _grain(made)[healed],
        apart[1][healed],
        int((changed & hair_body(made)).sum()),
        int((changed & ~inside(reading.zones, Zone.BACKDROP, Zone.EDGE)).sum()),
        sum(not figure.passed for figure in figures),
        seconds,
    )


def false_finds(made: Strays) -> tuple[int, int]:
    """Items of the picture without any stray: those with no hair under them; and the ends of locks, single
    strands that the style itself lets out.
    """
    plan = planned(made.clean, read(made.clean))
    hairy = grow(made.other > _COVERED / 2, 2)
    false = 0
    for item in plan.items:
        own = [s for s in StrandPlan.model_validate(plan.body).strands if s.item == item.id and s.offset]
        at = np.rint(np.concatenate([np.array(strand.points) for strand in own])).astype(int)
        false += bool(hairy[at[:, 0], at[:, 1]].mean() < 0.5)
    return false, len(plan.items) - false


def hair_body(made: Strays) -> Mask:
    """The true person and hair without what is thin, and a pixel around."""
    opaque: Mask = made.other > 0.5
    return grow(grow(grow(opaque, -2), 2), 1)


def distance(codes: Codes, made: Strays) -> NDArray[np.float32]:
    return delta_e2000(made.frame.encoding.decode(codes), made.clean.linear())


def _grain(made: Strays) -> NDArray[np.float32]:
    """How far the truth is from itself some pixels on: what other grain of the same backdrop is off by."""
    linear = made.clean.linear()
    return delta_e2000(linear, np.asarray(np.roll(linear, (9, 5), (0, 1)), np.float32))


def _covered(plan: Plan, frame: Frame) -> Mask:
    out = np.zeros((frame.extent.height, frame.extent.width), np.bool_)
    for stroke in strokes_on(plan, frame.scale):
        part: Roi = stroke.roi & frame.roi
        out[part.within(frame.roi)] |= stroke.mask(part)
    return out


def rows(results: Sequence[Judged]) -> list[Score]:
    levels = [[one.groups[level] for one in results] for level in range(4)]
    names = dict.fromkeys(name for level in levels for name in level)
    return [_row(name, [one for one in results if name in one.groups]) for name in names]


def _row(name: str, results: Sequence[Judged]) -> Score:
    told, healed = (sum(getattr(one, key) for one in results) for key in ("told", "healed"))
    visible = sum(one.visible for one in results)
    before = np.concatenate([one.before for one in results])
    grain = np.concatenate([one.grain for one in results])
    after = np.concatenate([one.after for one in results])
    values: dict[str, Value] = {
        "found %": 100 * healed / max(1, told),
        "of all %": 100 * healed / max(1, visible),
        "false": float(np.mean([one.false for one in results])),
        "ends": float(np.mean([one.ends for one in results])),
        "ΔE before": float(np.median(before)) if len(before) else float("nan"),
        "grain ΔE": float(np.median(grain)) if len(grain) else float("nan"),
        "ΔE": float(np.median(after)) if len(after) else float("nan"),
        "ΔE 95%": float(np.quantile(after, 0.95)) if len(after) else float("nan"),
        "body px": float(sum(one.body_px for one in results)),
        "locked px": float(sum(one.locked_px for one in results)),
        "refused": float(sum(one.refused for one in results)),
        "failed": float(sum(one.failed for one in results)),
    }
    goals = {
        "found": values["found %"] >= FOUND,  # type: ignore[operator]
        "false": values["false"] <= FALSE,  # type: ignore[operator]
        "kept": values["body px"] == 0 and values["locked px"] == 0,
    }
    if len(after):
        goals["truth"] = values["ΔE"] <= values["grain ΔE"] + TRUE  # type: ignore[operator]
    seconds = float(np.median([one.seconds for one in results]))
    return Score("strays", f"{name} ({len(results)})", OURS, values, seconds, goals)
