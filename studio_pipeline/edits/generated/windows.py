"""What a model is shown: where the window lies, and how large it is. Geometry alone, no pixels.

Sizes come from a short list, so that a compiled model is not compiled again for every frame. Places are
master pixels on the canvas.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from studio_pipeline.engines.base import Capabilities
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.grids import Lattice

_SHAPES = ((1, 1), (3, 4), (4, 3), (2, 3), (3, 2), (1, 2), (2, 1))
_GRID_PX = 64
_CONTEXT = 2.0  # of a step's depth: at least so much of the picture beside it
_LEAST_WINDOW = 0.25  # of the picture's long edge, around a region inside it
_STEP_OF_LENGTH = 0.5  # a step is no deeper than that share of its border's length


@dataclass(frozen=True, slots=True)
class Step:
    """One request: ``region`` is to be made, in the window ``lattice``, as a picture of ``asked`` pixels.

    ``side``: of the picture, on which it lies; "" inside.
    """

    side: str
    region: Roi
    lattice: Lattice
    asked: Extent


def shapes(able: Capabilities) -> tuple[Extent, ...]:
    """The sizes that an engine is asked for, about its native ones."""
    grid = math.lcm(able.multiple_of, min(_GRID_PX, able.multiple_of * 8))
    found = []
    for high, wide in _SHAPES:
        unit = math.sqrt(able.native_megapixels * 1e6 / (high * wide))
        sides = (max(1, round(unit * part / grid)) * grid for part in (high, wide))
        found.append(Extent(*sides))
    return tuple(dict.fromkeys(found))


def depths(depth: int, length: int, context: int) -> list[int]:
    """How far each step goes, from the border outwards: none farther than half of what it can see."""
    most = max(1.0, min(_STEP_OF_LENGTH * length, context / _CONTEXT))
    count = max(1, math.ceil(depth / most))
    ends = [round(depth * (k + 1) / count) for k in range(count)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def strip(side: str, region: Roi, start: int, depth: int) -> Roi:
    """The part of a side's region from ``start`` to ``start + depth`` pixels away from the picture."""
    if side == "left":
        return Roi(region.y0, region.x1 - start - depth, region.y1, region.x1 - start)
    if side == "right":
        return Roi(region.y0, region.x0 + start, region.y1, region.x0 + start + depth)
    if side == "top":
        return Roi(region.y1 - start - depth, region.x0, region.y1 - start, region.x1)
    return Roi(region.y0 + start, region.x0, region.y0 + start + depth, region.x1)


def step(side: str, region: Roi, canvas: Roi, able: Capabilities, least_pitch: float) -> Step:
    """The window around a strip, with twice its depth of what is there already.

    ``canvas``: what exists, the strip included; the window lies in it as far as its shape allows.
    ``least_pitch``: master pixels, below which there is nothing to be seen.
    """
    across = side in ("left", "right")
    depth = region.extent.width if across else region.extent.height
    wanted = math.ceil(depth * (1 + _CONTEXT))
    high, wide = region.extent.height, region.extent.width
    high, wide = (high, wanted) if across else (wanted, wide)

    asked, cells, pitch = _sized(Extent(high, wide), canvas.extent, able, least_pitch)
    y0, x0 = _placed(side, region, canvas, pitch, cells)
    return Step(side, region, Lattice(y0, x0, pitch, cells), asked)


def around(region: Roi, canvas: Roi, able: Capabilities, least_pitch: float) -> Step:
    """The window around a region inside the picture, with as much of the set on each side of it."""
    least = round(_LEAST_WINDOW * canvas.extent.long_edge)
    wanted = (
        min(whole, max(least, round(part * (1 + _CONTEXT))))
        for part, whole in (
            (region.extent.height, canvas.extent.height),
            (region.extent.width, canvas.extent.width),
        )
    )
    asked, cells, pitch = _sized(Extent(*wanted), canvas.extent, able, least_pitch)
    y0 = _middle(region.y0, region.y1, canvas.y0, canvas.y1, cells.height * pitch)
    x0 = _middle(region.x0, region.x1, canvas.x0, canvas.x1, cells.width * pitch)
    return Step("", region, Lattice(y0, x0, pitch, cells), asked)


def tile(fine: Step, row: int, column: int) -> Step:
    """A part of a window, of the size that is asked for, whose first cell lies at ``(row, column)`` of it."""
    lattice = fine.lattice
    y0, x0 = lattice.y0 + row * lattice.pitch_px, lattice.x0 + column * lattice.pitch_px
    return Step("", fine.region, Lattice(y0, x0, lattice.pitch_px, fine.asked), fine.asked)


def cells_of(part: Step, fine: Step) -> tuple[slice, slice]:
    """Where a tile's cells lie among those of its window."""
    row, column = (
        round((one - other) / fine.lattice.pitch_px)
        for one, other in ((part.lattice.y0, fine.lattice.y0), (part.lattice.x0, fine.lattice.x0))
    )
    return slice(row, row + part.asked.height), slice(column, column + part.asked.width)


def _sized(
    wanted: Extent, canvas: Extent, able: Capabilities, least_pitch: float
) -> tuple[Extent, Extent, float]:
    """The shape that is asked for, in cells of what size it covers what is wanted, and how many those are."""
    high, wide = wanted.height, wanted.width

    def padding(asked: Extent) -> tuple[float, float]:
        """How much of a shape lies off the canvas, then how coarse it is."""
        pitch = max(high / asked.height, wide / asked.width)
        used = min(pitch * asked.height, canvas.height) * min(pitch * asked.width, canvas.width)
        return (round(1 - used / (pitch * pitch * asked.area), 2), pitch)

    asked = min(shapes(able), key=padding)
    exact = max(high / asked.height, wide / asked.width)
    # A picture smaller than what the model is used to is shown to it enlarged.
    zoom = max(1.0, least_pitch / exact)
    cells = Extent(max(8, round(asked.height / zoom)), max(8, round(asked.width / zoom)))
    return asked, cells, max(least_pitch, exact)


def _placed(side: str, region: Roi, canvas: Roi, pitch: float, cells: Extent) -> tuple[float, float]:
    """The window's corner: the border between old and new runs between cells."""
    high, wide = cells.height * pitch, cells.width * pitch
    if side in ("left", "right"):
        new = math.ceil(region.extent.width / pitch)
        x0 = region.x1 - new * pitch if side == "left" else region.x0 - (cells.width - new) * pitch
        return _middle(region.y0, region.y1, canvas.y0, canvas.y1, high), x0
    new = math.ceil(region.extent.height / pitch)
    y0 = region.y1 - new * pitch if side == "top" else region.y0 - (cells.height - new) * pitch
    return y0, _middle(region.x0, region.x1, canvas.x0, canvas.x1, wide)


def _middle(start: float, stop: float, first: float, last: float, length: float) -> float:
    """Around a stretch, and within what exists where that is longer."""
    place = (start + stop - length) / 2
    return max(first, min(place, last - length)) if last - first >= length else (first + last - length) / 2
