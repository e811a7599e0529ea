"""Lower the shine on open skin: its light only, smoothly, so that texture and colour stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from studio_pipeline.edits.base import NO_SOURCES, NOTHING_GIVEN, Given, Patch, Source, plan_of
from studio_pipeline.edits.skin import Skin, skins
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.light import LightGrid
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.pixels.metrics import tone
from studio_pipeline.pixels.shine import chroma_shift
from studio_pipeline.records.base import Record
from studio_pipeline.records.hand import Hand, drawn
from studio_pipeline.records.plan import Item, Plan, Refusal, StoredLight, Tier
from studio_pipeline.records.shine import CHROMA_MAX, LOWERED_MAX, NOTHING, Shine, ShinePlan
from studio_pipeline.subject.reading import Reading

Floats = NDArray[np.float32]

_SMOOTH, _FADE, _CELL = 0.012, 0.035, 0.02  # of the face's height
_CHROMA = 0.85 * CHROMA_MAX
_LEAST_DROP = 1.0  # L*: a place that is lowered by less is not worth a person's look
_LEAST_AREA = 0.001  # of the face's height, squared
_BURNED_OUT = 0.1  # of a place: there is no texture under it


class ReduceShineParams(Record):
    """The edit's keys in a preset."""

    above: float = Field(
        6.0, ge=3, le=40, description="The ceiling: so many L* above the middle of the face's own skin."
    )
    strength: float = Field(0.5, gt=0, le=1, description="How much of what is above it is taken away.")


class ReduceShine:
    """The edit. Its patch is a factor on light; the body is a ``ShinePlan``."""

    name = ShinePlan.EDIT
    title = "Reduce shine on skin"
    version = 1
    tier = Tier.BOUNDED_RETOUCH
    engine = "classical"
    writes: tuple[Zone, ...] = (Zone.HEALABLE,)
    roles: tuple[str, ...] = ()
    params: type[Record] = ReduceShineParams

    def plan(
        self,
        frame: Frame,
        reading: Reading,
        params: ReduceShineParams,
        seed: int,
        given: Given = NOTHING_GIVEN,
    ) -> Plan:
        """Places that shine, the strongest first, each an item, and every one off.

        The hand's ``area``: only places whose middle lies there. ``spare``: nothing is lowered there. Another
        try changes nothing, and ``seed`` has no effect.
        """
        faces, notes, found = skins(frame, reading), list[str](), list[tuple[float, Shine]]()
        for skin in faces:
            burned = 0
            for drop, shine, clipped in _places(frame, skin, params, given.hand):
                if clipped > _BURNED_OUT:
                    burned += 1
                else:
                    found.append((drop, shine))
            notes += [f"shine left, for it is burned out, with no texture under it: {burned}"] * bool(burned)
        found.sort(key=lambda one: -one[0])
        reason = reading.record.reason or "no open skin of a face is in sight"
        items = tuple(
            Item(id=s.id, kind="shine", roi=s.roi, said=f"lowers its light by up to {drop:.1f} L*")
            for drop, s in found
        )
        return plan_of(
            self,
            params,
            seed,
            given.hand,
            changes=bool(found),
            refusals=() if faces else (Refusal(where="whole edit", reason=reason),),
            notes=tuple(notes),
            items=items,
            off=tuple(item.id for item in items),
            body=ShinePlan(places=tuple(s for _, s in found)).model_dump(mode="json"),
        )

    def render(self, plan: Plan, base: Frame, roi: Roi, sources: Mapping[str, Source] = NO_SOURCES) -> Patch:
        """Factors in ``roi``; the gate cuts them to open skin."""
        gain = ShinePlan.model_validate(plan.body).gain(plan.off, roi, base.scale)
        return Patch(np.repeat(gain, 3, axis=2), gain[..., 0] < 1 - NOTHING, gain=True)


REDUCE_SHINE = ReduceShine()


def _places(
    frame: Frame, skin: Skin, params: ReduceShineParams, hand: Hand
) -> Iterator[tuple[float, Shine, float]]:
    """Each connected place: by how much it is lowered (L*), what is stored, and its clipped share."""
    lowered, drop = _lowered(skin, params)
    lowered[drawn(hand.spare, skin.window, frame.scale)] = 0
    area = drawn(hand.area, skin.window, frame.scale)
    clipped = frame.clipped[skin.window.within(frame.roi)]
    count, labels, stats, middles = cv2.connectedComponentsWithStats((lowered > NOTHING).astype(np.uint8))
    for k in range(1, count):
        x, y, width, height, pixels = stats[k]
        here = labels == k
        middle_x, middle_y = (round(float(v)) for v in middles[k])
        strongest = float(drop[here].max())
        if pixels < _LEAST_AREA * skin.face_px**2 or strongest < _LEAST_DROP:
            continue
        if hand.area and not area[middle_y, middle_x]:
            continue
        bounds = Roi(int(y), int(x), int(y + height), int(x + width))
        shine = _stored(frame, skin, np.where(here, lowered, 0).astype(np.float32), bounds)
        bright = here & (drop > 0.5 * strongest)
        yield strongest, shine, float(clipped[bright].mean())


def _lowered(skin: Skin, params: ReduceShineParams) -> tuple[Floats, Floats]:
    """Share of light to be taken away, and the same in L*; ``(h, w)``, fading out towards the border."""
    weight = skin.open_skin.astype(np.float32)
    sigma = max(1.0, _SMOOTH * skin.face_px)
    share = np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3)[..., None]
    low = np.asarray(cv2.GaussianBlur(skin.linear * weight[..., None], (0, 0), sigma) / share, np.float32)
    light = tone(low)
    excess = np.maximum(light - (float(np.median(light[skin.open_skin])) + params.above), 0)
    drop = params.strength * excess * _inwards(skin.open_skin, _FADE * skin.face_px)
    drop = np.asarray(cv2.GaussianBlur(drop, (0, 0), sigma) * _inwards(skin.open_skin, sigma), np.float32)
    gain = np.maximum(_luminance(light - drop) / np.maximum(_luminance(light), 1e-5), 1 - LOWERED_MAX)
    moved = chroma_shift(low, low * gain[..., None])
    gain = gain ** np.minimum(1, _CHROMA / np.maximum(moved, 1e-3))
    drop = light - tone(low * gain[..., None])
    return np.asarray((1 - gain) * weight, np.float32), np.asarray(drop * weight, np.float32)


def _inwards(open_skin: Mask, reach_px: float) -> Floats:
    """0 at the border of the open skin, 1 from ``reach_px`` inside, smoothly."""
    depth = cv2.distanceTransform(open_skin.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    t = np.clip(depth / max(reach_px, 1.0), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _luminance(lightness: Floats) -> Floats:
    """CIE Y of L*."""
    return np.asarray(
        np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness * 27 / 24389), np.float32
    )


def _stored(frame: Frame, skin: Skin, lowered: Floats, bounds: Roi) -> Shine:
    """On a coarse grid, one empty cell around it."""
    cell = max(2, round(_CELL * skin.face_px))
    wide = bounds.grown(2 * cell)
    rows, columns = -(-wide.extent.height // cell), -(-wide.extent.width // cell)
    wide = Roi(wide.y0, wide.x0, wide.y0 + rows * cell, wide.x0 + columns * cell)
    padded = np.zeros((wide.extent.height, wide.extent.width), np.float32)
    part = wide & Roi(0, 0, *lowered.shape)
    padded[part.within(wide)] = lowered[part.within(Roi(0, 0, *lowered.shape))]
    cells = padded.reshape(rows, cell, columns, cell).mean(axis=(1, 3))
    place = wide.shifted(skin.window.y0, skin.window.x0)
    first_y, first_x = ((start + cell / 2) / frame.scale for start in (place.y0, place.x0))
    grid = LightGrid(cells[..., None].astype(np.float32), first_y, first_x, cell / frame.scale)
    roi = Roi(*(round(v / frame.scale) for v in (place.y0, place.x0, place.y1, place.x1)))
    middle_y, middle_x = (roi.y0 + roi.y1) // 2, (roi.x0 + roi.x1) // 2
    return Shine(id=f"{middle_y}-{middle_x}", roi=roi, lowered=StoredLight.of(grid))
