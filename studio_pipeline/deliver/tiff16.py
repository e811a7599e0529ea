"""16-bit RGB TIFF with its ICC profile and EXIF.

Written whole by this module because tifffile refuses the EXIF pointer (tag 34665) and libvips drops it.
Uncompressed on purpose: noise leaves deflate about a fifth to save, for three seconds of a 24 MP delivery,
and every program that reads TIFF reads this one. TIFF 6.0 sections 2-6; ICC.1:2022 annex B.4.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

import numpy as np

from studio_pipeline.deliver import ifd
from studio_pipeline.deliver.base import Format, strips
from studio_pipeline.deliver.ifd import Entry, Kind
from studio_pipeline.deliver.metadata import EXIF_POINTER, GPS_POINTER, Metadata
from studio_pipeline.errors import CannotRead, Refused
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.records.preset import OutputRecipe

_RGB, _CHUNKY, _NONE = 2, 1, 1
_ROOM_FOR_TAGS = 2**24


def write(
    file: BinaryIO, codes: Codes, encoding: RgbEncoding, recipe: OutputRecipe, metadata: Metadata
) -> None:
    """Write ``codes`` ``(h, w, 3)`` uint16 in ``encoding``; the same input gives the same bytes.

    Raises:
        Refused: the picture does not fit into a TIFF's 4 GB.
    """
    if codes.dtype != np.uint16:
        raise ValueError(f"tiff16 writes uint16 codes, not {codes.dtype}")
    extent = Extent(*codes.shape[:2])
    if codes.nbytes > ifd.LARGEST_FILE_BYTES - _ROOM_FOR_TAGS:
        raise Refused(
            f"{extent.width} × {extent.height} does not fit into a TIFF; give the recipe a long_edge_px"
        )
    rows = list(strips(extent.height))
    row_bytes = extent.width * 6
    offsets = [ifd.HEADER_BYTES + part.start * row_bytes for part in rows]
    directory = ifd.HEADER_BYTES + codes.nbytes  # even: a pixel is six bytes
    file.write(ifd.header(directory))
    for part in rows:
        file.write(np.ascontiguousarray(codes[part], "<u2").data)
    told = metadata.for_output(recipe.space or encoding.name)
    entries = [
        ifd.long(254, 0),
        ifd.long(256, extent.width),
        ifd.long(257, extent.height),
        ifd.short(258, 16, 16, 16),
        ifd.short(259, _NONE),
        ifd.short(262, _RGB),
        ifd.long(273, *offsets),
        ifd.short(277, 3),
        ifd.long(278, rows[0].stop),
        ifd.long(279, *((part.stop - part.start) * row_bytes for part in rows)),
        ifd.rational(282, 300),
        ifd.rational(283, 300),
        ifd.short(284, _CHUNKY),
        ifd.short(296, 2),
        Entry(34675, Kind.UNDEFINED, encoding.icc_profile),
        *told.image,
    ]
    if told.xmp:
        entries.append(Entry(700, Kind.BYTE, told.xmp))
    file.write(ifd.chain(entries, {EXIF_POINTER: told.exif, GPS_POINTER: told.gps}, directory))


def read(file: BinaryIO) -> Codes:
    """The codes of a 16-bit RGB TIFF, by an independent reader. Raises CannotRead."""
    import tifffile

    try:
        file.seek(0)
        with tifffile.TiffFile(file) as tiff:
            codes = tiff.pages[0].asarray()
    except (tifffile.TiffFileError, ValueError, IndexError, struct.error) as error:
        raise CannotRead(f"not a TIFF that can be read: {error}") from error
    if codes.ndim != 3 or codes.shape[2] != 3 or codes.dtype != np.uint16:
        raise CannotRead(f"not a 16-bit RGB TIFF: {codes.dtype} {codes.shape}")
    return np.asarray(codes, np.uint16)


FORMAT = Format("tiff16", "tif", 16, lossless=True, write=write, read=read)
