"""Zones and the morphology of masks. Masks are boolean ``(height, width)``; True = inside, or may change."""

from __future__ import annotations

from enum import IntEnum
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
ZoneMap = NDArray[np.uint8]


# Up to here a dilation is faster than a distance transform; both give the same pixels.
_LARGEST_KERNEL_PX = 20


class Zone(IntEnum):
    """Every canvas pixel is in exactly one. ``NEW`` lies outside the base, where there is nothing yet."""

    BACKDROP = 0
    EDGE = 1
    HEALABLE = 2
    LOCKED = 3
    NEW = 255


def inside(zones: ZoneMap, *wanted: Zone) -> Mask:
    """True where the zone map holds one of ``wanted``."""
    table = np.zeros(256, np.bool_)
    table[list(wanted)] = True
    return table[zones]


def grow(mask: Mask, radius_px: int) -> Mask:
    """Widen by a disc (Euclidean, exact to the pixel). Negative radii shrink; the border does not eat."""
    if radius_px == 0 or not mask.any():
        return mask.copy()
    if radius_px < 0:
        return ~grow(~mask, -radius_px)
    if radius_px <= _LARGEST_KERNEL_PX:
        return np.asarray(cv2.dilate(mask.view(np.uint8), _disc(radius_px)), np.uint8).view(np.bool_)
    distance = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # The transform rounds: 7 may come out as 7.0000005. The next distance there is lies 0.5 / radius farther.
    return np.asarray(distance < radius_px + 0.25 / radius_px, np.bool_)


@cache
def _disc(radius_px: int) -> NDArray[np.uint8]:
    y, x = np.ogrid[-radius_px : radius_px + 1, -radius_px : radius_px + 1]
    return np.asarray(y * y + x * x <= radius_px * radius_px, np.uint8)


def resize_zones(zones: ZoneMap, height: int, width: int) -> ZoneMap:
    """Nearest-neighbour where enlarging; where reducing, a cell takes the most protected zone it touches."""
    zones = _most_protected(_most_protected(zones, height, axis=0), width, axis=1)
    return np.asarray(cv2.resize(zones, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _most_protected(zones: ZoneMap, count: int, axis: int) -> ZoneMap:
    """The largest value (zones are ordered by protection) each of ``count`` cells touches along an axis."""
    size = zones.shape[axis]
    if count >= size:
        return zones
    cells = np.arange(count)
    first, last = cells * size // count, -(-(cells + 1) * size // count) - 1
    out = np.take(zones, first, axis=axis)
    for step in range(1, int((last - first).max()) + 1):  # ten times faster than reduceat along rows
        np.maximum(out, np.take(zones, np.minimum(first + step, last), axis=axis), out=out)
    return out
