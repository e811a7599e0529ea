"""The sides on which a canvas was extended, each turned so that one piece of code measures all four.

In a side's own coordinates the seam runs downwards and new area lies to its left: columns below 0 are new,
column 0 is the base's first. Corners belong to no side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.pixels.masks import Mask, Zone, ZoneMap
from studio_pipeline.pixels.metrics import Tone, tone
from studio_pipeline.records.plan import Plan


@dataclass(frozen=True, eq=False)
class Side:
    """Views (nothing is read before it is asked for) of new area and base beside each other."""

    name: str
    codes: Codes
    zones: ZoneMap
    new_px: int
    encoding: RgbEncoding

    @property
    def roi(self) -> Roi:
        return Roi(0, -self.new_px, self.zones.shape[0], self.zones.shape[1] - self.new_px)

    def tone(self, roi: Roi) -> Tone:
        """L* of the finished pixels in ``roi``."""
        return tone(self.encoding.decode(self.codes[roi.within(self.roi)]))

    def backdrop(self, roi: Roi) -> Mask:
        """Where ``roi`` holds backdrop of the base."""
        return np.asarray(self.zones[roi.within(self.roi)] == Zone.BACKDROP, np.bool_)


def extension(rendered: Rendered) -> Plan | None:
    """The plan that made the canvas reach beyond the base; None where it is the base, or a part of it."""
    if rendered.base.contains(rendered.canvas):
        return None
    return next((plan for plan in reversed(rendered.plans) if plan.canvas is not None), None)


# Each brings new area to the left, as a view.
_TURNS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "left": lambda pixels: pixels,
    "right": lambda pixels: pixels[:, ::-1],
    "top": lambda pixels: pixels.swapaxes(0, 1),
    "bottom": lambda pixels: pixels[::-1].swapaxes(0, 1),
}


def extended_sides(rendered: Rendered) -> Iterator[Side]:
    """Left, right, top and bottom, where there is new area."""
    canvas, base = rendered.canvas, rendered.base
    rows, columns = rendered.kept.within(canvas)
    new = {
        "left": base.x0 - canvas.x0,
        "right": canvas.x1 - base.x1,
        "top": base.y0 - canvas.y0,
        "bottom": canvas.y1 - base.y1,
    }
    for name, turn in _TURNS.items():
        if new[name] > 0:
            beside = name in ("left", "right")
            along = (rows, slice(None)) if beside else (slice(None), columns)
            seen = rendered.kept.extent.width if beside else rendered.kept.extent.height
            across = slice(0, new[name] + seen)
            codes, zones = turn(rendered.after[along])[:, across], turn(rendered.zones[along])[:, across]
            yield Side(name, codes, zones, new[name], rendered.encoding)
