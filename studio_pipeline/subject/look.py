"""The small sRGB picture that detectors look at, whatever the base's depth and profile."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.subject.detectors import Picture

LOOK_LONG_EDGE_PX = 1024
_SHORT_EDGE_PX = 256  # at least; or a long strip would be reduced until nobody can be seen in it


@dataclass(frozen=True, eq=False)
class Look:
    """``picture``: sRGB 8 bit; ``scale``: its size relative to the frame it was made from."""

    picture: Picture
    scale: float

    @property
    def extent(self) -> Extent:
        return Extent(*self.picture.shape[:2])

    @property
    def roi(self) -> Roi:
        return Roi.of(self.extent)


def look_at(codes: Codes, encoding: RgbEncoding, long_edge_px: int = LOOK_LONG_EDGE_PX) -> Look:
    """Codes ``(h, w, 3)`` of any profile as sRGB 8 bit, reduced to ``long_edge_px``, never enlarged.

    A long strip stays larger: what is 256 pixels high is not made less.
    """
    extent = Extent(*codes.shape[:2])
    scale = min(1.0, max(long_edge_px / extent.long_edge, _SHORT_EDGE_PX / min(codes.shape[:2])))
    target = extent.scaled(scale)
    if target != extent:
        size = (target.width, target.height)
        codes = cv2.resize(np.ascontiguousarray(codes), size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    picture = color.convert(codes, encoding, color.named("sRGB"), 8)
    return Look(np.ascontiguousarray(picture, np.uint8), scale)


def square(roi: Roi) -> Roi:
    """The smallest square around a region, on the same centre."""
    side = max(roi.extent.height, roi.extent.width)
    y0, x0 = (roi.y0 + roi.y1 - side) // 2, (roi.x0 + roi.x1 - side) // 2
    return Roi(y0, x0, y0 + side, x0 + side)


def crop(picture: Picture, roi: Roi) -> Picture:
    """The region, the picture's border repeated where the region reaches outside it."""
    height, width = picture.shape[:2]
    inner = roi & Roi(0, 0, height, width)
    part = picture[inner.y0 : inner.y1, inner.x0 : inner.x1]
    pads = (inner.y0 - roi.y0, roi.y1 - inner.y1, inner.x0 - roi.x0, roi.x1 - inner.x1)
    if not any(pads):
        return part
    return np.asarray(cv2.copyMakeBorder(part, *pads, cv2.BORDER_REPLICATE), np.uint8)
