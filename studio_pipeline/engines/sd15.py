"""Stable Diffusion 1.5 inpainting with ControlNets: for cards of 8 GB."""

from __future__ import annotations

from typing import Any, ClassVar

from studio_pipeline.engines.diffusion import DiffusersEngine


class StableDiffusion15(DiffusersEngine):
    name: ClassVar[str] = "sd15"
    licence: ClassVar[str] = "CreativeML OpenRAIL-M"
    pipelines: ClassVar[tuple[str, str]] = (
        "StableDiffusionControlNetInpaintPipeline",
        "StableDiffusionInpaintPipeline",
    )
    saved_as: ClassVar[tuple[str, ...]] = ("StableDiffusionInpaintPipeline", *pipelines[:1])
    native_megapixels: ClassVar[float] = 0.26
    multiple_of: ClassVar[int] = 8

    def _components(self, dtype: Any) -> dict[str, Any]:
        # Its checker looks for nudity in what was made; the guards look for anybody at all.
        return super()._components(dtype) | {"safety_checker": None, "requires_safety_checker": False}

    def encoded(self, prompt: str, negative: str, guided: bool) -> dict[str, Any]:
        device = self._pipeline._execution_device
        wanted, unwanted = self._pipeline.encode_prompt(prompt, device, 1, guided, negative)
        return {"prompt_embeds": wanted, "negative_prompt_embeds": unwanted}
