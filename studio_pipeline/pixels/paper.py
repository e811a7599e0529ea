"""Where a paper roll ends inside the frame: a long, nearly straight line at a side, calm on its inner side.

Found on steps at a long edge of 512 px (``kinds.Steps``), turned so that the side is at the left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels.masks import Mask

_OUTER_SHARE = 0.35  # of the width: paper that is narrower than the rest is no paper
_SLANTS = sorted(
    np.linspace(-0.08, 0.08, 17).tolist(), key=abs
)  # columns a row: a camera held askew, a roll that hangs askew
_STEP = 0.012  # tone a pixel
_UPRIGHT = 3.0  # how many times steeper across than down
_LEAST_SEEN, _LEAST_HIT = 0.35, 0.75  # of the side's length; of what is seen of it
_CALM_SHARE, _CALM_EDGES = 0.1, 0.01  # of the width, at the inner side; of its pixels
_MARGIN_PX = 3  # a curled edge and its shadow


def edge_at_left(steep: NDArray[np.float32], tensor: NDArray[np.float32], known: Mask) -> int | None:
    """How many columns at the left lie outside the paper, at most along the side; None where no edge is.

    The innermost such line: outside it may be a stand, a wall and its corner.
    """
    height, width = known.shape
    reach = int(_OUTER_SHARE * width)
    if reach < 8 or height < 16:
        return None
    upright = (steep > _STEP) & (tensor[..., 0] > _UPRIGHT * tensor[..., 2]) & known
    near = upright.copy()
    near[:, 1:] |= upright[:, :-1]
    near[:, :-1] |= upright[:, 1:]
    lines = [_line_sums(near, known, slant, reach) for slant in _SLANTS]
    for column in range(reach - 1, 2, -1):
        for slant, (hits, seen) in zip(_SLANTS, lines, strict=True):
            if seen[column] < _LEAST_SEEN * height or hits[column] < _LEAST_HIT * seen[column]:
                continue
            line = _line(column, slant, height)
            if _calm(steep, known, line):
                return int(min(reach, np.ceil(line.max()) + 1 + _MARGIN_PX))
    return None


def _line(column: int, slant: float, height: int) -> NDArray[np.intp]:
    return np.asarray(np.rint(column + slant * (np.arange(height) - height / 2)), np.intp)


def _line_sums(
    near: Mask, known: Mask, slant: float, reach: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of each line of one slant, by its middle column: pixels that are upright edges, and that are seen."""
    height = len(known)
    at = _line(0, slant, height)[:, None] + np.arange(reach)[None, :]
    seen = (at >= 0) & (at < reach) & np.take_along_axis(known, np.clip(at, 0, reach), axis=1)
    hits = seen & np.take_along_axis(near, np.clip(at, 0, reach), axis=1)
    return hits.sum(axis=0), seen.sum(axis=0)


def _calm(steep: NDArray[np.float32], known: Mask, line: NDArray[np.intp]) -> bool:
    """Whether nothing but paper is seen at the inner side of a line."""
    width = known.shape[1]
    columns = np.arange(width)[None, :]
    start = line[:, None] + 1 + _MARGIN_PX
    beside = (columns >= start) & (columns < start + int(_CALM_SHARE * width)) & known
    return bool(beside.sum() > 64 and (steep[beside] > _STEP).mean() < _CALM_EDGES)
