"""What bringing files into a session asks of it: one at a time, and room for all of them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hot_folder.bringing import Wanted
from studio_pipeline.errors import Refused
from studio_pipeline.pipeline import space
from studio_pipeline.records.capture import shown
from studio_pipeline.session.folder import Session

Json = dict[str, Any]


@contextmanager
def alone(session: Session) -> Iterator[None]:
    """Hold off others that bring files in: two would plan the same names. Raises Refused."""
    from filelock import FileLock, Timeout

    lock = FileLock(session.databases / "bringing.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise Refused(f"another command brings files into {session.root}; wait until it is done") from error
    try:
        yield
    finally:
        lock.release()


def check_room(session: Session, wanted: Sequence[Wanted]) -> None:
    """Raises Refused unless all of it fits on the session's drive and leaves room for frames to come."""
    needed = sum(one.file.size for one in wanted)
    for drive in space.drives(session)[:1]:
        if needed and needed + drive.reserve_bytes > drive.free_bytes:
            raise Refused(
                f"{size_text(needed)} are to be copied and {size_text(drive.reserve_bytes)} must stay free, "
                f"but the drive of {session.root} has {size_text(drive.free_bytes)}: make room; "
                "nothing was copied"
            )


def refuse_if_nested(session: Session, other: Path) -> None:
    """Raises Refused where one of two folders is, or lies in, the other."""
    if other.is_relative_to(session.root) or session.root.is_relative_to(other):
        raise Refused(f"{other} and {session.root} lie in one another; name two separate folders")


def as_json(wanted: Wanted) -> Json:
    """Where it comes from, where it goes, and how large it is."""
    return {
        **path_json("path", wanted.file.path),
        "bytes": wanted.file.size,
        **path_json("to", wanted.target),
    }


def path_json(name: str, path: bytes) -> Json:
    return {name: shown(path), f"{name}_b64": base64.b64encode(path).decode("ascii")}


def size_text(count: int) -> str:
    """As people say it: 48.2 MB."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def existing(folder: Path) -> Path:
    """Absolute, links followed. Raises Refused where there is no such folder."""
    if not folder.is_dir():
        raise Refused(f"there is no folder {folder}; connect its drive, or correct the path")
    return folder.resolve()
