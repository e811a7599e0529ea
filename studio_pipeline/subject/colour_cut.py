"""Person or backdrop by the colours that both have nearby: GrabCut over the doubtful band."""

from __future__ import annotations

import cv2
import numpy as np

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.subject.backdrop import Floats, resized

_LONG_EDGE_PX = 420
_ROUNDS = 2
_BESIDE = 0.06  # of the long edge: backdrop that is looked at around the band


def colour_cut(tone: Floats, person: Mask, unknown: Mask, likely: Floats) -> Floats:
    """Coverage ``(h, w)`` float32, 0 or 1 but where reduced pixels are enlarged; outside the band as given.

    Two mixtures of five colours each are fitted to the sides and the band is cut between them where the
    picture has edges (Rother, Kolmogorov and Blake 2004), ``likely`` > 0.5 being the start.

    Args:
        tone: ``(H, W, 3)`` 0..1, steps even to the eye, of any size.
        person: ``(h, w)``, for certain; ``unknown``: the band; the rest is backdrop.
    """
    if not unknown.any() or not person.any():
        return person.astype(np.float32)
    full = Extent(*person.shape)
    small = full.scaled(min(1.0, _LONG_EDGE_PX / full.long_edge))
    picture = np.rint(resized(tone, small) * 255).astype(np.uint8)
    sure, doubtful = (resized(mask.astype(np.float32), small) for mask in (person, unknown))
    start = np.where(resized(likely, small) > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    start[sure > 0.99] = cv2.GC_FGD
    start[(doubtful < 0.01) & (sure < 0.01)] = cv2.GC_BGD
    x, y, width, height = cv2.boundingRect((doubtful > 0).astype(np.uint8))
    region = Roi(y, x, y + height, x + width).grown(round(_BESIDE * small.long_edge)) & Roi.of(small)
    part = region.within(Roi.of(small))
    marks = np.ascontiguousarray(start[part])
    out = np.asarray(sure > 0.5, np.float32)
    if {int(cv2.GC_FGD), int(cv2.GC_BGD)} <= set(np.unique(marks).tolist()):
        cv2.setRNGSeed(1)  # its mixtures start from k-means, which draws
        models = np.zeros((1, 65)), np.zeros((1, 65))
        seen = np.ascontiguousarray(picture[part])
        cv2.grabCut(seen, marks, (0, 0, 1, 1), *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    out[part] = (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)
    return np.asarray(np.clip(resized(out, full), 0, 1), np.float32)
