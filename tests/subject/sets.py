"""Rendered backdrops with a known person before them: the truth that zones and mattes are held to."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.demo import sitter
from studio_pipeline.geometry import Extent, Roi

Light = NDArray[np.float32]
UPRIGHT, ACROSS = Extent(680, 600), Extent(480, 640)


@dataclass(frozen=True, eq=False)
class Portrait:
    """``picture``: sRGB 8 bit. ``alpha``: true coverage of her and what she holds. ``sitter``: her place."""

    picture: NDArray[np.uint8]
    alpha: Light
    sitter: Roi


def paper(extent: Extent, tone: float = 0.3, tint: tuple[float, float, float] = (1, 1, 1)) -> Light:
    """Lit seamless paper, linear sRGB."""
    y, x = np.mgrid[0 : extent.height, 0 : extent.width].astype(np.float32)
    fall_off = 1.1 - 0.6 * ((x / extent.width - 0.4) ** 2 + (y / extent.height - 0.3) ** 2)
    return np.asarray(tone * fall_off[..., None] * np.array(tint, np.float32), np.float32)


def developed(light: Light, grain: float = 2.0, seed: int = 0) -> NDArray[np.uint8]:
    """Linear sRGB as 8-bit sRGB with Gaussian grain, in code values."""
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)
    noise = np.random.default_rng(seed).normal(0, grain, (*light.shape[:2], 1))
    return np.asarray(np.clip(255 * curve + noise, 0, 255), np.uint8)


def sitter_before(light: Light, size: float = 0.95) -> tuple[Light, Light, Roi]:
    """The sitter at the bottom of a set: light, coverage, and her place. ``light`` is changed."""
    hers, coverage = sitter.at_scale(size)
    height, width = coverage.shape
    y0, x0 = light.shape[0] - height, (light.shape[1] - width) // 2
    place = Roi(y0, x0, y0 + height, x0 + width)
    alpha = np.zeros(light.shape[:2], np.float32)
    index = slice(place.y0, place.y1), slice(place.x0, place.x1)
    alpha[index] = coverage
    light[index] += coverage[..., None] * (hers - light[index])
    return light, alpha, place


def portrait(
    tone: float = 0.3,
    tint: tuple[float, float, float] = (1, 1, 1),
    grain: float = 2.0,
    extent: Extent = UPRIGHT,
) -> Portrait:
    light, alpha, place = sitter_before(paper(extent, tone, tint))
    return Portrait(developed(light, grain), alpha, place)


def with_chair(extent: Extent = UPRIGHT) -> tuple[Portrait, Roi]:
    """A dark chair behind the sitter, standing out at her side; also its place."""
    light = paper(extent)
    _, _, place = sitter_before(light.copy())
    chair = Roi(place.y0 + 215, place.x1 - 35, extent.height, place.x1 + 45)
    light[chair.y0 : chair.y1, chair.x0 : chair.x1] = (0.05, 0.04, 0.03)
    light, alpha, place = sitter_before(light)
    alpha[chair.y0 : chair.y1, chair.x0 : chair.x1] = 1
    return Portrait(developed(light), alpha, place), chair


def with_shadow(extent: Extent = UPRIGHT) -> Portrait:
    """The sitter close to the paper: a wide soft shadow falls to her right."""
    light = paper(extent)
    _, alpha, _ = sitter_before(light.copy())
    shade = cv2.GaussianBlur(np.roll(alpha, 45, axis=1), (0, 0), 22)
    light *= (1 - 0.35 * shade)[..., None]
    light, alpha, place = sitter_before(light)
    return Portrait(developed(light), alpha, place)


def faceless(extent: Extent = UPRIGHT) -> Portrait:
    """The sitter with her head painted over in the colour of hair, as from behind."""
    light, alpha, place = sitter_before(paper(extent))
    centre = (place.x0 + round(0.445 * place.extent.width), place.y0 + round(0.17 * place.extent.height))
    axes = (round(0.155 * place.extent.width), round(0.19 * place.extent.height))
    cv2.ellipse(light, centre, axes, 0, 0, 360, (0.045, 0.028, 0.016), -1)
    cv2.ellipse(alpha, centre, axes, 0, 0, 360, (1.0,), -1)
    return Portrait(developed(light, 3.0), alpha, place)


def with_card(
    extent: Extent = ACROSS, angle: float = 4.0, tone: float = 0.5
) -> tuple[Light, NDArray[np.bool_]]:
    """An 18 % card on an empty set; also where it lies."""
    light = paper(extent, tone)
    corners = cv2.boxPoints(((0.45 * extent.width, 0.55 * extent.height), (140.0, 190.0), angle)).astype(
        np.int32
    )
    mask = np.zeros(light.shape[:2], np.uint8)
    cv2.fillPoly(mask, [corners], (1,))
    light[mask > 0] = 0.18
    return light, mask > 0
