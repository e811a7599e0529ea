"""What a model made, as a plan keeps it: rendering never runs a model again."""

from __future__ import annotations

import base64
import zlib

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.grids import Floats
from studio_pipeline.records.base import Record

_STEPS = 1 << 14  # to 1 of tone; grain is many of them


class StoredTone(Record):
    """Tone ``(rows, columns, 3)`` inside a record: 16 bits, each less its left neighbour, high bytes before
    low ones, zlib, base64. Exact to half of 1/16384, whatever the platform.
    """

    shape: tuple[int, int, int]
    data: str

    @staticmethod
    def rounded(tone: Floats) -> Floats:
        """As it will be when it was stored and read."""
        return _whole(tone).astype(np.float32) / np.float32(_STEPS)

    @classmethod
    def of(cls, tone: Floats) -> StoredTone:
        whole = _whole(tone)
        steps = np.diff(whole, axis=1, prepend=np.uint16(0)).transpose(2, 0, 1)
        planes = np.ascontiguousarray(steps).view(np.uint8).reshape(-1, 2)
        if np.little_endian:
            planes = planes[:, ::-1]
        packed = zlib.compress(np.ascontiguousarray(planes.T).tobytes(), 4)
        height, width, channels = tone.shape
        return cls(shape=(height, width, channels), data=base64.b64encode(packed).decode("ascii"))

    def array(self) -> Floats:
        height, width, channels = self.shape
        raw = np.frombuffer(zlib.decompress(base64.b64decode(self.data)), np.uint8).reshape(2, -1)
        steps = (raw[0].astype(np.uint16) << 8) | raw[1]
        whole: NDArray[np.uint16] = np.cumsum(steps.reshape(channels, height, width), axis=2, dtype=np.uint16)
        return np.ascontiguousarray(whole.transpose(1, 2, 0)).astype(np.float32) / np.float32(_STEPS)


def _whole(tone: Floats) -> NDArray[np.uint16]:
    return np.asarray(np.rint(np.clip(tone, 0, 1.99) * _STEPS), np.uint16)


class Made(Record):
    """A region that a model filled (master pixels, canvas), and its tone on cells around and beyond it.

    The centre of the first cell lies at ``(y0, x0)``.
    """

    roi: Roi
    tone: StoredTone
    y0: float
    x0: float
    cell_px: float


class MadeBy(Record):
    """Which model made pixels of a plan, and from what; part of the plan's hash.

    ``regions``: where, master pixels on the canvas. ``pixels``: by item, how many hold what it made.
    """

    engine: str
    version: int
    weights_sha256: str
    licence: str
    prompt: str = ""
    regions: tuple[Roi, ...] = ()
    pixels: dict[str, int] = Field({}, description="By item.")
