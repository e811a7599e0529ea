"""What is kept of a model's answer: in the picture's own place, colours and detail, joined to its border."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from studio_pipeline.edits.extension.turns import turn, turn_back
from studio_pipeline.pixels import agreement, border, grids, oddities
from studio_pipeline.pixels.grids import Floats
from studio_pipeline.pixels.light import Tone
from studio_pipeline.pixels.masks import Mask, grow

TEXTURE_CELLS = 1.6
"""A Gaussian's sigma: what is finer on plain places is the picture's own, not the model's."""
_NOISY, _SOFT = 1.5, 0.6  # detail over the picture's
_NEAR = 0.25  # of the window: how fast what is far from new area counts less
_MOST_GAIN = 2.0
_MOST_LEFT = 0.06  # tone, of what the correction leaves on the ring
_MOST_SHIFT = 4.0  # cells
_MEETING = 3  # cells
_OUTLIERS = 0.04  # of new area, in colours that the set has not
_MORE_EDGES, _FEW_EDGES = 2.5, 0.03  # a ratio; a share


class Unfit(Exception):
    """What a model made cannot be used; the text says why."""


@dataclass(frozen=True, eq=False)
class Window:
    """``side``: as ``Step`` has it. All others ``(h, w)`` of cells: ``tone`` with the pre-fill where
    ``region`` is to be made; ``known``: the picture's own backdrop, or what was made before; ``own``: the
    former alone.
    """

    side: str
    tone: Tone
    region: Mask
    known: Mask
    own: Mask


@dataclass(frozen=True, eq=False)
class Kept:
    """``tone``: the window's, with new area from the model. ``said``: what had to be mended."""

    tone: Tone
    said: tuple[str, ...]


def keep(made: Tone, window: Window) -> Kept:
    """Raises Unfit."""
    said = []
    weight = _nearness(window)
    moved = agreement.shift(made, window.tone, weight)
    if moved.proven and moved.size > _MOST_SHIFT:
        raise Unfit(f"it moved the set by {moved.size:.1f} of its pixels")
    if moved.proven:
        made = agreement.shifted_back(made, moved)
        said.append(f"what it made lay {moved.size:.1f} of its pixels off, and was moved back")
    correction = agreement.fitted(made, window.tone, weight)
    if correction is None:
        raise Unfit("too little backdrop is seen beside it to match its colours")
    gains = correction.coefficients[3]
    if gains.max() > _MOST_GAIN or gains.min() < 1 / _MOST_GAIN or correction.left > _MOST_LEFT:
        raise Unfit(f"its colours do not follow the picture's ({correction.left:.2f} of tone apart)")
    made = correction.applied(made)
    detail = agreement.detail_ratio(made, window.tone, window.own)
    if detail > _NOISY:
        made = np.asarray(cv2.GaussianBlur(made, (0, 0), 1.0, borderType=cv2.BORDER_REPLICATE), np.float32)
        said.append(f"it was {detail:.1f} times as rough as the picture, and was smoothed")
    elif detail < _SOFT:
        said.append(f"lines in it are softer than in the picture ({detail:.0%} of its detail)")
    made = agreement.calmed(_joined(made, window), TEXTURE_CELLS, window.own)
    _check(made, window)
    tone = cv2.copyTo(made, window.region.view(np.uint8), window.tone.copy())
    return Kept(np.asarray(tone, np.float32), tuple(said))


def _nearness(window: Window) -> Floats:
    """How much each known cell counts, by its distance from new area."""
    away = cv2.distanceTransform((~window.region).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near = 1 / (1 + np.square(away / (_NEAR * max(window.region.shape))))
    return np.where(window.known, near, 0).astype(np.float32)


def _joined(made: Tone, window: Window) -> Tone:
    """What still differs at the border is carried into new area, where each octave of it dies away."""
    if not window.side:
        return _membrane(made, window)
    mine, truth = turn(made, window.side), turn(window.tone, window.side)
    new = turn(window.region, window.side).any(axis=0)
    depth = int(np.count_nonzero(new))
    beside = np.s_[:, depth : depth + _MEETING]
    known = turn(window.known, window.side)[beside].all(axis=1)
    difference = (truth[beside] - mine[beside]).mean(axis=1)
    if not known.any():
        return made
    octaves = border.octaves(
        np.ascontiguousarray(difference), known.astype(np.float32), max(window.region.shape)
    )
    fall = border.assumed(len(octaves))
    share = border.carried(octaves, fall, range(mine.shape[0]), range(1, depth + 1))
    out = np.ascontiguousarray(mine)
    out[:, :depth] += share[:, ::-1]
    return turn_back(out, window.side)


def _membrane(made: Tone, window: Window) -> Tone:
    """The same for a region inside: what differs around it, spread smoothly over it."""
    rim = grow(window.region, _MEETING + 2) & window.known
    if not rim.any():
        return made
    return np.asarray(made + grids.filled(window.tone - made, rim), np.float32)


def _check(made: Tone, window: Window) -> None:
    """Against the pre-fill and the picture: no colour and no structure that neither has."""
    smooth, before = oddities.smoothed(made), oddities.smoothed(window.tone)
    odd = oddities.colours(smooth, window.region, window.known | window.region, before)
    if odd > _OUTLIERS:
        raise Unfit(f"{odd:.0%} of it has colours that are nowhere on the set")
    there, usual = (oddities.edges(values) for values in (smooth, before))
    share = float(there[window.region].mean())
    most = max(float(usual[mask].mean()) for mask in (window.known, window.region) if mask.any())
    if share > max(_FEW_EDGES, _MORE_EDGES * most):
        raise Unfit(f"it has more structure than the set (edges on {share:.0%} of it, on {most:.0%} there)")
