"""All that is seen of a frame before anything is decided about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.records.subject import Face
from studio_pipeline.subject import backdrop
from studio_pipeline.subject.backdrop import Floats
from studio_pipeline.subject.bodies import without_a_face
from studio_pipeline.subject.detectors import Detectors, Picture
from studio_pipeline.subject.evidence import Evidence, gather
from studio_pipeline.subject.faces import find_faces, look_again
from studio_pipeline.subject.look import Look, look_at

# Where there is no face to measure by, distances are taken from a face of this share of the long edge.
_UNIT_WITHOUT_FACE = 0.12
_FINER_LONG_EDGE_PX = 2048  # tiny faces are looked for at proxy size
_MOST_BODIES = 4  # faces are looked for again in so many


@dataclass(frozen=True, eq=False)
class Seen:
    """All that was seen of a frame, at the look's scale.

    ``srgb``: the look in 0..1, strong grain averaged out; ``grain``: what it was, in the same units.
    ``bodies``: where somebody is whose face was not found.
    """

    look: Look
    srgb: Floats
    grain: float
    faces: tuple[Face, ...]
    evidence: Evidence
    bodies: tuple[Roi, ...]
    unit_px: float


def see(frame: Frame, detectors: Detectors) -> Seen:
    look = look_at(frame.codes, frame.encoding)
    faces, evidence, bodies = people_in(detectors, frame, look)
    heights = [face.roi.extent.height for face in faces]
    unit_px = float(np.median(heights)) if heights else _UNIT_WITHOUT_FACE * look.extent.long_edge
    srgb = look.picture.astype(np.float32) / np.float32(255)
    grain = backdrop.grain_of(srgb)
    return Seen(look, backdrop.without_grain(srgb, grain), grain, faces, evidence, bodies, unit_px)


def people_in(
    detectors: Detectors, frame: Frame, look: Look
) -> tuple[tuple[Face, ...], Evidence, tuple[Roi, ...]]:
    """The faces of a frame, in the look's pixels, what the person maps say, and bodies without a face.

    Where somebody is whose face was not found it is looked for again.
    """
    faces = find_faces(detectors, look.picture, lambda: _finer(frame))
    evidence = gather(detectors, look.picture, faces)
    bodies = without_a_face(detectors, look.picture, evidence, faces)
    if bodies:
        more = look_again(detectors, look.picture, faces, bodies[:_MOST_BODIES])
        if len(more) > len(faces):
            faces, evidence = more, gather(detectors, look.picture, more)
            bodies = without_a_face(detectors, look.picture, evidence, faces)
    return faces, evidence, tuple(bodies)


def _finer(frame: Frame) -> Picture:
    return look_at(frame.codes, frame.encoding, _FINER_LONG_EDGE_PX).picture
