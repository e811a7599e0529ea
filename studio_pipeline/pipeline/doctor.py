"""`studio doctor`: what is installed, what is missing, how to mend it. Imports nothing it need not."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from studio_pipeline.records.capture import shown

_OPENCV = (
    "opencv-python",
    "opencv-contrib-python",
    "opencv-python-headless",
    "opencv-contrib-python-headless",
)
_LOW_DISK_BYTES = 20 << 30
_WANTED_WATCHES = 65536


@dataclass(frozen=True)
class Finding:
    """One line of the report. ``broken``: work cannot go on; with only ``mend`` set it is advice."""

    what: str
    found: str
    mend: str = ""
    broken: bool = False

    @property
    def mark(self) -> str:
        return "✗" if self.broken else ("!" if self.mend else "✓")

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"ok": not self.broken}


def examine(folder: Path) -> list[Finding]:
    """Every check, in the order of what stops work first. ``folder``: a session, or where one is to be."""
    checks: tuple[Callable[[], Finding], ...] = (
        _python,
        _opencv,
        _rawpy,
        _mediapipe,
        _torch,
        _page,
        _watches,
        partial(_hot_folder, folder),
        partial(_databases, folder),
        partial(_disk, folder),
        _chromium,
    )
    return [check() for check in checks]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] < (3, 13):
        return Finding("Python", version)
    return Finding(
        "Python", version, "use Python 3.11 or 3.12: mediapipe has no release for others", broken=True
    )


def _opencv() -> Finding:
    mend = "pip install --force-reinstall --no-deps opencv-contrib-python-headless==4.11.0.86"
    versions = {_version(name) for name in _OPENCV} - {None}
    try:
        import cv2
    except ImportError as error:
        return Finding("OpenCV", str(error), mend, broken=True)
    if not hasattr(cv2, "ximgproc") or len(versions) != 1:
        return Finding(
            "OpenCV", f"{cv2.__version__} beside {sorted(filter(None, versions))}", mend, broken=True
        )
    return Finding("OpenCV", f"{cv2.__version__} with contrib")


def _rawpy() -> Finding:
    try:
        from studio_pipeline.develop.raw import LIBRAW_VERSION
    except ImportError as error:
        return Finding("LibRaw", str(error), "pip install rawpy", broken=True)
    return Finding("LibRaw", LIBRAW_VERSION)


def _mediapipe() -> Finding:
    version = _version("mediapipe")
    spec = find_spec("mediapipe")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    models = folder / "modules" / "face_detection" if folder else None
    if version is None or models is None or not any(models.glob("*.tflite")):
        return Finding("face detection", str(version), "pip install mediapipe==0.10.21", broken=True)
    return Finding("face detection", f"mediapipe {version}, models inside")


def _torch() -> Finding:
    version, vision = _version("torch"), _version("torchvision")
    if version is None or vision is None:
        return Finding(
            "torch", f"{version}, torchvision {vision}", "install both from the lock file, together"
        )
    return Finding("torch", f"{version}, torchvision {vision}; only generative engines need it")


def _page() -> Finding:
    built = Path(__file__).parents[1] / "review" / "static" / "index.html"
    if built.exists():
        return Finding("review page", "built")
    return Finding("review page", "missing", "run `make setup`, or install the wheel", broken=True)


def _watches() -> Finding:
    limit = Path("/proc/sys/fs/inotify/max_user_watches")
    if not limit.exists():
        return Finding("file events", f"by {sys.platform}; the scanner finds what they miss")
    count = int(limit.read_text(encoding="ascii"))
    mend = "" if count >= _WANTED_WATCHES else f"sudo sysctl fs.inotify.max_user_watches={_WANTED_WATCHES}"
    return Finding("file events", f"inotify, {count} watches", mend)


def _hot_folder(folder: Path) -> Finding:
    """How the mount is watched. Only this machine's own disks tell of everything that is written there."""
    from hot_folder.mounts import Watching, mount_of, way_of
    from hot_folder.report import Settings

    capture, settings = folder / "Capture", Settings()
    mount = mount_of(os.fsencode(capture if capture.exists() else folder))
    quiet_s, remote_s = settings.quiet_period_s, settings.remote_quiet_period_s
    way = way_of(mount, Watching.AUTO, quiet_s, remote_s)
    mend = (
        "others write here unseen, so that each frame comes later; tether to a local disk where you can, or "
        "give `--watch events` where this is one"
    )
    found = f"{shown(os.fsencode(folder))} ({mount.filesystem or 'unknown'}): {way.spoken}"
    return Finding("hot folder", found, mend if mount.is_remote else "")


def _databases(folder: Path) -> Finding:
    from studio_pipeline.session.place import filesystem_of, safe_for_sqlite

    filesystem = filesystem_of(folder)
    if safe_for_sqlite(filesystem):
        return Finding("databases", "in the session itself")
    return Finding(
        "databases",
        f"in your own state folder: {filesystem} is not safe for them; no other machine can go on",
    )


def _disk(folder: Path) -> Finding:
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    free = shutil.disk_usage(there).free
    mend = (
        ""
        if free >= _LOW_DISK_BYTES
        else "keep 20 GB free: a master of 24 MP takes 150 MB while it is worked on"
    )
    return Finding("free disk", f"{free >> 30} GB", mend)


def _chromium() -> Finding:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
    found = next((path for name in names if (path := shutil.which(name))), None)
    return Finding("Chromium", found or "none found; only the project's own browser tests need it")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
