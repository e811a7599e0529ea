"""Frames with no face: an empty set, a grey card on one, or nothing we may be sure of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels.masks import Mask
from studio_pipeline.subject.backdrop import Floats, hard_edged, largest, light_surface, model, steepness
from studio_pipeline.subject.evidence import Evidence

# Shares of the picture.
_PERSON_LIKE = 0.003
_EXPLAINED = 0.85
_PLAIN = 0.95  # of what is explained
_LONE_THING = 0.02
# Of the code range, after averaging over the grain.
_LEAST_STRANGE, _MOST_STRANGE = 0.04, 0.08
_CARD_LEAST, _CARD_MOST = 0.004, 0.5
_CARD_DARKEST, _CARD_LIGHTEST = 0.2, 0.85
_NEUTRAL_TINT, _FLAT_SLOPE = 0.08, 0.02


@dataclass(frozen=True, eq=False)
class Scene:
    """``card`` ``(h, w)``: where a grey card lies; nowhere unless the kind says so.

    ``things`` ``(h, w)``: what else stands there as far as it is seen, such as stands and paper edges.
    """

    kind: Literal["empty-set", "grey-card", "unsure"]
    reason: str
    card: Mask
    things: Mask


def read_scene(srgb: Floats, evidence: Evidence) -> Scene:
    """What a picture without a face shows; ``srgb`` ``(h, w, 3)`` 0..1, the size of the evidence."""
    nothing = np.zeros(srgb.shape[:2], np.bool_)
    if person_like(evidence):
        return Scene(
            "unsure", "somebody seems to be here, but no face was found: outline the person", nothing, nothing
        )
    smooth = cv2.GaussianBlur(srgb, (0, 0), max(1.0, 0.002 * max(srgb.shape)))
    rest = largest(np.abs(smooth - light_surface(srgb, ~nothing, order=3)))
    limit = min(max(4 * float(np.median(rest)), _LEAST_STRANGE), _MOST_STRANGE)
    strange = cv2.medianBlur((rest > limit).astype(np.uint8), 5) > 0
    strange = hard_edged(strange, srgb, ~nothing)  # a pool of light has no edge
    card = _find_card(srgb, strange.astype(np.uint8))
    left = strange & ~card
    plain = model(srgb, ~strange, nothing).plain_share > _PLAIN
    if left.mean() > 1 - _EXPLAINED or _stands_in_the_set(left) or not plain:
        return Scene("unsure", "nobody was found: say 'nobody here', or outline the person", nothing, left)
    if card.any():
        return Scene("grey-card", "a grey card on an empty set", card, left)
    return Scene("empty-set", "nobody in the picture, and a plain backdrop explains it", nothing, left)


def person_like(evidence: Evidence) -> bool:
    """Whether the person maps see anybody, face or no face."""
    return bool(evidence.figures) or float((evidence.agreed > 0.4).mean()) > _PERSON_LIKE


def _stands_in_the_set(strange: Mask) -> bool:
    """Something of size that is not at the sides or hung from above, where stands and paper edges are."""
    width = strange.shape[1]
    count, _, stats, _ = cv2.connectedComponentsWithStats(strange.astype(np.uint8), connectivity=8)
    for x, y, w, _, area in stats[1:count]:
        at_the_side = x == 0 or x + w == width or x + w < 0.25 * width or x > 0.75 * width
        if area > _LONE_THING * strange.size and not at_the_side and y > 0:
            return True
    return False


def _find_card(srgb: Floats, strange: NDArray[np.uint8]) -> Mask:
    """Rectangles that the backdrop does not explain, neutral, flat or in flat steps; without their pole."""
    out = np.zeros(strange.shape, np.bool_)
    closed = cv2.morphologyEx(strange, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    pole = round(0.03 * max(strange.shape))
    solid = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((pole, pole), np.uint8))
    contours, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    slope = steepness(srgb)
    for contour in contours:
        area, (_, (a, b), _) = cv2.contourArea(contour), cv2.minAreaRect(contour)
        if (
            not _CARD_LEAST < area / strange.size < _CARD_MOST
            or max(a, b) > 3 * min(a, b)
            or area < 0.88 * a * b
        ):
            continue
        inside = np.zeros(strange.shape, np.uint8)
        cv2.drawContours(inside, [contour], -1, (1,), -1)
        inner = cv2.erode(inside, np.ones((9, 9), np.uint8)) > 0
        if not inner.any() or not _CARD_DARKEST < float(np.median(srgb[inner])) < _CARD_LIGHTEST:
            continue
        tint = float(np.median(np.ptp(srgb[inner], axis=1)))
        if tint < _NEUTRAL_TINT and float(np.mean(slope[inner] < _FLAT_SLOPE)) > 0.7:
            out |= inside > 0
    return out
