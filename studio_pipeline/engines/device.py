"""The device that an engine runs on, and how its parts are placed there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from studio_pipeline.engines.base import EngineFailed, Placement


@dataclass(frozen=True, slots=True)
class Device:
    """``kind``: ``cuda``, ``mps`` or ``cpu``. ``dtype``: a torch type's name. ``free_bytes``: may be used."""

    kind: str
    dtype: str
    free_bytes: int

    @property
    def bytes_a_number(self) -> int:
        return 4 if self.dtype == "float32" else 2


def find(kind: str | None = None) -> Device:
    """The best device here, or the one asked for.

    bfloat16 where the card has it: float16 overflows in some VAEs, and the picture is black.
    Raises EngineFailed where torch has no such device, or there is no torch.
    """
    try:
        import torch
    except ImportError as error:
        raise EngineFailed("torch is not installed: install it from the lock file") from error
    if kind in (None, "cuda") and torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        return Device("cuda", "bfloat16" if torch.cuda.is_bf16_supported() else "float16", int(free))
    if kind in (None, "mps") and torch.backends.mps.is_available():
        return Device("mps", "float16", _memory_bytes())
    if kind in (None, "cpu"):
        return Device("cpu", "float32", _memory_bytes())
    raise EngineFailed(f"torch has no {kind} device here; `studio doctor` says which it has")


def _memory_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().available)


def needs(device: Device, weights: dict[str, int], activation_bytes: int) -> dict[Placement, int]:
    """Bytes on the device at the peak, for each way that it can hold parts of so many numbers each."""
    sizes = [count * device.bytes_a_number for count in weights.values()]
    out = {Placement.RESIDENT: sum(sizes) + activation_bytes}
    if device.kind == "cuda":  # elsewhere diffusers has nowhere to bring them from
        out[Placement.OFFLOADED] = max(sizes, default=0) + activation_bytes
        out[Placement.STREAMED] = max(sizes, default=0) // 8 + activation_bytes
    return out


def placed(device: Device, weights: dict[str, int], activation_bytes: int, at_most: int | None) -> Placement:
    """How to place parts of so many numbers each. Raises EngineFailed where nothing fits."""
    free = min(device.free_bytes, at_most or device.free_bytes)
    needed = needs(device, weights, activation_bytes)
    for placement, wanted in needed.items():
        if wanted <= free:
            return placement
    raise EngineFailed(
        f"this model needs {min(needed.values()) / 1e9:.1f} GB of the {device.kind} device; "
        f"{free / 1e9:.1f} are free: "
        "close other programs, or choose a smaller model"
    )


def place(pipeline: Any, device: Device, placement: Placement) -> None:
    """Bring a diffusers pipeline to its device; large pictures go through the VAE in tiles."""
    if placement is Placement.RESIDENT:
        pipeline.to(device.kind)
        return
    if hasattr(pipeline.vae, "enable_tiling"):
        pipeline.vae.enable_tiling()
    if placement is Placement.OFFLOADED:
        pipeline.enable_model_cpu_offload(device=device.kind)
    else:
        pipeline.enable_sequential_cpu_offload(device=device.kind)


def peak_bytes(device: Device) -> int:
    """What the device's memory went up to since ``reset_peak``; the process's own size on a CPU."""
    import torch

    if device.kind == "cuda":
        return int(torch.cuda.max_memory_allocated())
    import psutil

    return int(psutil.Process().memory_info().rss)


def reset_peak(device: Device) -> None:
    import torch

    if device.kind == "cuda":
        torch.cuda.reset_peak_memory_stats()


def give_back(device: Device) -> None:
    """Free what torch keeps for later."""
    import gc

    import torch

    gc.collect()
    if device.kind == "cuda":
        torch.cuda.empty_cache()
    elif device.kind == "mps":
        torch.mps.empty_cache()
