"""What gives an extension away to the eye: repeats, flat steps in a gradient, blocks of a JPEG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.masks import Mask

Values = NDArray[np.float32]

_LOOKED_AT_PX = 480  # the long edge at which repeats are sought: as a picture is seen whole
_FINE, _COARSE = 1.0, 8.0  # sigmas of the band there
_WINDOW_PX = 40
_MOST_WINDOWS = 24
_FLAT = 0.02  # deviation in 255ths of a window in which there is nothing that could repeat

BLOCK_PX = 8
_BLOCKS = 5  # periods along a window's side in which the grid is sought


def repeat_score(grey: Values, new: Mask) -> float:
    """How much windows of new area look like another place of the picture, or like its mirror image; 0..1.

    Each window is a twelfth of the long edge, band-passed to what the eye takes for mottle, and laid over
    every other place, as it is and mirrored; its best normalised correlation counts, and the windows' mean
    is the score. Copies have 1. A backdrop has a score of its own, by chance and by its lines: the truth's,
    measured alike, is the mark. 0.0 where new area is flat.
    """
    scale = min(1.0, _LOOKED_AT_PX / max(grey.shape))
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)
    inside = cv2.resize(new.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.999
    band = cv2.GaussianBlur(small, (0, 0), _FINE) - cv2.GaussianBlur(small, (0, 0), _COARSE)
    peaks = [
        max(_peak(band, y, x, flip) for flip in (None, 0, 1))
        for y, x in _windows(inside, _WINDOW_PX, _MOST_WINDOWS)
        if band[y : y + _WINDOW_PX, x : x + _WINDOW_PX].std() > _FLAT
    ]
    return float(np.mean(peaks)) if peaks else 0.0


def _windows(inside: Mask, side: int, most: int) -> list[tuple[int, int]]:
    """Corners ``(y, x)`` of windows wholly inside, evenly spread, half a window apart or more."""
    places = cv2.erode(
        inside.astype(np.uint8), np.ones((side, side), np.uint8), anchor=(0, 0), borderValue=(0,)
    )
    if min(inside.shape) < side:
        return []
    places[inside.shape[0] - side + 1 :] = 0
    places[:, inside.shape[1] - side + 1 :] = 0
    corners = np.argwhere(places)
    if not len(corners):
        return []
    step = max(1, side // 2)
    first = corners.min(axis=0)
    grid = corners[((corners - first) % step == 0).all(axis=1)]
    chosen = grid[np.unique(np.linspace(0, len(grid) - 1, most).round().astype(int))]
    return [(int(y), int(x)) for y, x in chosen]


def _peak(band: Values, y: int, x: int, flip: int | None) -> float:
    """The best correlation of a window with any other place."""
    window = band[y : y + _WINDOW_PX, x : x + _WINDOW_PX]
    sought = window if flip is None else cv2.flip(window, flip)
    found = cv2.matchTemplate(band, np.ascontiguousarray(sought), cv2.TM_CCOEFF_NORMED)
    near = _WINDOW_PX // 2
    found[max(0, y - near) : y + near + 1, max(0, x - near) : x + near + 1] = -1
    return float(found.max())


def flat_run_px(codes: Codes, new: Mask) -> float:
    """Mean length along a row over which new area keeps one code; what a band of a gradient is wide.

    Says something of gradients without noise only, and there 16 bits have about 1.
    """
    goes_on = (codes[:, 1:] == codes[:, :-1])[new[:, 1:] & new[:, :-1]]
    count = int(np.count_nonzero(new))
    return count / (count - float(goes_on.mean(axis=1).sum())) if count else float("nan")


def blockiness(grey: Values, where: Mask) -> float:
    """How much steeper, in 255ths, one column and row in eight is than the others; 0 is no grid.

    Measured in windows, each with its own best phase, so that a copied piece shows the grid it brought.
    The best of eight phases is above 0 by chance, too: the uncompressed truth's figure is the mark.
    """
    side = BLOCK_PX * _BLOCKS
    excesses = []
    for turned, mask in ((grey, where), (grey.T, where.T)):
        steps = np.abs(np.diff(turned, axis=1))
        for y, x in _windows(np.ascontiguousarray(mask[:, :-1] & mask[:, 1:]), side, _MOST_WINDOWS):
            line = steps[y : y + side, x : x + side].mean(axis=0)
            phases = line.reshape(_BLOCKS, BLOCK_PX).mean(axis=0)
            others = np.delete(phases, phases.argmax())
            excesses.append(float(phases.max() - others.mean()))
    return float(np.mean(excesses)) if excesses else float("nan")
