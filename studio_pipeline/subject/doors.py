"""The ways on when detection is unsure or wrong: outline the person, or say who is here: nobody, somebody."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.errors import Refused
from studio_pipeline.pixels.masks import Mask, Zone, ZoneMap, grow
from studio_pipeline.records.subject import Face
from studio_pipeline.subject import zones
from studio_pipeline.subject.reading import Reading

_EDGE_BAND = 0.004  # of the long edge, where no face gives a measure


def repaint(reading: Reading, locked: Mask, by: str) -> Reading:
    """Exactly what a person painted is locked; a band around it is edge, everything else backdrop.

    Args:
        locked: ``(H, W)`` boolean at the master's size, True = locked.
        by: the name that is recorded.

    Raises:
        Refused: nothing is painted, or the mask has another size than the picture.
    """
    by = _named(by)
    if locked.shape != reading.zones.shape:
        raise Refused(
            f"the painted lock is {locked.shape}, the picture {reading.zones.shape}: paint it on this picture"
        )
    if not locked.any():
        raise Refused("nothing is painted as locked: if nobody is in the picture, say 'nobody here'")
    heights = [face.roi.extent.height for face in reading.record.faces]
    long_edge = reading.record.extent.long_edge
    band_px = zones.margin_px(float(np.median(heights))) if heights else max(2, round(_EDGE_BAND * long_edge))
    drawn = np.full(locked.shape, int(Zone.BACKDROP), np.uint8)
    drawn[grow(locked, band_px)] = Zone.EDGE
    drawn[locked] = Zone.LOCKED
    # Over the band the person's coverage falls off evenly, at whatever scale the plan is made.
    distance = cv2.distanceTransform((~locked).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    coverage = np.clip(1 - distance / (band_px + 1), 0, 1).astype(np.float32)
    coverage[drawn == Zone.BACKDROP] = 0
    reason = f"the lock was painted by {by}"
    return _decided(
        reading, drawn, coverage, kind="portrait", reason=reason, by=by, faces=reading.record.faces
    )


def nobody_here(reading: Reading, by: str) -> Reading:
    """All of it is backdrop, on a person's word; ``by`` is the name that is recorded."""
    by = _named(by)
    drawn = np.full(reading.zones.shape, int(Zone.BACKDROP), np.uint8)
    empty = np.zeros(reading.zones.shape, np.float32)
    return _decided(
        reading, drawn, empty, kind="empty-set", reason=f"nobody here, says {by}", by=by, faces=()
    )


def somebody_here(reading: Reading, by: str) -> Reading:
    """Against a reading that found nobody: everything is locked until the person is outlined."""
    by = _named(by)
    locked = np.full(reading.zones.shape, int(Zone.LOCKED), np.uint8)
    decision = {
        "kind": "unsure",
        "sure": False,
        "reason": f"somebody is here, says {by}: outline the person",
        "decided_by": by,
        "fractions": zones.zone_fractions(locked),
        "zones_sha256": zones.zones_sha256(locked),
    }
    record = reading.record.model_copy(update=decision)
    return Reading(record, locked, reading.backdrop, reading.matte)


def _named(by: str) -> str:
    if not by.strip():
        raise Refused("say who decides this: the name is recorded")
    return by.strip()


def _decided(
    reading: Reading,
    drawn: ZoneMap,
    coverage: NDArray[np.float32],
    *,
    kind: Literal["portrait", "empty-set"],
    reason: str,
    by: str,
    faces: tuple[Face, ...],
) -> Reading:
    """A reading that a person answers for; ``coverage`` is the matte at the master's size, 0..1."""
    size = (reading.backdrop.shape[1], reading.backdrop.shape[0])
    matte = np.rint(255 * cv2.resize(coverage, size, interpolation=cv2.INTER_AREA)).astype(np.uint8)
    protected = (drawn != Zone.BACKDROP).astype(np.float32)
    readable = cv2.resize(protected, size, interpolation=cv2.INTER_AREA) == 0
    decision = {
        "kind": kind,
        "sure": True,
        "reason": reason,
        "faces": faces,
        "decided_by": by,
        "fractions": zones.zone_fractions(drawn),
        "zones_sha256": zones.zones_sha256(drawn),
    }
    return Reading(reading.record.model_copy(update=decision), drawn, readable, matte)
