"""What every format offers, and the pure step they share: a master's codes as the recipe wants them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.deliver.metadata import Metadata
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Codes, Linear, RgbEncoding
from studio_pipeline.records.preset import OutputRecipe

STRIP_ROWS = 128

Write = Callable[[BinaryIO, Codes, RgbEncoding, OutputRecipe, Metadata], None]
Read = Callable[[BinaryIO], Codes]


@dataclass(frozen=True, slots=True)
class Format:
    """One file format.

    ``write(file, codes, encoding, recipe, metadata)`` takes codes already finished to ``bits`` and writes
    the same bytes every time; ``read(file)`` returns the codes that any reader finds. ``lossless`` says
    whether those are the codes written. ``encoder()`` names what else decides the pixels of a lossy file.
    """

    key: str
    extension: str
    bits: int
    lossless: bool
    write: Write
    read: Read
    encoder: Callable[[], str] = str


def finish(codes: Codes, encoding: RgbEncoding, recipe: OutputRecipe, bits: int) -> tuple[Codes, RgbEncoding]:
    """A master's codes ``(h, w, 3)`` uint8 or uint16, an array or a memory map, ready to be written.

    In the base's own profile and size nothing passes through linear light: codes are copied, or change depth
    by integer arithmetic (8 to 16 bits is ``code * 257``; 16 to 8 rounds to nearest, without dither). A
    smaller ``long_edge_px`` averages areas in linear light, which keeps means and cannot ring; it never
    enlarges. Other profiles clip to their gamut (relative colorimetric).
    """
    target = encoding if recipe.space is None else color.named(recipe.space)
    extent = reduced(Extent(*codes.shape[:2]), recipe.long_edge_px)
    if extent != Extent(*codes.shape[:2]):
        linear = _area_average(codes, encoding, extent)
        return _in_strips(lambda rows: target.encode(linear[rows], bits), extent, bits), target
    if target.icc_profile == encoding.icc_profile:
        if codes.dtype.itemsize * 8 == bits:
            return codes, target
        return _in_strips(lambda rows: at_depth(codes[rows], bits), extent, bits), target
    return _in_strips(lambda rows: color.convert(codes[rows], encoding, target, bits), extent, bits), target


def reduced(extent: Extent, long_edge_px: int | None) -> Extent:
    """The extent with its long edge at ``long_edge_px``, or as it is where that would enlarge."""
    if long_edge_px is None or long_edge_px >= extent.long_edge:
        return extent
    return extent.scaled(long_edge_px / extent.long_edge)


def at_depth(codes: Codes, bits: int) -> Codes:
    """The same values at another depth, by integer arithmetic; the same array where nothing changes."""
    if codes.dtype.itemsize * 8 == bits:
        return codes
    if bits == 16:
        return np.asarray(codes.astype(np.uint16) * np.uint16(257), np.uint16)
    table = ((np.arange(65536, dtype=np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    return np.asarray(table[codes], np.uint8)


def pixels_sha256(codes: Codes) -> str:
    """SHA-256 of shape and code values (rows first, little-endian), whatever file they came from."""
    digest = hashlib.sha256(f"{codes.shape} {codes.dtype.itemsize * 8}\n".encode())
    for rows in strips(codes.shape[0]):
        part = np.ascontiguousarray(codes[rows])
        digest.update(part.astype(part.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def strips(height: int, rows: int = STRIP_ROWS) -> Iterator[slice]:
    """Half-open row ranges that cover the picture from the top."""
    for y in range(0, height, rows):
        yield slice(y, min(y + rows, height))


def _in_strips(render: Callable[[slice], Codes], extent: Extent, bits: int) -> Codes:
    shape = (extent.height, extent.width, 3)
    out: Codes = np.empty(shape, np.uint8) if bits == 8 else np.empty(shape, np.uint16)

    def fill(rows: slice) -> None:
        out[rows] = render(rows)

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        list(pool.map(fill, strips(extent.height)))
    return out


def _area_average(codes: Codes, encoding: RgbEncoding, extent: Extent) -> Linear:
    """Linear light averaged over each new pixel's area: across, strip by strip, then down."""
    height = codes.shape[0]
    across: NDArray[np.float32] = np.empty((height, extent.width, 3), np.float32)
    for rows in strips(height):
        linear = encoding.decode(codes[rows])
        across[rows] = cv2.resize(linear, (extent.width, linear.shape[0]), interpolation=cv2.INTER_AREA)
    down = cv2.resize(across, (extent.width, extent.height), interpolation=cv2.INTER_AREA)
    return np.asarray(down, np.float32)
