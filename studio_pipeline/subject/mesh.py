"""Points on a face: its outlines, where its eyes are, and its chin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Point, Roi
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.detectors import Detectors, FacePoints, Picture
from studio_pipeline.subject.look import crop, square


def around(face: Face) -> Roi:
    """The square that the mesh is looked for in; it may reach outside the picture."""
    return square(face.roi.grown(face.roi.extent.height // 2))


def mesh(detectors: Detectors, part: Picture, roi: Roi) -> FacePoints | None:
    """The outlines of the face at ``roi`` in a crop; None where it is not found, or lies on a neighbour."""
    points = detectors.face_points(part)
    return points if points is not None and _inside(roi, points.oval.mean(axis=0)) else None


def located(detectors: Detectors, picture: Picture, face: Face, to_master: float) -> Face:
    """A face of ``picture`` in master pixels, with its eyes and its chin.

    They come from the mesh, else the eyes alone from the detectors of faces, else there are none.
    """
    region = around(face)
    part, roi = crop(picture, region), face.roi.shifted(-region.y0, -region.x0)
    points = mesh(detectors, part, roi)
    eyes = points.eyes if points is not None else detectors.eyes(part)
    if eyes is None or not _inside(roi, eyes.mean(axis=0)):
        eyes = np.empty((0, 2), np.float32)

    def on_master(place: NDArray[np.float32]) -> Point:
        y, x = (place + (region.y0, region.x0) + 0.5) * to_master - 0.5
        return Point(round(float(y)), round(float(x)))

    return face.model_copy(
        update={
            "roi": face.roi.scaled(to_master),
            "eyes": tuple(on_master(eye) for eye in eyes),
            "chin": on_master(points.chin) if points is not None else None,
        }
    )


def _inside(roi: Roi, place: NDArray[np.float32]) -> bool:
    return bool(roi.y0 < place[0] < roi.y1 and roi.x0 < place[1] < roi.x1)
