"""What a model made, for any region of the canvas at any scale, with the picture's own grain on it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.edits.extension.body import Extension
from studio_pipeline.edits.extension.drawing import Drawing
from studio_pipeline.edits.generated.body import Candidate
from studio_pipeline.edits.generated.making import fine
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import border
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.light import LightGrid, Tone
from studio_pipeline.pixels.texture import Piece
from studio_pipeline.records.generated import Made
from studio_pipeline.records.plan import Grid

_READ = 48  # pieces, for how loud grain is
_GRAIN_SIGMAS, _LEAST_TONE = 3.5, 0.001
_BESIDE_PX = border.MEASURED_PX + 1  # beyond its region a part's light is read so far


class MadeDrawing(Drawing):
    """As an extension is drawn: light, texture on it, and what stands at the border carried over.

    Light is what the model gave. Texture is what of the picture is finer than that; it is read in blocks at
    fixed places, so that it is the same in any tiling.
    """

    def __init__(self, body: Candidate, base: Frame) -> None:
        self.split_px, self.most = body.split_px, np.full(3, np.inf, np.float32)
        rows = body.pieces.array()
        sources = [
            Piece.of_row(row).scaled(base.scale, base.roi) for row in rows[:: max(1, len(rows) // _READ)]
        ]
        self.base, self.gridded, self.gain = base, False, np.ones(3, np.float32)
        self.most = _loudest([self._grain(Roi.of(p.roi.extent, p.source)) for p in sources])
        nothing = Grid.of(np.zeros((1, 1, 3), np.float32))
        extension = Extension(
            light=nothing, light_y0=0, light_x0=0, cell_px=1, pieces=body.pieces, sides=body.sides
        )
        super().__init__(extension, base, lit=Patchwork(body.parts))
        self.regions = [part.roi.scaled(base.scale) for part in body.parts]

    def covers(self, roi: Roi) -> bool:
        return any(region.contains(roi) for region in self.regions)

    def draw_into(self, linear: Linear, roi: Roi) -> None:
        """Over what is there already, in the regions that were made."""
        for region in self.regions:
            part = region & roi
            if not part.empty:
                linear[part.within(roi)] = self.draw(part)[0]

    def _grain(self, part: Roi) -> Tone:
        sigma = self.split_px * self.base.scale
        around = part.grown(math.ceil(4 * sigma) + 1) & self.base.roi
        detail = fine(self._tone(around), sigma)[part.within(around)]
        if self.gain is not None:
            detail = detail * self.gain
        return np.asarray(np.clip(detail, -self.most, self.most), np.float32)


def _loudest(samples: list[Tone]) -> NDArray[np.float32]:
    """By channel, what no grain exceeds: what is louder in a place that is copied is an edge.

    A piece with an edge in it has a larger median; grain is what the calmest have.
    """
    if not samples:
        return np.full(3, np.inf, np.float32)
    deviations = [1.4826 * np.median(np.abs(one), axis=(0, 1)) for one in samples]
    return np.asarray(_GRAIN_SIGMAS * np.quantile(deviations, 0.1, axis=0) + _LEAST_TONE, np.float32)


class Patchwork:
    """The parts' light. Beyond all of them there is none."""

    def __init__(self, parts: Sequence[Made]) -> None:
        self.parts = [(one.roi, LightGrid(one.tone.array(), one.y0, one.x0, one.cell_px)) for one in parts]

    def at(self, roi: Roi, scale: float) -> Tone:
        out = np.zeros((roi.extent.height, roi.extent.width, 3), np.float32)
        for reach_px in (_BESIDE_PX, 0):  # its own region is a part's alone
            for region, grid in self.parts:
                part = region.scaled(scale).grown(reach_px) & roi
                if not part.empty:
                    out[part.within(roi)] = grid.at(part, scale)
        return out
