"""The main job: watch, work, serve the page, deliver, until told to stop."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from hot_folder import Settings
from studio_pipeline.pipeline.decide import PAGE, Decisions
from studio_pipeline.pipeline.desk import Desk
from studio_pipeline.pipeline.studio import Studio, at_work, utc_now
from studio_pipeline.review.server import serve
from studio_pipeline.session.folder import Session


def shoot(
    session: Session,
    port: int,
    user: str,
    announce: Callable[[str], None],
    settings: Settings | None = None,
) -> None:
    """Run ``studio shoot``; returns after Ctrl-C or SIGTERM, with everything written down.

    ``settings`` say how the folders are watched, as ``pipeline.studio.watched`` makes them.
    """
    stop, working = threading.Event(), at_work(session, settings=settings)
    with stopped_by_signals(stop), working as studio, page(studio, port, user, announce):
        studio.shoot(stop)


@contextmanager
def page(studio: Studio, port: int, user: str, announce: Callable[[str], None]) -> Iterator[str]:
    """Serve the review page of a session at work; yields its address, which only this user should see."""
    host = socket.gethostname()
    desk = Desk(
        studio.session,
        studio.catalog,
        studio.conductor,
        Decisions(studio.session, studio.catalog, host, PAGE),
        now=utc_now,
        health=studio.told,
    )
    with serve(desk, port=port, user=user, on_ready=announce) as server:
        yield server.url


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks for an orderly end; a second Ctrl-C interrupts."""

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
