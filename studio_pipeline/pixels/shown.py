"""Pictures as models were trained on them: sRGB (IEC 61966-2-1), in floats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Linear

Shown = NDArray[np.float32]
"""``(h, w, 3)``, 0..1."""
_SLOPE, _KNEE = 12.92, 0.0031308


def to_shown(linear: Linear) -> Shown:
    """Linear Rec.2020 ``(h, w, 3)`` as sRGB, clipped to 0..1: a model sees no colour beyond its gamut."""
    light = np.clip(linear @ color.named("sRGB").from_rec2020.T, 0, 1)
    curved = 1.055 * np.power(np.maximum(light, _KNEE), np.float32(1 / 2.4)) - 0.055
    return np.asarray(np.where(light > _KNEE, curved, _SLOPE * light), np.float32)


def from_shown(shown: Shown) -> Linear:
    """The way back, of values clipped to 0..1."""
    values = np.clip(shown, 0, 1)
    curved = np.power((np.maximum(values, _SLOPE * _KNEE) + 0.055) / 1.055, np.float32(2.4))
    light = np.where(values > _SLOPE * _KNEE, curved, values / _SLOPE)
    return np.asarray(light @ color.named("sRGB").to_rec2020.T, np.float32)
