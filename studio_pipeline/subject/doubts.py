"""Why a reading may not be sure: each a line that says what a photographer can do."""

from __future__ import annotations

import cv2
import numpy as np

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.subject.evidence import MOST_FACES
from studio_pipeline.subject.frames import framed
from studio_pipeline.subject.seen import Seen

# A face is somebody's when the person maps cover it.
_COVERED = 0.5
_WHOLE_FACE = 0.85  # of its box that lies in the picture: the forehead may be cut, features not
_SEEN = 0.5  # a pixel is somebody's, by the person maps alone
_STRONG_FACE = 0.75


def contradiction(seen: Seen) -> str:
    """Why the detectors cannot all be right, or nothing."""
    whole, likely = seen.look.roi, seen.evidence.likely
    if len(seen.faces) > MOST_FACES:
        return f"more than {MOST_FACES} people are too many to be outlined surely: outline them by hand"
    covered = [float(likely[face.roi.within(whole)].mean()) > _COVERED for face in seen.faces]
    if not any(covered):
        return "a face was found, but nobody around it: outline the person"
    strong = [face.score > _STRONG_FACE and len(face.sources) > 1 for face in seen.faces]
    if any(s and not c for s, c in zip(strong, covered, strict=True)):
        return "one of the faces has nobody around it (a picture on the wall?): outline the person"
    if any(_is_cut(face.roi.extent) for face in seen.faces):
        return "the frame's border cuts through a face: outline the person"
    if framed(seen.look.picture, seen.faces, likely > _SEEN):
        return "one of the faces is inside a frame (a picture, a mirror, a screen?): outline the person"
    if seen.bodies:
        where = _side(seen.bodies[0], whole)
        return (
            f"somebody {where} has no face that can be seen (turned away, covered, cut?): outline the person"
        )
    for figure in seen.evidence.figures:
        for shoulder in figure.shoulders:
            near = Roi.of(Extent(1, 1), shoulder).grown(round(0.3 * seen.unit_px)) & whole
            if not near.empty and float(likely[near.within(whole)].max()) < 0.2:
                return "the detectors disagree about where somebody stands: outline the person"
    return ""


def somebody(seen: Seen, where: Mask) -> str:
    """Why somebody who is there has to be outlined, or nothing."""
    if not where.any():
        return ""
    x, y, width, height = cv2.boundingRect(where.astype(np.uint8))
    side = _side(Roi(y, x, y + height, x + width), seen.look.roi)
    return f"somebody {side} is cut by the border, or small: outline the person"


def _is_cut(face: Extent) -> bool:
    """Detectors draw squares around faces; what is left of one is narrower."""
    return min(face.height, face.width) < _WHOLE_FACE * face.long_edge


def _side(place: Roi, whole: Roi) -> str:
    middle = (place.x0 + place.x1) / 2 / whole.x1
    return "at the left" if middle < 1 / 3 else "at the right" if middle > 2 / 3 else "in the middle"
