"""What a person asked of one edit of one capture, beyond what the preset says."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Point, Roi
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


def drawn(polygons: tuple[Polygon, ...], roi: Roi, scale: float) -> NDArray[np.bool_]:
    """``(h, w)`` of ``roi`` (canvas coordinates at ``scale``), True inside any of the polygons."""
    import cv2

    out = np.zeros((roi.extent.height, roi.extent.width), np.uint8)
    for polygon in polygons:
        corners: NDArray[Any] = np.array([[p.x, p.y] for p in polygon], np.float64)
        places = np.rint((corners + 0.5) * scale - 0.5).astype(np.int32) - (roi.x0, roi.y0)
        cv2.fillPoly(out, [places.astype(np.int32)], (1.0,))
    return out.view(np.bool_)
