"""Jobs run in this very process, one after the other: for tests that hand in an engine of their own."""

from __future__ import annotations

import time

from studio_pipeline.errors import StudioError
from studio_pipeline.pipeline.supervisor import Job, Outcome, Supervisor
from studio_pipeline.pipeline.worker import resolve


class Inline(Supervisor):
    """As a supervisor whose workers answer at once; nothing is spawned."""

    def __init__(self) -> None:
        super().__init__(())
        self._done: list[Outcome] = []

    def submit(self, job: Job) -> bool:
        started = time.monotonic()
        try:
            value = resolve(job.function)(**job.arguments)
            self._done.append(Outcome(job, "done", value, seconds=time.monotonic() - started))
        except StudioError as error:
            self._done.append(Outcome(job, "failed", error=type(error).__name__, text=str(error)))
        return True

    def poll(self, timeout_s: float) -> list[Outcome]:
        done, self._done = self._done, []
        return done

    @property
    def idle(self) -> bool:
        return not self._done
