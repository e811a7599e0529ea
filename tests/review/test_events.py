import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sse_starlette import ServerSentEvent

from studio_pipeline.review import events
from tests.review.memory_desk import MemoryDesk

Event = tuple[str | None, int | None, Any]


def follow(
    desk: MemoryDesk,
    last_event_id: int | None,
    story: Callable[[Callable[[], Awaitable[Event]]], Awaitable[None]],
) -> None:
    """Tell a story with a stream: ``story`` gets a function that waits for the next event."""

    async def tell() -> None:
        closing = threading.Event()
        stream = events.stream(desk, last_event_id, closing, wait_s=0.05)

        async def next_event() -> Event:
            return parsed(await asyncio.wait_for(anext(aiter(stream)), 5))

        await story(next_event)
        closing.set()
        await asyncio.wait_for(drain(stream), 5)

    asyncio.run(tell())


async def drain(stream: AsyncIterator[ServerSentEvent]) -> None:
    async for _ in stream:
        pass


def parsed(event: ServerSentEvent) -> Event:
    number = None if event.id is None else int(event.id)
    assert isinstance(event.data, str)
    return event.event, number, json.loads(event.data)


def names(data: Any) -> list[str]:
    return [row["name"] for row in data["captures"]]


def test_a_snapshot_first_then_each_change_in_order(desk: MemoryDesk) -> None:
    desk.arrive("1.NEF")

    async def story(next_event: Callable[[], Awaitable[Event]]) -> None:
        kind, revision, data = await next_event()
        assert (kind, revision, names(data["status"])) == ("snapshot", 1, ["1.NEF"])
        assert data["health"]["counts"] == {"proposed": 1}
        desk.arrive("2.NEF")
        desk.arrive("3.NEF")
        seen: list[str] = []
        last = revision
        while seen != ["2.NEF", "3.NEF"]:
            kind, revision, data = await next_event()
            if kind == "change":
                assert revision is not None
                assert last is not None
                assert revision > last
                seen, last = seen + names(data), revision

    follow(desk, None, story)


def test_who_comes_back_gets_what_was_missed(desk: MemoryDesk) -> None:
    for number in range(4):
        desk.arrive(f"{number}.NEF")

    async def story(next_event: Callable[[], Awaitable[Event]]) -> None:
        kind, revision, data = await next_event()
        assert (kind, revision, names(data)) == ("change", 4, ["2.NEF", "3.NEF"])

    follow(desk, 2, story)


def test_a_revision_of_another_run_begins_anew(desk: MemoryDesk) -> None:
    desk.arrive("1.NEF")

    async def story(next_event: Callable[[], Awaitable[Event]]) -> None:
        kind, revision, _ = await next_event()
        assert (kind, revision) == ("snapshot", 1)

    follow(desk, 900, story)


def test_many_changes_at_once_come_as_a_snapshot(desk: MemoryDesk) -> None:
    for number in range(events.MOST_ROWS + 1):
        desk.arrive(f"{number}.NEF")

    async def story(next_event: Callable[[], Awaitable[Event]]) -> None:
        kind, revision, _ = await next_event()
        assert (kind, revision) == ("snapshot", events.MOST_ROWS + 1)

    follow(desk, 0, story)


def test_a_capture_that_is_gone_is_named(desk: MemoryDesk) -> None:
    gone = desk.arrive("1.NEF")
    desk.remove(gone)

    async def story(next_event: Callable[[], Awaitable[Event]]) -> None:
        _, _, data = await next_event()
        assert data == {"captures": [], "gone": [gone]}

    follow(desk, 0, story)


def test_health_is_told_when_it_says_something_new(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEALTH_ASKED_EVERY_S", 0.05)
    desk.arrive("1.NEF")

    async def story(next_event: Callable[[], Awaitable[Event]]) -> None:
        await next_event()
        with pytest.raises(TimeoutError):  # its age grows all the time, and that is no news
            await asyncio.wait_for(asyncio.shield(waiting := asyncio.ensure_future(next_event())), 0.3)
        desk.alarms.append("the disk is nearly full")
        kind, revision, data = await waiting
        assert (kind, revision, data["alarms"]) == ("health", None, ["the disk is nearly full"])

    follow(desk, None, story)
