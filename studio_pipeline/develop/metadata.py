"""What a file's own metadata says of the exposure. A field that makes no sense is None."""

from __future__ import annotations

import io
import math
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import exifread

from studio_pipeline.develop import orientation, picture, raw, source
from studio_pipeline.errors import StudioError
from studio_pipeline.geometry import Extent
from studio_pipeline.records.capture import Exposure
from studio_pipeline.records.develop import Space

Tags = dict[str, Any]
_DNG_SERIAL = "Image Tag 0xC62F"
_DNG_PREVIEW_SPACES: dict[Any, Space] = {2: "sRGB", 3: "AdobeRGB", 4: "ProPhoto"}
_SERIALS = ("EXIF BodySerialNumber", _DNG_SERIAL, "MakerNote SerialNumber", "MakerNote InternalSerialNumber")
_LENSES = ("EXIF LensModel", "MakerNote LensModel", "MakerNote LensType")


def describe(path: source.AnyPath) -> Exposure:
    """The exposure as the file tells it: extent upright, time with its fraction and, where given, its zone.

    Raises:
        CannotRead, TryAgain: the file cannot be opened; never for what stands in it.
    """
    data = source.read(path)
    tags = read_tags(data)
    extent, turned = _extent(data)
    return Exposure(
        extent=extent,
        captured_at=_captured_at(tags),
        make=_text(tags, "Image Make"),
        camera=_text(tags, "Image Model"),
        serial=_text(tags, *_SERIALS),
        lens=_text(tags, *_LENSES),
        focal_length_mm=_positive(tags, "EXIF FocalLength", "Image FocalLength"),
        iso=_iso(tags),
        exposure_s=_positive(tags, "EXIF ExposureTime", "Image ExposureTime"),
        f_number=_positive(tags, "EXIF FNumber", "Image FNumber"),
        orientation=turned,
    )


def time_and_serial(header: bytes) -> tuple[datetime | None, str | None]:
    """The camera's clock and body serial from the first part of a file; None where it does not say."""
    tags = read_tags(header)
    return _captured_at(tags), _text(tags, *_SERIALS)


def preview_space(data: bytes) -> Space:
    """The space of an embedded JPEG that has no profile: DNG states it, cameras in Adobe RGB mode say R03."""
    tags = _tags(data, maker_notes=False)
    stated = _DNG_PREVIEW_SPACES.get(_first(tags, "Image Tag 0xC71A"))
    index = _text(tags, "Interoperability InteroperabilityIndex")
    return stated or ("AdobeRGB" if index == "R03" else "sRGB")


def read_tags(data: bytes) -> Tags:
    """EXIF by name, values as plain types; maker notes only where the standard tags have no serial."""
    tags = _tags(data, maker_notes=False)
    if not _text(tags, *_SERIALS):
        tags = _tags(data, maker_notes=True) or tags
    return tags


def _tags(data: bytes, maker_notes: bool) -> Tags:
    try:
        tags: Tags = exifread.process_file(
            io.BytesIO(data), details=maker_notes, extract_thumbnail=False, builtin_types=True
        )
        return tags
    except Exception:  # exifread meets damage with whatever its parsing runs into
        return {}


def _extent(data: bytes) -> tuple[Extent | None, int]:
    """Upright, from the decoder's own header: the EXIF of many RAWs gives the preview's size."""
    if source.container(data) not in ("jpeg", "png"):
        with suppress(StudioError), raw.opened(data, "the file") as opened:
            return orientation.upright_extent(opened.extent, opened.orientation), opened.orientation
    with suppress(StudioError):
        stored, turned = picture.header(data, "the file")
        return orientation.upright_extent(stored, turned), turned
    return None, 1


def _captured_at(tags: Tags) -> datetime | None:
    for kind in ("Original", "Digitized", ""):
        text = _text(tags, f"EXIF DateTime{kind}", f"Image DateTime{kind}")
        with suppress(ValueError, TypeError):
            moment = datetime.strptime((text or "").replace("-", ":"), "%Y:%m:%d %H:%M:%S")
            return moment.replace(microsecond=_microseconds(tags, kind), tzinfo=_zone(tags, kind))
    return None


def _microseconds(tags: Tags, kind: str) -> int:
    digits = (_text(tags, f"EXIF SubSecTime{kind}") or "").strip()
    return int(digits[:6].ljust(6, "0")) if digits.isascii() and digits.isdigit() else 0


def _zone(tags: Tags, kind: str) -> timezone | None:
    text = _text(tags, f"EXIF OffsetTime{kind}", "EXIF OffsetTime") or ""
    with suppress(ValueError):
        sign = {"+": 1, "-": -1}.get(text[:1], 0)
        hours, minutes = text[1:].split(":")
        if sign:
            return timezone(sign * timedelta(hours=int(hours), minutes=int(minutes)))
    return None


def _iso(tags: Tags) -> int | None:
    """Above 65534 the classic tag is full, and the exposure index holds the value (EXIF 2.31, annex G)."""
    value = _positive(tags, "EXIF ISOSpeedRatings", "EXIF PhotographicSensitivity")
    if value is None or value >= 65535:
        value = _positive(tags, "EXIF RecommendedExposureIndex", "EXIF StandardOutputSensitivity") or value
    return round(value) if value else None


def _first(tags: Tags, *names: str) -> Any:
    for name in names:
        value = tags.get(name)
        if isinstance(value, list | tuple):
            value = value[0] if value else None
        if value is not None:
            return value
    return None


def _text(tags: Tags, *names: str) -> str | None:
    for name in names:
        value = tags.get(name)
        text = (
            str(value).replace("\0", " ").strip() if value is not None and not isinstance(value, list) else ""
        )
        if text and text.isprintable():
            return text
    return None


def _positive(tags: Tags, *names: str) -> float | None:
    for name in names:
        with suppress(TypeError, ValueError, ZeroDivisionError, OverflowError):
            value = float(_first(tags, name))
            if math.isfinite(value) and value > 0:
                return value
    return None
