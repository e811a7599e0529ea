"""Heal single blemishes on open skin, each only by a person's word; lasting marks are listed and locked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
from pydantic import Field

from studio_pipeline.edits import healing
from studio_pipeline.edits.base import NO_SOURCES, NOTHING_GIVEN, Given, Patch, Source, plan_of
from studio_pipeline.edits.skin import Skin, skins
from studio_pipeline.edits.sourced import RIM_PX, Ground
from studio_pipeline.geometry import Point, Roi
from studio_pipeline.pixels import sources
from studio_pipeline.pixels.blemishes import Blemish, find
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.pixels.metrics import grain_ratio, tone
from studio_pipeline.pixels.retouch import energies, shift
from studio_pipeline.records.base import Record
from studio_pipeline.records.hand import Hand, drawn
from studio_pipeline.records.plan import Item, Plan, Refusal, Tier
from studio_pipeline.records.retouch import (
    BLEMISH,
    LASTING,
    RADIUS_MAX,
    SHARE_MAX,
    SHIFT_MAX,
    TEXTURE,
    Left,
    SkinPlan,
    SkinSpot,
)
from studio_pipeline.records.spots import Disc, healings
from studio_pipeline.records.subject import Mark
from studio_pipeline.subject.marks import is_known, place_on
from studio_pipeline.subject.reading import Reading

LEAST_FACE_PX = 180
"""At plan scale: a lower face has too few pixels a spot."""
_LOOKED_AT_PX, _AS_IT_IS = 280, 0.75  # a face's height; reduced by less, blur costs more than it helps
_KEENEST = 2.0  # of sensitivity: where a person pointed
_SPARE_SHARE = 0.9  # of the limit on all spots: the master may round the other way


class HealSkinParams(Record):
    """The edit's keys in a preset."""

    sensitivity: float = Field(
        1.0, ge=0.5, le=2.0, description="Higher finds fainter blemishes, and more that are none."
    )
    max_count: int = Field(40, ge=0, le=200, description="Most blemishes listed on one face.")
    max_marks: int = Field(12, ge=0, le=200, description="Most lasting marks listed on one face.")


class HealSkin:
    """The edit. Detection is ``pixels.blemishes``, healing ``pixels.poisson``; the body is a ``SkinPlan``."""

    name = SkinPlan.EDIT
    title = "Heal blemishes on skin"
    version = 2
    tier = Tier.BOUNDED_RETOUCH
    engine = "classical"
    writes: tuple[Zone, ...] = (Zone.HEALABLE,)
    roles: tuple[str, ...] = ()
    params: type[Record] = HealSkinParams

    def plan(
        self, frame: Frame, reading: Reading, params: HealSkinParams, seed: int, given: Given = NOTHING_GIVEN
    ) -> Plan:
        """Blemishes and lasting marks of every face that is large enough; each an item, and every one off.

        The hand's ``area``: only spots whose centre lies there, looked for as keenly as can be. ``spare``:
        none that reaches into it. Another try heals from the next likeliest place. ``seed`` has no effect.
        """
        spots, others, notes = list[SkinSpot](), list[Left](), list[str]()
        faces = skins(frame, reading)
        for skin in faces:
            if skin.face_px < LEAST_FACE_PX:
                high = f"{round(skin.face_px)} px high at plan scale"
                notes.append(f"a face {high} is too small to be judged: at least {LEAST_FACE_PX}")
                continue
            found, rest, said = _spots(frame, skin, params, given)
            spots += found
            others += rest
            notes += said
        if given.hand.area and not spots:
            notes.append("no spot was found in the area that was drawn")
        reason = reading.record.reason or "no open skin of a face is in sight"
        refusals = () if faces else (Refusal(where="whole edit", reason=reason),)
        items = tuple(_item(spot) for spot in spots)
        return plan_of(
            self,
            params,
            seed,
            given.hand,
            changes=bool(spots),
            refusals=refusals,
            notes=tuple(notes),
            items=items,
            off=tuple(item.id for item in items),
            body=SkinPlan(spots=tuple(spots), left=tuple(others)).model_dump(mode="json"),
        )

    def render(self, plan: Plan, base: Frame, roi: Roi, sources: Mapping[str, Source] = NO_SOURCES) -> Patch:
        """Healed discs in ``roi``, in linear Rec.2020; tiles agree, as in ``heal_spots``."""
        body = SkinPlan.model_validate(plan.body)
        patch = healing.healed(healings(body.spots, body.left, plan.off, base.scale), base, roi)
        return Patch(patch.linear, patch.mask & body.healed(plan.off, roi, base.scale))


HEAL_SKIN = HealSkin()


def _near(skin: Skin, spots: list[Blemish]) -> sources.Near:
    """Where clean skin is: without any spot, be it healed or not."""
    discs = [(spot.y, spot.x, spot.radius_px) for spot in spots]
    return sources.Near.of(tone(skin.linear), skin.open_skin, discs)


def _spots(
    frame: Frame, skin: Skin, params: HealSkinParams, given: Given
) -> tuple[list[SkinSpot], list[Left], list[str]]:
    """What can be healed within the limits, then the lasting marks; what else was found; why, in words."""
    keen = max(params.sensitivity, _KEENEST) if given.hand.area else params.sensitivity
    found = [_as_stored(skin, spot, frame.scale) for spot in _found(skin, keen)]
    wanted = set(_asked_for(found, given.hand, frame, skin))
    room = _SPARE_SHARE * SHARE_MAX * np.count_nonzero(skin.open_skin)
    blemishes, marks, rest, left, over = list[SkinSpot](), list[SkinSpot](), list[SkinSpot](), 0, 0
    for spot in found:
        place = _place(skin, spot, frame.scale)
        lasting = not spot.passes or (place is not None and is_known(place, given.marks))
        listed, most = (marks, params.max_marks) if lasting else (blemishes, params.max_count)
        made, area = None, math.pi * spot.radius_px**2
        if spot in wanted and len(listed) < most:
            made = _healable(skin, spot, found, given.hand.tries)
            left, over = left + (made is None), over + (made is not None and room < area)
        is_listed = made is not None and area <= room
        room -= area * is_listed
        (listed if is_listed else rest).append(
            _to_master(skin, spot, made or (0, 0), frame.scale, lasting, place)
        )
    notes = []
    if left:
        notes.append(f"spots left, for no skin beside them fits within the limits: {left}")
    if over:
        notes.append(f"spots left, for all together may cover {SHARE_MAX:.0%} of the skin: {over}")
    others = [Left(centre=spot.centre, radius_px=spot.radius_px, mark=spot.mark) for spot in rest]
    return [*blemishes, *marks], others, notes


def _found(skin: Skin, keen: float) -> list[Blemish]:
    """Looked for at the size that the weights were learned at: larger, pores would be as large as spots."""
    largest_px = RADIUS_MAX * skin.face_px - 0.5  # what a pixel's centre can lie outside
    ratio = _LOOKED_AT_PX / skin.face_px
    if ratio > _AS_IT_IS:
        return find(skin.linear, skin.open_skin, largest_px, keen)
    high, wide = skin.open_skin.shape
    size = (round(wide * ratio), round(high * ratio))
    linear = np.asarray(cv2.resize(skin.linear, size, interpolation=cv2.INTER_AREA), np.float32)
    share = cv2.resize(skin.open_skin.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    ys, xs = high / size[1], wide / size[0]
    return [
        replace(
            spot,
            y=(spot.y + 0.5) * ys - 0.5,
            x=(spot.x + 0.5) * xs - 0.5,
            radius_px=min(largest_px, spot.radius_px / ratio),
        )
        for spot in find(linear, share > 0.999, RADIUS_MAX * skin.face_px * ratio - 0.5, keen)
    ]


def _asked_for(spots: Iterable[Blemish], hand: Hand, frame: Frame, skin: Skin) -> list[Blemish]:
    """Those whose centre lies in the hand's area, where there is one, and that reach into nothing spared."""
    area, spared = (drawn(polygons, skin.window, frame.scale) for polygons in (hand.area, hand.spare))
    shape = Roi(0, 0, *skin.open_skin.shape)
    kept = []
    for spot in spots:
        disc = Disc(spot.y, spot.x, spot.radius_px + RIM_PX)
        window = disc.roi & shape
        if hand.area and not area[round(spot.y), round(spot.x)]:
            continue
        if not (spared[window.within(shape)] & disc.mask(window)).any():
            kept.append(spot)
    return kept


def _healable(skin: Skin, spot: Blemish, all_spots: list[Blemish], tries: int) -> tuple[int, int] | None:
    """The offset of the likeliest source that heals within the limits; None where none does."""
    offsets = _near(skin, all_spots).offsets(np.array([[spot.y, spot.x]]), spot.radius_px, far=True)
    flaws = [Disc(other.y, other.x, other.radius_px) for other in all_spots]
    ground = Ground(skin.linear, skin.open_skin, skin.open_skin, flaws, partial(_is_within, spot.radius_px))
    return ground.source(Disc(spot.y, spot.x, spot.radius_px), offsets, tries)


def _is_within(radius_px: float, before: Linear, after: Linear, spot: Mask, around: Mask) -> bool:
    ratio = grain_ratio(*energies(after, spot, around))
    return TEXTURE[0] <= ratio <= TEXTURE[1] and shift(before, after, spot, radius_px) <= SHIFT_MAX


def _place(skin: Skin, spot: Blemish, scale: float) -> Mark | None:
    y, x = ((place + 0.5) / scale - 0.5 for place in (spot.y + skin.window.y0, spot.x + skin.window.x0))
    return place_on(skin.face, y, x)


def _to_master(
    skin: Skin, spot: Blemish, offset: tuple[int, int], scale: float, lasting: bool, place: Mark | None
) -> SkinSpot:
    y, x = (round((p + 0.5) / scale - 0.5) for p in (spot.y + skin.window.y0, spot.x + skin.window.x0))
    return SkinSpot(
        id=f"{y}-{x}",
        centre=Point(y, x),
        radius_px=round(spot.radius_px / scale, 1),
        offset=Point(round(offset[0] / scale), round(offset[1] / scale)),
        contrast=round(spot.contrast, 1),
        mark=lasting,
        place=place,
    )


def _as_stored(skin: Skin, spot: Blemish, scale: float) -> Blemish:
    """The same to the precision of the plan, so that what is measured here is what will be rendered."""
    y, x = (
        (round((p + 0.5) / scale - 0.5) + 0.5) * scale - 0.5
        for p in (spot.y + skin.window.y0, spot.x + skin.window.x0)
    )
    radius_px = round(spot.radius_px / scale, 1) * scale
    return replace(spot, y=y - skin.window.y0, x=x - skin.window.x0, radius_px=radius_px)


def _item(spot: SkinSpot) -> Item:
    said = f"{round(2 * spot.radius_px)} px across, differs by {spot.contrast:.1f} ΔE"
    if spot.mark:
        return Item(
            id=spot.id, kind=LASTING, roi=spot.disc(1.0).roi, said=f"{said}; locked until switched on"
        )
    return Item(id=spot.id, kind=BLEMISH, roi=spot.disc(1.0).roi, said=said)
