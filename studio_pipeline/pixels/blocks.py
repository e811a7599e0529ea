"""The 8 x 8 grid of a JPEG: whether it shows, and a copy without it.

A photograph's own grid stays where it is. What is copied from there to somewhere else would bring the grid
along out of step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi

Floats = NDArray[np.float32]

BLOCK_PX = 8
MARGIN_PX = 4
"""What ``without_grid`` needs around a region, where there is that much."""

_SHOWS = 1.1  # steps across the grid over steps elsewhere
_MOST_STEP = 0.03  # of tone: a larger one is an edge in the picture


def shows(values: Floats) -> bool:
    """Whether steps between rows of ``(n, w, c)`` are larger on the grid, which starts at row 0."""
    steps = np.abs(np.diff(values, axis=0)).mean(axis=(1, 2))
    on = np.arange(1, len(values)) % BLOCK_PX == 0
    if on.sum() < 4 or not steps[~on].any():
        return False
    return bool(steps[on].mean() > _SHOWS * steps[~on].mean())


def without_grid(read: Callable[[Roi], Floats], roi: Roi, whole: Roi) -> Floats:
    """Tone of ``roi`` ``(h, w, c)`` with the steps at the grid's lines spread over the pixels beside them.

    ``read`` gives the tone of any region of ``whole``, at whose origin the grid starts. The same in any
    tiling.
    """
    wide = roi.grown(MARGIN_PX) & whole
    tone = read(wide).copy()
    _spread(tone, wide.y0 - whole.y0)
    _spread(tone.swapaxes(0, 1), wide.x0 - whole.x0)
    return tone[roi.within(wide)]


def _spread(tone: Floats, first: int) -> None:
    """Along axis 0, in place: what a step has over the slope beside it goes to two pixels on each side."""
    lines = np.arange(-first % BLOCK_PX, len(tone), BLOCK_PX)
    lines = lines[(lines >= 2) & (lines + 1 < len(tone))]
    before, above, below, after = (tone[lines + k] for k in (-2, -1, 0, 1))
    excess = (below - above) - ((above - before) + (after - below)) / 2
    excess[np.abs(excess) > _MOST_STEP] = 0
    for k, share in ((-2, 0.125), (-1, 0.375), (0, -0.375), (1, -0.125)):
        tone[lines + k] += np.float32(share) * excess
