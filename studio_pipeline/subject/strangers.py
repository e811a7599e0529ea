"""Whether anybody, or a part of anybody, is where nobody may be: in what a model made."""

from __future__ import annotations

import cv2
import numpy as np

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.subject.detectors import Detectors, Picture, Probability, shared
from studio_pipeline.subject.look import crop, look_at
from studio_pipeline.subject.search import along

_SURE = 0.8  # of both person maps: walls, lamps and curtains reach 0.6
_LIKELY = 0.5  # of a second look
_LEAST = 0.03  # of a place: less is an edge that one of them likes
_SMALLEST_PX = 32


def count_people(codes: Codes, encoding: RgbEncoding, mask: Mask) -> int:
    """Bodies and hands in ``mask`` ``(h, w)``; fits ``guards.base.FaceCounter``.

    Every connected part of the mask is looked at in squares along it, by the person maps, which have to
    agree, and by the detector of hands.
    """
    return _count(codes, encoding, mask, twice=False)


def count_sure_people(codes: Codes, encoding: RgbEncoding, mask: Mask) -> int:
    """The same with a second look, for sets on which the maps see people where nobody is: somebody is so in a
    mirror and without colours too, or the pose model finds a figure; most lamps, coins and stars are not. It
    misses parts of people.
    """
    return _count(codes, encoding, mask, twice=True)


def _count(codes: Codes, encoding: RgbEncoding, mask: Mask, twice: bool) -> int:
    look, detectors = look_at(codes, encoding), shared()
    size = (look.extent.width, look.extent.height)
    if min(size) < _SMALLEST_PX:
        return 0
    wanted = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    count, _, stats, _ = cv2.connectedComponentsWithStats(wanted)
    seen = np.zeros(wanted.shape, np.bool_)
    hands = 0
    for x, y, width, height, _ in stats[1:count].tolist():
        for place in along(Roi(y, x, y + height, x + width)):
            picture = np.ascontiguousarray(crop(look.picture, place))
            inner = place & look.roi
            at = inner.within(place)
            new = wanted[inner.within(look.roi)] > 0
            body = (_agreed(detectors, picture)[at] > _SURE) & new
            if twice and np.count_nonzero(body) > _LEAST * new.size:
                body &= _again(detectors, picture)[at]
            if np.count_nonzero(body) > _LEAST * new.size:
                seen[inner.within(look.roi)] |= body
            hands += _hands(picture, place, wanted)
    bodies = cv2.connectedComponents(seen.astype(np.uint8))[0] - 1
    return int(bodies + hands)


def _agreed(detectors: Detectors, picture: Picture) -> Probability:
    """What all person maps give it."""
    return np.asarray(np.minimum.reduce(list(detectors.person(picture).values())), np.float32)


def _again(detectors: Detectors, picture: Picture) -> Mask:
    """Where somebody is in the mirror image and without colours, or as a figure."""
    mirrored = _agreed(detectors, np.ascontiguousarray(picture[:, ::-1]))[:, ::-1]
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    body = (mirrored > _SURE) & (_agreed(detectors, np.asarray(grey, np.uint8)) > _LIKELY)
    figure = detectors.figure(picture)
    return np.asarray(body if figure is None else body | (figure.person > _LIKELY), np.bool_)


def _hands(picture: Picture, place: Roi, wanted: np.ndarray) -> int:  # type: ignore[type-arg]
    """Of the hands in a place, those whose middle is wanted."""
    found = 0
    for points in shared().hands(picture):
        middle = points.mean(axis=0)
        y, x = int(middle[0]) + place.y0, int(middle[1]) + place.x0
        if 0 <= y < wanted.shape[0] and 0 <= x < wanted.shape[1]:
            found += bool(wanted[y, x])
    return found
