"""Bodies that the person maps see and whose face nobody found."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.evidence import Evidence

_SEEN, _AGREED = 0.5, 0.3
_LEAST_SHARE = 0.004  # of the picture; smaller ones are false alarms, or nobody can be seen in them
_MARGIN = 0.1  # of the body's longer side: a head's outline may lie outside
_REACH = 0.5  # face heights around a face that are its body's for certain


def without_a_face(evidence: Evidence, faces: Sequence[Face]) -> list[Roi]:
    """Where each of them is, the largest first; squares, a little larger than the body."""
    seen = ((evidence.likely > _SEEN) & (evidence.agreed > _AGREED)).astype(np.uint8)
    whole = Roi.of(Extent(*seen.shape))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(seen, connectivity=8)
    alone = stats[:, cv2.CC_STAT_AREA] > _LEAST_SHARE * seen.size
    for face in faces:
        near = face.roi.grown(round(_REACH * face.roi.extent.height)) & whole
        alone[np.unique(labels[near.within(whole)])] = False
    alone[0] = False
    bodies = sorted(np.flatnonzero(alone[:count]), key=lambda i: -int(stats[i, cv2.CC_STAT_AREA]))
    return [_around(*stats[i, :4].tolist()) for i in bodies]


def _around(x: int, y: int, width: int, height: int) -> Roi:
    return Roi(y, x, y + height, x + width).grown(round(_MARGIN * max(height, width)))
