"""What a TIFF-based file says about itself: whether all of it is there, and whether a camera wrote it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import tifffile

from studio_pipeline.develop.source import container
from studio_pipeline.errors import CannotRead

_RAW_MAGIC = (b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM")
_DNG_VERSION, _MAKE = 50706, 271
_RGB = 2
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_MOST_PAGES = 64


def check_complete(data: bytes, name: str) -> None:
    """Raises CannotRead where a directory of a TIFF-based file points past its end.

    Decoders do not always notice: the rest of a compressed picture is then grey, or noise.
    """
    missing = 0
    if container(data) == "tiff":
        with suppress(CannotRead), parsed(data, name) as tiff:
            missing = max((end for page in pages(tiff) for end in _ends(page)), default=0) - len(data)
    if missing > 0:
        raise CannotRead(f"{name} is cut short: {missing} bytes are missing; copy it from the camera again")


def is_camera_raw(data: bytes) -> bool:
    """Whether a camera (or a DNG converter) wrote this, known to LibRaw or not."""
    if data.startswith(_RAW_MAGIC) or data[4:12] == b"ftypcrx " or data[6:14] == b"HEAPCCDR":
        return True
    if container(data) != "tiff":
        return False
    try:
        with parsed(data, "") as tiff:
            first, main = tiff.pages.first, main_page(tiff)
            return _DNG_VERSION in first.tags or (_MAKE in first.tags and main.photometric != _RGB)
    except CannotRead:
        return False


@contextmanager
def parsed(data: bytes, name: str) -> Iterator[tifffile.TiffFile]:
    """The file's directories. Raises CannotRead where they make no sense, in the block as well."""
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as tiff:
            yield tiff
    except CannotRead:
        raise
    except Exception as error:  # tifffile meets damage with whatever its parsing runs into
        raise CannotRead(f"{name} is damaged ({error}); copy or export it again") from error


def pages(tiff: tifffile.TiffFile) -> Iterator[tifffile.TiffPage]:
    """Every page and sub-page, in the file's order."""
    for page in tiff.pages[:_MOST_PAGES]:
        if isinstance(page, tifffile.TiffPage):
            yield page
            yield from (sub for sub in page.pages or () if isinstance(sub, tifffile.TiffPage))


def main_page(tiff: tifffile.TiffFile) -> tifffile.TiffPage:
    """The first page of full size: not a thumbnail, not a mask."""
    every = list(pages(tiff))
    candidates = [page for page in every if not page.subfiletype & (_REDUCED | _MASK)] or every
    largest = max(page.imagelength * page.imagewidth for page in candidates)
    return next(page for page in candidates if page.imagelength * page.imagewidth == largest)


def _ends(page: tifffile.TiffPage) -> Iterator[int]:
    return (start + size for start, size in zip(page.dataoffsets, page.databytecounts, strict=False))
