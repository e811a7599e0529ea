"""What is kept so that a deliverable can be proved: its record, the zones, and every pixel that was written.

All of it lies in ``.studio/records``. Zones and changes are named by the SHA-256 of their bytes, a record by
that of its deliverable; the record is signed with the session's key and names the others.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.masks import Mask, ZoneMap
from studio_pipeline.records.base import digest
from studio_pipeline.records.deliverable import DeliveryRecord
from studio_pipeline.session import cache, keys

_MAGIC = b"studio changes 1\n"


@dataclass(frozen=True, eq=False)
class Changes:
    """Every canvas pixel that the edits wrote: where (``mask`` over ``canvas``), and its codes ``(n, 3)``."""

    canvas: Roi
    mask: Mask
    values: Codes

    def apply(self, null_render: Codes) -> Codes:
        """The null render of ``canvas`` with the changes laid in. Raises ValueError on another size."""
        if null_render.shape[:2] != self.mask.shape or null_render.dtype != self.values.dtype:
            raise ValueError("the recorded changes belong to a picture of another size or depth")
        master = null_render.copy()
        master[self.mask] = self.values
        return master


def changes_between(null_render: Codes, master: Codes, canvas: Roi, base: Roi) -> Changes:
    """What differs from the null render, and all of the new area."""
    mask = np.ones(master.shape[:2], np.bool_)
    inner = (base & canvas).within(canvas)
    before, after = null_render[inner], master[inner]
    mask[inner] = (before != after).any(axis=2)
    return Changes(canvas, mask, master[mask])


def keep_changes(records: Path, changes: Changes) -> str:
    """Store once; returns the name."""
    roi, values = changes.canvas, np.ascontiguousarray(changes.values)
    header = struct.pack("<4iB", roi.y0, roi.x0, roi.y1, roi.x1, values.dtype.itemsize)
    packed = zlib.compress(np.packbits(changes.mask).tobytes(), 6)
    body = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    return _keep(
        records, b"".join([_MAGIC, header, struct.pack("<Q", len(packed)), packed, body]), ".changes"
    )


def load_changes(records: Path, name: str) -> Changes:
    """Raises Refused when it is missing, or its bytes are not those that were named."""
    data = _checked(records, name)
    if not data.startswith(_MAGIC):
        raise Refused(f"{name} is not a record of changes")
    y0, x0, y1, x1, size = struct.unpack_from("<4iB", data, len(_MAGIC))
    place = len(_MAGIC) + struct.calcsize("<4iB")
    (length,) = struct.unpack_from("<Q", data, place)
    start = place + 8
    canvas = Roi(y0, x0, y1, x1)
    shape = (canvas.extent.height, canvas.extent.width)
    bits = np.frombuffer(zlib.decompress(data[start : start + length]), np.uint8)
    mask = np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape).astype(np.bool_)
    values = np.frombuffer(data[start + length :], f"<u{size}").reshape(-1, 3)
    return Changes(canvas, mask, values)


def keep_zones(records: Path, zones: ZoneMap) -> str:
    """The zone map as a PNG (0 backdrop, 1 edge, 2 healable, 3 locked); returns the name."""
    return _keep(records, _png(zones), ".zones.png")


def keep_matte(records: Path, matte: NDArray[np.uint8]) -> str:
    """The matte at plan scale as a PNG (255 = person); returns the name."""
    return _keep(records, _png(matte), ".matte.png")


def load_zones(records: Path, name: str) -> ZoneMap:
    return _grey(records, name, "zone map")


def load_matte(records: Path, name: str) -> NDArray[np.uint8]:
    return _grey(records, name, "matte")


def _png(values: NDArray[np.uint8]) -> bytes:
    done, png = cv2.imencode(".png", np.asarray(values))
    if not done:
        raise Refused("the zone map could not be encoded")
    return png.tobytes()


def _grey(records: Path, name: str, what: str) -> NDArray[np.uint8]:
    data = np.frombuffer(_checked(records, name), np.uint8)
    zones = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if zones is None or zones.ndim != 2:  # type: ignore[redundant-expr]
        raise Refused(f"{name} is not a {what}")
    return np.asarray(zones, np.uint8)


def zones_sha256(zones: NDArray[np.uint8]) -> str:
    """Of a zone map, or of a matte."""
    return hashlib.sha256(np.ascontiguousarray(zones).tobytes()).hexdigest()


def write_record(hidden: Path, records: Path, record: DeliveryRecord) -> str:
    """Sign and store; returns the file's name. Written before the deliverable appears under its own name."""
    body = record.model_dump(mode="json")
    signature = keys.sign(hidden, digest(body).encode("ascii"))
    text = json.dumps({"record": body, "signature": base64.b64encode(signature).decode("ascii")}, indent=1)
    name = f"{record.file_sha256}.json"
    cache.write_file(records / name, text.encode("utf-8"))
    return name


def read_record(hidden: Path, path: Path) -> tuple[DeliveryRecord, bool]:
    """The record, and whether this session's key signed exactly it. Raises Refused when it cannot be read."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        record = DeliveryRecord.model_validate(stored["record"])
        signature = base64.b64decode(stored["signature"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"the record {path.name} cannot be read: {error}") from error
    return record, keys.signed_by_session(hidden, digest(stored["record"]).encode("ascii"), signature)


def wrote_this(records: Path, file_sha256: str) -> bool:
    """Whether a file with this hash is a deliverable of this session."""
    return (records / f"{file_sha256}.json").exists()


def claim_name(records: Path, path: bytes) -> None:
    """Note that ``path`` (inside the session) is a deliverable of ours, before it appears there."""
    mark = _mark(records, path)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()


def give_name_up(records: Path, path: bytes) -> None:
    """The deliverable is gone: a file that comes under its name is somebody's export."""
    _mark(records, path).unlink(missing_ok=True)


def claimed(records: Path, path: bytes) -> bool:
    """Whether a file at ``path`` is ours, so that intake does not take it for an export."""
    return _mark(records, path).exists()


def _mark(records: Path, path: bytes) -> Path:
    return records / "names" / hashlib.sha256(path).hexdigest()


def _keep(records: Path, data: bytes, ending: str) -> str:
    name = hashlib.sha256(data).hexdigest() + ending
    if not (records / name).exists():
        cache.write_file(records / name, data)
    return name


def _checked(records: Path, name: str) -> bytes:
    try:
        data = (records / name).read_bytes()
    except OSError as error:
        raise Refused(f"{name} is missing from {records}") from error
    if hashlib.sha256(data).hexdigest() != name.split(".", 1)[0]:
        raise Refused(f"{name} in {records} was changed after it was written")
    return data
