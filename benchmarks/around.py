"""What a proposal with a model takes beside the model: everything from the picture to what the plan keeps.

The engine here answers at once with what it was shown, so that only our own work is timed. The peer of the
last figure is a plain diffusers call on the whole canvas, at the same output size, with the same small model:
how long a model takes does not depend on its weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.bench import Bench
from benchmarks.figures import Figure, timed
from studio_pipeline.edits import extension
from studio_pipeline.edits.base import NOTHING_GIVEN
from studio_pipeline.edits.extension import Extension
from studio_pipeline.edits.generated import Asked, MadeDrawing, make
from studio_pipeline.edits.generated.body import Candidate
from studio_pipeline.engines.base import Capabilities, EngineRequest, EngineResult, Placement
from studio_pipeline.geometry import Extent, Insets, Roi
from studio_pipeline.pixels import light
from studio_pipeline.pixels.frame import Frame, clipped_in_file, plan_scale
from studio_pipeline.pixels.light import Tone
from studio_pipeline.subject.reading import Reading
from tests.support import oracles
from tests.support.backdrops import SRGB, reading, with_grain

PLAIN = "plain diffusers call on the whole canvas"
_ADDED = 0.125  # of the width, on each side
_NATIVE_MP, _PLAIN_SCALE = 1.05, 0.5
_STEPS = 4


@dataclass
class Echo:
    """Answers with what it was shown."""

    capabilities: Capabilities = field(default_factory=lambda: Capabilities(True, False, _NATIVE_MP, 16))
    name: str = "echo"
    version: int = 1
    licence: str = "none"
    commercial: bool = True
    weights_sha256: str = ""

    def estimate_memory(self, extent: Extent) -> dict[Placement, int]:
        return {Placement.RESIDENT: 0}

    def load(self) -> None: ...

    def unload(self) -> None: ...

    def run(self, request: EngineRequest) -> EngineResult:
        return EngineResult(request.context, 0.0, 0)


@dataclass(frozen=True, eq=False)
class Scene:
    """A room at plan scale, who is in it, and its classical extension by an eighth on both sides."""

    frame: Frame
    tone: Tone
    who: Reading
    classical: Extension
    canvas: Roi
    regions: dict[str, Roi]


def measure(bench: Bench) -> Iterator[Figure]:
    """Seconds around the model for a frame of the bench's size, then beside the plain call, small."""
    scene, classical_s = _scene(bench.extent, bench.runs)
    size = f"{bench.extent.width} × {bench.extent.height}, {_ADDED:.1%} on both sides"
    yield Figure("around", "the classical proposal that it starts from", classical_s, note=size)
    yield Figure(
        "around",
        "all around the model, at the proposal",
        timed(lambda: _made(scene, Echo()), bench.runs),
        note=size,
    )
    candidate = _made(scene, Echo())
    yield Figure(
        "around",
        "drawing what was kept, at plan scale",
        timed(lambda: _drawn(candidate, scene), bench.runs),
        note=f"{len(candidate.model_dump_json()) / 1e6:.1f} MB in the plan",
    )
    yield _beside_the_plain_call(bench)


def _scene(extent: Extent, runs: int) -> tuple[Scene, float]:
    scale = plan_scale(extent)
    small = extent.scaled(scale)
    zoom = 720 / small.height  # the room is drawn 720 pixels high
    room = oracles.room(Roi(0, 0, 720, round(small.width * zoom)))
    import cv2

    lit = cv2.resize(room, (small.width, small.height), interpolation=cv2.INTER_CUBIC)
    codes = SRGB.encode(with_grain(np.asarray(lit, np.float32), oracles.GRAIN), 16)
    frame = Frame(codes, SRGB, clipped_in_file(codes), scale=scale)
    person = Roi(
        round(0.3 * extent.height), round(0.4 * extent.width), extent.height, round(0.6 * extent.width)
    )
    who = reading(extent, person)
    added = Insets(left=round(_ADDED * extent.width), right=round(_ADDED * extent.width))
    whole = Roi.of(extent)

    def decided() -> Extension:
        found = extension.see(frame, who, NOTHING_GIVEN).extended(whole, added, 1)
        assert found is not None
        return found

    canvas = whole.grown(added)
    regions = {
        "left": Roi(0, canvas.x0, extent.height, 0),
        "right": Roi(0, extent.width, extent.height, canvas.x1),
    }
    return Scene(frame, light.to_tone(frame.linear()), who, decided(), canvas, regions), timed(decided, runs)


def _made(scene: Scene, engine: Any, steps: int = _STEPS) -> Candidate:
    asked = Asked(engine, "panelled wall", steps=steps)
    zones = scene.who.zones_at(scene.frame.extent)
    return make(
        scene.frame, scene.tone, zones, scene.classical, scene.regions, scene.canvas, asked, 1, "one"
    )[0]


def _drawn(candidate: Candidate, scene: Scene) -> None:
    drawing = MadeDrawing(candidate, scene.frame)
    for region in drawing.regions:
        for tile in region.tiles(512):
            drawing.draw(tile)


def _beside_the_plain_call(bench: Bench) -> Figure:
    """A small Stable Diffusion at the real one's native size.

    The frame is a quarter of the bench's: the plain call's attention grows with the square of the canvas.
    """
    from benchmarks.engines import plainly
    from studio_pipeline.engines import device
    from studio_pipeline.engines.sd15 import StableDiffusion15
    from tests.support import small_models

    folder = bench.folder()
    engine = StableDiffusion15(
        small_models.weights(small_models.save("sd15", folder / "sd15")), device.find("cpu")
    )
    blank = np.zeros((64, 64, 3), np.float32)
    engine.run(_request(engine, blank))  # loads
    scene, _ = _scene(bench.extent.scaled(_PLAIN_SCALE), 1)
    canvas = scene.canvas.extent
    whole = np.full((canvas.height // 16 * 16, canvas.width // 16 * 16, 3), 0.5, np.float32)
    plain_s = timed(lambda: plainly(engine, _request(engine, whole)), 1)
    asked = _Answering(engine)
    _made(scene, asked)  # the first request of a size takes longer
    count, ours_s = asked.count, timed(lambda: _made(scene, asked), bench.runs)
    return Figure(
        "around",
        "a proposal with a small model on the CPU",
        ours_s,
        {PLAIN: plain_s},
        note=f"{canvas.width} × {canvas.height}, {count} requests of about "
        f"{engine.capabilities.native_megapixels} MP",
    )


def _request(engine: Any, context: Any) -> EngineRequest:
    mask = np.zeros(context.shape[:2], np.float32)
    mask[:, : mask.shape[1] // 4] = 1
    request = EngineRequest(context, mask, mask > 2, prompt="panelled wall", steps=_STEPS)
    return dataclasses.replace(request, controls=dict.fromkeys(engine.control_kinds, np.zeros_like(context)))


class _Answering(Echo):
    """Takes the model's time, and answers with what it was shown: random weights make nothing usable."""

    def __init__(self, engine: Any) -> None:
        super().__init__(Capabilities(True, False, engine.capabilities.native_megapixels, 16))
        self._engine, self.count = engine, 0

    def run(self, request: EngineRequest) -> EngineResult:
        self.count += 1
        blank = np.zeros_like(request.context)
        self._engine.run(
            dataclasses.replace(request, controls=dict.fromkeys(self._engine.control_kinds, blank))
        )
        return super().run(request)
