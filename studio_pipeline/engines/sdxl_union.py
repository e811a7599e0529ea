"""SDXL's own UNet, with four input channels, and one ControlNet for many kinds of control image."""

from __future__ import annotations

from typing import Any, ClassVar

from studio_pipeline.engines.base import EngineRequest
from studio_pipeline.engines.sdxl import StableDiffusionXL

_MODES = {"openpose": 0, "depth": 1, "hed": 2, "canny": 3, "lineart": 3, "mlsd": 3}
"""Of the promax union: its embeddings by kind; lines of any making are one kind."""


class StableDiffusionXLUnion(StableDiffusionXL):
    name: ClassVar[str] = "sdxl-union"
    licence: ClassVar[str] = "OpenRAIL++ (pipeline), Apache-2.0 (ControlNet)"
    pipelines: ClassVar[tuple[str, str]] = (
        "StableDiffusionXLControlNetUnionInpaintPipeline",
        "StableDiffusionXLInpaintPipeline",
    )
    saved_as: ClassVar[tuple[str, ...]] = ("StableDiffusionXLPipeline", *pipelines)
    controlnet_class: ClassVar[str] = "ControlNetUnionModel"

    @property
    def control_kinds(self) -> tuple[str, ...]:
        return ("canny",) if self._found.controlnets else ()

    def arguments(self, request: EngineRequest, image: Any, mask: Any, controls: list[Any]) -> dict[str, Any]:
        out = super().arguments(request, image, mask, controls)
        if controls:
            out |= {"control_image": controls, "control_mode": [_MODES[kind] for kind in self.control_kinds]}
        return out
