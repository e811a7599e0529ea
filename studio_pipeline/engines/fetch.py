"""`studio models pull`: the program's only call to a network, made when a person asks for it."""

from __future__ import annotations

import fnmatch
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from studio_pipeline.engines import store, weights
from studio_pipeline.engines.lineup import Model
from studio_pipeline.engines.store import Installed
from studio_pipeline.errors import Refused, TryAgain

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_ENDPOINT = "HF_ENDPOINT"
_SPARE_BYTES = 1 << 30


@dataclass(frozen=True)
class Listed:
    """A file at the hub; ``sha256`` where it says one (it does for weights)."""

    path: str
    size_bytes: int
    sha256: str | None


@dataclass(frozen=True)
class Offer:
    """What would be fetched."""

    model: Model
    commit: str
    files: tuple[Listed, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


def offer(model: Model) -> Offer:
    """Ask the hub what there is. Raises Refused where that is forbidden, TryAgain without an answer."""
    for name in _OFFLINE:
        if os.environ.get(name, "").upper() in ("1", "TRUE", "YES", "ON"):
            raise Refused(
                f"{name} is set: nothing is fetched; unset it, or `add` weights from a local folder"
            )
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        found = HfApi(endpoint=_endpoint()).model_info(
            model.source, revision=model.revision, files_metadata=True, timeout=30
        )
    except HfHubHTTPError as error:
        raise Refused(f"the hub has no {model.source} at {model.revision} for us: {_line(error)}") from error
    except Exception as error:  # of whatever client the library uses
        raise TryAgain(f"the hub does not answer: {_line(error)}") from error
    files = tuple(
        Listed(one.rfilename, int(one.size or 0), one.lfs.sha256 if one.lfs else None)
        for one in found.siblings or ()
        if any(fnmatch.fnmatch(one.rfilename, pattern) for pattern in model.files)
    )
    if not any(file.path.endswith(".safetensors") for file in files):
        raise Refused(
            f"{model.source} has no safetensors under the names that are wanted: {', '.join(model.files)}"
        )
    return Offer(model, str(found.sha), files)


def pull(models: Path, wanted: Offer, tell: Callable[[str], None] = lambda text: None) -> Installed:
    """Fetch what was offered; what an earlier call fetched of it is kept, and a file is resumed.

    Raises TryAgain where the network or the disk gives out, Refused for a file that is not what the hub says.
    """
    model, kept = wanted.model, models / f".{wanted.model.name}.partial"
    kept.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(kept).free < wanted.size_bytes + _SPARE_BYTES:
        raise TryAgain(f"{wanted.size_bytes / 1e9:.1f} GB are wanted in {models}, and there is less room")
    for file in wanted.files:
        tell(f"{file.path}, {file.size_bytes / 1e6:.0f} MB")
        _fetch(kept, wanted, file)
    for published, name in model.renamed.items():
        (kept / published).replace(kept / name)
    shutil.rmtree(kept / ".cache", ignore_errors=True)
    weights.check(kept)
    store.check_engine(model, kept)
    record = store.record(kept, model, wanted.commit)
    shutil.rmtree(models / model.name, ignore_errors=True)
    kept.rename(models / model.name)
    return record


def _fetch(kept: Path, wanted: Offer, file: Listed) -> None:
    from huggingface_hub import hf_hub_download

    try:
        hf_hub_download(
            wanted.model.source, file.path, revision=wanted.commit, local_dir=kept, endpoint=_endpoint()
        )
    except Exception as error:  # of whatever client the library uses
        raise TryAgain(
            f"{file.path} was not fetched: {_line(error)}; the same command goes on from here"
        ) from error
    path = kept / file.path
    if file.sha256 is not None and weights.file_sha256(path) != file.sha256:
        path.unlink()
        raise Refused(
            f"{file.path} is not what the hub says it is, and was thrown away: run the command again"
        )


def _endpoint() -> str | None:
    return os.environ.get(_ENDPOINT) or None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
