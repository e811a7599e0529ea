"""Where heads are: eyes and chin as the reading has them, crown and sides as the matte shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from studio_pipeline.pixels.masks import Mask
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.reading import Reading

# In distances from the eyes to the chin, of which a bare head has about two.
_USUAL_CROWN, _LEAST_CROWN, _MOST_CROWN = 2.1, 1.7, 3.4
_CHIN_OF_FACE = 0.68  # eyes to chin, as a share of a detector's face, brows to chin
_BAND = 0.3  # half the width in which the crown is looked for, in widths of the face
_BAND_COVERED = 0.2  # of the band; less is a stray lock
_MOST_SIDE = 1.0  # of a face's width: what goes on farther is no head
_LEAST_FACE = 0.4  # of the tallest face; a smaller one is a picture on the wall, or somebody far behind


@dataclass(frozen=True)
class Head:
    """In master pixels, borders between pixels. A crown that the picture cuts lies above its border."""

    eyes_y: float
    eyes_x: float
    crown: float
    chin: float
    left: float
    right: float


def find(reading: Reading) -> list[Head] | None:
    """The heads of the people in front; None where the eyes of one were not found."""
    wanted = in_front(reading)
    if any(len(face.eyes) != 2 for face in wanted):
        return None
    return [_head(reading, face) for face in wanted]


def in_front(reading: Reading) -> list[Face]:
    """The faces that count."""
    faces = reading.record.faces
    tallest = max((face.roi.extent.height for face in faces), default=0)
    return [face for face in faces if face.roi.extent.height >= _LEAST_FACE * tallest]


def together(heads: Sequence[Head]) -> Head:
    """Several as one: the mean of their eyes' height, and what holds all of them."""
    if len(heads) == 1:
        return heads[0]
    left, right = min(h.left for h in heads), max(h.right for h in heads)
    return Head(
        eyes_y=float(np.mean([h.eyes_y for h in heads])),
        eyes_x=(left + right) / 2,
        crown=min(h.crown for h in heads),
        chin=max(h.chin for h in heads),
        left=left,
        right=right,
    )


def _head(reading: Reading, face: Face) -> Head:
    eyes_y, eyes_x = (sum(p) / 2 + 0.5 for p in zip(*((e.y, e.x) for e in face.eyes), strict=True))
    width = face.roi.extent.width
    chin = face.chin.y + 1.0 if face.chin else eyes_y + _CHIN_OF_FACE * face.roi.extent.height
    unit = max(chin - eyes_y, 1.0)
    scale = reading.matte.shape[0] / reading.record.extent.height
    person = reading.matte > 127
    crown = _crown(person, eyes_y * scale, eyes_x * scale, _BAND * width * scale) / scale
    usual = chin - _USUAL_CROWN * unit
    if not chin - _MOST_CROWN * unit <= crown <= chin - _LEAST_CROWN * unit:
        crown = usual  # a raised hand, somebody behind, or hair that the matte lost
    elif crown <= 0:
        crown = min(usual, 0.0)  # the frame cuts it
    row = person[min(max(int(eyes_y * scale), 0), person.shape[0] - 1)]
    left, right = _run(row, eyes_x * scale)
    return Head(
        eyes_y,
        eyes_x,
        crown,
        chin,
        left=max(left / scale, eyes_x - _MOST_SIDE * width),
        right=min(right / scale, eyes_x + _MOST_SIDE * width),
    )


def _crown(person: Mask, eyes_y: float, eyes_x: float, half_width: float) -> float:
    """The border above the topmost row that is the person's, going up from the eyes without a gap."""
    x0, x1 = max(0, round(eyes_x - half_width)), round(eyes_x + half_width) + 1
    above = person[: max(0, int(eyes_y)) + 1, x0:x1]
    if not above.size:
        return eyes_y
    free = np.flatnonzero(above.mean(axis=1) < _BAND_COVERED)
    return float(free[-1] + 1) if len(free) else 0.0


def _run(row: Mask, x: float) -> tuple[float, float]:
    """Borders of the person's stretch of a row around ``x``."""
    at = min(max(int(x), 0), len(row) - 1)
    free = np.flatnonzero(~row)
    before, after = free[free <= at], free[free > at]
    return float(before[-1] + 1) if len(before) else 0.0, float(after[0]) if len(after) else float(len(row))
