"""The supervisor: a crash, an overrun or a memory hog costs its own job and nothing else."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from studio_pipeline.errors import NeedsTiff
from studio_pipeline.pipeline.supervisor import Job, Lane, Outcome, Supervisor

HERE = "tests.pipeline.test_supervisor"


def double(value: int) -> int:
    return 2 * value


def crash() -> None:
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def hog(megabytes: int) -> None:
    held = bytearray(megabytes << 20)
    time.sleep(30)
    del held


def refuse() -> None:
    raise NeedsTiff("send a TIFF")


def bug() -> None:
    raise ZeroDivisionError("a bug")


def job(name: str, key: str | None = None, *, priority: int = 0, **arguments: object) -> Job:
    return Job(key or name, "work", priority, f"{HERE}:{name}", dict(arguments), deadline_s=20)


@pytest.fixture()
def one_worker() -> Iterator[Supervisor]:
    with Supervisor([Lane("work", 1)]) as supervisor:
        yield supervisor


def finish(supervisor: Supervisor, count: int) -> list[Outcome]:
    outcomes: list[Outcome] = []
    until = time.monotonic() + 30
    while len(outcomes) < count and time.monotonic() < until:
        outcomes += supervisor.poll(1)
    assert len(outcomes) == count
    return outcomes


def test_a_crash_ends_its_own_job_only(one_worker: Supervisor) -> None:
    one_worker.submit(job("crash"))
    one_worker.submit(job("double", value=21))
    died, done = finish(one_worker, 2)
    assert (died.kind, done.kind, done.value) == ("died", "done", 42)


def test_a_job_past_its_deadline_is_killed(one_worker: Supervisor) -> None:
    one_worker.submit(Job("slow", "work", 0, f"{HERE}:sleep", {"seconds": 30}, deadline_s=0.5))
    (outcome,) = finish(one_worker, 1)
    assert outcome.kind == "died"
    assert "longer than" in outcome.text


def test_a_job_over_its_memory_is_killed(one_worker: Supervisor) -> None:
    one_worker.submit(Job("hog", "work", 0, f"{HERE}:hog", {"megabytes": 600}, memory_bytes=300 << 20))
    (outcome,) = finish(one_worker, 1)
    assert outcome.kind == "died"
    assert "memory" in outcome.text


def test_errors_cross_the_process_with_their_class_and_line(one_worker: Supervisor) -> None:
    one_worker.submit(job("refuse"))
    one_worker.submit(job("bug"))
    refused, broke = finish(one_worker, 2)
    assert (refused.kind, refused.error, refused.text) == ("failed", "NeedsTiff", "send a TIFF")
    assert (broke.kind, broke.error) == ("broke", "ZeroDivisionError")


def test_lower_priority_numbers_run_first_and_a_key_waits_once(one_worker: Supervisor) -> None:
    one_worker.submit(job("sleep", seconds=0.5))
    assert one_worker.submit(job("double", "later", priority=5, value=1))
    assert one_worker.submit(job("double", "sooner", priority=1, value=2))
    assert not one_worker.submit(job("double", "later", priority=0, value=3))
    assert [o.job.key for o in finish(one_worker, 3)] == ["sleep", "sooner", "later"]


def test_abandoned_workers_are_idle_and_go_on(one_worker: Supervisor) -> None:
    one_worker.submit(job("sleep", seconds=30))
    one_worker.submit(job("double", "waiting", value=1))
    one_worker.abandon()
    assert one_worker.idle
    one_worker.submit(job("double", value=4))
    (done,) = finish(one_worker, 1)
    assert done.value == 8


def test_wake_ends_a_wait(one_worker: Supervisor) -> None:
    one_worker.wake()
    started = time.monotonic()
    assert one_worker.poll(10) == []
    assert time.monotonic() - started < 5


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is honoured on Linux only")
def test_the_address_space_limit_turns_a_hog_into_one_clear_line() -> None:
    with Supervisor([Lane("work", 1, address_space_bytes=1 << 30)]) as supervisor:
        supervisor.submit(job("hog", megabytes=2000))
        (outcome,) = finish(supervisor, 1)
    assert (outcome.kind, outcome.text) == ("failed", "not enough memory for this file")
