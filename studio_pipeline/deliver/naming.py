"""What a deliverable is called. Names are bytes: a camera's or a client's may not be UTF-8."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator

from studio_pipeline.records.preset import OutputRecipe

_ID_DIGITS = 8
_MOST_COPIES = 999


def candidates(member_path: bytes, capture_id: str, recipe: OutputRecipe, extension: str) -> Iterator[bytes]:
    """Paths inside ``Output/``, '/' between parts, best first.

    ``<folder>/<stem><suffix>.<ext>``; where that name is taken by another file, with the first eight digits
    of the capture's id; then numbered, for a second delivery of the same capture.
    """
    stem = posixpath.splitext(posixpath.basename(member_path))[0]
    name = stem + os.fsencode(recipe.suffix)
    ending = b"." + extension.encode("ascii")
    folder = os.fsencode(recipe.folder.strip("/"))
    marked = name + b"-" + capture_id[:_ID_DIGITS].encode("ascii")
    yield posixpath.join(folder, name + ending)
    yield posixpath.join(folder, marked + ending)
    for copy in range(2, _MOST_COPIES + 1):
        yield posixpath.join(folder, marked + b"-%d" % copy + ending)
