"""Real mounts for tests: a small tmpfs that fills up, a folder that is bound to another and let go again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _mount(*arguments: str | Path) -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs Linux and root, to mount")
    answer = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        pytest.skip("needs a machine that lets root mount")


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A filesystem of its own at ``folder``, with so much room ("2m")."""
    folder.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    try:
        yield
    finally:
        unmount(folder)


def grow(folder: Path, size: str) -> None:
    """Give a small disk more room."""
    _mount("-o", f"remount,size={size}", folder)


def bind(source: Path, folder: Path) -> None:
    """What lies in ``source`` also lies at ``folder``, as a drive at its mount point, until `unmount`."""
    _mount("--bind", source, folder)
