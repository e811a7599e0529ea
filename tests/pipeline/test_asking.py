"""What a model made is held to the guards: other seeds are tried, then none, and the notes say so."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from studio_pipeline.edits import stack
from studio_pipeline.edits.base import Chooser
from studio_pipeline.engines.base import EngineRequest, Shown
from studio_pipeline.geometry import Roi
from studio_pipeline.pipeline import asking, conductor, consent, stages
from studio_pipeline.pixels.frame import Frame, plan_scale
from studio_pipeline.pixels.kinds import Kind
from studio_pipeline.records.consent import Allowed, Held, Level
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import EditSpec, EngineSettings, GuardLimits
from studio_pipeline.records.proposal import GuardResult
from tests.support import oracles
from tests.support.oracles import Oracle, chooser, watched

SPEC = EditSpec(name="extend_background", params={"left": 240, "generative": "structured"})


@pytest.fixture(scope="module")
def small() -> Frame:
    base = oracles.picture()
    return base.at_scale(plan_scale(base.extent))


def a_face(made: Shown, request: EngineRequest) -> Shown:
    """A real one (public domain, NASA), in the wall's own colours, so that only detectors can tell."""
    from skimage import data

    head = data.astronaut()[0:200, 130:310].astype(np.float32).mean(axis=2) / 255
    high = round(0.5 * made.shape[0])
    head = cv2.resize(head, (round(high * 0.9), high), interpolation=cv2.INTER_AREA)
    out, top = made.copy(), round(0.1 * made.shape[0])
    place = out[top : top + high, 4 : 4 + head.shape[1]]
    place[:] = place.mean(axis=(0, 1)) * (0.35 + 1.0 * head[..., None])
    return out


def proposed(small: Frame, oracle: Oracle, tries: int = 1) -> tuple[Plan, tuple[GuardResult, ...]]:
    choose = chooser(oracle)

    def replan(edit: str, more_seed: int, other: Chooser | None) -> Plan:
        spec = SPEC.model_copy(update={"seed": SPEC.seed + more_seed})
        return stack.plan_all(small, oracles.who(), (spec,), engine=other or choose)[0]

    with watched(oracle):
        plans = stack.plan_all(small, oracles.who(), (SPEC,), engine=choose)
        (plan,), (_, figures) = asking.tried(
            plans, replan, lambda these: stages.check(these, small, oracles.who(), GuardLimits()), tries
        )
    return plan, figures


def test_what_passes_is_proposed(small: Frame) -> None:
    plan, figures = proposed(small, Oracle())
    assert plan.made_by is not None and plan.made_by.regions == (Roi(0, -240, 720, 0),)
    assert all(one.passed for one in figures), [one.said for one in figures if not one.passed]
    assert {"new_people", "new_structure", "new_colours"} <= {one.name for one in figures}


def test_a_face_is_refused_and_another_seed_is_tried(small: Frame) -> None:
    faults = iter([a_face])
    oracle = Oracle(lambda made, request: next(faults, lambda m, r: m)(made, request))
    plan, figures = proposed(small, oracle)
    assert len(oracle.requests) == 2 and oracle.requests[0].seed != oracle.requests[1].seed
    assert plan.made_by is not None and all(one.passed for one in figures)
    assert any("was refused" in note and "this one passed" in note for note in plan.notes)


def test_with_a_face_every_time_the_classical_one_is_proposed(small: Frame) -> None:
    oracle = Oracle(a_face)
    plan, figures = proposed(small, oracle)
    assert len(oracle.requests) == 2 and plan.made_by is None and plan.engine == "classical"
    (line,) = (note for note in plan.notes if "was refused" in note)
    assert "new_faces" in line or "new_people" in line
    assert "made without a model" in line
    assert not any(one.name == "new_people" for one in figures)


def test_without_consent_to_generated_pixels_nobody_is_asked(small: Frame) -> None:
    held = Held(allowed=Allowed(level=Level.BACKDROP_ONLY, no_generative=True))
    choose = consent.chooser(held, EngineSettings())
    found = choose([Kind.STRUCTURED], True)
    assert found.engine is None and held.why in found.reason
    (plan,) = stack.plan_all(small, oracles.who(), (SPEC,), engine=choose)
    assert plan.changes and plan.engine == "classical"
    assert any("generated pixels are not allowed" in note for note in plan.notes)


def test_without_weights_the_reason_is_a_note(
    small: Frame, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path_factory.mktemp("models")))
    (plan,) = stack.plan_all(small, oracles.who(), (SPEC,), engine=asking.installed(EngineSettings()))
    assert plan.engine == "classical"
    assert "no model was asked: no engine's weights are installed" in plan.notes


def test_a_preset_says_whether_a_model_may_be_asked() -> None:
    assert asking.wants_a_model((SPEC,))
    assert not asking.wants_a_model((EditSpec(name="extend_background", params={"left": 9}),))
    assert not asking.wants_a_model((SPEC.model_copy(update={"enabled": False}),))


def test_proposals_that_ask_a_model_have_a_worker_of_their_own() -> None:
    names = {lane.name: lane for lane in conductor.lanes(8, with_models=True)}
    assert set(names) == {"preview", "work", "models"} and names["models"].workers == 1
    assert "models" not in {lane.name for lane in conductor.lanes(8)}
