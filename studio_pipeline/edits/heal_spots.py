"""Heal dust, lint and sensor spots on the backdrop: texture from clean backdrop nearby, light from around."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from studio_pipeline.edits.base import NO_SOURCES, NOTHING_GIVEN, Given, Patch, Source
from studio_pipeline.geometry import Point, Roi
from studio_pipeline.pixels.color import to_lab
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, Zone, grow, inside
from studio_pipeline.pixels.poisson import heal
from studio_pipeline.pixels.spots import Blob, find
from studio_pipeline.records.base import Record
from studio_pipeline.records.hand import Hand, drawn
from studio_pipeline.records.plan import Item, Plan, Refusal, Tier
from studio_pipeline.records.spots import Disc, Spot, SpotsPlan
from studio_pipeline.subject.reading import Reading

_MIN_OUTLIER = 3.5  # at 2 the strongest grain of a whole frame begins to count
_MIN_CONTRAST = 2.0  # L*
_LEAST_RADIUS_PX = 3.0  # at plan scale; smaller limits, in small pictures, cannot be told apart
_SOURCE_DIRECTIONS = 16
_LOOK_WEIGHTS = np.array([0.05, 1.0, 0.5])  # healing mends light, so it weighs little
_TEXTURE_SIGMA_PX = 3.0
_KEENEST = 1.5  # of sensitivity: where a person pointed
_RIM_PX = 1.0  # at plan scale: a disc's edge at the master may lie so much further out
_BORDER_PX = 3  # at plan scale: room for the rim of a disc, however a scale rounds it


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
        hand, plain = given.hand, _plain(frame, reading, params)
        refusals: tuple[Refusal, ...] = ()
        if not plain.any():
            reason = reading.record.reason or "no backdrop far enough from the person"
            refusals = (Refusal(where="whole edit", reason=reason),)
        spots, left_out = _find_spots(frame, plain, params, hand)
        notes = [f"spots left, too near the border or with no clean backdrop beside: {left_out}"] * bool(
            left_out
        )
        if hand.area and not spots and plain.any():
            notes.append("no spot was found in the area that was drawn")
        return Plan(
            edit=self.name,
            version=self.version,
            tier=self.tier,
            engine=self.engine,
            seed=seed,
            hand=hand,
            params=params.model_dump(mode="json"),
            changes=bool(spots),
            refusals=refusals,
            notes=tuple(notes),
            items=tuple(_item(spot) for spot in spots),
            body=SpotsPlan(spots=spots).model_dump(mode="json"),
        )

    def render(self, plan: Plan, base: Frame, roi: Roi, sources: Mapping[str, Source] = NO_SOURCES) -> Patch:
        """Healed discs in ``roi``, in linear Rec.2020, in which light adds up.

        Each spot is solved over its own small window whatever ``roi`` is, so tiles agree to the last bit.
        The source is copied pixel for pixel at the base's own scale: its texture is not resampled.
        """
        spots = SpotsPlan.model_validate(plan.body).spots
        linear = np.zeros((roi.extent.height, roi.extent.width, 3), np.float32)
        mask = np.zeros(linear.shape[:2], np.bool_)
        discs = [spot.disc(base.scale) for spot in spots]
        windows = [disc.roi for disc in discs]
        for spot, disc, window in zip(spots, discs, windows, strict=True):
            part = window & roi
            source = window.shifted(round(spot.offset.y * base.scale), round(spot.offset.x * base.scale))
            if spot.id in plan.off or part.empty:
                continue
            # A proxy so small that a spot is less than a pixel may have no room for its rim.
            if not (base.roi.contains(window) and base.roi.contains(source)):
                continue
            # Flaws beside this one must not hold up its membrane, be they healed or not.
            beside = [d for d, w in zip(discs, windows, strict=True) if not (w & window).empty]
            flawed = np.logical_or.reduce([d.mask(window) for d in beside])
            healed = heal(base.linear(window), base.linear(source), flawed)
            written = disc.mask(part)
            linear[part.within(roi)][written] = healed[part.within(window)][written]
            mask[part.within(roi)] |= written
        return Patch(linear, mask)


HEAL_SPOTS = HealSpots()


def _plain(frame: Frame, reading: Reading, params: HealSpotsParams) -> Mask:
    """Backdrop that may be read *and* written, with a margin around everything else, at the frame's scale."""
    zones = reading.canvas_zones(frame.roi, frame.scale)
    plain = reading.backdrop_at(*zones.shape) & inside(zones, Zone.BACKDROP)
    margin_px = math.ceil(params.person_margin * frame.extent.long_edge)
    return grow(plain, -margin_px)


def _find_spots(
    frame: Frame, plain: Mask, params: HealSpotsParams, hand: Hand
) -> tuple[tuple[Spot, ...], int]:
    """The spots that can be healed, strongest first, and how many have no source."""
    if not plain.any():
        return (), 0
    sensitivity = max(params.sensitivity, _KEENEST) if hand.area else params.sensitivity
    lab = to_lab(frame.linear())
    blobs = find(
        lab,
        plain,
        max_radius_px=max(_LEAST_RADIUS_PX, params.max_radius * frame.extent.long_edge),
        min_outlier=_MIN_OUTLIER / sensitivity,
        min_contrast=_MIN_CONTRAST / sensitivity,
    )
    room = _room(plain, blobs)
    texture = lab[..., 0] - cv2.GaussianBlur(lab[..., 0], (0, 0), _TEXTURE_SIGMA_PX)
    spots = []
    kept = _asked_for(blobs, hand, frame)[: params.max_count]
    for blob in kept:
        offset = _source(blob, lab[..., 0], texture, room, hand.tries)
        if offset is not None:
            spots.append(_to_master(blob, offset, frame.scale))
    return tuple(spots), len(kept) - len(spots)


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


def _room(plain: Mask, blobs: list[Blob]) -> NDArray[np.float32]:
    """How far each pixel is from what may not be copied: no backdrop, a spot, or the picture's rim."""
    clean = np.zeros(plain.shape, np.uint8)
    inner = (slice(_BORDER_PX, -_BORDER_PX),) * 2
    clean[inner] = plain[inner]
    for blob in blobs:
        cv2.circle(clean, (round(blob.x), round(blob.y)), math.ceil(blob.radius_px) + 1, (0,), cv2.FILLED)
    return np.asarray(cv2.distanceTransform(clean, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def _source(
    blob: Blob,
    light: NDArray[np.float32],
    texture: NDArray[np.float32],
    room: NDArray[np.float32],
    tries: int,
) -> tuple[int, int] | None:
    """Offset (dy, dx) of the disc nearby whose texture and light are most like those around the spot.

    ``tries``: so many likelier ones were not liked.
    """
    y, x, reach = round(blob.y), round(blob.x), math.ceil(blob.radius_px) + 2
    height, width = room.shape
    if min(y, x, height - 1 - y, width - 1 - x) < blob.radius_px + _BORDER_PX:
        return None
    around = Roi(y, x, y + 1, x + 1).grown(2 * reach) & Roi(0, 0, height, width)
    rows, columns = around.within(Roi(0, 0, height, width))
    ring = room[rows, columns] > 0
    if not ring.any():
        return None
    wanted = _look(light[rows, columns][ring], texture[rows, columns][ring])
    found: list[tuple[float, tuple[int, int]]] = []
    for dy, dx in _offsets(blob.radius_px):
        sy, sx = y + dy, x + dx
        if not (0 <= sy < height and 0 <= sx < width) or room[sy, sx] < reach:
            continue
        disc = (slice(sy - reach + 1, sy + reach), slice(sx - reach + 1, sx + reach))
        unlike = float(np.abs(_look(light[disc], texture[disc]) - wanted) @ _LOOK_WEIGHTS)
        found.append((unlike, (dy, dx)))
    found.sort(key=lambda one: one[0])
    return found[tries % len(found)][1] if found else None


def _look(light: NDArray[np.float32], texture: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean light (L*), and the logarithms of the texture's deviation and of its strongest pixel."""
    strongest = np.abs(texture).max()
    return np.array([light.mean(), np.log(texture.std() + 0.05), np.log(strongest + 0.05)])


def _offsets(radius_px: float) -> Iterator[tuple[int, int]]:
    """Nearest first, none so near that the two discs and their rims meet."""
    for distance in (2 * radius_px + 5, 3 * radius_px + 9, 5 * radius_px + 14):
        for k in range(_SOURCE_DIRECTIONS):
            angle = 2 * math.pi * k / _SOURCE_DIRECTIONS
            yield round(distance * math.sin(angle)), round(distance * math.cos(angle))


def _to_master(blob: Blob, offset: tuple[int, int], scale: float) -> Spot:
    y, x = (round((place + 0.5) / scale - 0.5) for place in (blob.y, blob.x))
    return Spot(
        id=f"{y}-{x}",
        centre=Point(y, x),
        radius_px=round(blob.radius_px / scale, 1),
        offset=Point(round(offset[0] / scale), round(offset[1] / scale)),
        contrast=round(blob.contrast, 1),
    )
