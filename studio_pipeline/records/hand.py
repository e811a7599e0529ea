"""What a person asked of one edit of one capture, beyond what the preset says."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Point, Roi
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.records.base import Record

Polygon = tuple[Point, ...]


class Hand(Record):
    """Polygons are in master pixels on the canvas; half a pixel is no matter.

    ``area``: where to work, instead of what the edit finds by itself; each edit says what that means for it.
    ``spare``: where the edit must change nothing. ``tries``: how often "try again" was asked; it is added to
    the seed.
    """

    area: tuple[Polygon, ...] = ()
    spare: tuple[Polygon, ...] = ()
    tries: int = 0


NOTHING = Hand()


class Wish(Record):
    """What a person asks anew of one edit. ``area`` and ``spare``: None leaves what was drawn before.

    ``again`` counts one more try; ``clear`` takes the whole hand back.
    """

    area: tuple[Polygon, ...] | None = None
    spare: tuple[Polygon, ...] | None = None
    again: bool = False
    clear: bool = False

    def of(self, before: Hand) -> Hand:
        if self.clear:
            return NOTHING
        return Hand(
            area=before.area if self.area is None else self.area,
            spare=before.spare if self.spare is None else self.spare,
            tries=before.tries + self.again,
        )


def drawn(polygons: tuple[Polygon, ...], roi: Roi, scale: float) -> Mask:
    """``(h, w)`` of ``roi`` (canvas coordinates at ``scale``), inside any of the polygons; tiles agree."""
    out = np.zeros((roi.extent.height, roi.extent.width), np.bool_)
    for polygon in polygons:
        corners = np.array([[p.x, p.y] for p in polygon], np.float64)
        places = np.rint((corners + 0.5) * scale - 0.5).astype(np.int32)
        (x0, y0), (x1, y1) = places.min(axis=0).tolist(), places.max(axis=0).tolist()
        own = Roi(y0, x0, y1 + 1, x1 + 1)
        part = own & roi
        if not part.empty:
            rows, columns = part.within(own)
            packed = _filled((places - (x0, y0)).astype(np.int32).tobytes())[rows]
            out[part.within(roi)] |= np.unpackbits(packed, axis=1)[:, columns].view(np.bool_)
    return out


@lru_cache(maxsize=16)
def _filled(corners: bytes) -> NDArray[np.uint8]:
    """The whole polygon, eight pixels a byte: OpenCV fills otherwise what the border of an array cuts."""
    import cv2

    places = np.frombuffer(corners, np.int32).reshape(-1, 2)
    out = np.zeros((places[:, 1].max() + 1, places[:, 0].max() + 1), np.uint8)
    cv2.fillPoly(out, [places], (1.0,))
    return np.packbits(out, axis=1)
