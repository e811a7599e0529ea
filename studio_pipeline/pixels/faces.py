"""Whose skin a pixel is, in a picture of several people: the face that is nearest, in heights of faces."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.masks import Mask


def nearest_face(y: float, x: float, faces: Sequence[Roi]) -> int:
    """The number of the face whose middle is nearest to a place. Raises ValueError where there is none."""
    return min(range(len(faces)), key=lambda k: math.dist((y, x), _middle(faces[k])) / faces[k].extent.height)


def own_part(window: Roi, faces: Sequence[Roi], number: int) -> Mask:
    """``(h, w)`` of a window: where that face is the nearest; of faces as near, the first."""
    y, x = np.ogrid[window.y0 : window.y1, window.x0 : window.x1]
    away = [
        np.hypot(y - middle_y, x - middle_x) / face.extent.height
        for face in faces
        for middle_y, middle_x in [_middle(face)]
    ]
    return np.asarray(np.argmin(away, axis=0) == number, np.bool_)


def _middle(face: Roi) -> tuple[float, float]:
    return (face.y0 + face.y1 - 1) / 2, (face.x0 + face.x1 - 1) / 2
