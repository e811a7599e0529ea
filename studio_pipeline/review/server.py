"""The review server: uvicorn in a thread of its own, on the loopback address, with a clean stop."""

from __future__ import annotations

import getpass
import logging
import secrets
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import uvicorn

from studio_pipeline.errors import Refused, TryAgain
from studio_pipeline.review.app import PAGE, create_app
from studio_pipeline.review.desk import Desk

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
_START_WITHIN_S = 20.0
_DRAIN_S = 3  # uvicorn counts whole seconds


class ReviewServer:
    """A running server. Whoever has ``url`` may decide: show it to this user only."""

    def __init__(
        self, server: uvicorn.Server, bound: socket.socket, closing: threading.Event, url: str
    ) -> None:
        self.url = url
        self._server = server
        self._closing = closing
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(bound,), name="review-server", daemon=True)

    def start(self, within_s: float = _START_WITHIN_S) -> None:
        """Return once requests are answered. Raises TryAgain when that takes too long."""
        self._thread.start()
        for _ in range(int(within_s / 0.02)):
            if self._server.started:
                return
            if self._ended.wait(0.02):
                break
        self.stop()
        raise TryAgain("the review server did not start; the log says why")

    def stop(self) -> None:
        """End the event streams, let requests under way finish, close. May be called twice."""
        self._closing.set()
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> ReviewServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, bound: socket.socket) -> None:
        try:
            self._server.run(sockets=[bound])
        except Exception:
            log.exception("the review server stopped")
        finally:
            bound.close()
            self._ended.set()


def serve(
    desk: Desk,
    *,
    port: int = 0,
    user: str | None = None,
    on_ready: Callable[[str], None] | None = None,
    page: Path = PAGE,
) -> ReviewServer:
    """Serve the page for ``desk`` on 127.0.0.1 until ``stop``; ``port`` 0 takes a free one.

    ``on_ready`` is called once with the address to open. Raises Refused when the port is taken or the page
    has not been built.
    """
    bound = _bind(port)
    try:
        port = int(bound.getsockname()[1])
        token = secrets.token_urlsafe(32)
        closing = threading.Event()
        app = create_app(desk, token=token, port=port, user=user or _user(), closing=closing, page=page)
    except BaseException:
        bound.close()
        raise
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # It would write the token.
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_DRAIN_S,
    )
    running = ReviewServer(uvicorn.Server(config), bound, closing, f"http://{LOOPBACK}:{port}/?token={token}")
    running.start()
    if on_ready:
        on_ready(running.url)
    return running


def _bind(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # On Windows SO_REUSEADDR lets two programs listen on one port; elsewhere it only skips the wait after
    # an earlier run.
    if sys.platform == "win32":
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((LOOPBACK, port))
        bound.listen(128)
    except (OSError, OverflowError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or "not a port number"
        raise Refused(
            f"cannot listen on port {port} ({reason}): choose another with --port, or leave it out"
        ) from error
    return bound


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # No name for this user id, as in some containers.
        return "unknown"
