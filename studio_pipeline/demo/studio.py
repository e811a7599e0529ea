"""The rendered set: grey seamless paper under three lights, its edge and the wall, a stand, dust.

Light is linear sRGB float32, 1.0 = the camera's full scale at the base exposure. Lengths are in frame widths,
so the set looks the same at any size; ``x`` = 0..1 is what the camera sees when it is not panned.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent

Light = NDArray[np.float32]

LEFT, RIGHT = -0.10, 1.30
PAPER_EDGE_X = 1.105
_FULL_WIDTH = 2880  # of the frame in which dust and blur have their sizes in pixels
_KEY_X, _KEY_Y, _KEY_DISTANCE = 0.30, 0.16, 0.80
_GLOW_X, _GLOW_Y, _GLOW_DISTANCE = 0.60, 0.42, 0.30
_PAPER, _WALL = np.array([[0.300, 0.300, 0.305], [0.36, 0.345, 0.325]], np.float32)
_KEY_LIGHT, _FILL_LIGHT = np.array([[1.01, 1.0, 0.985], [0.95, 1.0, 1.07]], np.float32)
_METAL = np.array([1.0, 1.0, 1.02], np.float32)
_KEY, _GLOW, _FILL = 0.70, 0.42, 0.13


def view(extent: Extent, pan: float, seed: int) -> Light:
    """What the camera sees of the set, panned by ``pan`` frame widths (-0.1..0.3); a copy."""
    plane = _plane(extent, seed)
    x = round((pan - LEFT) * extent.width)
    x = min(max(x, 0), plane.shape[1] - extent.width)
    return plane[:, x : x + extent.width].copy()


@lru_cache(maxsize=2)
def _plane(extent: Extent, seed: int) -> Light:
    rng = np.random.default_rng([seed, 1])
    width = extent.width
    y, x = _grid(extent)
    illumination = _illumination(y, x)
    surface = _PAPER * _paper_texture(extent, x, rng)[..., None]
    _put_wall(surface, x, y, width)
    light: Light = surface * illumination
    _put_dust(light, rng, width)
    return light


def _grid(extent: Extent) -> tuple[Light, Light]:
    """Coordinates in frame widths: ``y`` (h, 1), ``x`` (1, w)."""
    count = round((RIGHT - LEFT) * extent.width)
    x = (np.arange(count, dtype=np.float32) + 0.5) / extent.width + LEFT
    y = (np.arange(extent.height, dtype=np.float32) + 0.5) / extent.width
    return y[:, None], x[None, :]


def _illumination(y: Light, x: Light) -> Light:
    """Key from the left, a glow on the paper where she stands, and even fill, a little blue."""
    key = _KEY * _lamp(y, x, _KEY_Y, _KEY_X, _KEY_DISTANCE)
    glow = _GLOW * _lamp(y, x, _GLOW_Y, _GLOW_X, _GLOW_DISTANCE)
    return np.asarray((key + glow)[..., None] * _KEY_LIGHT + _FILL * _FILL_LIGHT, np.float32)


def _lamp(y: Light, x: Light, at_y: float, at_x: float, distance: float) -> Light:
    """One small source before a plane falls off as cos^4: (1 + (r/d)^2)^-2."""
    squared = ((y - at_y) ** 2 + (x - at_x) ** 2) / np.float32(distance**2)
    return np.asarray((1 + squared) ** -2, np.float32)


def _paper_texture(extent: Extent, x: Light, rng: np.random.Generator) -> Light:
    """Relative reflectance: mottle at three sizes, the roll's slight waves, and the paper's tooth."""
    height, width = extent.height, x.shape[1]
    texture = np.ones((height, width), np.float32)
    for cell, strength in ((0.20, 0.010), (0.067, 0.005), (0.02, 0.0025)):
        cells = (max(4, round(height / (cell * extent.width))), max(4, round(width / (cell * extent.width))))
        coarse = rng.standard_normal(cells, np.float32)
        texture += strength * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    texture += 0.004 * np.sin(2 * np.pi * (x / 0.14 + rng.uniform()))
    tooth = cv2.GaussianBlur(rng.standard_normal((height, width), np.float32), (0, 0), 1.1)
    return np.asarray(texture + 0.012 * tooth, np.float32)


def _put_wall(surface: Light, x: Light, y: Light, width: int) -> None:
    """Right of the paper: the wall behind it, farther from the light and in the paper's own shadow."""
    near = _columns(x, PAPER_EDGE_X - 0.03, RIGHT)
    edge = PAPER_EDGE_X + 0.002 * np.sin(y * 2.1 + 0.4)  # a hanging roll is never quite straight
    beyond = (x[:, near] - edge) * width  # in pixels, positive on the wall
    cover = np.clip(beyond / 3 + 0.5, 0, 1)[..., None]  # 3 px of blur: behind the plane of focus
    shade = 0.30 + 0.22 * (1 - np.exp(-np.maximum(beyond, 0) / (0.035 * width)))
    wall = _WALL * shade[..., None]
    rim = 1 + 0.10 * np.exp(-(((beyond + 0.003 * width) / (0.0022 * width)) ** 2))
    part = surface[:, near]
    part *= rim[..., None]
    part += cover * (wall - part)


def _put_dust(light: Light, rng: np.random.Generator, width: int) -> None:
    """Specks and a few fibres on the paper, most of them darker than it, a little soft."""
    dark = _dust(light, rng, width, specks=27, fibres=2, depth=(0.22, 0.45))
    bright = _dust(light, rng, width, specks=8, fibres=1, depth=(0.20, 0.28))
    change = (bright.astype(np.float32) - dark) / np.float32(255)
    light *= (1 + cv2.GaussianBlur(change, (0, 0), max(0.5, 1.1 * width / _FULL_WIDTH)))[..., None]


def _dust(
    light: Light,
    rng: np.random.Generator,
    width: int,
    *,
    specks: int,
    fibres: int,
    depth: tuple[float, float],
) -> NDArray[np.uint8]:
    """Where light is taken or added, ``(h, w)`` uint8, 255 = all of it."""
    height, total = light.shape[:2]
    canvas = np.zeros((height, total), np.uint8)
    unit = width / _FULL_WIDTH
    for index in range(specks + fibres):
        place = rng.uniform((0, 0.02), (PAPER_EDGE_X - 0.03 - LEFT, height / width)) * width
        strength = (round(255 * rng.uniform(*depth)),)
        if index < specks:
            radii, angle = rng.uniform(1.4, 3.6, 2) * unit, rng.uniform(0, 180)
            cv2.ellipse(canvas, _fixed(place), _fixed(radii), angle, 0, 360, strength, -1, cv2.LINE_AA, 4)
        else:
            headings = rng.normal(0, 0.4, 8).cumsum() + rng.uniform(0, 2 * np.pi)
            steps = np.stack([np.cos(headings), np.sin(headings)], axis=1) * 2.6 * unit
            points = np.rint((place + steps.cumsum(axis=0)) * 16).astype(np.int32)
            cv2.polylines(canvas, [points], False, strength, max(1, round(1.6 * unit)), cv2.LINE_AA, 4)
    return canvas


def put_stand(light: Light, at_x: float) -> None:
    """A black light stand a little behind the plane of focus, and its soft shadow, away from the key."""
    height, width = light.shape[:2]
    x = ((np.arange(width, dtype=np.float32) + 0.5) / width)[None]
    y = ((np.arange(height, dtype=np.float32) + 0.5) / width)[:, None]
    light *= (1 - 0.14 * np.exp(-(((x - at_x - 0.042) / 0.020) ** 2)))[..., None]
    near = _columns(x, at_x - 0.016, at_x + 0.016)
    knob_y = np.float32(0.21)
    at_knob = np.abs(y - knob_y) < 0.016
    radius = np.where(at_knob, 0.0095, np.where(y < knob_y, 0.0042, 0.0060))  # the upper section slides in
    across = (x[:, near] - at_x) / radius.astype(np.float32)
    cover = (np.abs(across) < 1)[..., None]
    sheen = (
        0.012
        + 0.15 * np.exp(-(((across + 0.45) / 0.22) ** 2))
        + 0.03 * np.exp(-(((across - 0.7) / 0.2) ** 2))
    )
    metal = sheen[..., None] * _METAL * np.where(at_knob, 0.5, 1.0)[..., None]
    sharp = np.where(cover, metal, light[:, near]).astype(np.float32)
    light[:, near] = cv2.GaussianBlur(sharp, (0, 0), max(0.5, 1.3 * width / _FULL_WIDTH))


def _columns(x: Light, start: float, stop: float) -> slice:
    """The columns of the plane between two places."""
    return slice(int(np.searchsorted(x[0], start)), int(np.searchsorted(x[0], stop)))


def _fixed(point: NDArray[Any]) -> tuple[int, int]:
    """OpenCV's fixed point with four fractional bits."""
    return int(np.rint(point[0] * 16)), int(np.rint(point[1] * 16))
