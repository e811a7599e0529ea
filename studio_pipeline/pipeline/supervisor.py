"""Workers that may crash: one job each, a deadline and a memory limit, killed and replaced alone.

``concurrent.futures`` breaks every queued job when one child dies and can neither kill nor prioritise; hence
this. Not thread-safe: one thread submits and polls; ``wake`` alone may be called from any.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from studio_pipeline.pipeline import worker

log = logging.getLogger(__name__)
_POLL_S = 0.5
_BACKLOG = 2  # jobs waiting for each worker before another is started
_GRACE_S = 1.0  # for a job to stop by itself, so that its worker stays warm
_GRACE_POLL_S = 0.1


@dataclass(frozen=True)
class Job:
    """``function`` is ``package.module:name``; ``arguments`` must pickle. Lower ``priority`` runs first.

    ``heeds``: the function takes ``cancelled``, asks it now and then, and raises when it says yes.
    """

    key: str
    lane: str
    priority: int
    function: str
    arguments: dict[str, Any]
    deadline_s: float = 300.0
    memory_bytes: int = 6 << 30
    heeds: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a job ended: ``done`` with its value, or ``failed`` (said so), ``broke`` (a bug), ``died`` (crash,
    deadline, memory). ``error`` is the error's class name and ``text`` one line for people.
    """

    job: Job
    kind: str
    value: Any = None
    error: str = ""
    text: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Lane:
    """A group of equal workers: one from the start, up to ``workers`` while jobs wait."""

    name: str
    workers: int
    preload: Sequence[str] = ()
    niceness: int = 0
    address_space_bytes: int | None = None


@dataclass
class _Worker:
    lane: Lane
    process: BaseProcess
    pipe: Connection
    job: Job | None = None
    started: float = 0.0
    withdrawn_s: float | None = None
    """When its job was withdrawn; nobody hears how that ends."""


@dataclass
class _Queue:
    heap: list[tuple[int, int, Job]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)


class Supervisor:
    """Start with ``with``; leaving kills what still runs (jobs are safe to repeat)."""

    def __init__(self, lanes: Sequence[Lane], clock: Callable[[], float] = time.monotonic) -> None:
        self._lanes = {lane.name: lane for lane in lanes}
        self._clock = clock
        self._context = multiprocessing.get_context("spawn")
        self._queues = {lane.name: _Queue() for lane in lanes}
        self._order = itertools.count()
        self._workers: list[_Worker] = []
        self._wake_receive, self._wake_send = self._context.Pipe(duplex=False)

    def __enter__(self) -> Supervisor:
        for lane in self._lanes.values():
            self._workers.append(self._start(lane))
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._workers:
            one.pipe.close()
            if one.job is not None:
                one.process.kill()
        for one in self._workers:
            one.process.join(timeout=3)
            if one.process.is_alive():
                one.process.kill()
                one.process.join()

    def has(self, lane: str) -> bool:
        return lane in self._lanes

    def submit(self, job: Job) -> bool:
        """Queue a job; False when one with its key already waits or runs."""
        queue = self._queues[job.lane]
        if job.key in queue.keys:
            return False
        queue.keys.add(job.key)
        heapq.heappush(queue.heap, (job.priority, next(self._order), job))
        self._dispatch()
        return True

    def withdraw(self, lane: str, key: str) -> None:
        """Forget a job, whether it waits or runs; another of its key may be submitted at once.

        One that heeds it is asked to stop, and its worker keeps what it has loaded; one that does not, or
        that has not stopped within a second, is killed with its worker.
        """
        queue = self._queues[lane]
        queue.keys.discard(key)
        queue.heap = [row for row in queue.heap if row[2].key != key]
        heapq.heapify(queue.heap)
        for place, one in enumerate(self._workers):
            if one.job is not None and one.lane.name == lane and one.job.key == key:
                self._stop(place)

    def abandon(self) -> None:
        """Forget every job, as ``withdraw`` does, and wait until none runs."""
        for queue in self._queues.values():
            queue.heap.clear()
            queue.keys.clear()
        for place, one in enumerate(self._workers):
            if one.job is not None:
                self._stop(place)
        while self.running:
            self._wait(_GRACE_POLL_S)
            self._collect()

    @property
    def running(self) -> list[Job]:
        return [job for one in self._workers if (job := one.job) is not None]  # also read by other threads

    @property
    def waiting(self) -> int:
        return sum(len(queue.heap) for queue in self._queues.values())

    @property
    def idle(self) -> bool:
        return not self.running and not self.waiting

    def wake(self) -> None:
        """Make a waiting ``poll`` return now."""
        self._wake_send.send_bytes(b"!")

    def poll(self, timeout_s: float) -> list[Outcome]:
        """Wait for something to happen, at most ``timeout_s``; every job that ended since the last call."""
        self._dispatch()
        until = self._clock() + timeout_s
        outcomes: list[Outcome] = []
        while True:
            stopping = any(one.withdrawn_s is not None for one in self._workers)
            longest_s = _GRACE_POLL_S if stopping else _POLL_S
            woken = self._wait(min(longest_s, max(0.0, until - self._clock())))
            while self._wake_receive.poll():
                self._wake_receive.recv_bytes()
            outcomes += self._collect()
            self._dispatch()
            if outcomes or woken or self._clock() >= until:
                return outcomes

    def _wait(self, timeout_s: float) -> bool:
        """Until a worker has something to say; whether ``wake`` ended it."""
        pipes: list[Any] = [self._wake_receive]
        for one in self._workers:
            pipes += [one.pipe, one.process.sentinel]
        return self._wake_receive in wait(pipes, timeout_s)

    def _stop(self, place: int) -> None:
        one = self._workers[place]
        assert one.job is not None
        if one.withdrawn_s is None:
            one.withdrawn_s = self._clock()
        if one.job.heeds:
            with contextlib.suppress(BrokenPipeError, OSError):  # a dead worker is replaced by _collect
                one.pipe.send(worker.WITHDRAWN)
        else:
            self._replace(place, "it is not wanted any more")

    def _collect(self) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for place, one in enumerate(self._workers):
            answer = _received(one.pipe)
            if answer is not None and one.job is not None:
                outcomes += self._finished(one, *answer)
            elif not one.process.is_alive():
                outcomes += self._replace(place, f"the process died (exit code {one.process.exitcode})")
            elif one.withdrawn_s is not None and self._clock() - one.withdrawn_s > _GRACE_S:
                self._replace(place, f"it is not wanted any more, and went on for {_GRACE_S:.0f} s")
            elif one.job is not None and self._clock() - one.started > one.job.deadline_s:
                outcomes += self._replace(place, f"it took longer than {one.job.deadline_s:.0f} s")
            elif one.job is not None and _resident_bytes(one.process.pid) > one.job.memory_bytes:
                outcomes += self._replace(
                    place, f"it needed more than {one.job.memory_bytes >> 20} MB of memory"
                )
        return outcomes

    def _finished(self, one: _Worker, kind: str, body: Any) -> list[Outcome]:
        job, seconds, withdrawn_s = one.job, self._clock() - one.started, one.withdrawn_s
        assert job is not None
        one.job = one.withdrawn_s = None
        if withdrawn_s is not None:
            log.info("%s was withdrawn and stopped in %.2f s", job.key, self._clock() - withdrawn_s)
            return []
        self._queues[job.lane].keys.discard(job.key)
        if kind == "done":
            return [Outcome(job, kind, value=body, seconds=seconds)]
        if kind == "broke":
            log.error("%s broke on %s:\n%s", job.function, job.key, body[2])
        return [Outcome(job, kind, error=body[0], text=body[1], seconds=seconds)]

    def _replace(self, place: int, why: str) -> list[Outcome]:
        one = self._workers[place]
        one.process.kill()
        one.process.join()
        one.pipe.close()
        self._workers[place] = self._start(one.lane)
        if one.job is None:
            return []
        log.warning("%s was stopped on %s: %s", one.job.function, one.job.key, why)
        if one.withdrawn_s is not None:
            return []
        self._queues[one.job.lane].keys.discard(one.job.key)
        return [Outcome(one.job, "died", error="Died", text=why, seconds=self._clock() - one.started)]

    def _dispatch(self) -> None:
        for one in self._workers:
            queue = self._queues[one.lane.name]
            if one.job is not None or not queue.heap:
                continue
            _, _, job = heapq.heappop(queue.heap)
            one.job, one.started = job, self._clock()
            with contextlib.suppress(BrokenPipeError, OSError):  # a dead worker: _collect reports the job
                one.pipe.send((job.function, job.arguments, job.heeds))
        for lane in self._lanes.values():
            hired = sum(one.lane is lane for one in self._workers)
            if hired < lane.workers and len(self._queues[lane.name].heap) >= _BACKLOG * hired:
                self._workers.append(self._start(lane))  # warm by the time the queue needs it

    def _start(self, lane: Lane) -> _Worker:
        parent, child = self._context.Pipe()
        arguments = (child, tuple(lane.preload), lane.address_space_bytes, lane.niceness)
        process = self._context.Process(
            target=worker.main, args=arguments, daemon=True, name=f"studio-{lane.name}"
        )
        process.start()
        child.close()
        return _Worker(lane, process, parent)


def _received(pipe: Connection) -> tuple[str, Any] | None:
    try:
        return pipe.recv() if pipe.poll() else None
    except (EOFError, OSError):
        return None


def _resident_bytes(pid: int | None) -> int:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
