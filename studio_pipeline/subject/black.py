"""Before a black backdrop nobody can tell what is black: hair, a suit, a visor."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.masks import Mask, grow
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.backdrop import Backdrop, largest

_BLACK = 0.085  # sRGB: a backdrop that black hair differs from by less than grain
_HAIR_HIGH, _HAIR_WIDE, _HAIR_MIDDLE = 1.8, 1.4, -0.25  # face heights: as far as hair goes
_CROWN = 0.83  # face heights from a face's middle, averaged over a side of the crown; a hairline is nearer
_FACE, _GAP = 0.4, 0.1  # face heights: dark eyes are within the one; it goes on after less than the other
_SIDES = np.arange(-60, 1, 15), np.arange(0, 61, 15)  # degrees clockwise from straight up


def is_black(backdrop: Backdrop) -> bool:
    """Whether what is black before it is told from it by nobody."""
    return float(np.median(largest(backdrop.colour))) <= _BLACK


def closed(mask: Mask, radius_px: int) -> Mask:
    """With the gaps that a disc does not fit into: what is seen of a thing on two sides is one thing."""
    return grow(grow(mask, radius_px), -radius_px) | mask


def unseen_hair(seen: Mask, faces: Sequence[Face]) -> Mask:
    """Where hair may be as black as what it is before, ``(h, w)``: around each head, as far as hair goes.

    Not where the crown is seen on both sides of a head: its hair is lighter than the backdrop then, and so is
    the rest of it. A head that is tilted far shows no crown where it is looked for, and counts as unseen.

    Args:
        seen: what differs from the backdrop.
    """
    hair = np.zeros(seen.shape, np.uint8)
    for face in faces:
        if min(_seen_as_far_as(seen, face.roi, side) for side in _SIDES) < _CROWN:
            unit, (y, x) = face.roi.extent.height, _middle(face.roi)
            axes = round(_HAIR_WIDE * unit), round(_HAIR_HIGH * unit)
            cv2.ellipse(hair, (round(x), round(y + _HAIR_MIDDLE * unit)), axes, 0, 0, 360, (1,), -1)
    return np.asarray(hair > 0, np.bool_)


def _seen_as_far_as(seen: Mask, face: Roi, degrees: NDArray[np.int64]) -> float:
    """How far from a face's middle it goes on being ``seen``, in face heights, these directions averaged."""
    unit, (y, x) = face.extent.height, _middle(face)
    steps = np.arange(round(_HAIR_HIGH * unit))
    angles = np.radians(degrees)[:, None]
    ys, xs = (np.rint(v).astype(np.int64) for v in (y - np.cos(angles) * steps, x + np.sin(angles) * steps))
    height, width = seen.shape
    inside = (ys >= 0) & (ys < height) & (xs >= 0) & (xs < width)
    hit = inside & seen[np.clip(ys, 0, height - 1), np.clip(xs, 0, width - 1)] | (steps < _FACE * unit)
    return float(np.mean([_end(row, max(1, round(_GAP * unit))) for row in hit])) / unit


def _end(hit: Mask, gap: int) -> int:
    """The last place before more than ``gap`` in a row are not hit; the first one always is."""
    places = np.flatnonzero(hit)
    wide = np.flatnonzero(np.diff(places) > gap)
    return int(places[wide[0]] if len(wide) else places[-1])


def _middle(roi: Roi) -> tuple[float, float]:
    return (roi.y0 + roi.y1) / 2, (roi.x0 + roi.x1) / 2
