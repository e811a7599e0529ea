"""Things at the frame's border that a plain backdrop does not explain: stands, flags, clamps, tape."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.light import Tone, fit_surface, read_cells
from studio_pipeline.pixels.masks import Mask, grow

_CELL_PX = 8
_SMOOTH = 0.05  # of the long edge: light, which is narrower than what lies behind a thing
_ROUNDS = 4
_PLAIN_SHARE, _PLAIN_SPREAD = 0.88, 0.014  # of the backdrop, and in tone: a set that one light explains
_MOST_STRANGE = 0.015  # of the backdrop, apart from what touches the border
_LEAST, _MOST = 2e-4, 0.08  # of the picture
_FAR = 0.02  # of the long edge, from the person
_STEEP = 0.02  # tone, from pixel to pixel: things end in an edge, light and shade do not
_THIN = 0.035  # of the long edge
_LONG = 3.0  # times as long as thick
_DEEP = 0.08  # of the long edge: what reaches in less may be a stroke of a letter
_ALIKE = 3  # so many short ones at one side are lettering, or a pattern
_LONG_SIDE = 0.6  # of a side: the floor, a wall beside the paper
_COLOURFUL = 0.10  # in tone: plants, flowers and people's things have colours, stands have none
_SHADOW = 0.03  # of the long edge, beside a thing


@dataclass(frozen=True, eq=False)
class Thing:
    """``mask``: all of it, with its soft edge and shadow, ``(h, w)``. ``side``: where it comes in from;
    ``sure``: surely a stand, a pole, a cable.
    """

    mask: Mask
    side: str
    sure: bool


def find(tone: Tone, backdrop: Mask) -> list[Thing]:
    """Things in a picture of a plain set; none where the set is not plain, for there a plant is no stand.

    Args:
        tone: ``(h, w, 3)`` square root of linear light, a long edge of some 500 pixels.
        backdrop: ``(h, w)``, True where nobody is, however near.
    """
    away, spread = _unlike(tone, backdrop)
    if spread is None:
        return []
    limit = max(6 * spread, 0.035)
    strange = ((away > limit) & backdrop).astype(np.uint8)
    closed = cv2.morphologyEx(strange, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    far = cv2.distanceTransform(np.pad(backdrop, 1, constant_values=True).astype(np.uint8), cv2.DIST_L2, 5)
    far = far[1:-1, 1:-1]
    height, width = backdrop.shape
    long_edge, whole = max(height, width), Roi.of(Extent(height, width))
    steep = _steepness(tone)
    inside = [not _touches(stats[label], height, width) for label in range(count)]
    if stats[1:, cv2.CC_STAT_AREA][inside[1:]].sum() > _MOST_STRANGE * np.count_nonzero(backdrop):
        return []
    found = []
    for label in range(1, count):
        x, y, w, h, area = (int(v) for v in stats[label])
        box = Roi(y, x, y + h, x + w)
        if inside[label]:
            continue
        mask = labels == label
        if not _LEAST <= area / mask.size <= _MOST or (
            not backdrop.all() and far[mask].min() < _FAR * long_edge
        ):
            continue
        rim = grow(mask, 1) & ~grow(mask, -1) & _inner(mask.shape)
        if not rim.any() or np.mean(steep[rim] > _STEEP) < 0.6:
            continue
        side, sure = _judged(tone, mask, box, whole)
        if side:
            soft = (away > 3 * spread) & (far > _FAR * long_edge)
            found.append(Thing(_with_shadow(mask, soft, round(_SHADOW * long_edge)), side, sure))
    unsure = [thing.side for thing in found if not thing.sure]
    return [thing for thing in found if thing.sure or unsure.count(thing.side) < _ALIKE]


def _touches(stats: NDArray[np.int32], height: int, width: int) -> bool:
    """Whether a connected part touches the picture's border."""
    x, y, w, h = (int(v) for v in stats[:4])
    return x == 0 or y == 0 or x + w == width or y + h == height


def _unlike(tone: Tone, backdrop: Mask) -> tuple[NDArray[np.float32], float | None]:
    """How far each pixel is from the set's light, and the usual distance; None on a set that is not plain."""
    cells, weights = read_cells(tone, backdrop, _CELL_PX)
    if np.count_nonzero(weights > 0.5) < 30:
        return np.zeros(backdrop.shape, np.float32), None
    rough = fit_surface(cells, weights, 2, Roi.of(Extent(*weights.shape)))
    size = (backdrop.shape[1], backdrop.shape[0])
    surface = cv2.resize(rough, size, interpolation=cv2.INTER_CUBIC)
    sigma = _SMOOTH * max(backdrop.shape)
    seen, limit = backdrop, 0.12
    for _ in range(_ROUNDS):
        difference = np.where(backdrop[..., None], tone - surface, 0).astype(np.float32)
        away = np.abs(difference).max(axis=2)
        seen = backdrop & ~grow((away > limit) & backdrop, 2)
        if not seen.any():
            return away, None
        spread = 1.4826 * float(np.median(away[seen]))
        limit = max(6 * spread, 0.035)
        weight = seen.astype(np.float32)
        mass = cv2.GaussianBlur(weight, (0, 0), sigma)
        total = cv2.GaussianBlur(difference * weight[..., None], (0, 0), sigma)
        surface = surface + total / np.maximum(mass, 0.02)[..., None]
    away = np.abs(np.where(backdrop[..., None], tone - surface, 0)).max(axis=2).astype(np.float32)
    plain = np.count_nonzero((away < limit) & backdrop) > _PLAIN_SHARE * np.count_nonzero(backdrop)
    return away, spread if plain and spread < _PLAIN_SPREAD else None


def _steepness(tone: Tone) -> NDArray[np.float32]:
    """The largest step to a neighbour in any channel, of that pixel or one beside it."""
    slopes = [cv2.Sobel(tone, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (0, 1)]
    largest = np.hypot(*slopes).max(axis=2)
    return np.asarray(cv2.dilate(largest, np.ones((3, 3), np.uint8)), np.float32)


def _inner(shape: tuple[int, ...]) -> Mask:
    """All but the picture's outermost pixels, where no edge can be seen."""
    out = np.zeros(shape, np.bool_)
    out[1:-1, 1:-1] = True
    return out


def _judged(tone: Tone, mask: Mask, box: Roi, whole: Roi) -> tuple[str, bool]:
    """The side a thing comes in from (empty for what is left alone), and whether it is surely equipment."""
    long_edge = whole.extent.long_edge
    padded = np.pad(mask, 1).astype(np.uint8)
    thick = 2 * float(cv2.distanceTransform(padded, cv2.DIST_L2, 5).max())
    length = float(np.hypot(box.extent.height, box.extent.width))
    thin = thick <= _THIN * long_edge
    deep, side = _side(box, whole)
    along = box.extent.width if side in ("top", "bottom") else box.extent.height
    of = whole.extent.width if side in ("top", "bottom") else whole.extent.height
    if along > _LONG_SIDE * of and not thin:
        return "", False  # the floor, or the wall beside the paper
    grey = float(np.median(np.ptp(tone[mask], axis=1))) < _COLOURFUL
    reaches = deep >= _DEEP * long_edge or along > _LONG_SIDE * of
    return side, thin and grey and reaches and length >= _LONG * thick


def _side(box: Roi, whole: Roi) -> tuple[int, str]:
    """Of the sides that a thing touches, the one from which it reaches in least, and how deep."""
    depths = {
        "top": box.y1 - whole.y0 if box.y0 == whole.y0 else None,
        "bottom": whole.y1 - box.y0 if box.y1 == whole.y1 else None,
        "left": box.x1 - whole.x0 if box.x0 == whole.x0 else None,
        "right": whole.x1 - box.x0 if box.x1 == whole.x1 else None,
    }
    return min((depth, side) for side, depth in depths.items() if depth is not None)


def _with_shadow(mask: Mask, soft: Mask, reach_px: int) -> Mask:
    """A thing, its soft edge, and what is unlike the backdrop right beside it."""
    near = grow(mask, reach_px)
    _, labels = cv2.connectedComponents(((soft & near) | grow(mask, 1)).astype(np.uint8))
    joined = np.isin(labels, np.unique(labels[mask]))
    return grow(joined, 2)
