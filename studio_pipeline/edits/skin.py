"""What the edits of bounded retouch share: the open skin of each face, at plan scale."""

from __future__ import annotations

from dataclasses import dataclass

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.faces import own_part
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, Zone, inside
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.reading import Reading


@dataclass(frozen=True, eq=False)
class Skin:
    """One face: ``window`` of the frame, its light ``(h, w, 3)`` and its open skin ``(h, w)``."""

    face: Face
    face_px: float
    window: Roi
    linear: Linear
    open_skin: Mask


def skins(frame: Frame, reading: Reading) -> list[Skin]:
    """Of every face that has some; where two are close, each has the skin that is nearest to it."""
    out = []
    rois = [face.roi.scaled(frame.scale) for face in reading.record.faces]
    for number, (face, roi) in enumerate(zip(reading.record.faces, rois, strict=True)):
        window = roi.grown(roi.extent.height // 8) & frame.roi
        open_skin = inside(reading.canvas_zones(window, frame.scale), Zone.HEALABLE)
        open_skin &= own_part(window, rois, number)
        if open_skin.any():
            high = face.roi.extent.height * frame.scale
            out.append(Skin(face, high, window, frame.linear(window), open_skin))
    return out
