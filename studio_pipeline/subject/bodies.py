"""Bodies whose face nobody found: on the person maps, and where the body's own detector sees one more."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.masks import Mask, grow
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.detectors import Detectors, Picture
from studio_pipeline.subject.evidence import Evidence

_SEEN, _AGREED = 0.5, 0.3
_LEAST_SHARE = 0.004  # of the picture; smaller ones are false alarms, or nobody can be seen in them
_MARGIN = 0.1  # of the body's longer side: a head's outline may lie outside
_REACH = 0.5  # face heights around a face that are its body's for certain
_HIDDEN = 0.25  # of the person maps: as much may be somebody's
_BLUR, _SMALL_PX = 0.05, 128  # of the long edge, for what is put in their place; it is made that small


def without_a_face(
    detectors: Detectors, picture: Picture, evidence: Evidence, faces: Sequence[Face]
) -> list[Roi]:
    """Where each of them is, the largest first; squares, a little larger than the body.

    Those that have a face are hidden, and everybody is asked once more: the body's detector sees one person
    in a picture, and the person maps little of one whom the border cuts, beside a large one.
    """
    seen = (evidence.likely > _SEEN) & (evidence.agreed > _AGREED)
    alone = seen & ~_with_a_face(seen, faces)
    if faces:
        maybe = evidence.likely > _HIDDEN
        hidden = _with_a_face(maybe | seen, faces)
        rest = _without(picture, hidden)
        left = _on_maps(detectors, rest)
        figure = detectors.figure(rest)
        if figure is not None:
            left |= figure.person > _SEEN
        # With nobody left they see somebody in a flag: the maps must have had an inkling before.
        alone |= left & maybe & ~hidden
    count, _, stats, _ = cv2.connectedComponentsWithStats(alone.astype(np.uint8), connectivity=8)
    found = [stat for stat in stats[1:count].tolist() if stat[cv2.CC_STAT_AREA] > _LEAST_SHARE * alone.size]
    return [_around(*stat[:4]) for stat in sorted(found, key=lambda stat: -stat[cv2.CC_STAT_AREA])]


def _on_maps(detectors: Detectors, rest: Picture) -> Mask:
    """What both person maps see, of each half of the picture on its own."""
    out = np.zeros(rest.shape[:2], np.bool_)
    middle = rest.shape[1] // 2
    for part in (slice(None, middle), slice(middle, None)):
        maps = detectors.person(np.ascontiguousarray(rest[:, part])).values()
        out[:, part] = np.minimum.reduce(list(maps)) > _SEEN
    return out


def _with_a_face(seen: Mask, faces: Sequence[Face]) -> Mask:
    """The connected parts that hold a face, and the faces."""
    whole = Roi.of(Extent(*seen.shape))
    _, labels = cv2.connectedComponents(seen.astype(np.uint8), connectivity=8)
    held = np.zeros(int(labels.max()) + 1, np.bool_)
    out = np.zeros_like(seen)
    for face in faces:
        near = (face.roi.grown(round(_REACH * face.roi.extent.height)) & whole).within(whole)
        held[np.unique(labels[near])] = True
        out[near] = True
    held[0] = False
    return np.asarray(out | held[labels], np.bool_)


def _without(picture: Picture, hidden: Mask) -> Picture:
    """The picture with what surrounds the hidden part blurred over it."""
    height, width = hidden.shape
    hidden = grow(hidden, max(1, round(_BLUR / 4 * max(height, width))))
    small = Extent(height, width).scaled(min(1.0, _SMALL_PX / max(height, width)))
    size = (small.width, small.height)
    free = (cv2.resize(hidden.astype(np.float32), size, interpolation=cv2.INTER_AREA) == 0).astype(np.float32)
    colours = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) * free[..., None]
    sigma = _BLUR * _SMALL_PX
    weight = cv2.GaussianBlur(free, (0, 0), sigma)[..., None]
    mean = colours.sum(axis=(0, 1)) / max(1.0, float(free.sum()))
    around = cv2.GaussianBlur(colours, (0, 0), sigma) / np.maximum(weight, np.float32(1e-3))
    filled = np.where(weight > 1e-3, around, mean).astype(np.float32)
    over = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(hidden[..., None], np.clip(np.rint(over), 0, 255), picture).astype(np.uint8)


def _around(x: int, y: int, width: int, height: int) -> Roi:
    return Roi(y, x, y + height, x + width).grown(round(_MARGIN * max(height, width)))
