"""The explicit list of engines, and what `studio models` says of it."""

from __future__ import annotations

from pathlib import Path

from studio_pipeline.engines.base import Engine
from studio_pipeline.errors import Refused

# A new engine is one file and one line here.
ENGINES: tuple[Engine, ...] = ()
_NONE_WANTED = "no engine in this version uses weights; every edit that ships is classical"


def listed() -> list[dict[str, str]]:
    """Name, licence and state of every engine."""
    return [
        {
            "name": e.name,
            "licence": e.licence,
            "state": "ready" if not e.capabilities.needs_weights else "no weights",
        }
        for e in ENGINES
    ]


def check() -> str:
    return (
        f"{len(ENGINES)} engines checked: {_NONE_WANTED}"
        if not ENGINES
        else f"{len(ENGINES)} engines checked"
    )


def add(folder: Path) -> str:
    """Take in weights from a folder. Raises Refused when no engine wants them."""
    raise Refused(f"{folder} was not taken in: {_NONE_WANTED}")


def pull(name: str) -> str:
    """Fetch an engine's weights. Raises Refused when no engine of that name wants any."""
    raise Refused(f"nothing to fetch for {name!r}: {_NONE_WANTED}")
