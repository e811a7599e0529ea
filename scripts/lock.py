"""Write the lock files from pyproject.toml, or check that they are in step with it.

    .venv/bin/python scripts/lock.py update [--upgrade]     needs the network
    .venv/bin/python scripts/lock.py check                  needs nothing

`requirements.lock` holds what the program runs with, `requirements-dev.lock` that and the tools, both with
exact versions for every platform and Python that the project supports, and no addresses.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = ROOT / "pyproject.toml"
PRODUCT = ROOT / "requirements.lock"
DEV = ROOT / "requirements-dev.lock"
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-apple-darwin", "x86_64-pc-windows-msvc")
PYTHONS = ("3.11", "3.12")
SOURCE_ONLY = ("pyftpdlib", "pyasyncore", "pyasynchat")  # pure Python, and for the tests only
HEADER = "# Exact versions for every platform, written by `make lock`."
DIGEST_LINE = re.compile(r"^# for dependencies (\w+)$", re.MULTILINE)


def main() -> int:
    """Run the command; 0 when the locks are (now) in step and installable, 1 after a line for each fault."""
    parser = argparse.ArgumentParser(description="Keep the lock files in step with pyproject.toml.")
    parser.add_argument("command", choices=("update", "check"))
    parser.add_argument("--upgrade", action="store_true", help="take newer versions where they are allowed")
    options = parser.parse_args()
    if options.command == "update":
        update(upgrade=options.upgrade)
    faults = check()
    print("\n".join(faults) if faults else "Lock files: in step with pyproject.toml.")
    return 1 if faults else 0


def update(*, upgrade: bool) -> None:
    """Resolve both locks, keeping what is pinned unless `upgrade`, and prove them installable everywhere."""
    newer = ["--upgrade"] if upgrade else []
    _compile(PRODUCT, *newer)
    _compile(DEV, *newer, "--group", "dev", "--constraints", str(PRODUCT))
    for lock in (PRODUCT, DEV):
        body = lock.read_text(encoding="utf-8")
        header = f"{HEADER}\n# for dependencies {digest()}\n"
        lock.write_text(header + DIGEST_LINE.sub("", body).lstrip(), encoding="utf-8")
    for platform in PLATFORMS:
        for python in PYTHONS:
            _prove_installable(platform, python)


def check() -> list[str]:
    """One line for each way in which the locks do not fit pyproject.toml."""
    groups = {PRODUCT: _product_requirements(), DEV: _product_requirements() + _dev_requirements()}
    pins = {lock: _pins(lock) for lock in groups}
    faults = [
        f"{lock.name} was not made from pyproject.toml as it is: run `make lock`"
        for lock in groups
        if DIGEST_LINE.findall(lock.read_text(encoding="utf-8")) != [digest()]
    ]
    for lock, requirements in groups.items():
        for requirement in requirements:
            versions = pins[lock].get(canonicalize_name(requirement.name), set())
            if not versions or not all(requirement.specifier.contains(version) for version in versions):
                faults.append(f"{lock.name} has no version of {requirement}: run `make lock`")
    faults += [
        f"{name} differs between {PRODUCT.name} and {DEV.name}: run `make lock`"
        for name, versions in pins[PRODUCT].items()
        if pins[DEV].get(name) != versions
    ]
    return faults


def digest() -> str:
    """SHA-256 of all in pyproject.toml that the locks are resolved from."""
    settings = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    project = settings["project"]
    content = [project["requires-python"], project["dependencies"], settings["dependency-groups"]]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _product_requirements() -> list[Requirement]:
    settings = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    return [Requirement(text) for text in settings["project"]["dependencies"]]


def _dev_requirements() -> list[Requirement]:
    settings = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    return [Requirement(text) for text in settings["dependency-groups"]["dev"]]


def _pins(lock: Path) -> dict[str, set[str]]:
    """Name to versions; several where they differ by platform or Python."""
    pins: dict[str, set[str]] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            pins.setdefault(canonicalize_name(requirement.name), set()).update(
                specifier.version for specifier in requirement.specifier
            )
    return pins


def _compile(lock: Path, *options: str) -> None:
    plain = ("--universal", "--no-annotate", "--no-header", "--no-emit-index-url", "--quiet")
    _uv("pip", "compile", str(PYPROJECT), *plain, *options, "--output-file", str(lock))


def _prove_installable(platform: str, python: str) -> None:
    print(f"Lock files: every package has a wheel for {platform}, Python {python}?", flush=True)
    wheels = ("--only-binary", ":all:", *(f"--no-binary={name}" for name in SOURCE_ONLY))
    options = (*wheels, "--python-platform", platform, "--python-version", python, "--quiet")
    _uv("pip", "compile", str(DEV), *options, "--output-file", os.devnull)


def _uv(*arguments: str) -> None:
    # torch wants macOS 14 on Apple silicon; uv resolves for 13 unless told.
    environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"}
    command = [sys.executable, "-m", "uv", *arguments]
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode != 0:
        sys.exit(f"uv {' '.join(arguments[:2])} failed; what it said stands above")


if __name__ == "__main__":
    sys.exit(main())
