"""The subject stage: one frame in, one reading out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import register
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, Zone, ZoneMap, grow
from studio_pipeline.records.subject import Face, SubjectRecord
from studio_pipeline.subject import backdrop, closer, matte, scenes, trimap, zones
from studio_pipeline.subject.backdrop import Backdrop, Floats, resized
from studio_pipeline.subject.bodies import without_a_face
from studio_pipeline.subject.detectors import Detectors, Picture, shared
from studio_pipeline.subject.evidence import MOST_FACES, Evidence, gather
from studio_pipeline.subject.faces import SMALLEST_PX, find_faces, look_again
from studio_pipeline.subject.frames import framed
from studio_pipeline.subject.look import Look, look_at
from studio_pipeline.subject.mesh import located
from studio_pipeline.subject.reading import Reading
from studio_pipeline.subject.skin import healable_skin
from studio_pipeline.versions import deciding_versions

# A face is somebody's when the person maps cover it.
_COVERED = 0.5
_WHOLE_FACE = 0.85  # of its box that lies in the picture: the forehead may be cut, features not
_SEEN = 0.5  # a pixel is somebody's, by the person maps alone
_STRONG_FACE = 0.75
_PAPER = 0.9  # plain share: what stands there is seen, and the person maps can be asked of each thing
_BESIDE = 0.25  # face heights: so near to a person it is a part of them
# Where there is no face to measure by, distances are taken from a face of this share of the long edge.
_UNIT_WITHOUT_FACE = 0.12

_NARROWEST = 6  # long edge over short: the person maps see pictures squeezed to a square
_FINER_LONG_EDGE_PX = 2048  # tiny faces are looked for at proxy size
_MOST_BODIES = 4  # faces are looked for again in so many

Kind = Literal["portrait", "empty-set", "grey-card", "unsure"]


@dataclass(frozen=True, eq=False)
class _Seen:
    """All that was seen of a frame, at the look's scale.

    ``srgb``: the look in 0..1, strong grain averaged out; ``grain``: what it was, in the same units.
    ``bodies``: where somebody is whose face was not found.
    """

    look: Look
    srgb: Floats
    grain: float
    faces: tuple[Face, ...]
    evidence: Evidence
    bodies: tuple[Roi, ...]
    unit_px: float


def read_subject(
    frame: Frame, master: Extent, detectors: Detectors | None = None, empty: Frame | None = None
) -> Reading:
    """Find the people of a frame and draw the zones.

    Args:
        frame: the base at plan scale, any depth and profile.
        master: the base's full size, which the zones are drawn at.
        detectors: this process's own when left out.
        empty: the same set with nobody in it, at the same scale: then what the backdrop looks like behind
            the person is known, whatever stands there. Not used where it is not like enough.

    Returns:
        A reading; where detection is unsure, one whose zones are all locked and whose record says why.
    """
    detectors = detectors or shared()
    short_edge = min(frame.extent.height, frame.extent.width)
    if short_edge < SMALLEST_PX:
        return _unseen(frame, master, "the picture is too small to see anybody in it")
    if frame.extent.long_edge > _NARROWEST * short_edge:
        return _unseen(frame, master, "the picture is too narrow to see who is in it: outline the person")
    seen = _see(frame, detectors)
    if seen.faces:
        doubt = _contradiction(seen)
        if doubt:
            return _all_locked(frame, master, seen, doubt, detectors)
        return _portrait(frame, master, seen, detectors, empty)
    scene = scenes.read_scene(seen.srgb, seen.evidence)
    if scene.kind == "unsure":
        return _all_locked(frame, master, seen, scene.reason, detectors)
    if doubt := _somebody(seen, closer.somebody(detectors, seen.look.picture, scene.things)):
        return _all_locked(frame, master, seen, doubt, detectors)
    return _set_only(frame, master, seen, scene)


def _see(frame: Frame, detectors: Detectors) -> _Seen:
    look = look_at(frame.codes, frame.encoding)
    faces, evidence, bodies = people_in(detectors, frame, look)
    heights = [face.roi.extent.height for face in faces]
    unit_px = float(np.median(heights)) if heights else _UNIT_WITHOUT_FACE * look.extent.long_edge
    srgb = look.picture.astype(np.float32) / np.float32(255)
    grain = backdrop.grain_of(srgb)
    return _Seen(look, backdrop.without_grain(srgb, grain), grain, faces, evidence, bodies, unit_px)


def people_in(
    detectors: Detectors, frame: Frame, look: Look
) -> tuple[tuple[Face, ...], Evidence, tuple[Roi, ...]]:
    """The faces of a frame, in the look's pixels, what the person maps say, and bodies without a face.

    Where somebody is whose face was not found it is looked for again.
    """
    faces = find_faces(detectors, look.picture, lambda: _finer(frame))
    evidence = gather(detectors, look.picture, faces)
    bodies = without_a_face(detectors, look.picture, evidence, faces)
    if bodies:
        more = look_again(detectors, look.picture, faces, bodies[:_MOST_BODIES])
        if len(more) > len(faces):
            faces, evidence = more, gather(detectors, look.picture, more)
            bodies = without_a_face(detectors, look.picture, evidence, faces)
    return faces, evidence, tuple(bodies)


def _finer(frame: Frame) -> Picture:
    return look_at(frame.codes, frame.encoding, _FINER_LONG_EDGE_PX).picture


def _contradiction(seen: _Seen) -> str:
    """Why the detectors cannot all be right, or nothing."""
    whole, likely = seen.look.roi, seen.evidence.likely
    if len(seen.faces) > MOST_FACES:
        return f"more than {MOST_FACES} people are too many to be outlined surely: outline them by hand"
    covered = [float(likely[face.roi.within(whole)].mean()) > _COVERED for face in seen.faces]
    if not any(covered):
        return "a face was found, but nobody around it: outline the person"
    strong = [face.score > _STRONG_FACE and len(face.sources) > 1 for face in seen.faces]
    if any(s and not c for s, c in zip(strong, covered, strict=True)):
        return "one of the faces has nobody around it (a picture on the wall?): outline the person"
    if any(_is_cut(face.roi.extent) for face in seen.faces):
        return "the frame's border cuts through a face: outline the person"
    if framed(seen.look.picture, seen.faces, likely > _SEEN):
        return "one of the faces is inside a frame (a picture, a mirror, a screen?): outline the person"
    if seen.bodies:
        where = _side(seen.bodies[0], whole)
        return (
            f"somebody {where} has no face that can be seen (turned away, covered, cut?): outline the person"
        )
    for figure in seen.evidence.figures:
        for shoulder in figure.shoulders:
            near = Roi.of(Extent(1, 1), shoulder).grown(round(0.3 * seen.unit_px)) & whole
            if not near.empty and float(likely[near.within(whole)].max()) < 0.2:
                return "the detectors disagree about where somebody stands: outline the person"
    return ""


def _apart(seen: _Seen, possible: Mask, model: Backdrop, detectors: Detectors) -> Mask:
    """Somebody whom the maps of the whole picture do not see, or a part of somebody."""
    things = backdrop.hard_edged(model.differs(seen.srgb) & ~possible, seen.srgb, ~possible)
    return closer.somebody(detectors, seen.look.picture, things)


def _somebody(seen: _Seen, where: Mask) -> str:
    """Why somebody who is there has to be outlined, or nothing."""
    if not where.any():
        return ""
    x, y, width, height = cv2.boundingRect(where.astype(np.uint8))
    side = _side(Roi(y, x, y + height, x + width), seen.look.roi)
    return f"somebody {side} is cut by the border, or small: outline the person"


def _is_cut(face: Extent) -> bool:
    """Detectors draw squares around faces; what is left of one is narrower."""
    return min(face.height, face.width) < _WHOLE_FACE * face.long_edge


def _side(place: Roi, whole: Roi) -> str:
    middle = (place.x0 + place.x1) / 2 / whole.x1
    return "at the left" if middle < 1 / 3 else "at the right" if middle > 2 / 3 else "in the middle"


def _portrait(
    frame: Frame, master: Extent, seen: _Seen, detectors: Detectors, empty: Frame | None
) -> Reading:
    unit_px = seen.unit_px
    possible = trimap.possible_person(seen.evidence, seen.faces, unit_px)
    whole = seen.look.roi
    for face in seen.faces:
        if not possible[face.roi.within(whole)].any():  # a faint one with nobody around it, beside sure ones
            possible[(face.roi.grown(face.roi.extent.height // 2) & whole).within(whole)] = True
    model = _backdrop_model(seen, possible)
    if empty is not None:
        model = _known_set(frame, seen, possible, empty, model)
    if model.plain_share > _PAPER:
        apart = _apart(seen, possible, model, detectors)
        hers = apart & trimap.touching(apart, grow(possible, round(_BESIDE * unit_px)))
        if doubt := _somebody(seen, apart & ~hers):
            return _all_locked(frame, master, seen, doubt, detectors)
        possible |= hers
    grainy = seen.look.picture.astype(np.float32) / np.float32(255)
    parts = trimap.draw(seen.evidence, possible, model, seen.srgb, seen.faces, unit_px, grainy)
    solved = matte.solve(frame, seen.evidence, parts, model.spread + np.float32(seen.grain), unit_px)
    skin = _enlarged(healable_skin(detectors, seen.look.picture, seen.faces), frame.extent)
    unit_px /= seen.look.scale
    at_plan = zones.draw(solved, skin, unit_px)
    covered = np.where(at_plan == Zone.BACKDROP, 0, np.rint(255 * solved.alpha)).astype(np.uint8)
    readable = ~grow(at_plan != Zone.BACKDROP, zones.margin_px(unit_px))
    record = _record(master, _faces_on(master, seen, detectors), "portrait", "")
    body = _enlarged((seen.evidence.likely > _SEEN) | (seen.evidence.agreed > _SEEN), frame.extent)
    return _reading(record, zones.at_master(at_plan, master), readable, covered, body)


def _set_only(frame: Frame, master: Extent, seen: _Seen, scene: scenes.Scene) -> Reading:
    card = _enlarged(scene.card, frame.extent)
    at_plan = np.where(card, np.uint8(Zone.LOCKED), np.uint8(Zone.BACKDROP))
    at_plan[grow(card, zones.margin_px(seen.unit_px)) & ~card] = Zone.EDGE
    readable = ~grow(card, 2 * zones.margin_px(seen.unit_px))
    record = _record(master, (), scene.kind, scene.reason)
    return _reading(record, zones.at_master(at_plan, master), readable, card.astype(np.uint8) * np.uint8(255))


def _all_locked(frame: Frame, master: Extent, seen: _Seen, reason: str, detectors: Detectors) -> Reading:
    """Nothing may be written; a plain backdrop that reaches the border, away from anybody, may be read."""
    anybody = (seen.evidence.likely > 0.05) | (seen.evidence.agreed > 0.05)
    for face in seen.faces:
        anybody[(face.roi.grown(2 * face.roi.extent.height) & seen.look.roi).within(seen.look.roi)] = True
    near = grow(anybody, round(0.5 * seen.unit_px))
    model = _backdrop_model(seen, near)
    readable = np.zeros_like(near)
    if model.is_plain_set:
        calm = model.plain & ~model.differs(seen.srgb) & ~near
        readable = calm & trimap.touching(calm, calm & _border(seen.look.extent))
        readable = trimap.opened(readable, max(2, round(0.05 * seen.unit_px)))
    record = _record(master, _faces_on(master, seen, detectors), "unsure", reason)
    likely = np.rint(255 * resized(seen.evidence.likely, frame.extent)).astype(np.uint8)
    return _reading(record, _full(master, Zone.LOCKED), _enlarged(readable, frame.extent), likely)


def _unseen(frame: Frame, master: Extent, reason: str) -> Reading:
    nothing = np.zeros((frame.extent.height, frame.extent.width), np.bool_)
    record = _record(master, (), "unsure", reason)
    return _reading(record, _full(master, Zone.LOCKED), nothing, nothing.astype(np.uint8))


def _full(extent: Extent, zone: Zone) -> ZoneMap:
    return np.full((extent.height, extent.width), int(zone), np.uint8)


def _backdrop_model(seen: _Seen, possible: Mask) -> Backdrop:
    anybody = possible | (seen.evidence.agreed > 0.15)
    known = ~grow(anybody, round(0.25 * seen.unit_px))
    forbidden = grow(seen.evidence.likely > 0.3, round(0.04 * seen.unit_px))
    return backdrop.model(seen.srgb, known, forbidden)


def _known_set(frame: Frame, seen: _Seen, possible: Mask, empty: Frame, guessed: Backdrop) -> Backdrop:
    """The backdrop as an empty set shows it, or as it was ``guessed`` where that is not like enough."""
    away = ~grow(possible | (seen.evidence.agreed > 0.15), round(0.25 * seen.unit_px))
    found = register.register(frame, _enlarged(away, frame.extent), empty)
    if found is None:
        return guessed
    linear, reaches = register.sample(found, empty, frame.roi)
    shown = look_at(frame.encoding.encode(linear, 16), frame.encoding).picture.astype(np.float32)
    known = backdrop.without_grain(shown / np.float32(255), seen.grain)
    there = resized(reaches.astype(np.float32), seen.look.extent) > 0.999
    return backdrop.of_empty_set(seen.srgb, known, there, away, guessed)


def _border(extent: Extent) -> Mask:
    out = np.ones((extent.height, extent.width), np.bool_)
    out[2:-2, 2:-2] = False
    return out


def _enlarged(mask: Mask, extent: Extent) -> Mask:
    """Only what is certain after enlarging."""
    size = (extent.width, extent.height)
    full = cv2.resize(mask.astype(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(full == 255, np.bool_)


def _faces_on(master: Extent, seen: _Seen, detectors: Detectors) -> tuple[Face, ...]:
    to_master = master.long_edge / seen.look.extent.long_edge
    faces = (located(detectors, seen.look.picture, face, to_master) for face in seen.faces)
    return tuple(face.model_copy(update={"roi": face.roi & Roi.of(master)}) for face in faces)


def _record(master: Extent, faces: tuple[Face, ...], kind: Kind, reason: str) -> SubjectRecord:
    """The record but for what depends on the zones."""
    return SubjectRecord(
        extent=master,
        kind=kind,
        sure=kind != "unsure",
        reason=reason,
        faces=faces,
        fractions={},
        zones_sha256="",
        versions=deciding_versions(),
    )


def _reading(
    record: SubjectRecord,
    drawn: ZoneMap,
    readable: Mask,
    covered: NDArray[np.uint8],
    body: Mask | None = None,
) -> Reading:
    figures = {"fractions": zones.zone_fractions(drawn), "zones_sha256": zones.zones_sha256(drawn)}
    return Reading(record.model_copy(update=figures), drawn, readable, covered, body)
