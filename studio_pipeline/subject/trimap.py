"""The trimap: from what was seen, who is there for certain, who is not, and the doubtful band between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.masks import Mask, grow
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.backdrop import Backdrop, Floats, hard_edged, largest, steepness
from studio_pipeline.subject.black import closed, is_black, unseen_hair
from studio_pipeline.subject.evidence import Evidence
from studio_pipeline.subject.unlike import unlike

_REACH = 2.0  # face heights: what goes on farther from the person than this is the room
_HAIR = 1.2  # face heights from whom the detectors see: as far as hair that they miss may reach
_BESIDE = 0.05
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


def draw(
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
    core = _sure(evidence, possible, faces, unit_px)
    outer = grow(possible, max(2, round(0.04 * unit_px)))
    outer |= grow(possible, round(0.14 * unit_px)) & _heads(faces, possible.shape)
    held = area = np.zeros_like(core)
    if backdrop.is_plain_set:
        held, area = _told_apart(evidence, possible, backdrop, srgb, seen, unit_px)
        shut = _shut(evidence, held | possible, backdrop, unit_px)
        core |= grow(held, -max(2, round(0.02 * unit_px))) | grow(shut, -round(_SHUT * unit_px))
        outer |= grow(held, max(2, round(0.02 * unit_px))) | area | shut
        outer &= ~_open(evidence, backdrop, srgb, faces, outer, held | area | shut, unit_px)
    if is_black(backdrop):
        core |= unseen_hair(backdrop.differs(srgb), faces)
    outer |= ~outer & ~touching(~outer, _border(outer.shape) & ~outer) & _heads(faces, outer.shape, _SKULL)
    enclosed = _enclosed_by(core, outer)
    return Trimap(core | enclosed, outer & ~core & ~enclosed, held, area)


def _sure(evidence: Evidence, possible: Mask, faces: Sequence[Face], unit_px: float) -> Mask:
    """The person for certain, whatever the colours say."""
    likely = grow((evidence.likely > 0.85) & possible, -round(0.04 * unit_px))
    # Where two kinds of model are at one, no colour talks them out of it but near the outline.
    at_one = (evidence.likely > 0.45) & (evidence.agreed > 0.5) & possible
    return likely | grow(at_one, -round(0.12 * unit_px)) | _heads(faces, possible.shape, _FACE)


def _told_apart(
    evidence: Evidence, possible: Mask, backdrop: Backdrop, srgb: Floats, seen: Floats, unit_px: float
) -> tuple[Mask, Mask]:
    """What no plain backdrop can be and touches the person: pixel by pixel, and by what areas are like."""
    lit = ~_shadow(backdrop, srgb)
    thing = backdrop.differs(srgb) & lit
    away = ~grow(possible, max(3, round(_BESIDE * unit_px)))  # nearer than that the person's own edge is
    thing = (thing & possible) | hard_edged(thing & ~possible, srgb, away, backdrop.residual(srgb))
    held = thing & touching(thing, possible) & grow(possible, round(_REACH * unit_px))
    if backdrop.photographed:
        seen = seen - backdrop.colour
    area = unlike(seen, away_from(possible, evidence, unit_px), possible | thing, ~lit, unit_px)
    area &= grow(possible, round(_HAIR * unit_px))
    return held, area & touching(area, possible | held)


def _shut(evidence: Evidence, person: Mask, backdrop: Backdrop, unit_px: float) -> Mask:
    """Before black, what lies between things that are seen or suspected."""
    if not is_black(backdrop):
        return np.zeros_like(person)
    suspected = (evidence.likely > _FAINT) & grow(person, round(_GAP * unit_px))
    return closed(person | suspected, round(_GAP * unit_px))


def _open(
    evidence: Evidence,
    backdrop: Backdrop,
    srgb: Floats,
    faces: Sequence[Face],
    outer: Mask,
    taken: Mask,
    unit_px: float,
) -> Mask:
    """Where a plain backdrop is seen in the band, though not where anything is ``taken`` for the person.

    Only whole stretches of it: a gap of a few pixels may lie between hairs.
    """
    clear = backdrop.explains(srgb) & (evidence.likely < 0.5) & ~taken
    # One that the person encloses must be denied by every model: it may be a reflection.
    # Near a face no gap is so sure: skin of the backdrop's own tone looks like one to everybody.
    denied = (evidence.likely < 0.1) & ~_heads(faces, outer.shape, _SKULL)
    clear &= touching(clear, ~outer) | denied
    return opened(clear, max(1, round(0.02 * unit_px)))


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
