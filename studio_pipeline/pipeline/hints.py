"""What tells namesakes apart: the exposure's time and the body's serial number."""

from __future__ import annotations

from typing import BinaryIO

from hot_folder import ExposureHints, Role

_HEADER_BYTES = 1 << 20  # where cameras keep their EXIF


def read_hints(file: BinaryIO, role: Role) -> ExposureHints:
    """Nothing where the file does not say."""
    from studio_pipeline.develop.metadata import time_and_serial

    if role is Role.SIDECAR:
        return ExposureHints()
    captured_at, serial = time_and_serial(file.read(_HEADER_BYTES))
    return ExposureHints(captured_at.replace(tzinfo=None, microsecond=0) if captured_at else None, serial)
