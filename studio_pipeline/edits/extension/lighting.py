"""The light over a whole canvas: read where backdrop shows, filled behind the person, continued outwards.

Light is kept in cells, a hundred or so along the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.edits.extension.turns import SIDES, turn, turn_back
from studio_pipeline.geometry import Extent, Insets, Point, Roi
from studio_pipeline.pixels import falloff, light, texture
from studio_pipeline.pixels.light import LightGrid, Tone
from studio_pipeline.pixels.masks import Mask

_CELLS = 120  # along the picture's long edge
_OUTSTANDING, _LEAST_OUTSTANDING = 4.0, 0.02  # in spreads, and in tone
_THING_SHARE = 0.02  # of all cells
_LEAST_PX = 3  # of a cell, at plan scale
CALM_CELLS, BUSY_CELLS = 1.4, 4.0  # sigmas: what is wider is light; what is narrower is texture, or structure
_MOTTLE_CELLS = 4.0  # sigma: what is narrower is mottle
_PIECE_CELLS, _CLEAN = 20, 0.9  # of a cell, of which mottle may be read
_SETS_IN_CELLS = 2.0
_SMOOTHER_CELLS, _FAINT = 1.0, 0.05
_LOST_BETWEEN = np.float32(1.25)  # two filters that meet leave less than there was


@dataclass(frozen=True, eq=False)
class Cells:
    """Tone ``(rows, columns, 3)`` of a picture's cells, every one filled, and how much of each was seen."""

    values: Tone
    weights: NDArray[np.float32]
    cell: int


def cell_px(long_edge_px: int) -> int:
    return max(_LEAST_PX, round(long_edge_px / _CELLS))


def read(tone: Tone, away: Mask, usable: Mask, smooth_cells: float, without_things: bool = False) -> Cells:
    """The picture's light.

    Args:
        tone: ``(h, w, 3)``.
        away: backdrop that may be read; ``usable``: that without what is clipped.
        smooth_cells: sigma, in cells, below which a change is not light.
        without_things: leave out cells that a light over all the others does not explain: lettering on a
            wall would be a stain beside it.
    """
    cell = cell_px(max(away.shape))
    cells, weights = light.read_cells(tone, usable, cell)
    if without_things:
        weights = _explained(cells, weights)
    cells = _smoothed(cells, weights, smooth_cells)
    surface = light.fit_surface(cells, weights, 2, Roi.of(Extent(*weights.shape)))
    filled = light.fill_unseen(cells, weights, surface)
    if (away & ~usable).any():
        # Clipped light is at least as bright as the file says; what lies beyond it goes on from there.
        least, seen = light.read_cells(tone, away, cell)
        burnt = (seen > 1.25 * weights)[..., None]
        filled, weights = np.where(burnt, np.maximum(filled, least), filled), seen
    return Cells(filled, weights, cell)


def new_cells(added: Insets, cell_master_px: float) -> dict[str, int]:
    """How many cells each extended side needs: two more than it has, for the interpolation at the rim."""
    return {side: math.ceil(px / cell_master_px) + 2 for side, px in asdict(added).items() if px}


def continued(
    cells: Cells,
    counts: dict[str, int],
    scenes: Collection[str] = (),
    built: Collection[str] = (),
    calm: bool = False,
    unforeseen: Callable[[str], None] = lambda side: None,
) -> Tone:
    """The picture's cells with ``counts`` new ones on each side.

    They go on as light falls off. On the sides named in ``scenes`` they hold things, whose slopes lead
    nowhere, and only spread; on those in ``built`` they hold light on things, and slopes have to prove
    themselves. ``calm``: nothing but light and mottle is in them.
    ``unforeseen`` is told each side whose light no predictor foresees even where it is seen.
    """
    filled, weights = cells.values, cells.weights
    for side in SIDES:
        if side not in counts:
            continue
        turned, turned_weights = turn(filled, side), turn(weights, side)
        if side in scenes:
            new = falloff.spread_left(turned, turned_weights, counts[side])
        else:
            told: list[bool] = []
            new = falloff.continue_left(
                turned,
                turned_weights,
                counts[side],
                kriged=calm,
                things=side in built,
                judged=told.append,
            )
            if not all(told):
                unforeseen(side)
        # New cells count as seen, faintly, when the next side is continued past the corner.
        faint = np.full(new.shape[:2], 0.35, np.float32)
        filled = turn_back(np.concatenate([new, turned], axis=1), side)
        weights = turn_back(np.concatenate([faint, turned_weights], axis=1), side)
    return filled


def mottled(values: Tone, cells: Cells, counts: dict[str, int], rng: np.random.Generator) -> Tone:
    """``values`` as ``continued`` gives them, with mottle in their new cells: what is wider than texture and
    narrower than light, laid from the picture's own. It sets in beside the border, as what departs from it
    there dies away. The picture's cells become a little smoother, and what they lose is texture.
    """
    base = Roi.of(Extent(*cells.weights.shape), Point(counts.get("top", 0), counts.get("left", 0)))
    canvas = Roi.of(Extent(*values.shape[:2]))
    # Twice, so that neither a slope nor a bend of the light is taken for mottle.
    narrower = cells.values - _smoothed(cells.values, cells.weights, _MOTTLE_CELLS)
    detail = _LOST_BETWEEN * (narrower - _smoothed(narrower, cells.weights, _MOTTLE_CELLS))

    def read(part: Roi) -> Tone:
        return detail[part.within(base)]

    clean = cells.weights > _CLEAN
    pieces = texture.choose_pieces(detail, clean, canvas, base, _PIECE_CELLS, rng, over_px=0)
    outside = np.ones(values.shape[:2], np.uint8)
    outside[base.within(canvas)] = 0
    away = cv2.distanceTransform(outside, cv2.DIST_C, cv2.DIST_MASK_3)
    share = np.sqrt(1 - np.exp(-away / _SETS_IN_CELLS))
    out = values + share[..., None] * texture.lay(pieces, canvas, read)
    out[base.within(canvas)] = _smoothed(cells.values, np.maximum(cells.weights, _FAINT), _SMOOTHER_CELLS)
    return np.asarray(out, np.float32)


def on_canvas(values: Tone, counts: dict[str, int], cell_master_px: float) -> LightGrid:
    """Continued cells, placed so that the picture's first one lies at its corner."""
    top, left = counts.get("top", 0), counts.get("left", 0)
    return LightGrid(values, (0.5 - top) * cell_master_px, (0.5 - left) * cell_master_px, cell_master_px)


def _explained(cells: Tone, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """``weights``, 0 where a cell stands far out of the light of most others; as they are where none is."""
    surface = light.fit_surface(cells, weights, 2, Roi.of(Extent(*weights.shape)))
    apart = np.abs(cells - surface).max(axis=2)
    seen = weights > 0
    limit = _OUTSTANDING * 1.4826 * float(np.median(apart[seen])) + _LEAST_OUTSTANDING if seen.any() else 0.0
    odd = (seen & (apart > limit)).astype(np.uint8)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(odd, connectivity=8)
    small = boxes[:, cv2.CC_STAT_AREA] < _THING_SHARE * weights.size  # larger ones are the set: its floor
    small[0] = False
    things = small[labels] if count > 1 else np.zeros(weights.shape, np.bool_)
    few = np.count_nonzero(things) < 0.5 * np.count_nonzero(seen)
    return np.where(things, 0, weights).astype(np.float32) if few else weights


def _smoothed(cells: Tone, weights: NDArray[np.float32], sigma: float) -> Tone:
    """Light is smooth: blur the seen cells a little among themselves, so that texture stays texture."""
    mass = cv2.GaussianBlur(weights, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    blurred = cv2.GaussianBlur(cells * weights[..., None], (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    seen = weights[..., None] > 0
    return np.asarray(np.where(seen, blurred / np.maximum(mass, 1e-6)[..., None], cells), np.float32)
