"""Figures read from finished pixels: grain, seams, texture in bands, colour difference.

A *tone* is one channel ``(h, w)`` float32 in CIELAB L* (0..100), in which equal steps look about equal and
photon noise varies little with brightness.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.pixels.color import Linear, luminance, to_lab
from studio_pipeline.pixels.masks import Mask

Tone = NDArray[np.float32]

INVISIBLE_GRAIN = 1.0
"""High-frequency energy (L*) that no viewer sees, added to both sides of a ratio so that 0/0 is 1."""

INVISIBLE_STEP = {1: 0.25, 4: 0.5}
"""Gradient (L*) that no viewer sees on a smooth backdrop, by the columns it is averaged over."""

SEAM_REACH_PX = 16
"""Columns on each side of the seam line that ``seam_ratio`` reads."""


def tone(linear: Linear) -> Tone:
    """CIE L* ``(h, w)`` of linear Rec.2020 ``(h, w, 3)``; unlike ``to_lab`` it makes no chroma."""
    y = np.maximum(luminance(linear), 0)
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, 24389 / 27 * y).astype(np.float32)


def high_frequency_energy(tone: Tone, mask: Mask | None = None) -> float:
    """Root mean square of the 4-neighbour Laplacian, in L*: sqrt(20) times the deviation of white grain.

    ``mask``: where to measure; pixels at the border of the array never count. 0.0 where nothing is left.
    """
    if min(tone.shape) < 3:
        return 0.0
    inner = cv2.Laplacian(tone, cv2.CV_32F)[1:-1, 1:-1]
    values = inner if mask is None else inner[mask[1:-1, 1:-1]]
    return float(np.sqrt(np.mean(values * values))) if values.size else 0.0


def grain_ratio(energy: float, reference: float) -> float:
    """One energy over another, 1 = alike, below 1 = softer; grain too fine to see counts as equal."""
    return (energy + INVISIBLE_GRAIN) / (reference + INVISIBLE_GRAIN)


def farness(ratio: float) -> float:
    """How far a ratio is from 1, either way: 2 and 1/2 are equally far."""
    return max(ratio, 1 / max(ratio, 1e-9))


def seam_ratio(tone: Tone) -> float:
    """Gradient across the seam over the gradients beside it, on both sides of it; 1 = no seam to be seen.

    Measured twice: from pixel to pixel, which shows a line, and between means of 4 columns over 16 rows,
    which shows a step of light under any grain. The figure farther from 1 is returned; at the coarse scale
    only an excess counts. What crosses the seam (a floor line, a stand) weighs at most like the strongest
    2% of the strip, so it neither hides a seam nor makes one.

    Args:
        tone: ``(n, 2 * SEAM_REACH_PX)``, the seam between its two middle columns, rows along the seam.

    Raises:
        ValueError: the strip has another width or fewer than 2 rows.
    """
    if tone.shape[1] != 2 * SEAM_REACH_PX or tone.shape[0] < 2:
        raise ValueError(f"a seam strip is (n >= 2, {2 * SEAM_REACH_PX}), not {tone.shape}")
    line = _gradient_ratio(tone, width=1)
    size = (tone.shape[1], max(2, tone.shape[0] // 16))
    along = np.asarray(cv2.resize(tone, size, interpolation=cv2.INTER_AREA), np.float32)
    step = _gradient_ratio(along, width=4)
    return max(line, max(step, 1.0), key=farness)


def _gradient_ratio(tone: Tone, width: int) -> float:
    """Steps between means of ``width`` columns: at the middle, over those that lie wholly on one side."""
    sums = np.cumsum(np.pad(tone, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
    means = (sums[:, width:] - sums[:, :-width]) / width
    steps = np.abs(
        means[:, width:] - means[:, :-width]
    )  # steps[:, i]: across the line before column i + width
    steps = np.minimum(steps, np.quantile(steps, 0.98))
    seam = SEAM_REACH_PX - width
    beside = np.r_[steps[:, : seam - width + 1].ravel(), steps[:, seam + width :].ravel()]
    floor = INVISIBLE_STEP[width]
    return float((steps[:, seam].mean() + floor) / (beside.mean() + floor))


def band_energies(tone: Tone, mask: Mask, bands: int = 4) -> NDArray[np.float64]:
    """Root mean square of octave bands (differences of Gaussians, finest first), in L*, inside the mask.

    Band ``i`` lies between Gaussians of 2**(i-1) and 2**i pixels; the finest between the tone and 1 px.
    What lies outside the mask has no part in any of them (normalised convolution).
    """
    weight = mask.astype(np.float32)
    flat = np.where(mask, tone, 0).astype(np.float32)
    finer, energies = tone, []
    for band in range(bands):
        sigma = float(2**band)
        share = cv2.GaussianBlur(weight, (0, 0), sigma)
        coarser = cv2.GaussianBlur(flat, (0, 0), sigma) / np.maximum(share, 1e-6)
        difference = (finer - coarser)[mask]
        energies.append(float(np.sqrt(np.mean(difference**2))) if difference.size else 0.0)
        finer = coarser
    return np.array(energies)


def delta_e2000(a: Linear, b: Linear) -> NDArray[np.float32]:
    """CIEDE2000 colour difference per pixel, ``(h, w)``, of two linear Rec.2020 pictures ``(h, w, 3)``."""
    from skimage.color import deltaE_ciede2000

    return np.asarray(deltaE_ciede2000(to_lab(a), to_lab(b)), np.float32)
