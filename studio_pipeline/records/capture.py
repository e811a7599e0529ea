"""A capture, its members, and what each of them says about the exposure."""

from __future__ import annotations

import base64
import re
from datetime import datetime
from enum import StrEnum

from studio_pipeline.geometry import Extent
from studio_pipeline.records.base import Record

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


class Role(StrEnum):
    RAW = "raw"
    TIFF = "tiff"
    JPEG = "jpeg"
    SIDECAR = "sidecar"


class State(StrEnum):
    TAKEN_IN = "taken-in"
    DEVELOPED = "developed"
    PROPOSED = "proposed"
    NEEDS_A_PERSON = "needs-a-person"
    WAITING_FOR_TIFF = "waiting-for-tiff"
    APPROVED = "approved"
    REJECTED = "rejected"
    DELIVERED = "delivered"
    WITHDRAWN = "withdrawn"
    QUARANTINED = "quarantined"
    PURGED = "purged"


class Member(Record):
    """One file of a capture, read-only. ``path`` is bytes, relative to the session folder."""

    path: bytes
    role: Role
    sha256: str
    size_bytes: int

    @property
    def shown(self) -> str:
        return shown(self.path)

    @property
    def path_b64(self) -> str:
        return base64.b64encode(self.path).decode("ascii")


class Exposure(Record):
    """What a file's own metadata says; every field may be missing."""

    extent: Extent | None = None
    captured_at: datetime | None = None
    make: str | None = None
    camera: str | None = None
    serial: str | None = None
    lens: str | None = None
    focal_length_mm: float | None = None
    iso: int | None = None
    exposure_s: float | None = None
    f_number: float | None = None
    orientation: int = 1


def shown(path: bytes) -> str:
    """A file name for people and JSON: what is not UTF-8, or steers a terminal, is escaped, never lost."""
    text = path.decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


# The primary member names the capture; a TIFF export of a RAW becomes its base, not its primary.
PRIMARY_ORDER = (Role.RAW, Role.TIFF, Role.JPEG)


def primary(members: list[Member]) -> Member | None:
    """The member whose SHA-256 is the capture's id: RAW, else TIFF, else JPEG; None if only sidecars."""
    for role in PRIMARY_ORDER:
        for member in members:
            if member.role is role:
                return member
    return None
