"""Where a small flaw is healed from: clean area nearby that looks most like what surrounds it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.pixels.strokes import Points

BORDER_PX = 3
"""Kept free at the picture's border: room for the rim of a flaw, however a scale rounds it."""

_DIRECTIONS = 16
_RINGS = ((2, 5), (3, 9), (5, 14))  # radii, and pixels more
_FAR_RINGS = (*_RINGS[:2], (4, 11), _RINGS[2], (7, 18), (10, 26))
_LOOK_WEIGHTS = np.array([0.05, 1.0, 0.5])  # healing mends light, so it weighs little
_TEXTURE_SIGMA_PX = 3.0


@dataclass(frozen=True, eq=False)
class Near:
    """A picture's light (L*), its texture, and how far each pixel is from what may not be copied."""

    light: NDArray[np.float32]
    texture: NDArray[np.float32]
    room: NDArray[np.float32]

    @classmethod
    def of(cls, light: NDArray[np.float32], plain: Mask, flaws: Iterable[tuple[float, float, float]]) -> Near:
        """``flaws``: discs (y, x, radius) that may not be copied, as little as anything that is not plain."""
        clean = np.zeros(plain.shape, np.uint8)
        inner = (slice(BORDER_PX, -BORDER_PX),) * 2
        clean[inner] = plain[inner]
        for y, x, radius_px in flaws:
            cv2.circle(clean, (round(x), round(y)), math.ceil(radius_px) + 1, (0,), cv2.FILLED)
        room = cv2.distanceTransform(clean, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        texture = light - cv2.GaussianBlur(light, (0, 0), _TEXTURE_SIGMA_PX)
        return cls(light, np.asarray(texture, np.float32), np.asarray(room, np.float32))

    def offset(self, points: Points, radius_px: float, tries: int = 0) -> tuple[int, int] | None:
        """(dy, dx) to the stroke nearby whose texture and light are most like those around this one.

        ``tries``: so many likelier ones were not liked.
        """
        found = self.offsets(points, radius_px)
        return found[tries % len(found)] if found else None

    def offsets(self, points: Points, radius_px: float, far: bool = False) -> list[tuple[int, int]]:
        """All that are clean, the likeliest first. ``far``: twice as far around, and more of them."""
        places, reach = np.rint(points).astype(np.int64), math.ceil(radius_px) + 2
        whole = Roi.of(Extent(*self.room.shape))
        (y0, x0), (y1, x1) = places.min(axis=0), places.max(axis=0)
        box = Roi(int(y0), int(x0), int(y1) + 1, int(x1) + 1)
        if min(box.y0, box.x0, whole.y1 - box.y1, whole.x1 - box.x1) < radius_px + BORDER_PX:
            return []
        around = (box.grown(2 * reach) & whole).within(whole)
        ring = self.room[around] > 0
        if not ring.any():
            return []
        wanted = _look(self.light[around][ring], self.texture[around][ring])
        found: list[tuple[float, tuple[int, int]]] = []
        for dy, dx in _offsets(radius_px, far):
            if not whole.contains(box.shifted(dy, dx)) or self._least_room(places, dy, dx) < reach:
                continue
            there = box.grown(reach - 1).shifted(dy, dx).within(whole)
            unlike = float(np.abs(_look(self.light[there], self.texture[there]) - wanted) @ _LOOK_WEIGHTS)
            found.append((unlike, (dy, dx)))
        found.sort(key=lambda one: one[0])
        return [offset for _, offset in found]

    def _least_room(self, places: NDArray[np.int64], dy: int, dx: int) -> float:
        return float(self.room[places[:, 0] + dy, places[:, 1] + dx].min())


def _look(light: NDArray[np.float32], texture: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean light (L*), and the logarithms of the texture's deviation and of its strongest pixel."""
    strongest = np.abs(texture).max()
    return np.array([light.mean(), np.log(texture.std() + 0.05), np.log(strongest + 0.05)])


def _offsets(radius_px: float, far: bool) -> Iterator[tuple[int, int]]:
    """Nearest first, none so near that the two flaws and their rims meet."""
    for radii, more_px in _FAR_RINGS if far else _RINGS:
        distance = radii * radius_px + more_px
        for k in range(_DIRECTIONS):
            angle = 2 * math.pi * k / _DIRECTIONS
            yield round(distance * math.sin(angle)), round(distance * math.cos(angle))
