"""Which skin may be healed at all: the open areas of a face, less everything that makes it that face."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.masks import Mask, grow
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.detectors import Detectors, FacePoints, Picture
from studio_pipeline.subject.look import crop
from studio_pipeline.subject.mesh import around, mesh

# The mesh's oval runs along hairline and ears; drawn in by this much it keeps clear of both.
_INSIDE_OVAL = 0.88
_FEATURE_MARGIN = 0.045  # of the face's height
_HAND_MARGIN = 0.12
# Around the face's median colour, in CIELAB: wide enough for modelling light, too narrow for hair and glass.
_LIGHTNESS_REACH, _COLOUR_REACH = 22.0, 13.0


def healable_skin(detectors: Detectors, picture: Picture, faces: Sequence[Face]) -> Mask:
    """Skin of faces less eyes, brows, lips, nostrils, ears, hairline, hands and whatever covers it.

    ``picture`` is sRGB ``(h, w, 3)`` uint8, faces in its pixels. Conservative: a face whose mesh is not found
    where the face is has none. Skin elsewhere on the body is never healable.
    """
    out = np.zeros(picture.shape[:2], np.bool_)
    whole = Roi(0, 0, *picture.shape[:2])
    for face in faces:
        region = around(face)
        part = crop(picture, region)
        points = mesh(detectors, part, face.roi.shifted(-region.y0, -region.x0))
        if points is None:
            continue
        unit = float(face.roi.extent.height)
        open_skin = _open_areas(points, part.shape[:2], unit) & _skin_coloured(part, points, unit)
        for hand in detectors.hands(part):
            open_skin &= ~grow(_hull(hand, part.shape[:2]), round(_HAND_MARGIN * unit))
        clean = cv2.morphologyEx(open_skin.astype(np.uint8), cv2.MORPH_OPEN, _disc(round(0.02 * unit))) > 0
        inner = region & whole
        out[inner.within(whole)] |= clean[inner.within(region)]
    return out


def _open_areas(points: FacePoints, shape: tuple[int, ...], unit: float) -> Mask:
    centre = points.oval.mean(axis=0)
    inner = _polygon(centre + (points.oval - centre) * _INSIDE_OVAL, shape)
    for feature in points.features:
        inner &= ~grow(_hull(feature, shape), max(1, round(_FEATURE_MARGIN * unit)))
    return inner


def _skin_coloured(part: Picture, points: FacePoints, unit: float) -> Mask:
    """Near the median colour of the face's own open areas, after averaging over pores."""
    smooth = cv2.GaussianBlur(part, (0, 0), max(0.8, 0.008 * unit)).astype(np.float32) / np.float32(255)
    lab = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB)
    sample = lab[_open_areas(points, part.shape[:2], unit)]
    if not len(sample):
        return np.zeros(part.shape[:2], np.bool_)
    away = np.abs(lab - np.median(sample, axis=0))
    colour = np.hypot(away[..., 1], away[..., 2])
    return np.asarray((away[..., 0] < _LIGHTNESS_REACH) & (colour < _COLOUR_REACH), np.bool_)


def _polygon(points_yx: NDArray[np.float32], shape: tuple[int, ...]) -> Mask:
    out = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(out, [np.rint(points_yx[:, ::-1]).astype(np.int32)], (1,))
    return out > 0


def _hull(points_yx: NDArray[np.float32], shape: tuple[int, ...]) -> Mask:
    hull = cv2.convexHull(points_yx.astype(np.float32)).reshape(-1, 2)
    return _polygon(np.asarray(hull, np.float32), shape)


def _disc(radius_px: int) -> NDArray[np.uint8]:
    side = 2 * max(1, radius_px) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
