"""The person matte: alpha in the trimap's band, from colours and on the picture's own edges."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, grow
from studio_pipeline.subject.backdrop import Floats, fill, largest, resized
from studio_pipeline.subject.colour_cut import colour_cut
from studio_pipeline.subject.evidence import Evidence
from studio_pipeline.subject.trimap import Trimap

_INSIDE = 0.03  # face heights
_BARE = 0.1  # coverage


@dataclass(frozen=True, eq=False)
class Matte:
    """At plan scale: ``alpha`` the coverage of the person, ``measured`` how well colour could tell it,
    ``likely`` what the detectors said, each ``(h, w)`` float32 0..1, and the trimap it was solved in.
    ``cautious``: coverage before colours narrowed it; what may be the person's by that is no backdrop.
    ``mapped``: what the person maps alone say.
    """

    alpha: Floats
    measured: Floats
    likely: Floats
    parts: Trimap
    cautious: Floats
    mapped: Floats


def solve(frame: Frame, evidence: Evidence, parts: Trimap, spread: Floats, unit_px: float) -> Matte:
    """Solve coverage in the trimap's band, at the frame's own size.

    Where person and backdrop differ clearly, the share of each is read from the pixel's colour between
    theirs (linear light is where shares add up); elsewhere the guided filter (He et al. 2010) lays the
    detectors' boundary on the picture's edges. ``parts``, ``evidence``, ``spread`` (how far the backdrop
    and the grain stray, sRGB 0..1) and ``unit_px`` are of the look.
    """
    extent = frame.extent
    linear = frame.linear()
    small = resized(linear, Extent(*parts.person.shape))
    sigma = max(1.5, 0.03 * unit_px)
    front = fill(small, parts.person, sigma)
    back = fill(small, ~(parts.person | parts.unknown), sigma)
    contrast = largest(np.abs(_tone(front) - _tone(back)))
    measured = np.clip((contrast - 4 * spread) / (6 * spread + np.float32(0.06)), 0, 1)
    floor = np.clip(6 * spread / np.maximum(contrast, np.float32(1e-3)), 0, 0.5)

    person = resized(parts.person.astype(np.float32), extent) > 0.5
    unknown = (resized(parts.unknown.astype(np.float32), extent) > 0) & ~person
    held = unknown & (resized(parts.held.astype(np.float32), extent) > 0.5)
    body = grow(parts.area, -round(_INSIDE * unit_px)).astype(np.float32)
    believed = np.maximum(evidence.likely, cv2.GaussianBlur(body, (0, 0), max(1.0, 0.02 * unit_px)))
    told, likely = resized(measured, extent), resized(np.asarray(believed, np.float32), extent)
    alpha = np.where(unknown, likely, person).astype(np.float32)
    radius = max(2, round(0.04 * unit_px * extent.long_edge / max(parts.person.shape)))
    guided = _guided(linear, alpha, unknown & (told < 1), radius)[unknown]

    seen, behind = linear[unknown], resized(back, extent)[unknown]
    span = resized(front, extent)[unknown] - behind
    share = _share(seen - behind, span)
    # A colour of neither side, in something that is held: a strap, a stem, the brim of a hat.
    foreign = np.abs(_tone(seen) - _tone(behind + share[:, None] * span)).max(axis=1)
    foreign_limit = np.float32(0.03) + 8 * resized(spread, extent)[unknown]
    share[share < resized(floor, extent)[unknown]] = 0
    foreign_held = held[unknown] & (foreign > foreign_limit)
    rim = _rim(linear, resized(back, extent), unknown, share)[unknown]
    cautious = alpha.copy()
    for out, rest in (
        (cautious, guided),
        (alpha, _narrowed(linear, parts, believed, guided, unknown, told, radius)),
    ):
        out[unknown] = np.where(foreign_held, rim, told[unknown] * share + (1 - told[unknown]) * rest)
    area = unknown & (resized(parts.area.astype(np.float32), extent) > 0.5)
    return Matte(
        alpha, told, likely, Trimap(person, unknown, held, area), cautious, resized(evidence.likely, extent)
    )


def _rim(linear: Linear, behind: Linear, unknown: Mask, share: Floats) -> Floats:
    """Coverage of what has a colour of its own: 1, and next to bare backdrop the step from that, of the
    largest step within two pixels. Were it 1 there too, a rim of the old backdrop would be locked.
    """
    step = largest(np.abs(linear - behind))
    bare = np.zeros(unknown.shape, np.uint8)
    bare[unknown] = share < _BARE
    square = np.ones((5, 5), np.uint8)
    near = cv2.dilate(bare, square) > 0
    own = np.clip(step / np.maximum(cv2.dilate(step, square), np.float32(1e-4)), 0, 1)
    return np.asarray(np.where(near, own, 1), np.float32)


def _share(away: Linear, span: Linear) -> Floats:
    """How far colours ``(n, 3)``, given from the backdrop's, lie along the ``span`` to the person's, 0..1."""
    along, length = np.einsum("nc,nc->n", away, span), np.einsum("nc,nc->n", span, span)
    return np.asarray(np.clip(along / np.maximum(length, np.float32(1e-9)), 0, 1), np.float32)


def _guided(linear: Linear, rough: Floats, wanted: Mask, radius_px: int) -> Floats:
    """``rough`` laid on the picture's edges where it is ``wanted`` (and around there, to no harm)."""
    if not wanted.any():
        return rough
    x, y, width, height = cv2.boundingRect(wanted.astype(np.uint8))
    region = Roi(y, x, y + height, x + width).grown(2 * radius_px) & Roi.of(Extent(*rough.shape))
    part = region.within(Roi.of(Extent(*rough.shape)))
    out = rough.copy()
    out[part] = np.clip(cv2.ximgproc.guidedFilter(_tone(linear[part]), rough[part], radius_px, 4e-4), 0, 1)
    return out


def _narrowed(
    linear: Linear,
    parts: Trimap,
    believed: Floats,
    guided: Floats,
    unknown: Mask,
    told: Floats,
    radius_px: int,
) -> Floats:
    """``guided`` ``(n,)``, where single colours tell nothing, by what colours both sides have (GrabCut)."""
    if not (unknown & (told < 0.5)).any():
        return guided
    cut = colour_cut(_tone(linear), parts.person, parts.unknown, believed)
    whole = resized(cut, Extent(*unknown.shape))
    fine = _guided(linear, whole, unknown, max(2, radius_px // 3))[unknown]
    return np.asarray(fine, np.float32)


def _tone(linear: Linear) -> Floats:
    """Roughly even steps to the eye, 0..1."""
    return np.sqrt(np.clip(linear, 0, 1))
