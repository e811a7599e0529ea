"""What kind of backdrop stands at a side, and which things on it are no part of it.

Read from steps between neighbouring pixels, after grain is averaged out, at one size for every picture.
Thresholds are in tone (0..1, the square root of light), in which 0.01 is about one step of L*.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent
from studio_pipeline.pixels.light import Tone
from studio_pipeline.pixels.masks import Mask, grow

_LONG_EDGE_PX = 512
_GRAIN_SIGMA_PX = 1.2
_EDGE, _HARD_EDGE = 0.012, 0.03  # tone a pixel
_STILL = 0.004  # steeper than light falls off, and than grain is once it is averaged
_SIDE_SHARE = 0.2  # of the picture: what counts as beside its border
_LEAST_SEEN = 0.02  # of the side, to say anything of it
_PLAIN_EDGES, _TEXTURE_HARD_EDGES, _STRUCTURE_EDGES = 0.005, 0.005, 0.3
_CLIPPED_SHARE = 0.5
_THING_WIDE, _THING_HIGH, _THINGS_SHARE = 0.6, 0.3, 0.12
_ONE_WAY = 0.6  # coherence of slopes, 0..1
_JOIN = 1 / 50  # of the long edge: what stands closer together is one thing


class Kind(StrEnum):
    """Of a backdrop; the value is the word for people."""

    CLIPPED = "clipped white"
    PLAIN = "plain"
    TEXTURED = "textured"
    STRUCTURED = "structured"
    ENVIRONMENT = "an environment"
    UNSEEN = "not visible"


@dataclass(frozen=True, eq=False)
class Steps:
    """Steepness ``(h, w)``, tone a pixel, at a long edge of 512 px at most, and where it is known.

    ``tensor`` ``(h, w, 3)``: squares and product of the slopes across and down, channels summed.
    """

    steep: NDArray[np.float32]
    tensor: NDArray[np.float32]
    known: Mask


def steps(tone: Tone, backdrop: Mask) -> Steps:
    """From tone ``(h, w, 3)`` on the ``backdrop`` only: no edge of a person counts."""
    scale = min(1.0, _LONG_EDGE_PX / max(backdrop.shape))
    size = (max(1, round(backdrop.shape[1] * scale)), max(1, round(backdrop.shape[0] * scale)))
    weight = cv2.resize(backdrop.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    seen = cv2.resize(tone * backdrop[..., None], size, interpolation=cv2.INTER_AREA)
    seen = seen / np.maximum(weight, np.float32(1e-3))[..., None]
    whole = weight > 0.95
    mass = cv2.GaussianBlur(whole.astype(np.float32), (0, 0), _GRAIN_SIGMA_PX)
    smooth = cv2.GaussianBlur(seen * whole[..., None], (0, 0), _GRAIN_SIGMA_PX)
    smooth = smooth / np.maximum(mass, np.float32(1e-3))[..., None]
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    steep = np.sqrt(np.square(across) + np.square(down)).max(axis=2)
    tensor = np.stack(
        [(a * b).sum(axis=2) for a, b in ((across, across), (across, down), (down, down))], axis=-1
    )
    return Steps(steep, tensor, cv2.erode(whole.view(np.uint8), np.ones((5, 5), np.uint8)) > 0)


def things(found: Steps) -> Mask:
    """Compact things that stand out of a calm backdrop (a logo, a lamp, a stand), at the size of ``found``.

    None where they are many or wide: then they are the backdrop.
    """
    height, width = found.steep.shape
    seen = found.steep[found.known]
    if not seen.size or float((seen > _EDGE).mean()) > _STRUCTURE_EDGES / 2:
        return np.zeros(found.steep.shape, np.bool_)
    join = max(1, round(_JOIN * max(height, width)))
    hard = (found.steep > _EDGE) & found.known
    joined = grow(grow(hard, join), -join).astype(np.uint8)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    small = (boxes[:, cv2.CC_STAT_WIDTH] < _THING_WIDE * width) & (
        boxes[:, cv2.CC_STAT_HEIGHT] < _THING_HIGH * height
    )
    small[0] = False
    # A line, a fold, the edge of a screen goes one way: it is carried on, not left out.
    slopes = np.stack(
        [np.bincount(labels[hard], found.tensor[..., k][hard], count) for k in range(3)], axis=-1
    )
    small &= _coherence(slopes) < _ONE_WAY
    out = small[labels] if count > 1 else np.zeros(labels.shape, np.bool_)
    if out.sum() > _THINGS_SHARE * max(1, np.count_nonzero(found.known)):
        return np.zeros(out.shape, np.bool_)
    return grow(np.asarray(out, np.bool_), max(2, join // 4))


def calm(found: Steps, extent: Extent) -> Mask:
    """Where nothing but grain is seen, and nothing else is near, as a mask of ``extent``."""
    near = max(2, round(_JOIN / 2 * max(found.steep.shape)))
    still = ~grow((found.steep > _STILL) | ~found.known, near)
    size = (extent.width, extent.height)
    shown = cv2.resize(still.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(shown, np.bool_)


def kind_at(side: str, found: Steps, apart: Mask, clipped_share: float) -> Kind:
    """The kind of backdrop beside one side, ``apart`` (things) left out."""
    steep, tensor = beside(side, found.steep), beside(side, found.tensor)
    return _kind(steep, tensor, beside(side, found.known & ~apart), clipped_share)


def kind_around(found: Steps, where: Mask) -> Kind:
    """The kind of backdrop in a part of the picture, ``(h, w)`` at the size of ``found``."""
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    if not len(rows):
        return Kind.UNSEEN
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _kind(found.steep[box], found.tensor[box], (found.known & where)[box], 0.0)


def _kind(steep: NDArray[np.float32], tensor: NDArray[np.float32], known: Mask, clipped_share: float) -> Kind:
    if np.count_nonzero(known) < max(16, _LEAST_SEEN * known.size):
        return Kind.CLIPPED if clipped_share > _CLIPPED_SHARE else Kind.UNSEEN
    if clipped_share > _CLIPPED_SHARE:
        return Kind.CLIPPED
    seen = steep[known]
    edges, hard = float((seen > _EDGE).mean()), float((seen > _HARD_EDGE).mean())
    if edges < _PLAIN_EDGES:
        return Kind.PLAIN
    if hard < _TEXTURE_HARD_EDGES:
        return Kind.TEXTURED
    slopes = tensor[known & (steep > _EDGE)].sum(axis=0)
    folds = edges < _STRUCTURE_EDGES or _coherence(slopes) > _ONE_WAY
    return Kind.STRUCTURED if folds else Kind.ENVIRONMENT


def _coherence(tensor: NDArray[Any]) -> NDArray[np.float64]:
    """How much slopes go one way, 0..1 (Bigun & Granlund 1987), of summed tensors ``(..., 3)``."""
    across, mixed, down = (np.asarray(tensor[..., k], np.float64) for k in range(3))
    return np.asarray(np.hypot(across - down, 2 * mixed) / np.maximum(across + down, 1e-12))


def beside(side: str, values: NDArray[Any]) -> NDArray[Any]:
    """The part of a picture ``(h, w)`` beside a side."""
    rows, columns = (max(1, round(_SIDE_SHARE * n)) for n in values.shape[:2])
    parts: dict[str, Any] = {
        "left": np.s_[:, :columns],
        "right": np.s_[:, -columns:],
        "top": np.s_[:rows],
        "bottom": np.s_[-rows:],
    }
    return np.asarray(values[parts[side]])
