"""Noise addressed by place: the same canvas pixel gets the same value whatever tile it is rendered in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi


def uniform(roi: Roi, seed: int, channels: int = 3) -> NDArray[np.float32]:
    """Uniform values in [-0.5, 0.5), ``(height, width, channels)``, one per canvas pixel and channel.

    A counter-based generator (the finaliser of MurmurHash3 over y, x, channel and seed), so tiles agree.
    """
    y = np.arange(roi.y0, roi.y1, dtype=np.int64).astype(np.uint32)[:, None, None]
    x = np.arange(roi.x0, roi.x1, dtype=np.int64).astype(np.uint32)[None, :, None]
    c = np.arange(channels, dtype=np.uint32)[None, None, :]
    h = _mix(y * np.uint32(0x9E3779B1) + np.uint32(seed & 0xFFFFFFFF))
    h = _mix(h ^ (x * np.uint32(0x85EBCA77)))
    h = _mix(h ^ (c * np.uint32(0xC2B2AE3D) + np.uint32(1)))
    return (h >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24) - np.float32(0.5)


def _mix(h: NDArray[np.uint32]) -> NDArray[np.uint32]:
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))
