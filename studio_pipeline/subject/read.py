"""The subject stage: one frame in, one reading out."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import register
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, Zone, ZoneMap, grow
from studio_pipeline.records.subject import Face, SubjectRecord
from studio_pipeline.subject import backdrop, closer, doubts, matte, scenes, trimap, zones
from studio_pipeline.subject.backdrop import Backdrop, resized
from studio_pipeline.subject.detectors import Detectors, shared
from studio_pipeline.subject.faces import SMALLEST_PX
from studio_pipeline.subject.look import look_at
from studio_pipeline.subject.mesh import located
from studio_pipeline.subject.reading import Reading
from studio_pipeline.subject.seen import Seen, see
from studio_pipeline.subject.skin import healable_skin
from studio_pipeline.versions import deciding_versions

_SEEN = 0.5  # a pixel is somebody's, by the person maps alone
_PAPER = 0.9  # plain share: what stands there is seen, and the person maps can be asked of each thing
_BESIDE = 0.25  # face heights: so near to a person it is a part of them
_NARROWEST = 6  # long edge over short: the person maps see pictures squeezed to a square

Kind = Literal["portrait", "empty-set", "grey-card", "unsure"]


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
    seen = see(frame, detectors)
    if seen.faces:
        doubt = doubts.contradiction(seen)
        if doubt:
            return _all_locked(frame, master, seen, doubt, detectors)
        return _portrait(frame, master, seen, detectors, empty)
    scene = scenes.read_scene(seen.srgb, seen.evidence)
    if scene.kind == "unsure":
        return _all_locked(frame, master, seen, scene.reason, detectors)
    if doubt := doubts.somebody(seen, closer.somebody(detectors, seen.look.picture, scene.things)):
        return _all_locked(frame, master, seen, doubt, detectors)
    return _set_only(frame, master, seen, scene)


def _portrait(frame: Frame, master: Extent, seen: Seen, detectors: Detectors, empty: Frame | None) -> Reading:
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
        if doubt := doubts.somebody(seen, apart & ~hers):
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


def _apart(seen: Seen, possible: Mask, model: Backdrop, detectors: Detectors) -> Mask:
    """Somebody whom the maps of the whole picture do not see, or a part of somebody."""
    things = backdrop.hard_edged(model.differs(seen.srgb) & ~possible, seen.srgb, ~possible)
    return closer.somebody(detectors, seen.look.picture, things)


def _set_only(frame: Frame, master: Extent, seen: Seen, scene: scenes.Scene) -> Reading:
    card = _enlarged(scene.card, frame.extent)
    at_plan = np.where(card, np.uint8(Zone.LOCKED), np.uint8(Zone.BACKDROP))
    at_plan[grow(card, zones.margin_px(seen.unit_px)) & ~card] = Zone.EDGE
    readable = ~grow(card, 2 * zones.margin_px(seen.unit_px))
    record = _record(master, (), scene.kind, scene.reason)
    return _reading(record, zones.at_master(at_plan, master), readable, card.astype(np.uint8) * np.uint8(255))


def _all_locked(frame: Frame, master: Extent, seen: Seen, reason: str, detectors: Detectors) -> Reading:
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


def _backdrop_model(seen: Seen, possible: Mask) -> Backdrop:
    anybody = possible | (seen.evidence.agreed > 0.15)
    known = ~grow(anybody, round(0.25 * seen.unit_px))
    forbidden = grow(seen.evidence.likely > 0.3, round(0.04 * seen.unit_px))
    return backdrop.model(seen.srgb, known, forbidden)


def _known_set(frame: Frame, seen: Seen, possible: Mask, empty: Frame, guessed: Backdrop) -> Backdrop:
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


def _faces_on(master: Extent, seen: Seen, detectors: Detectors) -> tuple[Face, ...]:
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
