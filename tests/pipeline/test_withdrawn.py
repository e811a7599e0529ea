"""A model is not kept at what nobody wants any more: what withdraws a proposal in the making."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio_pipeline.engines.base import Cancelled
from studio_pipeline.pipeline import consent, stages
from studio_pipeline.pipeline.conductor import MODELS
from studio_pipeline.pipeline.studio import Studio, at_work
from studio_pipeline.pipeline.supervisor import Job, Outcome
from studio_pipeline.records.capture import State
from studio_pipeline.records.consent import Allowed
from studio_pipeline.records.hand import Wish
from studio_pipeline.records.preset import EditSpec, Preset
from tests.support import shoots
from tests.support.inline import Inline
from tests.support.oracles import chooser

PRESET = Preset(
    title="A room, continued",
    edits=(EditSpec(name="extend_background", params={"left": 40, "generative": "structured"}),),
)


class Slow(Inline):
    """Jobs that ask a model go on until they are withdrawn; all others end at once."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Job] = []
        self.withdrawn: list[Job] = []

    def has(self, lane: str) -> bool:
        return lane == MODELS

    def submit(self, job: Job) -> bool:
        if not job.heeds:
            return super().submit(job)
        if any(one.key == job.key for one in self.asked):
            return False
        self.asked.append(job)
        return True

    @property
    def running(self) -> list[Job]:
        return self.asked[:1]

    def withdraw(self, lane: str, key: str) -> None:
        self.withdrawn += [one for one in self.asked if one.key == key]
        self.asked = [one for one in self.asked if one.key != key]

    def abandon(self) -> None:
        self.asked = []


@pytest.fixture(scope="module")
def slow() -> Slow:
    return Slow()


@pytest.fixture(scope="module")
def studio(slow: Slow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One portrait, for which a model is being asked."""
    session = shoots.new_session(tmp_path_factory.mktemp("slow") / "session", PRESET)
    shoots.put(session, shoots.portrait())
    with at_work(session, workers=slow) as studio:
        studio.run()
        assert len(slow.asked) == 1
        yield studio


def test_a_proposal_in_the_making_stops_where_it_is(
    studio: Studio, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stage itself: asked between its parts, whichever part it is in."""
    arguments, asked = slow.asked[0].arguments, 0
    monkeypatch.setattr(consent, "chooser", lambda held, settings: chooser(None))

    def after(count: int) -> int:
        nonlocal asked
        asked = 0

        def cancelled() -> bool:
            nonlocal asked
            asked += 1
            return asked > count

        with pytest.raises(Cancelled):
            stages.propose(**arguments, cancelled=cancelled)
        return asked

    assert [after(count) for count in (0, 1, 2)] == [1, 2, 3]
    assert stages.propose(**arguments).proposal is not None


def test_what_is_said_meanwhile_withdraws_it(studio: Studio, slow: Slow) -> None:
    """One after the other on one capture; what is wanted instead is asked for in the same round."""
    (entry,) = studio.catalog.entries()
    decide = shoots.decisions(studio.session, studio.catalog)

    def withdrawn() -> list[Job]:
        studio.intake.step()
        studio.conductor.step(0)
        gone, slow.withdrawn = slow.withdrawn, []
        return gone

    decide.pick(entry.id, picked=True)
    assert withdrawn() == [] and len(slow.asked) == 1, "a pick changes no proposal"

    decide.hand(entry.id, "extend_background", Wish(again=True), None, "tester", shoots.NOW)
    (before,), (now,) = withdrawn(), slow.asked
    assert before.arguments["hands"] != now.arguments["hands"]

    decide.say_consent("", Allowed(no_generative=True), "tester", shoots.NOW)  # changes no entry
    (before,), (now,) = withdrawn(), slow.asked
    assert now.arguments["consent"].allowed.no_generative
    assert not before.arguments["consent"].allowed.no_generative

    studio.catalog.update(entry.id, state=State.REJECTED)
    assert len(withdrawn()) == 1 and not slow.asked

    studio.catalog.update(entry.id, state=State.DEVELOPED)
    assert withdrawn() == [] and len(slow.asked) == 1
    (path,) = studio.session.capture.iterdir()
    path.rename(studio.session.root / "Trash" / path.name)
    assert len(withdrawn()) == 1 and not slow.asked


def test_one_that_is_killed_at_a_model_is_made_without(tmp_path: Path) -> None:
    """By its deadline, say: the frame has the classical proposal."""

    class Killed(Slow):
        def poll(self, timeout_s: float) -> list[Outcome]:
            died = [Outcome(job, "died", text="took longer than 1800 s") for job in self.asked]
            self.asked = []
            return died + super().poll(timeout_s)

    session, workers = shoots.new_session(tmp_path / "session", PRESET), Killed()
    shoots.put(session, shoots.portrait())
    with at_work(session, workers=workers) as studio:
        studio.run()
        (entry,) = studio.catalog.entries()
    assert entry.state is State.PROPOSED, entry.reason
    assert entry.proposal is not None
    (plan,) = entry.proposal.plans
    assert plan.changes and plan.engine == "classical"
