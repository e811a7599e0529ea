"""One request: a window on the canvas, what the model is shown of it, and what is kept of its answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from studio_pipeline.edits.generated import straight, takeout
from studio_pipeline.edits.generated.reading import Kept, Window, keep
from studio_pipeline.edits.generated.windows import Step
from studio_pipeline.engines.base import Engine, EngineFailed, EngineRequest, EngineResult, heed
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import agreement, grids, light, shown
from studio_pipeline.pixels.grids import Floats, Lattice
from studio_pipeline.pixels.light import Tone
from studio_pipeline.pixels.masks import Mask, ZoneMap

_OVERLAP = 0.05  # of a window's long edge: how far the model's mask reaches over known backdrop


@dataclass(frozen=True, eq=False)
class Asked:
    """What an engine is asked, beside the picture. ``cancelled`` is asked between its steps.

    ``second_pass``: strength of one in tiles; 0 for none. ``carries_lines``: whether lines are carried on
    into new area, where nothing is yet.
    """

    engine: Engine
    prompt: str = ""
    negative_prompt: str = ""
    steps: int = 30
    strength: float = 0.95
    guidance: float = 5.0
    control_scale: float = 0.6
    second_pass: float = 0.0
    carries_lines: bool = True
    cancelled: Callable[[], bool] = lambda: False


@dataclass(eq=False)
class Canvas:
    """The canvas at plan scale while it is filled: ``roi`` its place, ``tone`` with nobody in it and the
    pre-fill where nothing is made yet; ``gone``: where somebody was taken out; ``known`` and ``own`` as
    ``Window`` has them.
    """

    roi: Roi
    scale: float
    tone: Tone
    known: Mask
    own: Mask
    gone: Mask
    said: list[str] = field(default_factory=list)


def ask(
    canvas: Canvas, zones: ZoneMap, step: Step, region: Mask, inside: Mask, asked: Asked, seed: int
) -> Kept:
    """Have ``region`` made. ``inside``: what of the window can be known; both ``(h, w)`` of its cells.

    Raises Unfit, EngineFailed, Refused, Cancelled, and LockedPixelsChanged where a person would be shown.
    """
    heed(asked.cancelled)
    window = _window(canvas, step, region, inside)
    request = _request(window, canvas, zones, step, asked, seed)
    result = asked.engine.run(request)
    canvas.said += result.said
    return keep(_received(result, request.extent, step.lattice.extent), window)


def _window(canvas: Canvas, step: Step, region: Mask, inside: Mask) -> Window:
    there = in_canvas(canvas, step.lattice)
    tone = grids.averaged(canvas.tone, there)
    known, own = (
        (grids.averaged(mask.astype(np.float32), there) > 0.999) & inside & ~region
        for mask in (canvas.known, canvas.own)
    )
    return Window(step.side, tone, region, known, own)


def in_canvas(canvas: Canvas, lattice: Lattice) -> Lattice:
    there = lattice.scaled(canvas.scale)
    return replace(there, y0=there.y0 - canvas.roi.y0, x0=there.x0 - canvas.roi.x0)


def centres(lattice: Lattice) -> tuple[Floats, Floats]:
    y = lattice.y0 + (np.arange(lattice.extent.height)[:, None] + 0.5) * lattice.pitch_px
    x = lattice.x0 + (np.arange(lattice.extent.width)[None] + 0.5) * lattice.pitch_px
    return y, x


def _request(
    window: Window, canvas: Canvas, zones: ZoneMap, step: Step, asked: Asked, seed: int
) -> EngineRequest:
    """What the model is shown. Raises LockedPixelsChanged where that held anything of a person."""
    with ThreadPoolExecutor(1) as beside:
        found = beside.submit(_lines, window, asked)
        gone = grids.averaged(canvas.gone.astype(np.float32), in_canvas(canvas, step.lattice)) > 0
        context = grids.resized(window.tone, step.asked)
        base = Roi.of(Extent(*zones.shape)).within(canvas.roi)
        takeout.check_nobody(context, zones, canvas.gone[base])
        given = shown.to_shown(light.from_tone(context))
        mask = np.clip(grids.resized(_mask(window, gone), step.asked), 0, 1)
        lines = found.result()
    zoom = step.asked.height / step.lattice.extent.height
    return EngineRequest(
        context=given,
        edit_mask=mask,
        taken_out=grids.resized(gone.astype(np.float32), step.asked) > 0,
        lines=np.asarray((lines + 0.5) * zoom - 0.5, np.float32),
        prompt=asked.prompt,
        negative_prompt=asked.negative_prompt,
        seed=seed,
        strength=asked.strength,
        steps=asked.steps,
        guidance=asked.guidance,
        control_scale=asked.control_scale,
        cancelled=asked.cancelled,
    )


def _lines(window: Window, asked: Asked) -> Floats:
    if not asked.carries_lines:
        return straight.NONE
    return straight.carried_on(window.tone, window.region, window.known)


def _mask(window: Window, gone: Mask) -> Floats:
    """1 where it is new, falling to 0 over the backdrop beside it; 0 where somebody was."""
    reach = max(4.0, _OVERLAP * max(window.region.shape))
    away = cv2.distanceTransform((~window.region).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ramp = np.clip(1 - away / reach, 0, 1)
    return np.where(window.region, 1, np.where(window.known & ~gone, ramp, 0)).astype(np.float32)


def _received(result: EngineResult, asked: Extent, cells: Extent) -> Tone:
    pixels = result.pixels
    if pixels.shape != (asked.height, asked.width, 3):
        raise EngineFailed(f"it answered with a picture of {pixels.shape}, not {asked}")
    if not np.isfinite(pixels).all():
        raise EngineFailed("it answered with values that are no numbers")
    small = grids.resized(agreement.without_steps(np.clip(pixels, 0, 1).astype(np.float32)), cells)
    return light.to_tone(np.maximum(shown.from_shown(small), 0))
