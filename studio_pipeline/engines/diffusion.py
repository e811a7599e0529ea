"""What all engines over diffusers have in common: loading, placing, asking, answering.

Pictures go in and come out as float tensors: the 8 bits of PIL, which the pipelines default to, would band a
backdrop. Crops and composites are the caller's; a pipeline's own (``apply_overlay``) are 8-bit.
"""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from studio_pipeline.engines import device as devices
from studio_pipeline.engines import prompts, weights
from studio_pipeline.engines.base import (
    Cancelled,
    Capabilities,
    EngineFailed,
    EngineRequest,
    EngineResult,
    Placement,
    Shown,
    heed,
)
from studio_pipeline.engines.device import Device
from studio_pipeline.engines.weights import Weights
from studio_pipeline.errors import Refused, StudioError
from studio_pipeline.geometry import Extent

_KEPT_PROMPTS = 8


class DiffusersEngine(ABC):
    """An engine over one diffusers pipeline; each adapter says what differs, in a file of its own.

    ``pipelines``: the pipeline's class with ControlNets and without (one name where they are the same).
    ``saved_as``: what the weights' folder may say that it is. ``bytes_a_pixel``: of a request, at 16 bits,
    beside the weights; estimated, see ``docs/engines.md``.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    licence: ClassVar[str]
    commercial: ClassVar[bool] = True
    pipelines: ClassVar[tuple[str, str]]
    saved_as: ClassVar[tuple[str, ...]]
    controlnet_class: ClassVar[str] = "ControlNetModel"
    native_megapixels: ClassVar[float] = 1.0
    multiple_of: ClassVar[int] = 16
    bytes_a_pixel: ClassVar[int] = 3500
    supports_strength: ClassVar[bool] = True
    network: ClassVar[str] = "unet"
    generative: ClassVar[bool] = True

    def __init__(self, found: Weights, on: Device, *, compiled: bool = False) -> None:
        self._found, self._on, self._compiled = found, on, compiled
        self._pipeline: Any = None
        self._placement = Placement.RESIDENT
        self._prompts: OrderedDict[tuple[str, str, bool], dict[str, Any]] = OrderedDict()
        for part in found.parts:
            weights.check(part)
        self._check_classes()
        self.weights_sha256 = weights.sha256_of(found.parts)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            generative=True,
            needs_weights=True,
            native_megapixels=self.native_megapixels,
            multiple_of=self.multiple_of,
            controls=self.control_kinds,
            deterministic=self._on.kind == "cpu",
            supports_strength=self.supports_strength,
        )

    @property
    def control_kinds(self) -> tuple[str, ...]:
        """The control images that ``run`` makes use of."""
        return tuple(kind for kind, _ in self._found.controlnets)

    def estimate_memory(self, extent: Extent) -> dict[Placement, int]:
        """Bytes at the peak, for each way its weights can lie on this device."""
        return devices.needs(self._on, self._numbers(), self._activation_bytes(extent))

    def load(self) -> None:
        """Raises Refused for weights of another class, EngineFailed where they do not fit."""
        if self._pipeline is None:
            self._load(self._extent_at_native(), None)

    def unload(self) -> None:
        self._pipeline = None
        self._prompts.clear()
        devices.give_back(self._on)

    def run(self, request: EngineRequest) -> EngineResult:
        """Raises EngineFailed, Refused, Cancelled; the engine can be asked again after each."""
        import torch

        prompt = prompts.checked(request.prompt)
        _check_request(request, self.multiple_of)
        if self._pipeline is None:
            self._load(request.extent, request.memory_bytes)
        started, said = time.perf_counter(), []
        devices.reset_peak(self._on)
        while True:
            try:
                pixels = self._asked(request, prompt)
                break
            except Cancelled:
                self._pipeline.maybe_free_model_hooks()  # as at a call's end: parts on the device go back
                raise
            except torch.OutOfMemoryError as error:
                # Without its traceback, whose frames hold the pipeline: two would lie in memory.
                said.append(self._smaller(request, error.with_traceback(None)))
            except StudioError:
                raise
            except Exception as error:  # diffusers and torch raise whatever their parts raise
                self.unload()
                raise EngineFailed(f"{self.name} failed: {_first_line(error)}") from error
        if self._placement is not Placement.RESIDENT:
            said.append(f"the weights did not fit the device at once: {self._placement.value}")
        seconds = time.perf_counter() - started
        return EngineResult(pixels, seconds, devices.peak_bytes(self._on), tuple(said))

    def arguments(self, request: EngineRequest, image: Any, mask: Any, controls: list[Any]) -> dict[str, Any]:
        """What the pipeline is called with, beside prompt, size, seed and steps. Tensors are
        ``(1, channels, h, w)``, 0..1.
        """
        out = {
            "image": image,
            "mask_image": mask,
            "strength": request.strength,
            "guidance_scale": request.guidance,
        }
        if self._found.controlnets:
            scales = [request.control_scale] * len(controls)
            single = len(controls) == 1
            out |= {
                "control_image": controls[0] if single else controls,
                "controlnet_conditioning_scale": scales[0] if single else scales,
            }
        return out

    @abstractmethod
    def encoded(self, prompt: str, negative: str, guided: bool) -> dict[str, Any]:
        """A prompt as the pipeline takes it; kept for the frames of one set."""

    def is_guided(self, request: EngineRequest) -> bool:
        return request.guidance > 1

    def _asked(self, request: EngineRequest, prompt: str) -> Shown:
        import torch

        def watch(pipeline: Any, step: int, at: Any, given: dict[str, Any]) -> dict[str, Any]:
            heed(request.cancelled)
            return given

        negative = ", ".join(part for part in (prompts.NEVER, request.negative_prompt) if part)
        image = _tensor(request.context)
        mask = torch.from_numpy((request.edit_mask > 0).astype(np.float32))[None, None]
        controls = [_tensor(self._control(request, kind)) for kind in self.control_kinds]
        heed(request.cancelled)
        with torch.inference_mode(), _seeded(request.seed):
            answer = self._pipeline(
                **self._prompt(prompt, negative, self.is_guided(request)),
                **self.arguments(request, image, mask, controls),
                height=request.extent.height,
                width=request.extent.width,
                num_inference_steps=request.steps,
                generator=torch.Generator("cpu").manual_seed(
                    request.seed
                ),  # a seed means the same everywhere
                output_type="pt",
                callback_on_step_end=watch,
            )
        made = answer.images[0].float().cpu().numpy().transpose(1, 2, 0)
        if not np.isfinite(made).all():
            raise EngineFailed(
                f"{self.name} answered with numbers that are none (NaN): try float32, or another VAE"
            )
        return np.ascontiguousarray(made, np.float32)

    def _control(self, request: EngineRequest, kind: str) -> Shown:
        if kind not in request.controls:
            raise Refused(f"{self.name} wants a control image of the kind {kind!r}, which was not made")
        return request.controls[kind]

    def _prompt(self, prompt: str, negative: str, guided: bool) -> dict[str, Any]:
        key = (prompt, negative, guided)
        if key not in self._prompts:
            self._prompts[key] = self.encoded(prompt, negative, guided)
            while len(self._prompts) > _KEPT_PROMPTS:
                self._prompts.popitem(last=False)
        self._prompts.move_to_end(key)
        return self._prompts[key]

    def _load(self, extent: Extent, at_most: int | None) -> None:
        self._placement = devices.placed(self._on, self._numbers(), self._activation_bytes(extent), at_most)
        self._put(self._read())
        if self._compiled and self._on.kind == "cuda" and self._placement is Placement.RESIDENT:
            getattr(self._pipeline, self.network).compile_repeated_blocks(fullgraph=True)

    def _put(self, pipeline: Any) -> None:
        """Place it, and keep it only once it is whole there. Raises EngineFailed where it does not fit."""
        import torch

        try:
            devices.place(pipeline, self._on, self._placement)
        except torch.OutOfMemoryError as error:
            self.unload()
            raise EngineFailed(
                f"the {self._on.kind} device has no room for {self.name}: close other programs"
            ) from error
        self._pipeline = pipeline

    def _read(self) -> Any:
        import diffusers
        import torch

        diffusers.utils.logging.set_verbosity_error()  # what a photographer can do something about, we say
        kind = getattr(diffusers, self.pipelines[0 if self._found.controlnets else 1])
        dtype = getattr(torch, self._on.dtype)
        try:
            parts = self._components(dtype)
            if self._found.pipeline.is_file():
                pipeline = kind.from_single_file(
                    str(self._found.pipeline),
                    config=str(self._found.configuration),
                    local_files_only=True,
                    dtype=dtype,
                    **parts,
                )
            else:
                pipeline = kind.from_pretrained(
                    self._found.pipeline,
                    local_files_only=True,
                    use_safetensors=True,
                    variant=weights.variant_of(self._found.pipeline),
                    dtype=dtype,
                    **parts,
                )
        except StudioError:
            raise
        except Exception as error:  # diffusers and torch raise whatever their readers raise
            raise Refused(
                f"{self._found.pipeline} cannot be read as {self.name}: {_first_line(error)}"
            ) from error
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def _components(self, dtype: Any) -> dict[str, Any]:
        """What is given to the pipeline beside its own folder."""
        import diffusers

        nets = [
            getattr(diffusers, self.controlnet_class).from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                variant=weights.variant_of(folder),
                dtype=dtype,
            )
            for _, folder in self._found.controlnets
        ]
        if not nets:
            return {}
        return {"controlnet": nets[0] if len(nets) == 1 else nets}

    def _check_classes(self) -> None:
        if self._found.pipeline.is_dir():
            _expect(self._found.pipeline, self.saved_as, self.name)
        elif self._found.configuration is None or not self._found.configuration.is_dir():
            raise Refused(
                f"{self._found.pipeline.name} is one file: name the folder of its configurations, too "
                "(the files of its repository without the weights)"
            )
        for _, folder in self._found.controlnets:
            _expect(folder, (self.controlnet_class,), self.name)

    def _smaller(self, request: EngineRequest, error: Exception) -> str:
        """After the device ran out of memory: place the weights more sparingly, or give up."""
        later = list(Placement)[list(Placement).index(self._placement) + 1 :]
        if not later or self._on.kind != "cuda":
            self.unload()
            raise EngineFailed(
                f"the {self._on.kind} device ran out of memory at {request.extent}: "
                "close other programs, or choose a smaller model"
            ) from error
        self.unload()
        self._placement = later[0]
        self._put(self._read())
        return "the device ran out of memory once"

    def _numbers(self) -> dict[str, int]:
        """How many each network has."""
        return {
            f"{part.name}/{name}": count
            for part in self._found.parts
            for name, count in weights.elements_of(part).items()
        }

    def _activation_bytes(self, extent: Extent) -> int:
        return extent.area * self.bytes_a_pixel * self._on.bytes_a_number // 2

    def _extent_at_native(self) -> Extent:
        side = round((self.native_megapixels * 1e6) ** 0.5)
        return Extent(side, side)


def _check_request(request: EngineRequest, multiple_of: int) -> None:
    extent = request.extent
    if request.context.shape != (extent.height, extent.width, 3) or request.taken_out.shape != (
        extent.height,
        extent.width,
    ):
        raise Refused("context, mask and what was taken out of the context are not of one size")
    if extent.height % multiple_of or extent.width % multiple_of:
        raise Refused(f"{extent} is not a multiple of {multiple_of} pixels")
    if int(request.steps * request.strength) < 1:
        raise Refused(f"{request.steps} steps at a strength of {request.strength:g} are none: ask for more")
    if not np.isfinite(request.context).all():
        raise Refused("the context holds numbers that are none (NaN)")


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Some pipelines draw a picture's latents without the generator that they were given."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _tensor(picture: Shown) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].float().clamp(0, 1)


def _expect(folder: Any, classes: tuple[str, ...], engine: str) -> None:
    said = weights.class_of(folder)
    if said not in classes:
        raise Refused(f"{folder} holds a {said}; {engine} wants {' or '.join(classes)}")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
