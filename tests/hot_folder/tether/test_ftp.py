"""Cameras that send by FTP into the folder, through a real server."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import pytest

from hot_folder import EventKind
from tests.hot_folder.running import Running, wait_for
from tests.hot_folder.samples import raw
from tests.hot_folder.tether.writers import FRAMES, PAUSE_S, captures, kinds_of, reasons_of
from tests.support.ftp import Camera, serving

FRAME = raw(21, payload_bytes=60_000)
NAME = "DSC_0021.NEF"
ONCE = [EventKind.ARRIVED]


@pytest.fixture
def port(running: Running) -> Iterator[int]:
    with serving(running.capture) as port:
        yield port


def test_uploads_are_taken_in_once_and_whole(running: Running, port: int) -> None:
    for name, data in FRAMES.items():
        Camera(port).send(name, data)
    running.wait_for_exactly(FRAMES)
    assert {name: kinds_of(running, name) for name in FRAMES} == dict.fromkeys(FRAMES, ONCE)
    assert not [name for name in FRAMES if reasons_of(running, name)]


def all_at_once(sendings: Iterable[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=sending) for sending in sendings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def test_two_slow_uploads_at_once_are_waited_for(running: Running, port: int) -> None:
    frames = {NAME: FRAME, "DSC_0022.NEF": raw(22, payload_bytes=60_000)}
    slow = Camera(port, pause_s=PAUSE_S)
    all_at_once(partial(slow.send, name, data) for name, data in frames.items())
    running.wait_for_exactly(frames)
    assert {name: kinds_of(running, name) for name in frames} == dict.fromkeys(frames, ONCE)
    if sys.platform == "linux":
        assert not [name for name in frames if reasons_of(running, name)], "the server had them open"


def test_an_upload_under_another_name_counts_by_its_final_one(running: Running, port: int) -> None:
    temp_names = ["DSC_0021.NEF.tmp", "UPLOAD.000", "DSC_0023.NEF.sending"]
    frames = {f"DSC_{number:04}.NEF": raw(number) for number in (21, 22, 23)}
    slow = Camera(port, pause_s=PAUSE_S)
    all_at_once(
        partial(slow.send_and_rename, name, temp_name, data)
        for temp_name, (name, data) in zip(temp_names, frames.items(), strict=True)
    )
    for temp_name in temp_names:
        # A name that says nothing is remembered as no picture, until it is seen to be gone.
        wait_for(lambda name=temp_name: kinds_of(running, name)[-1:] != [EventKind.UNSUPPORTED], 20)
    running.wait_for_exactly(frames)
    assert {name: kinds_of(running, name) for name in frames} == dict.fromkeys(frames, ONCE)
    assert len(captures(running)) == len(frames)


@pytest.mark.parametrize("patiently", [True, False], ids=["later", "at-once"])
@pytest.mark.parametrize("abruptly", [True, False], ids=["reset", "closed"])
def test_an_upload_that_broke_off_is_taken_in_when_it_is_sent_again(
    running: Running, port: int, abruptly: bool, patiently: bool
) -> None:
    stored, part = running.capture / NAME, FRAME[:50_000]
    if abruptly:
        size = lambda: stored.stat().st_size if stored.exists() else 0  # noqa: E731
        Camera(port).break_off_abruptly(NAME, part, size)
    else:
        Camera(port).break_off(NAME, part)
    if patiently:
        wait_for(lambda: bool(reasons_of(running, NAME)), 20)
        (reason,) = reasons_of(running, NAME)
        assert "it is cut short" in reason
        assert reason.endswith("copy it again from the card")
    Camera(port).send(NAME, FRAME)
    running.wait_for_exactly({NAME: FRAME})
    assert kinds_of(running, NAME) == ONCE
    assert len(captures(running)) == 1


def test_no_part_of_an_upload_is_a_capture_and_each_is_said(running: Running, port: int) -> None:
    parts = {
        f"{share:.0%} {name}": data[: round(share * len(data)) - 1]
        for name, data in FRAMES.items()
        for share in (0.1, 0.4, 0.7, 0.9, 1.0)
    }
    for name, part in parts.items():
        Camera(port).break_off(name, part)
    wait_for(lambda: all(reasons_of(running, name) for name in parts), 20)
    assert not captures(running)
    assert all(reasons_of(running, name)[-1].endswith("copy it again from the card") for name in parts)


def test_an_upload_that_is_resumed_is_taken_in_once_and_whole(running: Running, port: int) -> None:
    Camera(port).break_off(NAME, FRAME[:50_000])
    wait_for(lambda: bool(reasons_of(running, NAME)), 20)
    Camera(port, pause_s=PAUSE_S).send(NAME, FRAME, resume_at=50_000)
    running.wait_for_exactly({NAME: FRAME})
    assert kinds_of(running, NAME) == ONCE


def test_a_name_that_is_sent_again_with_another_picture_is_another_capture(
    running: Running, port: int
) -> None:
    """The counter rolled over, or a second body counts alike: the server writes over the file in place."""
    Camera(port).send(NAME, FRAME)
    wait_for(lambda: kinds_of(running, NAME) == ONCE, 20)
    second = raw(22, payload_bytes=60_000)
    Camera(port).send(NAME, second)
    running.wait_for_exactly({NAME: second})
    assert kinds_of(running, NAME) == [*ONCE, EventKind.REPLACED, *ONCE]
    assert len(captures(running)) == 2
