"""`studio doctor`: what is installed, what is missing, how to mend it. Imports nothing it need not."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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


def examine() -> list[Finding]:
    """Every check, in the order of what stops work first."""
    checks: tuple[Callable[[], Finding], ...] = (
        _python,
        _opencv,
        _rawpy,
        _mediapipe,
        _torch,
        _page,
        _watches,
        _disk,
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


def _disk() -> Finding:
    free = shutil.disk_usage(tempfile.gettempdir()).free
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
