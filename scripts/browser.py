"""Find a Chromium for the browser tests, or install one where this user may. Standard library only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterable, Iterator

# Chromium draws nothing legible without a font.
DEBIAN_PACKAGES = ("chromium", "fonts-dejavu-core", "fonts-liberation")

_COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_MAC_PROGRAMS = (
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Chromium.app/Contents/MacOS/Chromium",
    "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
_WINDOWS_PROGRAMS = (
    "Google/Chrome/Application/chrome.exe",
    "Chromium/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
)
_PLAYWRIGHT_PROGRAMS = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
    "chromium-*/chrome-win*/chrome.exe",
)


def find_chromium() -> Path | None:
    """The first browser of Chromium's family: on the PATH, where programs live, or Playwright's own."""
    return next(_candidates(), None)


def _candidates() -> Iterator[Path]:
    for command in _COMMANDS:
        found = shutil.which(command)
        if found:
            yield Path(found)
    if sys.platform == "darwin":
        yield from _existing([Path("/Applications"), Path.home() / "Applications"], _MAC_PROGRAMS)
    if os.name == "nt":
        roots = (os.environ.get(name) for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"))
        yield from _existing([Path(root) for root in roots if root], _WINDOWS_PROGRAMS)
    for pattern in _PLAYWRIGHT_PROGRAMS:
        yield from sorted(_playwright_folder().glob(pattern), reverse=True)


def _existing(folders: Iterable[Path], programs: Iterable[str]) -> Iterator[Path]:
    for folder in folders:
        for program in programs:
            if (folder / program).is_file():
                yield folder / program


def _playwright_folder() -> Path:
    named = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    if named:
        return Path(named)
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", "")) / "ms-playwright"
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "ms-playwright"


def ensure_chromium(python: Path) -> str | None:
    """Install a Chromium if there is none and this user may; return one line on what is missing, or None.

    `python` is the environment's interpreter, which has Playwright.
    """
    if find_chromium():
        return None
    if is_root() and distribution() == "debian":
        apt_install(*DEBIAN_PACKAGES)
    elif is_root() and distribution() == "ubuntu":
        # Ubuntu's own package is a snap, which neither containers nor a pipe to the browser agree with.
        subprocess.run([str(python), "-m", "playwright", "install", "--with-deps", "chromium"], check=False)
    return None if find_chromium() else _advice()


def _advice() -> str:
    how = {
        "debian": f"sudo apt-get install {' '.join(DEBIAN_PACKAGES)}",
        "ubuntu": "sudo .venv/bin/playwright install-deps chromium && .venv/bin/playwright install chromium",
    }.get(distribution(), "install Google Chrome or Chromium")
    return f"no Chromium, so the browser tests will be skipped; to have them: {how}"


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def distribution() -> str:
    """`debian`, `ubuntu` (or what is made from it), or an empty string."""
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return ""
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    family = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").split()
    return next((name for name in ("ubuntu", "debian") if name in family), "")


def apt_install(*packages: str) -> bool:
    """Install Debian packages without asking; whether that went well."""
    print(f"set-up: apt-get install {' '.join(packages)}", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    # Lists that cannot be refreshed may still be good enough, so only the second one counts.
    subprocess.run(["apt-get", "update", "-qq"], env=quiet, stdout=subprocess.DEVNULL, check=False)
    return subprocess.run(install, env=quiet, stdout=subprocess.DEVNULL, check=False).returncode == 0
