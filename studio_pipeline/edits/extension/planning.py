"""Decide how new area is to be made, from the picture at plan scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.edits.extension import copying, lighting
from studio_pipeline.edits.extension.body import Extension, Side
from studio_pipeline.edits.extension.copying import Found
from studio_pipeline.edits.extension.specks import specks
from studio_pipeline.edits.extension.turns import SIDES, turn, turn_back
from studio_pipeline.geometry import Extent, Insets, Roi
from studio_pipeline.pixels import kinds, texture
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.kinds import Kind, Steps
from studio_pipeline.pixels.light import LightGrid, Tone
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.pixels.register import Registered
from studio_pipeline.records.plan import Grid

_WINDOW = 0.05  # a texture piece, as a share of the long edge
_CALM_ENOUGH = 0.2  # of what is clean
COPIED = (Kind.TEXTURED, Kind.STRUCTURED, Kind.ENVIRONMENT)


@dataclass(frozen=True, eq=False)
class Picture:
    """What is read of a picture, at the scale of ``frame``.

    ``tone`` ``(h, w, 3)``: its own, or an empty set's where that reaches, which lies as ``empty_set`` says.
    ``away``: backdrop that may be read and copied, a margin away from the person; ``steps`` are read there.
    ``nobody``: 0..1, how surely nobody is seen, however near: what may be carried over the border.
    """

    frame: Frame
    tone: Tone
    away: Mask
    nobody: NDArray[np.float32]
    steps: Steps
    empty_set: Registered | None = None


@dataclass(frozen=True, eq=False)
class Band:
    """``depth_px`` master pixels inside the border that may be blended over, ``free`` by side: how much, at
    places spread evenly along it, 0..1.
    """

    depth_px: int
    free: dict[str, NDArray[np.float32]]


def decide(picture: Picture, master: Extent, added: Insets, seed: int, band: Band | None = None) -> Extension:
    """How to fill the new area ``added`` (master pixels) around a picture of the size ``master``.

    ``seed``: for the choice among texture pieces that fit alike. ``band``: what of the picture's own backdrop
    may be blended over.
    """
    frame, tone, away, steps = picture.frame, picture.tone, picture.away, picture.steps
    usable = away & ~frame.clipped
    if np.count_nonzero(usable) < 0.5 * np.count_nonzero(away):
        usable = away  # a clipped white set: there is no other light to read
    things = kinds.things(steps)
    apart = _enlarged(things, frame.extent) & away
    kind = {side: _kind(side, steps, things, frame, away) for side in SIDES if asdict(added)[side]}
    away, usable = away & ~apart, usable & ~apart
    seen = _Seen(tone, away, usable, frame.scale, added, seed)
    grid, found = seen.lit(kind)
    residual = tone - grid.at(frame.roi, frame.scale)
    clean = usable
    if found:
        clean, found = _between(found, kind, clean & kinds.calm(steps, frame.extent), clean)
    else:
        clean = clean & ~specks(residual, usable, frame.extent.long_edge)
    sides = tuple(
        Side(
            name=name,
            kind=what,
            border=Grid.of(turn(np.where(apart, 0, picture.nobody), name)[:, 0]),
            blend=Grid.of(band.free[name]) if band else None,
            copies=copying.on_canvas(found[name], name, master, frame.scale) if name in found else None,
        )
        for name, what in kind.items()
    )
    return Extension(
        light=Grid.of(grid.values),
        light_y0=grid.y0,
        light_x0=grid.x0,
        cell_px=grid.cell_px,
        pieces=Grid.of(_pieces(frame, residual, clean, master, added, seed, band)),
        sides=sides,
        empty_set=picture.empty_set,
        blend_px=band.depth_px if band else 0,
    )


@dataclass(frozen=True, eq=False)
class _Seen:
    tone: Tone
    away: Mask
    usable: Mask
    scale: float
    added: Insets
    seed: int

    def lit(self, kind: dict[str, Kind]) -> tuple[LightGrid, dict[str, Found]]:
        """The light, and what is copied. A plain side whose light cannot be foreseen (blurred shapes behind a
        sitter are as smooth as light, and lead nowhere) becomes a textured one in ``kind``.
        """
        if not any(what in COPIED for what in kind.values()):
            doubtful: list[str] = []
            grid = self.plain(doubtful.append)
            kind |= {side: Kind.TEXTURED for side in doubtful if kind[side] is Kind.PLAIN}
            if not any(what in COPIED for what in kind.values()):
                return grid, {}
        return self.copied(kind)

    def plain(self, unforeseen: Callable[[str], None]) -> LightGrid:
        """Everything that is wider than grain and mottle is light, and goes on as light does."""
        cells = lighting.read(self.tone, self.away, self.usable, lighting.CALM_CELLS)
        pitch = cells.cell / self.scale
        counts = lighting.new_cells(self.added, pitch)
        values = lighting.continued(cells, counts, calm=True, unforeseen=unforeseen)
        rng = np.random.default_rng(self.seed)
        return lighting.on_canvas(lighting.mottled(values, cells, counts, rng), counts, pitch)

    def copied(self, kind: dict[str, Kind]) -> tuple[LightGrid, dict[str, Found]]:
        """Only what is wide goes on as light; folds, lines and shapes are copied. What the copies have of
        them becomes part of new area's light, so that copies are joined softly at that size.
        """
        fine = lighting.read(self.tone, self.away, self.away, lighting.CALM_CELLS)
        coarse = lighting.read(self.tone, self.away, self.away, lighting.BUSY_CELLS, without_things=True)
        pitch = fine.cell / self.scale
        counts = lighting.new_cells(self.added, pitch)
        scenes, built = (
            [side for side, what in kind.items() if what is one]
            for one in (Kind.ENVIRONMENT, Kind.STRUCTURED)
        )
        canvas = lighting.continued(coarse, counts, scenes, built)
        roi = Roi.of(Extent(*self.away.shape))
        rough, sharp = (
            self.tone - lighting.on_canvas(cells.values, {}, cells.cell).at(roi, 1.0)
            for cells in (coarse, fine)
        )
        top, left = counts.get("top", 0), counts.get("left", 0)
        height, width = fine.weights.shape
        beside: dict[str, Any] = {
            "left": np.s_[top : top + height, :left],
            "right": np.s_[top : top + height, left + width :],
            "top": np.s_[:top, left : left + width],
            "bottom": np.s_[top + height :, left : left + width],
        }
        found = {}
        for side in (name for name, what in kind.items() if what in COPIED):
            turned = [np.ascontiguousarray(turn(values, side)) for values in (rough, sharp, self.away)]
            own = np.ascontiguousarray(turn(coarse.values, side))
            new = np.ascontiguousarray(turn(canvas[beside[side]], side))
            # In an environment light is things, and says nothing of what they are made of.
            lights = None if kind[side] is Kind.ENVIRONMENT else (own, new)
            made = copying.find(turned[0], turned[1], turned[2], fine.cell, counts[side], lights)
            if made is None:
                continue
            found[side] = made
            detail = np.ascontiguousarray(turn(fine.values - coarse.values, side))
            at_border = (turn(fine.weights, side)[:, 0] > 0.3).astype(np.float32)
            share = turn_back(copying.blended(made, detail, at_border), side)
            canvas[beside[side]] += share
        canvas[top : top + height, left : left + width] = fine.values
        return lighting.on_canvas(canvas, counts, pitch), found


def _between(
    found: dict[str, Found], kind: dict[str, Kind], calm: Mask, clean: Mask
) -> tuple[Mask, dict[str, Found]]:
    """What pieces may be cut from, and the copies: of a set that is built, what is calm between its lines and
    folds is laid in pieces, as on a plain one.
    """
    if np.count_nonzero(calm) < _CALM_ENOUGH * np.count_nonzero(clean):
        return clean, found
    out = dict(found)
    for side, copies in found.items():
        if kind[side] is Kind.STRUCTURED:
            out[side] = copying.without(copies, turn(calm, side))
    return calm, out


def _pieces(
    frame: Frame, residual: Tone, clean: Mask, master: Extent, added: Insets, seed: int, band: Band | None
) -> NDArray[np.float32]:
    # Rounded up: what is laid must reach the canvas's own border at every scale.
    more = {side: math.ceil(px * frame.scale) for side, px in asdict(added).items()}
    target = frame.roi.grown(Insets(**more))
    size = max(16, round(_WINDOW * frame.extent.long_edge))
    over_px = texture.OVER_PX + math.ceil((band.depth_px if band else 0) * frame.scale)
    rng = np.random.default_rng(seed)
    pieces = texture.choose_pieces(residual, clean, target, frame.roi, size, rng, over_px)
    rows = [piece.scaled(1 / frame.scale, Roi.of(master)).row() for piece in pieces]
    return np.array(rows, np.float32).reshape(-1, texture.Piece.NUMBERS)


def _kind(side: str, steps: Steps, apart: Mask, frame: Frame, away: Mask) -> Kind:
    seen = kinds.beside(side, away)
    burnt = kinds.beside(side, away & frame.clipped)
    share = float(np.count_nonzero(burnt)) / max(1, int(np.count_nonzero(seen)))
    return kinds.kind_at(side, steps, apart, share)


def _enlarged(mask: Mask, extent: Extent) -> Mask:
    size = (extent.width, extent.height)
    return np.asarray(cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0, np.bool_)
