"""EXIF orientation (1..8, TIFF 6.0 tag 274): applied once, when a base is made."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent

# LibRaw's flip is three bits: 1 mirrors columns, 2 mirrors rows, 4 transposes (applied first).
_FROM_LIBRAW_FLIP = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}
# After the transposition of 5 to 8, what cv2.flip is to do: 0 rows, 1 columns, -1 both.
_FLIPS = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}


def from_libraw(flip: int) -> int:
    return _FROM_LIBRAW_FLIP.get(flip, 1)


def upright(picture: NDArray[Any], orientation: int) -> NDArray[Any]:
    """``(h, w)`` or ``(h, w, c)`` as stored, turned and mirrored upright; contiguous."""
    if orientation == 1:
        return np.ascontiguousarray(picture)
    turned: Any = np.ascontiguousarray(picture)
    if picture.dtype == np.bool_:
        turned = turned.view(np.uint8)
    if orientation >= 5:
        turned = cv2.transpose(turned)
    if orientation not in _FLIPS:
        return np.asarray(turned.view(picture.dtype))
    return np.asarray(cv2.flip(turned, _FLIPS[orientation]).view(picture.dtype))


def upright_extent(extent: Extent, orientation: int) -> Extent:
    return Extent(extent.width, extent.height) if orientation >= 5 else extent


def valid(value: object) -> int:
    """The tag's value, or 1 where a file says something else."""
    return value if isinstance(value, int | np.integer) and 1 <= value <= 8 else 1  # type: ignore[return-value]
