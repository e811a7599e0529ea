"""What was decided about new area: everything a tile needs. Places are master pixels, on the canvas."""

from __future__ import annotations

from studio_pipeline.pixels.kinds import Kind
from studio_pipeline.pixels.register import Registered
from studio_pipeline.records.base import Record
from studio_pipeline.records.plan import Grid


class Copies(Record):
    """A shift map. Node (i, j) of ``labels`` has its centre at ``(y0 + i * node_px, x0 + j * node_px)``.

    A label names a row of ``shifts`` (dy, dx): from a place to where it is copied from; -1 = nothing is.
    """

    labels: Grid
    shifts: Grid
    y0: float
    x0: float
    node_px: float


class Side(Record):
    """One side of the picture with new area. ``border``: a weight for places along it, spread evenly over it;
    0 where somebody or something stands there that is not carried on. ``blend``: likewise, how much of the
    band inside the border may be blended over; None for nothing.
    """

    name: str
    kind: Kind
    border: Grid
    blend: Grid | None = None
    copies: Copies | None = None


class Extension(Record):
    """Light as a coarse grid, texture as pieces (rows of ``texture.Piece``) and, where a side has structure,
    as copies, which lie over the pieces. ``empty_set``: how one lies to the picture, where texture is read
    from that. ``blend_px``: how deep the band inside the border is that fades into what is drawn.
    """

    light: Grid
    light_y0: float
    light_x0: float
    cell_px: float
    pieces: Grid
    sides: tuple[Side, ...]
    empty_set: Registered | None = None
    blend_px: int = 0
