"""Broken lines with a width: where a thread or a crease runs, at any scale and in any tile alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Point, Roi
from studio_pipeline.pixels.masks import Mask

Points = NDArray[np.float64]
"""``(n, 2)``, rows before columns; whole numbers are pixel centres."""


def at_scale(points: Points, scale: float) -> Points:
    """Pixel ``i`` of the master covers ``[i, i + 1)``."""
    return np.asarray((points + 0.5) * scale - 0.5, np.float64)


class Shape(Protocol):
    """A flaw at one scale: its bounds, and its pixels in any region."""

    @property
    def roi(self) -> Roi: ...

    def mask(self, roi: Roi, grown_px: float = 0) -> Mask: ...


class Healing(NamedTuple):
    """One of all the flaws that a plan knows: ``offset``, in master pixels, leads to what it is healed from.

    One that is not on is not healed, and is known so that it holds up no membrane beside it.
    """

    shape: Shape
    offset: Point
    is_on: bool


@dataclass(frozen=True, eq=False)
class Stroke:
    """Every pixel whose centre lies within ``radius_px`` of the line; one point makes a disc."""

    points: Points
    radius_px: float

    @cached_property
    def roi(self) -> Roi:
        """Bounds, and one pixel more on each side: the rim that holds up a healing membrane."""
        return _around(self.points, self.radius_px + 1)

    def mask(self, roi: Roi, grown_px: float = 0) -> NDArray[np.bool_]:
        """``(h, w)`` of ``roi``, True inside the stroke widened by ``grown_px``."""
        out = np.zeros((roi.extent.height, roi.extent.width), np.bool_)
        reach = self.radius_px + grown_px
        for piece in _pieces(self.points, roi, reach):
            out[piece.where] |= piece.distance <= reach
        return out


def along(points: Points, roi: Roi, reach_px: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates of the pixels of ``roi`` beside a line of at least two points, each ``(h, w)``.

    The first is the place along it, counted in points (2.5 lies half way between the third and the fourth);
    the second the distance to the right of its direction, in pixels. NaN farther away than ``reach_px``.
    """
    shape = (roi.extent.height, roi.extent.width)
    place, side, nearest = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.inf)
    for piece in _pieces(points, roi, reach_px):
        where = piece.where
        nearer = (piece.distance < nearest[where]) & (piece.distance <= reach_px)
        nearest[where][nearer] = piece.distance[nearer]
        place[where][nearer] = (piece.index + piece.share)[nearer]
        side[where][nearer] = np.copysign(piece.distance, piece.right)[nearer]
    return place, side


@dataclass(frozen=True, eq=False)
class _Piece:
    """The pixels near one straight piece: how far along it (0..1), how far from it, and on which side."""

    index: int
    where: tuple[slice, slice]
    share: NDArray[np.float64]
    distance: NDArray[np.float64]
    right: NDArray[np.float64]


def _pieces(points: Points, roi: Roi, reach_px: float) -> Iterator[_Piece]:
    # From absolute coordinates, by plain sums and products: a pixel gets the same number in any tile.
    ends = points[1:] if len(points) > 1 else points
    for index, (start, end) in enumerate(zip(points, ends, strict=False)):
        part = _around(np.array([start, end]), reach_px) & roi
        if part.empty:
            continue
        dy, dx = end - start
        y = np.arange(part.y0, part.y1, dtype=np.float64)[:, None] - start[0]
        x = np.arange(part.x0, part.x1, dtype=np.float64)[None, :] - start[1]
        length = dy * dy + dx * dx
        share = np.clip((y * dy + x * dx) / length, 0, 1) if length else np.zeros(np.broadcast(y, x).shape)
        away_y, away_x = y - share * dy, x - share * dx
        distance = np.sqrt(away_y * away_y + away_x * away_x)
        yield _Piece(index, part.within(roi), share, distance, y * dx - x * dy)


def _around(points: Points, reach: float) -> Roi:
    (y0, x0), (y1, x1) = points.min(axis=0) - reach, points.max(axis=0) + reach
    return Roi(math.floor(y0), math.floor(x0), math.ceil(y1) + 1, math.ceil(x1) + 1)
