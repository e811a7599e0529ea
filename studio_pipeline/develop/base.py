"""Develop: a capture's file to its base, and to the first preview on the page."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studio_pipeline.develop import embedded, look, match, orientation, pairing, picture, raw, source
from studio_pipeline.develop.container import check_complete
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.pixels.frame import Frame, any_reduced, clipped_in_file, plan_scale
from studio_pipeline.records.capture import Role
from studio_pipeline.records.develop import BaseRecord, DevelopSettings, Look
from studio_pipeline.versions import deciding_versions

PREVIEW_QUALITY = 88
_SMALLEST_PREVIEW_PX = 640  # a camera's JPEG below this is an icon


def develop(
    path: source.AnyPath,
    role: Role,
    settings: DevelopSettings,
    *,
    half: bool,
    look: Look | None = None,
) -> tuple[Frame, BaseRecord]:
    """Make a base.

    Args:
        path: the member's file; bytes for names that are not UTF-8.
        role: RAW goes through LibRaw; every other role is read as the picture that the file is.
        settings: the preset's ``[develop]`` table; only RAWs depend on it.
        half: at plan scale instead of full size. The record is the same for both.
        look: a look fitted before, to be applied as it is. None fits (or states) it now.

    Returns:
        The frame: uint16 in ``settings.working_space`` from a RAW; a picture's own code values in its own
        profile; upright. The record: its ``extent`` is the master's whatever ``half`` says.

    Raises:
        CannotRead: damaged, misnamed, too small, or a kind of picture without an exact way into a base.
        NeedsTiff: a camera's RAW that LibRaw does not know.
        TryAgain: the file cannot be read now.
    """
    name, data = source.name_of(path), source.read(path)
    if role is Role.RAW:
        return _develop_raw(data, name, settings, half, look)
    return _develop_picture(data, name, settings, half)


def embedded_preview(path: source.AnyPath, role: Role, long_edge_px: int = 2048) -> bytes:
    """An upright sRGB JPEG for the page, as soon as a file is there.

    A RAW's own JPEG where it has a usable one, else a half-size rendering with the neutral look. Raises as
    ``develop`` does.
    """
    name, data = source.name_of(path), source.read(path)
    if role is not Role.RAW:
        base = picture.read(data, name)
        codes = orientation.upright(embedded.reduced(base.codes, long_edge_px), base.orientation)
        return _srgb_jpeg(codes, base.encoding)
    with raw.opened(data, name) as opened:
        camera = embedded.read(opened, long_edge_px)
        if camera is not None and max(camera.codes.shape) >= min(long_edge_px, _SMALLEST_PREVIEW_PX):
            return _srgb_jpeg(camera.codes, camera.encoding)
        sensor, _ = opened.linear_reduced(DevelopSettings())
        turned = opened.orientation
    working = color.named("ProPhoto")
    codes = orientation.upright(look.apply(sensor, look.neutral(), working), turned)
    return _srgb_jpeg(embedded.reduced(codes, long_edge_px), working)


def _develop_raw(
    data: bytes, name: str, settings: DevelopSettings, half: bool, fixed: Look | None
) -> tuple[Frame, BaseRecord]:
    encoding = color.named(settings.working_space)
    check_complete(data, name)
    with raw.opened(data, name) as opened:
        picture.check_extent(opened.extent, name)
        turned = opened.orientation
        if half or fixed is None:
            sensor, full = opened.linear_reduced(settings)
            clipped = any_reduced(opened.clipped(full), Extent(*sensor.shape[:2]))
            fixed = fixed or _look(opened, settings, sensor, clipped)
        if not half:
            sensor = opened.linear(settings)
            full = Extent(*sensor.shape[:2])
            clipped = opened.clipped(full)
    codes = look.apply(sensor, fixed, encoding)
    del sensor  # a master's worth of memory, before the turned copy is made
    codes = orientation.upright(codes, turned)
    clipped = orientation.upright(clipped, turned) | clipped_in_file(codes)
    extent = orientation.upright_extent(full, turned)
    record = BaseRecord(
        kind="raw",
        look=fixed,
        extent=extent,
        bits=16,
        orientation=turned,
        versions=deciding_versions() | {"libraw": raw.LIBRAW_VERSION},
        notes=(fixed.note,) if fixed.note else (),
        **_origin(data, settings, encoding),
    )
    return Frame(codes, encoding, clipped, scale=plan_scale(extent) if half else 1.0), record


def _develop_picture(
    data: bytes, name: str, settings: DevelopSettings, half: bool
) -> tuple[Frame, BaseRecord]:
    base = picture.read(data, name)
    codes = base.upright
    frame = Frame(codes, base.encoding, clipped_in_file(codes))
    record = BaseRecord(
        kind=base.kind,
        look=None,
        extent=frame.extent,
        bits=8 if codes.dtype == np.uint8 else 16,
        orientation=base.orientation,
        versions=deciding_versions(),
        notes=base.notes,
        **_origin(data, settings, base.encoding),
    )
    return (frame.at_scale(plan_scale(frame.extent)) if half else frame), record


def _look(
    opened: raw.RawFile, settings: DevelopSettings, sensor: NDArray[np.uint16], clipped: NDArray[np.bool_]
) -> Look:
    """The look of the preset; where the camera's JPEG cannot be matched, the neutral one and the reason."""
    headroom = opened.headroom(settings)
    if settings.tone == "neutral":
        return look.neutral(headroom)
    camera = embedded.read(opened, pairing.LONG_EDGE_PX)
    if camera is None:
        return look.neutral(headroom, "neutral look: there is no embedded JPEG to match")
    turned = opened.orientation
    try:
        return match.fit(
            orientation.upright(sensor, turned),
            orientation.upright(clipped, turned),
            camera.codes,
            camera.encoding,
        )
    except pairing.BadMatch as reason:
        return look.neutral(headroom, f"neutral look: {reason}")


def _origin(data: bytes, settings: DevelopSettings, encoding: RgbEncoding) -> dict[str, Any]:
    """What every record says in the same way."""
    return {
        "member_sha256": hashlib.sha256(data).hexdigest(),
        "settings": settings,
        "profile_sha256": hashlib.sha256(encoding.icc_profile).hexdigest(),
        "profile_name": encoding.name,
    }


def _srgb_jpeg(codes: Codes, encoding: RgbEncoding) -> bytes:
    srgb = color.named("sRGB")
    out = io.BytesIO()
    shown = np.ascontiguousarray(color.convert(codes, encoding, srgb, 8))
    Image.fromarray(shown).save(out, "JPEG", quality=PREVIEW_QUALITY, icc_profile=srgb.icc_profile)
    return out.getvalue()
