"""The person matte: a trimap from what was seen, and alpha on the picture's own edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, grow
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.backdrop import Backdrop, Floats, fill, hard_edged, largest, resized, steepness
from studio_pipeline.subject.black import closed, is_black, unseen_hair
from studio_pipeline.subject.colour_cut import colour_cut
from studio_pipeline.subject.evidence import Evidence
from studio_pipeline.subject.unlike import unlike

_REACH = 2.0  # face heights: what goes on farther from the person than this is the room
_HAIR = 1.2  # face heights from whom the detectors see: as far as hair that they miss may reach
_BESIDE = 0.05
_INSIDE = 0.03
_BARE = 0.1  # coverage
_FACE, _SKULL = 0.35, 0.8  # face heights around a face's middle: in it, and on the head for certain
_GAP, _SHUT = 0.4, 0.08  # face heights
_FAINT = 0.2  # of what the person maps say: before black they are unsure of what is black
_ENOUGH = 0.15  # of the picture
_NEAR, _FAR = 0.5, 1.5  # face heights
_ISLAND = 0.5  # face heights: a likely area smaller than this squared, with no face, is a false alarm


@dataclass(frozen=True, eq=False)
class Trimap:
    """Three exclusive parts: ``person`` for certain, ``unknown``, and the rest, backdrop for certain.

    ``held``: what cannot be the plain backdrop and touches the person, wherever it lies. ``area``: the same
    by what areas are like; single pixels of it may be backdrop seen between hairs.
    """

    person: Mask
    unknown: Mask
    held: Mask
    area: Mask


def possible_person(evidence: Evidence, faces: Sequence[Face], unit_px: float) -> Mask:
    """Where anybody may be: what is likely, what is doubtful near that, and farther away if it hangs together
    with it (a helmet on a lap, a shawl).

    Small likely areas that hold no face are dropped; large ones stay, they may be somebody turned away.
    """
    likely = (evidence.likely > 0.5).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(likely, connectivity=8)
    kept = stats[:, cv2.CC_STAT_AREA] > (_ISLAND * unit_px) ** 2
    whole = Roi.of(Extent(*likely.shape))
    for face in faces:
        kept[np.unique(labels[face.roi.within(whole)])] = True
    kept[0] = False
    people = kept[labels] if count > 1 else likely > 0
    doubtful = (evidence.agreed > 0.15) | (evidence.likely > 0.35)
    near = grow(people, round(_NEAR * unit_px))
    together = touching(doubtful, people) & grow(people, round(_FAR * unit_px))
    return np.asarray(people | (doubtful & (near | together)), np.bool_)


def trimap(
    evidence: Evidence,
    possible: Mask,
    backdrop: Backdrop,
    srgb: Floats,
    faces: Sequence[Face],
    unit_px: float,
    seen: Floats | None = None,
) -> Trimap:
    """Draw the doubtful band around the person; on a plain backdrop let the picture itself narrow it.

    What differs from a plain backdrop and touches the person (a hat, a chair, a held prop, a stray lock)
    belongs to the person. ``unit_px`` is the height of a face; ``seen`` is ``srgb`` with all its grain.
    """
    seen = srgb if seen is None else seen
    core = grow((evidence.likely > 0.85) & possible, -round(0.04 * unit_px))
    # Where two kinds of model are at one, no colour talks them out of it but near the outline.
    core |= grow((evidence.likely > 0.45) & (evidence.agreed > 0.5) & possible, -round(0.12 * unit_px))
    core |= _heads(faces, possible.shape, _FACE)
    outer = grow(possible, max(2, round(0.04 * unit_px)))
    outer |= grow(possible, round(0.14 * unit_px)) & _heads(faces, possible.shape)
    held = area = np.zeros_like(core)
    if backdrop.is_plain_set:
        lit = ~_shadow(backdrop, srgb)
        thing = backdrop.differs(srgb) & lit
        away = ~grow(possible, max(3, round(_BESIDE * unit_px)))  # nearer than that the person's own edge is
        thing = (thing & possible) | hard_edged(thing & ~possible, srgb, away, backdrop.residual(srgb))
        if backdrop.photographed:
            seen = seen - backdrop.colour
        area = unlike(seen, away_from(possible, evidence, unit_px), possible | thing, ~lit, unit_px)
        held = thing & touching(thing, possible) & grow(possible, round(_REACH * unit_px))
        area &= grow(possible, round(_HAIR * unit_px))
        area &= touching(area, possible | held)
        outer |= area
        core |= grow(held, -max(2, round(0.02 * unit_px)))
        outer |= grow(held, max(2, round(0.02 * unit_px)))
        # Only whole stretches of backdrop narrow the band: a gap of a few pixels may lie between hairs.
        open_to = backdrop.explains(srgb) & (evidence.likely < 0.5) & ~held & ~area
        # One that the person encloses must be denied by every model: it may be a reflection.
        # Near a face no gap is so sure: skin of the backdrop's own tone looks like one to everybody.
        denied = (evidence.likely < 0.1) & ~_heads(faces, possible.shape, _SKULL)
        if is_black(backdrop):
            anybody = (evidence.likely > _FAINT) & grow(possible | held, round(_GAP * unit_px))
            shut = closed(held | possible | anybody, round(_GAP * unit_px))
            core |= grow(shut, -round(_SHUT * unit_px))
            outer |= shut
            open_to &= ~shut
        open_to &= touching(open_to, ~outer) | denied
        outer &= ~opened(open_to, max(1, round(0.02 * unit_px)))
    if is_black(backdrop):
        core |= unseen_hair(backdrop.differs(srgb), faces)
    outer |= ~outer & ~touching(~outer, _border(outer.shape) & ~outer) & _heads(faces, outer.shape, _SKULL)
    enclosed = _enclosed_by(core, outer)
    return Trimap(core | enclosed, outer & ~core & ~enclosed, held, area)


def away_from(possible: Mask, evidence: Evidence, unit_px: float) -> Mask:
    """Backdrop for certain, out of any hair's reach where there is enough of that."""
    for reach in (_HAIR, 0.6, 0.25):
        known = ~grow(possible | (evidence.agreed > 0.15), round(reach * unit_px))
        if known.mean() > _ENOUGH:
            return np.asarray(known, np.bool_)
    return np.asarray(known, np.bool_)


def opened(mask: Mask, radius_px: int) -> Mask:
    """Without its parts that are narrower than the disc."""
    return grow(grow(mask, -radius_px), radius_px) & mask


def _border(shape: tuple[int, ...]) -> Mask:
    out = np.ones(shape, np.bool_)
    out[1:-1, 1:-1] = False
    return out


def _enclosed_by(core: Mask, outer: Mask) -> Mask:
    """Doubtful parts with the person on every side."""
    reached = touching((outer & ~core), ~outer)
    return np.asarray(outer & ~core & ~reached, np.bool_)


def touching(mask: Mask, person: Mask) -> Mask:
    """The connected parts of ``mask | person`` that hold some of ``person``."""
    _, labels = cv2.connectedComponents((mask | person).astype(np.uint8), connectivity=8)
    held = np.zeros(int(labels.max()) + 1, np.bool_)
    held[np.unique(labels[person])] = True
    held[0] = False
    return np.asarray(held[labels], np.bool_)


def _shadow(backdrop: Backdrop, srgb: Floats) -> Mask:
    """Darker than the backdrop, of its colour, and without an edge: light that is missing, not a thing."""
    ratio = (srgb + 0.02) / (backdrop.colour + 0.02)
    darker = cv2.transform(ratio, np.full((1, 3), 1 / 3, np.float32))
    tint = (largest(ratio) + largest(-ratio)) / np.maximum(darker, np.float32(0.05))
    steep = cv2.dilate((steepness(srgb) > 0.012).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    return np.asarray((darker < 1) & (darker > 0.4) & (tint < 0.12) & ~steep, np.bool_)


def _heads(faces: Sequence[Face], shape: tuple[int, ...], reach: float = 2.2) -> Mask:
    """Discs around faces, ``reach`` face heights in radius; 2.2 hold a head with its hair."""
    out = np.zeros(shape, np.uint8)
    for face in faces:
        unit = face.roi.extent.height
        centre = ((face.roi.x0 + face.roi.x1) // 2, (face.roi.y0 + face.roi.y1) // 2)
        cv2.circle(out, centre, round(reach * unit), (1,), -1)
    return out > 0


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
