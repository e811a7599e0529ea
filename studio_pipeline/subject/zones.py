"""From matte and skin to the four zones, first at plan scale and then at the master's size."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

from studio_pipeline.geometry import Extent
from studio_pipeline.pixels.masks import Mask, Zone, ZoneMap, grow
from studio_pipeline.subject.matte import Matte

_OPAQUE, _CLEAR = 0.98, 0.02
_LEANING = 0.25  # the detectors would rather call it the person's
_NAMED = (Zone.LOCKED, Zone.HEALABLE, Zone.EDGE, Zone.BACKDROP)


def margin_px(unit_px: float) -> int:
    """The safety margin around a person whose face is ``unit_px`` high, in the same pixels."""
    return max(2, round(0.02 * unit_px))


def draw(matte: Matte, skin: Mask, unit_px: float) -> ZoneMap:
    """The zones at the matte's own scale, ``(h, w)`` uint8.

    A doubtful pixel is locked when it is opaque, when colour could not tell and the detectors lean to the
    person, or when both lean to the person; else it is edge where the matte has anything of the person, or
    where the person maps would rather see one, whatever its colour says. The margin around both is edge,
    and so is the lock's outermost pixel where colour can tell what is whose.
    """
    told, alpha, likely, unknown = matte.measured > 0.5, matte.alpha, matte.likely, matte.parts.unknown
    side = 2 * round(0.1 * unit_px) + 1
    deep = cv2.erode((matte.parts.person | unknown).view(np.uint8), np.ones((side, side), np.uint8)) > 0
    opaque = (alpha >= _OPAQUE) | (~told & (likely > _LEANING)) | (deep & (likely > 0.5) & (alpha > 0.5))
    locked = matte.parts.person | (unknown & opaque)
    some = (np.maximum(alpha, matte.cautious) > _CLEAR) | (matte.mapped > _LEANING)
    soft = _held(unknown & some, locked, unit_px)
    # The outermost pixel is several of the master's, some partly backdrop: the edge's law can tell.
    locked &= ~(grow(~locked, 1) & told)
    zones = np.full(alpha.shape, int(Zone.BACKDROP), np.uint8)
    zones[grow(locked | soft, margin_px(unit_px))] = Zone.EDGE
    zones[locked] = Zone.LOCKED
    zones[skin & locked] = Zone.HEALABLE
    return zones


def _held(soft: Mask, locked: Mask, unit_px: float) -> Mask:
    """Without grains of noise: specks that touch no locked pixel and are smaller than a lock of hair."""
    together = (soft | grow(locked, 1)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(together, connectivity=8)
    kept = stats[:count, cv2.CC_STAT_AREA] > (0.06 * unit_px) ** 2
    kept[np.unique(labels[locked])] = True
    kept[0] = False
    return np.asarray(soft & kept[labels], np.bool_)


def at_master(zones: ZoneMap, master: Extent) -> ZoneMap:
    """Enlarge smoothly: backdrop and healable skin end where they are not certain, the lock where it ends.

    Around the lock lies edge, as at plan scale. Were the lock to grow instead, it would hold a rim of the old
    backdrop that no edit may exchange: a halo.
    """
    if zones.shape == (master.height, master.width):
        return zones.copy()
    size = (master.width, master.height)

    def reaches(mask: Mask, share: int) -> Mask:
        enlarged = cv2.resize(mask.astype(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(enlarged >= share, np.bool_)

    out = np.full((master.height, master.width), int(Zone.BACKDROP), np.uint8)
    out[reaches(zones != Zone.BACKDROP, 1)] = Zone.EDGE
    person = (zones == Zone.LOCKED) | (zones == Zone.HEALABLE)
    cells = cv2.resize(person.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    out[reaches(person, 128) | cells] = Zone.LOCKED
    if (zones == Zone.HEALABLE).any():
        out[reaches(zones == Zone.HEALABLE, 255)] = Zone.HEALABLE
    return out


def zone_fractions(zones: ZoneMap) -> dict[str, float]:
    """Each zone's share of the picture, under its name in small letters; they add up to 1."""
    counts = cv2.calcHist([zones], [0], None, [256], [0, 256]).ravel()
    return {zone.name.lower(): float(counts[zone]) / zones.size for zone in _NAMED}


def zones_sha256(zones: ZoneMap) -> str:
    """The hash by which records name a zone map."""
    return hashlib.sha256(np.ascontiguousarray(zones).data).hexdigest()
