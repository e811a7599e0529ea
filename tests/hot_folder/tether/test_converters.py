"""What Lightroom, Capture One and tagging programs do to files in the folder."""

from __future__ import annotations

import itertools
import os
import sys
import time
from pathlib import Path

import pytest

from hot_folder import EventKind
from tests.hot_folder.running import Running, wait_for
from tests.hot_folder.samples import raw, tiff, xmp
from tests.hot_folder.tether.writers import FRAMES, PAUSE_S, captures, kinds_of, pieces

TAKEN = "2024-05-01T12:00:00"


@pytest.fixture
def temp_names() -> dict[str, str]:
    """For each frame the name that a program gives it while it writes."""
    habits = itertools.cycle([".{}", "{}.tmp", "~{}", ".{}.lrtemp", "{}.part"])
    return {name: habit.format(name) for name, habit in zip(FRAMES, habits, strict=False)}


def test_temporary_names_are_not_noticed_and_the_final_ones_are(
    running: Running, temp_names: dict[str, str]
) -> None:
    for name, data in FRAMES.items():
        (running.capture / temp_names[name]).write_bytes(data)
    time.sleep(PAUSE_S)
    assert running.events() == []
    assert not [one.path for report in running.reports for one in report.settling]
    for name in FRAMES:
        (running.capture / temp_names[name]).rename(running.capture / name)
    running.wait_for_exactly(FRAMES)
    assert {name: kinds_of(running, name) for name in FRAMES} == {n: [EventKind.ARRIVED] for n in FRAMES}


def test_an_export_beside_its_raw_joins_it_once(running: Running) -> None:
    frames = {"DSC_0001.NEF": raw(1, taken=TAKEN), "DSC_0001.tif": tiff(1, size=(300, 200))}
    (running.capture / "DSC_0001.NEF").write_bytes(frames["DSC_0001.NEF"])
    export = running.capture / "DSC_0001.tif"
    export.touch()  # the name is taken first
    with (running.capture / ".DSC_0001.tif.co-export").open("wb", buffering=0) as file:
        for piece in pieces(frames["DSC_0001.tif"]):
            file.write(piece)
            time.sleep(0.1)
    (running.capture / ".DSC_0001.tif.co-export").replace(export)
    running.wait_for_exactly(frames)
    assert kinds_of(running, "DSC_0001.tif") == [EventKind.ARRIVED]
    assert len(captures(running)) == 1


def rewrite_header(path: Path, data: bytes, *, keeps_time: bool = False) -> None:
    """Write a file's first bytes anew, in place, as programs do that update its EXIF or XMP."""
    status = path.stat()
    with path.open("r+b", buffering=0) as file:
        file.write(data[:1000])
        if keeps_time:
            os.utime(file.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))


def tagged(data: bytes, tag: bytes) -> bytes:
    """The frame with something else in its first preview bytes; its time stays."""
    return data[:200] + tag.ljust(50, b" ") + data[250:]


def test_a_header_that_is_rewritten_in_place_makes_no_second_capture(running: Running) -> None:
    frames = {}
    for number, after_s in enumerate([0.0, 0.01, 0.03, 0.1, PAUSE_S]):
        name, first = f"DSC_{number:04}.DNG", raw(number, taken=TAKEN, payload_bytes=300_000)
        (running.capture / name).write_bytes(first)
        time.sleep(after_s)
        rewrite_header(running.capture / name, tagged(first, b"five stars"))
        frames[name] = tagged(first, b"five stars")
    running.wait_for_exactly(frames)
    for name in frames:
        first_kind, *later = kinds_of(running, name)
        assert (first_kind, set(later) <= {EventKind.CHANGED}) == (EventKind.ARRIVED, True)
    assert kinds_of(running, name) == [EventKind.ARRIVED, EventKind.CHANGED]  # there was time to take it in
    assert len(captures(running)) == len(frames)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, which says that a file was closed")
def test_a_header_is_noticed_though_the_program_puts_the_time_back(running: Running) -> None:
    first = raw(1, taken=TAKEN, payload_bytes=300_000)
    path = running.capture / "DSC_0001.DNG"
    path.write_bytes(first)
    wait_for(lambda: kinds_of(running, "DSC_0001.DNG") == [EventKind.ARRIVED], 20)
    rewrite_header(path, tagged(first, b"five stars"), keeps_time=True)
    running.wait_for_exactly({"DSC_0001.DNG": tagged(first, b"five stars")})
    assert kinds_of(running, "DSC_0001.DNG") == [EventKind.ARRIVED, EventKind.CHANGED]


def test_a_sidecar_that_is_saved_again_and_again_stays_one_member(running: Running) -> None:
    (running.capture / "DSC_0001.NEF").write_bytes(raw(1, taken=TAKEN))
    for rating in range(6):
        (running.capture / "DSC_0001.xmp").write_bytes(xmp(rating))
        time.sleep(0.05)
    running.wait_for_exactly({"DSC_0001.NEF": raw(1, taken=TAKEN), "DSC_0001.xmp": xmp(5)})
    first, *later = kinds_of(running, "DSC_0001.xmp")
    assert (first, set(later) <= {EventKind.CHANGED}) == (EventKind.ARRIVED, True)
    assert len(captures(running)) == 1
