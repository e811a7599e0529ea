"""What happens on the desk, as server-sent events: a snapshot first, then each change in order.

- ``snapshot`` ``{"status", "health"}``: everything; what the page knew before is replaced.
- ``change`` ``{"captures": [...], "gone": [id]}``: the rows that changed.
- ``health`` the desk's health, when it says something new.

Snapshot and change carry the revision as their id. A browser that lost the connection names the last one it
saw (``Last-Event-ID``) and gets what it missed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import anyio
from anyio.to_thread import run_sync
from sse_starlette import ServerSentEvent

from studio_pipeline.review.desk import Desk, Json

WAIT_S = 0.5  # how long one wait for a change lasts; also how soon a stream notices that the server stops
RETRY_MS = 1000
MOST_ROWS = 64  # beyond this a snapshot is cheaper than the rows one by one
HEALTH_ASKED_EVERY_S = 2.0
HEALTH_TOLD_EVERY_S = 15.0  # at the latest, even when it says nothing new
_MOVING = {"last_frame_age_s", "age_s", "free_bytes"}

_Answer = TypeVar("_Answer")


async def stream(
    desk: Desk, last_event_id: int | None, closing: threading.Event, wait_s: float = WAIT_S
) -> AsyncIterator[ServerSentEvent]:
    """Events until the server stops, a snapshot first when ``last_event_id`` is None or not of this run."""
    watch = _Watch(desk)
    if last_event_id is None:
        yield await watch.snapshot()
    else:
        watch.revision = last_event_id
    while not closing.is_set():
        revision, changed = await watch.ask(desk.changes, watch.revision, wait_s)
        if revision < watch.revision or len(changed) > MOST_ROWS:
            yield await watch.snapshot()
        elif changed:
            yield await watch.change(revision, list(changed))
        if (health := await watch.news_of_health()) is not None:
            yield health


class _Watch:
    """One page's place in the sequence of revisions.

    Each waits in a thread; a limiter of its own keeps waiting pages from taking the threads that tiles need.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._limiter = anyio.CapacityLimiter(1)
        self._health: Json | None = None
        self._health_asked_s = self._health_told_s = 0.0
        self.revision = 0

    async def ask(self, call: Callable[..., _Answer], *args: object) -> _Answer:
        return await run_sync(call, *args, abandon_on_cancel=True, limiter=self._limiter)

    async def snapshot(self) -> ServerSentEvent:
        # The revision first: a change while the rows are read is then sent again, never lost.
        self.revision, _ = await self.ask(self._desk.changes, 0, 0.0)
        status, health = await self.ask(self._desk.status), await self.ask(self._desk.health)
        self._remember(health)
        return self._event("snapshot", {"status": status, "health": health}, self.revision)

    async def change(self, revision: int, ids: list[str]) -> ServerSentEvent:
        rows, gone = await self.ask(self._rows, ids)
        self.revision = revision
        return self._event("change", {"captures": rows, "gone": gone}, revision)

    async def news_of_health(self) -> ServerSentEvent | None:
        now_s = anyio.current_time()
        if now_s < self._health_asked_s + HEALTH_ASKED_EVERY_S:
            return None
        self._health_asked_s = now_s
        health = await self.ask(self._desk.health)
        known = self._health and _at_rest(self._health)
        if _at_rest(health) == known and now_s < self._health_told_s + HEALTH_TOLD_EVERY_S:
            return None
        self._remember(health)
        return self._event("health", health)

    def _remember(self, health: Json) -> None:
        self._health = health
        self._health_asked_s = self._health_told_s = anyio.current_time()

    def _rows(self, ids: list[str]) -> tuple[list[Json], list[str]]:
        rows, gone = [], []
        for capture_id in ids:
            try:
                rows.append(self._desk.capture(capture_id))
            except KeyError:
                gone.append(capture_id)
        return rows, gone

    @staticmethod
    def _event(name: str, data: Json, revision: int | None = None) -> ServerSentEvent:
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str)
        number = None if revision is None else str(revision)
        return ServerSentEvent(data=text, event=name, id=number, retry=RETRY_MS)


def _at_rest(told: Any) -> Any:
    """What is told, without what moves by itself; the page counts the ages on."""
    if isinstance(told, dict):
        return {key: _at_rest(value) for key, value in told.items() if key not in _MOVING}
    return [_at_rest(one) for one in told] if isinstance(told, list) else told
