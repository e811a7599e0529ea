"""Room on the drives a session needs: looked at before work is taken, for a full disk helps nobody."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from studio_pipeline.session.folder import Session

RESERVE_BYTES = 2 << 30
"""What is left to the frames that still come: sixty of 30 MB. Of a small drive, a twentieth."""


@dataclass(frozen=True)
class Drive:
    """One drive: what lies on it, and how much room is left."""

    holds: str
    free_bytes: int
    reserve_bytes: int

    @property
    def is_low(self) -> bool:
        return self.free_bytes < self.reserve_bytes

    @property
    def warning(self) -> str:
        return (
            f"the drive of {self.holds} has {self.free_bytes / 1e9:.1f} GB left: make room on it; frames are "
            "still taken in, developing and delivering wait"
        )


def drives(session: Session) -> list[Drive]:
    """The drive of the session, and that of its databases where it is another one.

    A drive that does not answer is left out: what it fails at says so itself.
    """
    found: dict[int, Drive] = {}
    for folder, holds in ((session.root, "the session"), (session.databases, "the session's databases")):
        try:
            usage, device = shutil.disk_usage(folder), folder.stat().st_dev
        except OSError:
            continue
        reserve = min(RESERVE_BYTES, usage.total // 20)
        found.setdefault(device, Drive(holds, usage.free, reserve))
    return list(found.values())


def has_room(session: Session) -> Callable[[], bool]:
    """Whether there is room for work that fills the drives."""
    return lambda: not any(drive.is_low for drive in drives(session))
