"""FLUX.1 Fill: its licence forbids commercial use, so it is refused unless a session allows that."""

from __future__ import annotations

from typing import Any, ClassVar

from studio_pipeline.engines.base import EngineRequest
from studio_pipeline.engines.diffusion import DiffusersEngine

_GUIDANCE = 30.0
"""Distilled into the model; a scale of the classifier-free kind means nothing to it."""


class FluxFill(DiffusersEngine):
    name: ClassVar[str] = "flux-fill"
    licence: ClassVar[str] = "FLUX.1 [dev] Non-Commercial"
    commercial: ClassVar[bool] = False
    pipelines: ClassVar[tuple[str, str]] = ("FluxFillPipeline", "FluxFillPipeline")
    saved_as: ClassVar[tuple[str, ...]] = pipelines[:1]
    native_megapixels: ClassVar[float] = 1.05
    network: ClassVar[str] = "transformer"

    def is_guided(self, request: EngineRequest) -> bool:
        return False

    def arguments(self, request: EngineRequest, image: Any, mask: Any, controls: list[Any]) -> dict[str, Any]:
        return super().arguments(request, image, mask, controls) | {"guidance_scale": _GUIDANCE}

    def encoded(self, prompt: str, negative: str, guided: bool) -> dict[str, Any]:
        wanted, pooled, _ = self._pipeline.encode_prompt(
            prompt=prompt, prompt_2=None, device=self._pipeline._execution_device
        )
        return {"prompt_embeds": wanted, "pooled_prompt_embeds": pooled}
