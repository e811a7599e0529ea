"""What was delivered, and everything needed to prove what it does and does not contain."""

from __future__ import annotations

from datetime import datetime

from studio_pipeline.records.base import Record
from studio_pipeline.records.develop import BaseRecord
from studio_pipeline.records.entry import Door
from studio_pipeline.records.preset import OutputRecipe
from studio_pipeline.records.proposal import Decision, GuardResult, Proposal


class DeliveryRecord(Record):
    """The proof beside one deliverable, kept in ``.studio/records`` and signed with the session's key.

    ``zones_file`` and ``changes_file`` are content-addressed (SHA-256) in the same folder: the zone map,
    and every pixel the edits wrote. The master is the null render with those changes laid in. So is
    ``matte_file``, where an edit exchanged the backdrop's share of edge pixels.
    ``door`` is a person's word on who is in the frame, where detection was unsure.
    ``encoder`` names what, beside the versions, decides the pixels of a lossy file; "" in older records.
    ``pixels_sha256`` covers the deliverable's decoded code values, ``file_sha256`` its bytes.
    """

    capture_id: str
    capture_name: str
    file_name: bytes
    file_sha256: str
    pixels_sha256: str
    recipe: OutputRecipe
    base: BaseRecord
    proposal: Proposal
    decision: Decision
    door: Door | None = None
    guards: tuple[GuardResult, ...]
    zones_file: str
    matte_file: str = ""
    changes_file: str
    versions: dict[str, str]
    platform: str
    encoder: str = ""
    delivered_at: datetime
