"""A developed picture: its code values, what they mean, and where they lie on the canvas."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels.color import Codes, Linear, RgbEncoding

_TOP_LEFT = Point(0, 0)


@dataclass(frozen=True, eq=False)
class Frame:
    """Code values ``(height, width, 3)`` uint8 or uint16 (an array or a memory map), in ``encoding``.

    ``origin`` is the canvas place of the first pixel and ``scale`` the size relative to the master, so a
    proxy and its master share plans. ``clipped`` ``(height, width)`` marks pixels where the sensor (or the
    file's own range) was full: every fit treats them as censored.
    """

    codes: Codes
    encoding: RgbEncoding
    clipped: NDArray[np.bool_]
    origin: Point = _TOP_LEFT
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.codes.ndim != 3 or self.codes.shape[2] != 3:
            raise ValueError(f"codes must be (height, width, 3), not {self.codes.shape}")
        if self.clipped.shape != self.codes.shape[:2]:
            raise ValueError(f"clipped is {self.clipped.shape}, the picture {self.codes.shape[:2]}")

    @property
    def extent(self) -> Extent:
        return Extent(*self.codes.shape[:2])

    @property
    def roi(self) -> Roi:
        return Roi.of(self.extent, self.origin)

    @property
    def bits(self) -> int:
        return 8 * self.codes.dtype.itemsize

    def linear(self, roi: Roi | None = None) -> Linear:
        """Linear Rec.2020 float32 of the region (default: all of it), decoded on demand to spare memory."""
        region = roi or self.roi
        return self.encoding.decode(self.codes[region.within(self.roi)])

    def at_scale(self, scale: float) -> Frame:
        """A smaller copy, area-averaged; a pixel is clipped where any it came from was."""
        if scale == self.scale:
            return self
        ratio = scale / self.scale
        target = self.extent.scaled(ratio)
        size = (target.width, target.height)
        codes = cv2.resize(np.ascontiguousarray(self.codes), size, interpolation=cv2.INTER_AREA)
        clipped = any_reduced(self.clipped, target)
        origin = Point(round(self.origin.y * ratio), round(self.origin.x * ratio))
        return Frame(codes, self.encoding, clipped, origin, scale)  # type: ignore[arg-type]


def any_reduced(mask: NDArray[np.bool_], target: Extent) -> NDArray[np.bool_]:
    """A smaller mask, True where any of the pixels that become one is."""
    size = (target.width, target.height)
    if not mask.any():
        return np.zeros((target.height, target.width), np.bool_)
    shares = cv2.resize(mask.astype(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_AREA)
    return np.asarray(shares > 0, np.bool_)


def clipped_in_file(codes: Codes) -> NDArray[np.bool_]:
    """Where any channel stands at the top of the file's own range (for bases that are not from RAW)."""
    full = int(np.iinfo(codes.dtype).max)
    below = cv2.inRange(np.ascontiguousarray(codes), np.zeros(3), np.full(3, full - 1.0))
    return np.asarray(below == 0, np.bool_)


def plan_scale(extent: Extent) -> float:
    """The one scale at which a picture is planned: half size, or a long edge of 2048 if that is smaller."""
    return min(0.5, 2048 / extent.long_edge)
