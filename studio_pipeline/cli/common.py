"""What several commands share: arguments, an opened session, who is asking."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from studio_pipeline.session.catalog import Catalog
    from studio_pipeline.session.folder import Session

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The session folder.")]
Captures = Annotated[
    list[str] | None,
    typer.Argument(metavar="CAPTURE...", help="Names of captures or files, or ids (6 digits are enough)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PresetName = Annotated[str, typer.Option("--preset", help="A preset's name, or a TOML file.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The page's port; 0 = any free one.")]
DEFAULT_PRESET = "headshot-4x5"


def open_session(folder: Path) -> Session:
    from studio_pipeline.session.folder import open_session as opened

    return opened(folder)


@contextmanager
def open_catalog(session: Session) -> Iterator[tuple[Session, Catalog]]:
    from studio_pipeline.session.catalog import Catalog

    catalog = Catalog(session.databases / "catalog.sqlite")
    try:
        yield session, catalog
    finally:
        catalog.close()


def user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a user database
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def counted(catalog: Catalog) -> str:
    """How many captures are in which state, as in "3 proposed, 1 quarantined"."""
    return ", ".join(f"{count} {state}" for state, count in sorted(catalog.counts().items()))
