"""Bring an empty-set frame to the frame at hand: exposure by a ratio of light, place by correlation.

Both on common backdrop only. An empty set is used when it is like enough, and never bent to be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame, any_reduced
from studio_pipeline.pixels.masks import Mask, grow

Floats = NDArray[np.float32]

LEAST_COMMON = 0.05
"""Of the frame's area: common backdrop that is enough to judge by."""
LEAST_CONFIDENCE, LEAST_LIKENESS = 0.6, 0.7
MOST_GAIN = 4.0
_LONG_EDGE_PX, _COARSE_PX = 768, 256
_GOOD_ENOUGH = 1.9  # of 2: nothing better needs to be looked for
_MOST_SHIFT = 0.25  # of the long edge
_MOST_SCALE, _MOST_TURN = 0.06, 0.05  # relative, radians
_ALIKE = 0.02  # of tone, the square root of light: 5 codes of 255
_PLAIN_DETAIL = 0.004  # of tone: with less there is nothing to be laid in the wrong place
_DARKEST = 0.002
_CELL_PX = 9
_STEPS = 32  # a pixel's places that are told apart when sampling, OpenCV's own


@dataclass(frozen=True, slots=True)
class Registered:
    """How an empty set lies to a frame, in master pixels: what a plan keeps of it.

    ``gains``: linear Rec.2020 light of the frame over that of the empty set, by channel. ``matrix``: rows
    ``(a, b, c)``, ``(d, e, f)`` that take a place ``(x, y)`` of the frame (continuous, pixel centres at .5)
    to the empty set's; a similarity. ``confidence``: correlation of the two pictures' detail after that, 1
    where there is no detail to speak of. ``likeness``: share of the common backdrop whose light agrees.
    """

    gains: tuple[float, float, float]
    matrix: tuple[float, float, float, float, float, float]
    confidence: float
    likeness: float

    @property
    def is_shift(self) -> bool:
        return self.matrix[0] == self.matrix[4] == 1 and self.matrix[1] == self.matrix[3] == 0


def register(
    frame: Frame, backdrop: Mask, empty: Frame, empty_backdrop: Mask | None = None
) -> Registered | None:
    """How ``empty`` lies to ``frame``, or None where it is not to be used.

    Args:
        frame, empty: of one extent, at one scale (plan scale).
        backdrop: ``(h, w)``, True where the frame shows backdrop for certain.
        empty_backdrop: likewise in the empty set; None: everywhere.

    Returns:
        None when sizes differ, less than ``LEAST_COMMON`` of the frame is common backdrop, the exposures are
        more than two stops apart, or place or light agree too little. The place is found by normalised
        correlation of band-passed tone, then by ECC (Evangelidis & Psarakis 2008), on backdrop only.
    """
    if frame.extent != empty.extent or frame.scale != empty.scale:
        return None
    ratio = min(1.0, _LONG_EDGE_PX / frame.extent.long_edge)
    one, seen = _reduced(frame, backdrop, ratio)
    other, there = _reduced(empty, empty_backdrop, ratio)
    least = LEAST_COMMON * seen.size
    if np.count_nonzero(seen) < least or np.count_nonzero(there) < least:
        return None
    best: tuple[float, Registered] | None = None
    for place, simpler in _places(one, seen, other, there):
        judged = _judge(one, seen, other, there, place, ratio * frame.scale)
        if judged is not None and (best is None or judged[0] > best[0] + simpler):
            best = judged
        if best is not None and best[0] > _GOOD_ENOUGH:
            break
    return best[1] if best else None


def sample(found: Registered, empty: Frame, roi: Roi) -> tuple[Linear, Mask]:
    """The empty set in the frame's place and exposure, over ``roi`` of the frame's canvas at ``empty.scale``.

    Returns linear Rec.2020 ``(h, w, 3)``, and where the empty set reaches; zeros elsewhere. A mere shift
    copies pixels, so that grain stays grain; anything else is Catmull-Rom-like cubic interpolation at places
    rounded to 1/32 pixel, the same in any tiling.
    """
    shape = (roi.extent.height, roi.extent.width)
    a, b, c, d, e, f = found.matrix
    out, inside = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.bool_)
    if found.is_shift:
        moved = roi.shifted(round(f * empty.scale), round(c * empty.scale))
        part = moved & empty.roi
        if not part.empty:
            out[part.within(moved)] = empty.linear(part)
            inside[part.within(moved)] = True
    else:
        y = (np.arange(roi.y0, roi.y1) + 0.5)[:, None]
        x = (np.arange(roi.x0, roi.x1) + 0.5)[None, :]
        at_x, at_y = (
            np.rint((p * x + q * y + r * empty.scale - 0.5) * _STEPS) / _STEPS
            for p, q, r in ((a, b, c), (d, e, f))
        )
        whole = empty.roi
        inside = (at_y >= whole.y0) & (at_y <= whole.y1 - 1) & (at_x >= whole.x0) & (at_x <= whole.x1 - 1)
        if inside.any():
            need = Roi(
                math.floor(at_y[inside].min()), math.floor(at_x[inside].min()),
                math.ceil(at_y[inside].max()) + 1, math.ceil(at_x[inside].max()) + 1,
            ).grown(4) & whole  # fmt: skip
            part_of = empty.linear(need)
            out = np.asarray(
                cv2.remap(
                    part_of,
                    (at_x - need.x0).astype(np.float32),
                    (at_y - need.y0).astype(np.float32),
                    cv2.INTER_CUBIC,
                    borderMode=cv2.BORDER_REPLICATE,
                ),
                np.float32,
            )
            out[~inside] = 0
    out *= np.array(found.gains, np.float32)
    return out, np.asarray(inside, np.bool_)


def _reduced(frame: Frame, backdrop: Mask | None, ratio: float) -> tuple[Floats, Mask]:
    """Linear light at the size that is judged, and where it may be: backdrop, neither burnt nor black."""
    small = frame.at_scale(frame.scale * ratio)
    linear = small.linear()
    barred = frame.clipped if backdrop is None else frame.clipped | ~backdrop
    usable = ~any_reduced(barred, small.extent) & (linear.max(axis=2) > _DARKEST)
    return linear, np.asarray(usable, np.bool_)


def _places(
    one: Floats, seen: Mask, other: Floats, there: Mask
) -> Iterator[tuple[NDArray[np.float64], float]]:
    """Candidates, ``(2, 3)`` from frame to empty set, and by how much each must beat the simpler ones.

    As it stands (a tripod), shifted, and turned or zoomed besides.
    """
    yield np.eye(2, 3), 0.0
    shift = _coarse_shift(one, seen, other, there)
    start = np.array([[1, 0, shift[1]], [0, 1, shift[0]]], np.float64)
    shifted = _refined(one, seen, other, there, start, cv2.MOTION_TRANSLATION)
    if shifted is not None:
        yield shifted, 0.01
    turned = _refined(one, seen, other, there, start if shifted is None else shifted, cv2.MOTION_AFFINE)
    if turned is not None:
        yield turned, 0.03


def _coarse_shift(one: Floats, seen: Mask, other: Floats, there: Mask) -> tuple[float, float]:
    """The shift (y, x) at which the detail of both correlates best, to a pixel of a small copy."""
    ratio = min(1.0, _COARSE_PX / max(seen.shape))
    size = Extent(*seen.shape).scaled(ratio)
    parts = []
    for linear, mask in ((one, seen), (other, there)):
        resized = cv2.resize(_tone(linear), (size.width, size.height), interpolation=cv2.INTER_AREA)
        small = np.asarray(resized, np.float32)
        usable = ~any_reduced(~mask, size)
        detail = _detail(small, usable) * grow(usable, -1)
        parts.append(detail / max(float(np.sqrt((detail**2).sum())), 1e-9))
    tall, wide = 2 * size.height, 2 * size.width
    spectra = [np.fft.rfft2(part, (tall, wide)) for part in parts]
    score = np.fft.irfft2(spectra[0].conj() * spectra[1], (tall, wide))
    most_y, most_x = (max(1, round(_MOST_SHIFT * max(size.height, size.width))),) * 2
    allowed = np.zeros_like(score, np.bool_)
    rows = np.arange(-most_y, most_y + 1) % tall
    allowed[np.ix_(rows, np.arange(-most_x, most_x + 1) % wide)] = True
    y, x = np.unravel_index(int(np.argmax(np.where(allowed, score, -np.inf))), score.shape)
    dy, dx = (int(v) - n if v > n / 2 else int(v) for v, n in ((y, tall), (x, wide)))
    return dy / ratio, dx / ratio


def _refined(
    one: Floats, seen: Mask, other: Floats, there: Mask, start: NDArray[np.float64], motion: int
) -> NDArray[np.float64] | None:
    """ECC from ``start``, as the similarity nearest to the affine it finds; None where it does not settle."""
    detail, there_detail = _detail(_tone(one), seen), _detail(_tone(other), there)
    mask = grow(seen, -2) & (_warped(there.astype(np.float32), start, seen.shape) > 0.99)
    if np.count_nonzero(mask) < LEAST_COMMON * mask.size:
        return None
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-5)
    try:
        _, found = cv2.findTransformECC(
            detail, there_detail, start.astype(np.float32), motion, criteria, mask.astype(np.uint8) * 255, 5
        )
    except cv2.error:
        return None
    warp = np.asarray(found, np.float64)
    (p, q, _), (r, s, _) = warp
    cos, sin = (p + s) / 2, (r - q) / 2
    bent = max(abs(p - s), abs(r + q))
    size = math.hypot(cos, sin)
    if bent > 0.02 or abs(size - 1) > _MOST_SCALE or abs(math.atan2(sin, cos)) > _MOST_TURN:
        return None
    if abs(size - 1) * max(seen.shape) < 0.5 and abs(sin) * max(seen.shape) < 0.5:
        cos, sin = 1.0, 0.0  # less than half a pixel over the picture: a shift
    middle = np.array([seen.shape[1] / 2, seen.shape[0] / 2])
    turn = np.array([[cos, -sin], [sin, cos]])
    moved = warp[:, :2] @ middle + warp[:, 2]
    return np.column_stack([turn, moved - turn @ middle])


def _judge(
    one: Floats,
    seen: Mask,
    other: Floats,
    there: Mask,
    place: NDArray[np.float64],
    scale: float,
) -> tuple[float, Registered] | None:
    """How good a placing is (likeness and correlation, 2 at best), and what it is; None if not good enough.

    ``scale``: to master pixels.
    """
    moved = _warped(other, place, seen.shape)
    common = grow(seen, -2) & (_warped(there.astype(np.float32), place, seen.shape) > 0.99)
    if np.count_nonzero(common) < LEAST_COMMON * seen.size:
        return None
    ours, theirs = _cells(one, common), _cells(moved, common)
    gains = np.median(ours / np.maximum(theirs, 1e-6), axis=0)
    if not (gains.min() > 1 / MOST_GAIN and gains.max() < MOST_GAIN):
        return None
    apart = np.abs(np.sqrt(ours) - np.sqrt(theirs * gains)).max(axis=1)
    likeness = float(np.mean(apart < _ALIKE))
    detail, detail_there = (_detail(_tone(linear), common)[common] for linear in (one, moved))
    correlation = _correlation(detail, detail_there)
    plain = max(detail.std(), detail_there.std()) < _PLAIN_DETAIL
    confidence = 1.0 if plain else correlation
    if likeness < LEAST_LIKENESS or confidence < LEAST_CONFIDENCE:
        return None
    to_master = place.copy()
    to_master[:, 2] = _centred(place) / scale
    g = tuple(round(float(gain), 6) for gain in gains)
    a, b, c, d, e, f = (round(float(v), 8) for v in to_master.ravel())
    found = Registered((g[0], g[1], g[2]), (a, b, c, d, e, f), round(confidence, 4), round(likeness, 4))
    return likeness + correlation, found


def _centred(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """The shift of a transform of pixel numbers, as one of continuous places (centres at .5)."""
    half = np.array([0.5, 0.5])
    return np.asarray(place[:, 2] + half - place[:, :2] @ half)


def _correlation(one: Floats, other: Floats) -> float:
    spread = float(one.std() * other.std())
    return float(((one - one.mean()) * (other - other.mean())).mean()) / spread if spread > 0 else 0.0


def _cells(linear: Floats, common: Mask) -> NDArray[np.float64]:
    """Mean light of every whole cell of common backdrop, ``(n, 3)``."""
    height, width = (size // _CELL_PX * _CELL_PX for size in common.shape)
    shape = (height // _CELL_PX, _CELL_PX, width // _CELL_PX, _CELL_PX)
    weight = common[:height, :width].reshape(shape).sum(axis=(1, 3))
    light = np.where(common[..., None], linear, 0)[:height, :width].astype(np.float64)
    total = light.reshape(*shape, 3).sum(axis=(1, 3))
    full = weight > _CELL_PX**2 // 2
    return np.asarray(np.maximum(total[full] / weight[full][:, None], 0), np.float64)


def _tone(linear: Floats) -> Floats:
    return np.asarray(np.sqrt(np.clip(linear.mean(axis=2), 0, 1)), np.float32)


def _detail(tone: Floats, mask: Mask) -> Floats:
    """Tone between grain and fall-off, over the masked pixels only, ``(h, w)``; 0 elsewhere."""
    weight = mask.astype(np.float32)

    def mean(sigma: float) -> Floats:
        mass = np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3)
        return np.asarray(cv2.GaussianBlur(tone * weight, (0, 0), sigma) / mass, np.float32)

    unit = max(tone.shape) / _LONG_EDGE_PX
    return np.asarray((mean(max(0.8, 1.5 * unit)) - mean(max(2.4, 12 * unit))) * weight, np.float32)


def _warped(values: Floats, place: NDArray[np.float64], shape: tuple[int, ...]) -> Floats:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (shape[1], shape[0])
    return np.asarray(
        cv2.warpAffine(values, place, size, flags=flags, borderMode=cv2.BORDER_CONSTANT), np.float32
    )
