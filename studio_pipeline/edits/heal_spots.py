"""Heal dust, lint and sensor spots on the backdrop: texture from clean backdrop nearby, light from around."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydantic import Field

from studio_pipeline.edits import healing
from studio_pipeline.edits.base import NO_SOURCES, NOTHING_GIVEN, Given, Patch, Source, plan_of
from studio_pipeline.geometry import Point, Roi
from studio_pipeline.pixels import sources
from studio_pipeline.pixels.color import to_lab
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.pixels.spots import Blob, find
from studio_pipeline.records.base import Record
from studio_pipeline.records.hand import Hand, drawn
from studio_pipeline.records.plan import Item, Plan, Refusal, Tier
from studio_pipeline.records.spots import Disc, Round, Spot, SpotsPlan, beside, healings
from studio_pipeline.subject.reading import Reading

_MIN_OUTLIER = 3.5  # at 2 the strongest grain of a whole frame begins to count
_MIN_CONTRAST = 2.0  # L*
_LEAST_RADIUS_PX = 3.0  # at plan scale; smaller limits, in small pictures, cannot be told apart
_KEENEST = 1.5  # of sensitivity: where a person pointed
_RIM_PX = 1.0  # at plan scale: a disc's edge at the master may lie so much further out


class HealSpotsParams(Record):
    """The edit's keys in a preset."""

    max_radius: float = Field(
        0.006, gt=0, le=0.02, description="Largest spot's radius, as a fraction of the long edge."
    )
    sensitivity: float = Field(
        1.0,
        ge=0.25,
        le=1.5,
        description="1.5 finds spots two thirds as strong, 0.5 only those twice as strong.",
    )
    max_count: int = Field(200, ge=0, le=2000, description="Most spots in one frame; the strongest are kept.")
    person_margin: float = Field(
        0.01, ge=0.004, le=0.2, description="Distance kept from the person, as a fraction of the long edge."
    )


class HealSpots:
    """The edit. Detection is ``pixels.spots``, healing ``pixels.poisson``; the body is a ``SpotsPlan``."""

    name = SpotsPlan.EDIT
    title = "Heal dust on the backdrop"
    version = 1
    tier = Tier.BACKDROP_ONLY
    engine = "classical"
    writes: tuple[Zone, ...] = (Zone.BACKDROP,)
    roles: tuple[str, ...] = ()
    params: type[Record] = HealSpotsParams

    def plan(
        self, frame: Frame, reading: Reading, params: HealSpotsParams, seed: int, given: Given = NOTHING_GIVEN
    ) -> Plan:
        """Spots of a frame at plan scale, on backdrop only, away from the person; each an item.

        The hand's ``area``: only spots whose centre lies there, looked for as keenly as can be. ``spare``:
        none that reaches into it. Another try heals from the next likeliest place. ``seed`` has no effect.
        """
        hand, plain = given.hand, healing.plain(frame, reading, params.person_margin)
        refusals: tuple[Refusal, ...] = ()
        if not plain.any():
            reason = reading.record.reason or "no backdrop far enough from the person"
            refusals = (Refusal(where="whole edit", reason=reason),)
        spots, left, left_out = _find_spots(frame, plain, params, hand)
        notes = [f"spots left, too near the border or with no clean backdrop beside: {left_out}"] * bool(
            left_out
        )
        if hand.area and not spots and plain.any():
            notes.append("no spot was found in the area that was drawn")
        return plan_of(
            self,
            params,
            seed,
            hand,
            changes=bool(spots),
            refusals=refusals,
            notes=tuple(notes),
            items=tuple(_item(spot) for spot in spots),
            body=SpotsPlan(spots=spots, left=left).model_dump(mode="json"),
        )

    def render(self, plan: Plan, base: Frame, roi: Roi, sources: Mapping[str, Source] = NO_SOURCES) -> Patch:
        """Healed discs in ``roi``, in linear Rec.2020, in which light adds up.

        Each spot is solved over its own small window whatever ``roi`` is, so tiles agree to the last bit.
        The source is copied pixel for pixel at the base's own scale: its texture is not resampled.
        """
        body = SpotsPlan.model_validate(plan.body)
        return healing.healed(healings(body.spots, body.left, plan.off, base.scale), base, roi)


HEAL_SPOTS = HealSpots()


def _find_spots(
    frame: Frame, plain: Mask, params: HealSpotsParams, hand: Hand
) -> tuple[tuple[Spot, ...], tuple[Round, ...], int]:
    """Spots that can be healed, strongest first, what else lies beside them, and how many have no source."""
    if not plain.any():
        return (), (), 0
    sensitivity = max(params.sensitivity, _KEENEST) if hand.area else params.sensitivity
    lab = to_lab(frame.linear())
    blobs = find(
        lab,
        plain,
        max_radius_px=max(_LEAST_RADIUS_PX, params.max_radius * frame.extent.long_edge),
        min_outlier=_MIN_OUTLIER / sensitivity,
        min_contrast=_MIN_CONTRAST / sensitivity,
    )
    near = sources.Near.of(lab[..., 0], plain, [(b.y, b.x, b.radius_px) for b in blobs])
    spots, rest = list[Spot](), list[Round]()
    kept = set(_asked_for(blobs, hand, frame)[: params.max_count])
    for blob in blobs:
        offset = None
        if blob in kept:
            offset = near.offset(np.array([[blob.y, blob.x]]), blob.radius_px, hand.tries)
        spot = _to_master(blob, offset or (0, 0), frame.scale)
        (rest if offset is None else spots).append(spot)
    left = beside((Round(centre=one.centre, radius_px=one.radius_px) for one in rest), spots, 1 / frame.scale)
    return tuple(spots), left, len(kept) - len(spots)


def _asked_for(blobs: list[Blob], hand: Hand, frame: Frame) -> list[Blob]:
    """Those whose centre lies in the hand's area, where there is one, and that reach into nothing spared."""
    inside_area, spared = (drawn(polygons, frame.roi, frame.scale) for polygons in (hand.area, hand.spare))

    def is_spared(blob: Blob) -> bool:
        disc = Disc(blob.y, blob.x, blob.radius_px + _RIM_PX)
        window = disc.roi & frame.roi
        return bool((spared[window.within(frame.roi)] & disc.mask(window)).any())

    wanted = [b for b in blobs if not hand.area or inside_area[round(b.y), round(b.x)]]
    return [b for b in wanted if not is_spared(b)] if hand.spare else wanted


def _item(spot: Spot) -> Item:
    across_px = round(2 * spot.radius_px)
    said = f"{across_px} px across, differs by {spot.contrast:.1f} L*"
    return Item(id=spot.id, kind="spot", roi=spot.disc(1.0).roi, said=said)


def _to_master(blob: Blob, offset: tuple[int, int], scale: float) -> Spot:
    y, x = (round((place + 0.5) / scale - 0.5) for place in (blob.y, blob.x))
    return Spot(
        id=f"{y}-{x}",
        centre=Point(y, x),
        radius_px=round(blob.radius_px / scale, 1),
        offset=Point(round(offset[0] / scale), round(offset[1] / scale)),
        contrast=round(blob.contrast, 1),
    )
