"""People with lint put on their clothes: specks, fluff and short threads, light and dark.

Lint covers: a share of a pixel shows it and the rest the cloth, in linear light. The same number gives the
same picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.blemished import framed, to_linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, grow
from studio_pipeline.pixels.metrics import delta_e2000

Floats = NDArray[np.float32]

KINDS = ("speck", "fluff", "thread")
_SEED = 31
_RADIUS = (0.006, 0.014)  # of the face's height, to where it ends
_LEAST_RADIUS_PX = 1.5
_CONTRAST = (6.0, 25.0)  # CIEDE2000 over the middle
_LIGHT, _DARK = np.array([0.78, 0.77, 0.74], np.float32), np.array([0.015, 0.015, 0.017], np.float32)


@dataclass(frozen=True)
class Speck:
    """One that was put in. ``contrast``: mean CIEDE2000 over its middle."""

    kind: str
    y: float
    x: float
    radius_px: float
    contrast: float

    def disc(self, shape: tuple[int, ...]) -> Mask:
        y, x = np.ogrid[: shape[0], : shape[1]]
        return np.asarray(np.hypot(y - self.y, x - self.x) <= max(1.0, self.radius_px), np.bool_)


@dataclass(frozen=True, eq=False)
class Linty:
    """``frame`` with lint, ``clean`` without it."""

    specks: tuple[Speck, ...]
    frame: Frame
    clean: Frame


def linty(light: Floats, cloth: Mask, face_px: float, number: int, count: int = 8) -> Linty:
    """Lint on ``cloth`` ``(h, w)`` of a linear sRGB picture ``(h, w, 3)``, apart from each other."""
    out, free, specks = light.copy(), cloth.copy(), list[Speck]()
    for k in range(count):
        rng = np.random.default_rng([_SEED, number, k])
        radius_px = max(_LEAST_RADIUS_PX, float(rng.uniform(*_RADIUS)) * face_px)
        rim = round(radius_px) + 5
        inner = np.zeros_like(free)
        inner[rim:-rim, rim:-rim] = grow(free, -round(radius_px + 2))[rim:-rim, rim:-rim]
        room = np.argwhere(inner)
        if not len(room):
            break
        y, x = room[rng.integers(len(room))] + rng.uniform(-0.5, 0.5, 2)
        speck = Speck(KINDS[k % 3], float(y), float(x), radius_px, float(rng.uniform(*_CONTRAST)))
        made = _put(out, speck, rng)
        if made is not None:
            out = made
            specks.append(speck)
            reach = int(np.ceil(4 * radius_px + 6))
            free[max(0, int(y) - reach) : int(y) + reach, max(0, int(x) - reach) : int(x) + reach] = False
    return Linty(tuple(specks), framed(out), framed(light))


def _put(light: Floats, speck: Speck, rng: np.random.Generator) -> Floats | None:
    """Light lint on dark cloth, dark on light; None where it cannot be seen so strongly there."""
    reach = int(np.ceil(speck.radius_px)) + 3
    y0, x0 = int(speck.y) - reach, int(speck.x) - reach
    window = (slice(y0, y0 + 2 * reach + 1), slice(x0, x0 + 2 * reach + 1))
    part = light[window]
    colour = _LIGHT if float(part.mean()) < 0.25 else _DARK
    cover = _cover(speck, y0, x0, 2 * reach + 1, rng)[..., None]
    middle = cover[..., 0] >= 0.5 * cover.max()
    before, low, high = to_linear(part), 0.0, 1.0
    for _ in range(14):
        amount = (low + high) / 2
        made = to_linear(np.asarray(part + amount * cover * (colour - part), np.float32))
        found = float(delta_e2000(before, made)[middle].mean())
        low, high = (amount, high) if found < speck.contrast else (low, amount)
    if low > 0.999:
        return None
    out = light.copy()
    out[window] = part + low * cover * (colour - part)
    return out


def _cover(speck: Speck, y0: int, x0: int, size: int, rng: np.random.Generator) -> Floats:
    """Coverage 0..1 ``(size, size)``; supersampled."""
    fine = (np.arange(size * 4) + 0.5) / 4 - 0.5
    dy, dx = (fine + y0 - speck.y)[:, None], (fine + x0 - speck.x)[None, :]
    turn = float(rng.uniform(0, np.pi))
    along, across = dy * np.cos(turn) + dx * np.sin(turn), dx * np.cos(turn) - dy * np.sin(turn)
    r = np.hypot(dy, dx) / speck.radius_px
    if speck.kind == "speck":
        cover = np.clip((1 - r) / 0.5, 0, 1)
    elif speck.kind == "fluff":
        ragged = cv2.GaussianBlur(rng.random((size * 4, size * 4)), (0, 0), 3)
        cover = np.clip(1 - r**2, 0, None) * np.clip(
            0.5 + 6 * (ragged - ragged.mean()) / ragged.std() / 6, 0, 1
        )
    else:  # a bent thread
        bent = across + 0.25 * along**2 / speck.radius_px
        half = max(0.45, 0.25 * speck.radius_px)
        cover = np.clip(half + 0.3 - np.abs(bent), 0, 0.6) / 0.6 * (np.abs(along) < 0.9 * speck.radius_px)
    return np.asarray(cv2.resize(cover, (size, size), interpolation=cv2.INTER_AREA), np.float32)
