"""EXIF carried from a capture into its deliverables.

What says who, when, where and how is kept; what would be untrue of the new file (orientation, dimensions,
thumbnails, maker notes with their absolute offsets) is not. EXIF 3.0 (CIPA DC-008-2023).
"""

from __future__ import annotations

import io
import logging
import struct
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from studio_pipeline.deliver import ifd
from studio_pipeline.deliver.ifd import Entry, Kind
from studio_pipeline.geometry import Extent

EXIF_POINTER, GPS_POINTER = 34665, 34853

# Description, make, model, software, times, artist, copyright.
_KEPT_IMAGE = frozenset({270, 271, 272, 305, 306, 315, 33432})
# Exposure, f-number, program, sensitivity, times with subseconds and offset, shutter, aperture, bias,
# metering, light source, flash, focal length, white balance and the like, image id, owner, serial, lens.
_KEPT_EXIF = frozenset(
    {
        0x829A, 0x829D, 0x8822, 0x8827, 0x8830, 0x8831, 0x8832, 0x8833, 0x9003, 0x9004, 0x9010, 0x9011,
        0x9012, 0x9201, 0x9202, 0x9203, 0x9204, 0x9205, 0x9206, 0x9207, 0x9208, 0x9209, 0x920A, 0x9286,
        0x9290, 0x9291, 0x9292, 0xA300, 0xA401, 0xA402, 0xA403, 0xA404, 0xA405, 0xA406, 0xA407, 0xA408,
        0xA409, 0xA40A, 0xA40C, 0xA420, 0xA430, 0xA431, 0xA432, 0xA433, 0xA434, 0xA435,
    }
)  # fmt: skip
_KEPT_GPS = frozenset(range(32))
_SERIAL, _DNG_SERIAL = 0xA431, 0xC62F
_HEAD_BYTES = 2**16
_LONGEST_VALUE_BYTES = 4096
_SRGB, _UNCALIBRATED = 1, 65535


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a deliverable says about its capture. ``xmp`` is a packet, written as it is."""

    image: tuple[Entry, ...] = ()
    exif: tuple[Entry, ...] = ()
    gps: tuple[Entry, ...] = ()
    xmp: bytes | None = None

    def for_output(self, space: str) -> Metadata:
        """As it is true of a new file of upright pixels: orientation 1, the colour space."""
        image = (*self.image, ifd.short(274, 1))
        exif = (
            *self.exif,
            Entry(0x9000, Kind.UNDEFINED, b"0232"),
            Entry(0xA000, Kind.UNDEFINED, b"0100"),
            ifd.short(0xA001, _SRGB if space == "sRGB" else _UNCALIBRATED),
        )
        return replace(self, image=image, exif=exif)

    def for_jpeg(self, extent: Extent, space: str) -> Metadata:
        """The same, with what EXIF asks of a compressed picture: its size, resolution and components."""
        told = self.for_output(space)
        image = (ifd.rational(282, 300), ifd.rational(283, 300), ifd.short(296, 2), ifd.short(531, 1))
        exif = (
            Entry(0x9101, Kind.UNDEFINED, bytes((1, 2, 3, 0))),
            ifd.long(0xA002, extent.width),
            ifd.long(0xA003, extent.height),
        )
        return replace(told, image=told.image + image, exif=told.exif + exif)

    def exif_block(self) -> bytes:
        """The payload of a JPEG's APP1 segment: ``Exif``, a TIFF header, the directories."""
        body = ifd.chain(self.image, {EXIF_POINTER: self.exif, GPS_POINTER: self.gps}, ifd.HEADER_BYTES)
        return b"Exif\0\0" + ifd.header(ifd.HEADER_BYTES) + body


_COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


def generated_in_part(told: Metadata) -> Metadata:
    """The same, with the word that a model made a part of the picture (IPTC 2022.1, DigitalSourceType)."""
    packet = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"<Iptc4xmpExt:DigitalSourceType>{_COMPOSITE}</Iptc4xmpExt:DigitalSourceType>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="w"?>'
    )
    return replace(told, xmp=packet.encode("utf-8"))


def read(file: BinaryIO) -> Metadata:
    """The EXIF of a member: TIFF-based RAW, CR3, RAF, TIFF, JPEG, PNG; empty when there is none.

    Never raises for what the file holds: a deliverable is not held up by a damaged tag.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    if head[4:11] == b"ftypcrx":
        return _from_cr3(head)
    if head.startswith(b"FUJIFILMCCD-RAW"):
        file.seek(int.from_bytes(head[84:88], "big"))
        file = io.BytesIO(file.read(int.from_bytes(head[88:92], "big")))
    tags = _tags(file)
    image = _directory(tags, "Image ", _KEPT_IMAGE)
    exif = _directory(tags, "EXIF ", _KEPT_EXIF)
    if not any(entry.tag == _SERIAL for entry in exif):
        exif += tuple(replace(e, tag=_SERIAL) for e in _directory(tags, "Image ", frozenset({_DNG_SERIAL})))
    return Metadata(image, exif, _directory(tags, "GPS ", _KEPT_GPS))


def _from_cr3(head: bytes) -> Metadata:
    """Canon's CR3 holds three small TIFFs in boxes near its start: image, EXIF and GPS fields."""
    boxes = {}
    for name in (b"CMT1", b"CMT2", b"CMT4"):
        at = head.find(name)
        size = int.from_bytes(head[at - 4 : at], "big") if at >= 4 else 0
        boxes[name] = _tags(io.BytesIO(head[at + 4 : at - 4 + size])) if size > 8 else {}
    return Metadata(
        image=_directory(boxes[b"CMT1"], "Image ", _KEPT_IMAGE),
        exif=_directory(boxes[b"CMT2"], "Image ", _KEPT_EXIF),
        gps=_directory(boxes[b"CMT4"], "Image ", _KEPT_GPS),
    )


def _tags(file: BinaryIO) -> dict[str, Any]:
    import exifread

    logging.getLogger("exifread").setLevel(logging.ERROR)  # it warns of every tag it does not know
    try:
        tags: dict[str, Any] = exifread.process_file(file, details=False, extract_thumbnail=False)
    except Exception as error:  # a parser of untrusted files meets damage with whatever it runs into
        logging.getLogger(__name__).warning("no EXIF could be read: %s", error)
        return {}
    return tags


def _directory(tags: dict[str, Any], prefix: str, kept: frozenset[int]) -> tuple[Entry, ...]:
    rows: dict[int, Entry] = {}
    for name, tag in tags.items():
        if name.startswith(prefix) and tag.tag in kept and (entry := _entry(tag)) is not None:
            rows.setdefault(entry.tag, entry)
    return tuple(rows[tag] for tag in sorted(rows))


def _entry(tag: Any) -> Entry | None:
    """A tag of exifread as ours; None for types nobody needs and for values that do not fit their type."""
    try:
        kind = Kind(int(tag.field_type))
        values = tag.values
        if kind is Kind.ASCII:
            text = values if isinstance(values, str) else bytes(values).decode("utf-8", "replace")
            entry = ifd.ascii_entry(tag.tag, text.rstrip("\0 "))
            return entry if len(entry.data) > 1 else None
        if kind in (Kind.BYTE, Kind.UNDEFINED):
            entry = Entry(
                tag.tag, kind, values.encode("latin-1") if isinstance(values, str) else bytes(values)
            )
        elif kind in (Kind.SHORT, Kind.LONG):
            entry = Entry(tag.tag, kind, tuple(int(v) for v in values))
        else:
            entry = Entry(tag.tag, kind, tuple((int(v.num), int(v.den)) for v in values))
        fits = 0 < len(entry.data) <= _LONGEST_VALUE_BYTES
    except (ValueError, TypeError, AttributeError, OverflowError, struct.error):
        return None
    return entry if fits else None
