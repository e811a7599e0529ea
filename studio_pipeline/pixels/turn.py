"""Turn a picture by a few degrees, its masks with it. The only place where a base is resampled.

The whole picture is turned once, before any edit, and what comes of it is the base of all that follows. Only
a part without empty corners is kept. Resampling is Lanczos over 8 x 8 pixels in linear light, held within
what lies around each place, so that a bright edge gets no dark rim (Lanczos, Applied Analysis, 1956;
Duchon, J. Appl. Meteorol. 1979).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, ZoneMap

_REACH_PX = 5  # of the kernel, and one for rounding
_STRIP_ROWS = 1024
_AROUND = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Turn:
    """By ``deg`` clockwise about the middle of a base of extent ``base``, keeping ``region``.

    ``region`` is in master pixels of the turned picture, whose middle is where the base's was. Its corner
    is the first pixel of what is kept, so places in that are shifted by it.
    """

    deg: float
    base: Extent
    region: Roi

    @property
    def extent(self) -> Extent:
        return self.region.extent

    def place(self, y: float, x: float) -> tuple[float, float]:
        """Where a place of the base comes to lie in what is kept. Borders of pixels are whole numbers."""
        y, x = turned(self.deg, self.base, y, x)
        return y - self.region.y0, x - self.region.x0

    def back(self, y: float, x: float) -> tuple[float, float]:
        """Where in the base a place of what is kept was."""
        return turned(-self.deg, self.base, y + self.region.y0, x + self.region.x0)

    def roi(self, roi: Roi) -> Roi:
        """A region of the base as one of the same size about its turned middle, as far as it is kept."""
        y, x = self.place((roi.y0 + roi.y1) / 2, (roi.x0 + roi.x1) / 2)
        origin = Point(round(y - roi.extent.height / 2), round(x - roi.extent.width / 2))
        return Roi.of(roi.extent, origin) & Roi.of(self.extent)

    def frame(self, frame: Frame) -> Frame:
        """A base, or its copy at a smaller scale, turned. Raises ValueError for a base of another extent."""
        if frame.extent != self.base.scaled(frame.scale) or (frame.origin.y, frame.origin.x) != (0, 0):
            raise ValueError(f"{frame.extent} at {frame.scale:.3f} is no base of {self.base}")
        target = self.extent.scaled(frame.scale)
        clipped = self._nearest(cv2.dilate(frame.clipped.astype(np.uint8), _AROUND), target)
        return Frame(self._resampled(frame, target), frame.encoding, clipped > 0, scale=frame.scale)

    def zones(self, zones: ZoneMap) -> ZoneMap:
        """Zones of any size, each pixel the most protected of those it comes from."""
        target = self.extent.scaled(zones.shape[0] / self.base.height)
        return np.asarray(self._nearest(cv2.dilate(np.asarray(zones), _AROUND), target), np.uint8)

    def sure(self, mask: Mask) -> Mask:
        """A mask of any size, True where all the pixels it comes from are."""
        target = self.extent.scaled(mask.shape[0] / self.base.height)
        return np.asarray(self._nearest(cv2.erode(mask.astype(np.uint8), _AROUND), target) > 0, np.bool_)

    def matte(self, matte: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Coverage of any size, between the pixels it comes from."""
        target = self.extent.scaled(matte.shape[0] / self.base.height)
        return np.asarray(
            self._warped(matte, target, self._affine(matte.shape, target), cv2.INTER_LINEAR), np.uint8
        )

    def _affine(self, shape: tuple[int, ...], target: Extent) -> NDArray[np.float64]:
        """From x, y of a pixel of the target to that of an array of the base, ``(2, 3)``."""
        corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]])  # y, x
        places = []
        for y, x in (corners + 0.5) * (self.extent.height / target.height, self.extent.width / target.width):
            y, x = self.back(float(y), float(x))
            places.append((x * shape[1] / self.base.width - 0.5, y * shape[0] / self.base.height - 0.5))
        origin, right, down = np.array(places)
        return np.column_stack([right - origin, down - origin, origin])

    def _nearest(self, values: NDArray[Any], target: Extent) -> NDArray[Any]:
        return self._warped(values, target, self._affine(values.shape, target), cv2.INTER_NEAREST)

    @staticmethod
    def _warped(
        values: NDArray[Any], target: Extent, affine: NDArray[np.float64], kernel: int
    ) -> NDArray[Any]:
        size = (target.width, target.height)
        flags = kernel | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(values, affine, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)

    def _resampled(self, frame: Frame, target: Extent) -> Codes:
        """In strips, so that a master needs little more memory than its codes."""
        affine = self._affine(frame.codes.shape, target)
        out = np.empty((target.height, target.width, 3), frame.codes.dtype)
        whole = frame.roi
        for strip in (Roi(y, 0, min(y + _STRIP_ROWS, target.height), target.width)
                      for y in range(0, target.height, _STRIP_ROWS)):  # fmt: skip
            corners = np.array([(x, y, 1.0) for x in (0, strip.x1 - 1) for y in (strip.y0, strip.y1 - 1)])
            rows = corners @ affine[1]
            y0, y1 = math.floor(rows.min()) - _REACH_PX, math.ceil(rows.max()) + _REACH_PX + 1
            part = Roi(y0, 0, y1, whole.x1) & whole
            moved = affine.copy()
            moved[:, 2] += affine[:, 1] * strip.y0
            moved[1, 2] -= part.y0
            light = frame.linear(part)
            sharp = self._warped(light, strip.extent, moved, cv2.INTER_LANCZOS4)
            for bound, limit in ((cv2.erode, np.maximum), (cv2.dilate, np.minimum)):
                around = self._warped(bound(light, _AROUND), strip.extent, moved, cv2.INTER_NEAREST)
                limit(sharp, around, out=sharp)
            out[strip.y0 : strip.y1] = frame.encoding.encode(sharp, frame.bits)
        return out


def turned(deg: float, base: Extent, y: float, x: float) -> tuple[float, float]:
    """Where a place lies once the base is turned by ``deg`` clockwise about its middle."""
    sine, cosine = math.sin(math.radians(deg)), math.cos(math.radians(deg))
    y, x = y - base.height / 2, x - base.width / 2
    return base.height / 2 + sine * x + cosine * y, base.width / 2 + cosine * x - sine * y


def largest_within(deg: float, base: Extent) -> Roi:
    """The largest upright region about the middle that holds no empty corner once the base is turned."""
    sine, cosine = abs(math.sin(math.radians(deg))), abs(math.cos(math.radians(deg)))
    short, long = sorted((base.height, base.width))
    if short <= 2 * sine * cosine * long:
        reach = (0.5 * short / sine, 0.5 * short / cosine)
        width, height = reach if base.width >= base.height else reach[::-1]
    else:
        width = (base.width * cosine - base.height * sine) / (cosine**2 - sine**2)
        height = (base.height * cosine - base.width * sine) / (cosine**2 - sine**2)
    return _inner(base.height / 2, base.width / 2, height / 2, height / 2, width / 2, width / 2)


def largest_about(deg: float, base: Extent, y: float, x: float, wanted: Roi) -> Roi:
    """``wanted`` grown or shrunk about ``y``, ``x`` of the turned picture until a corner meets its border."""
    factor = math.inf
    for corner_y, corner_x in ((cy, cx) for cy in (wanted.y0, wanted.y1) for cx in (wanted.x0, wanted.x1)):
        here, there = turned(-deg, base, y, x), turned(-deg, base, corner_y, corner_x)
        for at, to, length in zip(here, there, (base.height, base.width), strict=True):
            step = to - at
            if step:
                factor = min(factor, ((length if step > 0 else 0) - at) / step)
    factor = max(0.0, factor)
    above, below = factor * (y - wanted.y0), factor * (wanted.y1 - y)
    return _inner(y, x, above, below, factor * (x - wanted.x0), factor * (wanted.x1 - x))


def _inner(y: float, x: float, above: float, below: float, before: float, after: float) -> Roi:
    return Roi(math.ceil(y - above), math.ceil(x - before), math.floor(y + below), math.floor(x + after))
