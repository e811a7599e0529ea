"""A capture as the catalog knows it: everything the session has learned and decided about it."""

from __future__ import annotations

import base64
from datetime import datetime

from pydantic import Field

from studio_pipeline.geometry import Point
from studio_pipeline.records.base import Record
from studio_pipeline.records.capture import Exposure, Member, State, shown
from studio_pipeline.records.develop import BaseRecord
from studio_pipeline.records.hand import NOTHING, Hand
from studio_pipeline.records.plan import Item
from studio_pipeline.records.proposal import Proposal
from studio_pipeline.records.subject import SubjectRecord


class Said(Record):
    """Who said something, where, and when."""

    user: str
    host: str
    said_at: datetime


class Door(Said):
    """A person's word on who is in the frame, when detection was unsure."""

    kind: str
    polygons: tuple[tuple[Point, ...], ...] = ()


class Handed(Said):
    """What a person asked of one edit, which of its items they switched off, and which on again or at all.

    One that was taken back is kept, empty, for when that was.
    """

    hand: Hand = NOTHING
    off: tuple[Item, ...] = ()
    on: tuple[Item, ...] = Field((), description="Of those that had been off, be it by the edit itself.")

    @property
    def empty(self) -> bool:
        return self.hand == NOTHING and not self.off and not self.on


class Delivered(Record):
    """One deliverable that stands in ``Output/``; ``path`` is relative to the session."""

    recipe: str
    path: bytes
    sha256: str
    shown_hash: str
    record: str

    @property
    def shown(self) -> str:
        return shown(self.path)

    @property
    def path_b64(self) -> str:
        return base64.b64encode(self.path).decode("ascii")


class Entry(Record):
    """One row of the catalog. ``id`` is the primary member's SHA-256, ``group`` the journal's number.

    ``proposal`` is the outline of the current one (no plan bodies); ``proposal_hash`` names it in full.
    """

    id: str
    group: int
    name: str
    members: tuple[Member, ...]
    copies: tuple[str, ...] = Field((), description="Where the same bytes lie too, as shown.")
    lineage: tuple[str, ...] = Field((), description="Ids it had before: an earlier primary, or its bytes.")
    state: State = State.TAKEN_IN
    reason: str = ""
    arrived_at: datetime
    rating: int | None = None
    picked: bool = False
    reference: bool = Field(
        False, description="Named by a person: frames of the session may be matched to it."
    )
    reference_said: Said | None = Field(None, description="Who named it last, or took that back.")
    label: str | None = None
    exposure: Exposure = Exposure()
    previewed: bool = False
    base_key: str | None = None
    base: BaseRecord | None = None
    subject: SubjectRecord | None = None
    proposal: Proposal | None = None
    proposal_hash: str | None = None
    door: Door | None = None
    people: tuple[str, ...] = Field((), description="Who is in it, as a person named them.")
    consent: str = Field("", description="Under which consent its proposal was made (`Held.key`).")
    sources: dict[str, str] = Field({}, description="Role to base key: what its proposal was made beside.")
    switches: dict[str, bool] = Field({}, description="As a person left them, for when a new base arrives.")
    hands: dict[str, Handed] = Field({}, description="By edit; planned with, whatever the base.")
    unusable: tuple[str, ...] = Field((), description="SHA-256 of exports that could not be read.")
    before_trash: State | None = None
    approved_hash: str | None = None
    stale: bool = False
    delivered: tuple[Delivered, ...] = ()
    failures: dict[str, int] = Field({}, description="Stage to failed tries.")
    revision: int = 0

    @property
    def base_member(self) -> Member:
        """The member whose pixels edits start from: an exported TIFF, else the RAW, else the JPEG."""
        usable = [member for member in self.members if member.sha256 not in self.unusable]
        by_role = {member.role.value: member for member in usable}
        for role in ("tiff", "raw", "jpeg"):
            if role in by_role:
                return by_role[role]
        raise LookupError(f"{self.name} has no picture among its members")
