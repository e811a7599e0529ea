"""Pictures with nobody in them in which detectors of faces like to see somebody; sRGB, 8 bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.sets import SETS
from studio_pipeline.demo import scene
from studio_pipeline.demo.scene import Scene
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color

Picture = NDArray[np.uint8]
Light = NDArray[np.float32]

_SRGB = color.named("sRGB")
_LEAVES = 9000
_STREAM = 23


def pictures(extent: Extent, takes: int) -> Iterator[tuple[str, Picture]]:
    """Every kind, ``takes`` times with other random numbers."""
    for take in range(takes):
        for name, draw in DRAWN.items():
            yield name, draw(extent, np.random.default_rng([_STREAM, take]))
        for name in SETS:
            yield name, _set(name, extent, take)
        yield "demo", _demo(extent, take)
    yield from _photographs(extent)


def street(extent: Extent, rng: np.random.Generator) -> Picture:
    """House fronts: windows with light and dark panes, sills and doors, out of focus by a little."""
    picture = np.full((extent.height, extent.width, 3), (150, 140, 128), np.float32)
    unit = extent.long_edge / 24
    for y in np.arange(0.5, extent.height / unit, 2.2) * unit:
        for x in np.arange(0.4, extent.width / unit, 1.5) * unit:
            top, left = round(y), round(x + rng.normal(0, 0.05) * unit)
            height, width = round(rng.uniform(1, 1.4) * unit), round(0.8 * unit)
            shade = rng.uniform(20, 220)
            cv2.rectangle(picture, (left, top), (left + width, top + height), (210, 205, 195), -1)
            for pane in range(4):
                inset = round(0.06 * unit)
                y0, x0 = top + pane // 2 * height // 2 + inset, left + pane % 2 * width // 2 + inset
                corner = (x0 + width // 2 - 2 * inset, y0 + height // 2 - 2 * inset)
                tone = np.clip(rng.normal(shade, 25, 3), 0, 255)
                cv2.rectangle(picture, (x0, y0), corner, tone.tolist(), -1)
    return _grained(cv2.GaussianBlur(picture, (0, 0), 0.06 * unit), rng)


def bokeh(extent: Extent, rng: np.random.Generator) -> Picture:
    """Lamps far out of focus: overlapping discs of light, skin's colours among them."""
    light = np.full((extent.height, extent.width, 3), 0.02, np.float32)
    for _ in range(140):
        at = rng.uniform((0, 0), (extent.width, extent.height)).astype(int).tolist()
        disc = np.zeros((extent.height, extent.width), np.float32)
        cv2.circle(disc, at, round(extent.long_edge * rng.uniform(0.01, 0.05)), 1.0, -1, cv2.LINE_AA)
        warm = np.array([1, rng.uniform(0.4, 1), rng.uniform(0.15, 0.8)], np.float32)
        light += (rng.uniform(0.05, 0.35) * disc)[..., None] * warm
    return _grained(_shown(cv2.GaussianBlur(light, (0, 0), 2)).astype(np.float32), rng)


def foliage(extent: Extent, rng: np.random.Generator) -> Picture:
    """Leaves over leaves, lit from above, with gaps of sky."""
    picture = np.full((extent.height, extent.width, 3), (18, 26, 14), np.float32)
    unit = extent.long_edge / 1024
    for leaf in range(_LEAVES):
        at = rng.uniform((0, 0), (extent.width, extent.height)).astype(int).tolist()
        axes = (np.array([rng.uniform(6, 18), rng.uniform(3, 8)]) * unit + 1).astype(int).tolist()
        lit = rng.uniform(0.25, 1) * (0.4 + 0.6 * leaf / _LEAVES)
        colour = (np.array([150, 190, 90]) * rng.uniform(0.7, 1.1, 3) * lit).tolist()
        cv2.ellipse(picture, at, axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    for _ in range(60):
        at = rng.uniform((0, 0), (extent.width, extent.height)).astype(int).tolist()
        cv2.circle(picture, at, round(rng.uniform(2, 9) * unit), (225, 235, 245), -1, cv2.LINE_AA)
    return _grained(cv2.GaussianBlur(picture, (0, 0), 0.8), rng)


def brick(extent: Extent, rng: np.random.Generator) -> Picture:
    """A wall of bricks in as many tones as there are bricks."""
    picture = np.full((extent.height, extent.width, 3), (170, 160, 150), np.float32)
    unit = extent.long_edge / 30
    for row in range(round(2 * extent.height / unit) + 1):
        for column in range(-1, round(extent.width / unit) + 1):
            x, y = (column + row % 2 / 2) * unit, row * unit / 2
            tone = np.clip(np.array([150, 84, 66]) * rng.uniform(0.6, 1.2), 0, 255).tolist()
            first = (round(x + 0.05 * unit), round(y + 0.05 * unit))
            cv2.rectangle(picture, first, (round(x + 0.95 * unit), round(y + 0.45 * unit)), tone, -1)
    rough = cv2.GaussianBlur(rng.normal(0, 60, picture.shape[:2]).astype(np.float32), (0, 0), 0.1 * unit)
    return _grained(cv2.GaussianBlur(picture + rough[..., None], (0, 0), 1), rng)


def clouds(extent: Extent, rng: np.random.Generator) -> Picture:
    """A hand-painted backdrop, strongly clouded."""
    picture = np.full((extent.height, extent.width, 3), (120, 105, 90), np.float32)
    for cells, strength in ((5, 35), (11, 25), (25, 18), (60, 10)):
        coarse = rng.normal(0, strength, (cells * extent.height // extent.width + 1, cells))
        size = (extent.width, extent.height)
        picture += cv2.resize(coarse.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)[..., None]
    return _grained(picture, rng)


DRAWN: dict[str, Callable[[Extent, np.random.Generator], Picture]] = {
    "street": street,
    "bokeh": bokeh,
    "foliage": foliage,
    "brick": brick,
    "clouds": clouds,
}


def _set(name: str, extent: Extent, take: int) -> Picture:
    from benchmarks.backdrops import View

    light = SETS[name].backdrop(View.of(extent.height, extent.width, take))
    return _shown(light)


def _demo(extent: Extent, take: int) -> Picture:
    light, _ = scene.render(Scene("empty", stand_x=0.8 if take % 2 else None), extent, take)
    return _shown(light)


def _photographs(extent: Extent) -> Iterator[tuple[str, Picture]]:
    """What scikit-image's wheel has of things, textures and an animal."""
    from skimage import data

    for name in (
        "brick",
        "grass",
        "gravel",
        "coffee",
        "rocket",
        "chelsea",
        "coins",
        "moon",
        "page",
        "retina",
    ):
        picture = np.asarray(getattr(data, name)(), np.uint8)
        picture = np.repeat(picture[..., None], 3, 2) if picture.ndim == 2 else picture[..., :3]
        scale = extent.long_edge / max(picture.shape)
        yield name, np.asarray(cv2.resize(picture, None, fx=scale, fy=scale), np.uint8)


def _shown(light: Light) -> Picture:
    return np.asarray(_SRGB.encode(np.clip(light, 0, 1).astype(np.float32), 8), np.uint8)


def _grained(picture: NDArray[np.floating], rng: np.random.Generator) -> Picture:
    noise = rng.normal(0, 2, (*picture.shape[:2], 1))
    return np.asarray(np.clip(picture + noise, 0, 255), np.uint8)
