"""What the healing edits share: where they may heal, and how small flaws are healed in any tile alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from studio_pipeline.edits.base import Patch
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, Zone, grow, inside
from studio_pipeline.pixels.poisson import heal, unlike
from studio_pipeline.pixels.strokes import Healing
from studio_pipeline.records.flaws import covered
from studio_pipeline.records.hand import NOTHING, Hand, drawn
from studio_pipeline.subject.reading import Reading


def free(frame: Frame, reading: Reading, hand: Hand = NOTHING) -> Mask:
    """Backdrop that may be written, at the frame's scale: not where a person said to spare it."""
    zones = reading.canvas_zones(frame.roi, frame.scale)
    return inside(zones, Zone.BACKDROP) & ~drawn(hand.spare, frame.roi, frame.scale)


def plain(frame: Frame, reading: Reading, person_margin: float, hand: Hand = NOTHING) -> Mask:
    """Backdrop that may be read *and* written, with a margin around everything else, at the frame's scale."""
    may = free(frame, reading, hand)
    readable = reading.backdrop_at(*may.shape) & may
    return grow(readable, -math.ceil(person_margin * frame.extent.long_edge))


def healed(flaws: Sequence[Healing], base: Frame, roi: Roi, rim_px: int = 0) -> Patch:
    """The patch of healed flaws in ``roi``; see ``heal_into``."""
    linear = np.zeros((roi.extent.height, roi.extent.width, 3), np.float32)
    return Patch(linear, heal_into(linear, flaws, base, roi, rim_px))


def heal_into(
    linear: Linear,
    flaws: Sequence[Healing],
    base: Frame,
    roi: Roi,
    rim_px: int = 0,
) -> Mask:
    """Write healed flaws into ``linear``, which holds ``roi``, and say where, ``(h, w)``.

    Each flaw is solved over its own small window whatever ``roi`` is, so tiles agree to the last bit. The
    source is copied pixel for pixel at the base's own scale: its texture is not resampled. ``rim_px``: so
    much more is looked at around a flaw; what is unlike the rest there holds up no membrane either. One with
    nothing else around is left.
    """
    mask = np.zeros(linear.shape[:2], np.bool_)
    shapes = [shape for shape, _, _ in flaws]
    for shape, offset, is_on in flaws:
        window = shape.roi.grown(rim_px) & base.roi
        part = window & roi
        if part.empty or not is_on:
            continue
        source = window.shifted(round(offset.y * base.scale), round(offset.x * base.scale))
        # A proxy so small that a spot is less than a pixel may have no room for its rim.
        if not (base.roi.contains(shape.roi) and base.roi.contains(source)):
            continue
        # Flaws beside this one must not hold up its membrane, be they healed or not.
        flawed = covered(shapes, window)
        target, texture = base.linear(window), base.linear(source)
        if rim_px:
            flawed |= unlike(target - texture, ~flawed)
            if not _is_held(flawed):
                continue
        elif flawed.all():  # it lies wholly in a larger one
            continue
        healed = heal(target, texture, flawed)
        written = shape.mask(part)
        linear[part.within(roi)][written] = healed[part.within(window)][written]
        mask[part.within(roi)] |= written
    return mask


def _is_held(flawed: Mask) -> bool:
    """Whether every part has a pixel beside it that is none, so that there is light to carry across."""
    import cv2

    count, parts = cv2.connectedComponents(flawed.view(np.uint8), connectivity=4)
    beside = parts[grow(~flawed, 1) & flawed]
    return len(np.unique(beside)) == count - 1
