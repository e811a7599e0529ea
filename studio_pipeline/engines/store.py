"""Where weights lie: one folder a model, with a record of what was taken in and its hashes.

The hashes are those of the first take-in (a hub's own are compared while fetching): publishers move branches,
so the line-up cannot know them beforehand.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import ValidationError

from studio_pipeline.engines import control, lineup, weights
from studio_pipeline.engines.lineup import Model
from studio_pipeline.engines.weights import Weights
from studio_pipeline.errors import Refused
from studio_pipeline.records.base import Record

FOLDER_VARIABLE = "STUDIO_MODELS"
_RECORD = "installed.json"
ONE_FILE = "model.safetensors"
CONFIGURATION = "configuration"


class File(Record):
    size_bytes: int
    sha256: str


class Installed(Record):
    """``revision``: the commit that was fetched, or "local"."""

    name: str
    source: str
    revision: str
    licence: str
    files: dict[str, File]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files.values())


def folder() -> Path:
    """The folder of all models: what ``STUDIO_MODELS`` names, or one in the user's data folder."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_data_dir("studio-pipeline", appauthor=False)) / "models"


def annotators(models: Path) -> Path:
    """Where the weights of control images' detectors are looked for."""
    return models / "annotators"


def installed(models: Path, name: str) -> Installed | None:
    """What was taken in under a name; None where nothing was, or not all of it."""
    try:
        text = (models / name / _RECORD).read_text(encoding="utf-8")
        return Installed.model_validate_json(text)
    except FileNotFoundError:
        return None
    except (ValidationError, UnicodeDecodeError) as error:
        raise Refused(f"{models / name / _RECORD} is damaged: take the model in again") from error


def weights_of(models: Path, engine: str) -> Weights | None:
    """An engine's parts that are installed; None without its pipeline."""
    parts = {
        one.part: models / one.name
        for one in lineup.models()
        if one.engine == engine and installed(models, one.name) is not None
    }
    pipeline = parts.pop(lineup.PIPELINE, None)
    if pipeline is None:
        return None
    # A ControlNet whose control image nobody here can make would only stop the engine.
    controlnets = tuple(
        (kind, path) for kind, path in sorted(parts.items()) if control.can_make(kind, annotators(models))
    )
    if (pipeline / ONE_FILE).is_file():
        return Weights(pipeline / ONE_FILE, controlnets, pipeline / CONFIGURATION)
    return Weights(pipeline, controlnets)


def add(models: Path, source: Path, name: str, configuration: Path | None = None) -> Installed:
    """Take in weights from a local folder, or one safetensors file with a folder of its configurations.

    Files are linked where the disk allows it, so nothing is needed twice, and copied elsewhere. Pickles are
    left behind.

    Raises:
        Refused: not in the line-up, not there, pickled, cut short, or of another class than the engine takes.
    """
    model = lineup.model(name)
    weights.check(source)
    with _filled(models, name) as temp:
        if source.is_file():
            if configuration is None or not configuration.is_dir():
                raise Refused(
                    f"{source.name} is one file: name the folder of its configurations with --config "
                    "(the files of its repository without the weights)"
                )
            _link(source, temp / ONE_FILE)
            _take(configuration, temp / CONFIGURATION, weights_too=False)
        else:
            _take(source, temp, weights_too=True)
        check_engine(model, temp)
        return record(temp, model, "local")


@contextlib.contextmanager
def _filled(models: Path, name: str) -> Iterator[Path]:
    """A folder beside, which takes the model's name when all went well; one of that name is replaced."""
    models.mkdir(parents=True, exist_ok=True)
    temp = models / f".{name}-{secrets.token_hex(6)}"
    temp.mkdir()
    try:
        yield temp
        shutil.rmtree(models / name, ignore_errors=True)
        temp.rename(models / name)
    finally:
        shutil.rmtree(temp, ignore_errors=True)


def _take(source: Path, target: Path, *, weights_too: bool) -> None:
    for path in sorted(source.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(source).parts)
        is_weights = path.suffix in (*weights.PICKLES, ".safetensors", ".gguf", ".onnx")
        wanted = path.suffix == ".safetensors" and weights_too if is_weights else True
        if path.is_file() and wanted and not hidden and path.name != _RECORD:
            _link(path, target / path.relative_to(source))


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source.resolve())
    except OSError:
        shutil.copy2(source, target)


def check_engine(model: Model, temp: Path) -> None:
    """Raises Refused for a folder of another class than the model's engine takes."""
    from studio_pipeline.engines.registry import ENGINES

    engine = next(one for one in ENGINES if one.name == model.engine)
    wanted = engine.saved_as if model.part == lineup.PIPELINE else (engine.controlnet_class,)
    if (temp / ONE_FILE).is_file():
        return
    said = weights.class_of(temp)
    if said not in wanted:
        raise Refused(f"{model.name} is a {' or '.join(wanted)}; what was given says it is a {said}")


def record(temp: Path, model: Model, revision: str) -> Installed:
    """Write what lies in ``temp`` down, with its hashes."""
    files = {
        path.relative_to(temp).as_posix(): File(
            size_bytes=path.stat().st_size, sha256=weights.file_sha256(path)
        )
        for path in sorted(temp.rglob("*"))
        if path.is_file()
    }
    made = Installed(
        name=model.name, source=model.source, revision=revision, licence=model.licence, files=files
    )
    (temp / _RECORD).write_text(made.model_dump_json(indent=1), encoding="utf-8")
    return made


def verify(models: Path, name: str, tell: Callable[[str], None] = lambda text: None) -> Installed:
    """Compare every file with what was taken in. Raises Refused with the first that differs."""
    record = installed(models, name)
    if record is None:
        raise Refused(f"{name} is not installed: `studio models pull {name}`, or `add` a local folder")
    for relative, known in record.files.items():
        path = models / name / relative
        tell(f"{name}: {relative}")
        if not path.is_file():
            raise Refused(f"{name}: {relative} is missing: take the model in again")
        if path.stat().st_size != known.size_bytes or weights.file_sha256(path) != known.sha256:
            raise Refused(f"{name}: {relative} is not the file that was taken in: take the model in again")
    return record
