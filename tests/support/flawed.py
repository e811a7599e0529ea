"""Backdrops of several materials, and the flaws that are laid on them: each a factor on the light."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent
from studio_pipeline.pixels.color import Linear

EXTENT = Extent(800, 1200)
Field = NDArray[np.float32]
Backdrop = Callable[[int], Linear]


def _noise(seed: int, cell_px: float, sigma_px: float = 0.0) -> Field:
    """Unit noise in soft cells of a size, ``(h, w)``."""
    height, width = EXTENT.height, EXTENT.width
    rng = np.random.default_rng([seed, round(10 * cell_px)])
    cells = rng.standard_normal((max(2, round(height / cell_px)), max(2, round(width / cell_px))), np.float32)
    field = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    field = cv2.GaussianBlur(field, (0, 0), sigma_px) if sigma_px else field
    return np.asarray(field / field.std(), np.float32)


def _places() -> tuple[Field, Field]:
    y, x = np.mgrid[: EXTENT.height, : EXTENT.width].astype(np.float32) / EXTENT.long_edge
    return y, x


def _photographed(reflectance: Field, seed: int, grain: float = 1e-4) -> Linear:
    """Under one light that falls off, with photon noise (variance over light)."""
    y, x = _places()
    light = (0.30 - 0.22 * ((x - 0.35) ** 2 + (y - 0.25) ** 2)) * reflectance
    linear = light[..., None] * np.array([1.0, 0.98, 0.95], np.float32)
    noise = np.random.default_rng([seed, 3]).standard_normal(linear.shape, np.float32)
    return np.asarray(linear + noise * np.sqrt(linear * grain), np.float32)


def paper(seed: int) -> Linear:
    tooth = _noise(seed, 1.0, 1.1)
    return _photographed(1 + 0.008 * tooth + 0.004 * _noise(seed, 250), seed)


def coarse_grain(seed: int) -> Linear:
    return _photographed(np.ones((EXTENT.height, EXTENT.width), np.float32), seed, 8e-4)


def muslin(seed: int) -> Linear:
    """Hand-painted mottle at three sizes."""
    mottle = sum(s * _noise(seed, cell, cell / 6) for cell, s in ((180.0, 0.06), (60.0, 0.05), (22.0, 0.03)))
    return _photographed(np.asarray(1 + mottle, np.float32), seed)


def canvas(seed: int) -> Linear:
    """A weave, its threads a little uneven, painted over thinly."""
    y, x = np.mgrid[: EXTENT.height, : EXTENT.width].astype(np.float32)
    wander = 1.5 * _noise(seed, 90)
    weave = np.sin(2 * np.pi * (x + wander) / 7.3) + np.sin(2 * np.pi * (y + wander) / 7.3)
    uneven = 1 + 0.35 * _noise(seed, 14)
    return _photographed(np.asarray(1 + 0.03 * weave * uneven + 0.03 * _noise(seed, 140), np.float32), seed)


def brick(seed: int) -> Linear:
    y, x = np.mgrid[: EXTENT.height, : EXTENT.width].astype(np.float32)
    row = np.floor(y / 62)
    across = (x + 70 * (row % 2)) % 140
    joint = np.clip(4.5 - np.minimum(np.minimum(y % 62, 62 - y % 62), np.minimum(across, 140 - across)), 0, 1)
    rng = np.random.default_rng(seed)
    tints = rng.normal(0, 0.08, (40, 40)).astype(np.float32)
    tint = tints[row.astype(int) % 40, ((x + 70 * (row % 2)) // 140).astype(int) % 40]
    stone = 1 + tint + 0.03 * _noise(seed, 9) + 0.02 * _noise(seed, 2, 1)
    return _photographed(np.asarray(0.8 * stone * (1 - 0.4 * joint), np.float32), seed)


def bokeh(seed: int) -> Linear:
    """Lamps far out of focus."""
    rng = np.random.default_rng(seed)
    field = 0.5 + 0.1 * _noise(seed, 400)
    for _ in range(40):
        y, x = rng.integers(0, EXTENT.height), rng.integers(0, EXTENT.width)
        disc = np.zeros_like(field)
        cv2.circle(disc, (int(x), int(y)), int(rng.integers(15, 60)), (1.0,), -1, cv2.LINE_AA)
        field = field + rng.uniform(0.05, 0.5) * cv2.GaussianBlur(disc, (0, 0), 3)
    return _photographed(np.asarray(field, np.float32), seed)


def curtain(seed: int) -> Linear:
    """Folds side by side, none like the next."""
    _, x = _places()
    wander = 0.02 * _noise(seed, 300)
    folds = np.sin(2 * np.pi * (x + wander) / 0.06 + 2 * _noise(seed, 500))
    return _photographed(np.asarray(0.8 * (1 + 0.3 * folds + 0.01 * _noise(seed, 3)), np.float32), seed)


PLAIN: dict[str, Backdrop] = {"paper": paper, "coarse grain": coarse_grain}
TEXTURED: dict[str, Backdrop] = {
    "muslin": muslin,
    "canvas": canvas,
    "brick": brick,
    "bokeh": bokeh,
    "curtain": curtain,
}


def ones() -> Field:
    return np.ones((EXTENT.height, EXTENT.width), np.float32)


def dust(y: float, x: float, radius_px: float, depth: float = 0.35) -> Field:
    rows, columns = np.ogrid[: EXTENT.height, : EXTENT.width]
    disc = np.clip(radius_px + 0.5 - np.hypot(rows - y, columns - x), 0, 1)
    return np.asarray(1 - depth * disc, np.float32)


def thread(y: float, x: float, length_px: float, width_px: float, depth: float = 0.3, seed: int = 1) -> Field:
    """A hair that winds away from a place."""
    rng = np.random.default_rng(seed)
    count = max(4, round(length_px / 6))
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.16, count))
    path = np.array([y, x]) + np.cumsum(np.stack([np.sin(heading), np.cos(heading)], 1), axis=0) * (
        length_px / count
    )
    return _drawn(path, width_px, depth, 0.6)


def _drawn(path: NDArray[np.float64], width_px: float, depth: float, soft_px: float) -> Field:
    mask = np.zeros((EXTENT.height, EXTENT.width), np.uint8)
    points = np.rint(path[:, ::-1] * 16).astype(np.int32)
    cv2.polylines(mask, [points], False, (255,), max(1, round(width_px)), cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), soft_px)
    return np.asarray(1 - depth * soft, np.float32)


def crease(
    start: tuple[float, float],
    end: tuple[float, float],
    width_px: float,
    depth: float = 0.05,
    bend_px: float = 0.0,
) -> Field:
    """A fold: a dark side and, beside it, a fainter bright one; it fades at its ends."""
    rows, columns = np.mgrid[: EXTENT.height, : EXTENT.width].astype(np.float64)
    (y0, x0), (y1, x1) = start, end
    length = np.hypot(y1 - y0, x1 - x0)
    u = ((rows - y0) * (y1 - y0) + (columns - x0) * (x1 - x0)) / length**2
    v = ((rows - y0) * (x1 - x0) - (columns - x0) * (y1 - y0)) / length - bend_px * 4 * u * (1 - u)
    fading = np.clip(np.minimum(u, 1 - u) * 12, 0, 1)
    dark = np.exp(-0.5 * (v / (width_px / 2)) ** 2)
    bright = np.exp(-0.5 * ((v - 1.6 * width_px) / (width_px / 1.5)) ** 2)
    return np.asarray(1 - depth * fading * (dark - 0.35 * bright), np.float32)


def scuff(y: float, x: float, size_px: float, depth: float = 0.06, seed: int = 1) -> Field:
    """A smudge with an uneven rim, twice as long as wide."""
    rows, columns = np.mgrid[: EXTENT.height, : EXTENT.width].astype(np.float64)
    rng = np.random.default_rng(seed)
    turn = rng.uniform(0, np.pi)
    u = ((rows - y) * np.sin(turn) + (columns - x) * np.cos(turn)) / size_px
    v = ((rows - y) * np.cos(turn) - (columns - x) * np.sin(turn)) / (size_px / 2)
    angle = np.arctan2(v, u)
    rim = 1 + sum(rng.normal(0, 0.12) * np.cos(k * angle + rng.uniform(0, 6)) for k in (2, 3, 5))
    inner = np.clip((rim - np.hypot(u, v)) / 0.8 + 0.5, 0, 1)
    return np.asarray(1 - depth * inner * inner * (3 - 2 * inner), np.float32)


def stand(at_x: float, radius_px: float = 7) -> tuple[Field, Linear]:
    """A black pole from top to bottom: where it covers (0..1), and its light."""
    _, columns = np.ogrid[: EXTENT.height, : EXTENT.width]
    cover = np.clip(radius_px + 0.5 - np.abs(columns - at_x), 0, 1) * np.ones((EXTENT.height, 1))
    return np.asarray(cover, np.float32), np.full((*cover.shape, 3), 0.012, np.float32)
