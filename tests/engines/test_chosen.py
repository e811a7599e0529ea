"""Which of the installed engines a session's worker asks, from frame to frame."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio_pipeline.engines import device, registry, store
from studio_pipeline.engines.device import Device
from studio_pipeline.engines.diffusion import DiffusersEngine
from studio_pipeline.errors import Refused
from studio_pipeline.pipeline import asking
from studio_pipeline.pixels.kinds import Kind
from studio_pipeline.records.preset import EngineSettings
from tests.engines.conftest import CPU

Small = Callable[[str], Path]


@pytest.fixture()
def models(small: Small, tmp_path: Path) -> Iterator[Path]:
    """Two engines, the better one first."""
    folder = tmp_path / "models"
    store.add(folder, small("sdxl") / "pipeline", "sdxl-inpainting")
    store.add(folder, small("sd15") / "pipeline", "sd15-inpainting")
    asking._engines.cache_clear()
    asking._free_bytes.cache_clear()
    yield folder
    asking._engines.cache_clear()
    asking._free_bytes.cache_clear()


def spoil(models: Path, part: str) -> None:
    path = next(one for one in models.rglob("*.safetensors") if part in str(one))
    data = path.read_bytes()
    path.unlink()  # it may be a link to what was taken in
    path.write_bytes(data[:-100])


def test_a_damaged_engine_is_left_out_and_the_others_are_asked(models: Path) -> None:
    assert [one.name for one in registry.available(models, CPU)] == ["sdxl", "sd15"]
    spoil(models, "sdxl-inpainting")
    assert [one.name for one in registry.available(models, CPU)] == ["sd15"]
    spoil(models, "sd15-inpainting")
    with pytest.raises(Refused, match="cut short"):
        registry.available(models, CPU)


def test_what_the_own_model_holds_is_not_taken(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device has less memory free once a model is loaded: the next frame asks the same one."""
    free = itertools.chain([8 << 30], itertools.repeat(0))
    monkeypatch.setattr(device, "find", lambda *_: Device("cpu", "float32", next(free)))
    monkeypatch.setattr(asking, "_engines", lambda *_: tuple(registry.available(models, CPU)))
    choose = asking.installed(EngineSettings(), models)
    asked = [choose([Kind.STRUCTURED], True).engine for _ in range(3)]
    assert [one.name for one in asked if one is not None] == ["sdxl"] * 3


@pytest.mark.parametrize(
    ("free_gb", "asked", "how"),
    [
        (12, "sdxl", None),
        (9, "sdxl", "one part on the device at a time"),
        (5, "sd15", None),
        (2.7, "sd15", "one part on the device at a time"),
        (1.2, "sd15", "layer by layer on the device"),
        (1, None, None),
    ],
)
def test_a_model_too_large_for_the_card_is_asked_part_by_part(
    models: Path, monkeypatch: pytest.MonkeyPatch, free_gb: float, asked: str | None, how: str | None
) -> None:
    """With the sizes of the real models. Layer by layer takes minutes, so a smaller model goes first."""
    sizes = {
        "sdxl": {"unet": 2_570_000_000, "text": 820_000_000},
        "sd15": {"unet": 860_000_000, "text": 123_000_000},
    }
    monkeypatch.setattr(DiffusersEngine, "_numbers", lambda engine: sizes[engine.name])
    free_bytes = int(free_gb * 1e9)
    card = Device("cuda", "float16", free_bytes)
    engines = registry.available(models, card)
    found = registry.choose(engines, [Kind.STRUCTURED], lines=False, free_bytes=free_bytes)
    assert (found.engine.name if found.engine else None) == asked
    if asked and how:
        assert how in found.reason
    elif asked:
        assert "slower" not in found.reason
