"""Where plain cloth surely is: below a face, and neither skin, hair, metal nor anything with edges.

Nothing here recognises a garment. Everything that could be something else is taken away, and what is left of
the person, if anything, is cloth: so a doubt costs an offer and never a person's skin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Linear, to_lab
from studio_pipeline.pixels.masks import Mask, grow

Floats = NDArray[np.float32]

# All lengths are shares of a face's height.
_WINDOW = 0.055  # a median this wide leaves no speck
_SMOOTH, _EDGE_STEP = 0.012, 5.0  # CIELAB over three such lengths: an edge, a fold, a seam, a button
_EDGE_MARGIN = 0.035
_DRAWN_LEAST, _DRAWN = 3.0, 4.0  # L*; of the mean size of fine texture around
_DRAWN_GAP, _DRAWN_LONG = 0.02, 0.05  # dashes so near are one line; from so long on it is no speck
_SKIN_MARGIN, _HAIR_MARGIN = 0.1, 0.08
_SKIN_LOG = 0.3  # distance of the logarithms of red:green and blue:green
_SKIN_DARKEST = 0.03  # of the face's light
_HAIR_AWAY, _HAIR_LIGHT = 9.0, 14.0  # CIELAB: chroma, lightness
_TEXTURE = 3.0  # L*: median deviation of fine texture; lace, knit and stripes have more
_GRAINY = 0.55  # coherence of the structure tensor: strands, stripes and ribs run one way
_RUNS_LEAST = 0.6  # L*: finer texture is grain
_SHINING = 95.0  # L*: metal, glass, satin's highlight
_LEAST_PART = 0.35  # squared: in smaller pieces too little lies around a speck to judge it by


@dataclass(frozen=True, eq=False)
class Head:
    """A face's region in the pixels at hand, and its open skin ``(h, w)`` of the whole picture."""

    roi: Roi
    open_skin: Mask

    @property
    def unit_px(self) -> float:
        return float(self.roi.extent.height)


def plain_cloth(linear: Linear, silhouette: Mask, person: Mask, heads: Sequence[Head]) -> Mask:
    """``(h, w)``, True where the picture shows plain cloth of somebody whose face is known.

    Args:
        linear: ``(h, w, 3)`` linear Rec.2020.
        silhouette: ``(h, w)``, all that is somebody.
        person: ``(h, w)``, well inside the silhouettes, and below their chins.
        heads: of the people there; one whose open skin is not known has none, and then nothing is cloth.
    """
    out = np.zeros(person.shape, np.bool_)
    if not person.any() or not heads or not all(head.open_skin.any() for head in heads):
        return out
    unit = float(np.median([head.unit_px for head in heads]))
    calm = _without_specks(linear, unit)
    lab = to_lab(calm)
    bare = person.copy()
    for head in heads:
        bare &= ~grow(skin_like(calm, skin_ratios(calm[head.open_skin])), round(_SKIN_MARGIN * unit))
        bare &= ~grow(_hair_like(lab, silhouette, head), round(_HAIR_MARGIN * unit))
    bare &= ~grow(lab[..., 0] > _SHINING, round(_EDGE_MARGIN * unit))
    bare &= _unbroken(lab, linear, unit)
    return _large(bare, _LEAST_PART * unit)


def skin_ratios(skin: Linear) -> NDArray[np.float64]:
    """Of ``(n, 3)`` linear skin: the medians of log red:green, log blue:green and log green."""
    return np.asarray(np.median(_ratios(skin), axis=0), np.float64)


def skin_like(soft: Linear, ratios: NDArray[np.float64]) -> Mask:
    """Of the colour of this skin in any light that is not night, ``(h, w)`` of linear light without grain."""
    away = _ratios(soft) - ratios
    near = np.hypot(away[..., 0], away[..., 1]) < _SKIN_LOG
    return np.asarray(near & (away[..., 2] > np.log(_SKIN_DARKEST)), np.bool_)


def _ratios(linear: Linear) -> NDArray[np.float64]:
    red, green, blue = np.moveaxis(np.log(np.maximum(linear, 1e-4)), -1, 0)
    return np.stack([red - green, blue - green, green], axis=-1)


def _hair_like(lab: Floats, silhouette: Mask, head: Head) -> Mask:
    """What is connected with the places over the brow and beside the eyes and has their colour.

    Hair, however far it falls, a hat, a veil.
    """
    high, wide = head.roi.extent.height, head.roi.extent.width
    seeds = (
        Roi(head.roi.y0 - round(0.3 * high), head.roi.x0 + wide // 4, head.roi.y0, head.roi.x1 - wide // 4),
        Roi(head.roi.y0, head.roi.x0 - wide // 5, head.roi.y0 + high // 2, head.roi.x0),
        Roi(head.roi.y0, head.roi.x1, head.roi.y0 + high // 2, head.roi.x1 + wide // 5),
    )
    out = np.zeros(lab.shape[:2], np.bool_)
    for seed in seeds:
        part = seed & Roi(0, 0, *lab.shape[:2])
        if part.empty:
            continue
        where = part.within(Roi(0, 0, *lab.shape[:2]))
        if not silhouette[where].any():
            continue
        away = lab - np.median(lab[where][silhouette[where]], axis=0)
        alike = (
            silhouette
            & (np.abs(away[..., 0]) < _HAIR_LIGHT)
            & (np.hypot(away[..., 1], away[..., 2]) < _HAIR_AWAY)
        )
        _, labels = cv2.connectedComponents(alike.astype(np.uint8), connectivity=8)
        held = np.unique(labels[where][alike[where]])
        out |= np.isin(labels, held) & alike
    return out


def _without_specks(linear: Linear, unit: float) -> Linear:
    """A median, which takes out what is small, then a mean over grain. In cube roots 8 bits are enough."""
    side = 2 * round(_WINDOW * unit / 2) + 1
    coded = np.rint(255 * np.cbrt(np.clip(linear, 0, 1))).astype(np.uint8)
    calm = (cv2.medianBlur(coded, side).astype(np.float32) / np.float32(255)) ** 3
    return np.asarray(cv2.GaussianBlur(calm, (0, 0), max(1.0, _SMOOTH * unit)), np.float32)


def _unbroken(lab: Floats, linear: Linear, unit: float) -> Mask:
    """Away from edges, and of a fine texture that runs no way. ``lab`` is without specks."""
    sigma = max(1.0, _SMOOTH * unit)
    steps = np.zeros(lab.shape[:2], np.float32)
    for channel in cv2.split(lab):
        dy, dx = cv2.Sobel(channel, cv2.CV_32F, 0, 1) / 8, cv2.Sobel(channel, cv2.CV_32F, 1, 0) / 8
        steps += dy * dy + dx * dx
    edges = np.sqrt(steps) * np.float32(3 * sigma) > _EDGE_STEP
    light = to_lab(linear)[..., 0]
    fine = light - cv2.GaussianBlur(light, (0, 0), sigma)
    edges |= _drawn(light - lab[..., 0], unit)
    return np.asarray(~grow(edges, max(1, round(_EDGE_MARGIN * unit))) & _is_fine(fine, unit), np.bool_)


def _drawn(fine: Floats, unit: float) -> Mask:
    """What the median took out though it is no speck: the rim of a button, a stitched line, a chain."""
    size = np.abs(cv2.GaussianBlur(fine, (0, 0), 0.8))
    typical = cv2.blur(np.minimum(size, np.float32(_TEXTURE)), (2 * round(0.15 * unit) + 1,) * 2)
    seen = (size > np.maximum(_DRAWN_LEAST, _DRAWN * typical)).astype(np.uint8)
    reach = 2 * round(_DRAWN_GAP * unit / 2) + 1
    joined = cv2.morphologyEx(seen, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    long = stats[:count, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1) > _DRAWN_LONG * unit
    long[0] = False
    return np.asarray(long[labels], np.bool_)


def _is_fine(fine: Floats, unit: float) -> Mask:
    """Little texture, or such as runs in no one direction."""
    wide = max(2.0, 0.04 * unit)
    capped = np.minimum(np.abs(fine), np.float32(2 * _TEXTURE))  # a speck is not the cloth's own
    spread = cv2.GaussianBlur(capped, (0, 0), wide)
    dy, dx = cv2.Sobel(fine, cv2.CV_32F, 0, 1), cv2.Sobel(fine, cv2.CV_32F, 1, 0)
    most = np.float32(4 * _TEXTURE)
    dy, dx = np.clip(dy, -most, most), np.clip(dx, -most, most)
    yy, xx, yx = (cv2.GaussianBlur(v, (0, 0), wide) for v in (dy * dy, dx * dx, dy * dx))
    runs = np.hypot(yy - xx, 2 * yx) / np.maximum(yy + xx, 1e-6)
    return np.asarray((spread < _TEXTURE) & ((runs < _GRAINY) | (spread < _RUNS_LEAST)), np.bool_)


def _large(mask: Mask, side_px: float) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=4)
    kept = stats[:count, cv2.CC_STAT_AREA] >= side_px**2
    kept[0] = False
    return np.asarray(kept[labels], np.bool_)
