"""Work that ends after a person has decided otherwise, or while the catalog is busy."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio_pipeline.errors import TryAgain
from studio_pipeline.pipeline.schedule import Stage
from studio_pipeline.pipeline.studio import Studio, at_work
from studio_pipeline.pipeline.supervisor import Job
from studio_pipeline.records.capture import State
from studio_pipeline.records.entry import Entry
from studio_pipeline.session.catalog import Catalog
from tests.support import shoots
from tests.support.inline import Inline


class Held(Inline):
    """Answers at once, but for one stage: its jobs lie until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.held, self.jobs, self.every = Stage.DELIVER, list[Job](), list[Job]()

    def submit(self, job: Job) -> bool:
        self.every.append(job)
        if job.key.startswith(f"{self.held.value}:"):
            self.jobs.append(job)
            return True
        return super().submit(job)

    def let_go(self, job: Job) -> None:
        super().submit(job)


@pytest.fixture
def workers() -> Held:
    return Held()


@pytest.fixture
def studio(workers: Held, tmp_path: Path) -> Iterator[Studio]:
    """One portrait, approved; its delivery waits."""
    session = shoots.new_session(tmp_path / "session")
    shoots.put(session, shoots.portrait())
    with at_work(session, workers=workers) as studio:
        studio.run()
        shoots.approve_all(studio)
        studio.run()
        assert len(workers.jobs) == 1
        yield studio


def only(studio: Studio) -> Entry:
    (entry,) = studio.catalog.entries()
    return entry


def published(studio: Studio) -> list[str]:
    return sorted(path.name for path in studio.session.output.iterdir() if path.is_file())


def test_what_ends_late_changes_no_decision(studio: Studio, workers: Held) -> None:
    approved, decide = only(studio), shoots.decisions(studio.session, studio.catalog)
    proposing = next(job for job in workers.every if job.key.startswith("propose:"))
    workers.let_go(proposing)
    studio.run()
    after = only(studio)
    assert (after.state, after.approved_hash) == (State.APPROVED, approved.approved_hash)
    assert after.proposal_hash == approved.proposal_hash

    decide.revoke(approved.id, "ada", shoots.NOW)
    workers.let_go(workers.jobs[0])
    studio.run()
    after = only(studio)
    assert (after.state, after.delivered) == (State.PROPOSED, ())
    assert published(studio) == [], "nobody stands for it"

    decide.reject(approved.id, "ada", shoots.NOW)
    workers.let_go(proposing)
    studio.run()
    assert only(studio).state is State.REJECTED


def test_a_catalog_that_is_busy_for_a_moment_costs_time_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every third word to it is refused, what was made and what was handed out too."""
    session, times, rng = shoots.new_session(tmp_path / "session"), 0, random.Random(3)

    def now_and_then(name: str) -> None:
        real = getattr(Catalog, name)

        def busy(catalog: Catalog, *args: object, **words: object) -> object:
            nonlocal times
            if rng.random() < 1 / 3:
                times += 1
                raise TryAgain("the catalog is locked")
            return real(catalog, *args, **words)

        monkeypatch.setattr(Catalog, name, busy)

    shoots.put(session, shoots.portrait())
    with at_work(session, workers=Inline()) as studio:
        for name in ("update_seen", "keep_proposal", "entry"):
            now_and_then(name)
        studio.run()
        monkeypatch.undo()
        assert only(studio).state is State.PROPOSED
    assert times > 2
