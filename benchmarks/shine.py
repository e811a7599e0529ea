"""How ``reduce_shine`` keeps its limits, and how much of shine it takes, by skin tone.

White light is laid on the open skin of real faces, as specular light lies on top of the skin's own
(S. Shafer, "Using color to separate reflection components", 1985): on two places of each, beside the shine
that the picture has itself, in every tone as much brighter to the eye. The picture without it is the truth.
`docs/healing.md` explains the values.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import blemished
from benchmarks.bench import Bench
from benchmarks.blemished import Face, framed
from benchmarks.figures import Score, Value
from studio_pipeline import subject
from studio_pipeline.edits.reduce_shine import REDUCE_SHINE, ReduceShineParams
from studio_pipeline.guards.shine import ShineLimits
from studio_pipeline.pipeline.stages import rendered
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Zone, grow
from studio_pipeline.pixels.metrics import tone
from studio_pipeline.pixels.shine import chroma_shift
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.shine import CHROMA_MAX, TEXTURE, ShinePlan
from studio_pipeline.subject.reading import Reading

Floats = NDArray[np.float32]

OURS, ALL = "ours", "all"
_SEED, _PLACES = 43, 2
_SIGMA = (0.035, 0.06)  # of the face's height
_RISE = (8.0, 18.0)  # L* over the place, at the peak
_BRIGHTEST = 97.0  # L*
_CLEAR = 3.0  # L*: less is left by half, and that is not worth a person's look
_LOW = 0.02  # of the face's height: light without pores


@dataclass(frozen=True)
class Judged:
    """One picture. ``put``: places of shine that stand ``_CLEAR`` above the ceiling and are not clipped;
    ``offered``: those of them that are offered; ``burned``: places that are clipped.

    ``above``: for each that is offered how far (L*) its light, pores averaged out, stood above the ceiling,
    before and after; ``taken``: the share of the light put in that is gone. ``chroma``: CIEDE2000 at 99% of
    changed pixels, pores averaged out. ``brighter``: the most that light rose. ``stray``: pixels changed
    outside open skin.
    """

    groups: tuple[str, ...]
    put: int
    offered: int
    burned: int
    above: tuple[tuple[float, float], ...]
    taken: tuple[float, ...]
    chroma: float
    texture: float
    brighter: float
    stray: int
    failed: int
    seconds: float


def measure(bench: Bench) -> Iterator[Score]:
    """A row for all, for the tones, and for the people."""
    results = [
        judged(face, draw)
        for face in blemished.faces(tuple(bench.chosen(blemished.SCORED)))
        for draw in range(bench.heal_draws)
    ]
    yield from rows(results)


def shining(face: Face, draw: int) -> tuple[Floats, list[tuple[int, int]]]:
    """The light with shine put on, and where."""
    rng = np.random.default_rng([_SEED, draw])
    light, places = face.light.copy(), list[tuple[int, int]]()
    free = grow(face.healable, -round(0.09 * face.height_px))
    y, x = np.ogrid[: light.shape[0], : light.shape[1]]
    for _ in range(_PLACES):
        room = np.argwhere(free)
        sigma, rise = (float(rng.uniform(*span)) for span in (_SIGMA, _RISE))
        pick = float(rng.random())
        if not len(room):
            break
        cy, cx = (int(v) for v in room[int(pick * len(room))])
        away = (y - cy) ** 2 + (x - cx) ** 2
        here = _luminance(light[cy - 2 : cy + 3, cx - 2 : cx + 3])
        gloss = (_brighter(here, rise) - here) * np.exp(-away / (2 * (sigma * face.height_px) ** 2))
        light = np.clip(light + gloss[..., None], 0, 1).astype(np.float32)
        free &= away > (0.3 * face.height_px) ** 2
        places.append((cy, cx))
    return light, places


def _luminance(light: Floats) -> float:
    return float((light @ np.array([0.2126, 0.7152, 0.0722], np.float32)).mean())


def _brighter(luminance: float, rise: float) -> float:
    """The luminance ``rise`` L* above another."""
    lightness = 116 * np.cbrt(luminance) - 16 if luminance > 216 / 24389 else luminance * 24389 / 27
    lightness = max(lightness, min(lightness + rise, _BRIGHTEST))
    return float(((lightness + 16) / 116) ** 3 if lightness > 8 else lightness * 27 / 24389)


def planned(frame: Frame, reading: Reading) -> Plan:
    """The plan with every place switched on."""
    return REDUCE_SHINE.plan(frame, reading, ReduceShineParams(), seed=0).without(())


def read(frame: Frame) -> Reading:
    """Anew: where skin shines it is not open skin everywhere."""
    return subject.read_subject(frame, frame.extent)


def judged(face: Face, draw: int, read: Callable[[Frame], Reading] = read) -> Judged:
    light, places = shining(face, draw)
    frame = framed(light)
    reading = read(frame)
    started = time.perf_counter()
    plan = planned(frame, reading)
    seconds = time.perf_counter() - started
    after, finished = rendered((plan,), frame, reading)
    figures = {g.name: g for g in ShineLimits().check(finished, GuardLimits(), lambda *_: 0)}
    changed = (after != frame.codes).any(axis=2)
    before, made, truth = (
        _low(v, face) for v in (frame.linear(), frame.encoding.decode(after), _clean(face))
    )
    skin = reading.zones == Zone.HEALABLE
    ceiling = (
        float(np.median(tone(before)[skin if skin.any() else face.healable])) + ReduceShineParams().above
    )
    light_before, light_after, light_true = (tone(v) for v in (before, made, truth))
    burned = [(y, x) for y, x in places if frame.clipped[y - 2 : y + 3, x - 2 : x + 3].any()]
    places = [p for p in places if p not in burned and light_before[p] >= ceiling + _CLEAR]
    rois = [place.roi for place in ShinePlan.model_validate(plan.body).places]
    offered = [(y, x) for y, x in places if any(r.y0 <= y < r.y1 and r.x0 <= x < r.x1 for r in rois)]
    return Judged(
        (ALL, f"tone {face.tone}" if face.tone else "as photographed", face.name),
        len(places),
        len(offered),
        len(burned),
        tuple((float(light_before[p] - ceiling), float(light_after[p] - ceiling)) for p in offered),
        tuple(
            float((light_before[p] - light_after[p]) / max(1.0, light_before[p] - light_true[p]))
            for p in offered
        ),
        float(np.quantile(chroma_shift(before, made)[changed], 0.99)) if changed.any() else 0.0,
        figures["shine_texture"].value if figures else 1.0,
        figures["shine_brighter"].value if figures else 0.0,
        int(np.count_nonzero(changed & (reading.zones != Zone.HEALABLE))),
        sum(not figure.passed for figure in figures.values()),
        seconds,
    )


def _clean(face: Face) -> Linear:
    return framed(face.light).linear()


def _low(linear: Linear, face: Face) -> Linear:
    return np.asarray(cv2.GaussianBlur(linear, (0, 0), _LOW * face.height_px), np.float32)


def rows(results: Sequence[Judged]) -> list[Score]:
    levels = [[one.groups[level] for one in results] for level in range(3)]
    names = dict.fromkeys(name for level in levels for name in level)
    return [_row(name, [one for one in results if name in one.groups]) for name in names]


def _row(name: str, results: Sequence[Judged]) -> Score:
    put = sum(one.put for one in results)
    above = np.array([pair for one in results for pair in one.above]).reshape(-1, 2)
    taken = [share for one in results for share in one.taken]
    texture = [one.texture for one in results]
    chroma, brighter = max(one.chroma for one in results), max(one.brighter for one in results)
    values: dict[str, Value] = {
        "offered %": 100 * sum(one.offered for one in results) / put if put else float("nan"),
        "burned out": float(sum(one.burned for one in results)),
        "above L*": float(np.median(above[:, 0])) if len(above) else float("nan"),
        "then": float(np.median(above[:, 1])) if len(above) else float("nan"),
        "taken %": 100 * float(np.median(taken)) if taken else float("nan"),
        "chroma": chroma,
        "texture": float(np.median(texture)),
        "texture from": min(texture),
        "to": max(texture),
        "brighter L*": brighter,
        "stray px": float(sum(one.stray for one in results)),
        "failed": float(sum(one.failed for one in results)),
    }
    goals = {
        "chroma": chroma <= CHROMA_MAX,
        "texture": TEXTURE[0] <= min(texture) and max(texture) <= TEXTURE[1],
        "kept": values["stray px"] == 0,
        "guards": values["failed"] == 0,
    }
    seconds = float(np.median([one.seconds for one in results]))
    return Score("shine", f"{name} ({put})", OURS, values, seconds, goals)
