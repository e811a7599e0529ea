"""A small DNG writer: one Bayer mosaic, one JPEG preview, the EXIF that ingest reads (DNG 1.4, TIFF/EP).

IFD0 describes the preview and the camera, its SubIFD the raw picture, as cameras and Adobe's converter do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from studio_pipeline.deliver import ifd
from studio_pipeline.deliver.ifd import Entry, Kind
from studio_pipeline.geometry import Extent

Mosaic = NDArray[np.uint16]

_EXIF, _SUB_IFDS = 34665, 330
_JPEG, _YCBCR, _CFA, _D65 = 7, 6, 32803, 21
_RED, _GREEN, _BLUE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Body:
    """A camera: how it answers to light, and what it calls itself.

    ``xyz_to_camera``: row-major 3x3 under D65, as DNG's ColorMatrix1. Levels are raw codes.
    ``full_well_e`` (at ISO 100) and ``read_noise_e`` are electrons.
    """

    make: str = "Studio Pipeline"
    model: str = "Demo 6"
    serial: str = "SP600042"
    lens: str = "85mm F1.8"
    xyz_to_camera: tuple[float, ...] = (0.94, -0.34, -0.10, -0.50, 1.32, 0.20, -0.09, 0.20, 0.66)
    black: int = 512
    white: int = 16383
    full_well_e: float = 25_000.0
    read_noise_e: float = 3.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One exposure as EXIF tells it. ``neutral``: camera RGB of a neutral, green = 1 (AsShotNeutral)."""

    captured_at: datetime
    iso: int = 100
    exposure_s: float = 1 / 160
    f_number: float = 8.0
    focal_length_mm: float = 85.0
    neutral: tuple[float, float, float] = (0.49, 1.0, 0.61)
    orientation: int = 1

    def image_entries(self, body: Body) -> tuple[Entry, ...]:
        """Fields of the first directory."""
        return (
            ifd.ascii_entry(271, body.make),
            ifd.ascii_entry(272, body.model),
            ifd.short(274, self.orientation),
            ifd.ascii_entry(305, "studio demo"),
            ifd.ascii_entry(306, f"{self.captured_at:%Y:%m:%d %H:%M:%S}"),
            ifd.ascii_entry(33432, "Public domain (portrait: NASA)"),
        )

    def exif_entries(self, body: Body) -> tuple[Entry, ...]:
        """Fields of the EXIF directory, times with hundredths and offset."""
        time = f"{self.captured_at:%Y:%m:%d %H:%M:%S}"
        hundredths = f"{self.captured_at.microsecond // 10_000:02d}"
        return (
            ifd.rational(0x829A, self.exposure_s),
            ifd.rational(0x829D, self.f_number),
            ifd.short(0x8822, 1),  # manual
            ifd.short(0x8827, self.iso),
            Entry(0x9000, Kind.UNDEFINED, b"0232"),
            ifd.ascii_entry(0x9003, time),
            ifd.ascii_entry(0x9004, time),
            ifd.ascii_entry(0x9011, "+00:00"),
            ifd.short(0x9209, 9),  # flash fired, compulsory
            ifd.rational(0x920A, self.focal_length_mm),
            ifd.ascii_entry(0x9291, hundredths),
            ifd.ascii_entry(0xA431, body.serial),
            ifd.ascii_entry(0xA434, body.lens),
        )


def write_dng(mosaic: Mosaic, preview_jpeg: bytes, preview: Extent, shot: Shot, body: Body = Body()) -> bytes:
    """A DNG file of an RGGB mosaic ``(height, width)`` uint16, black and white levels as in ``body``.

    ``preview_jpeg`` is embedded as it is, in the sensor's own orientation like the mosaic.
    """
    pictures = (preview_jpeg + bytes(-len(preview_jpeg) % 2), mosaic.astype("<u2").tobytes())
    directories = _directories(mosaic, len(preview_jpeg), preview, shot, body, 0, 0)
    start = ifd.HEADER_BYTES + len(directories)
    offsets = start, start + len(pictures[0])
    directories = _directories(mosaic, len(preview_jpeg), preview, shot, body, *offsets)
    return ifd.header(ifd.HEADER_BYTES) + directories + pictures[0] + pictures[1]


def _directories(
    mosaic: Mosaic, jpeg_bytes: int, preview: Extent, shot: Shot, body: Body, jpeg_at: int, raw_at: int
) -> bytes:
    first = (
        ifd.long(254, 1),  # a reduced picture
        *_picture(preview, _JPEG, _YCBCR, jpeg_at, jpeg_bytes, samples=3, bits=8),
        *shot.image_entries(body),
        Entry(50706, Kind.BYTE, bytes((1, 4, 0, 0))),
        Entry(50707, Kind.BYTE, bytes((1, 1, 0, 0))),
        ifd.ascii_entry(50708, f"{body.make} {body.model}"),
        ifd.srational(50721, *body.xyz_to_camera),
        ifd.rational(50728, *shot.neutral),
        ifd.ascii_entry(50735, body.serial),
        ifd.short(50778, _D65),
    )
    extent = Extent(*mosaic.shape)
    raw = (
        ifd.long(254, 0),
        *_picture(extent, 1, _CFA, raw_at, mosaic.nbytes, samples=1, bits=16),
        ifd.short(33421, 2, 2),
        Entry(33422, Kind.BYTE, bytes((_RED, _GREEN, _GREEN, _BLUE))),
        Entry(50710, Kind.BYTE, bytes((_RED, _GREEN, _BLUE))),
        ifd.short(50711, 1),  # a rectangular mosaic
        ifd.short(50714, body.black),
        ifd.short(50717, body.white),
    )
    return ifd.chain(first, {_SUB_IFDS: raw, _EXIF: shot.exif_entries(body)}, ifd.HEADER_BYTES)


def _picture(
    extent: Extent, compression: int, photometric: int, at: int, size_bytes: int, *, samples: int, bits: int
) -> tuple[Entry, ...]:
    """The fields every TIFF picture of one strip has."""
    return (
        ifd.long(256, extent.width),
        ifd.long(257, extent.height),
        ifd.short(258, *[bits] * samples),
        ifd.short(259, compression),
        ifd.short(262, photometric),
        ifd.long(273, at),
        ifd.short(277, samples),
        ifd.long(278, extent.height),
        ifd.long(279, size_bytes),
        ifd.short(284, 1),
    )
