"""What all tests share: no fetching of weights, a calm hypothesis, and no silent skips where CI looks."""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

import studio_pipeline  # noqa: F401 - before numpy: it settles on how many threads algebra runs
from scripts.browser import find_chromium

if TYPE_CHECKING:
    from tests.support.finished import Finished

os.environ.setdefault("HF_HUB_OFFLINE", "1")

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}

# With CI=true these are there, so a test that skips for want of one is a test that nobody runs.
NEVER_MISSING_IN_CI = re.compile(
    r"chrom(e|ium)|playwright|browser|torch|diffusers|controlnet|\bnode(js)?\b|\bnpm\b|virtual camera",
    re.IGNORECASE,
)

# Files go to workers whole, in this order: one that takes minutes must not be the last.
LONGEST_FIRST = (
    "hot_folder/test_crash_safety.py",
    "pipeline/test_generated_way.py",
    "hot_folder/test_watcher.py",
    "test_benchmarks.py",
    "engines/test_adapters.py",
    "test_cli.py",
)

# Renders take as long as they take; in CI the same examples every time, so that a red run can be repeated.
settings.register_profile("studio", deadline=None, max_examples=50, derandomize=IN_CI)
settings.load_profile("studio")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    rank = {here / name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


@pytest.fixture(scope="session")
def chromium() -> Path:
    """A browser of Chromium's family, for Playwright's `executable_path`."""
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium here: `make browser` installs one, or says how")
    return program


@pytest.fixture(scope="session")
def pictures_folder() -> Path:
    """The folder of pictures from outside the project: the tests' only way to them."""
    named = os.environ.get("STUDIO_TEST_PICTURES")
    if not named:
        pytest.skip("STUDIO_TEST_PICTURES names no folder of pictures")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"STUDIO_TEST_PICTURES names {folder}, which is no folder")
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A shoot from RAW to deliverable, made once for all tests. Do not change anything in it."""
    from tests.support.finished import carry_the_whole_way

    return carry_the_whole_way(tmp_path_factory.mktemp("finished") / "session")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    refuse_skip(report)
    return report


def refuse_skip(report: pytest.TestReport | pytest.CollectReport, *, in_ci: bool = IN_CI) -> None:
    """Turn a skip for want of something that CI has into a failure."""
    if not in_ci or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if NEVER_MISSING_IN_CI.search(reason):
        report.outcome = "failed"
        report.longrepr = f"may not be skipped with CI=true: {reason}"
