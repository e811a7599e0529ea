"""Small whole files of every container, and a camera and a clock to drive intake with."""

from __future__ import annotations

import io
import os
import random
import struct
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from hot_folder import ExposureHints, Intake, Journal, Report, Role, Settings

SHORT, LONG, ASCII = 3, 4, 2
STRIP_OFFSETS, STRIP_BYTE_COUNTS, SUB_IFDS, DESCRIPTION = 273, 279, 330, 270


def raw(seed: int = 0, *, taken: str = "", payload_bytes: int = 3000) -> bytes:
    """A TIFF-based RAW: a preview strip, a SubIFD, and its sensor data last, as in DNG, NEF and ARW."""
    noise = random.Random(seed).randbytes(payload_bytes)
    preview, sensor = noise[: payload_bytes // 10], noise[payload_bytes // 10 :]
    description = taken.encode().ljust(20, b" ") + b"\0"
    first_at, sub_at = 8, 8 + 2 + 4 * 12 + 4
    text_at = sub_at + 2 + 2 * 12 + 4
    preview_at = text_at + len(description)
    sensor_at = preview_at + len(preview)
    first = _ifd(
        [
            (DESCRIPTION, ASCII, len(description), text_at),
            (STRIP_OFFSETS, LONG, 1, preview_at),
            (STRIP_BYTE_COUNTS, LONG, 1, len(preview)),
            (SUB_IFDS, LONG, 1, sub_at),
        ]
    )
    sub = _ifd([(STRIP_OFFSETS, LONG, 1, sensor_at), (STRIP_BYTE_COUNTS, LONG, 1, len(sensor))])
    return struct.pack("<2sHI", b"II", 42, first_at) + first + sub + description + preview + sensor


def _ifd(entries: list[tuple[int, int, int, int]]) -> bytes:
    return struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries) + bytes(4)


def jpeg(seed: int = 0, *, progressive: bool = False) -> bytes:
    colours = random.Random(seed)
    image = Image.frombytes("RGB", (24, 16), colours.randbytes(24 * 16 * 3))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80, progressive=progressive)
    return out.getvalue()


def tiff(seed: int = 0, *, size: tuple[int, int] = (40, 30)) -> bytes:
    out = io.BytesIO()
    pixels = random.Random(seed).randbytes(size[0] * size[1] * 3)
    Image.frombytes("RGB", size, pixels).save(out, "TIFF")
    return out.getvalue()


def cr3(seed: int = 0, *, payload_bytes: int = 3000) -> bytes:
    noise = random.Random(seed).randbytes(payload_bytes)
    boxes = [(b"ftyp", b"crx \0\0\0\1crx isom"), (b"moov", noise[:400]), (b"mdat", noise)]
    return b"".join(struct.pack(">I4s", 8 + len(body), name) + body for name, body in boxes)


def raf(seed: int = 0, *, payload_bytes: int = 3000) -> bytes:
    noise = random.Random(seed).randbytes(500 + payload_bytes)
    blocks = struct.pack(">6I", 160, 300, 460, 200, 660, payload_bytes)
    return b"FUJIFILMCCD-RAW 0201".ljust(84, b"\0") + blocks + bytes(52) + noise


def xmp(rating: int = 0) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="{rating}"/>'
        "</rdf:RDF></x:xmpmeta>"
    ).encode()


CRW = b"II\x1a\0\0\0HEAPCCDR" + random.Random(7).randbytes(300_000)
"""A container that names no length."""

WHOLE_FILES = {
    b"a.NEF": raw(1),
    b"a.jpg": jpeg(2),
    b"b.jpg": jpeg(2, progressive=True),
    b"a.tif": tiff(3),
    b"a.CR3": cr3(4),
    b"a.RAF": raf(5),
    b"a.xmp": xmp(3),
}


def describe(file: BinaryIO, role: Role) -> ExposureHints:
    """Read the time that `raw(taken=...)` wrote; other files say nothing."""
    if role is not Role.RAW:
        return ExposureHints()
    file.seek(8 + 2 + 4 * 12 + 4 + 2 + 2 * 12 + 4)
    taken = file.read(20).decode("ascii", "replace").strip()
    return ExposureHints(datetime.fromisoformat(taken) if taken else None)


def stamp(path: str | bytes | os.PathLike[str], age_s: float = 0.0) -> None:
    """Give a file a time of its own; two that are written in one tick of the system's clock share theirs."""
    then_ns = time.time_ns() - int(age_s * 1e9)
    os.utime(path, ns=(then_ns, then_ns))


@dataclass
class Shoot:
    """A session on disk and its intake, with a clock that only moves when told."""

    session: Path
    settings: Settings = field(default_factory=lambda: Settings(step_budget_s=60.0))
    now_s: float = 1000.0
    clock_off_s: float = 0.0
    """How wrong the computer's clock is."""
    consumed: int = 0

    def __post_init__(self) -> None:
        for name in ("Capture", "Selects", "Trash", "Output"):
            (self.session / name).mkdir(parents=True, exist_ok=True)
        self.open()
        self.start()

    def open(self) -> None:
        self.journal = Journal.open(self.session / "journal.sqlite", wall_s=self.wall_s)

    def wall_s(self) -> float:
        return time.time() + self.clock_off_s

    def start(self) -> None:
        """Begin as after a restart: whatever was in memory is gone."""
        self.intake = Intake(
            os.fsencode(self.session),
            self.journal,
            settings=self.settings,
            describe=describe,
            monotonic_s=lambda: self.now_s,
            wall_s=self.wall_s,
        )

    def put(self, name: str | bytes, data: bytes, *, age_s: float = 60.0) -> bytes:
        """Write a file that was last written `age_s` ago; returns its absolute path."""
        path = os.path.join(os.fsencode(self.session), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        stamp(path, age_s)
        return path

    def age(self, path: bytes, age_s: float) -> None:
        status = os.stat(path)
        then_ns = status.st_mtime_ns - int(age_s * 1e9)
        os.utime(path, ns=(then_ns, then_ns))

    def pass_time(self, seconds: float) -> Report:
        self.now_s += seconds
        return self.intake.step()

    def news(self) -> list[tuple[str, str]]:
        """(kind, path) of the journal's events since the last call."""
        events = self.journal.events(self.consumed)
        self.consumed = events[-1].seq if events else self.consumed
        return [(str(event.kind), os.fsdecode(event.path)) for event in events]

    def groups(self) -> set[frozenset[str]]:
        """The captures of the session, each as the paths of its members."""
        by_group: dict[int | None, set[str]] = {}
        for row in self.journal.live_files():
            if row.sha256 is not None and row.duplicate_of is None:
                by_group.setdefault(row.group_id, set()).add(os.fsdecode(row.path))
        return {frozenset(paths) for paths in by_group.values()}
