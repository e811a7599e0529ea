"""The explicit list of engines, and which of them is asked."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from studio_pipeline.engines import device as devices
from studio_pipeline.engines import store
from studio_pipeline.engines.base import Engine, EngineFailed, Placement
from studio_pipeline.engines.device import Device
from studio_pipeline.engines.diffusion import DiffusersEngine
from studio_pipeline.engines.flux_fill import FluxFill
from studio_pipeline.engines.qwen_image import QwenImage
from studio_pipeline.engines.sd15 import StableDiffusion15
from studio_pipeline.engines.sdxl import StableDiffusionXL
from studio_pipeline.engines.sdxl_union import StableDiffusionXLUnion
from studio_pipeline.engines.z_image import ZImage
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels.kinds import Kind

# A new engine is one file and one line here.
ENGINES: tuple[type[DiffusersEngine], ...] = (
    StableDiffusionXL,
    StableDiffusionXLUnion,
    StableDiffusion15,
    QwenImage,
    ZImage,
    FluxFill,
)
log = logging.getLogger(__name__)
_SETS = (Kind.STRUCTURED, Kind.ENVIRONMENT)


@dataclass(frozen=True, eq=False)
class Choice:
    """The engine to ask, or None where the classical way is the better one; ``reason`` is shown."""

    engine: Engine | None
    reason: str


def choose(
    engines: Sequence[Engine], kinds: Collection[Kind], *, lines: bool, free_bytes: int | None = None
) -> Choice:
    """By what the backdrop is and what engines can do, never by name.

    Paper, cloth and paint are continued better without a model. Where straight structures run into the new
    area, an engine that can be held to them goes first; then the one that sees most pixels at once. One whose
    weights have to come and go layer by layer goes last.
    """
    sets = [kind for kind in kinds if kind in _SETS]
    if not sets:
        return Choice(None, "this backdrop is continued better without a model")
    if not engines:
        return Choice(None, "no engine's weights are installed")
    fitting = [(one, way) for one in engines if (way := _way(one, free_bytes)) is not None]
    if not fitting:
        return Choice(None, f"no installed engine fits the {(free_bytes or 0) / 1e9:.1f} GB that are free")
    best, way = max(
        fitting,
        key=lambda one: (
            one[0].capabilities.supports_controlnet and lines,
            one[1] is not Placement.STREAMED,
            one[0].capabilities.native_megapixels,
            one[0].capabilities.deterministic,
        ),
    )
    able = best.capabilities
    said = f"{sets[0].value}: {best.name}, {able.native_megapixels:g} megapixels at once"
    if lines and able.supports_controlnet:
        said += ", held to the lines of the set"
    if way is not Placement.RESIDENT:
        said += f"; slower, for its weights do not fit the device: {way.value}"
    return Choice(best, said)


def _way(engine: Engine, free_bytes: int | None) -> Placement | None:
    """How its weights would lie on the device for a request of its native size; None where they cannot."""
    side = round((engine.capabilities.native_megapixels * 1e6) ** 0.5)
    needed = engine.estimate_memory(Extent(side, side))
    return next((way for way, wanted in needed.items() if free_bytes is None or wanted <= free_bytes), None)


def available(
    models: Path, on: Device | None = None, *, non_commercial: bool = False, compiled: bool = False
) -> list[Engine]:
    """The engines whose weights are installed, unloaded; those for no commerce only where that is allowed.

    One whose files are damaged is left out, and said in the log. Raises its Refused where it is the only one.
    """
    out, damaged = list[Engine](), list[Refused]()
    for kind in ENGINES:
        found = store.weights_of(models, kind.name)
        if found is not None and (kind.commercial or non_commercial):
            on = on or devices.find()
            try:
                out.append(kind(found, on, compiled=compiled))
            except Refused as error:
                log.warning("%s is left out: %s", kind.name, error)
                damaged.append(error)
    if damaged and not out:
        raise damaged[0]
    return out


def named(name: str, models: Path, on: Device | None = None, *, non_commercial: bool = False) -> Engine:
    """One engine, for a check or a benchmark.

    Raises Refused where it is not known, not installed, or not for commerce, EngineFailed without a device.
    """
    kind = next((one for one in ENGINES if one.name == name), None)
    if kind is None:
        raise Refused(f"no engine named {name!r}; there are: {', '.join(one.name for one in ENGINES)}")
    if not kind.commercial and not non_commercial:
        raise Refused(
            f"{name} may not be used for commerce ({kind.licence}): a session has to allow that "
            "with `non_commercial = true` in its preset"
        )
    found = store.weights_of(models, name)
    if found is None:
        raise Refused(f"{name} is not installed; `studio models list` says what it takes")
    return kind(found, on or devices.find())


def smoke(engine: Engine) -> str:
    """One small request through an engine, to see that its weights answer. Raises as ``Engine.run`` does."""
    import numpy as np

    from studio_pipeline.engines.base import EngineRequest
    from studio_pipeline.engines.control import with_controls

    side = 8 * engine.capabilities.multiple_of
    mask = np.zeros((side, side), np.float32)
    mask[:, side // 2 :] = 1
    context = np.full((side, side, 3), 0.5, np.float32)
    request = EngineRequest(context, mask, np.zeros_like(mask, np.bool_), prompt="grey wall", steps=2)
    folder = store.annotators(store.folder())
    made = engine.run(with_controls(request, engine.capabilities.controls, folder))
    if made.pixels.shape != context.shape:
        raise EngineFailed(f"{engine.name} answered with {made.pixels.shape} where {context.shape} was asked")
    return f"{engine.name} answers in {made.seconds:.1f} s"
