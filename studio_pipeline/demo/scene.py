"""One frame's light: the set, and before it the sitter, a grey card, or nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.demo import sitter, studio
from studio_pipeline.geometry import Extent

Light = NDArray[np.float32]
Kind = Literal["portrait", "empty", "card"]

FULL = Extent(1920, 2880)
_SITTER_LIGHT = 0.93  # keeps the helmet's white just below the sensor's full scale
_GREY_CARD = 0.18


@dataclass(frozen=True, slots=True)
class Scene:
    """What stands where: ``pan`` and ``centre_x`` in frame widths, ``size`` as the sitter is enlarged.

    ``stand_x``: where a light stand was left in the frame, in frame widths.
    """

    kind: Kind = "portrait"
    pan: float = 0.0
    centre_x: float = 0.63
    size: float = 2.0
    exposure_ev: float = 0.0
    stand_x: float | None = None


def render(scene: Scene, extent: Extent, seed: int) -> tuple[Light, NDArray[np.float32]]:
    """Light at the sensor, upright: linear sRGB ``(h, w, 3)``, and the person's coverage ``(h, w)``, 0..1."""
    light = studio.view(extent, scene.pan, seed)
    if scene.stand_x is not None:
        studio.put_stand(light, scene.stand_x)
    alpha = np.zeros((extent.height, extent.width), np.float32)
    if scene.kind == "portrait":
        _put_sitter(light, alpha, scene)
    elif scene.kind == "card":
        _put_card(light)
    _fall_off(light)
    light *= np.float32(2.0**scene.exposure_ev)
    return light, alpha


def _put_sitter(light: Light, alpha: Light, scene: Scene) -> None:
    height, width = alpha.shape
    hers, coverage = sitter.at_scale(scene.size * width / FULL.width)
    rows, columns = coverage.shape
    x0 = round(scene.centre_x * width - columns / 2)
    left, right = max(0, -x0), min(columns, width - x0)
    alpha[height - rows :, x0 + left : x0 + right] = coverage[:, left:right]
    _cast_shadow(light, alpha)
    key_side = np.linspace(1.05, 0.93, columns, dtype=np.float32)[
        None, left:right, None
    ]  # the key is at the left
    part = light[height - rows :, x0 + left : x0 + right]
    part += coverage[:, left:right, None] * (hers[:, left:right] * key_side * _SITTER_LIGHT - part)


def _cast_shadow(light: Light, alpha: Light) -> None:
    """She stands well before the paper: her shadow is wide, faint, and falls away from the key."""
    height, width = alpha.shape
    small = cv2.resize(alpha, (width // 8, height // 8), interpolation=cv2.INTER_AREA)
    move = np.array([[1, 0, 0.077 * width / 8], [0, 1, 0.027 * width / 8]], np.float32)
    moved = cv2.warpAffine(small, move, (small.shape[1], small.shape[0]), borderMode=cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(moved, (0, 0), 0.037 * width / 8)
    light *= (1 - 0.17 * cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC))[..., None]


def _put_card(light: Light) -> None:
    """An 18 % card with a white and a black strip, clipped to a stand where the sitter will be."""
    width = light.shape[1]
    middle, size = np.array([0.60, 0.36]) * width, np.array([0.20, 0.25]) * width
    tilt = np.deg2rad(-1.4)
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    pole = np.array([[-0.004, 0.5], [0.004, 0.5], [0.004, 9], [-0.004, 9]]) * [width, size[1]]
    _fill(light, pole + middle, 0.012)
    parts = (
        ((-0.5, -0.5, 0.5, 0.5), _GREY_CARD),
        ((-0.5, 0.32, 0.0, 0.5), 0.88),
        ((0.0, 0.32, 0.5, 0.5), 0.032),
    )
    for (x0, y0, x1, y1), reflectance in parts:
        corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) * size
        _fill(light, corners @ turn.T + middle, reflectance * _SITTER_LIGHT)


def _fill(light: Light, corners: NDArray[np.float64], value: float) -> None:
    mask = np.zeros(light.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(corners * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    cover = (cv2.GaussianBlur(mask, (0, 0), 0.7).astype(np.float32) / 255)[..., None]
    light += cover * (value - light)


def _fall_off(light: Light) -> None:
    """The lens: corners get cos^4 of a short telephoto's angle, a third of a stop less."""
    height, width = light.shape[:2]
    y = (np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1
    x = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    squared = (y[:, None] * height) ** 2 + (x[None, :] * width) ** 2
    squared /= np.float32(height**2 + width**2)
    light *= ((1 + np.float32(0.12) * squared) ** -2)[..., None]
