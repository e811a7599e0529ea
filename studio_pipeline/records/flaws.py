"""What is cleaned on a backdrop, and how: the plan that ``clean_backdrop`` writes and the guards read.

All places are master pixels. Every part names the ``item`` whose switch it hangs on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Point, Roi
from studio_pipeline.pixels.light import LightGrid
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.pixels.strokes import Healing, Points, Shape, Stroke, at_scale
from studio_pipeline.records.base import Record
from studio_pipeline.records.generated import Made
from studio_pipeline.records.hand import Polygon, drawn
from studio_pipeline.records.plan import Grid


class Placed(Record):
    """A grid of values on the picture; the centre of its first cell lies at ``(y0, x0)``."""

    values: Grid
    y0: float
    x0: float
    cell_px: float

    @classmethod
    def of(cls, grid: LightGrid, step: float = 0.0) -> Placed:
        """``step``: values are rounded to its multiples, which pack better."""
        values = np.rint(grid.values / step) * step if step else grid.values
        return cls(values=Grid.of(values), y0=grid.y0, x0=grid.x0, cell_px=grid.cell_px)

    def grid(self) -> LightGrid:
        return LightGrid(self.values.array(), self.y0, self.x0, self.cell_px)

    @property
    def roi(self) -> Roi:
        """The pixels between its outermost cell centres, and a little more."""
        rows, columns = self.values.shape[:2]
        reach = self.cell_px / 2
        y0, x0 = int(self.y0 - reach), int(self.x0 - reach)
        return Roi(
            y0, x0, int(self.y0 + (rows - 0.5) * self.cell_px), int(self.x0 + (columns - 0.5) * self.cell_px)
        )


class Mark(Record):
    """Dust (one point) or a run of a thread: healed from the pixels at ``offset`` from its own."""

    item: str
    points: tuple[tuple[float, float], ...]
    radius_px: float
    offset: Point

    def stroke(self, scale: float) -> Stroke:
        return Stroke(at_scale(np.array(self.points, np.float64), scale), self.radius_px * scale)


class Smudge(Record):
    """A scuff: its own light times ``gain``."""

    item: str
    gain: Placed


class Fold(Record):
    """A crease: light times ``gain`` ``(points, across, 3)``, which runs along ``points`` ``(n, 2)``.

    Across, a value every ``step_px``, the line in the middle.
    """

    item: str
    points: Grid
    gain: Grid
    step_px: float

    def line(self, scale: float) -> Points:
        return at_scale(self.points.array().astype(np.float64), scale)

    @property
    def reach_px(self) -> float:
        return (self.gain.shape[1] // 2) * self.step_px


class Fill(Record):
    """An area that gets backdrop in place of what stands there; it fades in over ``ramp_px``.

    A copy of what lies at ``offset`` from it, its tone raised by ``shade``; or texture in ``pieces`` on the
    plan's own ``light``; or what a model ``made``, with what of the picture is finer than ``split_px``, a
    Gaussian's sigma, in ``pieces`` on it.
    """

    item: str
    area: tuple[Polygon, ...]
    ramp_px: float
    offset: Point | None = None
    shade: Placed | None = None
    pieces: Grid | None = None
    made: Made | None = None
    split_px: float = 0.0

    def roi(self, scale: float) -> Roi:
        points = np.array([(p.y, p.x) for polygon in self.area for p in polygon])
        (y0, x0), (y1, x1) = points.min(axis=0), points.max(axis=0)
        return Roi(int(y0), int(x0), int(y1) + 1, int(x1) + 1).scaled(scale).grown(1)

    def cover(self, roi: Roi, scale: float) -> NDArray[np.float32]:
        """``(h, w)`` of ``roi``: 0 outside the area, 1 well inside it. Sums of whole numbers: tiles agree."""
        import cv2

        ramp = max(1, round(self.ramp_px * scale / 2))
        window = roi.grown(2 * ramp)
        inside = drawn(self.area, window, scale).view(np.uint8)
        size = (2 * ramp + 1,) * 2
        counts = cv2.boxFilter(inside, cv2.CV_32S, size, normalize=False, borderType=cv2.BORDER_CONSTANT)
        share = counts[2 * ramp : -2 * ramp, 2 * ramp : -2 * ramp] / np.float32(size[0] * size[1])
        # Half of the ramp would lie outside the area: only the inner half counts.
        return np.clip(2 * share - 1, 0, 1).astype(np.float32)


def covered(shapes: Sequence[Shape], roi: Roi) -> Mask:
    """``(h, w)`` of ``roi``, True in any of the shapes."""
    out = np.zeros((roi.extent.height, roi.extent.width), np.bool_)
    for shape in shapes:
        part = shape.roi & roi
        if not part.empty:
            out[part.within(roi)] |= shape.mask(part)
    return out


class CleanPlan(Record):
    """The body of a cleaning plan.

    ``light``: tone of the backdrop under everything, for fills. ``even``: the gain that makes light even.
    ``clear``: distance to the nearest pixel that may not change, as far as it matters.
    ``fade_px``: over which distance even light, and corrections, fade out towards such pixels.
    """

    EDIT: ClassVar[str] = "clean_backdrop"

    marks: tuple[Mark, ...] = ()
    smudges: tuple[Smudge, ...] = ()
    folds: tuple[Fold, ...] = ()
    fills: tuple[Fill, ...] = ()
    light: Placed | None = None
    even: Placed | None = None
    clear: Placed | None = None
    margin_px: float = 0.0
    fade_px: float = 0.0

    def without(self, off: Collection[str]) -> CleanPlan:
        """The same without the parts whose item is switched off."""
        parts = {
            part: tuple(row for row in getattr(self, part) if row.item not in off)
            for part in ("marks", "smudges", "folds", "fills")
        }
        return self.model_copy(update={**parts, "even": None if EVEN in off else self.even})

    def healings(self, scale: float, off: Collection[str] = ()) -> list[Healing]:
        """Every stroke at a scale while these are switched off."""
        return [Healing(mark.stroke(scale), mark.offset, mark.item not in off) for mark in self.marks]

    def healed(self, roi: Roi, scale: float) -> Mask:
        """Where dust and threads are, ``(h, w)`` of ``roi``: pixels that others take the place of."""
        return covered([mark.stroke(scale) for mark in self.marks], roi)

    def filled(self, roi: Roi, scale: float) -> Mask:
        """Where areas are filled, ``(h, w)`` of ``roi``."""
        out = np.zeros((roi.extent.height, roi.extent.width), np.bool_)
        for fill in self.fills:
            part = fill.roi(scale) & roi
            if not part.empty:
                out[part.within(roi)] |= fill.cover(part, scale) > 0
        return out


EVEN = "even light"
"""The id of the one item that evens the light."""
