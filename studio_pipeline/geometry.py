"""Places and sizes on the pixel grid. Rows before columns everywhere; regions are half-open.

Canvas coordinates have their origin at the base's first pixel, so rows and columns that an edit adds above
or to the left of the base are negative.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    y: int
    x: int


@dataclass(frozen=True, slots=True)
class Extent:
    height: int
    width: int

    @property
    def area(self) -> int:
        return self.height * self.width

    @property
    def long_edge(self) -> int:
        return max(self.height, self.width)

    def scaled(self, scale: float) -> Extent:
        """Rounded as ``Roi.scaled`` rounds, so a picture and its region agree."""
        return Extent(*(max(1, math.floor(v * scale + 0.5)) for v in (self.height, self.width)))


@dataclass(frozen=True, slots=True)
class Insets:
    """Pixels added on each side; never negative."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0

    def __post_init__(self) -> None:
        if min(self.top, self.left, self.bottom, self.right) < 0:
            raise ValueError(f"insets cannot be negative: {self}")

    @property
    def any(self) -> bool:
        return bool(self.top or self.left or self.bottom or self.right)


@dataclass(frozen=True, slots=True)
class Roi:
    """A half-open region: rows ``y0 <= y < y1``, columns ``x0 <= x < x1``."""

    y0: int
    x0: int
    y1: int
    x1: int

    @classmethod
    def of(cls, extent: Extent, origin: Point = Point(0, 0)) -> Roi:
        return cls(origin.y, origin.x, origin.y + extent.height, origin.x + extent.width)

    @property
    def extent(self) -> Extent:
        return Extent(max(0, self.y1 - self.y0), max(0, self.x1 - self.x0))

    @property
    def origin(self) -> Point:
        return Point(self.y0, self.x0)

    @property
    def empty(self) -> bool:
        return self.y1 <= self.y0 or self.x1 <= self.x0

    def __and__(self, other: Roi) -> Roi:
        """The common part; empty (never inverted) when there is none."""
        y0, x0 = max(self.y0, other.y0), max(self.x0, other.x0)
        return Roi(y0, x0, max(y0, min(self.y1, other.y1)), max(x0, min(self.x1, other.x1)))

    def contains(self, other: Roi) -> bool:
        return self & other == other

    def grown(self, insets: Insets | int) -> Roi:
        if isinstance(insets, int):
            return Roi(self.y0 - insets, self.x0 - insets, self.y1 + insets, self.x1 + insets)
        return Roi(
            self.y0 - insets.top, self.x0 - insets.left, self.y1 + insets.bottom, self.x1 + insets.right
        )

    def shifted(self, dy: int, dx: int) -> Roi:
        return Roi(self.y0 + dy, self.x0 + dx, self.y1 + dy, self.x1 + dx)

    def scaled(self, scale: float) -> Roi:
        """Each border rounded to the nearest pixel, so regions that touch still touch."""
        return Roi(*(math.floor(v * scale + 0.5) for v in (self.y0, self.x0, self.y1, self.x1)))

    def within(self, outer: Roi) -> tuple[slice, slice]:
        """Index of this region in an array that holds ``outer``."""
        if not outer.contains(self):
            raise ValueError(f"{self} is not inside {outer}")
        return slice(self.y0 - outer.y0, self.y1 - outer.y0), slice(self.x0 - outer.x0, self.x1 - outer.x0)

    def minus(self, other: Roi) -> list[Roi]:
        """What of this region lies outside ``other``, as at most four regions that do not overlap."""
        inner = self & other
        if inner.empty:
            return [] if self.empty else [self]
        parts = (
            Roi(self.y0, self.x0, inner.y0, self.x1),
            Roi(inner.y0, self.x0, inner.y1, inner.x0),
            Roi(inner.y0, inner.x1, inner.y1, self.x1),
            Roi(inner.y1, self.x0, self.y1, self.x1),
        )
        return [part for part in parts if not part.empty]

    def tiles(self, size: int) -> Iterator[Roi]:
        """Cover the region by tiles of at most ``size`` squared, rows first."""
        for y in range(self.y0, self.y1, size):
            for x in range(self.x0, self.x1, size):
                yield Roi(y, x, min(y + size, self.y1), min(x + size, self.x1))
