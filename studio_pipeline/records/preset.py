"""A preset: what to propose and what to deliver. TOML on disk, frozen into the session at ``init``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, JsonValue, ValidationError, field_validator

from studio_pipeline.errors import Refused
from studio_pipeline.records.base import Record
from studio_pipeline.records.develop import DevelopSettings, Space


class EditSpec(Record):
    """One row of ``[[edits]]``: which edit, whether its switch starts on, and its own parameters."""

    name: str = Field(description="An edit's name; `studio presets check` lists them.")
    enabled: bool = Field(True, description="Whether the edit's switch starts on.")
    seed: int = Field(1, ge=0, description="Seed of everything random in this edit.")
    params: dict[str, JsonValue] = Field({}, description="The edit's own parameters.")


class GuardLimits(Record):
    """``[guards]``: the limits a proposal must stay in. Locked pixels and faces have no key: always 0."""

    seam_max: float = Field(1.6, description="Gradient across a seam over the gradients beside it, at most.")
    grain_min: float = Field(0.8, description="Grain of new area over grain of the backdrop, at least.")
    grain_max: float = Field(1.25, description="Grain of new area over grain of the backdrop, at most.")
    new_area_max: float = Field(1.5, description="New canvas area over the base's area, at most.")
    healed_area_max: float = Field(0.02, description="Healed backdrop over the base's area, at most.")
    structure_max: float = Field(
        2.5, description="Edges in what a model made over those on the set, at most."
    )
    colours_max: float = Field(0.04, description="Share of that in colours the set has not, at most.")
    filled_area_max: float = Field(0.1, description="Backdrop put in place of things, likewise, at most.")


class EngineSettings(Record):
    """``[engines]``: what the session allows of models, for edits that may ask one."""

    non_commercial: bool = Field(False, description="Whether models may be asked that are not for commerce.")
    tries: int = Field(2, ge=0, le=8, description="More seeds after a guard refused what a model made.")
    compiled: bool = Field(False, description="Compile models on CUDA: slow once, faster after that.")


class OutputRecipe(Record):
    """One row of ``[[deliverables]]``: a file that every approved capture gets."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="The recipe's name.")
    format: Literal["tiff16", "jpeg"] = Field(description="The file format.")
    space: Space | None = Field(None, description="Output profile; the base's own when left out.")
    long_edge_px: int | None = Field(
        None, gt=0, description="Reduce to this long edge; full size when left out."
    )
    quality: int = Field(92, ge=1, le=100, description="JPEG quality.")
    folder: str = Field("", description="Folder inside Output/.")
    suffix: str = Field("", description="Added to the capture's name.")

    @field_validator("suffix")
    @classmethod
    def _no_folder(cls, value: str) -> str:
        if "/" in value:
            raise ValueError("is part of a file's name; folders go into `folder`")
        return value

    @field_validator("folder", "suffix")
    @classmethod
    def _inside(cls, value: str) -> str:
        if (
            ".." in value.split("/")
            or value.startswith("/")
            or "\\" in value
            or "\0" in value
            or ":" in value
        ):
            raise ValueError("must stay inside Output/")
        return value


class Preset(Record):
    """A named set of edits and output recipes."""

    title: str = Field(description="One line for people.")
    propose: Literal["all", "picked", "none"] = Field("all", description="Which captures get proposals.")
    develop: DevelopSettings = DevelopSettings()
    edits: tuple[EditSpec, ...] = ()
    guards: GuardLimits = GuardLimits()
    engines: EngineSettings = EngineSettings()
    deliverables: tuple[OutputRecipe, ...] = ()
    retention_days: int | None = Field(
        None, ge=1, description="Days after the last frame of a subject until its purge is due."
    )

    @field_validator("edits", "deliverables")
    @classmethod
    def _distinct(cls, rows: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [row.name for row in rows]
        if len(set(names)) != len(names):
            raise ValueError("each name may stand once")
        return rows


def parse(text: str, where: str) -> Preset:
    """A preset from TOML text. Raises Refused with the first thing that is wrong and where."""
    try:
        return Preset.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"{where}: not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        said = "there is no such key" if first["type"] == "extra_forbidden" else first["msg"]
        raise Refused(f"{where}: {place or 'preset'}: {said}") from error


def folder() -> Path:
    """Where the shipped presets lie: in the wheel beside this package, in a checkout at its top."""
    packaged = Path(__file__).parents[1] / "_presets"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "presets"


def names() -> list[str]:
    return sorted(path.stem for path in folder().glob("*.toml"))


def load(name_or_path: str) -> Preset:
    """A shipped preset by name, or any preset file by path. Raises Refused."""
    path = folder() / f"{name_or_path}.toml"
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
    elif name_or_path not in names():
        raise Refused(f"no preset named {name_or_path!r}; there are: {', '.join(names())}")
    try:
        return parse(path.read_text(encoding="utf-8"), path.name)
    except OSError as error:
        raise Refused(f"cannot read the preset {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{path.name}: not TOML: it is not UTF-8 text") from error
