"""What holds for every adapter, on small pipelines of the classes that users run."""

from __future__ import annotations

import json
import shutil
import threading
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from studio_pipeline.engines import device
from studio_pipeline.engines.base import Cancelled, EngineFailed, Placement
from studio_pipeline.engines.device import Device
from studio_pipeline.engines.diffusion import DiffusersEngine
from studio_pipeline.engines.registry import ENGINES, named
from studio_pipeline.engines.weights import Weights
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Extent
from tests.engines.conftest import CPU, a_request
from tests.support import one_file, small_models

Engines = Callable[[str], DiffusersEngine]
Small = Callable[[str], Path]
every_engine = pytest.mark.parametrize("name", small_models.NAMES)


def test_every_engine_of_the_list_is_tried_here() -> None:
    assert {kind.name for kind in ENGINES} == set(small_models.NAMES)


@every_engine
class TestEveryAdapter:
    def test_same_seed_same_bytes_and_another_seed_others(self, name: str, engines: Engines) -> None:
        engine = engines(name)
        first, again, other = (engine.run(a_request(engine, seed=seed)) for seed in (3, 3, 4))
        assert first.pixels.tobytes() == again.pixels.tobytes()
        assert first.pixels.tobytes() != other.pixels.tobytes()

    def test_answers_in_floats_of_the_contexts_size(self, name: str, engines: Engines) -> None:
        engine = engines(name)
        made = engine.run(a_request(engine))
        assert made.pixels.dtype == np.float32 and made.pixels.shape == (64, 96, 3)
        assert made.pixels.min() >= 0 and made.pixels.max() <= 1
        assert len(np.unique(made.pixels[:, 48:, 0])) > 256  # eight bits have no more
        assert made.seconds > 0 and made.peak_bytes > 0

    def test_control_images_count(self, name: str, engines: Engines) -> None:
        engine = engines(name)
        if not engine.control_kinds:
            pytest.skip("takes no control image")
        lines = {kind: np.ones((64, 96, 3), np.float32) for kind in engine.control_kinds}
        without, held = engine.run(a_request(engine)), engine.run(a_request(engine, controls=lines))
        assert without.pixels.tobytes() != held.pixels.tobytes()
        with pytest.raises(Refused, match="control image"):
            engine.run(a_request(engine, controls={}))

    def test_ends_when_it_is_cancelled_and_can_be_asked_again(self, name: str, engines: Engines) -> None:
        engine, asked = engines(name), []

        def after_one_step() -> bool:
            asked.append(time.monotonic())
            return len(asked) > 1

        before = engine.run(a_request(engine))
        with pytest.raises(Cancelled):
            engine.run(a_request(engine, steps=50, seed=9, cancelled=after_one_step))
        assert len(asked) == 2
        after = engine.run(a_request(engine))
        assert after.pixels.tobytes() == before.pixels.tobytes(), "nothing is left of what was broken off"

    def test_numbers_that_are_none_are_refused_in_a_line(self, name: str, small: Small) -> None:
        import torch

        kind = next(one for one in ENGINES if one.name == name)
        engine = kind(small_models.weights(small(name)), CPU)
        engine.load()
        with torch.no_grad():
            next(engine._pipeline.vae.decoder.parameters()).fill_(float("nan"))
        with pytest.raises(EngineFailed, match="NaN"):
            engine.run(a_request(engine))

    def test_weights_of_another_class_are_refused_before_anything_is_read(
        self, name: str, small: Small
    ) -> None:
        other = small("sdxl" if name == "sd15" else "sd15")
        kind = next(one for one in ENGINES if one.name == name)
        with pytest.raises(Refused, match="wants"):
            kind(Weights(other / "pipeline"), CPU)


@pytest.fixture()
def copied(small: Small, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small("sd15"), tmp_path / "sd15"))


def sd15(folder: Path, on: Device = CPU) -> DiffusersEngine:
    return next(one for one in ENGINES if one.name == "sd15")(small_models.weights(folder), on)


class TestBadWeights:
    def test_a_file_that_was_cut_short(self, copied: Path) -> None:
        path = next((copied / "pipeline" / "unet").glob("*.safetensors"))
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(Refused, match="cut short"):
            sd15(copied)

    def test_a_file_that_is_something_else(self, copied: Path) -> None:
        next((copied / "pipeline" / "vae").glob("*.safetensors")).write_bytes(b"no weights at all, but text")
        with pytest.raises(Refused, match="no safetensors"):
            sd15(copied)

    def test_pickles(self, copied: Path) -> None:
        for path in (copied / "pipeline").rglob("*.safetensors"):
            path.rename(path.with_suffix(".bin"))
        with pytest.raises(Refused, match="pickles"):
            sd15(copied)
        pickle = copied / "model.ckpt"
        pickle.write_bytes(b"\x80\x04")
        with pytest.raises(Refused, match="pickle"):
            next(one for one in ENGINES if one.name == "sd15")(Weights(pickle), CPU)

    def test_missing(self, copied: Path) -> None:
        shutil.rmtree(copied / "pipeline")
        with pytest.raises(Refused, match="not there"):
            next(one for one in ENGINES if one.name == "sd15")(Weights(copied / "pipeline"), CPU)

    def test_a_control_net_that_is_missing_a_part(self, copied: Path) -> None:
        config = copied / "canny" / "config.json"
        values = json.loads(config.read_text()) | {"block_out_channels": [8, 24]}
        config.write_text(json.dumps(values))
        with pytest.raises(Refused, match="cannot be read as sd15"):
            sd15(copied).load()

    def test_a_part_that_is_missing(self, copied: Path) -> None:
        shutil.rmtree(copied / "pipeline" / "unet")
        with pytest.raises(Refused, match="cannot be read as sd15"):
            sd15(copied).load()

    def test_a_tensor_of_another_shape(self, copied: Path) -> None:
        path = copied / "pipeline" / "unet" / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"in_channels": 4}))
        with pytest.raises(Refused, match="cannot be read as sd15"):
            sd15(copied).load()

    def test_one_file_without_its_configurations(self, small: Small) -> None:
        one = next((small("sd15") / "pipeline" / "unet").glob("*.safetensors"))
        with pytest.raises(Refused, match="configurations"):
            next(kind for kind in ENGINES if kind.name == "sd15")(Weights(one), CPU)

    def test_other_weights_have_another_name(self, copied: Path, small: Small) -> None:
        before = sd15(copied).weights_sha256
        assert before == sd15(small("sd15")).weights_sha256
        path = next((copied / "canny").glob("*.safetensors"))
        bytes_ = bytearray(path.read_bytes())
        bytes_[-1] ^= 1
        path.write_bytes(bytes(bytes_))
        assert sd15(copied).weights_sha256 != before


def test_weights_published_at_16_bits_under_names_of_their_own_are_found(copied: Path, small: Small) -> None:
    for path in copied.rglob("*.safetensors"):
        path.rename(path.with_name(path.name.replace(".safetensors", ".fp16.safetensors")))
    renamed, plain = sd15(copied), sd15(small("sd15"))
    np.testing.assert_array_equal(renamed.run(a_request(renamed)).pixels, plain.run(a_request(plain)).pixels)


def test_one_file_in_its_publishers_names_answers_as_the_folder_does(small: Small, tmp_path: Path) -> None:
    folder = small("sd15")
    configuration = one_file.join(folder / "pipeline", tmp_path / "model.safetensors")
    nets = small_models.weights(folder).controlnets
    kind = next(one for one in ENGINES if one.name == "sd15")
    joined = kind(Weights(tmp_path / "model.safetensors", nets, configuration), CPU)
    whole = kind(small_models.weights(folder), CPU)
    np.testing.assert_array_equal(joined.run(a_request(joined)).pixels, whole.run(a_request(whole)).pixels)


class TestDevices:
    def test_a_model_larger_than_the_device_is_refused_with_both_sizes(self, small: Small) -> None:
        with pytest.raises(EngineFailed, match=r"needs .* GB of the cpu device"):
            sd15(small("sd15"), Device("cpu", "float32", 1 << 20)).load()

    def test_on_a_card_weights_are_placed_as_sparingly_as_needed(self) -> None:
        parts = {"unet": 2_000, "text": 500, "vae": 100}
        on = [
            device.placed(Device("cuda", "bfloat16", free), parts, 1_000, None)
            for free in (6_200, 5_000, 1_500)
        ]
        assert on == [Placement.RESIDENT, Placement.OFFLOADED, Placement.STREAMED]
        with pytest.raises(EngineFailed, match="smaller model"):
            device.placed(Device("cuda", "bfloat16", 1_499), parts, 1_000, None)
        with pytest.raises(EngineFailed):
            device.placed(Device("cuda", "bfloat16", 9_000), parts, 1_000, 1_000)

    def test_a_device_that_torch_has_not(self) -> None:
        import torch

        missing = "mps" if not torch.backends.mps.is_available() else "cuda"
        with pytest.raises(EngineFailed, match=f"no {missing} device"):
            device.find(missing)

    def test_the_estimate_grows_with_the_picture(self, engines: Engines) -> None:
        engine = engines("sd15")
        less, more = (engine.estimate_memory(Extent(side, side)) for side in (64, 512))
        assert list(less) == [Placement.RESIDENT]  # a CPU has nowhere to bring weights from
        assert 0 < less[Placement.RESIDENT] < more[Placement.RESIDENT]

    def test_out_of_memory_on_a_cpu_is_a_line_and_leaves_nothing_loaded(
        self, small: Small, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import torch

        engine = sd15(small("sd15"))

        def full(*_: object) -> None:
            raise torch.OutOfMemoryError("no room")

        monkeypatch.setattr(engine, "_asked", full)
        with pytest.raises(EngineFailed, match="ran out of memory"):
            engine.run(a_request(engine))
        assert engine._pipeline is None

    def test_no_room_for_the_weights_is_a_line_and_the_next_frame_tries_again(
        self, small: Small, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import torch

        def full(*_: object) -> None:
            raise torch.OutOfMemoryError("no room")

        engine = sd15(small("sd15"))
        with monkeypatch.context() as patch:
            patch.setattr(device, "place", full)
            with pytest.raises(EngineFailed, match="no room for sd15"):
                engine.run(a_request(engine))
        assert engine._pipeline is None
        engine.run(a_request(engine))

    def test_whatever_a_pipeline_raises_is_a_line(
        self, small: Small, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine = sd15(small("sd15"))

        def broken(*_: object) -> None:
            raise RuntimeError("mat1 and mat2 cannot be multiplied")

        monkeypatch.setattr(engine, "_asked", broken)
        with pytest.raises(EngineFailed, match="sd15 failed: mat1"):
            engine.run(a_request(engine))
        assert engine._pipeline is None


def test_the_full_size_that_a_card_is_timed_with_is_the_published_one() -> None:
    import torch
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(**small_models.full_sdxl_unet(4))
    assert sum(parameter.numel() for parameter in unet.parameters()) == 2_567_463_684


class TestRequests:
    def test_a_prompt_that_asks_for_somebody(self, engines: Engines) -> None:
        engine = engines("sd15")
        decomposed = unicodedata.normalize("NFD", "ein Mädchen")
        asked = ("a Woman at a window", "Wand mit Kindern und Frauen", "two hands", "bridesmaids", decomposed)
        for prompt in asked:
            with pytest.raises(Refused, match="asks for somebody"):
                engine.run(a_request(engine, prompt=prompt))
        engine.run(a_request(engine, prompt="handmade paper, mangrove, headland"))  # whole words only

    def test_too_few_steps_for_so_little_strength(self, engines: Engines) -> None:
        with pytest.raises(Refused, match="are none"):
            engines("sd15").run(a_request(engines("sd15"), steps=3, strength=0.3))

    def test_sizes_that_do_not_fit(self, engines: Engines) -> None:
        engine = engines("sd15")
        odd = np.zeros((60, 96), np.float32)
        context, nobody = np.zeros((60, 96, 3), np.float32), np.zeros((60, 96), np.bool_)
        with pytest.raises(Refused, match="multiple of 8"):
            engine.run(_request(context, odd, nobody))
        with pytest.raises(Refused, match="one size"):
            engine.run(_request(context, np.zeros((64, 96), np.float32), nobody))

    def test_prompts_are_encoded_once_for_the_frames_of_a_set(
        self, engines: Engines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine, encoded = engines("sdxl"), []
        engine.run(a_request(engine, prompt="blue canvas"))
        monkeypatch.setattr(engine, "encoded", lambda *given: encoded.append(given))
        engine.run(a_request(engine, prompt="blue canvas", seed=9))
        assert not encoded

    def test_cancelled_from_another_thread_it_ends_within_a_second(self, engines: Engines) -> None:
        engine, stop = engines("sd15"), threading.Event()
        timer = threading.Timer(0.3, stop.set)
        timer.start()
        with pytest.raises(Cancelled):
            engine.run(a_request(engine, steps=900, cancelled=stop.is_set))
        ended = time.monotonic()
        timer.join()
        assert stop.is_set() and time.monotonic() - ended < 1


def _request(context: object, mask: object, nobody: object) -> object:
    from studio_pipeline.engines.base import EngineRequest

    return EngineRequest(context, mask, nobody, prompt="wall")  # type: ignore[arg-type]


def test_an_engine_for_no_commerce_is_refused_until_it_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="commerce"):
        named("flux-fill", tmp_path, CPU)
    with pytest.raises(Refused, match="not installed"):
        named("flux-fill", tmp_path, CPU, non_commercial=True)
