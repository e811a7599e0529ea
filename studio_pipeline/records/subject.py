"""Who is in a frame, as far as the pipeline is sure."""

from __future__ import annotations

from typing import Literal

from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.records.base import Record


class Face(Record):
    """A face in master pixels. ``sources`` names every detector that saw it.

    ``eyes``: the middle of each, the left one in the picture first; empty where they were not found, and in
    readings made before they were looked for. ``chin``: its lowest point, where the face's mesh was found.
    """

    roi: Roi
    score: float
    sources: tuple[str, ...]
    eyes: tuple[Point, ...] = ()
    chin: Point | None = None


class Mark(Record):
    """A place on a face, ``u`` across and ``v`` down.

    0, 0 lies between the eyes, 1, 0 at the one that is on the right of the picture, 0, 1 at the chin.
    """

    u: float
    v: float


class SubjectRecord(Record):
    """The reading of one base.

    ``kind``: a portrait, an empty set, a grey card, or unsure. ``sure`` is False when existing pixels must
    all stay locked until a person decides; ``reason`` then says why. ``zones_sha256`` is the hash of the
    full-resolution zone map's bytes. ``decided_by`` names the person behind a repaint or "nobody here".
    """

    extent: Extent
    kind: Literal["portrait", "empty-set", "grey-card", "unsure"]
    sure: bool
    reason: str
    faces: tuple[Face, ...]
    fractions: dict[str, float]
    zones_sha256: str
    versions: dict[str, str]
    decided_by: str | None = None
