"""Faces inside a frame: a picture on the wall, a mirror, a screen."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.detectors import Picture

_LEAST_FACES, _MOST_SHARE = 1.5, 0.45  # a frame's size: of the face's area, and of the picture's
_INSIDE = 0.97  # of the person: somebody before a panel or a window reaches out of it
_SIDE = 0.03  # of the outline's length that it may stray from four straight sides
_CORNER = 0.35  # the cosine of an angle between two sides, at most
_EDGES = ((30, 90), (60, 180))  # thresholds of Canny's detector


def framed(picture: Picture, faces: tuple[Face, ...], person: Mask) -> list[Face]:
    """The faces that four straight sides enclose, with all of the person that they belong to.

    ``person`` ``(h, w)``: where anybody is likely to be.
    """
    outlines = quadrilaterals(picture)
    _, found = cv2.connectedComponents(person.astype(np.uint8), connectivity=8)
    labels = np.asarray(found, np.int32)
    return [face for face in faces if any(_encloses(outline, face, labels) for outline in outlines)]


def quadrilaterals(picture: Picture) -> list[NDArray[np.int32]]:
    """Closed outlines of four straight sides, near a rectangle, of less than half of the picture; each
    ``(4, 1, 2)`` of x, y, as OpenCV has them.
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    found = []
    for low, high in _EDGES:
        edges = cv2.dilate(cv2.Canny(grey, low, high), np.ones((3, 3), np.uint8))
        contours, _ = cv2.findContours(edges, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        for contour in contours:
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


def _encloses(corners: NDArray[np.int32], face: Face, labels: NDArray[np.int32]) -> bool:
    roi = face.roi
    if cv2.contourArea(corners) < _LEAST_FACES * roi.extent.area:
        return False
    places = ((x, y) for x in (roi.x0, roi.x1) for y in (roi.y0, roi.y1))
    if not all(cv2.pointPolygonTest(corners, place, False) >= 0 for place in places):
        return False
    whole = Roi.of(Extent(*labels.shape))
    own = np.unique(labels[(roi & whole).within(whole)])
    body = np.isin(labels, own[own > 0])
    inside = np.zeros(labels.shape, np.uint8)
    cv2.fillConvexPoly(inside, corners, (1,))
    return bool(body.any()) and float(inside[body].mean()) > _INSIDE
