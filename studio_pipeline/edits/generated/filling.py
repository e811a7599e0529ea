"""A region inside the frame by a model: what stood there gives way to the set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from studio_pipeline.edits.generated import takeout, windows
from studio_pipeline.edits.generated.asking import Asked, Canvas, ask, centres
from studio_pipeline.edits.generated.making import Strip, calm_backdrop, fine
from studio_pipeline.edits.generated.reading import TEXTURE_CELLS, Unfit
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import fills, grids, light
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.grids import Floats
from studio_pipeline.pixels.masks import Mask, ZoneMap, grow
from studio_pipeline.records.generated import Made

_RIM_PX = 2  # of what stands there, its blur


def fill(
    frame: Frame,
    zones: ZoneMap,
    classical: Callable[[Frame], Linear],
    area: Mask,
    asked: Asked,
    seed: int,
) -> tuple[Made, Floats, float, tuple[str, ...]]:
    """What a model makes of ``area``, the pieces of grain on it, below which size they are the picture's
    (master pixels), and what is to be said.

    Args:
        frame: the picture at plan scale; ``zones`` at its size.
        classical: the same frame, with the area filled without a model.
        area: ``(h, w)``, on backdrop alone.

    Raises:
        Unfit: what the model made cannot be used.
        EngineFailed, Refused, Cancelled: as the engine says.
    """
    nobody = takeout.take_out(light.to_tone(frame.linear()), zones)
    if nobody.gone.all():
        raise Unfit("no backdrop is visible far enough from the person")
    before = light.to_tone(np.maximum(classical(nobody.of(frame)), 0))
    area = area & ~nobody.gone
    if not area.any():
        raise Unfit("all of it lies too near to the person")
    tone = np.where(area[..., None], before, nobody.tone)
    known = ~nobody.gone & ~grow(area, _RIM_PX)
    canvas = Canvas(frame.roi, frame.scale, tone, known, known, nobody.gone)
    ys, xs = np.nonzero(area)
    box = Roi(int(ys.min()), int(xs.min()), int(ys.max()) + 1, int(xs.max()) + 1).scaled(1 / frame.scale)
    base = Roi.of(Extent(*(round(v / frame.scale) for v in area.shape)))
    step = windows.around(box, base, asked.engine.capabilities, 1 / frame.scale)
    y, x = centres(step.lattice)
    inside = (y > base.y0) & (y < base.y1) & (x > base.x0) & (x < base.x1)
    region = (grids.averaged(area.astype(np.float32), step.lattice.scaled(frame.scale)) > 0) & inside
    kept = ask(canvas, zones, step, region, inside, asked, seed)
    split_px = TEXTURE_CELLS * step.lattice.pitch_px
    residual = fine(nobody.tone, split_px * frame.scale)
    calm = calm_backdrop(residual, known)
    pieces = fills.pieces_for(residual, calm, area, np.random.default_rng(seed))
    rows = np.array([piece.scaled(1 / frame.scale, base).row() for piece in pieces], np.float32)
    said = tuple(dict.fromkeys((*canvas.said, *kept.said)))
    return Strip.of(kept.tone, step, frame.scale).stored(), rows.reshape(-1, 10), split_px, said
