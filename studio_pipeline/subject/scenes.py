"""Frames with no face: an empty set, a grey card on one, or nothing we may be sure of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from studio_pipeline.pixels.masks import Mask
from studio_pipeline.subject.backdrop import Floats, light_surface
from studio_pipeline.subject.evidence import Evidence

# Shares of the picture.
_PERSON_LIKE = 0.003
_EXPLAINED = 0.8
_LONE_THING = 0.02
_CARD_LEAST, _CARD_MOST = 0.004, 0.5


@dataclass(frozen=True, eq=False)
class Scene:
    """``card`` ``(h, w)``: where a grey card lies; nowhere unless the kind says so."""

    kind: Literal["empty-set", "grey-card", "unsure"]
    reason: str
    card: Mask


def read_scene(srgb: Floats, evidence: Evidence) -> Scene:
    """What a picture without a face shows; ``srgb`` ``(h, w, 3)`` 0..1, the size of the evidence."""
    nothing = np.zeros(srgb.shape[:2], np.bool_)
    if person_like(evidence):
        return Scene("unsure", "somebody seems to be here, but no face was found: repaint the lock", nothing)
    light = light_surface(srgb, ~nothing, order=3)
    rest = np.abs(srgb - light).max(axis=2)
    strange = cv2.medianBlur((rest > max(0.04, 4 * float(np.median(rest)))).astype(np.uint8), 5)
    card = _find_card(srgb, strange)
    left = (strange > 0) & ~card
    if left.mean() > 1 - _EXPLAINED or _stands_in_the_set(left):
        return Scene("unsure", "nobody was found: say 'nobody here', or repaint the lock", nothing)
    if card.any():
        return Scene("grey-card", "a grey card on an empty set", card)
    return Scene("empty-set", "nobody in the picture, and a plain backdrop explains it", nothing)


def person_like(evidence: Evidence) -> bool:
    """Whether the person maps see anybody, face or no face."""
    return bool(evidence.figures) or float((evidence.agreed > 0.4).mean()) > _PERSON_LIKE


def _stands_in_the_set(strange: Mask) -> bool:
    """Something of size that does not come in from the sides or the top, as stands and paper edges do."""
    height, width = strange.shape
    count, _, stats, _ = cv2.connectedComponentsWithStats(strange.astype(np.uint8), connectivity=8)
    for x, y, w, h, area in stats[1:count]:
        from_outside = x == 0 or y == 0 or x + w == width
        if area > _LONE_THING * strange.size and not from_outside and w < 0.9 * width and h > 0.05 * height:
            return True
    return False


def _find_card(srgb: Floats, strange: np.ndarray) -> Mask:
    """Rectangles that the backdrop does not explain, neutral, and flat or in flat steps."""
    out = np.zeros(strange.shape, np.bool_)
    closed = cv2.morphologyEx(strange, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    grey = srgb.mean(axis=2)
    slope = np.hypot(
        cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8)
    )
    for contour in contours:
        _, (a, b), _ = cv2.minAreaRect(contour)
        share = cv2.contourArea(contour) / strange.size
        if not _CARD_LEAST < share < _CARD_MOST or max(a, b) > 3 * min(a, b):
            continue
        if cv2.contourArea(contour) < 0.88 * a * b:
            continue
        inside = np.zeros(strange.shape, np.uint8)
        cv2.drawContours(inside, [contour], -1, 1, -1)
        inner = cv2.erode(inside, np.ones((9, 9), np.uint8)) > 0
        if not inner.any():
            continue
        tint = np.median(srgb[inner].max(axis=1) - srgb[inner].min(axis=1))
        if tint < 0.08 and np.mean(slope[inner] < 0.02) > 0.7:
            out |= inside > 0
    return out
