"""Where a spot lies on a face, whatever the frame: by what lasting marks are found again."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from studio_pipeline.records.subject import Face, Mark

SAME_PLACE = 0.05
"""Of the way from the eyes' middle to the chin: by so much landmarks, and turns of the head, move a spot."""


def place_on(face: Face, y: float, x: float) -> Mark | None:
    """A place of master pixels in the face's own frame (affine, by eyes and chin); None without those."""
    if len(face.eyes) != 2 or face.chin is None:
        return None
    left, right = (np.array([eye.y, eye.x], np.float64) for eye in face.eyes)
    middle = (left + right) / 2
    down = np.array([face.chin.y, face.chin.x], np.float64) - middle
    frame = np.stack([(right - left) / 2, down], axis=1)
    if abs(float(np.linalg.det(frame))) < 1:
        return None
    u, v = np.linalg.solve(frame, np.array([y, x]) - middle)
    return Mark(u=round(float(u), 4), v=round(float(v), 4))


def is_known(place: Mark, marks: Iterable[Mark]) -> bool:
    """Whether one of these marks lies at the place, as near as landmarks can tell."""
    # An eye is about 0.55 of a chin's distance away from the middle.
    return any(math.hypot(0.55 * (place.u - m.u), place.v - m.v) <= SAME_PLACE for m in marks)
