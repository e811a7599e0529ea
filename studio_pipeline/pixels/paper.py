"""Where a paper roll ends inside the frame: a long, nearly straight line at a side, calm on its inner side.

Found on steps at a long edge of 512 px (``kinds.Steps``), turned so that the side is at the left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels.masks import Mask

_OUTER_SHARE = 0.35  # of the width: paper that is narrower than the rest is no paper
_SLANTS = np.linspace(-0.08, 0.08, 17)  # columns a row: a camera held askew, a roll that hangs askew
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
    across, down = tensor[..., 0], tensor[..., 2]
    upright = (steep > _STEP) & (across > _UPRIGHT * down) & known
    rows = np.arange(height)
    for column in range(reach - 1, 2, -1):
        for slant in _SLANTS[np.argsort(np.abs(_SLANTS))]:
            line = np.rint(column + slant * (rows - height / 2)).astype(np.intp)
            inside = (line >= 1) & (line < reach)
            at = np.clip(line, 1, width - 2)
            seen = known[rows, at] & inside
            if seen.sum() < _LEAST_SEEN * height:
                continue
            hit = (upright[rows, at - 1] | upright[rows, at] | upright[rows, at + 1]) & seen
            if hit.sum() >= _LEAST_HIT * seen.sum() and _calm(steep, known, line):
                return int(min(reach, np.ceil(line[inside].max()) + 1 + _MARGIN_PX))
    return None


def _calm(steep: NDArray[np.float32], known: Mask, line: NDArray[np.intp]) -> bool:
    """Whether nothing but paper is seen at the inner side of a line."""
    width = known.shape[1]
    columns = np.arange(width)[None, :]
    start = line[:, None] + 1 + _MARGIN_PX
    beside = (columns >= start) & (columns < start + int(_CALM_SHARE * width)) & known
    return bool(beside.sum() > 64 and (steep[beside] > _STEP).mean() < _CALM_EDGES)
