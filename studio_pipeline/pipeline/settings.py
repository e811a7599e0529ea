"""A preset's edits with the command line's own say; and what every key of a preset means."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, JsonValue

from studio_pipeline.edits import EDITS, stack
from studio_pipeline.errors import Refused
from studio_pipeline.records.preset import EditSpec, Preset


def specs(preset: Preset, names: list[str], values: list[str]) -> tuple[EditSpec, ...]:
    """The preset's edits, or only those named, with ``NAME.KEY=VALUE`` laid over their parameters.

    An edit named on the command line starts from its own defaults. Raises Refused with the first mistake.
    """
    unknown = [name for name in names if name not in EDITS]
    if unknown:
        raise Refused(f"no edit named {unknown[0]!r}; there are: {', '.join(EDITS)}")
    rows = [EditSpec(name=name) for name in dict.fromkeys(names)] if names else list(preset.edits)
    stack.check(rows)
    given: dict[str, dict[str, JsonValue]] = {}
    for text in values:
        name, key, value = _split(text, [row.name for row in rows])
        keys = EDITS[name].params.model_fields
        if key not in keys:
            raise Refused(f"--set {text!r}: {name} has no key {key!r}; there are: {', '.join(keys)}")
        given.setdefault(name, {})[key] = value
    return tuple(row.model_copy(update={"params": row.params | given.get(row.name, {})}) for row in rows)


def explained(preset: Preset) -> list[list[str]]:
    """Rows of key, value, meaning for every key a preset has, edits' parameters among them.

    Raises Refused for an unknown edit or parameter.
    """
    rows = _rows("", preset, skip=("edits", "deliverables"))
    for spec, params in zip(preset.edits, stack.check(preset.edits), strict=True):
        rows.append([f"edits.{spec.name}", "", EDITS[spec.name].title])
        rows += _rows(f"edits.{spec.name}.", spec, skip=("name", "params"))
        rows += _rows(f"edits.{spec.name}.", params)
    for recipe in preset.deliverables:
        rows += _rows(f"deliverables.{recipe.name}.", recipe, skip=("name",))
    return rows


def _rows(prefix: str, model: BaseModel, skip: tuple[str, ...] = ()) -> list[list[str]]:
    rows: list[list[str]] = []
    for key, field in type(model).model_fields.items():
        value = getattr(model, key)
        if key in skip:
            continue
        if isinstance(value, BaseModel):
            rows += _rows(f"{prefix}{key}.", value)
        else:
            rows.append([f"{prefix}{key}", "" if value is None else str(value), field.description or ""])
    return rows


def _split(text: str, names: list[str]) -> tuple[str, str, Any]:
    place, equals, value = text.partition("=")
    name, dot, key = place.rpartition(".")
    if not equals or not key:
        raise Refused(f"--set {text!r}: write NAME.KEY=VALUE, as in extend_background.left=120")
    if not dot:
        if len(names) != 1:
            raise Refused(f"--set {text!r}: with several edits, say which: NAME.{text}")
        name = names[0]
    if name not in names:
        raise Refused(f"--set {text!r}: {name!r} is not among the edits: {', '.join(names)}")
    try:
        return name, key, json.loads(value)
    except json.JSONDecodeError:
        return name, key, value
