"""A paper roll that is narrower than the frame: what of the picture is paper, as a region to extend from."""

from __future__ import annotations

import math

from studio_pipeline.edits.extension.turns import turn
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import paper
from studio_pipeline.pixels.blocks import BLOCK_PX
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.kinds import Steps
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.subject.reading import Reading

_SIDES = ("left", "right")  # a roll hangs; what shows above it is its bar, which is cropped


def inside_paper(steps: Steps, frame: Frame, reading: Reading) -> tuple[Roi, tuple[str, ...]]:
    """The part of the master that lies within the paper's edges, and the sides on which one was found.

    A side counts only where nobody reaches past the edge: their surroundings could not be replaced.
    """
    master = reading.record.extent
    outside = {}
    for side in _SIDES:
        found = paper.edge_at_left(*(turn(v, side) for v in (steps.steep, steps.tensor, steps.known)))
        if found is None:
            continue
        # In whole blocks, so that what is left of a JPEG starts with one.
        cut = BLOCK_PX * math.ceil(found * master.width / steps.known.shape[1] / BLOCK_PX)
        strip = turn(reading.zones, side)[:, : cut + math.ceil(2 / frame.scale)]
        if (strip == Zone.BACKDROP).all():
            outside[side] = cut
    left, right = outside.get("left", 0), outside.get("right", 0)
    return Roi(0, left, master.height, master.width - right), tuple(outside)


def cropped(frame: Frame, region: Roi) -> Frame:
    """The part of a frame within ``region`` (its own pixels), in coordinates of its own."""
    part = region.within(frame.roi)
    return Frame(frame.codes[part], frame.encoding, frame.clipped[part], scale=frame.scale)
