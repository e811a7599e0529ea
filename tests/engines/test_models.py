"""`studio models`: taking weights in from a folder and from a hub, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studio_pipeline.cli import call
from studio_pipeline.engines import fetch, lineup, registry, store
from studio_pipeline.engines.registry import ENGINES
from studio_pipeline.engines.store import FOLDER_VARIABLE
from studio_pipeline.errors import Refused, TryAgain
from tests.engines.conftest import CPU, a_request
from tests.support import one_file
from tests.support.hub import COMMIT, Hub, hub

Small = Callable[[str], Path]
NET = "sd15-canny"


@pytest.fixture()
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of models, the one that commands use."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture()
def served(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with a ControlNet, its weights named as published at 16 bits."""
    folder = tmp_path / "published"
    shutil.copytree(small("sd15") / "canny", folder)
    next(folder.glob("*.safetensors")).rename(folder / "diffusion_pytorch_model.fp16.safetensors")
    (folder / "README.md").write_text("not wanted")
    online(monkeypatch)
    with hub(folder, lineup.model(NET).source) as one:
        monkeypatch.setenv("HF_ENDPOINT", one.url)
        yield one


def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user's process begins; the library had read this process's variable when it was imported."""
    from huggingface_hub import constants

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = call(list(words))
    told = capsys.readouterr()
    return code, told.out + told.err


class TestTheLineUp:
    def test_every_model_belongs_to_an_engine_and_every_engine_has_a_pipeline(self) -> None:
        models = lineup.models()
        names = {engine.name for engine in ENGINES}
        assert {one.engine for one in models} == names
        assert {one.engine for one in models if one.part == lineup.PIPELINE} == names
        assert len({one.name for one in models}) == len(models)
        for one in models:
            engine = next(kind for kind in ENGINES if kind.name == one.engine)
            assert one.commercial or not engine.commercial

    def test_is_listed_as_json(self, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
        code, text = said(capsys, "models", "list", "--json")
        rows: list[dict[str, Any]] = json.loads(text)["models"]
        assert code == 0 and len(rows) == len(lineup.models())
        for row in rows:
            assert {"name", "licence", "commercial", "size_bytes", "installed"} <= set(row)
        assert not any(row["installed"] for row in rows)


class TestAdd:
    def test_a_folder_becomes_an_engine_that_answers(
        self, small: Small, models: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert (
            said(capsys, "models", "add", str(small("sd15") / "pipeline"), "--as", "sd15-inpainting")[0] == 0
        )
        assert said(capsys, "models", "add", str(small("sd15") / "canny"), "--as", NET)[0] == 0
        (engine,) = registry.available(models, CPU)
        assert engine.name == "sd15" and engine.capabilities.controls == ("canny",)
        engine.run(a_request(engine))  # type: ignore[arg-type]
        code, text = said(capsys, "models", "check")
        assert code == 0 and "every file is what was taken in" in text and "answers in" in text

    def test_pickles_stay_behind(self, small: Small, models: Path, tmp_path: Path) -> None:
        folder = shutil.copytree(small("sd15") / "canny", tmp_path / "net")
        (folder / "old.bin").write_bytes(b"pickled")
        record = store.add(models, folder, NET)
        assert not any(path.endswith(".bin") for path in record.files)

    @pytest.mark.parametrize(
        ("spoil", "why"),
        [
            (lambda net: shutil.rmtree(net), "not there"),
            (lambda net: next(net.glob("*.safetensors")).rename(net / "weights.bin"), "pickles"),
            (
                lambda net: (net / "config.json").write_text('{"_class_name": "UNet2DModel"}'),
                "is a UNet2DModel",
            ),
            (lambda net: (net / "config.json").unlink(), "no folder of a model"),
            (
                lambda net: next(net.glob("*.safetensors")).write_bytes(
                    next(net.glob("*.safetensors")).read_bytes()[:-1]
                ),
                "cut short",
            ),
        ],
    )
    def test_what_is_not_right_is_refused_and_leaves_nothing(
        self, small: Small, models: Path, tmp_path: Path, spoil: Callable[[Path], object], why: str
    ) -> None:
        net = shutil.copytree(small("sd15") / "canny", tmp_path / "net")
        spoil(net)
        with pytest.raises(Refused, match=why):
            store.add(models, net, NET)
        assert not models.exists() or not list(models.iterdir())

    def test_a_name_that_is_not_in_the_line_up(self, small: Small, models: Path) -> None:
        with pytest.raises(Refused, match="there are: sdxl-inpainting"):
            store.add(models, small("sd15") / "canny", "mine")

    def test_one_file_wants_the_folder_of_its_configurations(self, small: Small, models: Path) -> None:
        file = next((small("sd15") / "pipeline" / "unet").glob("*.safetensors"))
        with pytest.raises(Refused, match="--config"):
            store.add(models, file, "sd15-inpainting")

    def test_a_controlnet_is_left_out_while_its_image_cannot_be_made(
        self, small: Small, models: Path
    ) -> None:
        store.add(models, small("sdxl") / "pipeline", "sdxl-inpainting")
        store.add(models, small("sdxl") / "canny", "sdxl-canny")
        store.add(models, small("sdxl") / "canny", "sdxl-depth")
        (engine,) = registry.available(models, CPU)
        assert engine.capabilities.controls == ("canny",)
        store.annotators(models).mkdir()
        (store.annotators(models) / "dpt_hybrid-midas-501f0c75.pt").write_bytes(b"there")
        (engine,) = registry.available(models, CPU)
        assert engine.capabilities.controls == ("canny", "depth")

    def test_one_file_and_its_configurations(self, small: Small, models: Path, tmp_path: Path) -> None:
        configuration = one_file.join(small("sd15") / "pipeline", tmp_path / "model.safetensors")
        store.add(models, tmp_path / "model.safetensors", "sd15-inpainting", configuration)
        (engine,) = registry.available(models, CPU)
        assert engine.capabilities.controls == ()
        engine.run(a_request(engine))  # type: ignore[arg-type]

    def test_a_changed_file_is_found(
        self, small: Small, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        net = shutil.copytree(small("sd15") / "canny", tmp_path / "net")
        store.add(models, net, NET)
        file = next((models / NET).glob("*.safetensors"))
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(bytes(data))
        code, text = said(capsys, "models", "check", NET, "--no-run")
        assert code != 0 and "not the file that was taken in" in text


class TestPull:
    def test_shows_licence_and_size_asks_and_fetches_what_is_wanted(
        self, served: Hub, models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("builtins.input", lambda question: "n")
        code, text = said(capsys, "models", "pull", NET)
        assert (
            code == 0 and "CreativeML OpenRAIL-M" in text and "GB" in text and "nothing was fetched" in text
        )
        assert not any("/resolve/" in path for _, path, _ in served.requests)
        code, text = said(capsys, "models", "pull", NET, "--yes")
        record = store.installed(models, NET)
        assert code == 0 and record is not None and record.revision == COMMIT
        assert set(record.files) == {"config.json", "diffusion_pytorch_model.fp16.safetensors"}
        assert store.verify(models, NET) == record

    def test_goes_on_where_it_was_broken_off(
        self, served: Hub, models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)  # of files a thousand times as large
        served.break_off["diffusion_pytorch_model.fp16.safetensors"] = 100_000
        offer = fetch.offer(lineup.model(NET))
        for _ in range(3):
            try:
                fetch.pull(models, offer)
                break
            except TryAgain:
                continue
        ranges = [asked for command, path, asked in served.requests if command == "GET" and "fp16" in path]
        assert store.installed(models, NET) is not None
        assert any(asked.startswith("bytes=") and asked != "bytes=0-" for asked in ranges), ranges

    def test_bytes_that_are_not_what_the_hub_lists_are_thrown_away(self, served: Hub, models: Path) -> None:
        served.lies.add("diffusion_pytorch_model.fp16.safetensors")
        with pytest.raises(Refused, match="thrown away"):
            fetch.pull(models, fetch.offer(lineup.model(NET)))
        assert store.installed(models, NET) is None

    def test_offline_nothing_is_asked(self, served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        with pytest.raises(Refused, match="HF_HUB_OFFLINE is set"):
            fetch.offer(lineup.model(NET))
        assert served.requests == []

    def test_a_hub_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        online(monkeypatch)
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        with pytest.raises(TryAgain, match="does not answer"):
            fetch.offer(lineup.model(NET))

    def test_a_repository_that_is_not_there(self, served: Hub) -> None:
        with pytest.raises(Refused, match="the hub has no"):
            fetch.offer(lineup.model("sdxl-canny"))
