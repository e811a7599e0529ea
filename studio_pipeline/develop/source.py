"""A capture's file as bytes, whatever its name; and the errors of files that are none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from studio_pipeline.errors import CannotRead, TryAgain
from studio_pipeline.records.capture import shown

AnyPath = Path | str | bytes
Container = Literal["tiff", "jpeg", "png", "other"]

_MAGIC: tuple[tuple[bytes, Container], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
)


def name_of(path: AnyPath) -> str:
    """The file's own name, for people."""
    return shown(os.path.basename(os.fsencode(path)))  # noqa: PTH119 - pathlib does not carry bytes


def read(path: AnyPath) -> bytes:
    """The whole file.

    Raises:
        CannotRead: there is no such file, it is a folder, or it is empty.
        TryAgain: it is there but could not be read now.
    """
    try:
        with open(os.fsencode(path), "rb") as file:  # noqa: PTH123
            data = file.read()
    except FileNotFoundError as error:
        raise CannotRead(f"{name_of(path)} is not there any more") from error
    except IsADirectoryError as error:
        raise CannotRead(f"{name_of(path)} is a folder, not a picture") from error
    except OSError as error:
        if os.path.isdir(os.fsencode(path)):  # noqa: PTH112 - Windows says "permission denied"
            raise CannotRead(f"{name_of(path)} is a folder, not a picture") from error
        raise TryAgain(f"{name_of(path)} cannot be read now: {error.strerror or error}") from error
    if not data:
        raise CannotRead(f"{name_of(path)} is empty; copy it from the camera again")
    return data


def container(data: bytes) -> Container:
    """What kind of file the first bytes announce; TIFF-based RAWs are ``tiff``."""
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), "other")
