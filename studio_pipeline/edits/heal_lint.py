"""Heal single specks of lint on plain clothes, each only by a person's word."""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from studio_pipeline.edits import healing
from studio_pipeline.edits.base import NO_SOURCES, NOTHING_GIVEN, Given, Patch, Source, plan_of
from studio_pipeline.edits.skin import skins
from studio_pipeline.edits.sourced import RIM_PX, Ground
from studio_pipeline.geometry import Point, Roi
from studio_pipeline.pixels import sources
from studio_pipeline.pixels.cloth import Head, plain_cloth
from studio_pipeline.pixels.color import Linear, to_lab
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.loose import deep
from studio_pipeline.pixels.masks import Mask, Zone, grow, inside
from studio_pipeline.pixels.metrics import grain_ratio
from studio_pipeline.pixels.retouch import RING_PX, energies, step
from studio_pipeline.pixels.spots import Blob, find, standing_alone
from studio_pipeline.records.base import Record
from studio_pipeline.records.hand import drawn
from studio_pipeline.records.lint import (
    BELOW,
    COUNT_MAX,
    LINT,
    RADIUS_MAX,
    SHARE_MAX,
    STEP_MAX,
    TEXTURE,
    LintPlan,
    is_below,
)
from studio_pipeline.records.plan import Item, Plan, Refusal, Tier
from studio_pipeline.records.spots import Disc, Round, Spot, beside, healings
from studio_pipeline.subject.reading import Reading

_LEAST_FACE_PX = 110  # at plan scale: of a lower face a speck is less than two pixels
_INSIDE = 0.06  # of the face's height: distance kept from all that is not wholly locked
_MIN_OUTLIER, _MIN_CONTRAST = 2.2, 3.0  # over the strongest percent around; L*
_KEENEST = 1.5
_SHINING = 94.0  # L*: brighter specks are metal, glass, sequins
_SPARE_TEXTURE = 0.03  # of the limits on it: the guard reads all discs that are on together
_SPARE_SHARE = 0.9  # of the limit on all discs: the master may round the other way


class HealLintParams(Record):
    """The edit's keys in a preset."""

    sensitivity: float = Field(
        1.0,
        ge=0.5,
        le=1.5,
        description="1.5 finds specks two thirds as strong, 0.5 only twice as strong ones.",
    )
    max_count: int = Field(40, ge=0, le=COUNT_MAX, description="Most specks listed; the strongest are kept.")


class HealLint:
    """The edit. ``pixels.cloth`` says where, ``pixels.spots`` finds; the body is a ``LintPlan``."""

    name = LintPlan.EDIT
    title = "Heal lint on clothes"
    version = 1
    tier = Tier.BOUNDED_RETOUCH
    engine = "classical"
    writes: tuple[Zone, ...] = ()  # no zone as such: its discs say where
    roles: tuple[str, ...] = ()
    params: type[Record] = HealLintParams

    def plan(
        self, frame: Frame, reading: Reading, params: HealLintParams, seed: int, given: Given = NOTHING_GIVEN
    ) -> Plan:
        """Specks on plain cloth below the faces, the strongest first; each an item, and every one off.

        The hand's ``area``: only specks whose centre lies there, looked for as keenly as can be. ``spare``:
        none that reaches into it. Another try heals from the next likeliest place. ``seed`` has no effect.
        """
        heads = tuple(face.roi for face in reading.record.faces)
        reason, spots, notes = _refused(frame, reading), list[Spot](), list[str]()
        left: tuple[Round, ...] = ()
        if not reason:
            cloth = cloth_of(frame, reading)
            reason = (
                "" if cloth.any() else "no cloth is in sight that is surely neither skin, hair nor pattern"
            )
            spots, left, notes = _spots(frame, reading, cloth, params, given)
        items = tuple(_item(spot) for spot in spots)
        return plan_of(
            self,
            params,
            seed,
            given.hand,
            changes=bool(spots),
            refusals=(Refusal(where="whole edit", reason=reason),) if reason else (),
            notes=tuple(notes),
            items=items,
            off=tuple(item.id for item in items),
            body=LintPlan(heads=heads, spots=tuple(spots), left=left).model_dump(mode="json"),
        )

    def render(self, plan: Plan, base: Frame, roi: Roi, sources: Mapping[str, Source] = NO_SOURCES) -> Patch:
        """Healed discs in ``roi``, in linear Rec.2020; tiles agree, as in ``heal_spots``."""
        body = LintPlan.model_validate(plan.body)
        return healing.healed(healings(body.spots, body.left, plan.off, base.scale), base, roi)


HEAL_LINT = HealLint()


def _refused(frame: Frame, reading: Reading) -> str:
    faces = reading.record.faces
    if not faces:
        return reading.record.reason or "no face is in sight: what is skin cannot be told from cloth"
    if len(skins(frame, reading)) < len(faces):
        return "of a face no open skin is in sight: what is skin cannot be told from cloth"
    least = min(face.roi.extent.height for face in faces) * frame.scale
    if least < _LEAST_FACE_PX:
        return f"a face {round(least)} px high at plan scale is too small: at least {_LEAST_FACE_PX}"
    return ""


def cloth_of(frame: Frame, reading: Reading) -> Mask:
    """Where lint may be looked for and healed from, ``(h, w)`` at the frame's scale."""
    whole, shape = frame.roi, (frame.extent.height, frame.extent.width)
    heads = list[Head]()
    for skin in skins(frame, reading):
        open_skin = np.zeros(shape, np.bool_)
        open_skin[skin.window.within(whole)] = skin.open_skin
        heads.append(Head(skin.face.roi.scaled(frame.scale), open_skin))
    if not heads:
        return np.zeros(shape, np.bool_)
    margin_px = round(_INSIDE * max(head.unit_px for head in heads))
    silhouette = inside(reading.canvas_zones(whole, frame.scale), Zone.LOCKED, Zone.HEALABLE)
    inner = grow(below_faces(frame, reading), -margin_px)
    return plain_cloth(frame.linear(), silhouette, inner, heads)


def below_faces(frame: Frame, reading: Reading) -> Mask:
    """Locked, deep inside the silhouettes, and below the face that is nearest, ``(h, w)``."""
    shape = (frame.extent.height, frame.extent.width)
    matte = reading.matte
    if matte.shape != shape:
        matte = np.asarray(cv2.resize(matte, shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    out = inside(reading.canvas_zones(frame.roi, frame.scale), Zone.LOCKED) & deep(matte)
    nearest = np.full(shape, np.inf)
    below = np.zeros(shape, np.bool_)
    y, x = np.ogrid[: shape[0], : shape[1]]
    for face in reading.record.faces:
        roi = face.roi.scaled(frame.scale)
        away = np.hypot(y - (roi.y0 + roi.y1) / 2, x - (roi.x0 + roi.x1) / 2)
        below = np.where(away < nearest, y > roi.y1 + BELOW * roi.extent.height, below)
        nearest = np.minimum(nearest, away)
    return out & below


def _spots(
    frame: Frame, reading: Reading, cloth: Mask, params: HealLintParams, given: Given
) -> tuple[list[Spot], tuple[Round, ...], list[str]]:
    """What can be healed within the limits, the strongest first; what else lies beside it; what was left."""
    hand, linear = given.hand, frame.linear()
    heads = [face.roi for face in reading.record.faces]
    lab, keen = to_lab(linear), max(params.sensitivity, _KEENEST) if given.hand.area else params.sensitivity
    largest_px = RADIUS_MAX * frame.scale * min(head.extent.height for head in heads)
    blobs = find(
        lab,
        cloth,
        max_radius_px=largest_px - 0.5,
        min_outlier=_MIN_OUTLIER / keen,
        min_contrast=_MIN_CONTRAST / keen,
    )
    alone = standing_alone(blobs)
    notes = [f"specks left, for they stand in a row or are the cloth's own: {len(blobs) - len(alone)}"] * (
        len(alone) < len(blobs)
    )
    # As they are written down, in whole pixels of the master: what is judged here is what is healed there.
    written = {blob: _to_master(blob, frame.scale, largest_px) for blob in blobs}
    discs = [spot.disc(frame.scale) for spot in written.values()]
    near = sources.Near.of(lab[..., 0], cloth, [(d.y, d.x, d.radius_px) for d in discs])
    area, spared = (drawn(polygons, frame.roi, frame.scale) for polygons in (hand.area, hand.spare))
    locked = inside(reading.canvas_zones(frame.roi, frame.scale), Zone.LOCKED)
    room, out, left = _SPARE_SHARE * SHARE_MAX * cloth.size, list[Spot](), 0
    for blob in alone:
        spot, disc = written[blob], written[blob].disc(frame.scale)
        window = Disc(disc.y, disc.x, disc.radius_px + RIM_PX).roi & frame.roi
        at = window.within(frame.roi)
        if (hand.area and not area[round(blob.y), round(blob.x)]) or spared[at].any():
            continue
        if len(out) == params.max_count:
            break
        offset = None
        if _is_lint(lab[at], frame.clipped[at], blob, largest_px) and is_below(spot.disc(1.0), heads):
            ground = Ground(linear, cloth, locked, discs, _is_within)
            offsets = near.offsets(np.array([[blob.y, blob.x]]), blob.radius_px)
            offset = ground.source(disc, offsets, hand.tries)
        used = math.pi * disc.radius_px**2
        if offset is None or used > room:
            left += 1
            continue
        room -= used
        there = Point(round(offset[0] / frame.scale), round(offset[1] / frame.scale))
        out.append(spot.model_copy(update={"offset": there}))
    if left:
        notes.append(f"specks left, for no cloth beside them fits, or they shine or are too large: {left}")
    if hand.area and not out:
        notes.append("no lint was found in the area that was drawn")
    listed = {spot.id for spot in out}
    rest = (Round(centre=s.centre, radius_px=s.radius_px) for s in written.values() if s.id not in listed)
    return out, beside(rest, out, RING_PX / frame.scale), notes


def _is_lint(lab: NDArray[np.float32], clipped: Mask, blob: Blob, largest_px: float) -> bool:
    return blob.radius_px <= largest_px and not clipped.any() and float(lab[..., 0].max()) < _SHINING


def _is_within(before: Linear, after: Linear, spot: Mask, around: Mask) -> bool:
    ratio = grain_ratio(*energies(after, spot, around))
    low, high = TEXTURE[0] + _SPARE_TEXTURE, TEXTURE[1] - _SPARE_TEXTURE
    return low <= ratio <= high and step(after, spot, around) <= STEP_MAX


def _to_master(blob: Blob, scale: float, largest_px: float) -> Spot:
    """A disc as far wider as its middle is moved to a whole pixel, but never beyond the limit."""
    exact = [(place + 0.5) / scale - 0.5 for place in (blob.y, blob.x)]
    y, x = (round(place) for place in exact)
    wider = blob.radius_px / scale + math.dist(exact, (y, x))
    return Spot(
        id=f"lint-{y}-{x}",
        centre=Point(y, x),
        radius_px=math.floor(10 * min(wider, largest_px / scale)) / 10,
        offset=Point(0, 0),
        contrast=round(blob.contrast, 1),
    )


def _item(spot: Spot) -> Item:
    said = f"{round(2 * spot.radius_px)} px across, differs by {spot.contrast:.1f} L*"
    return Item(id=spot.id, kind=LINT, roi=spot.disc(1.0).roi, said=said)
