"""Rebuildable products of one capture, each under a name that carries its key. Deleting them costs time."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from studio_pipeline import arrays
from studio_pipeline.errors import TryAgain
from studio_pipeline.pixels.masks import ZoneMap
from studio_pipeline.records.subject import SubjectRecord
from studio_pipeline.subject.reading import Reading


@dataclass(frozen=True)
class CaptureCache:
    """The cache folder of one capture."""

    root: Path
    capture_id: str

    @property
    def folder(self) -> Path:
        return self.root / self.capture_id[:2] / self.capture_id

    @property
    def preview(self) -> Path:
        """The picture as it came, an upright sRGB JPEG."""
        return self.folder / "preview.jpg"

    def proposed(self, shown_hash: str) -> Path:
        """The proposal as a small JPEG."""
        return self.folder / f"proposed-{shown_hash[:16]}.jpg"

    def base(self, base_key: str, *, half: bool) -> Path:
        return self.folder / f"base-{base_key[:16]}-{'half' if half else 'full'}"

    def turned(self, base_key: str, turn_key: str, *, half: bool) -> Path:
        """A base that was turned."""
        return self.folder / f"base-{base_key[:16]}-{turn_key[:16]}-{'half' if half else 'full'}"

    def reading(self, key: str) -> Path:
        return self.folder / f"reading-{key[:16]}"

    def scratch(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f".scratch-{secrets.token_hex(6)}"

    def size_bytes(self) -> int:
        return sum(p.stat().st_size for p in self.folder.rglob("*") if p.is_file())


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """A temporary folder that takes ``folder``'s name when the block ends well; the first to finish wins."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temp = folder.parent / f".{folder.name}-{secrets.token_hex(6)}"
    temp.mkdir()
    try:
        yield temp
        with contextlib.suppress(OSError):  # someone else was quicker: the same key, the same bytes
            temp.rename(folder)
    finally:
        shutil.rmtree(temp, ignore_errors=True)


def write_file(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.parent / f".{path.name}-{secrets.token_hex(6)}"
    try:
        temp.write_bytes(data)
        temp.replace(path)
    finally:
        temp.unlink(missing_ok=True)


def save_reading(folder: Path, reading: Reading) -> None:
    with filled(folder) as temp:
        (temp / "subject.json").write_text(reading.record.model_dump_json(), encoding="utf-8")
        np.save(temp / "zones.npy", reading.zones)
        plan = {"backdrop": reading.backdrop, "matte": reading.matte}
        if reading.body is not None:
            plan["body"] = reading.body
        np.savez_compressed(temp / "plan.npz", **plan)


def load_reading(folder: Path) -> Reading:
    """Raises FileNotFoundError when it is not there (any more), TryAgain when it was damaged and is gone."""
    try:
        record = SubjectRecord.model_validate_json((folder / "subject.json").read_text(encoding="utf-8"))
        zones: ZoneMap = arrays.load(folder / "zones.npy", mapped=True)
        with arrays.opened(folder / "plan.npz") as plan:
            return Reading(record, zones, plan["backdrop"], plan["matte"], plan.get("body"))
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:  # a power cut came before the disk
        shutil.rmtree(folder, ignore_errors=True)
        raise TryAgain(f"{folder.name} in the cache was damaged, and is made again") from error


def trim(root: Path, limit_bytes: int, keep: frozenset[str]) -> int:
    """Remove the full-size bases that were used longest ago until the cache fits; returns bytes freed.

    Only what is large and rebuilt by itself goes: previews, readings and plans stay. ``keep`` names captures.
    """
    bases = [p for p in root.glob("??/*/base-*-full") if p.parent.name not in keep]
    sizes = {p: sum(f.stat().st_size for f in p.iterdir()) for p in bases}
    total, freed = sum(sizes.values()), 0
    for path in sorted(bases, key=lambda p: p.stat().st_mtime):
        if total - freed <= limit_bytes:
            break
        shutil.rmtree(path, ignore_errors=True)
        freed += sizes[path]
    return freed


def sweep(root: Path) -> None:
    """Remove what killed workers left under temporary names; call it while nobody works."""
    for left in root.glob("??/*/.*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def touch(path: Path) -> None:
    """Mark as used now."""
    with contextlib.suppress(OSError):
        os.utime(path)
