"""One studio picture with backdrop added and dust healed, cut into deep-zoom tiles: numpy and Pillow only."""

from __future__ import annotations

import io
import math
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

TILE_PX = 512
_OUTSIDE = 64  # where the base has no pixels

Rgb = NDArray[np.uint8]


class Canvas(NamedTuple):
    """A half-open region, the base's first pixel at (0, 0)."""

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @property
    def width(self) -> int:
        return self.x1 - self.x0


class StudioPicture:
    """A portrait on a grey backdrop. ``extended`` adds backdrop above and on both sides."""

    def __init__(self, height: int = 1200, width: int = 960) -> None:
        self.base = Canvas(0, 0, height, width)
        self.extended = Canvas(-height // 10, -width // 8, height, width + width // 8)
        rng = np.random.default_rng(7)
        self.dust_yx = [
            (int(y), int(x))
            for y, x in zip(rng.integers(20, height // 5, 9), rng.integers(20, width - 20, 9), strict=True)
        ]
        backdrop = _backdrop(self.extended, rng)
        alpha, person = _person(self.base)
        inner = (slice(-self.extended.y0, None), slice(-self.extended.x0, -self.extended.x0 + width))
        healed = backdrop.copy()
        healed[inner] = backdrop[inner] * (1 - alpha[..., None]) + person * alpha[..., None]
        self._after: Rgb = healed.clip(0, 255).astype(np.uint8)
        self._original = self._after[inner].copy()
        for y, x in self.dust_yx:
            self._original[y - 3 : y + 4, x - 3 : x + 4] -= 34
        self._locked = alpha > 0.02
        self._cached = cache(self._levels)

    @property
    def rendered(self) -> Rgb:
        """The extended, healed picture, ``(h, w, 3)`` sRGB."""
        return self._after

    def preview(self, long_edge: int, *, proposed: bool = False, candidate: int = 0) -> bytes:
        picture = Image.fromarray(self._with(candidate) if proposed else self._original)
        picture.thumbnail((long_edge, long_edge))
        return _jpeg(picture)

    def tile(
        self,
        canvas: Canvas,
        layer: str,
        dusty: frozenset[int],
        level: int,
        col: int,
        row: int,
        candidate: int = 0,
    ) -> bytes:
        """``dusty``: spots of dust that are not healed, by number. ``candidate``: what added area shows."""
        top = math.ceil(math.log2(max(canvas.height, canvas.width)))
        picture = self._cached(canvas, layer, dusty, candidate)[top - level]
        left, upper = col * TILE_PX, row * TILE_PX
        if left >= picture.width or upper >= picture.height:
            raise KeyError("no such tile")
        right, lower = min(left + TILE_PX, picture.width), min(upper + TILE_PX, picture.height)
        tile = picture.crop((left, upper, right, lower))
        return _png(tile) if layer == "mask" else _jpeg(tile)

    def _with(self, candidate: int) -> Rgb:
        """Added area with panels, as a model may make them; plain for 0."""
        if not candidate:
            return self._after
        out = self._after.copy()
        x = np.arange(out.shape[1]) // (14 + 10 * candidate) % 2 * (8 + 4 * candidate)
        inner = (
            slice(-self.extended.y0, None),
            slice(-self.extended.x0, -self.extended.x0 + self.base.width),
        )
        out = np.clip(out.astype(int) - x[None, :, None], 0, 255).astype(np.uint8)
        out[inner] = self._after[inner]
        return out

    def _levels(
        self, canvas: Canvas, layer: str, dusty: frozenset[int], candidate: int = 0
    ) -> list[Image.Image]:
        """The layer at 100%, 50%, 25% ... down to one pixel."""
        levels = [self._layer(canvas, layer, dusty, candidate)]
        while max(levels[-1].size) > 1:
            width, height = levels[-1].size
            levels.append(
                levels[-1].resize((math.ceil(width / 2), math.ceil(height / 2)), Image.Resampling.BOX)
            )
        return levels

    def _layer(self, canvas: Canvas, layer: str, dusty: frozenset[int], candidate: int) -> Image.Image:
        at = (-canvas.x0, -canvas.y0)
        if layer == "mask":
            mask = np.zeros((*self._locked.shape, 4), np.uint8)
            mask[self._locked] = (235, 60, 60, 110)
            full = Image.new("RGBA", (canvas.width, canvas.height))
            full.paste(Image.fromarray(mask), at)
            return full
        if layer == "before":
            full = Image.new("RGB", (canvas.width, canvas.height), (_OUTSIDE,) * 3)
            full.paste(Image.fromarray(self._original), at)
            return full
        y, x = canvas.y0 - self.extended.y0, canvas.x0 - self.extended.x0
        after = self._with(candidate)[y : y + canvas.height, x : x + canvas.width]
        full = Image.fromarray(np.ascontiguousarray(after))
        for y, x in (self.dust_yx[number] for number in dusty):
            spot = (max(0, x - 4), max(0, y - 4), x + 5, y + 5)
            full.paste(Image.fromarray(self._original).crop(spot), (at[0] + spot[0], at[1] + spot[1]))
        return full


def _backdrop(canvas: Canvas, rng: np.random.Generator) -> NDArray[np.float32]:
    y = np.linspace(-1, 1, canvas.height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, canvas.width, dtype=np.float32)[None, :]
    light = 176 - 46 * (x - 0.25) ** 2 - 40 * (y + 0.1) ** 2
    grain = rng.normal(0, 2.2, light.shape).astype(np.float32)
    return np.repeat((light + grain)[..., None], 3, axis=2).astype(np.float32)


def _person(base: Canvas) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A head and shoulders from the public-domain portrait in scikit-image, and a soft outline."""
    side = int(base.width * 0.9)
    portrait = _portrait().resize((side, side), Image.Resampling.LANCZOS)
    person = np.zeros((base.height, base.width, 3), np.float32)
    top, left = base.height - side, (base.width - side) // 2
    person[top:, left : left + side] = np.asarray(portrait, np.float32)
    outline = Image.new("L", (512, 512))
    y, x = np.mgrid[0:512, 0:512]
    head = ((y - 135) / 150) ** 2 + ((x - 225) / 92) ** 2 < 1
    body = ((y - 512) / 290) ** 2 + ((x - 235) / 215) ** 2 < 1
    outline = Image.fromarray(((head | body) * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(5))
    alpha = np.zeros((base.height, base.width), np.float32)
    alpha[top:, left : left + side] = np.asarray(outline.resize((side, side)), np.float32) / 255
    return alpha, person


def _portrait() -> Image.Image:
    spec = find_spec("skimage")
    assert spec is not None and spec.origin is not None
    return Image.open(Path(spec.origin).parent / "data" / "astronaut.png").convert("RGB")


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=92, subsampling=0)
    return buffer.getvalue()


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
