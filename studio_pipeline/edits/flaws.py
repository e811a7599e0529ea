"""What ``clean_backdrop`` finds, once, at plan scale: every flaw an item, with what is done about it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from studio_pipeline.edits import cleaned, healing
from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels import (
    clones,
    creases,
    evenness,
    fills,
    light,
    lines,
    scuffs,
    sources,
    spots,
    things,
)
from studio_pipeline.pixels.color import Linear, to_lab
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.light import LightGrid
from studio_pipeline.pixels.masks import Mask, grow
from studio_pipeline.pixels.strokes import Points, Stroke
from studio_pipeline.records.flaws import EVEN, CleanPlan, Fill, Fold, Mark, Placed, Smudge, covered
from studio_pipeline.records.hand import Hand, drawn
from studio_pipeline.records.plan import Grid, Item, Refusal
from studio_pipeline.subject.reading import Reading

if TYPE_CHECKING:
    from studio_pipeline.edits.clean_backdrop import CleanBackdropParams

# Over the strongest percent of what lies around, and in L*: what stands out enough to be a flaw.
_DUST_OUTLIER, _DUST_CONTRAST = 3.5, 2.0
_LINT_OUTLIER, _LINT_CONTRAST = 1.1, (2.0, 30.0)
_SCUFF_OUTLIER, _SCUFF_CONTRAST = 2.2, (1.0, 6.0)
_CREASE_CONTRAST = (0.6, 5.0)
_DUST_RADIUS, _LEAST_RADIUS_PX = 0.008, 3.0
_MOST_DUST = 300
_SCUFF_RADIUS = 0.05
_SMALL_PX = 512  # a long edge on which grain is gone and a scuff is some pixels large
_RUN_POINTS = 10  # of a thread, healed at once: its window stays small
_FADE = 0.14  # of the long edge: of even light towards the person
_RAMP = 0.008  # likewise, of a fill at its rim
_LEAST_STOPS = 0.05
_GAIN_STEP = 2.0**-12


@dataclass
class Found:
    """A plan in the making; ``off``: items whose switch starts off."""

    body: CleanPlan = field(default_factory=CleanPlan)
    items: tuple[Item, ...] = ()
    off: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()

    def add(self, part: str, *rows: object, item: Item, off: bool = False) -> None:
        self.body = self.body.model_copy(update={part: (*getattr(self.body, part), *rows)})
        self.items = (*self.items, item)
        self.off = (*self.off, item.id) if off else self.off


@dataclass(frozen=True, eq=False)
class _Scene:
    """What is searched, at plan scale. ``free`` may be written, ``plain`` has a margin and nothing in it."""

    frame: Frame
    linear: Linear
    free: Mask
    plain: Mask
    params: CleanBackdropParams
    hand: Hand

    @property
    def long_edge(self) -> int:
        return self.frame.extent.long_edge

    def master(self, px: float) -> float:
        return px / self.frame.scale


def find(frame: Frame, reading: Reading, params: CleanBackdropParams, seed: int, hand: Hand) -> Found:
    """All flaws of a frame at plan scale."""
    found = Found()
    plain = healing.plain(frame, reading, params.person_margin, hand)
    scene = _Scene(frame, frame.linear(), healing.free(frame, reading, hand), plain, params, hand)
    taken = _find_things(found, scene, seed)
    plain = plain & ~grow(taken, math.ceil(0.004 * scene.long_edge))
    scene = _Scene(frame, scene.linear, scene.free, plain, params, hand)
    if plain.any():
        _find_marks(found, scene)
        # Dust and threads out of the way, larger flaws are judged.
        healed = scene.linear.copy()
        healing.heal_into(healed, found.body.healings(frame.scale), frame, frame.roi)
        scene = _Scene(frame, healed, scene.free, plain, params, hand)
        _find_creases(found, scene)
        for fold in found.body.folds:  # a crease is no row of scuffs
            healed *= cleaned.fold_gain(fold, frame.roi, frame.scale)
        _find_scuffs(found, scene)
        _find_uneven(found, scene)
    body = found.body
    if body.smudges or body.folds or body.fills or body.even is not None:
        margin_px, fade_px = (
            scene.master(params.person_margin * scene.long_edge),
            scene.master(_FADE * scene.long_edge),
        )
        far = evenness.clearance(scene.free, frame.scale, margin_px + fade_px)
        clear = Placed.of(far, far.cell_px / 16)
        found.body = body.model_copy(update={"clear": clear, "margin_px": margin_px, "fade_px": fade_px})
    return found


def _item(kind: str, centre: tuple[float, float], roi: Roi, said: str) -> Item:
    return Item(id=f"{kind}-{round(centre[0])}-{round(centre[1])}", kind=kind, roi=roi, said=said)


def _find_marks(found: Found, scene: _Scene) -> None:
    """Dust and threads. Each becomes marks that know where they are healed from."""
    lab, s = to_lab(scene.linear), scene.params.sensitivity
    threads = _threads(lab[..., 0], scene) if scene.params.lint else []
    # A thread is no surroundings that a speck could be compared with.
    plain = scene.plain & ~covered(
        [Stroke(t.points, t.radius_px + 2) for t in threads], Roi.of(scene.frame.extent)
    )
    blobs = []
    if scene.params.dust:
        blobs = spots.find(
            lab,
            plain,
            max_radius_px=max(_LEAST_RADIUS_PX, _DUST_RADIUS * scene.long_edge),
            min_outlier=_DUST_OUTLIER / s,
            min_contrast=_DUST_CONTRAST / s,
        )[:_MOST_DUST]
    discs = [(np.array([[b.y, b.x]]), b.radius_px) for b in blobs]
    flaws = [
        (y, x, r) for points, r in [*discs, *((t.points, t.radius_px) for t in threads)] for y, x in points
    ]
    near = sources.Near.of(lab[..., 0], scene.plain, flaws)
    left = 0
    for blob, (points, radius_px) in zip(blobs, discs, strict=True):
        left += not _mark(found, scene, near, "dust", points, radius_px, blob.contrast)
    for thread in threads:
        left += not _mark(found, scene, near, "lint", thread.points, thread.radius_px, thread.contrast)
    if left:
        found.notes = (*found.notes, f"specks left, with no clean backdrop beside: {left}")


def _threads(lightness: np.ndarray[tuple[int, ...], np.dtype[np.float32]], scene: _Scene) -> list[lines.Line]:
    look = lines.Look(
        sigma_px=1.2,
        length_px=9,
        least_px=8,
        most_px=0.15 * scene.long_edge,
        straightness=0.3,
        inside=True,
        contrast=(_LINT_CONTRAST[0] / scene.params.sensitivity, _LINT_CONTRAST[1]),
        most_radius_px=6,
        outlier=_LINT_OUTLIER / scene.params.sensitivity,
    )
    return lines.find(lightness, scene.plain, look)


def _mark(
    found: Found,
    scene: _Scene,
    near: sources.Near,
    kind: str,
    points: Points,
    radius_px: float,
    contrast: float,
) -> bool:
    """Add one speck or thread, in runs; False where a run has no source beside it."""
    scale = scene.frame.scale
    runs = [points[i : i + _RUN_POINTS] for i in range(0, max(1, len(points) - 1), _RUN_POINTS - 1)]
    offsets = [near.offset(run, radius_px, scene.hand.tries) for run in runs]
    if any(offset is None for offset in offsets):
        return False
    places = (points + 0.5) / scale - 0.5
    width_px = round(2 * radius_px / scale)
    said = f"{width_px} px wide, {abs(contrast):.0f} L* off"
    item = _item(kind, tuple(places.mean(axis=0)), Stroke(places, radius_px / scale).roi, said)
    marks = [
        Mark(
            item=item.id,
            points=tuple((round(float(y), 1), round(float(x), 1)) for y, x in (run + 0.5) / scale - 0.5),
            radius_px=round(radius_px / scale, 1),
            offset=Point(round(offset[0] / scale), round(offset[1] / scale)),
        )
        for run, offset in zip(runs, offsets, strict=True)
        if offset is not None
    ]
    found.add("marks", *marks, item=item)
    return True


def _find_creases(found: Found, scene: _Scene) -> None:
    if not scene.params.creases:
        return
    lab = to_lab(scene.linear)[..., 0]
    least = _CREASE_CONTRAST[0] / scene.params.sensitivity
    scale = scene.frame.scale
    for crease in creases.find(
        np.ascontiguousarray(lab), light.to_tone(scene.linear), scene.plain, (least, _CREASE_CONTRAST[1])
    ):
        points = (crease.points + 0.5) / scale - 0.5
        reach = scene.master(crease.gain.shape[1] // 2)
        said = f"{abs(crease.contrast):.1f} L* off"
        item = _item("crease", tuple(points.mean(axis=0)), Stroke(points, reach).roi, said)
        gain = np.rint(crease.gain / _GAIN_STEP) * _GAIN_STEP
        fold = Fold(item=item.id, points=Grid.of(points), gain=Grid.of(gain), step_px=scene.master(1))
        found.add("folds", fold, item=item)


def _find_scuffs(found: Found, scene: _Scene) -> None:
    if not scene.params.scuffs:
        return
    factor = max(1, round(scene.long_edge / _SMALL_PX))
    small, clean = _reduced(scene.linear, scene.plain, factor)
    cell_px = scene.master(factor)
    for scuff in scuffs.find(
        to_lab(scene.linear),
        small,
        clean,
        max_radius_px=_SCUFF_RADIUS * scene.long_edge / factor,
        min_outlier=_SCUFF_OUTLIER / scene.params.sensitivity,
        contrast=(_SCUFF_CONTRAST[0] / scene.params.sensitivity, _SCUFF_CONTRAST[1]),
    ):
        y0, x0 = ((scuff.roi.y0 + 0.5) * cell_px, (scuff.roi.x0 + 0.5) * cell_px)
        placed = Placed.of(LightGrid(scuff.gain, y0, x0, cell_px), _GAIN_STEP)
        centre = (y0 + scuff.gain.shape[0] / 2 * cell_px, x0 + scuff.gain.shape[1] / 2 * cell_px)
        item = _item("scuff", centre, placed.roi, f"{scuff.contrast:.1f} L* off")
        found.add("smudges", Smudge(item=item.id, gain=placed), item=item)


def _reduced(linear: Linear, plain: Mask, factor: int) -> tuple[Linear, Mask]:
    """Area means; a small pixel is plain when all of it is. What does not fill one is left out."""
    height, width = (v // factor for v in plain.shape)
    whole = np.s_[: height * factor, : width * factor]
    small = cv2.resize(np.ascontiguousarray(linear[whole]), (width, height), interpolation=cv2.INTER_AREA)
    share = cv2.resize(plain[whole].astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32), np.asarray(share > 0.999, np.bool_)


def _find_uneven(found: Found, scene: _Scene) -> None:
    if not scene.params.even_light:
        return
    even = evenness.even(
        light.to_tone(scene.linear),
        scene.free,
        scene.plain,
        scene.frame.clipped,
        scene.frame.scale,
        scene.params.even_light,
    )
    if even is None:
        refusal = Refusal(where="even light", reason="too little light, or too little backdrop, to be evened")
        found.refusals = (*found.refusals, refusal)
    elif even.stops < _LEAST_STOPS:
        found.notes = (*found.notes, "the light is even already")
    else:
        towards = "white" if even.white else "the light beside the person"
        said = f"{even.stops:.1f} stops from dark to bright, brought to {towards}"
        roi = Roi.of(scene.frame.extent).scaled(1 / scene.frame.scale)
        found.items = (*found.items, Item(id=EVEN, kind="uneven light", roi=roi, said=said))
        found.body = found.body.model_copy(update={"even": Placed.of(even.gain, _GAIN_STEP)})


def _find_things(found: Found, scene: _Scene, seed: int) -> Mask:
    """Fills for things at the border, or for what a person drew; returns what is no backdrop to be read."""
    taken = np.zeros_like(scene.plain)
    wanted: list[tuple[Mask, bool, str]] = []
    whole = Roi.of(scene.frame.extent)
    margin_px = math.ceil(scene.params.person_margin * scene.long_edge)
    allowed = grow(scene.free, -margin_px)
    if scene.hand.area:
        for polygon in scene.hand.area:
            wanted.append((drawn((polygon,), whole, scene.frame.scale), True, "drawn by hand"))
    elif scene.params.things:
        factor = max(1, round(scene.long_edge / _SMALL_PX))
        small, free = _reduced(scene.linear, scene.free, factor)
        for thing in things.find(light.to_tone(small), free):
            mask = cv2.resize(
                thing.mask.astype(np.uint8), (whole.x1, whole.y1), interpolation=cv2.INTER_NEAREST
            )
            wanted.append((np.asarray(mask > 0, np.bool_), thing.sure, _said_of(thing)))
    for area, _, _ in wanted:
        taken |= area
    readable = scene.plain & ~grow(taken, 1)
    rng = np.random.default_rng(seed)
    for drawn_area, sure, said in wanted:
        area = drawn_area & allowed
        reason = "too near the person"
        if scene.hand.area:
            reason = "the area lies on the person, or too near"
        if not area.any():
            found.refusals = (*found.refusals, Refusal(where="fill", reason=reason))
        elif not _fill(found, scene, readable, area, sure, said, rng):
            reason = "there is no clean backdrop to fill it with"
            found.refusals = (*found.refusals, Refusal(where="fill", reason=reason))
    return taken


def _said_of(thing: things.Thing) -> str:
    return (
        f"at the {thing.side}"
        if thing.sure
        else f"at the {thing.side}; not surely equipment, so left as it is"
    )


def _fill(
    found: Found, scene: _Scene, readable: Mask, area: Mask, sure: bool, said: str, rng: np.random.Generator
) -> bool:
    """Add the fill of one area: a moved copy where there is one, else pieces; False for neither."""
    scale, tone = scene.frame.scale, light.to_tone(scene.linear)
    parts: dict[str, object] = {}
    offset = clones.best_offset(tone, readable, area, scene.hand.tries)
    shade = clones.shade(tone, readable, area, offset, scale) if offset else None
    if offset and shade:
        parts["offset"] = Point(round(offset[0] / scale), round(offset[1] / scale))
        parts["shade"] = Placed.of(shade)
    else:
        grid = fills.light_under(tone, readable, scale)
        if grid is None:
            return False
        pieces = fills.pieces_for(tone - grid.at(scene.frame.roi, scale), readable, area, rng)
        master = Roi.of(Extent(*(round(v / scale) for v in area.shape)))
        rows = np.array([p.scaled(1 / scale, master).row() for p in pieces], np.float32)
        parts["pieces"] = Grid.of(rows.reshape(-1, 10))
        found.body = found.body.model_copy(update={"light": Placed.of(grid)})
    ys, xs = np.nonzero(area)
    box = Roi(int(ys.min()), int(xs.min()), int(ys.max()) + 1, int(xs.max()) + 1).scaled(1 / scale)
    item = _item("thing", ((box.y0 + box.y1) / 2, (box.x0 + box.x1) / 2), box, said)
    ramp_px = max(4.0, scene.master(_RAMP * scene.long_edge))
    fill = Fill(item=item.id, area=fills.outlines(area, scale), ramp_px=ramp_px, **parts)
    found.add("fills", fill, item=item, off=not sure)
    return True
