"""One backdrop's light for another's, and what that may do to a pixel that is part person, part backdrop.

On the edge zone there is one law: ``out = in + (1 - alpha) * (new_backdrop - old_backdrop)``. The gate writes
by it, the guard and ``verify`` check by it, all from the same few numbers: two light grids, the person's own
colour beside the edge, the matte, and the pixel itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Codes, Linear, RgbEncoding
from studio_pipeline.pixels.light import LightGrid, from_tone
from studio_pipeline.pixels.masks import Mask

Floats = NDArray[np.float32]

MOST_GAIN = 16.0
"""Four stops. Beyond that only grain would be brought up."""
_DARKEST = 1e-3  # of tone
_FAINT = 0.12  # up to this coverage a pixel's grain is the backdrop's
_DARKER, _BRIGHTER = 0.4, 2.5  # times the person's mean colour nearby: what strands of hair may be
_TOLERANCE = 0.06  # of the backdrop's share: its grain
_DOUBT = 0.01  # of light: a smaller step from the backdrop is grain as likely as hair


@dataclass(frozen=True, eq=False)
class Lights:
    """Tone of the backdrop as it is and as it is to be, and of the person where both meet."""

    old: LightGrid
    new: LightGrid
    front: LightGrid

    def gain(self, roi: Roi, scale: float) -> Linear:
        """New light over old, ``(h, w, 3)``, at most ``MOST_GAIN``."""
        old = np.maximum(self.old.at(roi, scale), np.float32(_DARKEST))
        new = np.maximum(self.new.at(roi, scale), np.float32(0))
        ratio = new / old
        return np.asarray(np.minimum(ratio * ratio, np.float32(MOST_GAIN)), np.float32)


@dataclass(frozen=True, eq=False)
class EdgeLaw:
    """What may become of the edge pixels of a region: ``mask`` ``(h, w)``, and for each of its ``n`` pixels
    the person's coverage ``(n,)``, the old backdrop's light and the gain to the new one, ``(n, 3)``.
    """

    mask: Mask
    alpha: Floats
    old: Linear
    gain: Linear

    def applied(self, codes: Codes, encoding: RgbEncoding) -> Codes:
        """Codes ``(n, 3)`` of the masked pixels with their backdrop's share exchanged."""
        out = exchanged(encoding.decode(codes), self.alpha, self.old, self.gain)
        return encoding.encode(out, 8 * codes.dtype.itemsize)


def exchanged(linear: Linear, alpha: Floats, old: Linear, gain: Linear) -> Linear:
    """``in + (1 - alpha) * (new - old)``, all linear Rec.2020, ``(n, 3)`` and ``(n,)``.

    The backdrop behind a pixel is its light and, the fainter the person there, the pixel's own grain: so
    that at no coverage at all the result is ``in * gain``, as on the backdrop beside it.
    """
    faint = np.clip(1 - alpha / np.float32(_FAINT), 0, 1)[:, None]
    behind = old + faint * faint * (linear - old)
    return np.asarray(linear + (1 - alpha[:, None]) * (behind * gain - behind), np.float32)


def edge_law(
    lights: Lights,
    matte: NDArray[np.uint8],
    linear_of: Callable[[Roi], Linear],
    whole: Roi,
    roi: Roi,
    scale: float,
    mask: Mask,
) -> EdgeLaw:
    """The law for the pixels of ``mask`` over ``roi``; the same for each pixel in any tiling.

    Args:
        matte: coverage at plan scale, 255 = person, over all of ``whole``.
        linear_of: the base's light in a region inside ``whole``, at ``scale``.
        whole: the base's place at ``scale``; the mask lies inside it.
    """
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    part = Roi(roi.y0 + y, roi.x0 + x, roi.y0 + y + height, roi.x0 + x + width)
    inner = mask[y : y + height, x : x + width]
    old = _light(lights.old, part, scale)
    alpha = _coverage(lights, matte, linear_of, whole, part, scale)
    return EdgeLaw(mask, alpha[inner], old[inner], lights.gain(part, scale)[inner])


def unlawful(
    before: Codes, after: Codes, mask: Mask, laws: Sequence[Callable[[Mask], EdgeLaw]], encoding: RgbEncoding
) -> Mask:
    """Pixels of ``mask`` ``(h, w)`` that are neither as they were, nor what ``laws`` in turn make of them."""
    suspect: Mask = mask & (before != after).any(axis=2)
    if suspect.any() and laws:
        codes = before[suspect]
        for law in laws:
            codes = law(suspect).applied(codes, encoding)
        suspect[suspect] = (codes != after[suspect]).any(axis=1)
    return suspect


def _light(grid: LightGrid, roi: Roi, scale: float) -> Linear:
    return from_tone(np.maximum(grid.at(roi, scale), np.float32(0)))


def _coverage(
    lights: Lights,
    matte: NDArray[np.uint8],
    linear_of: Callable[[Roi], Linear],
    whole: Roi,
    roi: Roi,
    scale: float,
) -> Floats:
    """The person's coverage ``(h, w)`` 0..1 at the base's own size.

    The matte, interpolated, is right on the mean. What it is too coarse for, single strands and the gaps
    between them, is read from the pixels: each gets of the mean what its own step from the old backdrop to
    the person's colour is of the mean step around it. A pixel that is all backdrop gets none, and an error
    in the person's colour cancels. Where the two are alike nothing is read.

    What is left when the old backdrop's share is taken away has to be a person's light, neither much darker
    nor much brighter than around. Else strands would turn black, and a rim would shine.
    """
    mean = _interpolated(matte, whole, roi)
    reach = whole.extent.height / matte.shape[0]
    kernel = _kernel(reach) if reach > 1.01 else [np.float32(1)]
    radius = len(kernel) // 2
    outer = roi.grown(radius)
    held = outer & whole
    linear, old, front = linear_of(held), _light(lights.old, held, scale), _light(lights.front, held, scale)
    span = front - old
    contrast = np.sqrt(np.maximum(_dot(span, span), np.float32(1e-8)))
    step = np.clip(_dot(linear - old, span) / (contrast * contrast), 0, 1)
    least, most = _bounds(linear, old, front)
    rows = np.clip(np.arange(outer.y0, outer.y1) - held.y0, 0, held.extent.height - 1)
    columns = np.clip(np.arange(outer.x0, outer.x1) - held.x0, 0, held.extent.width - 1)
    # The border's pixels repeat.
    step, contrast = (values[rows][:, columns] for values in (step, contrast))
    around = _summed(_summed(step, kernel, roi.extent.width, axis=1), kernel, roi.extent.height, axis=0)
    inner = (slice(radius, radius + roi.extent.height), slice(radius, radius + roi.extent.width))
    doubt = np.float32(_DOUBT) / contrast[inner]
    alpha = mean * (step[inner] + doubt) / (around + doubt)
    here = roi.within(held)
    alpha = np.where(mean > 0, np.maximum(np.minimum(alpha, most[here]), least[here]), 0)
    return np.asarray(np.clip(alpha, 0, 1), np.float32)


def _bounds(linear: Linear, old: Linear, front: Linear) -> tuple[Floats, Floats]:
    """The coverages ``(h, w)`` between which the person's own light would be in proportion.

    In each channel ``in = a * own + (1 - a) * old`` ties coverage to the person's own light; what that may be
    at least and at most bounds the coverage. Where it may be like the old light, nothing is bounded.
    """
    darkest, brightest = np.float32(_DARKER) * front, np.minimum(np.float32(_BRIGHTER) * front, np.float32(1))
    away, held = linear - old, np.maximum(old, np.float32(1e-3))
    room, tolerance = np.float32(0.5) * held, np.float32(_TOLERANCE) * held  # with less, grain would decide
    least = np.clip(
        np.maximum(-away / np.maximum(old - darkest, room), away / np.maximum(brightest - old, room)), 0, 1
    )
    least -= np.float32(_TOLERANCE) * (1 - least)
    most = np.ones_like(least)
    for span, step in ((old - brightest, -away), (darkest - old, away)):
        most = np.where(span > room, np.minimum(most, (step + tolerance) / np.maximum(span, room)), most)
    lower = np.maximum(np.maximum(least[..., 0], least[..., 1]), least[..., 2])
    upper = np.minimum(np.minimum(most[..., 0], most[..., 1]), most[..., 2])
    return np.asarray(lower, np.float32), np.asarray(np.clip(upper, 0, 1), np.float32)


def _dot(one: Linear, other: Linear) -> Floats:
    return np.asarray(
        one[..., 0] * other[..., 0] + one[..., 1] * other[..., 1] + one[..., 2] * other[..., 2], np.float32
    )


def _interpolated(matte: NDArray[np.uint8], whole: Roi, roi: Roi) -> Floats:
    """Bilinear between the matte's pixels, ``(h, w)`` 0..1."""
    rows = _taps(np.arange(roi.y0, roi.y1) - whole.y0, whole.extent.height, matte.shape[0])
    columns = _taps(np.arange(roi.x0, roi.x1) - whole.x0, whole.extent.width, matte.shape[1])
    out = np.zeros((roi.extent.height, roi.extent.width), np.float32)
    for row, row_weight in rows:
        across = np.zeros_like(out)
        for column, weight in columns:
            across += matte[np.ix_(row, column)].astype(np.float32) * weight[None]
        out += across * row_weight[:, None]
    return np.asarray(out / np.float32(255), np.float32)


def _taps(places: NDArray[np.int64], size: int, small: int) -> list[tuple[NDArray[np.int64], Floats]]:
    at = np.clip((places + 0.5) * small / size - 0.5, 0, small - 1)
    first = np.minimum(np.floor(at).astype(np.int64), max(0, small - 2))
    weight = (at - first).astype(np.float32)
    return [(first, 1 - weight), (np.minimum(first + 1, small - 1), weight)]


def _kernel(reach: float) -> list[np.float32]:
    """A pixel of the matte is a mean over ``reach`` pixels; interpolating between two widens that again."""
    steps = 16
    fine = round(steps * reach)
    box, tent = np.ones(fine), np.convolve(np.ones(fine), np.ones(fine))
    spread = np.convolve(box, tent)
    radius = int(np.ceil(len(spread) / steps / 2 - 0.5))
    padded = np.zeros((2 * radius + 1) * steps)
    start = (len(padded) - len(spread)) // 2
    padded[start : start + len(spread)] = spread
    weights = padded.reshape(-1, steps).sum(axis=1)
    weights = (weights + weights[::-1]) / (2 * weights.sum())
    return [np.float32(weight) for weight in weights]


def _summed(values: Floats, kernel: list[np.float32], count: int, axis: int) -> Floats:
    """By plain products and sums in one order, so that tiles agree to the bit."""
    out: Floats | None = None
    for k, weight in enumerate(kernel):
        tap = values[k : k + count] if axis == 0 else values[:, k : k + count]
        out = tap * weight if out is None else out + tap * weight
    assert out is not None
    return out
