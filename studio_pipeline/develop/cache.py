"""A base in a cache folder: written whole or not at all, read as a memory map."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

import numpy as np

from studio_pipeline import arrays
from studio_pipeline.geometry import Point
from studio_pipeline.pixels import color
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.records.base import Record
from studio_pipeline.records.develop import BaseRecord

_CODES, _CLIPPED, _PROFILE, _RECORD = "codes.npy", "clipped.npy", "profile.icc", "base.json"


class _Kept(Record):
    """What the arrays do not say themselves."""

    base: BaseRecord
    origin_y: int
    origin_x: int
    scale: float


def save_frame(folder: Path, frame: Frame, record: BaseRecord) -> None:
    """Write beside ``folder``, then take its name; what was there before is replaced."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temp = folder.with_name(f".{folder.name}-{secrets.token_hex(6)}")
    temp.mkdir()
    try:
        kept = _Kept(base=record, origin_y=frame.origin.y, origin_x=frame.origin.x, scale=frame.scale)
        np.save(temp / _CODES, np.asarray(frame.codes))
        np.save(temp / _CLIPPED, np.packbits(frame.clipped))
        (temp / _PROFILE).write_bytes(frame.encoding.icc_profile)
        (temp / _RECORD).write_text(kept.model_dump_json(), encoding="utf-8")
        for path in temp.iterdir():
            _flush(path)  # after a power cut a folder with this name holds its pixels, not zeros
        _publish(temp, folder)
    finally:
        shutil.rmtree(temp, ignore_errors=True)


def load_frame(folder: Path) -> tuple[Frame, BaseRecord]:
    """The frame, its codes read from the disk as they are touched.

    Raises:
        FileNotFoundError: it is not there, or not whole: make it again.
    """
    try:
        kept = _Kept.model_validate_json((folder / _RECORD).read_text(encoding="utf-8"))
        codes = arrays.load(folder / _CODES, mapped=True)
        packed = arrays.load(folder / _CLIPPED)
        profile = (folder / _PROFILE).read_bytes()
        height, width = codes.shape[:2]
        clipped = np.unpackbits(packed, count=height * width).reshape(height, width).view(np.bool_)
        origin = Point(kept.origin_y, kept.origin_x)
        return Frame(codes, color.from_profile(profile), clipped, origin, kept.scale), kept.base
    except (OSError, ValueError) as error:
        raise FileNotFoundError(f"no whole base in {folder}: {error}") from error


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _publish(temp: Path, folder: Path) -> None:
    if folder.exists():
        old = folder.with_name(f".{folder.name}-{secrets.token_hex(6)}")
        folder.rename(old)
        shutil.rmtree(old, ignore_errors=True)
    temp.rename(folder)
