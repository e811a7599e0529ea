"""How well blemishes on skin are found and healed, and lasting marks left, by skin tone.

Flaws are put on real faces and on the demo's sitter (`benchmarks/blemished.py`); the pictures without them
are the truth, and are searched for false finds. Everything goes through the edit's own plan and render, and
the guards look at it. `docs/healing.md` explains the values.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks import blemished
from benchmarks.bench import Bench
from benchmarks.blemished import BLEMISHES, Blemished, Face, Flaw
from benchmarks.figures import Score, Value
from studio_pipeline.edits.heal_skin import HEAL_SKIN, HealSkinParams
from studio_pipeline.guards.retouch import Retouch
from studio_pipeline.pipeline.stages import rendered
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.metrics import delta_e2000
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.retouch import LASTING, SkinPlan, SkinSpot
from studio_pipeline.records.spots import Round

Floats = NDArray[np.float32]
Groups = tuple[str, ...]

OURS, ALL = "ours", "all"
FOUND, FALSE, TRUE, TEXTURE, SPREAD = 90.0, 1.0, 2.0, (0.9, 1.1), 3.0
"""Goals: per cent, a face, ΔE2000, energy over that around, points below the best tone."""
_CONTRASTS = (4.0, 6.0, 9.0, 12.0)
_RADII = (0.6, 0.9, 1.25)  # per cent of the face's height


@dataclass(frozen=True)
class Put:
    """One flaw that was put in. ``offered``: the plan has it as a blemish; ``listed``: as a lasting mark.

    ``seen``: as a blemish, offered or left because no heal of it is within the limits.
    ``apart``: mean CIEDE2000 between what was healed and the truth over the flaw; NaN where it was not.
    """

    groups: Groups
    kind: str
    offered: bool
    seen: bool
    listed: bool
    apart: float


@dataclass(frozen=True)
class Looked:
    """One picture. ``false``: blemishes that the clean one has for the plan, NaN where not looked for again.

    ``stray``: pixels that differ outside the healed discs. ``failed``: figures of guards out of limits.
    """

    groups: Groups
    false: float
    texture: float
    stray: int
    failed: int
    seconds: float


def measure(bench: Bench) -> Iterator[Score]:
    """A row for all, for the tones, the people, and the flaws by kind, contrast and size."""
    put, looked, pigment = list[Put](), list[Looked](), dict[tuple[str, int], dict[int, float]]()
    for face in blemished.faces(tuple(bench.chosen(blemished.SCORED))):
        named = (ALL, _tone(face.tone), face.name)
        for draw in range(bench.heal_draws):
            made = blemished.blemished(face, draw, amounts=pigment.get((face.name, draw)))
            if bench.same_pigment and not face.tone:  # it comes first, and the other tones get what it got
                pigment[face.name, draw] = {flaw.number: flaw.amount for flaw in made.flaws}
            results, picture = judged(made, named, clean_too=draw == 0)
            put += results
            looked.append(picture)
    yield from rows(put, looked)


def _tone(tone: int) -> str:
    return f"tone {tone}" if tone else "as photographed"


def planned(frame: Frame, face: Face) -> Plan:
    """The plan with every blemish switched on and every lasting mark locked."""
    plan = HEAL_SKIN.plan(frame, face.reading, HealSkinParams(), seed=0)
    return plan.without([item.id for item in plan.items if item.kind == LASTING])


def judged(made: Blemished, named: Groups, clean_too: bool = True) -> tuple[list[Put], Looked]:
    started = time.perf_counter()
    plan = planned(made.frame, made.face)
    seconds = time.perf_counter() - started
    after, finished = rendered((plan,), made.frame, made.face.reading)
    figures = Retouch().check(finished, GuardLimits(), lambda *_: 0)
    body = SkinPlan.model_validate(plan.body)
    apart = distance(after, made)
    put = [_put(flaw, body, made.face, named, apart) for flaw in made.flaws]
    false = float("nan")
    if clean_too:
        false = float(len(planned(made.clean, made.face).on))
    texture = next((g.value for g in figures if g.name == "spot_texture"), 1.0)
    failed = sum(not figure.passed for figure in figures)
    return put, Looked(named, false, texture, _stray(made, after, body.on(plan.off)), failed, seconds)


def distance(after: Codes, made: Blemished) -> Floats:
    return delta_e2000(made.frame.encoding.decode(after), made.clean.linear())


def _put(flaw: Flaw, body: SkinPlan, face: Face, named: Groups, apart: Floats) -> Put:
    here = [spot for spot in body.spots if _is_at(spot, flaw)]
    offered = any(not spot.mark for spot in here)
    seen = offered or any(not one.mark for one in body.left if _is_at(one, flaw))
    if flaw.kind in BLEMISHES:
        size = 100 * flaw.radius_px / face.height_px
        more = (
            f"kind: {flaw.kind}",
            _band("contrast", flaw.contrast, _CONTRASTS, " ΔE"),
            _band("radius", size, _RADII, "%"),
        )
    else:
        more = (f"mark: {flaw.kind}",)
    distance = float(apart[flaw.disc(apart.shape)].mean()) if offered else float("nan")
    return Put((*named, *more), flaw.kind, offered, seen, any(spot.mark for spot in here), distance)


def _is_at(spot: Round, flaw: Flaw) -> bool:
    return float(np.hypot(spot.centre.y - flaw.y, spot.centre.x - flaw.x)) < max(2, 0.6 * flaw.radius_px)


def _band(word: str, value: float, edges: Sequence[float], unit: str) -> str:
    k = int(np.searchsorted(edges, value, side="right"))
    if k == 0 or (k == len(edges) and value > edges[-1]):
        return f"{word} {'from' if k else 'to'} {edges[k and -1]:g}{unit}"
    k = min(k, len(edges) - 1)
    return f"{word} {edges[k - 1]:g}-{edges[k]:g}{unit}"


def _stray(made: Blemished, after: Codes, healed: Sequence[SkinSpot]) -> int:
    allowed = np.zeros(after.shape[:2], np.bool_)
    for spot in healed:
        window = spot.disc(1.0).roi & made.frame.roi
        allowed[window.within(made.frame.roi)] |= spot.disc(1.0).mask(window)
    return int(np.count_nonzero((after != made.frame.codes).any(axis=2) & ~allowed))


def rows(put: Sequence[Put], looked: Sequence[Looked]) -> list[Score]:
    """A row for each group, in the order of their first appearance by kind of group."""
    names = dict.fromkeys(name for level in range(6) for one in put for name in one.groups[level : level + 1])
    ordered = sorted(names, key=_order)
    best = max((_found(put, name) for name in ordered if name.startswith("tone")), default=float("nan"))
    return [_row(name, put, looked, best) for name in ordered]


def _order(name: str) -> tuple[int, int, str]:
    first = (ALL, "as photographed", "tone", "kind", "contrast", "radius", "mark")
    level = next((k for k, word in enumerate(first) if name.startswith(word)), len(first))
    number = name.split()[-1]
    return level, int(number) if number.isdigit() else 0, name


def _found(put: Sequence[Put], name: str) -> float:
    offered = [one.offered for one in put if name in one.groups and one.kind in BLEMISHES]
    return 100 * float(np.mean(offered)) if offered else float("nan")


def _row(name: str, put: Sequence[Put], looked: Sequence[Looked], best: float) -> Score:
    blemishes = [one for one in put if name in one.groups and one.kind in BLEMISHES]
    marks = [one for one in put if name in one.groups and one.kind not in BLEMISHES]
    pictures = [one for one in looked if name in one.groups]
    apart = np.array([one.apart for one in blemishes if one.offered])
    false = [one.false for one in pictures if not np.isnan(one.false)]
    values: dict[str, Value] = {
        "found %": _found(put, name),
        "seen %": 100 * float(np.mean([one.seen for one in blemishes])) if blemishes else float("nan"),
        "false": float(np.mean(false)) if false else float("nan"),
        "ΔE": float(np.median(apart)) if len(apart) else float("nan"),
        "ΔE 95%": float(np.quantile(apart, 0.95)) if len(apart) else float("nan"),
        "texture": float(np.median([one.texture for one in pictures])) if pictures else float("nan"),
        "marks healed": float(sum(one.offered for one in marks)),
        "marks": float(len(marks)),
        "stray px": float(sum(one.stray for one in pictures)),
        "failed": float(sum(one.failed for one in pictures)),
    }
    return Score(
        "healing", f"{name} ({len(blemishes)})", OURS, values, _seconds(pictures), _goals(name, values, best)
    )


def _seconds(pictures: Sequence[Looked]) -> float:
    return float(np.median([one.seconds for one in pictures])) if pictures else 0.0


def _goals(name: str, values: dict[str, Value], best: float) -> dict[str, bool]:
    """Those that a row has figures for."""
    v = {key: value for key, value in values.items() if isinstance(value, float) and not np.isnan(value)}
    goals = {"marks": v["marks healed"] == 0}
    if "found %" in v:
        goals["found"] = v["found %"] >= FOUND
        if name.startswith("tone"):
            goals["even"] = v["found %"] >= best - SPREAD
    if "false" in v:
        goals["false"] = v["false"] <= FALSE
        goals["texture"] = TEXTURE[0] <= v["texture"] <= TEXTURE[1]
        goals["kept"] = v["stray px"] == 0
    if "ΔE" in v:
        goals["truth"] = v["ΔE"] <= TRUE
    return goals
