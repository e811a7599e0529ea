"""Looks: how linear light from the sensor becomes the picture. Fitted or stated once, then only applied."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Codes, Linear, RgbEncoding
from studio_pipeline.records.develop import Look

VERSION = 1
CURVE_SAMPLES = 257
NEUTRAL_SLOPE = 2.0
_TABLE_STEPS = 1 << 18
_STRIP_PX = 1 << 16


def rolloff(light: NDArray[np.float64], slope: float) -> NDArray[np.float64]:
    """``slope x / (1 + (slope - 1) x)``: a straight lift by ``slope`` near black that rolls off to white.

    0 and 1 stay where they are. Sensors are exposed to keep about a stop above the picture's white, so the
    neutral look lifts by one stop (``NEUTRAL_SLOPE``), which places a metered grey card where viewers
    expect it.
    """
    return slope * light / (1 + (slope - 1) * light)


def neutral(headroom: float = 1.0, note: str = "") -> Look:
    """The plain look. ``headroom``: how much darker LibRaw's highlight mode makes its output (>= 1)."""
    light = np.linspace(0.0, 1.0, CURVE_SAMPLES) ** 2
    curve = rolloff(light, NEUTRAL_SLOPE * headroom)
    return Look(tone="neutral", version=VERSION, matrix=_flat(np.eye(3)), curve=_flat(curve), note=note)


def matched(matrix: NDArray[np.float64], curve: NDArray[np.float64]) -> Look:
    """A look from a fit: ``matrix`` (3, 3), ``curve`` (257,) light at even steps of sqrt(light in)."""
    return Look(tone="match-embedded", version=VERSION, matrix=_flat(matrix), curve=_flat(curve))


def apply(sensor: NDArray[np.uint16], look: Look, encoding: RgbEncoding) -> Codes:
    """Linear Rec.2020 from LibRaw, uint16 ``(h, w, 3)``, as 16-bit codes of ``encoding``.

    Works in strips, so that the temporary arrays stay small and in the processor's cache.
    """
    matrix, table = _matrix(look), _table(look)
    codes = np.empty(sensor.shape, np.uint16)
    rows = max(1, _STRIP_PX // sensor.shape[1])
    for top in range(0, len(sensor), rows):
        codes[top : top + rows] = encoding.encode(_rendered(sensor[top : top + rows], matrix, table), 16)
    return codes


def render(light: Linear, look: Look) -> Linear:
    """The same on float light 0..1 ``(h, w, 3)``: linear Rec.2020 in and out."""
    return _rendered(light * np.float32(65535), _matrix(look), _table(look))


def _rendered(sensor: NDArray[Any], matrix: NDArray[np.float32], table: NDArray[np.float32]) -> Linear:
    light = color.mix(color.planes(sensor.reshape(-1, 3)), matrix)
    rendered = np.take(table, color.sqrt_steps(light, _TABLE_STEPS))
    return np.ascontiguousarray(rendered.T).reshape(sensor.shape)


def _matrix(look: Look) -> NDArray[np.float32]:
    """From 16-bit sensor values straight to light."""
    return (np.array(look.matrix).reshape(3, 3) / 65535).astype(np.float32)


@lru_cache(maxsize=8)
def _table(look: Look) -> NDArray[np.float32]:
    """The curve at fine steps of sqrt(light in), straight between its samples' square roots.

    The pieces stay within two 16-bit codes of a smooth curve, even where it lifts by three stops.
    """
    samples = np.linspace(0.0, 1.0, len(look.curve))
    fine = np.interp(np.linspace(0.0, 1.0, _TABLE_STEPS + 1), samples, np.sqrt(np.array(look.curve)))
    return np.asarray(fine**2, np.float32)


def _flat(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Rounded well above the last bits, in which two fits of the same picture may differ."""
    return tuple(float(v) for v in np.round(values, 9).ravel())
