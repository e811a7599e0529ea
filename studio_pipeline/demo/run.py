"""`studio demo`: a shoot rendered as real DNG files, tethered in, proposed, reviewed, delivered."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from studio_pipeline.demo.shoot import DemoFrame, write_shoot
from studio_pipeline.errors import Refused, StudioError
from studio_pipeline.pipeline import verify
from studio_pipeline.pipeline.decide import Decisions
from studio_pipeline.pipeline.studio import Studio, at_work, utc_now
from studio_pipeline.records.capture import State
from studio_pipeline.records.entry import Entry
from studio_pipeline.records.preset import load
from studio_pipeline.review.shoot import page, stopped_by_signals
from studio_pipeline.session.folder import Session, create

PRESET = "banner-16x9"
SEED = 7
_HEADLESS_PAUSE_S = 0.2
_PATIENCE_S = 300.0


@dataclass(frozen=True)
class Checked:
    """One deliverable of the demo, and what `studio verify` found."""

    name: str
    file: str
    size_bytes: int
    locked_px: int
    changed_px: int | None
    proved: bool


def run_demo(
    folder: Path | None, *, headless: bool, port: int, user: str, announce: Callable[[str], None]
) -> None:
    """Run the demo. Raises Refused when the folder is in use, or (headless) when anything is not proved."""
    root = folder or Path(tempfile.mkdtemp(prefix="studio-demo-")) / "session"
    session = create(root, load(PRESET), PRESET, None, utc_now(), no_vault=True)
    print(f"session: {session.root}")
    if headless:
        _headless(session, user)
    else:
        _in_the_browser(session, port, user, announce)


def _in_the_browser(session: Session, port: int, user: str, announce: Callable[[str], None]) -> None:
    stop = threading.Event()
    with stopped_by_signals(stop), at_work(session) as studio, page(studio, port, user, announce):
        print("eight frames are coming in; approve some, then look into Output/. Ctrl-C ends the demo.")
        camera = _Camera(session.capture, pause_s=1.5, stop=stop)
        camera.start()
        studio.shoot(stop)
        camera.join(timeout=30)
    print(f"the session stays in {session.root}; `studio shoot {session.root}` goes on with it")


def _headless(session: Session, user: str) -> None:
    started = time.monotonic()
    stop = threading.Event()
    with at_work(session) as studio:
        camera = _Camera(session.capture, pause_s=_HEADLESS_PAUSE_S, stop=stop)
        camera.start()
        working = threading.Thread(target=_working, args=(studio, stop), name="shoot")
        working.start()
        try:
            camera.join()
            camera.check()
            _until(studio, _all_read, working)
            decisions = Decisions(session, studio.catalog, socket.gethostname(), "demo")
            for entry in studio.catalog.entries():
                if entry.state is State.PROPOSED:
                    decisions.approve(entry.id, None, None, user, utc_now())
            studio.conductor.wake()
            _until(studio, _all_delivered, working)
        finally:
            stop.set()
            working.join()
        entries = studio.catalog.entries()
    checked = _verify_all(session, entries)
    _summary(entries, checked, time.monotonic() - started)
    if not checked or not all(c.proved for c in checked):
        raise Refused("not every deliverable of the demo was proved; the table says which")


class _Camera(threading.Thread):
    """The tethered camera: writes the shoot into the capture folder."""

    def __init__(self, capture: Path, pause_s: float, stop: threading.Event) -> None:
        super().__init__(name="camera", daemon=True)
        self._capture, self._pause_s, self._stop_asked = capture, pause_s, stop
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            write_shoot(
                self._capture, SEED, pause_s=self._pause_s, on_frame=self._on_frame, sleep=self._sleep
            )
        except _Unplugged:
            return
        except BaseException as error:  # handed to the main thread by ``check``
            self._error = error

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def _on_frame(self, frame: DemoFrame) -> None:
        print(f"  {frame.name} ({frame.kind})", flush=True)

    def _sleep(self, seconds: float) -> None:
        if self._stop_asked.wait(seconds):
            raise _Unplugged


class _Unplugged(StudioError):
    """The demo was stopped while the camera was still writing."""


def _working(studio: Studio, stop: threading.Event) -> None:
    try:
        studio.shoot(stop)
    finally:
        stop.set()


def _until(studio: Studio, done: Callable[[list[Entry]], bool], working: threading.Thread) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not done(studio.catalog.entries()):
        if not working.is_alive():
            raise Refused("the pipeline stopped; run again with `studio --verbose demo` to see why")
        if time.monotonic() > until:
            states = ", ".join(f"{e.name} {e.state.value}" for e in studio.catalog.entries())
            raise Refused(f"the demo did not finish in {_PATIENCE_S:.0f} s: {states}")
        time.sleep(0.1)


def _all_read(entries: list[Entry]) -> bool:
    """Every frame of the shoot has been looked at (a RAW and its JPEG are one)."""
    return len(entries) >= 8 and all(e.subject is not None or e.state is State.QUARANTINED for e in entries)


def _all_delivered(entries: list[Entry]) -> bool:
    return all(e.state is not State.APPROVED for e in entries)


def _verify_all(session: Session, entries: list[Entry]) -> list[Checked]:
    originals = {m.sha256: m.path for e in entries for m in e.members}
    checked = []
    for entry in entries:
        for one in entry.delivered:
            file = session.root / one.path.decode("utf-8", "surrogateescape")
            verdict = verify.verify(file, session, originals)
            checked.append(
                Checked(
                    entry.name,
                    file.name,
                    file.stat().st_size,
                    verdict.locked_pixels or 0,
                    verdict.locked_pixels_changed,
                    verdict.valid,
                )
            )
    return checked


def _summary(entries: list[Entry], checked: list[Checked], seconds: float) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "frame", "state", "deliverable", "MB", "locked pixels", "changed", "proved", box=box.SIMPLE_HEAD
    )
    for entry in entries:
        mine = [c for c in checked if c.name == entry.name]
        for c in mine:
            row = (
                f"{c.size_bytes / 1e6:.1f}",
                f"{c.locked_px:,}",
                str(c.changed_px),
                "yes" if c.proved else "NO",
            )
            table.add_row(entry.name, entry.state.value, c.file, *row)
        if not mine:
            table.add_row(entry.name, entry.state.value, entry.reason, "", "", "", "")
    console = Console(width=max(100, shutil.get_terminal_size().columns))
    console.print(table)
    console.print(f"{len(entries)} frames, {len(checked)} deliverables in {seconds:.0f} s")
