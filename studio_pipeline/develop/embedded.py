"""The picture a camera puts into its RAW: its own rendering, as the photographer saw it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from studio_pipeline.develop import metadata, orientation
from studio_pipeline.develop.picture import jpeg_encoding, pillow
from studio_pipeline.develop.raw import RawFile
from studio_pipeline.errors import CannotRead
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color, icc
from studio_pipeline.pixels.color import Codes, RgbEncoding


@dataclass(frozen=True, eq=False)
class Embedded:
    """``codes`` ``(h, w, 3)`` uint8, upright."""

    codes: Codes
    encoding: RgbEncoding


def read(opened: RawFile, long_edge_px: int) -> Embedded | None:
    """The largest embedded JPEG, decoded no larger than ``long_edge_px`` needs; None without a whole one."""
    jpeg = opened.embedded_jpeg()
    if jpeg is None:
        return None
    with suppress(CannotRead), pillow(jpeg, "the embedded JPEG") as image:
        turned = _orientation(Extent(image.height, image.width), image.getexif().get(274), opened)
        encoding = color.named(metadata.preview_space(opened.data))
        if image.info.get("icc_profile"):
            with suppress(icc.NotMatrixProfile):
                encoding, _ = jpeg_encoding(image)
        # The decoder reduces by 2, 4 or 8 as it goes: much faster than decoding all of it.
        scale = min(1.0, long_edge_px / max(image.size))
        image.draft("RGB", (int(image.width * scale), int(image.height * scale)))
        codes = np.asarray(image.convert("RGB"))
        return Embedded(orientation.upright(reduced(codes, long_edge_px), turned), encoding)
    return None


def reduced(codes: Codes, long_edge_px: int) -> Codes:
    """Area-averaged to the long edge; never enlarged."""
    extent = Extent(*codes.shape[:2])
    if extent.long_edge <= long_edge_px:
        return codes
    target = extent.scaled(long_edge_px / extent.long_edge)
    size = (target.width, target.height)
    small: Any = cv2.resize(np.ascontiguousarray(codes), size, interpolation=cv2.INTER_AREA)
    return small  # type: ignore[no-any-return]


def _orientation(stored: Extent, said: object, opened: RawFile) -> int:
    """How to turn the JPEG: as it says itself, else as the RAW does; not where it lies upright already.

    Some cameras store their JPEG turned, and LibRaw adds the RAW's orientation to JPEGs that have none.
    """
    sensor, of_raw = opened.extent, opened.orientation
    wanted = orientation.valid(said) if orientation.valid(said) != 1 else of_raw
    upright = orientation.upright_extent(sensor, of_raw)
    lies_upright = (stored.width > stored.height) == (upright.width > upright.height)
    return 1 if of_raw >= 5 and sensor.width != sensor.height and lies_upright else wanted
