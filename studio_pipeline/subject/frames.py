"""Faces inside a frame: a picture on the wall, a mirror, a screen."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.detectors import Picture

Outline = NDArray[np.int32]
"""``(4, 1, 2)`` of x, y, as OpenCV has them."""

_LEAST_FACES, _MOST_SHARE = 1.5, 0.45  # a frame's size: of the face's area, and of the picture's
_INSIDE = 0.97  # of the person: somebody before a panel or a window reaches out of it
_SIDE = 0.03  # of the outline's length that it may stray from four straight sides
_CORNER = 0.35  # the cosine of an angle between two sides, at most
_EDGES = ((30, 90), (60, 180))  # thresholds of Canny's detector


def framed(picture: Picture, faces: tuple[Face, ...], person: Mask) -> list[Face]:
    """The faces that four straight sides enclose, with all of the person that they belong to.

    ``person`` ``(h, w)``: where anybody is likely to be.
    """
    if not faces:
        return []
    smallest_px = min(face.roi.extent.height for face in faces)
    outlines = _quadrilaterals(picture, 4 * smallest_px)
    around = [(face, [o for o in outlines if _holds(o, face.roi)]) for face in faces]
    if not any(held for _, held in around):
        return []
    _, labels = cv2.connectedComponents(person.astype(np.uint8), connectivity=8)
    return [face for face, held in around if any(_encloses(o, face.roi, labels) for o in held)]


def _quadrilaterals(picture: Picture, shortest_px: int) -> list[Outline]:
    """Closed outlines of four straight sides, near a rectangle, at least so long all around."""
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    found = []
    for low, high in _EDGES:
        edges = cv2.dilate(cv2.Canny(grey, low, high), np.ones((3, 3), np.uint8))
        contours, _ = cv2.findContours(edges, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        for contour in contours:
            if len(contour) < shortest_px:
                continue
            bend = _SIDE * cv2.arcLength(contour, True)
            corners = np.asarray(cv2.approxPolyDP(contour, bend, True), np.int32)
            small = cv2.contourArea(corners) < _MOST_SHARE * grey.size
            if len(corners) == 4 and small and cv2.isContourConvex(corners) and _is_upright(corners[:, 0]):
                found.append(corners)
    return found


def _is_upright(corners: NDArray[np.int32]) -> bool:
    sides = (np.roll(corners, -1, axis=0) - corners).astype(np.float64)
    sides /= np.maximum(np.linalg.norm(sides, axis=1, keepdims=True), 1e-9)
    return bool((np.abs((sides * np.roll(sides, -1, axis=0)).sum(axis=1)) < _CORNER).all())


def _holds(corners: Outline, face: Roi) -> bool:
    if cv2.contourArea(corners) < _LEAST_FACES * face.extent.area:
        return False
    places = ((x, y) for x in (face.x0, face.x1) for y in (face.y0, face.y1))
    return all(cv2.pointPolygonTest(corners, place, False) >= 0 for place in places)


def _encloses(corners: Outline, face: Roi, labels: NDArray[Any]) -> bool:
    """Whether the person of the face lies in the outline, too."""
    whole = Roi.of(Extent(*labels.shape))
    own = np.unique(labels[(face & whole).within(whole)])
    body = np.isin(labels, own[own > 0])
    inside = np.zeros(labels.shape, np.uint8)
    cv2.fillConvexPoly(inside, corners, (1,))
    return bool(body.any()) and float(inside[body].mean()) > _INSIDE
