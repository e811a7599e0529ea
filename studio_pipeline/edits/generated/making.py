"""New area by a model, step by step: the same way for every engine.

The person is taken out, the rest is pre-filled classically; a model fills a window at its own size; of what
it gives, the low and middle frequencies are kept, in the picture's colours. Grain and what is finer than the
model's pixels are the picture's own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np

from studio_pipeline.edits.extension import Drawing, Extension
from studio_pipeline.edits.extension.body import Side
from studio_pipeline.edits.extension.turns import SIDES, turn
from studio_pipeline.edits.generated import takeout, windows
from studio_pipeline.edits.generated.asking import Asked, Canvas, ask, centres
from studio_pipeline.edits.generated.body import Candidate
from studio_pipeline.edits.generated.reading import TEXTURE_CELLS, Unfit
from studio_pipeline.edits.generated.refining import finer, refined
from studio_pipeline.edits.generated.takeout import Nobody
from studio_pipeline.edits.generated.windows import Step
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import border, grids, light, texture
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.grids import Floats, Lattice
from studio_pipeline.pixels.light import LightGrid, Tone
from studio_pipeline.pixels.masks import Mask, ZoneMap, grow
from studio_pipeline.records.generated import Made, StoredTone
from studio_pipeline.records.plan import Grid

_WINDOW = 0.05  # a texture piece, as a share of the long edge
_CALMEST = 0.1  # quantile of power
_RESTLESS = (2.5, 4.0, 8.0, 16.0)  # over that: where there is more than grain
_LEAST_WINDOW_PX, _ENOUGH_WINDOWS = 12, 60
_TILE_PX = 512


def make(
    frame: Frame,
    tone: Tone,
    zones: ZoneMap,
    classical: Extension,
    regions: dict[str, Roi],
    master: Roi,
    asked: Asked,
    seed: int,
    item: str,
) -> tuple[Candidate, tuple[str, ...]]:
    """Fill ``regions`` (by side, master pixels), and what is to be said about it.

    Args:
        frame: the picture at plan scale, and its ``tone``.
        zones: at the frame's size; nothing but backdrop is shown to the model.
        classical: what fills all of new area without a model.
        master: the whole canvas, master pixels.

    Raises:
        Unfit: what the model made cannot be used.
        EngineFailed, Refused, Cancelled: as the engine says.
    """
    canvas = prefilled(frame, tone, zones, classical, master)
    parts: list[Future[Made]] = []
    base = frame.roi.within(canvas.roi)
    nobody = Nobody(canvas.tone[base].copy(), canvas.gone[base])
    steps = list(_steps(frame, regions, master, asked))
    split_px = TEXTURE_CELLS * max(finer(step, frame.scale, asked).lattice.pitch_px for step, _ in steps)
    strips: list[Strip] = []
    with ThreadPoolExecutor(1) as beside:  # while the model works
        pieces = beside.submit(grain_pieces, nobody, frame, master, split_px, seed)
        for step, exists in steps:
            region, inside = _cells(step, exists)
            kept = ask(canvas, zones, step, region, inside, asked, seed + len(strips))
            strips.append(Strip.of(kept.tone, step, frame.scale))
            canvas.said += kept.said
            _write(canvas, strips[-1])
            if (fine := finer(step, frame.scale, asked)) is not step:
                again = refined(canvas, zones, fine, *_cells(fine, exists), asked, seed + len(strips))
                if again is not None:
                    strips[-1] = Strip.of(again, fine, frame.scale)
                    _write(canvas, strips[-1])
            parts.append(beside.submit(strips[-1].stored))
        rows = pieces.result()
    coarsest = TEXTURE_CELLS * max(strip.cell_px for strip in strips)
    if coarsest > split_px:  # a second pass was not used: more is left to the picture's own grain
        split_px, rows = coarsest, grain_pieces(nobody, frame, master, coarsest, seed)
    candidate = Candidate(
        item=item,
        seed=seed,
        parts=tuple(part.result() for part in parts),
        pieces=Grid.of(rows),
        split_px=split_px,
        sides=tuple(
            _parted(one, nobody.gone).model_copy(update={"copies": None})
            for one in classical.sides
            if one.name in regions
        ),
    )
    return candidate, tuple(dict.fromkeys(canvas.said))


def _steps(frame: Frame, regions: dict[str, Roi], master: Roi, asked: Asked) -> Iterator[tuple[Step, Roi]]:
    """Every step in its turn, with what of the canvas is there before it."""
    exists = _beside(frame, regions, master)
    for side in (side for side in SIDES if side in regions):
        region, start = regions[side], 0
        across = side in ("left", "right")
        whole, length = region.extent, exists.extent
        depth, along, context = (
            (whole.width, whole.height, length.width)
            if across
            else (whole.height, whole.width, length.height)
        )
        for deep in windows.depths(depth, along, context):
            strip = windows.strip(side, region, start, deep)
            seen = _around(exists, strip, side)
            yield windows.step(side, strip, seen, asked.engine.capabilities, 1 / frame.scale), exists
            exists, start = seen, start + deep


def prefilled(frame: Frame, tone: Tone, zones: ZoneMap, classical: Extension, master: Roi) -> Canvas:
    """The canvas with nobody on it, and the classical proposal where it is new."""
    nobody = takeout.take_out(tone, zones)
    if nobody.gone.all():
        raise Unfit("no backdrop is visible far enough from the person")
    roi = master.scaled(frame.scale)
    empty = nobody.of(frame)
    sides = tuple(_parted(side, nobody.gone) for side in classical.sides)
    drawing = Drawing(classical.model_copy(update={"sides": sides, "blend_px": 0, "empty_set": None}), empty)
    shape = (roi.extent.height, roi.extent.width)
    filled, own = np.empty((*shape, 3), np.float32), np.zeros(shape, np.bool_)
    base = frame.roi.within(roi)
    filled[base], own[base] = nobody.tone, ~nobody.gone
    for part in roi.minus(frame.roi):
        for tile in part.tiles(_TILE_PX):
            filled[tile.within(roi)] = light.to_tone(np.maximum(drawing.draw(tile)[0], 0))
    gone = np.zeros(shape, np.bool_)
    gone[base] = nobody.gone
    return Canvas(roi, frame.scale, filled, own.copy(), own, gone)


def _beside(frame: Frame, regions: Collection[str], master: Roi) -> Roi:
    """What of the canvas is there before a model is asked: the picture, and what is classical beside it."""
    base = Roi(0, 0, round(frame.extent.height / frame.scale), round(frame.extent.width / frame.scale))
    return Roi(
        base.y0 if "top" in regions else master.y0,
        base.x0 if "left" in regions else master.x0,
        base.y1 if "bottom" in regions else master.y1,
        base.x1 if "right" in regions else master.x1,
    )


def _around(exists: Roi, strip: Roi, side: str) -> Roi:
    """``exists`` with a strip beside it."""
    out = {"left": (0, strip.x0), "right": (0, strip.x1), "top": (strip.y0, 0), "bottom": (strip.y1, 0)}[side]
    return Roi(
        out[0] if side == "top" else exists.y0,
        out[1] if side == "left" else exists.x0,
        out[0] if side == "bottom" else exists.y1,
        out[1] if side == "right" else exists.x1,
    )


def _cells(step: Step, exists: Roi) -> tuple[Mask, Mask]:
    """Of a step's window, what is to be made, and what lies within what exists."""
    y, x = centres(step.lattice)
    past = {"left": x < exists.x0, "right": x > exists.x1, "top": y < exists.y0, "bottom": y > exists.y1}
    inside = (y > exists.y0) & (y < exists.y1) & (x > exists.x0) & (x < exists.x1)
    return np.broadcast_to(past[step.side], inside.shape).copy(), inside


@dataclass(frozen=True, eq=False)
class Strip:
    """A step's own cells, and those inside the border that are read where it meets the picture; the first
    one's centre lies at ``(y0, x0)``, master pixels.
    """

    roi: Roi
    tone: Tone
    y0: float
    x0: float
    cell_px: float

    @classmethod
    def of(cls, tone: Tone, step: Step, scale: float) -> Strip:
        """``tone``: of all the window's cells."""
        lattice, region = step.lattice, step.region
        reach = (border.MEASURED_PX + 2) / scale + 3 * lattice.pitch_px
        y, x = (np.flatnonzero(_reached(v, *ends, reach)) for v, ends in _spans(lattice, region))
        part = tone[y[0] : y[-1] + 1, x[0] : x[-1] + 1]
        first = [
            start + (index + 0.5) * lattice.pitch_px
            for start, index in ((lattice.y0, y[0]), (lattice.x0, x[0]))
        ]
        return cls(region, part, first[0], first[1], lattice.pitch_px)

    def stored(self) -> Made:
        tone = StoredTone.of(self.tone)
        return Made(roi=self.roi, tone=tone, y0=self.y0, x0=self.x0, cell_px=self.cell_px)


def _spans(lattice: Lattice, region: Roi) -> tuple[tuple[Floats, tuple[int, int]], ...]:
    y, x = centres(lattice)
    return (y[:, 0], (region.y0, region.y1)), (x[0], (region.x0, region.x1))


def _reached(centres: Floats, start: int, stop: int, reach: float) -> Mask:
    return np.asarray((centres > start - reach) & (centres < stop + reach), np.bool_)


def _write(canvas: Canvas, made: Strip) -> None:
    """As it will be drawn from the plan."""
    part = made.roi.scaled(canvas.scale) & canvas.roi
    at = part.within(canvas.roi)
    canvas.tone[at] = LightGrid(StoredTone.rounded(made.tone), made.y0, made.x0, made.cell_px).at(
        part, canvas.scale
    )
    canvas.known[at] = True


def _parted(side: Side, gone: Mask) -> Side:
    """The same, with nothing carried over the border where somebody was taken out."""
    there = (~turn(gone, side.name)[:, 0]).astype(np.float32)
    weights = side.border.array()
    places = np.clip(
        ((np.arange(len(weights)) + 0.5) * len(there) / len(weights)).astype(int), 0, len(there) - 1
    )
    return side.model_copy(update={"border": Grid.of(weights * there[places]), "blend": None})


def grain_pieces(nobody: Nobody, frame: Frame, master: Roi, split_px: float, seed: int) -> Floats:
    """From where the picture's own detail below ``split_px`` is copied: calm places, rows of ``Piece``."""
    residual = fine(nobody.tone, split_px * frame.scale)
    calm = calm_backdrop(residual, ~nobody.gone)
    size = max(16, round(_WINDOW * frame.extent.long_edge))
    rng = np.random.default_rng(seed)
    target = master.scaled(frame.scale).grown(1)
    pieces = texture.choose_pieces(residual, calm, target, frame.roi, size, rng)
    base = Roi(0, 0, round(frame.extent.height / frame.scale), round(frame.extent.width / frame.scale))
    rows = [piece.scaled(1 / frame.scale, base).row() for piece in pieces]
    return np.array(rows, np.float32).reshape(-1, texture.Piece.NUMBERS)


def calm_backdrop(residual: Tone, backdrop: Mask) -> Mask:
    """Where of a backdrop there is grain and nothing else: its calmest places, as many as are needed.

    Structure only adds power, so grain is what the calmest tenth has; an edge that is copied as grain would
    be seen again and again.
    """
    clean = grow(backdrop, -2)
    power = cv2.GaussianBlur(grids.grey(np.square(residual)), (0, 0), 3.0)
    usual = float(np.quantile(power[clean][::7], _CALMEST)) if clean.any() else 0.0
    for factor in _RESTLESS:
        calm = np.asarray(clean & (power < factor * usual), np.bool_)
        if len(texture.clean_windows(calm, Extent(_LEAST_WINDOW_PX, _LEAST_WINDOW_PX), 4)) >= _ENOUGH_WINDOWS:
            return calm
    return clean


def fine(tone: Tone, sigma: float) -> Tone:
    """What is finer than ``sigma`` pixels."""
    return np.asarray(
        tone - cv2.GaussianBlur(tone, (0, 0), max(sigma, 0.3), borderType=cv2.BORDER_REFLECT), np.float32
    )
