"""How a base was made: enough to make it again, byte for byte, and to know when that cannot be promised."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from studio_pipeline.geometry import Extent
from studio_pipeline.records.base import Record

Tone = Literal["match-embedded", "neutral"]
Space = Literal["sRGB", "AdobeRGB", "ProPhoto", "P3"]


class DevelopSettings(Record):
    """The preset's ``[develop]`` table."""

    tone: Tone = Field("match-embedded", description="The look: the camera's own JPEG, or a plain curve.")
    working_space: Space = Field("ProPhoto", description="The 16-bit profile that RAW bases are encoded in.")
    highlights: Literal["clip", "blend"] = Field("clip", description="LibRaw's treatment of full channels.")


class Look(Record):
    """A fixed look: ``curve(matrix @ linear)``. Fitted once per capture, then only applied.

    ``matrix`` is row-major 3x3 in linear Rec.2020; ``curve`` samples linear-out at even steps of
    sqrt(linear-in) over [0, 1].
    """

    tone: Tone
    version: int
    matrix: tuple[float, ...]
    curve: tuple[float, ...]
    note: str = Field("", description="Why it is not the look that was asked for.")


class BaseRecord(Record):
    """The base of one capture: where its pixels came from and which code made them."""

    member_sha256: str
    kind: Literal["raw", "tiff", "jpeg", "png"]
    settings: DevelopSettings
    look: Look | None
    extent: Extent
    bits: Literal[8, 16]
    profile_sha256: str
    profile_name: str
    orientation: int = 1
    versions: dict[str, str]
    notes: tuple[str, ...] = ()
