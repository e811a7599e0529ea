"""Qwen-Image with its inpainting ControlNet: the quality tier, under Apache-2.0."""

from __future__ import annotations

from typing import Any, ClassVar

from studio_pipeline.engines.base import EngineRequest
from studio_pipeline.engines.diffusion import DiffusersEngine


class QwenImage(DiffusersEngine):
    """Its ControlNet takes the picture with the region cut out; it has no strength and no other control."""

    name: ClassVar[str] = "qwen-image"
    licence: ClassVar[str] = "Apache-2.0"
    pipelines: ClassVar[tuple[str, str]] = (
        "QwenImageControlNetInpaintPipeline",
        "QwenImageControlNetInpaintPipeline",
    )
    saved_as: ClassVar[tuple[str, ...]] = ("QwenImagePipeline", *pipelines[:1])
    controlnet_class: ClassVar[str] = "QwenImageControlNetModel"
    native_megapixels: ClassVar[float] = 1.76
    supports_strength: ClassVar[bool] = False
    network: ClassVar[str] = "transformer"

    @property
    def control_kinds(self) -> tuple[str, ...]:
        return ()

    def arguments(self, request: EngineRequest, image: Any, mask: Any, controls: list[Any]) -> dict[str, Any]:
        return {
            "control_image": image,
            "control_mask": mask,
            "controlnet_conditioning_scale": 1.0,
            "true_cfg_scale": request.guidance,
        }

    def encoded(self, prompt: str, negative: str, guided: bool) -> dict[str, Any]:
        device = self._pipeline._execution_device
        wanted, wanted_mask = self._pipeline.encode_prompt(prompt=prompt, device=device)
        out = {"prompt_embeds": wanted, "prompt_embeds_mask": wanted_mask}
        if guided:
            unwanted, unwanted_mask = self._pipeline.encode_prompt(prompt=negative, device=device)
            out |= {"negative_prompt_embeds": unwanted, "negative_prompt_embeds_mask": unwanted_mask}
        return out
