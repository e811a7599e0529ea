"""gphoto2 with its hands on a camera: libgphoto2's virtual one, downloading into the folder."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from hot_folder import EventKind
from tests.hot_folder.running import Running, wait_for
from tests.hot_folder.tether.writers import PAUSE_S, captures, events_of, jpeg_of, kinds_of, reasons_of

NAMES = ["GPH_0099.JPG", "GPH_0101.JPG", "GPH_0103.JPG"]
ONCE = [EventKind.ARRIVED]
PROGRAM = Path(__file__).parents[2] / "support" / "virtual_tether.py"


def has_virtual_camera() -> bool:
    found = importlib.util.find_spec("gphoto2")
    return found is not None and (Path(found.origin or "").parent / "libgphoto2" / "vusb").is_dir()


pytestmark = pytest.mark.skipif(
    not has_virtual_camera(),
    reason="needs libgphoto2's virtual camera, which the gphoto2 package brings on Linux",
)


@dataclass(frozen=True)
class Tether:
    """A camera on a cable, in a folder of its own. working: where gphoto2 was started."""

    folder: Path
    working: Path
    filename: str = "%f.%C"

    def shoot(self, frames: Sequence[bytes], *options: str, clock: str = "2024-05-01") -> list[str]:
        """Release once for each frame; returns where each lay in the camera."""
        camera, exposures = (Path(tempfile.mkdtemp(dir=self.folder)) for _ in range(2))
        for number, data in enumerate([frames[0], *frames]):
            (exposures / f"{number:02}.jpg").write_bytes(data)
        lens = (exposures / "00.jpg").rename(camera / "lens.jpg")
        clock_s = datetime.fromisoformat(clock).timestamp()
        os.utime(lens, (clock_s, clock_s))
        command = [sys.executable, "-W", "ignore", str(PROGRAM), str(exposures), self.filename, *options]
        done = subprocess.run(
            command,
            cwd=self.working,
            env={**os.environ, "VCAMERADIR": str(camera)},
            stdout=subprocess.PIPE,
            check=True,
            timeout=60,
        )
        return [line.removeprefix("/store_00010001/DCIM/") for line in done.stdout.decode().splitlines()]


@pytest.fixture
def tether(running: Running, tmp_path: Path) -> Tether:
    return Tether(tmp_path, running.capture)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another filesystem, into which nothing can be renamed from here."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second filesystem at /dev/shm")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.mark.parametrize("clock", ["2001-01-01", "2035-12-31"])
def test_every_frame_is_taken_in_once_and_whole_whatever_the_cameras_clock(
    running: Running, tether: Tether, tmp_path: Path, clock: str
) -> None:
    hook = tmp_path / "hook"
    hook.write_text(f'#!/bin/sh\necho "$ACTION $ARGUMENT" >> "{tmp_path}/hooked"\n')
    hook.chmod(0o755)
    frames = {name: jpeg_of(seed) for seed, name in enumerate(NAMES)}
    begun_s = time.time()
    # It holds on to the temporary name for so long that another would be remembered as no picture.
    lay_at = tether.shoot(list(frames.values()), "--hook", str(hook), "--hold-s", str(PAUSE_S), clock=clock)
    assert lay_at == ["100GPHOT/GPH_0099.JPG", "101GPHOT/GPH_0101.JPG", "101GPHOT/GPH_0103.JPG"]
    assert (tmp_path / "hooked").read_text().splitlines() == [f"download {name}" for name in NAMES]

    running.wait_for_exactly(frames)
    assert running.news() == [(EventKind.ARRIVED, name) for name in NAMES]
    assert all(begun_s <= event.at_s <= time.time() for event in running.events())
    years = {datetime.fromtimestamp((running.capture / name).stat().st_mtime).year for name in NAMES}
    assert years == {datetime.fromisoformat(clock).year}
    said = [one.path for report in running.reports for one in (*report.settling, *report.problems)]
    assert not [path for path in said if b"tmpfile" in path]


def test_a_slow_copy_across_devices_is_waited_for(running: Running, tmp_path: Path, elsewhere: Path) -> None:
    frames = {NAMES[0]: jpeg_of(1)}
    tether = Tether(tmp_path, elsewhere, str(running.capture / "%f.%C"))
    tether.shoot(list(frames.values()), "--stall-s", str(PAUSE_S))
    running.wait_for_exactly(frames)
    assert {name: kinds_of(running, name) for name in frames} == dict.fromkeys(frames, ONCE)
    if sys.platform == "linux":
        assert not [name for name in frames if reasons_of(running, name)]


def test_names_that_come_again_are_new_captures_and_cost_no_old_one(running: Running, tether: Tether) -> None:
    """gphoto2 removes a file whose name it needs; what was taken in is still known, by its own bytes."""
    first, second = ([jpeg_of(seed) for seed in range(start, start + 3)] for start in (0, 10))
    tether.shoot(first)
    wait_for(lambda: running.news() == [(EventKind.ARRIVED, name) for name in NAMES], 20)
    tether.shoot(second)
    wait_for(lambda: len(running.events()) >= 9, 20)
    tether.shoot(second)  # the same again, bytes and names
    running.wait_for_exactly(dict(zip(NAMES, second, strict=True)))
    for name in NAMES:
        assert kinds_of(running, name) == [EventKind.ARRIVED, EventKind.REPLACED, EventKind.ARRIVED]
    arrived = [event for event in running.events() if event.kind is EventKind.ARRIVED]
    assert [event.size for event in arrived] == [20_000] * 6
    assert len({event.sha256 for event in arrived}) == len(captures(running)) == 6


def test_the_same_bytes_under_the_next_name_are_one_capture_and_said_to_be(
    running: Running, tether: Tether
) -> None:
    tether.shoot([jpeg_of(1), jpeg_of(1)])
    wait_for(lambda: len(running.events()) == 2, 20)
    assert running.news() == [(EventKind.ARRIVED, NAMES[0]), (EventKind.DUPLICATE, NAMES[1])]
    (duplicate,) = events_of(running, NAMES[1])
    assert duplicate.duplicate_of == running.events()[0].file_id
    assert len(captures(running)) == 1
