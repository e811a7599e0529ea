from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from studio_pipeline.engines.base import EngineRequest
from studio_pipeline.engines.device import Device
from studio_pipeline.engines.diffusion import DiffusersEngine
from studio_pipeline.engines.registry import ENGINES
from tests.support import small_models

CPU = Device("cpu", "float32", 64 << 30)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of an engine's small pipeline and ControlNets, made once."""
    import torch

    torch.set_num_threads(1)  # for so small tensors threads wait more for each other than they work
    root = tmp_path_factory.mktemp("small-models")

    def made(name: str) -> Path:
        return root / name if (root / name).exists() else small_models.save(name, root / name)

    return made


@pytest.fixture(scope="session")
def engines(small: Callable[[str], Path]) -> Callable[[str], DiffusersEngine]:
    """An engine over its small pipeline, loaded once by the code that users run."""
    loaded: dict[str, DiffusersEngine] = {}

    def engine(name: str) -> DiffusersEngine:
        if name not in loaded:
            kind = next(one for one in ENGINES if one.name == name)
            loaded[name] = kind(small_models.weights(small(name)), CPU)
        return loaded[name]

    return engine


def a_request(engine: DiffusersEngine, **more: object) -> EngineRequest:
    """64 by 96 pixels, the right half to be made, a plain control image of each kind."""
    height, width = 64, 96
    y, x = np.mgrid[:height, :width].astype(np.float32)
    context = np.stack([0.3 + 0.4 * x / width, 0.5 + 0.1 * np.sin(y / 5), 0.4 + 0 * x], axis=-1)
    mask = np.zeros((height, width), np.float32)
    mask[:, 48:] = 1
    given: dict[str, object] = {
        "controls": {kind: np.zeros_like(context) for kind in engine.control_kinds},
        "prompt": "grey plaster wall",
        "seed": 3,
        "steps": 2,
    }
    return EngineRequest(context, mask, np.zeros((height, width), np.bool_), **(given | more))  # type: ignore[arg-type]
