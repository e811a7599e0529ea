"""Names for products: everything that decides a pixel is in the key, and nothing else."""

from __future__ import annotations

from studio_pipeline.records.base import digest
from studio_pipeline.records.develop import DevelopSettings
from studio_pipeline.records.entry import Door


def base_key(member_sha256: str, settings: DevelopSettings, versions: dict[str, str]) -> str:
    return digest(
        {"member": member_sha256, "settings": settings.model_dump(mode="json"), "versions": versions}
    )


def reading_key(base: str, door: Door | None) -> str:
    """A reading depends on the base and on what a person said about it, not on who said it when."""
    said = None if door is None else door.model_dump(mode="json", include={"kind", "polygons"})
    return digest({"base": base, "door": said})
