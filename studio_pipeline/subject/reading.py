"""What the subject stage hands on: the record, the zones, and what may be read as backdrop."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels.masks import Mask, Zone, ZoneMap, resize_zones
from studio_pipeline.pixels.turn import Turn
from studio_pipeline.records.subject import Face, SubjectRecord


@dataclass(frozen=True, eq=False)
class Reading:
    """Who is where in one base.

    ``zones``: ``(H, W)`` uint8 at the master's size; they alone decide what may be *written*.
    ``backdrop``: boolean at plan scale, what is confidently backdrop and may be *read* as light or texture.
    When the reading is unsure every zone is locked, and ``backdrop`` may still hold trusted border areas.
    ``matte``: uint8 at plan scale, 255 = person, or what a person holds or touches.
    ``body``: boolean at plan scale, where the detectors themselves see somebody; None where a person drew the
    lock, or it is not known: then all of the matte is.
    ``turn``: by what all of this was turned; the record still names the zones as they were read.
    """

    record: SubjectRecord
    zones: ZoneMap
    backdrop: Mask
    matte: NDArray[np.uint8]
    body: Mask | None = None
    turn: Turn | None = None

    def turned(self, turn: Turn | None) -> Reading:
        """The same of the turned base, every doubt to the protected side."""
        if turn is None:
            return self
        record = self.record.model_copy(
            update={
                "extent": turn.extent,
                "faces": tuple(_turned(face, turn) for face in self.record.faces),
            }
        )
        body = None if self.body is None else ~turn.sure(~self.body)
        return Reading(
            record, turn.zones(self.zones), turn.sure(self.backdrop), turn.matte(self.matte), body, turn
        )

    def canvas_zones(self, roi: Roi, scale: float) -> ZoneMap:
        """Zones of a canvas region at a scale; ``Zone.NEW`` outside the base."""
        base = Roi.of(self.record.extent).scaled(scale)
        out = np.full((roi.extent.height, roi.extent.width), int(Zone.NEW), np.uint8)
        part = roi & base
        if not part.empty:
            out[part.within(roi)] = self.zones_at(base.extent)[part.within(base)]
        return out

    def zones_at(self, extent: Extent) -> ZoneMap:
        """The base's zones at another size; where several fall on one pixel the most protected wins."""
        if self.zones.shape == (extent.height, extent.width):
            return self.zones
        return resize_zones(self.zones, extent.height, extent.width)

    def at_scale(self, scale: float) -> Reading:
        """The same with its zones brought to a scale once, for who reads them there again and again."""
        return replace(self, zones=self.zones_at(self.record.extent.scaled(scale)))

    def backdrop_at(self, height: int, width: int) -> Mask:
        """The readable backdrop at another size; where reducing, a cell is readable when all of it is."""
        size = (width, height)
        if height >= self.backdrop.shape[0]:
            enlarged = cv2.resize(self.backdrop.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
            return np.asarray(enlarged, np.uint8).view(np.bool_)
        unread = cv2.resize((~self.backdrop).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        return np.asarray(unread == 0, np.bool_)


def _turned(face: Face, turn: Turn) -> Face:
    def point(p: Point) -> Point:
        y, x = turn.place(p.y + 0.5, p.x + 0.5)
        return Point(round(y - 0.5), round(x - 0.5))

    return face.model_copy(
        update={
            "roi": turn.roi(face.roi),
            "eyes": tuple(point(eye) for eye in face.eyes),
            "chin": point(face.chin) if face.chin else None,
        }
    )
