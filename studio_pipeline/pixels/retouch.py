"""What a healed spot on skin is held to, read from finished pixels: its shift of colour, and its texture."""

from __future__ import annotations

import cv2
import numpy as np

from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.pixels.metrics import delta_e2000, high_frequency_energy, tone

_COARSER = 1.0  # a low frequency's Gaussian over the spot's radius
REACH = 3.0
"""In radii: how far around a spot its low frequencies are read."""
RING_PX = 3.0
"""And its texture is compared with that as far around as it is wide, and so much more."""


def shift(before: Linear, after: Linear, spot: Mask, radius_px: float) -> float:
    """The largest CIEDE2000 in the spot between the two after a Gaussian of its radius.

    ``before``, ``after``: ``(h, w, 3)`` linear Rec.2020 around the spot, ``REACH`` radii on each side.
    """
    low = [cv2.GaussianBlur(values, (0, 0), _COARSER * radius_px) for values in (before, after)]
    return float(delta_e2000(np.asarray(low[0]), np.asarray(low[1]))[spot].max(initial=0.0))


def energies(after: Linear, spot: Mask, around: Mask) -> tuple[float, float]:
    """High-frequency energy (L*) of a spot's pixels and of those around it."""
    light = tone(after)
    return high_frequency_energy(light, spot), high_frequency_energy(light, around)


def step(after: Linear, spot: Mask, around: Mask) -> float:
    """CIEDE2000 between the mean light of a spot and that of what lies around it."""
    if not around.any():
        return 0.0
    means = [after[mask].mean(axis=0)[None, None] for mask in (spot, around)]
    return float(delta_e2000(np.asarray(means[0]), np.asarray(means[1]))[0, 0])
