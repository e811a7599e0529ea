"""Scenes for the tests of develop: linear Rec.2020 pictures, and cameras' renderings of them."""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color

Light = NDArray[np.float64]
PROOF = Extent(320, 480)


def studio(extent: Extent = PROOF, seed: int = 3) -> Light:
    """Grey backdrop with light fall-off, skin and cloth of several colours, a highlight: ``(h, w, 3)``."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : extent.height, 0 : extent.width] / extent.long_edge
    picture = np.repeat((0.06 + 0.28 * np.exp(-3 * ((y - 0.2) ** 2 + (x - 0.3) ** 2)))[..., None], 3, axis=2)
    colours = rng.uniform(0.02, 0.5, (40, 3)) * 0.7 + 0.3 * rng.uniform(0.02, 0.5, (40, 1))
    for colour in colours:
        centre = rng.uniform((0, 0), (extent.width, extent.height)).astype(int)
        radius = int(rng.integers(extent.long_edge // 40 + 1, extent.long_edge // 12 + 3))
        cv2.circle(picture, tuple(int(v) for v in centre), radius, colour.tolist(), -1)
    ramp = np.linspace(0.02, 0.95, extent.width // 5)
    picture[: extent.height // 3, -len(ramp) :] = ramp[:, None]
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.5))


def camera_jpeg(light: Light, quality: int = 92, space: str = "sRGB", embed: bool = False) -> bytes:
    """Rendered light ``(h, w, 3)`` as the JPEG that a camera embeds."""
    encoding = color.named(space)
    codes = encoding.encode(light.astype(np.float32), 8)
    out = io.BytesIO()
    profile = {"icc_profile": encoding.icc_profile} if embed else {}
    Image.fromarray(np.ascontiguousarray(codes)).save(out, "JPEG", quality=quality, subsampling=0, **profile)
    return out.getvalue()


def reduced(picture: NDArray[np.generic], height: int, width: int) -> NDArray[np.float64]:
    return np.asarray(cv2.resize(picture.astype(np.float64), (width, height), interpolation=cv2.INTER_AREA))


def as_stored(upright: Light, orientation: int) -> Light:
    """How a sensor with this EXIF orientation stores the upright picture (the inverse of showing it)."""
    if orientation in (2, 3, 6, 7):
        upright = upright[:, ::-1]
    if orientation in (3, 4, 7, 8):
        upright = upright[::-1]
    return upright.swapaxes(0, 1) if orientation >= 5 else upright
