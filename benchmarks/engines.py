"""What an engine takes for one request: small pipelines on the CPU, SDXL at full size where there is a card.

The peer is the same diffusers pipeline, called as its documentation shows, on the same crop. Weights are
random: how long a model takes does not depend on them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench import Bench
from benchmarks.figures import Figure, timed
from studio_pipeline.engines import device
from studio_pipeline.engines.base import EngineRequest
from studio_pipeline.engines.device import Device
from studio_pipeline.engines.diffusion import DiffusersEngine
from studio_pipeline.engines.registry import ENGINES
from studio_pipeline.engines.weights import Weights
from tests.support import small_models

PLAIN = "plain diffusers call"
_SMALL_PX, _FULL_PX = 256, 1024
_SMALL_STEPS, _FULL_STEPS = 8, (30, 8)


def measure(bench: Bench) -> Iterator[Figure]:
    """Seconds and memory of a request, for each engine."""
    folder = bench.folder()
    for name in bench.chosen(dict.fromkeys(small_models.NAMES)):
        found = small_models.weights(small_models.save(name, folder / name))
        engine = next(one for one in ENGINES if one.name == name)(found, device.find("cpu"))
        yield _timed(engine, f"{name}, small, on the CPU", _SMALL_PX, _SMALL_STEPS, bench.runs)
    try:
        card = device.find("cuda")
    except device.EngineFailed:
        return
    engine = _full_size(folder / "full", card)
    for steps in _FULL_STEPS:
        yield _timed(engine, f"sdxl, full size, {card.dtype} on the card", _FULL_PX, steps, bench.runs)


def _timed(engine: DiffusersEngine, what: str, side_px: int, steps: int, runs: int) -> Figure:
    request = _request(engine, side_px, steps)
    made = engine.run(request)  # also loads
    ours = timed(lambda: engine.run(request), runs)
    plain = timed(lambda: plainly(engine, request), runs)
    note = f"{side_px} × {side_px}, {steps} steps"
    return Figure("engines", what, ours, {PLAIN: plain}, memory_mb=made.peak_bytes / 1e6, note=note)


def _request(engine: DiffusersEngine, side_px: int, steps: int) -> EngineRequest:
    """The right half of a grey ramp."""
    ramp = np.broadcast_to(
        np.linspace(0.3, 0.7, side_px, dtype=np.float32)[None, :, None], (side_px, side_px, 3)
    )
    mask = np.zeros((side_px, side_px), np.float32)
    mask[:, side_px // 2 :] = 1
    blank = np.zeros((side_px, side_px, 3), np.float32)
    request = EngineRequest(
        np.ascontiguousarray(ramp), mask, np.zeros_like(mask, np.bool_), prompt="grey wall", steps=steps
    )
    return dataclasses.replace(request, controls=dict.fromkeys(engine.control_kinds, blank))


def plainly(engine: DiffusersEngine, request: EngineRequest) -> None:
    """8-bit PIL in and out, the prompt encoded anew, as its documentation shows."""
    from PIL import Image

    def shown(values: Any) -> Any:
        return Image.fromarray(np.rint(255 * values).astype(np.uint8))

    controls = [shown(request.controls[kind]) for kind in engine.control_kinds]
    given = engine.arguments(request, shown(request.context), shown(request.edit_mask), controls)
    engine._pipeline(
        prompt=request.prompt,
        **given,
        height=request.extent.height,
        width=request.extent.width,
        num_inference_steps=request.steps,
    )


def _full_size(folder: Path, card: Device) -> DiffusersEngine:
    """SDXL inpainting and a ControlNet of their published sizes, saved and loaded as users' are."""
    small_models.save_full_sdxl(folder, card.dtype)
    found = Weights(folder / "pipeline", (("canny", folder / "canny"),))
    return next(one for one in ENGINES if one.name == "sdxl")(found, card)
