"""The sitter: NASA's public-domain portrait of Eileen Collins, cut from its background.

The picture is read from scikit-image's wheel; only its matte is ours (``sitter_matte.png``, 8 bits, the
person's coverage of each pixel, checked by eye). It is never enlarged more than twice.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.demo.camera import untone
from studio_pipeline.pixels import color

Light = NDArray[np.float32]

SIZE_PX = 512  # the picture is square, and her lower edge is the picture's own
LARGEST_SCALE = 2.0
_SPREAD_PX = 4.0


@cache
def _cutout() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Her own colours, sRGB-encoded 0..1 ``(512, 512, 3)``, and her coverage ``(512, 512)``.

    Edge pixels hold some of the old background; the colour that is hers alone is estimated by blurred
    fusion (Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021).
    """
    import skimage

    mixed = _read(Path(skimage.__file__).parent / "data" / "astronaut.png", "RGB")
    alpha = _read(Path(str(files(__package__).joinpath("sitter_matte.png"))), "L")[..., None]
    hers = _spread(mixed * alpha) / np.maximum(_spread(alpha), 1e-4)
    behind = _spread(mixed * (1 - alpha)) / np.maximum(_spread(1 - alpha), 1e-4)
    hers = np.clip(hers + alpha * (mixed - alpha * hers - (1 - alpha) * behind), 0, 1)
    return hers.astype(np.float32), alpha[..., 0]


def at_scale(scale: float) -> tuple[Light, Light]:
    """Her light (linear sRGB, 1.0 = white) and coverage at ``scale`` times the picture's size.

    Raises:
        ValueError: ``scale`` is more than 2.
    """
    if not 0 < scale <= LARGEST_SCALE:
        raise ValueError(f"the sitter may be enlarged up to {LARGEST_SCALE} times, not {scale}")
    hers, alpha = _cutout()
    size = (round(SIZE_PX * scale), round(SIZE_PX * scale))
    how = cv2.INTER_LANCZOS4 if scale > 1 else cv2.INTER_AREA
    shown = np.clip(cv2.resize(hers, size, interpolation=how), 0, 1)
    coverage = np.clip(cv2.resize(alpha, size, interpolation=how), 0, 1)
    table = untone(color.named("sRGB").matrix.curves[0]).astype(np.float32)
    return table[np.rint(shown * 65535).astype(np.uint16)], np.asarray(coverage, np.float32)


def _spread(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    blurred = cv2.GaussianBlur(picture, (0, 0), _SPREAD_PX)
    return np.asarray(blurred.reshape(picture.shape), np.float32)


def _read(path: Path, mode: str) -> NDArray[np.float32]:
    """A picture's codes, 0..1. By Pillow: libpng warns on the terminal of the portrait's old profile."""
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert(mode), np.float32) / np.float32(255)
