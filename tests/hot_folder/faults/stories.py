"""Short shoots that together pass every kind of the journal's transactions, and the camera that takes them.

The camera is the reference: a plain table of what bytes lie where. What it does is no step of ingest, takes
no time, and is durable at once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from hot_folder.names import role_of
from hot_folder.records import Role
from tests.hot_folder.samples import jpeg, raw, tiff, xmp

EPOCH_S: Final = 1_700_000_000


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@dataclass
class Camera:
    """And the photographer at the session's folders. Without a session: only the table."""

    session: bytes | None = None
    lying: dict[bytes, bytes] = field(default_factory=dict)
    ever: dict[bytes, set[bytes]] = field(default_factory=dict)
    """Every whole file there ever was: its SHA-256, and the names it had."""

    odd: set[bytes] = field(default_factory=set)
    """Paths of what is broken, or no picture."""
    once_odd: set[bytes] = field(default_factory=set)
    left: set[bytes] = field(default_factory=set)
    """Paths at which nothing lay any more, for a while at least."""

    @property
    def whole(self) -> set[bytes]:
        return set(self.lying) - self.odd

    def land(self, path: bytes, data: bytes, *, is_odd: bool = False) -> None:
        """All of it at once, under a name that may be taken, with a time that is long past."""
        self.odd = self.odd | {path} if is_odd else self.odd - {path}
        self.once_odd |= self.odd
        self._lie(path, data)
        if self.session is None:
            return
        temp, final = os.path.join(self.session, b".arriving"), os.path.join(self.session, path)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        with open(temp, "wb") as file:
            file.write(data)
        os.utime(temp, (EPOCH_S, EPOCH_S))
        os.replace(temp, final)

    def grow(self, path: bytes, more: bytes) -> None:
        self._lie(path, self.lying[path] + more)
        if self.session is not None:
            final = os.path.join(self.session, path)
            with open(final, "ab") as file:
                file.write(more)
            os.utime(final, (EPOCH_S + 1, EPOCH_S + 1))

    def move(self, path: bytes, new_path: bytes) -> None:
        self._lie(new_path, self.lying.pop(path))
        self.left.add(path)
        if self.session is not None:
            os.makedirs(os.path.dirname(os.path.join(self.session, new_path)), exist_ok=True)
            os.replace(os.path.join(self.session, path), os.path.join(self.session, new_path))

    def copy(self, path: bytes, new_path: bytes) -> None:
        self.land(new_path, self.lying[path])

    def remove(self, path: bytes) -> None:
        del self.lying[path]
        self.left.add(path)
        if self.session is not None:
            os.unlink(os.path.join(self.session, path))

    def _lie(self, path: bytes, data: bytes) -> None:
        self.lying[path] = data
        if path not in self.odd or role_of(path) is Role.OTHER:  # a video is copied, too
            self.ever.setdefault(sha256(data), set()).add(path)


@dataclass(frozen=True)
class Beat:
    """The camera acts, then ingest looks once after each of the waits."""

    act: Callable[[Camera], None]
    waits_s: tuple[float, ...] = (3.0,)
    starts: bool = False
    """Ingest is started only then; where it ran, it is stopped in good order before."""


@dataclass(frozen=True)
class Story:
    """before: what was over when steps begin to count; taken in, too, unless the first beat starts ingest.

    died_at: before which call, and which of them, ingest was killed while it took that in.
    """

    name: str
    beats: tuple[Beat, ...]
    before: Callable[[Camera], None] = lambda camera: None
    died_at: tuple[str, int] | None = None


A, B, C, D = (b"Capture/%s.NEF" % name for name in (b"a", b"b", b"c", b"d"))
XMP = b"Capture/a.xmp"
_GONE_S: Final = (3.0, 6.0)  # noticed as missing, then missed for good


def _first_frames(camera: Camera) -> None:
    camera.land(A, raw(1, taken="2024-05-01T12:00:00"))
    camera.land(XMP, xmp(1))
    camera.land(B, raw(2))


def _frames_and_a_copy(camera: Camera) -> None:
    _first_frames(camera)
    camera.copy(A, b"Capture/sub/again.NEF")
    camera.land(C, raw(3))


def _members_join(camera: Camera) -> None:
    camera.land(XMP, xmp(1))
    camera.land(b"Capture/a.JPG", jpeg(1))


def _exports_without_a_raw(camera: Camera) -> None:
    camera.land(b"Capture/a.JPG", jpeg(1))
    camera.land(b"Capture/a 1.tif", tiff(1))


def _odd_files(camera: Camera) -> None:
    camera.land(C, raw(3)[:-9], is_odd=True)
    camera.land(b"Capture/clip.mov", b"moving", is_odd=True)


STORIES: Final = (
    Story(
        "the first frames",
        (
            Beat(lambda camera: camera.land(A, raw(1, taken="2024-05-01T12:00:00")), starts=True),
            Beat(_members_join),
        ),
    ),
    Story(
        "two captures turn out to be one",
        (Beat(lambda camera: camera.land(A, raw(1))),),
        before=_exports_without_a_raw,
    ),
    Story(
        "files change",
        (
            Beat(lambda camera: camera.land(XMP, xmp(5))),
            Beat(lambda camera: camera.grow(B, b"and what a slow writer added"), (1.0, 3.0)),
            Beat(lambda camera: camera.land(A, raw(7, taken="2024-05-01T13:00:00"))),
        ),
        before=_first_frames,
    ),
    Story(
        "files move",
        (
            Beat(lambda camera: camera.copy(B, b"Capture/sub/b.NEF")),
            Beat(lambda camera: camera.move(C, b"Selects/c.NEF")),
            Beat(lambda camera: camera.move(C.replace(b"Capture", b"Selects"), b"Trash/c.NEF")),
            Beat(lambda camera: camera.move(b"Trash/c.NEF", C)),
        ),
        before=_frames_and_a_copy,
    ),
    Story(
        "files go",
        (
            Beat(lambda camera: camera.remove(A), _GONE_S),
            Beat(lambda camera: camera.remove(B), _GONE_S),
            Beat(lambda camera: camera.land(D, raw(2))),
        ),
        before=_frames_and_a_copy,
    ),
    Story(
        "odd files",
        (
            Beat(_odd_files),
            Beat(lambda camera: camera.land(C, raw(3))),
            Beat(lambda camera: camera.land(b"Output/a.tif", tiff(1)), (3.0, 1.0)),
            Beat(lambda camera: None, starts=True),
        ),
        before=_first_frames,
    ),
    Story(
        "up again after a crash",
        (Beat(lambda camera: None, starts=True), Beat(lambda camera: camera.land(D, raw(4)))),
        before=_first_frames,
        died_at=("os.unlink", 3),  # the last copy has its name, and its folder is not synced
    ),
    Story(
        "moved while it was down",
        (Beat(lambda camera: camera.move(A, b"Selects/a.NEF"), starts=True),),
        before=_first_frames,
        died_at=("file.flush", 1),  # the first copy is half written
    ),
)
