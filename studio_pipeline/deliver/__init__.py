"""Approved masters as files: one module per format, all-or-nothing on disk, provable afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import BinaryIO

import numpy as np

from studio_pipeline.deliver import jpeg, naming, publish, tiff16
from studio_pipeline.deliver.base import Format, finish, pixels_sha256
from studio_pipeline.deliver.metadata import Metadata
from studio_pipeline.errors import Refused, TryAgain
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.records.preset import OutputRecipe

__all__ = [
    "FORMATS",
    "Delivered",
    "Format",
    "Metadata",
    "deliver",
    "expected_codes",
    "finish",
    "pixels_sha256",
    "save",
]


def _by_key(formats: Iterable[Format]) -> dict[str, Format]:
    table: dict[str, Format] = {}
    for item in formats:
        if item.key in table:
            raise ValueError(f"two formats are called {item.key!r}")
        table[item.key] = item
    return table


# A new format is one module and one line here.
FORMATS = _by_key(
    (
        tiff16.FORMAT,
        jpeg.FORMAT,
    )
)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A published file: its path inside ``Output/``, its bytes' hash and its decoded codes' hash."""

    path: bytes
    file_sha256: str
    pixels_sha256: str
    extent: Extent


def deliver(
    output: Path,
    codes: Codes,
    encoding: RgbEncoding,
    recipe: OutputRecipe,
    metadata: Metadata,
    *,
    member_path: bytes,
    capture_id: str,
    replaces_sha256: str | None = None,
    before_publish: Callable[[Delivered], None] = lambda made: None,
) -> Delivered:
    """Write one deliverable of a master into the folder ``output`` and publish it under its name.

    Args:
        codes: the master, ``(h, w, 3)`` uint8 or uint16 in ``encoding``, an array or a memory map.
        member_path: the capture's primary member, for the stem.
        replaces_sha256: the hash of an earlier delivery of ours that this one supersedes; a file that has
            it is replaced, any other file under the same name is left alone and the next name is taken.
        before_publish: told of the whole file just before it gets a name (again, should that name turn out
            to be taken), so that its record is there before it is.

    Raises:
        TryAgain: the disk is full or busy; nothing was left behind.
        Refused: the folder cannot be written to, or the picture does not fit the format.
    """
    form = FORMATS[recipe.format]
    with publish.temporary(output / recipe.folder) as (file, temp):
        finished = save(file, codes, encoding, recipe, metadata)
        file_hash = _file_sha256(file)
        found = form.read(file)
        if form.lossless and not np.array_equal(found, finished):
            raise TryAgain("the drive gave back other pixels than were written; check it, then deliver again")
        found_hash = pixels_sha256(found)
        for name in naming.candidates(member_path, capture_id, recipe, form.extension):
            final = output / os.fsdecode(name)
            ours = replaces_sha256 is not None and _has_hash(final, replaces_sha256)
            if final.exists() and not ours:
                continue
            made = Delivered(name, file_hash, found_hash, Extent(*finished.shape[:2]))
            before_publish(made)
            with contextlib.suppress(FileExistsError):
                publish.publish(file, temp, final, replace=ours)
                return made
    raise Refused("every name for this deliverable is taken; move earlier deliveries out of Output/")


def save(
    file: BinaryIO, codes: Codes, encoding: RgbEncoding, recipe: OutputRecipe, metadata: Metadata
) -> Codes:
    """Finish and write one picture to an open file; returns the codes as written (before lossy coding)."""
    form = FORMATS[recipe.format]
    finished, target = finish(codes, encoding, recipe, form.bits)
    form.write(file, finished, target, recipe, metadata)
    return finished


def expected_codes(codes: Codes, encoding: RgbEncoding, recipe: OutputRecipe) -> Codes:
    """What a reader of the deliverable must find: the master finished and, where lossy, encoded and decoded.

    Metadata never changes pixels, so it is not asked for.
    """
    form = FORMATS[recipe.format]
    finished, target = finish(codes, encoding, recipe, form.bits)
    if form.lossless:
        return finished
    buffer = io.BytesIO()
    form.write(buffer, finished, target, recipe, Metadata())
    return form.read(buffer)


def _file_sha256(file: BufferedRandom | BufferedReader) -> str:
    file.seek(0)  # writes out what is buffered
    return hashlib.file_digest(file, "sha256").hexdigest()


def _has_hash(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return _file_sha256(file) == sha256
    except OSError:
        return False
