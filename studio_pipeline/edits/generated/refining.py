"""A second pass: where the first looked from afar, the model is asked again in tiles of its own size.

The first pass has decided what stands where; at low strength each tile gives that finer lines. All else
is as in the first pass: what is shown, what is kept of it, and when it is refused.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from studio_pipeline.edits.generated import windows
from studio_pipeline.edits.generated.asking import Asked, Canvas, ask, in_canvas
from studio_pipeline.edits.generated.reading import Unfit
from studio_pipeline.edits.generated.windows import Step
from studio_pipeline.engines.base import EngineFailed
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import grids
from studio_pipeline.pixels.grids import Floats
from studio_pipeline.pixels.light import Tone
from studio_pipeline.pixels.masks import Mask, ZoneMap

_OVERLAP = 0.2  # of a tile's side, at least
_RING = 0.4  # of an overlap: at a tile's rim the first pass stays, so that both can be compared


def finer(step: Step, scale: float, asked: Asked) -> Step:
    """The same window on the cells of a second pass: whole parts of the first's, none finer than what of
    the picture is seen at plan scale. The step itself where there is nothing to gain, or none is wanted.
    """
    parts = math.floor(step.lattice.pitch_px * scale + 1e-6)
    if not asked.second_pass or not asked.engine.capabilities.supports_strength or parts < 2:
        return step
    cells = step.lattice.extent
    lattice = replace(
        step.lattice,
        pitch_px=step.lattice.pitch_px / parts,
        extent=Extent(cells.height * parts, cells.width * parts),
    )
    return replace(step, lattice=lattice)


def refined(
    canvas: Canvas, zones: ZoneMap, fine: Step, region: Mask, inside: Mask, asked: Asked, seed: int
) -> Tone | None:
    """Tone of ``fine``'s cells, with what the model made of ``region`` in tiles; None where one was not fit,
    and the first pass stands.

    Args:
        canvas: with the first pass on it.
        region, inside: as ``asking.ask`` has them, of ``fine``'s cells.

    Raises Cancelled, and LockedPixelsChanged where a person would be shown.
    """
    again = replace(asked, strength=asked.second_pass, carries_lines=False)
    total, mass = np.zeros((*region.shape, 3), np.float32), np.zeros(region.shape, np.float32)
    for number, (tile, weight) in enumerate(tiles(fine, region)):
        at = windows.cells_of(tile, fine)
        part = region[at] & (weight > 0)
        try:
            kept = ask(canvas, zones, tile, part, inside[at], again, seed + number)
        except (Unfit, EngineFailed, Refused) as error:
            canvas.said.append(f"a second pass was not used: {error}")
            return None
        total[at] += np.where(part[..., None], kept.tone * weight[..., None], 0)
        mass[at] += np.where(part, weight, 0)
    first = grids.averaged(canvas.tone, in_canvas(canvas, fine.lattice))
    new = mass[..., None] > 0
    return np.where(new, total / np.maximum(mass, np.float32(1e-6))[..., None], first).astype(np.float32)


def tiles(fine: Step, region: Mask) -> list[tuple[Step, Floats]]:
    """Windows of the model's own size over all of ``region``, and how much each counts, ``(h, w)`` of its
    cells: less towards a neighbour, nothing at the rim that only compares.
    """
    size = fine.asked
    rows, columns = (np.flatnonzero(region.any(axis=axis)) for axis in (1, 0))
    down = _spans(int(rows[0]), int(rows[-1]) + 1, size.height, region.shape[0])
    across = _spans(int(columns[0]), int(columns[-1]) + 1, size.width, region.shape[1])
    return [
        (windows.tile(fine, y, x), np.outer(_ramps(down, y, size.height), _ramps(across, x, size.width)))
        for y in down
        for x in across
    ]


def _spans(start: int, stop: int, size: int, whole: int) -> list[int]:
    """Where tiles begin that cover ``start`` to ``stop``, with a margin where there is room for one."""
    overlap = round(_OVERLAP * size)
    start, stop = max(0, start - overlap), min(whole, stop + overlap)
    count = max(1, math.ceil((stop - start - overlap) / (size - overlap)))
    if count == 1:
        return [min(max(0, (start + stop - size) // 2), whole - size)]
    first, last = start, max(start, stop - size)
    return [round(first + (last - first) * k / (count - 1)) for k in range(count)]


def _ramps(starts: list[int], start: int, size: int) -> Floats:
    """0 to 1 over the overlap on each side where there is a neighbour."""
    out = np.ones(size, np.float32)
    place = np.arange(size) + 0.5
    for other in starts:
        overlap = size - abs(other - start)
        if other == start or overlap <= 0:
            continue
        away = place if other < start else size - place
        out = np.minimum(out, np.clip((away / overlap - _RING) / (1 - _RING), 0, 1))
    return out.astype(np.float32)
