"""Which sides of a frame may be extended, and by how much."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from studio_pipeline.geometry import Extent, Insets
from studio_pipeline.pixels.masks import Mask, grow
from studio_pipeline.records.plan import Refusal
from studio_pipeline.subject.reading import Reading

SIDES = ("top", "left", "bottom", "right")
_CUT_SHARE = 0.006  # of a side's length; less is a sleeve's edge that the matte blurs
_SOLID = 230  # of 255: more than a matte's noise
_HANGS = 0.5  # face heights from what the detectors see: a lock of hair, a sleeve
_THIN = 0.05  # face heights: narrower strips (twice that) which no detector sees are a seam of the matte
_UNIT = 0.12  # of the long edge: a face where none was found
_OPPOSITE = {"top": "bottom", "bottom": "top", "left": "right", "right": "left"}


@dataclass(frozen=True)
class Wanted:
    """Pixels to add on each side after refusals, and what had to be said about it."""

    insets: Insets
    refusals: tuple[Refusal, ...]
    notes: tuple[str, ...]


def blocked(reading: Reading, readable: Mask) -> dict[str, str]:
    """Side to the reason why it may not be extended; a side that is not named is free."""
    person = bodies(reading, readable.shape)
    out = {}
    for side in SIDES:
        strip_of_person = _strip(person, side)
        strip_of_backdrop = _strip(readable, side)
        cut = strip_of_person.any(axis=1)
        if not reading.record.sure:
            if strip_of_backdrop.mean() < 0.98:
                out[side] = "it is not sure that only backdrop touches this side"
        elif cut.mean() > _CUT_SHARE:
            where = np.flatnonzero(cut) / len(cut)
            span = f"{where[0]:.0%} to {where[-1]:.0%}"
            out[side] = f"the frame cuts the person here ({span} of the side); a body is never invented"
        elif strip_of_backdrop.mean() < 0.25:
            out[side] = "too little backdrop is visible at this side to continue it"
    return out


def bodies(reading: Reading, shape: tuple[int, ...]) -> Mask:
    """Where somebody is, hair and sleeves included, ``(h, w)`` of ``shape``; not what stands far from them.

    The matte, not the zones, whose safety margin reaches the border where the body does not; and of the matte
    what the detectors see, or what hangs on that.
    """
    size = (shape[1], shape[0])
    matte = cv2.resize(reading.matte, size, interpolation=cv2.INTER_AREA)
    seen = near_body(reading, shape, 0.0)
    solid = matte > _SOLID
    if reading.body is None or not seen.any():
        return np.asarray(matte > 127, np.bool_)
    _, parts = cv2.connectedComponents((solid | seen).astype(np.uint8), connectivity=8)
    hanging = np.isin(parts, np.unique(parts[seen])) & solid & near_body(reading, shape, _HANGS)
    thin_px = round(_THIN * _unit_px(reading, shape))
    hanging = grow(grow(np.asarray(hanging | seen, np.bool_), -thin_px), thin_px) & hanging
    return np.asarray(((matte > 127) & seen) | hanging, np.bool_)


def near_body(reading: Reading, shape: tuple[int, ...], faces: float) -> Mask:
    """Where the detectors see somebody, and ``faces`` face heights around that; the matte where they are not
    known.
    """
    size = (shape[1], shape[0])
    body = reading.matte > 127 if reading.body is None else reading.body
    seen = cv2.resize(body.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    return grow(np.asarray(seen, np.bool_), round(faces * _unit_px(reading, shape)))


def _unit_px(reading: Reading, shape: tuple[int, ...]) -> float:
    """The height of a face, at a size of the picture."""
    scale = max(shape) / reading.record.extent.long_edge
    heights = [face.roi.extent.height for face in reading.record.faces]
    return scale * (float(np.median(heights)) if heights else _UNIT * reading.record.extent.long_edge)


def _strip(mask: Mask, side: str) -> Mask:
    """The outermost 0.5% (at least 2 px) of a side, ``(length, depth)``."""
    turned = {"top": mask.T, "bottom": mask.T[:, ::-1], "left": mask, "right": mask[:, ::-1]}[side]
    return turned[:, : max(2, round(0.005 * turned.shape[1]))]


def by_pixels(asked: Insets, reasons: dict[str, str]) -> Wanted:
    """Exactly what was asked, less the blocked sides."""
    refused = [side for side in SIDES if getattr(asked, side) and side in reasons]
    kept = {side: 0 if side in refused else getattr(asked, side) for side in SIDES}
    return Wanted(Insets(**kept), tuple(Refusal(where=s, reason=reasons[s]) for s in refused), ())


def by_aspect(extent: Extent, width_over_height: float, preferred: str, reasons: dict[str, str]) -> Wanted:
    """The two sides that lead to the aspect ratio, half each, or all on ``preferred`` if it is one of them.

    A blocked side's share goes to the other.
    """
    wide = round(extent.height * width_over_height) - extent.width
    high = round(extent.width / width_over_height) - extent.height
    pair, missing = (("left", "right"), wide) if wide > 0 else (("top", "bottom"), high)
    if missing <= max(1, 0.002 * (extent.width if wide > 0 else extent.height)):
        return Wanted(Insets(), (), ("the picture already has this format",))
    share = {pair[0]: missing // 2, pair[1]: missing - missing // 2}
    if preferred in pair:
        share = {side: missing if side == preferred else 0 for side in pair}
    refusals, notes = [], []
    for side in pair:
        if side not in reasons or not share[side]:
            continue
        refusals.append(Refusal(where=side, reason=reasons[side]))
        other = _OPPOSITE[side]
        if other not in reasons:
            share[other] = missing
            notes.append(f"all new backdrop goes to the {other}")
        share[side] = 0
    return Wanted(Insets(**share), tuple(refusals), tuple(notes))
