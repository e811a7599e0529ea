"""How well lint on the clothes of real people is found and healed, and that nothing else is touched.

Specks, fluff and short threads, light on dark cloth and dark on light, are put on real portraits and on the
demo's sitter: on what the plan holds for plain cloth, and on what it must leave (skin, hair, the rest). Lint
covers: a share of a pixel shows it and the rest the cloth, in linear light. The picture without lint is the
truth. ``docs/healing.md`` explains the values.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import blemished, cutouts
from benchmarks.bench import Bench
from benchmarks.blemished import framed, to_linear
from benchmarks.figures import Score, Value
from studio_pipeline import subject
from studio_pipeline.edits.heal_lint import HEAL_LINT, HealLintParams, below_faces, cloth_of
from studio_pipeline.guards.lint import Lint
from studio_pipeline.pipeline.stages import rendered
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, Zone, grow
from studio_pipeline.pixels.metrics import delta_e2000
from studio_pipeline.records.lint import LintPlan
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.spots import Spot
from studio_pipeline.subject.reading import Reading

Floats = NDArray[np.float32]

OURS, ALL = "ours", "all"
FOUND, FALSE, TRUE, TEXTURE = 90.0, 1.0, 2.0, (0.9, 1.1)
"""Goals: per cent, a picture, ΔE2000, energy over that around."""
KINDS = ("speck", "fluff", "thread")
_SEED = 31
_RADIUS = (0.006, 0.014)  # of the face's height, to where it ends
_LEAST_RADIUS_PX = 1.5
_CONTRAST = (6.0, 25.0)  # CIEDE2000 over the middle
_LIGHT, _DARK = np.array([0.78, 0.77, 0.74], np.float32), np.array([0.015, 0.015, 0.017], np.float32)


@dataclass(frozen=True)
class Speck:
    """One that was put in. ``contrast``: mean CIEDE2000 over its middle."""

    kind: str
    y: float
    x: float
    radius_px: float
    contrast: float

    def disc(self, shape: tuple[int, ...]) -> Mask:
        y, x = np.ogrid[: shape[0], : shape[1]]
        return np.asarray(np.hypot(y - self.y, x - self.x) <= max(1.0, self.radius_px), np.bool_)


@dataclass(frozen=True, eq=False)
class Linty:
    """``frame`` with lint, ``clean`` without it."""

    specks: tuple[Speck, ...]
    frame: Frame
    clean: Frame


@dataclass(frozen=True)
class Judged:
    """One picture. ``cloth``: share of the lock deep below the faces that is held for plain cloth.

    ``put``: for each speck on cloth its groups, whether it is offered, and the mean CIEDE2000 to the truth
    once healed. ``elsewhere``: specks put on what is no cloth, and how many of those are offered. ``false``:
    offered on the clean picture. ``stray``: pixels changed outside the discs, or outside the lock.
    """

    name: str
    cloth: float
    put: tuple[tuple[tuple[str, ...], bool, float], ...]
    elsewhere: int
    touched: int
    false: int
    texture: float
    stray: int
    failed: int
    seconds: float


def measure(bench: Bench) -> Iterator[Score]:
    """A row for all, for the kinds, contrasts and sizes of lint, and for the people."""
    results = []
    for name in bench.chosen((cutouts.SITTER, *cutouts.named_cutouts())):
        found = (blemished.sitter(),) if name == cutouts.SITTER else cutouts.portraits(name)
        if found:
            frame = framed(found[0].light)
            reading = subject.read_subject(frame, frame.extent)
            results += [judged(name, found[0].light, reading, draw) for draw in range(bench.heal_draws)]
    yield from rows(results)


def planned(frame: Frame, reading: Reading) -> Plan:
    """The plan with every speck switched on."""
    return HEAL_LINT.plan(frame, reading, HealLintParams(), seed=0).without(())


def judged(name: str, light: Floats, reading: Reading, draw: int) -> Judged:
    clean = framed(light)
    room, cloth = below_faces(clean, reading), cloth_of(clean, reading)
    face_px = max((face.roi.extent.height for face in reading.record.faces), default=0)
    made = linty(light, cloth, face_px, draw)
    started = time.perf_counter()
    plan = planned(made.frame, reading)
    seconds = time.perf_counter() - started
    after, finished = rendered((plan,), made.frame, reading)
    figures = Lint().check(finished, GuardLimits(), lambda *_: 0)
    spots = LintPlan.model_validate(plan.body).spots
    apart = delta_e2000(made.frame.encoding.decode(after), made.clean.linear())
    changed = (after != made.frame.codes).any(axis=2)
    allowed = np.zeros(changed.shape, np.bool_)
    for spot in spots:
        part = spot.disc(1.0).roi & made.frame.roi
        allowed[part.within(made.frame.roi)] |= spot.disc(1.0).mask(part)
    stray = changed & ~(allowed & (reading.zones == Zone.LOCKED))
    other = linty(light, room & ~grow(cloth, round(0.05 * face_px)), face_px, draw)
    touched = LintPlan.model_validate(planned(other.frame, reading).body).spots
    return Judged(
        name,
        float(cloth.sum() / max(1, room.sum())),
        tuple(_put_in(speck, face_px, spots, apart) for speck in made.specks),
        len(other.specks),
        sum(any(_is_at(spot, speck) for spot in touched) for speck in other.specks),
        len(planned(clean, reading).items) if draw == 0 else -1,
        next((g.value for g in figures if g.name == "lint_texture"), 1.0),
        int(np.count_nonzero(stray)),
        sum(not figure.passed for figure in figures),
        seconds,
    )


def _put_in(
    speck: Speck, face_px: int, spots: Sequence[Spot], apart: Floats
) -> tuple[tuple[str, ...], bool, float]:
    groups = (
        f"kind: {speck.kind}",
        "contrast 6-12 ΔE" if speck.contrast < 12 else "contrast 12-25 ΔE",
        "radius to 2 px" if speck.radius_px < 2 else "radius from 2 px",
    )
    found = any(_is_at(spot, speck) for spot in spots)
    return groups, found, float(apart[speck.disc(apart.shape)].mean()) if found else float("nan")


def _is_at(spot: Spot, speck: Speck) -> bool:
    away = float(np.hypot(spot.centre.y - speck.y, spot.centre.x - speck.x))
    return away < max(2.0, 0.8 * speck.radius_px)


def rows(results: Sequence[Judged]) -> list[Score]:
    groups = sorted({name for one in results for names, _, _ in one.put for name in names})
    return [
        _row(ALL, results, None),
        *(_row(name, results, name) for name in groups),
        *(_row(name, [r for r in results if r.name == name], None) for name in _names(results)),
    ]


def _names(results: Sequence[Judged]) -> list[str]:
    return list(dict.fromkeys(one.name for one in results))


def _row(name: str, results: Sequence[Judged], group: str | None) -> Score:
    put = [p for one in results for p in one.put if group is None or group in p[0]]
    apart = np.array([p[2] for p in put if p[1]])
    false = [one.false for one in results if one.false >= 0]
    values: dict[str, Value] = {
        "found %": 100 * float(np.mean([p[1] for p in put])) if put else float("nan"),
        "ΔE": float(np.median(apart)) if len(apart) else float("nan"),
        "ΔE 95%": float(np.quantile(apart, 0.95)) if len(apart) else float("nan"),
    }
    goals = {}
    if put:
        goals["found"] = float(np.mean([p[1] for p in put])) >= FOUND / 100
    if len(apart):
        goals["truth"] = float(np.quantile(apart, 0.95)) <= TRUE
    if group is None:
        texture = [one.texture for one in results]
        values |= {
            "cloth %": 100 * float(np.mean([one.cloth for one in results])),
            "false": float(np.mean(false)),
            "texture": float(np.median(texture)),
            "elsewhere": float(sum(one.elsewhere for one in results)),
            "of it offered": float(sum(one.touched for one in results)),
            "stray px": float(sum(one.stray for one in results)),
            "failed": float(sum(one.failed for one in results)),
        }
        goals["false"] = float(np.mean(false)) <= FALSE
        goals["texture"] = TEXTURE[0] <= float(np.median(texture)) <= TEXTURE[1]
        goals["kept"] = sum(one.stray + one.touched for one in results) == 0
    seconds = float(np.median([one.seconds for one in results]))
    return Score("lint", f"{name} ({len(put)})", OURS, values, seconds, goals)


def linty(light: Floats, cloth: Mask, face_px: float, number: int, count: int = 8) -> Linty:
    """Lint on ``cloth`` ``(h, w)`` of a linear sRGB picture ``(h, w, 3)``, apart from each other."""
    out, free, specks = light.copy(), cloth.copy(), list[Speck]()
    for k in range(count):
        rng = np.random.default_rng([_SEED, number, k])
        radius_px = max(_LEAST_RADIUS_PX, float(rng.uniform(*_RADIUS)) * face_px)
        rim = round(radius_px) + 5
        inner = np.zeros_like(free)
        inner[rim:-rim, rim:-rim] = grow(free, -round(radius_px + 2))[rim:-rim, rim:-rim]
        room = np.argwhere(inner)
        if not len(room):
            break
        y, x = room[rng.integers(len(room))] + rng.uniform(-0.5, 0.5, 2)
        speck = Speck(KINDS[k % 3], float(y), float(x), radius_px, float(rng.uniform(*_CONTRAST)))
        made = _put(out, speck, rng)
        if made is not None:
            out = made
            specks.append(speck)
            reach = int(np.ceil(4 * radius_px + 6))
            free[max(0, int(y) - reach) : int(y) + reach, max(0, int(x) - reach) : int(x) + reach] = False
    return Linty(tuple(specks), framed(out), framed(light))


def _put(light: Floats, speck: Speck, rng: np.random.Generator) -> Floats | None:
    """Light lint on dark cloth, dark on light; None where it cannot be seen so strongly there."""
    reach = int(np.ceil(speck.radius_px)) + 3
    y0, x0 = int(speck.y) - reach, int(speck.x) - reach
    window = (slice(y0, y0 + 2 * reach + 1), slice(x0, x0 + 2 * reach + 1))
    part = light[window]
    colour = _LIGHT if float(part.mean()) < 0.25 else _DARK
    cover = _cover(speck, y0, x0, 2 * reach + 1, rng)[..., None]
    middle = cover[..., 0] >= 0.5 * cover.max()
    before, low, high = to_linear(part), 0.0, 1.0
    for _ in range(14):
        amount = (low + high) / 2
        made = to_linear(np.asarray(part + amount * cover * (colour - part), np.float32))
        found = float(delta_e2000(before, made)[middle].mean())
        low, high = (amount, high) if found < speck.contrast else (low, amount)
    if low > 0.999:
        return None
    out = light.copy()
    out[window] = part + low * cover * (colour - part)
    return out


def _cover(speck: Speck, y0: int, x0: int, size: int, rng: np.random.Generator) -> Floats:
    """Coverage 0..1 ``(size, size)``; supersampled."""
    fine = (np.arange(size * 4) + 0.5) / 4 - 0.5
    dy, dx = (fine + y0 - speck.y)[:, None], (fine + x0 - speck.x)[None, :]
    turn = float(rng.uniform(0, np.pi))
    along, across = dy * np.cos(turn) + dx * np.sin(turn), dx * np.cos(turn) - dy * np.sin(turn)
    r = np.hypot(dy, dx) / speck.radius_px
    if speck.kind == "speck":
        cover = np.clip((1 - r) / 0.5, 0, 1)
    elif speck.kind == "fluff":
        ragged = cv2.GaussianBlur(rng.random((size * 4, size * 4)), (0, 0), 3)
        cover = np.clip(1 - r**2, 0, None) * np.clip(
            0.5 + 6 * (ragged - ragged.mean()) / ragged.std() / 6, 0, 1
        )
    else:  # a bent thread
        bent = across + 0.25 * along**2 / speck.radius_px
        half = max(0.45, 0.25 * speck.radius_px)
        cover = np.clip(half + 0.3 - np.abs(bent), 0, 0.6) / 0.6 * (np.abs(along) < 0.9 * speck.radius_px)
    return np.asarray(cv2.resize(cover, (size, size), interpolation=cv2.INTER_AREA), np.float32)
