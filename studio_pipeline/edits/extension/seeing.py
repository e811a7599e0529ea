"""What an extension may read of a picture, and from where it is decided."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.edits.base import EMPTY_SET, Given, Source
from studio_pipeline.edits.extension import papers, shadows
from studio_pipeline.edits.extension.body import Extension
from studio_pipeline.edits.extension.planning import Band, Picture, decide
from studio_pipeline.edits.extension.turns import SIDES, turn
from studio_pipeline.edits.sides import bodies, near_body
from studio_pipeline.geometry import Extent, Insets, Roi
from studio_pipeline.pixels import kinds, light, register
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.kinds import Steps
from studio_pipeline.pixels.light import Tone
from studio_pipeline.pixels.masks import Mask, Zone, grow
from studio_pipeline.pixels.register import Registered
from studio_pipeline.records.hand import Hand, drawn
from studio_pipeline.subject.reading import Reading

_MARGIN = 0.006  # kept clear of the person, as a share of the long edge
_FAR = 0.7  # face heights from what the detectors see of a person


@dataclass(frozen=True, eq=False)
class Seen:
    """At plan scale: ``tone`` ``(h, w, 3)``; ``readable`` backdrop; ``away``: that, a margin away from
    anybody and allowed by hand, where light and texture are read; ``allowed``: by hand alone; ``nobody`` as
    ``Picture`` has it; an empty set and how it lies; ``crossing``: by side, why what the person casts keeps
    it from being extended.
    """

    frame: Frame
    tone: Tone
    readable: Mask
    away: Mask
    nobody: NDArray[np.float32]
    master: Extent
    allowed: Mask
    empty: tuple[Source, Registered] | None
    crossing: dict[str, str]

    @cached_property
    def steps(self) -> Steps:
        return kinds.steps(self.tone, self.away)

    def extended(self, inside: Roi, added: Insets, seed: int, band: Band | None = None) -> Extension | None:
        """From the part ``inside`` (master pixels) to ``added`` around the whole picture."""
        whole = Roi.of(self.master)
        added = Insets(
            added.top + inside.y0,
            added.left + inside.x0,
            added.bottom + whole.y1 - inside.y1,
            added.right + whole.x1 - inside.x1,
        )
        if not added.any:
            return None
        region = inside.scaled(self.frame.scale) & self.frame.roi
        return decide(self._picture(region), inside.extent, added, seed, band)

    def _picture(self, region: Roi) -> Picture:
        frame, part = papers.cropped(self.frame, region), region.within(self.frame.roi)
        tone, away, nobody = self.tone[part], self.away[part], self.nobody[part]
        if self.empty is None:
            steps = self.steps if region == self.frame.roi else kinds.steps(tone, away)
            return Picture(frame, tone, away, nobody, steps)
        source, found = self.empty
        linear, reaches = register.sample(found, source.frame, region)
        reaches &= self.allowed[part]
        tone = np.where(reaches[..., None], light.to_tone(linear), tone)
        away = away | reaches
        return Picture(frame, tone, away, nobody, kinds.steps(tone, away), found)


def see(frame: Frame, reading: Reading, given: Given) -> Seen:
    """Read a picture, with what a person drew and the empty set that was given."""
    readable = reading.backdrop_at(frame.extent.height, frame.extent.width)
    matte = np.asarray(
        cv2.resize(reading.matte, readable.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8
    )
    things = _far_things(reading, matte)
    readable |= things
    allowed = _by_hand(frame, given.hand)
    linear = frame.linear()
    cast = shadows.cast(linear, readable, bodies(reading, readable.shape))
    away = ~grow(~readable, round(_MARGIN * frame.extent.long_edge)) & allowed & ~cast.mask
    nobody = np.where(things, np.float32(1), _uncovered(matte))
    empty = _empty_set(frame, away, given)
    tone, master = light.to_tone(linear), reading.record.extent
    return Seen(frame, tone, readable, away, nobody, master, allowed, empty, cast.crossing)


def free_band(reading: Reading, depth_px: int) -> Band | None:
    """Where the outermost ``depth_px`` of the picture are backdrop all through, fading where they end."""
    if not depth_px:
        return None
    free = {}
    for side in SIDES:
        strip = turn(reading.zones, side)[:, : depth_px + 1] == Zone.BACKDROP
        clear = np.pad(strip.all(axis=1).astype(np.uint8), 1, constant_values=1)[None]
        away = cv2.distanceTransform(clear, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[0, 1:-1]
        free[side] = np.clip((away - 2) / depth_px, 0, 1).astype(np.float32)[:: max(1, len(away) // 2048)]
    return Band(depth_px, free)


def _empty_set(frame: Frame, away: Mask, given: Given) -> tuple[Source, Registered] | None:
    """The empty set that was given, and how it lies to the frame; None where it is not like enough."""
    source = given.sources.get(EMPTY_SET)
    if source is None:
        return None
    found = register.register(frame, away, source.frame, source.reading.backdrop if source.reading else None)
    return None if found is None else (source, found)


def _by_hand(frame: Frame, hand: Hand) -> Mask:
    """Where a person lets backdrop be copied from: in what is drawn, and not in what is spared."""
    allowed = np.ones((frame.extent.height, frame.extent.width), np.bool_)
    if hand.area:
        allowed = drawn(hand.area, frame.roi, frame.scale)
    return np.asarray(allowed & ~drawn(hand.spare, frame.roi, frame.scale), np.bool_)


def _far_things(reading: Reading, matte: NDArray[np.uint8]) -> Mask:
    """What counts as held and stays locked, but is no part of anybody: a screen behind them, a bench."""
    if not reading.record.sure or reading.body is None:
        return np.zeros(matte.shape, np.bool_)
    return np.asarray((matte > 127) & ~near_body(reading, matte.shape, _FAR), np.bool_)


def _uncovered(matte: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How surely nobody is seen at each pixel, however near somebody is: ``(h, w)``, 0..1."""
    alpha = np.arange(256, dtype=np.float32) / 255
    return np.where(alpha < 0.5, np.square(1 - alpha), np.float32(0)).astype(np.float32)[matte]
