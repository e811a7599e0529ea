"""New area for any region of the canvas at any scale, from what was decided and the picture's own pixels.

light + texture + what is carried over the border. Nothing is estimated: texture is read from the picture at
its own resolution, by whole pixels.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.edits.extension.body import Copies, Extension, Side
from studio_pipeline.edits.extension.turns import turn, turn_back
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import blocks, border, light, texture
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.light import LightGrid, Tone
from studio_pipeline.pixels.masks import Mask

_BESIDE_PX = 12
_LEAST_KEPT = 0.4
_BLOCK_PX, _KEPT_BLOCKS = 256, 384  # 300 MB
Floats = NDArray[np.float32]
Residual = Callable[[Roi], Tone]


class Lit(Protocol):
    """Light for any region of the canvas at any scale."""

    def at(self, roi: Roi, scale: float) -> Tone: ...


EmptyReader = Callable[[Roi], tuple[Linear, Mask]]


class Drawing:
    """One body at one scale. What all regions need is read from the picture once."""

    def __init__(
        self, body: Extension, base: Frame, empty: EmptyReader | None = None, lit: Lit | None = None
    ) -> None:
        """``empty`` reads the empty set in the picture's place and exposure, where the body names one;
        ``lit``: other light than the body's.
        """
        self.body, self.base, self.empty = body, base, empty
        self.light = lit or LightGrid(body.light.array(), body.light_y0, body.light_x0, body.cell_px)
        rows = body.pieces.array()
        self.pieces = [texture.Piece.of_row(row).scaled(base.scale, base.roi) for row in rows]
        self.gain = _grain_gain(body, base) if base.bits == 8 else None
        self.gridded = base.bits == 8 and base.scale == 1 and _shows_grid(body, base)
        self.copied = [(side.name, side.copies) for side in body.sides if side.copies is not None]
        self.grain = Blocks(self._grain, base.roi)
        with ThreadPoolExecutor(max(1, len(body.sides))) as threads:
            met = threads.map(self._meeting, body.sides)
        self.met = {side.name: meeting for side, meeting in zip(body.sides, met, strict=True)}

    def residual(self, part: Roi) -> Tone:
        return light.to_tone(self.base.linear(part)) - self.light.at(part, self.base.scale)

    def _tone(self, part: Roi) -> Tone:
        def read(roi: Roi) -> Tone:
            return light.to_tone(self.base.linear(roi))

        return blocks.without_grid(read, part, self.base.roi) if self.gridded else read(part)

    def _grain(self, part: Roi) -> Tone:
        """What is copied: the residual, of the empty set where there is one and it reaches."""
        tone = self._tone(part)
        if self.empty is not None:
            linear, reaches = self.empty(part)
            tone = np.where(reaches[..., None], light.to_tone(linear), tone)
        residual = tone - self.light.at(part, self.base.scale)
        return residual if self.gain is None else residual * self.gain

    def texture(self, roi: Roi) -> Tone:
        """``(h, w, 3)``: copies where a side has some, pieces elsewhere."""
        whole = Roi.of(roi.extent, roi.origin)
        out: Tone | None = None
        for side, copies in self.copied:
            part = _region(side, self.base.roi, whole)
            if part.empty:
                continue
            values, share = copied(copies, part, self.base, self.grain)
            if part == roi and share.min() > 1 - 1e-6:
                return values
            out = texture.lay(self.pieces, roi, self.grain) if out is None else out
            at = part.within(roi)
            out[at] = values + (1 - share)[..., None] * out[at]
        return texture.lay(self.pieces, roi, self.grain) if out is None else out

    def draw(self, roi: Roi) -> tuple[Linear, Mask]:
        """Linear Rec.2020 ``(h, w, 3)`` float32 of ``roi`` on the canvas, and where it is new."""
        shape = (roi.extent.height, roi.extent.width)
        share = np.ones(shape, np.float32)
        inner = self.base.roi & roi
        if not inner.empty:
            share[inner.within(roi)] = self._band(inner)
        mask = share > 0
        if not mask.any():
            return np.zeros((*shape, 3), np.float32), mask
        tone = self.light.at(roi, self.base.scale)
        tone += self.texture(roi)
        for side, (_, left) in self.met.items():
            depth_px = round(self.body.blend_px * self.base.scale)
            part = _near(side, self.base.roi, left.shape[1], depth_px) & roi
            if not part.empty:
                tone[part.within(roi)] += self._carried(side, part)
        drawn = light.from_tone(tone)
        if not inner.empty and mask[inner.within(roi)].any():
            at = inner.within(roi)
            kept = self.base.linear(inner)
            drawn[at] = kept + share[at][..., None] * (drawn[at] - kept)
        return drawn, mask

    def _band(self, inner: Roi) -> Floats:
        """How much of each pixel is drawn, ``(h, w)``: half at the border, none past the band."""
        out = np.zeros((inner.extent.height, inner.extent.width), np.float32)
        depth_px = round(self.body.blend_px * self.base.scale)
        for side in self.body.sides if depth_px else ():
            part = _beside(side.name, self.base.roi, depth_px) & inner
            if side.blend is None or part.empty:
                continue
            along, away = _turned_places(side.name, self.base.roi, part)
            whole = self.base.roi.extent
            count = whole.height if side.name in ("left", "right") else whole.width
            weight = _spread(side.blend.array(), count)[along.start : along.stop]
            fall = 0.5 * (1 + (np.arange(away.start, away.stop) - 0.5) / depth_px)
            share = weight[:, None] * np.clip(fall, 0, 0.5)[None, ::-1]
            at = part.within(inner)
            out[at] = np.maximum(out[at], turn_back(share, side.name))
        return out

    def _meeting(self, side: Side) -> tuple[list[Tone], Floats]:
        """What stands at the border, less what texture has there, in octaves along it; and how much of each
        is left at each distance.
        """
        base, count_px = self.base.roi, border.MEASURED_PX
        kept = turn(self.residual(_beside(side.name, base, count_px)), side.name)
        outside = _region(side.name, base, base.grown(count_px - 1))
        made = turn(self.texture(outside), side.name)[:, ::-1]
        seen = _spread(side.border.array(), len(kept))
        octaves = border.octaves(kept[:, 0] - made[:, 0], seen, self.base.extent.long_edge)
        return octaves, border.measured(kept, made, seen > 0, len(octaves))

    def _carried(self, side: str, part: Roi) -> Tone:
        rows, away = _turned_places(side, self.base.roi, part)
        return turn_back(border.carried(*self.met[side], rows, away)[:, ::-1], side)


class Blocks:
    """Reads any region by way of blocks that it keeps: texture is read from one place again and again."""

    def __init__(self, read: Residual, whole: Roi) -> None:
        self._whole = whole
        self._block = functools.lru_cache(maxsize=_KEPT_BLOCKS)(read)

    def __call__(self, part: Roi) -> Tone:
        out = np.empty((part.extent.height, part.extent.width, 3), np.float32)
        first_y, first_x = (v // _BLOCK_PX * _BLOCK_PX for v in (part.y0, part.x0))
        for y in range(first_y, part.y1, _BLOCK_PX):
            for x in range(first_x, part.x1, _BLOCK_PX):
                block = Roi(y, x, y + _BLOCK_PX, x + _BLOCK_PX) & self._whole
                common = block & part
                out[common.within(part)] = self._block(block)[common.within(block)]
        return out


def _grain_gain(body: Extension, base: Frame) -> NDArray[np.float32]:
    """How much of each channel's texture to copy, so that it is as strong as the picture's when 8 bits have
    rounded it a second time: they add a variance of 1/12 to what has it already. Read beside the borders.
    """
    energies = []
    for side in body.sides:
        codes = turn(base.codes, side.name)[:, :_BESIDE_PX].astype(np.float32)
        known = _spread(side.border.array(), len(codes))[1:-1] > 0.5
        if codes.shape[1] == _BESIDE_PX and known.any():
            energies.append(np.square(cv2.Laplacian(codes, cv2.CV_32F)[1:-1, 1:-1][known]).mean(axis=(0, 1)))
    if not energies:
        return np.ones(3, np.float32)
    rounding = 20 / 12  # the energy of a Laplacian is 20 times the variance of white noise
    kept = 1 - rounding / np.maximum(np.max(energies, axis=0), rounding)
    return np.asarray(np.sqrt(np.maximum(kept, _LEAST_KEPT)), np.float32)


def _shows_grid(body: Extension, base: Frame) -> bool:
    """Whether a JPEG's blocks can be seen beside any border."""
    strips = (turn(base.codes, side.name)[:, :_BESIDE_PX].astype(np.float32) for side in body.sides)
    return any(blocks.shows(strip) for strip in strips)


def _near(side: str, base: Roi, reach_px: int, depth_px: int) -> Roi:
    """What lies past a side, no farther than that, corners included, and the band inside it."""
    far, band = base.grown(reach_px), base.grown(-depth_px)
    return {
        "left": Roi(far.y0, far.x0, far.y1, band.x0),
        "right": Roi(far.y0, band.x1, far.y1, far.x1),
        "top": Roi(far.y0, far.x0, band.y0, far.x1),
        "bottom": Roi(band.y1, far.x0, far.y1, far.x1),
    }[side]


def _beside(side: str, base: Roi, depth_px: int) -> Roi:
    """The band inside a side of the picture."""
    band = base.grown(-depth_px)
    return {
        "left": Roi(base.y0, base.x0, base.y1, band.x0),
        "right": Roi(base.y0, band.x1, base.y1, base.x1),
        "top": Roi(base.y0, base.x0, band.y0, base.x1),
        "bottom": Roi(band.y1, base.x0, base.y1, base.x1),
    }[side] & base


def _region(side: str, base: Roi, roi: Roi) -> Roi:
    """The part of ``roi`` that a side's copies cover: beside the picture, and its border pixels."""
    beside = {
        "left": Roi(base.y0, roi.x0, base.y1, base.x0 + 1),
        "right": Roi(base.y0, base.x1 - 1, base.y1, roi.x1),
        "top": Roi(roi.y0, base.x0, base.y0 + 1, base.x1),
        "bottom": Roi(base.y1 - 1, base.x0, roi.y1, base.x1),
    }[side]
    return beside & roi


def _turned_places(side: str, base: Roi, part: Roi) -> tuple[range, range]:
    """Of ``part``, turned: its places along the border, and its distances from it, 1 = beside it."""
    along = range(part.y0 - base.y0, part.y1 - base.y0)
    across = range(part.x0 - base.x0, part.x1 - base.x0)
    return {
        "left": (along, range(base.x0 - part.x1 + 1, base.x0 - part.x0 + 1)),
        "right": (along, range(part.x0 - base.x1 + 1, part.x1 - base.x1 + 1)),
        "top": (across, range(base.y0 - part.y1 + 1, base.y0 - part.y0 + 1)),
        "bottom": (across, range(part.y0 - base.y1 + 1, part.y1 - base.y1 + 1)),
    }[side]


def _spread(weights: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Weights along a border at another scale: a place counts when all that it is drawn from does."""
    places = (np.arange(count) + 0.5) / count * len(weights) - 0.5
    low = np.clip(np.floor(places).astype(np.intp), 0, len(weights) - 1)
    high = np.clip(low + 1, 0, len(weights) - 1)
    return np.asarray(np.minimum(weights[low], weights[high]), np.float32)


def copied(copies: Copies, roi: Roi, base: Frame, residual: Residual) -> tuple[Tone, NDArray[np.float32]]:
    """The copies' sum over ``roi``, ``(h, w, 3)``, and how much of each pixel they make up, ``(h, w)``."""
    labels, shifts, scale = copies.labels.array(), copies.shifts.array(), base.scale
    rows = _between((np.arange(roi.y0, roi.y1) + 0.5) / scale, copies.y0, copies.node_px, labels.shape[0])
    columns = _between((np.arange(roi.x0, roi.x1) + 0.5) / scale, copies.x0, copies.node_px, labels.shape[1])
    window = labels[rows.first : rows.last, columns.first : columns.last]
    total = np.zeros((roi.extent.height, roi.extent.width, 3), np.float32)
    share, all_of_it = np.zeros(total.shape[:2], np.float32), np.zeros(total.shape[:2], np.float32)
    for label in np.unique(window).astype(int):
        linear = cv2.remap(
            np.where(window == label, np.float32(1), np.float32(0)),
            np.tile(columns.places, (len(rows.places), 1)),
            np.tile(rows.places[:, None], (1, len(columns.places))),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        # A narrow fade: where two grains mix, both are softened.
        weight = np.asarray(np.square(np.square(linear)), np.float32)
        if label < 0:
            all_of_it += weight
            continue
        used = _bounds(weight, roi)
        dy, dx = (math.floor(float(v) * scale + 0.5) for v in shifts[label])
        there = used.shifted(dy, dx) & base.roi
        if there.empty:
            continue
        at = there.shifted(-dy, -dx).within(roi)
        total[at] += weight[at][..., None] * residual(there)
        share[at] += weight[at]
        all_of_it[at] += weight[at]  # a copy that ends with the picture leaves its place to the others
    all_of_it = np.maximum(all_of_it, np.float32(1e-6))
    return total / all_of_it[..., None], share / all_of_it


class _Between:
    """Places between nodes: ``places`` count from node ``first``; nodes up to ``last`` are needed."""

    def __init__(self, places: NDArray[np.float32], first: int, last: int) -> None:
        self.places, self.first, self.last = places, first, last


def _between(pixels: NDArray[np.float64], start: float, pitch: float, count: int) -> _Between:
    places = np.clip((pixels - start) / pitch, 0, count - 1)
    first, last = int(np.floor(places[0])), int(np.ceil(places[-1])) + 1
    return _Between((places - first).astype(np.float32), first, max(last, first + 1))


def _bounds(weight: NDArray[np.float32], roi: Roi) -> Roi:
    """The smallest region that holds all of a weight."""
    rows, columns = np.flatnonzero(weight.any(axis=1)), np.flatnonzero(weight.any(axis=0))
    if not len(rows):
        return Roi(roi.y0, roi.x0, roi.y0, roi.x0)
    return Roi(
        roi.y0 + int(rows[0]),
        roi.x0 + int(columns[0]),
        roi.y0 + int(rows[-1]) + 1,
        roi.x0 + int(columns[-1]) + 1,
    )
