"""What was added or healed is as fine-grained as the backdrop beside it: neither soft nor noisy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from studio_pipeline.geometry import Roi
from studio_pipeline.guards.base import FaceCounter, Rendered
from studio_pipeline.guards.sides import Side, extended_sides, extension
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.pixels.metrics import farness, grain_ratio, high_frequency_energy, tone
from studio_pipeline.pixels.strokes import Shape
from studio_pipeline.records.flaws import CleanPlan, Fill
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult
from studio_pipeline.records.spots import SpotsPlan

_BLOCK_PX = 16
_BLOCKS_ALONG, _BLOCKS_ACROSS = 24, 2
_DEPTHS = 3  # near the seam, midway, far from it: an extension that turns soft on its way is found
_ENOUGH_BLOCKS = 8
_ENOUGH_PIXELS = 400
_CALM = 0.3  # quantile
_DITHER = {1: 0.7, 2: 0.003}
"""Energy (L*) that the gate's dither can add to what it writes, by bytes a code; the base has none."""


class Grain:
    """High-frequency energy of new area, and of healed spots, over the backdrop's beside them; the worst."""

    name = "grain"

    def check(self, rendered: Rendered, limits: GuardLimits, count_faces: FaceCounter) -> list[GuardResult]:
        found: list[tuple[str, float]] = []
        plan = extension(rendered)
        figures = [ratio for side in extended_sides(rendered) for ratio in _side_ratios(side)]
        if plan is not None and figures:
            found.append((plan.edit, max(figures, key=farness)))
        for plan in rendered.plans:
            if plan.edit == SpotsPlan.EDIT:
                spots = SpotsPlan.model_validate(plan.body).on(plan.off)
                healed = _healed_ratio(rendered, [spot.disc(rendered.scale) for spot in spots])
                found += [(plan.edit, healed)] if healed is not None else []
            if plan.edit == CleanPlan.EDIT:
                body = CleanPlan.model_validate(plan.body).without(plan.off)
                ratios = [_healed_ratio(rendered, [mark.stroke(rendered.scale) for mark in body.marks])]
                ratios += [_fill_ratio(rendered, fill) for fill in body.fills]
                known = [ratio for ratio in ratios if ratio is not None]
                found += [(plan.edit, max(known, key=farness))] if known else []
        low, high = limits.grain_min, limits.grain_max
        return [
            GuardResult(name=self.name, edit=edit, value=v, low=low, limit=high, passed=low <= v <= high)
            for edit, v in found
        ]


def _side_ratios(side: Side) -> Iterator[float]:
    """One ratio a depth, of calm blocks, so that lines in many of them do not count."""
    block_px = min(_BLOCK_PX, side.new_px - 2, side.roi.x1 - 2, side.roi.y1 - 2)
    if block_px < 4:
        return
    band_px = min(side.roi.x1, max(4 * _BLOCK_PX, min(side.new_px, side.roi.x1 // 8)))
    blocks = list(_lattice(Roi(0, 0, side.roi.y1, band_px), block_px, _DEPTHS * _BLOCKS_ACROSS))
    backdrop = [block for block in blocks if side.backdrop(block).all()]
    # An unsure reading locks the whole base; its border is then still what was extended.
    reference = _energy(side, backdrop if len(backdrop) >= _ENOUGH_BLOCKS else blocks)
    edges = np.linspace(-side.new_px, 0, _DEPTHS + 1).astype(int)
    for x0, x1 in pairwise(edges):
        depth = Roi(0, min(int(x0), int(x1) - block_px - 2), side.roi.y1, int(x1)) & side.roi
        energy = _energy(side, list(_lattice(depth, block_px, _BLOCKS_ACROSS)))
        yield _ratio(energy, reference, side.codes.dtype.itemsize)


def _lattice(roi: Roi, block_px: int, across: int) -> Iterator[Roi]:
    """Blocks spread evenly over a region, each with the pixel around it that a Laplacian needs."""
    size = block_px + 2
    along = np.linspace(roi.y0, roi.y1 - size, min(_BLOCKS_ALONG, max(1, roi.extent.height // size))).astype(
        int
    )
    columns = np.linspace(roi.x0, roi.x1 - size, min(across, max(1, roi.extent.width // size))).astype(int)
    for y in along:
        for x in columns:
            yield Roi(int(y), int(x), int(y) + size, int(x) + size)


def _energy(side: Side, blocks: list[Roi]) -> float:
    """Lines and edges of the set only add to a block's energy: grain is what the calmer ones have."""
    return float(np.quantile([high_frequency_energy(side.tone(block)) for block in blocks], _CALM))


def _fill_ratio(rendered: Rendered, fill: Fill) -> float | None:
    """Energy in a filled area over that of the backdrop around it; None where either is too small to tell."""
    area = fill.roi(rendered.scale)
    around = area.grown(max(4 * _BLOCK_PX, area.extent.long_edge // 8)) & rendered.kept
    inner, outer = [], []
    for block in _lattice(around, _BLOCK_PX, _BLOCKS_ALONG) if _holds(around, _BLOCK_PX + 2) else ():
        if not rendered.kept.contains(block):
            continue
        cover = fill.cover(block, rendered.scale)
        where = block.within(rendered.canvas)
        if cover.min() == 1:
            inner.append(_block_energy(rendered, block))
        elif cover.max() == 0 and (rendered.zones[where] == Zone.BACKDROP).all():
            outer.append(_block_energy(rendered, block))
    if len(inner) < _ENOUGH_BLOCKS or len(outer) < _ENOUGH_BLOCKS:
        return None
    return _ratio(float(np.median(inner)), float(np.median(outer)), rendered.after.dtype.itemsize)


def _holds(roi: Roi, size: int) -> bool:
    return min(roi.extent.height, roi.extent.width) >= size


def _block_energy(rendered: Rendered, block: Roi) -> float:
    codes = rendered.after[block.within(rendered.canvas)]
    return high_frequency_energy(tone(rendered.encoding.decode(codes)))


def _healed_ratio(rendered: Rendered, shapes: Sequence[Shape]) -> float | None:
    """Energy inside all healed spots over that in the rings around them; None where there is too little."""
    inner = outer = 0.0
    pixels = 0
    for shape in shapes:
        window = shape.roi.grown(max(3, min(shape.roi.extent.height, shape.roi.extent.width) // 2))
        if not rendered.kept.contains(window):
            continue
        codes = rendered.after[window.within(rendered.canvas)]
        values = tone(rendered.encoding.decode(codes))
        healed = shape.mask(window)
        ring = ~shape.mask(window, grown_px=1)
        count = int(np.count_nonzero(healed))
        pixels += count
        inner += count * high_frequency_energy(values, healed)
        outer += count * high_frequency_energy(values, ring)
    if pixels < _ENOUGH_PIXELS:
        return None
    return _ratio(inner / pixels, outer / pixels, rendered.after.dtype.itemsize)


def _ratio(energy: float, reference: float, code_bytes: int) -> float:
    """1 anywhere between the reference and what dither makes of it."""
    dithered = math.hypot(reference, _DITHER[code_bytes])
    return grain_ratio(energy, min(max(energy, reference), dithered))
