"""Extend the background: more of the same backdrop outside the frame, never a pixel of it inside.

Light is read as a robust coarse surface where backdrop is visible and continued past the border; texture and
grain are the backdrop's own residual, laid in pieces at master coordinates. A side where the frame cuts the
person is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

import cv2
import numpy as np
from pydantic import Field, field_validator

from studio_pipeline.edits import sides
from studio_pipeline.edits.base import NO_SOURCES, NOTHING_GIVEN, Given, Patch, Source
from studio_pipeline.geometry import Extent, Insets, Roi
from studio_pipeline.pixels import light, texture
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.light import LightGrid, Tone
from studio_pipeline.pixels.masks import Mask, Zone, grow
from studio_pipeline.records.base import Record
from studio_pipeline.records.plan import Grid, Plan, Tier
from studio_pipeline.subject.reading import Reading

_CELLS = 112  # light cells along the picture's long edge
_SMOOTH_CELLS = 1.4  # mottle wider than this is light, narrower is texture
_MARGIN = 0.006  # kept clear of the person when reading light, as a share of the long edge
_WINDOW = 0.1  # a texture piece, as a share of the long edge
_SPECK_SIGMAS = (0.8, 2.0)  # sizes of dust, at a long edge of 1500 px
_SPECK_LIMITS = (4, 8, 16, 32)  # in spreads; 4 is about 7 sigma of grain: the largest of three channels
_BAND = 0.04  # the mirrored band at the seam, likewise
_MOST_PX = 32768  # to add on one side; twice the width of the largest sensors


class ExtendParams(Record):
    """To an aspect ratio, or by given master pixels; not both."""

    aspect: str | None = Field(None, description="Width to height, as in 4:5 or 16:9.")
    left: int = Field(0, ge=0, le=_MOST_PX, description="Master pixels to add at the left.")
    right: int = Field(0, ge=0, le=_MOST_PX, description="Master pixels to add at the right.")
    top: int = Field(0, ge=0, le=_MOST_PX, description="Master pixels to add at the top.")
    bottom: int = Field(0, ge=0, le=_MOST_PX, description="Master pixels to add at the bottom.")
    side: Literal["both", "left", "right", "top", "bottom"] = Field(
        "both", description="Where an aspect ratio's new backdrop goes: half each side, or all on one."
    )

    @field_validator("aspect")
    @classmethod
    def _ratio(cls, value: str | None) -> str | None:
        if value is not None:
            width, _, height = value.partition(":")
            if not (_positive(width) and _positive(height)) or not 0.1 <= float(width) / float(height) <= 10:
                raise ValueError("an aspect ratio is written as 4:5 or 16:9, and lies between 1:10 and 10:1")
        return value

    @property
    def ratio(self) -> float | None:
        if self.aspect is None:
            return None
        width, _, height = self.aspect.partition(":")
        return float(width) / float(height)


class ExtendPlan(Record):
    """Everything a tile needs. Places are master pixels; ``pieces`` are rows of ``texture.Piece``."""

    light: Grid
    light_y0: float
    light_x0: float
    cell_px: float
    pieces: Grid


class ExtendBackground:
    name = "extend_background"
    title = "Extend the background"
    version = 1
    tier = Tier.BACKDROP_ONLY
    engine = "classical"
    writes: tuple[Zone, ...] = (Zone.NEW,)
    params: type[Record] = ExtendParams

    def plan(
        self, frame: Frame, reading: Reading, params: ExtendParams, seed: int, given: Given = NOTHING_GIVEN
    ) -> Plan:
        master = reading.record.extent
        readable = reading.backdrop_at(frame.extent.height, frame.extent.width)
        away = ~grow(~readable, round(_MARGIN * frame.extent.long_edge))
        reasons = sides.blocked(reading, readable)
        if not away.any():
            reasons = (
                dict.fromkeys(sides.SIDES, "no backdrop is visible far enough from the person") | reasons
            )
        if params.ratio is not None:
            wanted = sides.by_aspect(master, params.ratio, params.side, reasons)
        else:
            asked = Insets(params.top, params.left, params.bottom, params.right)
            wanted = sides.by_pixels(asked, reasons)
        outcome: dict[str, Any] = {"changes": False, "refusals": wanted.refusals, "notes": wanted.notes}
        if wanted.insets.any:
            canvas = Roi.of(master).grown(wanted.insets)
            body = _decide(frame, away, Roi.of(master), wanted.insets, seed)
            outcome |= {"changes": True, "canvas": canvas, "body": body.model_dump(mode="json")}
        return Plan(
            edit=self.name,
            version=self.version,
            tier=self.tier,
            engine=self.engine,
            seed=seed,
            hand=given.hand,
            params=params.model_dump(mode="json"),
            **outcome,
        )

    def render(self, plan: Plan, base: Frame, roi: Roi, sources: Mapping[str, Source] = NO_SOURCES) -> Patch:
        shape = (roi.extent.height, roi.extent.width)
        if base.roi.contains(roi):
            return Patch(np.zeros((*shape, 3), np.float32), np.zeros(shape, np.bool_))
        body = ExtendPlan.model_validate(plan.body)
        grid = LightGrid(body.light.array(), body.light_y0, body.light_x0, body.cell_px)
        pieces = [texture.Piece.of_row(row).scaled(base.scale, base.roi) for row in body.pieces.array()]

        def residual(part: Roi) -> Tone:
            return light.to_tone(base.linear(part)) - grid.at(part, base.scale)

        tone = grid.at(roi, base.scale) + texture.lay(pieces, roi, residual)
        mask = np.ones(shape, np.bool_)
        inner = base.roi & roi
        if not inner.empty:
            mask[inner.within(roi)] = False
        return Patch(light.from_tone(tone), mask, dither=not pieces)


EXTEND_BACKGROUND = ExtendBackground()


def _positive(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


def _decide(frame: Frame, away: Mask, master: Roi, added: Insets, seed: int) -> ExtendPlan:
    """``away``: backdrop that may be read, a margin away from the person."""
    long_edge = frame.extent.long_edge
    tone = light.to_tone(frame.linear())
    usable = away & ~frame.clipped
    if np.count_nonzero(usable) < 0.5 * np.count_nonzero(away):
        usable = away  # a clipped white set: there is no other light to read
    cell = max(4, round(long_edge / _CELLS))
    grid = _light(tone, away, usable, cell, frame.scale, added)
    residual = tone - grid.at(frame.roi, frame.scale)
    flaws = _flaws(residual, usable, long_edge)
    # Rounded up: what is laid must reach the canvas's own border at every scale.
    target = frame.roi.grown(Insets(**{s: math.ceil(px * frame.scale) for s, px in asdict(added).items()}))
    rng = np.random.default_rng(seed)
    size = max(16, round(_WINDOW * long_edge))
    pieces = texture.choose_pieces(residual, usable & ~flaws, target, frame.roi, size, rng)
    pieces += texture.mirror_band(away & ~flaws, target, frame.roi, max(3, round(_BAND * long_edge)))
    rows = np.array([p.scaled(1 / frame.scale, master).row() for p in pieces], np.float32).reshape(-1, 11)
    return ExtendPlan(
        light=Grid.of(grid.values),
        light_y0=grid.y0,
        light_x0=grid.x0,
        cell_px=grid.cell_px,
        pieces=Grid.of(rows),
    )


def _light(tone: Tone, away: Mask, usable: Mask, cell: int, scale: float, added: Insets) -> LightGrid:
    """The light over the whole canvas: seen cells, the person's place filled, then each side continued."""
    cells, weights = light.read_cells(tone, usable, cell)
    cells = _fine_detail_out(cells, weights)
    surface = light.fit_surface(cells, weights, 2, Roi.of(Extent(*weights.shape)))
    filled = light.fill_unseen(cells, weights, surface)
    if (away & ~usable).any():
        # Clipped light is at least as bright as the file says; what lies beyond it goes on from there.
        least, seen = light.read_cells(tone, away, cell)
        burnt = (seen > 1.25 * weights)[..., None]
        filled, weights = np.where(burnt, np.maximum(filled, least), filled), seen
    cell_px = cell / scale
    counts = {side: math.ceil(px / cell_px) + 2 for side, px in asdict(added).items() if px}
    left, top = counts.get("left", 0), counts.get("top", 0)
    for side in ("left", "right", "top", "bottom"):
        if side not in counts:
            continue
        turned, turned_weights = _turn(filled, side), _turn(weights, side)
        new = light.continue_left(turned, turned_weights, counts[side])
        # New cells count as seen, faintly, when the next side is continued past the corner.
        faint = np.full(new.shape[:2], 0.35, np.float32)
        filled = _turn_back(np.concatenate([new, turned], axis=1), side)
        weights = _turn_back(np.concatenate([faint, turned_weights], axis=1), side)
    return LightGrid(filled, (0.5 - top) * cell_px, (0.5 - left) * cell_px, cell_px)


def _fine_detail_out(cells: Tone, weights: np.ndarray[Any, Any]) -> Tone:
    """Light is smooth: blur the seen cells a little among themselves, so that texture stays texture."""
    mass = cv2.GaussianBlur(weights, (0, 0), _SMOOTH_CELLS, borderType=cv2.BORDER_REPLICATE)
    blurred = cv2.GaussianBlur(
        cells * weights[..., None], (0, 0), _SMOOTH_CELLS, borderType=cv2.BORDER_REPLICATE
    )
    return np.asarray(
        np.where(weights[..., None] > 0, blurred / np.maximum(mass, 1e-6)[..., None], cells), np.float32
    )


def _turn(values: np.ndarray[Any, Any], side: str) -> np.ndarray[Any, Any]:
    """Bring ``side`` to the left. Its own inverse for left and right; see ``_turn_back``."""
    if side in ("top", "bottom"):
        values = values.swapaxes(0, 1)
    return values[:, ::-1] if side in ("right", "bottom") else values


def _turn_back(values: np.ndarray[Any, Any], side: str) -> np.ndarray[Any, Any]:
    values = values[:, ::-1] if side in ("right", "bottom") else values
    return np.ascontiguousarray(values.swapaxes(0, 1) if side in ("top", "bottom") else values)


def _flaws(residual: Tone, usable: Mask, long_edge: int) -> Mask:
    """Dust, stands and other things that stand out of a plain backdrop and must not be copied.

    Each scale is judged by its own spread, so that mottle does not hide a speck. Where much of a backdrop
    stands out it is texture, and only what stands out of that is left.
    """
    outstanding = np.zeros(usable.shape, np.float32)
    if not usable.any():
        return np.zeros_like(usable)
    weight = usable.astype(np.float32)
    kept = residual * weight[..., None]
    for fine in _SPECK_SIGMAS:
        sigma = fine * max(1.0, long_edge / 1500)  # smaller ones judge single pixels of grain
        detail = np.abs(_mean_around(kept, weight, sigma) - _mean_around(kept, weight, 4 * sigma)).max(axis=2)
        spread = 1.4826 * float(np.median(detail[usable]))
        outstanding = np.maximum(outstanding, detail / max(spread, 1e-6))
    for limit in _SPECK_LIMITS:
        found = (outstanding > limit) & usable
        if found.mean() <= 0.04:
            return grow(found, max(3, round(0.004 * long_edge)))
    return np.zeros_like(usable)


def _mean_around(kept: Tone, weight: np.ndarray[Any, Any], sigma: float) -> Tone:
    """Gaussian mean over the usable pixels only; ``kept`` is zero elsewhere."""
    mass = np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3)
    return np.asarray(cv2.GaussianBlur(kept, (0, 0), sigma) / mass[..., None], np.float32)
