"""The real thing: `studio shoot` as a process, a frame tethered in, a real browser, files on disk."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import tifffile

from studio_pipeline.session.folder import Session
from tests.review.conftest import Open
from tests.support import shoots

pytestmark = pytest.mark.browser
STUDIO = [sys.executable, "-c", "from studio_pipeline.cli import main; main()"]
PATIENCE_MS = 60_000


@dataclass(frozen=True)
class Shooting:
    session: Session
    url: str
    process: subprocess.Popen[str]

    def tether(self, name: str, data: bytes) -> float:
        """A frame as gphoto2 and others deliver it: under another name first. Returns when it was whole."""
        temporary = self.session.capture / f".{name}.tmp"
        temporary.write_bytes(data)
        temporary.rename(self.session.capture / name)
        return time.monotonic()


@pytest.fixture
def shooting(tmp_path: Path, built_page: Path) -> Iterator[Shooting]:
    session = shoots.new_session(tmp_path / "session")
    quiet = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    process = subprocess.Popen(
        [*STUDIO, "shoot", str(session.root)], stdout=subprocess.PIPE, text=True, env=quiet
    )
    try:
        yield Shooting(session, _address(process), process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _address(process: subprocess.Popen[str]) -> str:
    """What the program prints, within its time."""
    lines: list[str] = []
    reader = threading.Thread(
        target=lambda: lines.append(process.stdout.readline() if process.stdout else "")
    )
    reader.start()
    reader.join(60)
    found = re.search(r"http://127\.0\.0\.1:\d+/\S+", lines[0] if lines else "")
    assert found, f"no address in {lines}"
    return found.group(0)


def _studio(*words: str) -> str:
    return subprocess.run([*STUDIO, *words], capture_output=True, text=True, check=True, timeout=120).stdout


def test_a_frame_is_watched_arriving_reviewed_approved_and_delivered(
    shooting: Shooting, watched: Open
) -> None:
    window = watched(shooting.url)
    page = window.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_test_id("empty").wait_for()

    whole_s = shooting.tether("STP_0003.DNG", shoots.portrait().dng)
    card = page.locator("[data-testid^=card-]")
    card.wait_for(timeout=PATIENCE_MS)
    assert time.monotonic() - whole_s < 10
    page.locator("[data-testid^=card-][data-state=proposed]").wait_for(timeout=PATIENCE_MS)
    card.dblclick()
    page.locator("[data-testid=approve]:enabled").wait_for(timeout=PATIENCE_MS)

    # An edit has its own switch, and what is shown is what will be approved.
    both = page.get_by_test_id("shown-hash").inner_text()
    page.get_by_test_id("switch-heal_spots").click()
    _until(lambda: page.get_by_test_id("shown-hash").inner_text() != both)
    page.locator("[data-testid=approve]:enabled").wait_for(timeout=PATIENCE_MS)
    without_heal = page.get_by_test_id("shown-hash").inner_text()

    page.get_by_test_id("zoom100").click()
    _until(lambda: page.get_by_test_id("magnification").inner_text().startswith("100"))
    page.locator("[data-testid=approve]:enabled").wait_for(timeout=PATIENCE_MS)
    # 1138 columns after extension: level 11 is 100%, rendered from the master.
    assert any(re.search(r"/tiles/after/11/", one) for one in asked)
    page.keyboard.press("Enter")
    _until(lambda: len(list(shooting.session.output.glob("*.*"))) == 2)
    page.get_by_test_id("view-grid").click()
    page.locator("[data-testid^=card-][data-state=delivered]").wait_for(timeout=PATIENCE_MS)
    assert window.wrong == []

    (row,) = json.loads(_studio("status", str(shooting.session.root), "--json"))["captures"]
    assert row["state"] == "delivered"
    tiff = shooting.session.output / "STP_0003.tif"
    assert tifffile.imread(tiff).dtype == "uint16"
    verdict = json.loads(_studio("verify", str(tiff), "--json"))
    assert verdict["valid"] and verdict["locked_pixels_changed"] == 0
    assert verdict["edits"] == ["extend_background"]
    with shoots.opened(shooting.session) as catalog:
        (entry,) = catalog.entries()
    assert entry.approved_hash is not None
    assert entry.approved_hash.startswith(without_heal.split()[-1])


def _until(done: Callable[[], bool], patience_s: float = 60) -> None:
    until = time.monotonic() + patience_s
    while not done():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)


def test_ctrl_c_ends_in_order_and_a_second_shoot_is_refused_in_one_line(shooting: Shooting) -> None:
    second = subprocess.run(
        [*STUDIO, "shoot", str(shooting.session.root)], capture_output=True, text=True, timeout=60
    )
    assert second.returncode != 0
    (line,) = second.stderr.strip().splitlines()
    assert "already being worked on" in line
    shooting.process.send_signal(signal.SIGINT)
    assert shooting.process.wait(30) == 0
