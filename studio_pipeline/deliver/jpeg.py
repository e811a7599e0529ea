"""8-bit JPEG, 4:4:4, with its ICC profile and EXIF.

Codes are rounded to 8 bits without dither: a photograph's own noise is larger than the step, and dither
would cost file size where the encoder throws it away again.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from studio_pipeline.deliver.base import Format
from studio_pipeline.deliver.metadata import Metadata
from studio_pipeline.errors import CannotRead, Refused
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.records.preset import OutputRecipe

_LONGEST_EDGE = 65_500  # libjpeg's own limit
_FULL_CHROMA = 0  # Pillow's name for 4:4:4


def write(
    file: BinaryIO, codes: Codes, encoding: RgbEncoding, recipe: OutputRecipe, metadata: Metadata
) -> None:
    """Write ``codes`` ``(h, w, 3)`` uint8 in ``encoding`` at the recipe's quality.

    Raises:
        Refused: an edge is longer than JPEG allows.
    """
    from PIL import Image

    if codes.dtype != np.uint8:
        raise ValueError(f"jpeg writes uint8 codes, not {codes.dtype}")
    extent = Extent(*codes.shape[:2])
    if extent.long_edge > _LONGEST_EDGE:
        raise Refused(f"a JPEG's edge is at most {_LONGEST_EDGE} pixels; give the recipe a long_edge_px")
    told = metadata.for_jpeg(extent, recipe.space or encoding.name)
    extras = {"xmp": told.xmp} if told.xmp else {}
    Image.fromarray(np.ascontiguousarray(codes), "RGB").save(
        file,
        "JPEG",
        quality=recipe.quality,
        subsampling=_FULL_CHROMA,
        optimize=False,
        dpi=(300, 300),
        icc_profile=encoding.icc_profile,
        exif=told.exif_block(),
        **extras,
    )


def read(file: BinaryIO) -> Codes:
    """The codes of an RGB JPEG as its decoder gives them, not turned by EXIF. Raises CannotRead."""
    from PIL import Image, UnidentifiedImageError

    try:
        file.seek(0)
        with Image.open(file, formats=["JPEG"]) as picture:
            if picture.mode != "RGB":
                raise CannotRead(f"not an RGB JPEG: {picture.mode}")
            return np.array(picture, np.uint8)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise CannotRead(f"not a JPEG that can be read: {error}") from error


def encoder() -> str:
    """Which library wrote the pixels: one release of Pillow is built against several."""
    from PIL import features

    turbo = features.version_feature("libjpeg_turbo")
    return f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version_codec('jpg')}"


FORMAT = Format("jpeg", "jpg", 8, lossless=False, write=write, read=read, encoder=encoder)
