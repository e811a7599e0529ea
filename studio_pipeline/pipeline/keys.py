"""Names for products: everything that decides a pixel is in the key, and nothing else."""

from __future__ import annotations

from dataclasses import asdict

from studio_pipeline.pixels.turn import Turn
from studio_pipeline.records.base import digest
from studio_pipeline.records.develop import DevelopSettings
from studio_pipeline.records.entry import Door
from studio_pipeline.records.subject import SubjectRecord


def base_key(member_sha256: str, settings: DevelopSettings, versions: dict[str, str]) -> str:
    return digest(
        {"member": member_sha256, "settings": settings.model_dump(mode="json"), "versions": versions}
    )


def reading_key(base: str, door: Door | None, empty_set: str = "") -> str:
    """A reading depends on the base, on what a person said about it (not on who said it when), and on the
    base of the empty set that it was read beside.
    """
    said = None if door is None else door.model_dump(mode="json", include={"kind", "polygons"})
    return digest({"base": base, "door": said} | ({"empty": empty_set} if empty_set else {}))


def turn_key(turn: Turn, subject: SubjectRecord | None = None) -> str:
    """Of a base that is turned, or of the reading of one."""
    return digest({"turn": asdict(turn), "subject": subject.digest() if subject else None})
