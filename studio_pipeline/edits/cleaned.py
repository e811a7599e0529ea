"""What any region of a cleaned backdrop looks like, at any scale, from the plan alone."""

from __future__ import annotations

import math
from collections.abc import Collection

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.edits import healing
from studio_pipeline.edits.extension.drawing import Blocks
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import light, texture
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.light import LightGrid, Tone
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.pixels.strokes import Stroke, along
from studio_pipeline.pixels.texture import Residual
from studio_pipeline.records.flaws import CleanPlan, Fill, Fold
from studio_pipeline.records.generated import Made
from studio_pipeline.records.hand import Hand, drawn


def cleaned(
    whole: CleanPlan, base: Frame, roi: Roi, hand: Hand, off: Collection[str] = ()
) -> tuple[Linear, Mask]:
    """A region of the base, cleaned, and where it differs; linear Rec.2020 ``(h, w, 3)``."""
    body, linear = whole.without(off), base.linear(roi)
    far = _far(body, roi, base.scale)
    replaced = _fill_into(linear, whole, base, roi, far, off)
    replaced |= healing.heal_into(linear, whole.healings(base.scale, off), base, roi)
    gain = _gain(body, roi, base.scale, far)
    if gain is not None:
        linear *= gain
        # What is white stays white: evening must not make it grey.
        scaled = (gain != 1).any(axis=2) & ~base.clipped[roi.within(base.roi)]
        replaced |= scaled
    if hand.spare:
        replaced &= ~drawn(hand.spare, roi, base.scale)
    return linear, replaced


def _far(body: CleanPlan, roi: Roi, scale: float) -> NDArray[np.float32] | None:
    """How far each pixel is from the nearest that may not change, less the doubt of cells and pixels."""
    if body.clear is None:
        return None
    doubt = 1.5 * (body.clear.cell_px + 1 / scale)
    return np.asarray(body.clear.grid().at(roi, scale)[..., 0] - np.float32(doubt), np.float32)


def _fill_into(
    linear: Linear,
    body: CleanPlan,
    base: Frame,
    roi: Roi,
    far: NDArray[np.float32] | None,
    off: Collection[str],
) -> Mask:
    mask = np.zeros(linear.shape[:2], np.bool_)
    if far is None:
        return mask

    def tone(region: Roi) -> Tone:
        """Without dust and threads, be they healed where they lie or not: they are not to be copied."""
        values = base.linear(region)
        healing.heal_into(values, body.healings(base.scale), base, region)
        return light.to_tone(values)

    for fill in body.fills:
        part = fill.roi(base.scale) & roi
        if part.empty or fill.item in off:
            continue
        at = part.within(roi)
        cover = fill.cover(part, base.scale) * (far[at] > 0)
        share, written = _smooth(cover)[..., None], cover > 0
        if fill.made is not None:
            new = _made(fill, fill.made, base, part, tone, share)
        elif fill.offset:
            new = _moved(fill, base, part, tone, share)
        else:
            new = _pieced(fill, body, base, part, tone, share)
        linear[at][written] = light.from_tone(new)[written]
        mask[at] |= written
    return mask


def _moved(fill: Fill, base: Frame, part: Roi, tone: Residual, share: NDArray[np.float32]) -> Tone:
    """One moved copy, faded in: what runs through the rim lies in both, and keeps its strength."""
    old = tone(part)
    if fill.offset is None or fill.shade is None:
        return old
    # Rounded at this scale, the copy may miss the picture by a pixel.
    whole, bounds = fill.roi(base.scale) & base.roi, base.roi
    dy, dx = round(fill.offset.y * base.scale), round(fill.offset.x * base.scale)
    dy = min(max(dy, bounds.y0 - whole.y0), bounds.y1 - whole.y1)
    dx = min(max(dx, bounds.x0 - whole.x0), bounds.x1 - whole.x1)
    copied = tone(part.shifted(dy, dx)) + fill.shade.grid().at(part, base.scale)
    return np.asarray(old + (copied - old) * share, np.float32)


def _pieced(
    fill: Fill, body: CleanPlan, base: Frame, part: Roi, tone: Residual, share: NDArray[np.float32]
) -> Tone:
    """Texture in pieces on the light around, at equal power: grain is neither doubled nor lost at the rim."""
    old = tone(part)
    if body.light is None or fill.pieces is None:
        return old
    grid = body.light.grid()
    pieces = [texture.Piece.of_row(row).scaled(base.scale, base.roi) for row in fill.pieces.array()]
    under = grid.at(part, base.scale)
    laid = texture.lay(pieces, part, lambda region: tone(region) - grid.at(region, base.scale))
    return np.asarray(under + laid * np.sqrt(share) + (old - under) * np.sqrt(1 - share), np.float32)


def _made(fill: Fill, made: Made, base: Frame, part: Roi, tone: Residual, share: NDArray[np.float32]) -> Tone:
    """What a model gave, and the picture's own grain on it; light fades in, grain at equal power."""
    sigma = max(fill.split_px * base.scale, 0.3)

    def detail(block: Roi) -> Tone:
        around = block.grown(math.ceil(4 * sigma) + 1) & base.roi
        values = tone(around)
        smooth = cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        return np.asarray((values - smooth)[block.within(around)], np.float32)

    fine = Blocks(detail, base.roi)
    rows = fill.pieces.array() if fill.pieces is not None else np.zeros((0, texture.Piece.NUMBERS))
    pieces = [texture.Piece.of_row(row).scaled(base.scale, base.roi) for row in rows]
    grid = LightGrid(made.tone.array(), made.y0, made.x0, made.cell_px)
    old, grain = tone(part), fine(part)
    under = (old - grain) * (1 - share) + grid.at(part, base.scale) * share
    return np.asarray(
        under + texture.lay(pieces, part, fine) * np.sqrt(share) + grain * np.sqrt(1 - share), np.float32
    )


def _gain(body: CleanPlan, roi: Roi, scale: float, far: NDArray[np.float32] | None) -> Linear | None:
    """All gains together; None where there are none."""
    if far is None or body.clear is None or not (body.even or body.folds or body.smudges):
        return None
    gain = np.ones((*far.shape, 3), np.float32)
    near = _smooth(far / np.float32(max(body.clear.cell_px, 1)))[..., None]
    for smudge in body.smudges:
        part = smudge.gain.roi.scaled(scale) & roi
        if not part.empty:
            at = part.within(roi)
            gain[at] *= 1 + near[at] * (smudge.gain.grid().at(part, scale) - 1)
    for fold in body.folds:
        part = _fold_roi(fold, scale) & roi
        if not part.empty:
            at = part.within(roi)
            gain[at] *= 1 + near[at] * (fold_gain(fold, part, scale) - 1)
    if body.even is not None:
        fade = _smooth((far - np.float32(body.margin_px)) / np.float32(body.fade_px))[..., None]
        gain *= 1 + fade * (body.even.grid().at(roi, scale) - 1)
    return gain


def _smooth(share: NDArray[np.float32]) -> NDArray[np.float32]:
    """0 below 0, 1 above 1, and no corner in between."""
    t = np.clip(share, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _fold_roi(fold: Fold, scale: float) -> Roi:
    return Stroke(fold.line(scale), fold.reach_px * scale).roi


def fold_gain(fold: Fold, roi: Roi, scale: float) -> Linear:
    """The gain of a crease over a region, linear between its values; 1 beside it."""
    values = fold.gain.array()
    place, side = along(fold.line(scale), roi, fold.reach_px * scale)
    out = np.ones((*place.shape, 3), np.float32)
    beside = np.isfinite(place)
    rows, columns = place[beside], side[beside] / (fold.step_px * scale) + values.shape[1] // 2
    y, x = np.floor(rows).astype(int), np.floor(columns).astype(int)
    y, x = np.clip(y, 0, values.shape[0] - 2), np.clip(x, 0, values.shape[1] - 2)
    v, u = (rows - y).astype(np.float32)[:, None], (columns - x).astype(np.float32)[:, None]
    upper = values[y, x] * (1 - u) + values[y, x + 1] * u
    lower = values[y + 1, x] * (1 - u) + values[y + 1, x + 1] * u
    out[beside] = upper * (1 - v) + lower * v
    return out
