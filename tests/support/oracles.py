"""A set with structure whose truth is known beyond the frame, and an engine that returns it, with a fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest

from studio_pipeline.edits.base import Chosen
from studio_pipeline.edits.generated import windows
from studio_pipeline.engines.base import Capabilities, EngineRequest, EngineResult, Placement, Shown
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import grids, shown
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame, clipped_in_file
from tests.support.backdrops import SRGB, reading, with_grain

BASE = Extent(720, 1080)
WHOLE = Roi.of(BASE)
AROUND = Roi(-400, -700, 1120, 1780)
SITTER = Roi(220, 420, 720, 650)
GRAIN = 1.5e-4
PANELS = range(-680, 1800, 120)
"""Where a panel starts, columns."""


def room(roi: Roi) -> Linear:
    """A panelled wall with shelves and a floor, under light that falls off."""
    y, x = np.mgrid[roi.y0 : roi.y1, roi.x0 : roi.x1].astype(np.float32) + 0.5
    light = 0.30 - 0.10 * ((x - 400) / 1080) ** 2 - 0.05 * ((y - 200) / 1080) ** 2
    colour = np.stack([light, 0.9 * light, 0.78 * light], axis=-1)

    def band(v: np.ndarray, start: float, stop: float) -> np.ndarray:  # type: ignore[type-arg]
        return np.clip(v - start + 0.5, 0, 1) * np.clip(stop - v + 0.5, 0, 1)

    for start in PANELS:
        colour *= 1 - 0.35 * band(x, start, start + 7)[..., None]
        colour *= 1 + 0.25 * band(x, start + 7, start + 12)[..., None]
    for top in (90, 260, 430):  # shelves
        colour *= 1 - 0.55 * band(y, top, top + 12)[..., None]
        colour *= 1 + 0.3 * band(y, top - 5, top)[..., None]
    floor = np.clip(y - 600 + 0.5, 0, 1)[..., None]
    wood = np.stack([0.16 * np.ones_like(x), 0.10 + 0.01 * np.sin(x / 9), 0.06 * np.ones_like(x)], axis=-1)
    return np.asarray(colour * (1 - floor) + wood * floor, np.float32)


@cache
def truth() -> Linear:
    """Of ``AROUND``, with grain."""
    return with_grain(room(AROUND), GRAIN, seed=5)


def picture(bits: int = 16, person: tuple[float, float, float] = (0.35, 0.02, 0.30)) -> Frame:
    linear = truth()[WHOLE.within(AROUND)].copy()
    linear[SITTER.within(WHOLE)] = person
    codes = SRGB.encode(linear, bits)
    return Frame(codes, SRGB, clipped_in_file(codes))


def who():  # type: ignore[no-untyped-def]
    return reading(BASE, SITTER)


Fault = Callable[[Shown, EngineRequest], Shown]


@dataclass
class Oracle:
    """Returns the truth of where its context lies, which `watched` tells it, with a fault."""

    fault: Fault = lambda made, request: made
    name: str = "oracle"
    version: int = 1
    licence: str = "none"
    commercial: bool = True
    weights_sha256: str = "0" * 64
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(
            generative=True, needs_weights=False, native_megapixels=0.4, multiple_of=8, supports_strength=True
        )
    )
    requests: list[EngineRequest] = field(default_factory=list)
    lattices: list[grids.Lattice] = field(default_factory=list)

    def estimate_memory(self, extent: Extent) -> dict[Placement, int]:
        return {Placement.RESIDENT: 0}

    def load(self) -> None: ...

    def unload(self) -> None: ...

    def run(self, request: EngineRequest) -> EngineResult:
        self.requests.append(request)
        lattice = self.lattices[len(self.requests) - 1]
        there = grids.Lattice(
            lattice.y0 - AROUND.y0, lattice.x0 - AROUND.x0, lattice.pitch_px, lattice.extent
        )
        made = shown.to_shown(grids.averaged(truth(), there))
        made = np.clip(grids.resized(made, request.extent), 0, 1)
        return EngineResult(self.fault(made, request), 0.0, 0)


@contextmanager
def watched(oracle: Oracle) -> Iterator[Oracle]:
    """Tell an oracle where each window lies."""
    real = windows.step

    inside = windows.around

    def noted(make: Callable[..., windows.Step]) -> Callable[..., windows.Step]:
        def step(*arguments: Any) -> windows.Step:
            made = make(*arguments)
            oracle.lattices.append(made.lattice)
            return made

        return step

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "step", noted(real))
        patch.setattr(windows, "around", noted(inside))
        patch.setattr(windows, "tile", noted(windows.tile))
        yield oracle


def chooser(engine: Oracle | None):  # type: ignore[no-untyped-def]
    return lambda kinds, lines: Chosen(engine, "an oracle" if engine else "none is installed")
