"""Set up a checkout: .venv with everything at its locked version, the review page, and a Chromium if asked.

    python3 scripts/bootstrap.py [--browser]

Needs nothing but Python; run by another version than the project wants, it finds or fetches the right one.
Running it again does only what changed: each step's key is a hash of all that it reads, and of the key before
it. Standard library only.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterator

import browser
import page

OLDEST, NEWEST = (3, 11), (3, 12)
# Four OpenCV packages share one cv2 folder and the last one installed wins. This one has the contributed
# modules and, unlike those that others pull in, needs no libGL and no Qt.
OPENCV = "opencv-contrib-python-headless==4.11.0.86"

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PROGRAMS = VENV / ("Scripts" if os.name == "nt" else "bin")
SUFFIX = ".exe" if os.name == "nt" else ""
PYTHON = PROGRAMS / f"python{SUFFIX}"
LOCK = ROOT / "requirements-dev.lock"
DONE = VENV / "set-up.json"

PIP_INSTALL = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")


class SetUpError(RuntimeError):
    """Set-up cannot go on; the message is one line and says what to do."""


def main() -> int:
    """Set up; 0 when all is there, 1 after one line on what is missing."""
    parser = argparse.ArgumentParser(description="Set up this checkout in .venv; do only what changed.")
    parser.add_argument("--browser", action="store_true", help="also see to a Chromium for the browser tests")
    wants_browser = parser.parse_args().browser
    try:
        set_up()
    except (SetUpError, page.PageError) as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    if wants_browser:
        missing = browser.ensure_chromium(PYTHON)
        if missing:
            print(f"set-up: {missing}", file=sys.stderr)
    return 0


def set_up() -> None:
    """Do each step whose key is not the one recorded; record it as soon as it is done."""
    started_s = time.monotonic()
    done = _read_done()
    environment = _key(str(ROOT))
    packages = _key(environment, LOCK.read_bytes(), OPENCV)
    sources = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "hatch_build.py", "scripts/page.py")]
    project = _key(packages, *sources, page.sources_digest(ROOT))

    if done.get("environment") != environment or not PYTHON.exists():
        make_environment()
        done = _record({"environment": environment})
    if done.get("packages") != packages:
        install_packages()
        done = _record({"environment": environment, "packages": packages})
    if done.get("project") != project or not page.is_current(ROOT):
        install_project()
        _record({"environment": environment, "packages": packages, "project": project})
        print(f"set-up: done in {time.monotonic() - started_s:.0f} s", flush=True)


# --- the environment


def make_environment() -> None:
    """Make .venv with a Python the project runs on; one that is there already is kept if it is such a one."""
    fresh = [] if _fits(PYTHON) else ["--clear"]
    python = _fitting_python()
    if python is None:
        _make_environment_by_uv()
        return
    print(f"set-up: making .venv with {python}", flush=True)
    command = [str(python), "-m", "venv", *fresh, str(VENV)]
    if _succeeds(command):
        return
    may_install = browser.is_root() and browser.distribution() != ""
    if may_install and browser.apt_install("python3-venv") and _succeeds(command):
        return
    raise SetUpError(f"{python} lacks its venv module (Debian, Ubuntu: apt-get install python3-venv)")


def _fitting_python() -> Path | None:
    # Inside an environment (perhaps .venv itself), the interpreter that it was made from.
    here = Path(getattr(sys, "_base_executable", None) or sys.executable)
    names = [f"python{OLDEST[0]}.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    found = [Path(path) for path in map(shutil.which, names) if path]
    return next((python for python in (here, *found) if _fits(python)), None)


def _fits(python: Path) -> bool:
    if not python.exists():
        return False
    answer = _output([str(python), "-c", "import sys; print(*sys.version_info[:2])"])
    return answer is not None and OLDEST <= tuple(map(int, answer.split())) <= NEWEST


def _make_environment_by_uv() -> None:
    wanted = f">={'.'.join(map(str, OLDEST))},<{NEWEST[0]}.{NEWEST[1] + 1}"
    here = ".".join(map(str, sys.version_info[:2]))
    print(f"set-up: Python {here} is not {wanted}: looking for one through uv", flush=True)
    with _borrowed_uv() as uv:
        if uv is None or not _succeeds([uv, "venv", "--clear", "--seed", "--python", wanted, str(VENV)]):
            raise SetUpError(
                f"needs Python 3.11 or 3.12, and {here} is here: install one and name it"
                " (make setup PYTHON=python3.12, or python3.12 scripts/bootstrap.py)"
            )


@contextlib.contextmanager
def _borrowed_uv() -> Iterator[str | None]:
    """A uv from the PATH, else one installed for the moment."""
    on_path = shutil.which("uv")
    if on_path:
        yield on_path
        return
    with tempfile.TemporaryDirectory(prefix="studio-set-up-") as folder:
        uv = Path(folder, PROGRAMS.name, f"uv{SUFFIX}")
        python = str(uv.with_name(PYTHON.name))
        made = _succeeds([sys.executable, "-m", "venv", folder])
        yield str(uv) if made and _succeeds([python, *PIP_INSTALL, _locked("uv")]) else None


# --- what is installed in it


def install_packages() -> None:
    """Install exactly what the lock says, then OpenCV once more."""
    uv = _uv()
    _run(uv, "pip", "sync", "--python", str(PYTHON), str(LOCK))
    _run(uv, "pip", "install", "--python", str(PYTHON), "--no-deps", "--reinstall", OPENCV)


def install_project() -> None:
    """Install the checkout itself, in place; its build hook makes the page (hatch_build.py)."""
    constraints = ("--build-constraints", str(LOCK))
    _run(_uv(), "pip", "install", "--python", str(PYTHON), "--no-deps", *constraints, "--editable", str(ROOT))


def _uv() -> str:
    own = PROGRAMS / f"uv{SUFFIX}"
    if own.exists():
        return str(own)
    print("set-up: getting uv", flush=True)
    pip = [str(PYTHON), *PIP_INSTALL, _locked("uv")]
    if _succeeds(pip):
        return str(own)
    on_path = shutil.which("uv")
    if on_path:
        return on_path
    raise SetUpError("could not install uv: is the network there? What pip said stands above")


def _locked(name: str) -> str:
    """The requirement of a package as the lock pins it."""
    pin = re.search(rf"^{name}==\S+", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if pin is None:
        raise SetUpError(f"{LOCK.name} does not name {name}: run `make lock`")
    return pin[0]


def _run(uv: str, *arguments: str) -> None:
    # uv does not read pip's settings; a machine that has its own index names it there.
    environment = dict(os.environ)
    ask_pip = [str(PYTHON), "-m", "pip", "config", "get", "global.index-url"]
    index = os.environ.get("PIP_INDEX_URL") or _output(ask_pip)
    if index and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & set(environment):
        environment["UV_DEFAULT_INDEX"] = index.strip()
    if subprocess.run([uv, *arguments], cwd=str(ROOT), env=environment, check=False).returncode != 0:
        raise SetUpError(f"`uv {' '.join(arguments[:2])}` failed; what it said stands above")


# --- small things


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, check=False).returncode == 0


def _output(command: list[str]) -> str | None:
    try:
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


def _key(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(f"{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def _read_done() -> dict[str, str]:
    try:
        keys: dict[str, str] = json.loads(DONE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return keys


def _record(keys: dict[str, str]) -> dict[str, str]:
    DONE.write_text(json.dumps(keys, indent=1) + "\n", encoding="utf-8")
    return keys


if __name__ == "__main__":
    sys.exit(main())
