"""Z-Image with its ControlNet union: a small transformer, quick, under Apache-2.0."""

from __future__ import annotations

from typing import Any, ClassVar

from studio_pipeline.engines.base import EngineRequest
from studio_pipeline.engines.diffusion import DiffusersEngine


class ZImage(DiffusersEngine):
    """It has no strength: the region is made anew, from the control image and what lies around."""

    name: ClassVar[str] = "z-image"
    licence: ClassVar[str] = "Apache-2.0"
    pipelines: ClassVar[tuple[str, str]] = (
        "ZImageControlNetInpaintPipeline",
        "ZImageControlNetInpaintPipeline",
    )
    saved_as: ClassVar[tuple[str, ...]] = ("ZImagePipeline", *pipelines[:1])
    controlnet_class: ClassVar[str] = "ZImageControlNetModel"
    native_megapixels: ClassVar[float] = 1.05
    supports_strength: ClassVar[bool] = False
    network: ClassVar[str] = "transformer"

    @property
    def control_kinds(self) -> tuple[str, ...]:
        return ("canny",) if self._found.controlnets else ()

    def is_guided(self, request: EngineRequest) -> bool:
        return request.guidance > 0

    def arguments(self, request: EngineRequest, image: Any, mask: Any, controls: list[Any]) -> dict[str, Any]:
        out = super().arguments(request, image, mask, controls)
        del out["strength"]
        return out

    def encoded(self, prompt: str, negative: str, guided: bool) -> dict[str, Any]:
        wanted, unwanted = self._pipeline.encode_prompt(
            prompt, self._pipeline._execution_device, guided, negative
        )
        return {"prompt": None, "prompt_embeds": wanted, "negative_prompt_embeds": unwanted}
