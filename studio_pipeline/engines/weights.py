"""Weights on disk: what a folder holds, read from safetensors' headers alone; nothing that could run code."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from studio_pipeline.errors import Refused

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
_MOST_HEADER_BYTES = 100 << 20
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Weights:
    """An engine's parts: a pipeline's folder, or one safetensors file with a folder of its configurations,
    and a folder for each ControlNet, by its kind.
    """

    pipeline: Path
    controlnets: tuple[tuple[str, Path], ...] = ()
    configuration: Path | None = None

    @property
    def parts(self) -> tuple[Path, ...]:
        return (self.pipeline, *(folder for _, folder in self.controlnets))


def files_of(part: Path) -> list[Path]:
    """The safetensors files of a folder, or the one file itself, in a steady order."""
    return [part] if part.is_file() else sorted(part.rglob("*.safetensors"))


def variant_of(part: Path) -> str | None:
    """The variant that publishers put into files' names (``unet/model.fp16.safetensors``); None for none."""
    return "fp16" if any(path.name.endswith(".fp16.safetensors") for path in files_of(part)) else None


def check(part: Path) -> None:
    """Raises Refused where a part is missing, pickled, or not whole."""
    if not part.exists():
        raise Refused(f"{part} is not there; `studio models list` says what is installed")
    if part.is_file() and part.suffix in PICKLES:
        raise Refused(f"{part.name} is a pickle, which can run any code: use the safetensors of this model")
    found = files_of(part)
    if part.is_file() and part.suffix != ".safetensors":
        raise Refused(f"{part.name} is no safetensors file")
    if not found:
        pickled = any(path.suffix in PICKLES for path in part.rglob("*"))
        why = "only pickles, which can run any code" if pickled else "no weights"
        raise Refused(f"{part} holds {why}: use the safetensors of this model")
    for path in found:
        elements(path)


def elements(path: Path) -> int:
    """How many numbers a safetensors file holds. Raises Refused where it is damaged or cut short."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else _MOST_HEADER_BYTES + 1
        if length > min(_MOST_HEADER_BYTES, size):
            raise Refused(f"{path.name} is no safetensors file, or its beginning is damaged")
        try:
            header = json.loads(file.read(length))
            tensors = [entry for name, entry in header.items() if name != "__metadata__"]
            end = max((entry["data_offsets"][1] for entry in tensors), default=0)
            count = sum(math.prod(int(side) for side in entry["shape"]) for entry in tensors)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused(f"{path.name}: its list of tensors is damaged") from error
    if size != 8 + length + end:
        raise Refused(
            f"{path.name} has {size} bytes where it says {8 + length + end}: it was cut short; fetch it again"
        )
    return count


def elements_of(part: Path) -> dict[str, int]:
    """Numbers by component: a pipeline's subfolders, or one for a single file or a ControlNet."""
    out: dict[str, int] = {}
    for path in files_of(part):
        name = path.parent.name if path.parent != part and path != part else part.name
        out[name] = out.get(name, 0) + elements(path)
    return out


def sha256_of(parts: tuple[Path, ...]) -> str:
    """One hash of all files' names and hashes: what a plan names the weights by."""
    whole = hashlib.sha256()
    for part in parts:
        for path in files_of(part):
            whole.update(f"{path.name} {file_sha256(path)}\n".encode())
    return whole.hexdigest()


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        out = hashlib.sha256()
        for chunk in _chunks(file):
            out.update(chunk)
    return out.hexdigest()


def _chunks(file: object) -> Iterator[bytes]:
    read = file.read  # type: ignore[attr-defined]
    while chunk := read(_CHUNK):
        yield chunk


def class_of(pipeline: Path) -> str:
    """The class that a folder says it is (``model_index.json`` or ``config.json``). Raises Refused."""
    for name in ("model_index.json", "config.json"):
        path = pipeline / name
        if path.is_file():
            try:
                return str(json.loads(path.read_text(encoding="utf-8"))["_class_name"])
            except (ValueError, KeyError, UnicodeDecodeError) as error:
                raise Refused(f"{path} does not say what it is") from error
    raise Refused(f"{pipeline} has neither model_index.json nor config.json: it is no folder of a model")
