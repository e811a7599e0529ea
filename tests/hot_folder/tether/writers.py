"""Frames, and the ways in which programs write them: in pieces, with pauses longer than the quiet period."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from hot_folder import Event, EventKind, Settings
from tests.hot_folder.running import Running
from tests.hot_folder.samples import cr3, jpeg, raf, raw, tiff, xmp

QUICK = Settings(
    quiet_period_s=0.15,
    remote_quiet_period_s=0.15,
    rescan_interval_s=0.3,
    missing_grace_s=0.3,
    retry_after_s=(0.2,),
)
PAUSE_S = 0.3
"""Long enough for intake to notice a file, to wait for the quiet period, and to judge."""


def jpeg_of(seed: int, length: int = 20_000) -> bytes:
    """A JPEG with a comment that makes it so long."""
    data = jpeg(seed)
    comment = random.Random(seed).randbytes(length - len(data) - 4)
    return data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]


def frames_of(series: int) -> dict[str, bytes]:
    """One of each container; no two series share a frame."""
    seed = 100 * series
    return {
        f"{series}_0001.NEF": raw(seed + 1, payload_bytes=300_000),
        f"{series}_0002.JPG": jpeg(seed + 2),
        f"{series}_0003.JPG": jpeg(seed + 3, progressive=True),
        f"{series}_0004.JPG": jpeg_of(seed + 4) + jpeg(seed + 5),  # many cameras put a preview behind it
        f"{series}_0006.tif": tiff(seed + 6, size=(300, 200)),
        f"{series}_0007.CR3": cr3(seed + 7, payload_bytes=300_000),
        f"{series}_0008.RAF": raf(seed + 8, payload_bytes=300_000),
        f"{series}_0009.NEF": raw(seed + 9),
        f"{series}_0009.xmp": xmp(series),
    }


FRAMES = frames_of(1)


def write_in_pieces(
    folder: Path, frames: Mapping[str, bytes], *, reserved: Collection[str] = (), holds_open: bool = True
) -> None:
    """A piece of each file, a pause, the next piece of each.

    reserved: those that get their full size first. holds_open: whether each is open all the time, or only
    while a piece of it is written.
    """
    with contextlib.ExitStack() as stack:
        for name, data in frames.items():
            file = stack.enter_context((folder / name).open("wb", buffering=0))
            file.truncate(len(data) if name in reserved else 0)
        if not holds_open:
            stack.close()
        for number in range(4):
            time.sleep(PAUSE_S)
            for name, data in frames.items():
                write_piece(folder / name, data, number)


def write_piece(path: Path, data: bytes, number: int) -> None:
    with path.open("r+b", buffering=0) as file:
        file.seek(sum(map(len, pieces(data)[:number])))
        file.write(pieces(data)[number])


def pieces(data: bytes, count: int = 4) -> list[bytes]:
    length = -(-len(data) // count)
    return [data[number * length : (number + 1) * length] for number in range(count)]


def kinds_of(running: Running, name: str) -> list[EventKind]:
    """What happened to a file, leaving out that it was set aside for a while."""
    return [event.kind for event in events_of(running, name) if event.kind is not EventKind.QUARANTINED]


def reasons_of(running: Running, name: str) -> list[str]:
    """Why a file was set aside, each time."""
    return [event.reason for event in events_of(running, name) if event.kind is EventKind.QUARANTINED]


def events_of(running: Running, name: str) -> list[Event]:
    return [event for event in running.events() if event.path == b"Capture/" + name.encode()]


def captures(running: Running) -> set[int]:
    """Every capture that there ever was."""
    return {event.group_id for event in running.events() if event.group_id is not None}
