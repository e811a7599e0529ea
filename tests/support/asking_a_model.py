"""A job that asks a small model, as a worker that keeps it loaded does. Workers import it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from studio_pipeline.engines.diffusion import DiffusersEngine


@lru_cache(maxsize=1)
def _engine(folder: Path) -> DiffusersEngine:
    import torch

    from studio_pipeline.engines.device import Device
    from studio_pipeline.engines.sd15 import StableDiffusion15
    from tests.support import small_models

    torch.set_num_threads(1)
    engine = StableDiffusion15(small_models.weights(folder), Device("cpu", "float32", 64 << 30))
    engine.load()
    return engine


def ask(folder: Path, steps: int, began: Path | None = None, cancelled: Callable[[], bool] = bool) -> object:
    """``(process, loads, seconds, pixels)``; ``began`` is written at the first step."""
    from tests.engines.conftest import a_request

    def asked() -> bool:
        if began is not None:
            began.touch()
        return cancelled()

    engine, started = _engine(folder), time.monotonic()
    made = engine.run(a_request(engine, steps=steps, cancelled=asked))
    loads = _engine.cache_info().misses
    return os.getpid(), loads, time.monotonic() - started, made.pixels.tobytes()


def deaf(began: Path, cancelled: Callable[[], bool] = bool) -> None:
    """One step that is longer than anybody waits."""
    began.touch()
    time.sleep(30)
