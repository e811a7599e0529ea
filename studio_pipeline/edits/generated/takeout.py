"""The person is taken out of the picture before a model sees any of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studio_pipeline.errors import LockedPixelsChanged
from studio_pipeline.pixels import grids, light
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.light import Tone
from studio_pipeline.pixels.masks import Mask, Zone, ZoneMap, grow

_MARGIN = 0.008  # of the long edge
_LEAST_MARGIN_PX = 3


@dataclass(frozen=True, eq=False)
class Nobody:
    """A picture without who was in it: ``tone`` ``(h, w, 3)``, backdrop at ``gone``."""

    tone: Tone
    gone: Mask

    def of(self, frame: Frame) -> Frame:
        """The same as a frame: its own codes, and others where somebody was."""
        codes = np.array(frame.codes)
        codes[self.gone] = frame.encoding.encode(light.from_tone(self.tone[self.gone]), frame.bits)
        return Frame(codes, frame.encoding, frame.clipped & ~self.gone, scale=frame.scale)


def take_out(tone: Tone, zones: ZoneMap) -> Nobody:
    """Every pixel that is not surely backdrop, and a margin around it, filled from the backdrop around.

    What was there is poisoned first: a sum that reads one pixel of it is no number any more, and
    ``check_nobody`` finds it, wherever it went.
    """
    margin_px = max(_LEAST_MARGIN_PX, round(_MARGIN * max(zones.shape)))
    gone = grow(zones != Zone.BACKDROP, margin_px)
    poisoned = tone.copy()
    poisoned[gone] = np.nan
    if gone.all():
        return Nobody(poisoned, gone)
    return Nobody(grids.filled(poisoned, ~gone), gone)


def check_nobody(shown: Tone, zones: ZoneMap, gone: Mask) -> None:
    """Raises LockedPixelsChanged where a protected pixel would reach a model."""
    left = (zones != Zone.BACKDROP) & ~gone
    if left.any():
        y, x = np.argwhere(left)[0]
        raise LockedPixelsChanged("an engine's request", int(np.count_nonzero(left)), (int(y), int(x)))
    if not np.isfinite(shown).all():
        poisoned = ~np.isfinite(shown).all(axis=-1)
        y, x = np.argwhere(poisoned)[0]
        raise LockedPixelsChanged("an engine's request", int(np.count_nonzero(poisoned)), (int(y), int(x)))
