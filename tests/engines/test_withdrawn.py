"""A request that is withdrawn ends within a second, and the model stays loaded."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from studio_pipeline.pipeline.supervisor import Job, Lane, Outcome, Supervisor

HERE = "tests.support.asking_a_model"
_TO_STOP_S = 1.0  # measured: 0.02 to 0.04


def job(name: str, key: str, heeds: bool = True, **arguments: object) -> Job:
    return Job(key, "models", 0, f"{HERE}:{name}", dict(arguments), deadline_s=120, heeds=heeds)


def outcome(supervisor: Supervisor) -> Outcome:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        for one in supervisor.poll(1):
            return one
    raise AssertionError("nothing came")


def wait_for(path: Path) -> None:
    until = time.monotonic() + 60
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert path.exists()


def stopped_in_s(supervisor: Supervisor, stop: Callable[[], None]) -> float:
    started = time.monotonic()
    stop()
    while not supervisor.idle:
        assert supervisor.poll(0.02) == []  # nobody hears how it ended
    return time.monotonic() - started


def test_the_worker_stops_at_its_next_step_and_stays_warm(
    small: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = small("sd15")
    with Supervisor([Lane("models", 1)]) as supervisor:
        supervisor.submit(job("ask", "first", folder=folder, steps=2))
        process, loads, _, pixels = outcome(supervisor).value
        assert process != os.getpid() and loads == 1

        supervisor.submit(job("ask", "long", folder=folder, steps=900, began=tmp_path / "began"))
        supervisor.submit(job("ask", "waits", folder=folder, steps=900))
        wait_for(tmp_path / "began")
        supervisor.withdraw("models", "waits")
        taken_s = stopped_in_s(supervisor, lambda: supervisor.withdraw("models", "long"))
        assert taken_s < _TO_STOP_S

        supervisor.submit(job("ask", "long", folder=folder, steps=2))
        assert outcome(supervisor).value[:2] == (process, 1), "the same process, nothing loaded again"

        supervisor.submit(job("ask", "abandoned", folder=folder, steps=900, began=tmp_path / "again"))
        wait_for(tmp_path / "again")
        assert stopped_in_s(supervisor, supervisor.abandon) < _TO_STOP_S
        supervisor.submit(job("ask", "first", folder=folder, steps=2))
        last = outcome(supervisor).value
        assert last[:2] == (process, 1) and last[3] == pixels, "nothing is left of what was broken off"


def test_one_that_does_not_stop_is_killed_after_a_second(tmp_path: Path) -> None:
    with Supervisor([Lane("models", 1)]) as supervisor:
        for key, heeds, at_least_s in (("deaf", True, 0.9), ("never asked", False, 0.0)):
            began = tmp_path / key
            supervisor.submit(job("deaf", key, heeds, began=began))
            wait_for(began)
            taken_s = stopped_in_s(supervisor, lambda key=key: supervisor.withdraw("models", key))
            assert at_least_s <= taken_s < at_least_s + 1.5
