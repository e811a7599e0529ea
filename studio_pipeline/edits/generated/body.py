"""What was made of new area by a model: everything a tile needs. Places are master pixels, on the canvas."""

from __future__ import annotations

from studio_pipeline.edits.extension.body import Side
from studio_pipeline.records.base import Record
from studio_pipeline.records.generated import Made
from studio_pipeline.records.plan import Grid


class Candidate(Record):
    """One filling of all regions.

    ``item``: the switch it hangs on. ``parts``: what the model gives, side by side.
    ``pieces``: where the picture's own grain is copied from (rows of ``texture.Piece``): what of it is finer
    than ``split_px``, a Gaussian's sigma. ``sides``: where it meets the picture.
    """

    item: str
    seed: int
    parts: tuple[Made, ...]
    pieces: Grid
    split_px: float
    sides: tuple[Side, ...]
