"""Extend the background: more of the same backdrop outside the frame, never a pixel of it inside.

Light is read as a robust coarse surface where backdrop is visible and continued past the border; texture and
grain are the backdrop's own residual, laid in pieces at master coordinates. A side where the frame cuts the
person is refused.
"""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from pydantic import Field, field_validator

from studio_pipeline.edits import sides
from studio_pipeline.edits.base import Patch
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

    def plan(self, frame: Frame, reading: Reading, params: ExtendParams, seed: int) -> Plan:
        master = reading.record.extent
        readable = reading.backdrop_at(frame.extent.height, frame.extent.width)
        reasons = sides.blocked(reading, readable)
        if params.ratio is not None:
            wanted = sides.by_aspect(master, params.ratio, params.side, reasons)
        else:
            asked = Insets(params.top, params.left, params.bottom, params.right)
            wanted = sides.by_pixels(asked, reasons)
        outcome: dict[str, Any] = {"changes": False, "refusals": wanted.refusals, "notes": wanted.notes}
        if wanted.insets.any:
            canvas = Roi.of(master).grown(wanted.insets)
            body = _decide(frame, readable, Roi.of(master), canvas, seed)
            outcome |= {"changes": True, "canvas": canvas, "body": body.model_dump(mode="json")}
        return Plan(
            edit=self.name,
            version=self.version,
            tier=self.tier,
            engine=self.engine,
            seed=seed,
            params=params.model_dump(mode="json"),
            **outcome,
        )

    def render(self, plan: Plan, base: Frame, roi: Roi) -> Patch:
        body = ExtendPlan.model_validate(plan.body)
        grid = LightGrid(body.light.array(), body.light_y0, body.light_x0, body.cell_px)
        pieces = [texture.Piece.of_row(row).scaled(base.scale, base.roi) for row in body.pieces.array()]

        def residual(part: Roi) -> Tone:
            return light.to_tone(base.linear(part)) - grid.at(part, base.scale)

        tone = grid.at(roi, base.scale) + texture.lay(pieces, roi, residual, base.roi)
        mask = np.ones((roi.extent.height, roi.extent.width), np.bool_)
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


def _decide(frame: Frame, readable: Mask, master: Roi, canvas: Roi, seed: int) -> ExtendPlan:
    long_edge = frame.extent.long_edge
    tone = light.to_tone(frame.linear())
    away = ~grow(~readable, round(_MARGIN * long_edge))
    usable = away & ~frame.clipped
    if np.count_nonzero(usable) < 0.5 * np.count_nonzero(away):
        usable = away  # a clipped white set: there is no other light to read
    cell = max(4, round(long_edge / _CELLS))
    grid = _light(tone, usable, cell, frame.scale, canvas)
    residual = tone - grid.at(frame.roi, frame.scale)
    clean = away & ~_flaws(residual, usable, long_edge)
    target = canvas.scaled(frame.scale)
    rng = np.random.default_rng(seed)
    size = max(16, round(_WINDOW * long_edge))
    pieces = texture.choose_pieces(residual, clean, target, frame.roi, size, rng)
    pieces += texture.mirror_band(clean, target, frame.roi, max(3, round(_BAND * long_edge)))
    rows = np.array([p.scaled(1 / frame.scale, master).row() for p in pieces], np.float32).reshape(-1, 11)
    return ExtendPlan(
        light=Grid.of(grid.values),
        light_y0=grid.y0,
        light_x0=grid.x0,
        cell_px=grid.cell_px,
        pieces=Grid.of(rows),
    )


def _light(tone: Tone, usable: Mask, cell: int, scale: float, canvas: Roi) -> LightGrid:
    """The light over the whole canvas: seen cells, the person's place filled, then each side continued."""
    cells, weights = light.read_cells(tone, usable, cell)
    cells = _fine_detail_out(cells, weights)
    surface = light.fit_surface(cells, weights, 2, Roi.of(Extent(*weights.shape)))
    filled = light.fill_unseen(cells, weights, surface)
    cell_px = cell / scale
    counts = {
        side: -(-value // round(cell_px)) + 2 for side, value in _insets(canvas, tone, scale).items() if value
    }
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


def _insets(canvas: Roi, tone: Tone, scale: float) -> dict[str, int]:
    height, width = round(tone.shape[0] / scale), round(tone.shape[1] / scale)
    return {"left": -canvas.x0, "right": canvas.x1 - width, "top": -canvas.y0, "bottom": canvas.y1 - height}


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

    Each scale is judged by its own spread, so that mottle does not hide a speck. On a backdrop where much
    stands out, nothing does: then it is texture, and all of it may be copied.
    """
    found = np.zeros(usable.shape, np.bool_)
    if not usable.any():
        return found
    weight = usable.astype(np.float32)
    kept = residual * weight[..., None]
    for fine in _SPECK_SIGMAS:
        sigma = fine * long_edge / 1500
        detail = np.abs(_mean_around(kept, weight, sigma) - _mean_around(kept, weight, 4 * sigma)).max(axis=2)
        spread = 1.4826 * float(np.median(detail[usable]))
        found |= (detail > 4 * spread) & usable  # about 7 sigma of grain: the largest of three channels
    if found.mean() > 0.04:
        return np.zeros_like(found)
    return grow(found, max(3, round(0.004 * long_edge)))


def _mean_around(kept: Tone, weight: np.ndarray[Any, Any], sigma: float) -> Tone:
    """Gaussian mean over the usable pixels only; ``kept`` is zero elsewhere."""
    mass = np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3)
    return np.asarray(cv2.GaussianBlur(kept, (0, 0), sigma) / mass[..., None], np.float32)
