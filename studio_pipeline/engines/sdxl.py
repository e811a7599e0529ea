"""SDXL inpainting, with nine input channels, and ControlNets: the one to begin with."""

from __future__ import annotations

from typing import Any, ClassVar

from studio_pipeline.engines.diffusion import DiffusersEngine


class StableDiffusionXL(DiffusersEngine):
    """At strength 1 its UNet, which was trained on the picture under the mask, does poorly: stay below."""

    name: ClassVar[str] = "sdxl"
    licence: ClassVar[str] = "OpenRAIL++"
    pipelines: ClassVar[tuple[str, str]] = (
        "StableDiffusionXLControlNetInpaintPipeline",
        "StableDiffusionXLInpaintPipeline",
    )
    saved_as: ClassVar[tuple[str, ...]] = ("StableDiffusionXLInpaintPipeline", *pipelines[:1])
    native_megapixels: ClassVar[float] = 1.05
    multiple_of: ClassVar[int] = 8

    def _components(self, dtype: Any) -> dict[str, Any]:
        # Its watermark would change pixels after the fact; what was made is said in the record.
        return super()._components(dtype) | {"add_watermarker": False}

    def encoded(self, prompt: str, negative: str, guided: bool) -> dict[str, Any]:
        names = (
            "prompt_embeds",
            "negative_prompt_embeds",
            "pooled_prompt_embeds",
            "negative_pooled_prompt_embeds",
        )
        found = self._pipeline.encode_prompt(
            prompt=prompt,
            device=self._pipeline._execution_device,
            do_classifier_free_guidance=guided,
            negative_prompt=negative,
        )
        return dict(zip(names, found, strict=True))
