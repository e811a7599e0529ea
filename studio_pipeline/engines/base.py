"""What an inpainting engine is to an edit: capabilities, a request, a result. Edits see this module only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.errors import SetAside, StudioError
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels.masks import Mask

Shown = NDArray[np.float32]
"""``(h, w, 3)``, sRGB primaries and transfer function, 0..1: what models were trained on, in floats."""


class EngineFailed(SetAside):
    """An engine could not make anything of a request: no memory, NaNs, damaged weights."""


class Cancelled(StudioError):
    """The request was withdrawn while the engine worked on it."""


def heed(cancelled: Callable[[], bool]) -> None:
    """Raises Cancelled when ``cancelled`` says so."""
    if cancelled():
        raise Cancelled("the request was withdrawn")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an edit may ask of an engine; engines are chosen by these, never by name.

    ``controls``: the kinds of control image that it was given ControlNets for ("canny", "lineart", "depth",
    "mlsd", "hed", "openpose"); empty for none. ``multiple_of``: both sides of a context, in pixels.
    ``deterministic``: same request, same bytes, on one machine. ``supports_strength``: it can keep a part of
    what it is shown where it makes something new.
    """

    generative: bool
    needs_weights: bool
    native_megapixels: float
    multiple_of: int
    controls: tuple[str, ...] = ()
    deterministic: bool = True
    supports_strength: bool = False

    @property
    def supports_controlnet(self) -> bool:
        return bool(self.controls)


@dataclass(frozen=True, eq=False)
class EngineRequest:
    """What an engine is given, all of one extent, whose sides are multiples of ``multiple_of``.

    No person's pixel is in it: who was in ``context`` has been filled with backdrop, at ``taken_out``.

    Attributes:
        context: crop around the region, pre-filled where it is to be made.
        edit_mask: ``(h, w)`` float32, 1 = to be made, 0 = kept, soft between.
        lines: ``(n, 4)`` float32 straight structures ``y0, x0, y1, x1`` in context pixels, carried on into
            the region: a control image shows them where a detector sees nothing yet.
        taken_out: ``(h, w)`` bool; no edge found there goes into a control image.
        controls: control images ``(h, w, 3)`` 0..1 by kind; what ``engines/control.py`` makes of the above.
        prompt: says the set, never a person.
        seed: of all that is random.
        strength: 0..1, how much of the pre-fill is given up; below 1.
        steps: denoising steps.
        guidance: classifier-free guidance scale.
        control_scale: weight of the control images.
        memory_bytes: at most so much on the device; None for what is free.
        cancelled: asked between steps; True ends it with ``Cancelled``.
    """

    context: Shown
    edit_mask: NDArray[np.float32]
    taken_out: Mask
    lines: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    controls: Mapping[str, Shown] = field(default_factory=dict)
    prompt: str = ""
    negative_prompt: str = ""
    seed: int = 0
    strength: float = 0.95
    steps: int = 30
    guidance: float = 5.0
    control_scale: float = 0.6
    memory_bytes: int | None = None
    cancelled: Callable[[], bool] = lambda: False

    @property
    def extent(self) -> Extent:
        return Extent(*self.edit_mask.shape)


@dataclass(frozen=True, eq=False)
class EngineResult:
    """``pixels``: of the request's extent; what lies outside its mask is ignored. ``said``: lines for people
    about what was done to fit (offload, fewer pixels).
    """

    pixels: Shown
    seconds: float
    peak_bytes: int
    said: tuple[str, ...] = ()


class Placement(StrEnum):
    """Where weights lie while an engine works; ordered, each needs less of the device than the one before."""

    RESIDENT = "all on the device"
    OFFLOADED = "one part on the device at a time"
    STREAMED = "layer by layer on the device"


class Engine(Protocol):
    """One file in ``engines/``, one line in ``engines/registry.py``.

    ``weights_sha256`` names the weights; it is part of a plan, and so of a proposal's hash.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def licence(self) -> str: ...

    @property
    def commercial(self) -> bool: ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def weights_sha256(self) -> str: ...

    def estimate_memory(self, extent: Extent) -> dict[Placement, int]:
        """Bytes on the device at the peak of a request of this extent, for each way the weights can lie."""
        ...

    def load(self) -> None:
        """Bring the weights to the device; nothing where they are. Raises EngineFailed, Refused."""
        ...

    def unload(self) -> None:
        """Give the device's memory back."""
        ...

    def run(self, request: EngineRequest) -> EngineResult:
        """Fill the region. Raises EngineFailed, Refused (what is asked cannot be met), Cancelled."""
        ...
