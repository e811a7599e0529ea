"""Every side brought to the left, so that one piece of code does all four."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDES = ("left", "right", "top", "bottom")


def turn(values: NDArray[Any], side: str) -> NDArray[Any]:
    """``values`` ``(h, w, ...)`` with ``side`` at the left: a view."""
    if side in ("top", "bottom"):
        values = values.swapaxes(0, 1)
    return values[:, ::-1] if side in ("right", "bottom") else values


def turn_back(values: NDArray[Any], side: str) -> NDArray[Any]:
    """What ``turn`` did, undone, in memory of its own."""
    values = values[:, ::-1] if side in ("right", "bottom") else values
    return np.ascontiguousarray(values.swapaxes(0, 1) if side in ("top", "bottom") else values)


def turned_shift(dy: float, dx: float, side: str) -> tuple[float, float]:
    """A shift in turned coordinates as one on the canvas, or the other way round."""
    if side in ("right", "bottom"):
        dx = -dx
    return (dx, dy) if side in ("top", "bottom") else (dy, dx)
