"""What stands in a plain set and hangs together with nobody, looked at closer: is it somebody?"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.subject.detectors import Detectors, Picture, Probability
from studio_pipeline.subject.look import crop

# The person maps see a whole picture at 256 pixels: a shoulder at its border is a speck to them.
_LEAST_SHARE = 0.0005  # of the picture
_MOST = 8  # the largest
_AROUND = (0.5, 1.0)  # of its longer side, each way
_SURE = 0.8


def somebody(detectors: Detectors, picture: Picture, things: Mask) -> Mask:
    """Of ``things`` ``(h, w)``, those that all person maps take for somebody in one of several looks at them.

    One is enough: stands, flags, reflectors, furniture and plants before paper are nobody in any. Before
    lights out of focus that is not so. ``picture``: ``(h, w, 3)`` sRGB. A thing is a connected part.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(things.astype(np.uint8), connectivity=8)
    largest = sorted(range(1, count), key=lambda k: -int(stats[k, cv2.CC_STAT_AREA]))[:_MOST]
    out = np.zeros_like(things)
    for k in largest:
        x, y, width, height, area = stats[k].tolist()
        thing = labels == k
        if area > _LEAST_SHARE * things.size and any(
            float(np.median(look[thing])) > _SURE
            for look in _looks(detectors, picture, Roi(y, x, y + height, x + width))
        ):
            out |= thing
    return out


def _looks(detectors: Detectors, picture: Picture, place: Roi) -> Iterator[Probability]:
    """What the person maps agree on, ``(h, w)``: at two sizes, as it is and mirrored."""
    whole = Roi.of(Extent(*picture.shape[:2]))
    for share in _AROUND:
        near = place.grown(round(share * place.extent.long_edge)) & whole
        part = crop(picture, near)
        for turn in (1, -1):
            maps = detectors.person(np.ascontiguousarray(part[:, ::turn])).values()
            agreed = np.zeros(picture.shape[:2], np.float32)
            agreed[near.within(whole)] = np.minimum.reduce(list(maps))[:, ::turn]
            yield agreed
