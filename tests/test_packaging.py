"""The project as it is handed on: the wheel, the locks, the commands that the documents name."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("studio_pipeline", "hot_folder")
HEAVY = {
    "torch", "diffusers", "controlnet_aux", "mediapipe", "cv2", "numpy", "rawpy", "sqlalchemy", "fastapi"
}  # fmt: skip


def tracked(*patterns: str) -> list[str]:
    """Files that git keeps and that are still there, relative to the checkout, with forward slashes."""
    command = ["git", "ls-files", "-z", "--", *patterns]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [name for name in listing.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="session", autouse=True)
def _in_a_checkout() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout of the repository")


# --- the wheel


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by its own backend with what the lock installed."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def names_in_wheel(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_wheel_holds_every_module_and_data_file_of_both_packages(names_in_wheel: set[str]) -> None:
    files = {name for name in tracked(*PACKAGES) if not name.startswith("studio_pipeline/review/web/")}
    assert len(files) > 30
    assert files <= names_in_wheel


def test_wheel_holds_every_preset(names_in_wheel: set[str]) -> None:
    presets = {f"studio_pipeline/_presets/{Path(name).name}" for name in tracked("presets/*.toml")}
    assert len(presets) >= 5
    assert presets <= names_in_wheel


def test_wheel_holds_the_page_and_all_that_it_loads(wheel: Path, names_in_wheel: set[str]) -> None:
    folder = "studio_pipeline/review/static"
    page = zipfile.ZipFile(wheel).read(f"{folder}/index.html").decode()
    loaded = re.findall(r'(?:src|href)="[./]*([\w./-]+\.(?:js|css))"', page)
    assert any(name.endswith(".js") for name in loaded)
    # Assets may be served under a prefix; what counts is that a file of that name came along.
    shipped = {name.rsplit("/", 1)[1] for name in names_in_wheel if name.startswith(folder)}
    assert {name.rsplit("/", 1)[-1] for name in loaded} <= shipped


def test_wheel_holds_nothing_else(names_in_wheel: set[str]) -> None:
    tops = {name.split("/", 1)[0] for name in names_in_wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert not [name for name in names_in_wheel if "/web/" in name or "node_modules" in name]


def test_installed_wheel_finds_its_presets(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    ask = (
        "import sys; sys.argv = ['studio', 'presets', 'list', '--json'];"
        "import studio_pipeline.cli as cli; assert 'site' in cli.__file__; cli.main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-c", ask]
    answer = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    for name in tracked("presets/*.toml"):
        assert Path(name).stem in answer.stdout


# --- the program starts at once


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_studio_answers_without_heavy_packages(option: str, tmp_path: Path) -> None:
    ask = f"""
import json, sys
sys.argv = ["studio", {option!r}]
from studio_pipeline.cli import main
try:
    status = main()
except SystemExit as exit:
    status = exit.code
print(json.dumps([status, sorted(sys.modules)]))
"""
    command = [sys.executable, "-c", ask]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    status, modules = json.loads(answer.stdout.splitlines()[-1])
    assert not status
    assert not HEAVY & set(modules)


# --- no address, no path of anybody's machine


def _hosts_of_registries() -> set[str]:
    """The public registries, and those that this machine is set to use."""
    public = (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("download", "pytorch", "org"),
    )
    hosts = {".".join(parts) for parts in public}
    settings = (
        "PIP_INDEX_URL",
        "PIP_EXTRA_INDEX_URL",
        "UV_INDEX_URL",
        "UV_DEFAULT_INDEX",
        "NPM_CONFIG_REGISTRY",
    )
    for address in " ".join(os.environ.get(name, "") for name in settings).split():
        hosts.add(urlsplit(address).hostname or "")
    return hosts - {"", "localhost"}


def _paths_of_this_machine() -> set[str]:
    home = str(Path.home())
    return {str(ROOT), f"{home}{os.sep}"} if len(home) > 1 else {str(ROOT)}


def test_no_tracked_file_names_a_registry_or_a_path_of_this_machine() -> None:
    traces = [text.encode() for text in _hosts_of_registries() | _paths_of_this_machine()]
    found = [(name, text) for name in tracked() for text in traces if text in (ROOT / name).read_bytes()]
    assert found == []


# --- the locks


def test_locks_are_in_step_with_pyproject() -> None:
    command = [sys.executable, "scripts/lock.py", "check"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout


def test_lock_check_notices_a_new_dependency_and_an_edited_pin(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "lock.py", tmp_path / "scripts")
    settings, lock = tmp_path / "pyproject.toml", tmp_path / "requirements.lock"
    settings.write_text(settings.read_text().replace('"rich>=14"', '"rich>=14", "left-out>=1"'))
    lock.write_text(re.sub(r"^typer==.*$", "typer==0.0.1", lock.read_text(), flags=re.MULTILINE))
    command = [sys.executable, str(tmp_path / "scripts" / "lock.py"), "check"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "requirements.lock has no version of left-out>=1" in answer.stdout
    assert "requirements.lock has no version of typer>=" in answer.stdout
    assert "typer differs between" in answer.stdout


def test_locks_name_exact_versions_only() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        lines = (ROOT / name).read_text().splitlines()
        odd = [line for line in lines if not re.match(r"#|[a-z0-9-]+==[\w.!+]+( ; [^@]+)?$", line)]
        assert odd == []


# --- what the documents say can be typed


def _documented_calls(program: str) -> list[list[str]]:
    """The words after `program`, for each place in the documents' code where it is called."""
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    text = "\n".join(document.read_text(encoding="utf-8") for document in documents)
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`([^`\n]+)`", prose)
    calls = [
        re.match(rf"\s*(?:\$ |> )?(?:\S*[/\\])?{program}(?:\.exe)?((?:\s+[^#&|;]*)?)", line) for line in lines
    ]
    return [call[1].split() for call in calls if call]


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {words[0] for words in _documented_calls("make") if words}
    assert {"demo", "test"} <= named
    assert named <= targets


def test_every_studio_command_and_option_in_the_documents_exists() -> None:
    from typer.main import get_command

    from studio_pipeline.cli import app

    commands = _documented_calls("studio")
    assert ["demo"] in [words[:1] for words in commands]
    unknown = []
    for words in commands:
        command, rest = get_command(app), list(words)
        while rest and not rest[0].startswith("-") and hasattr(command, "commands"):
            name = rest.pop(0)
            if name not in command.commands:
                unknown.append(f"studio {' '.join(words)}: {name}")
                break
            command = command.commands[name]
        known = {"--help"}.union(*(parameter.opts + parameter.secondary_opts for parameter in command.params))
        options = {word.split("=")[0].strip("[]") for word in rest if word.lstrip("[").startswith("-")}
        unknown += [f"studio {' '.join(words)}: {option}" for option in sorted(options - known)]
    assert unknown == []


# --- CI sees what it should


def test_ci_refuses_to_skip_for_want_of_what_it_has(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text())
    pytester.makepyfile(
        test_missing="""
            import pytest

            @pytest.mark.parametrize("part", ["Chromium", "torch", "Node", "Windows", "STUDIO_TEST_PICTURES"])
            def test_skips(part):
                pytest.skip(f"no {part} here")
        """,
        test_whole_file="import pytest; pytest.importorskip('torch_of_another_world')",
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--continue-on-collection-errors")
    result.assert_outcomes(failed=3, skipped=2, errors=1)
