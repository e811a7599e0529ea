"""The models that engines can use, from ``lineup.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import Field

from studio_pipeline.errors import Refused
from studio_pipeline.records.base import Record

PIPELINE = "pipeline"


class Model(Record):
    """One published model: a pipeline, or a ControlNet of one ``part`` (its kind)."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    engine: str
    part: str
    source: str = Field(description="Its repository at a model hub.")
    revision: str
    licence: str
    commercial: bool
    training: str = Field(description="What is known of where the training data came from.")
    files: tuple[str, ...] = Field(description="Patterns of the files that are wanted.")
    renamed: dict[str, str] = Field({}, description="Published name to the name that loaders look for.")
    size_bytes: int = Field(gt=0, description="Of those files, about.")
    memory_bytes: int = Field(gt=0, description="On the device at 16 bits, about.")


def models() -> tuple[Model, ...]:
    path = Path(__file__).with_name("lineup.toml")
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["models"]
    return tuple(Model.model_validate(row) for row in rows)


def model(name: str) -> Model:
    """Raises Refused for a name that is not in the line-up."""
    known = {one.name: one for one in models()}
    if name not in known:
        raise Refused(f"no model named {name!r}; there are: {', '.join(known)}")
    return known[name]
