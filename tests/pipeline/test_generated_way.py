"""A structured set's whole way with a model: proposed, approved, delivered, proved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from studio_pipeline.demo import sitter
from studio_pipeline.engines import store
from studio_pipeline.pipeline import consent, proof, report, stages
from studio_pipeline.pipeline.desk import Desk
from studio_pipeline.pipeline.studio import at_work
from studio_pipeline.pipeline.verify import verify
from studio_pipeline.records.capture import State
from studio_pipeline.records.entry import Entry
from studio_pipeline.records.preset import EditSpec, EngineSettings, OutputRecipe, Preset
from studio_pipeline.session.folder import Session
from tests.support import oracles, shoots, small_models
from tests.support.backdrops import SRGB
from tests.support.command import done
from tests.support.inline import Inline
from tests.support.oracles import AROUND, WHOLE, Oracle, chooser, watched

ADDED_PX = 240
PRESET = Preset(
    title="A room, continued",
    edits=(
        EditSpec(
            name="extend_background",
            params={"left": ADDED_PX, "generative": "structured", "prompt": "panelled wall", "steps": 2},
        ),
    ),
    engines=EngineSettings(tries=1),
    deliverables=(OutputRecipe(name="tiff", format="tiff16"), OutputRecipe(name="web", format="jpeg")),
)


@pytest.fixture(scope="module")
def photograph() -> bytes:
    """Somebody in the oracles' room, as a converter's 16-bit TIFF."""
    import io

    linear = oracles.truth()[WHOLE.within(AROUND)].copy()
    hers, coverage = sitter.at_scale(1.15)
    height, width = coverage.shape
    place = linear[WHOLE.y1 - height : WHOLE.y1, 470 : 470 + width]
    place += coverage[..., None] * (hers @ SRGB.to_rec2020.T - place)
    out = io.BytesIO()
    codes = SRGB.encode(np.ascontiguousarray(linear), 16)
    tifffile.imwrite(out, codes, photometric="rgb", iccprofile=SRGB.icc_profile, metadata=None)
    return out.getvalue()


def begun(root: Path, photograph: bytes, candidates: int = 1) -> Session:
    (spec,) = PRESET.edits
    spec = spec.model_copy(update={"params": spec.params | {"candidates": candidates}})
    session = shoots.new_session(root, PRESET.model_copy(update={"edits": (spec,)}))
    (session.capture / "ROOM_0001.TIF").write_bytes(photograph)
    return session


def only(session: Session) -> Entry:
    with shoots.opened(session) as catalog:
        (entry,) = catalog.entries()
        return entry


@pytest.fixture(scope="module")
def session(photograph: bytes, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Carried the whole way with an oracle as the engine."""
    session = begun(tmp_path_factory.mktemp("oracle") / "session", photograph, candidates=2)
    tints = iter([1.0, 0.97])
    with (
        watched(Oracle(lambda made, _: made * np.float32(next(tints)))) as oracle,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(consent, "chooser", lambda held, settings: chooser(oracle))
        with at_work(session, workers=Inline()) as studio:
            studio.run()
            shoots.approve_all(studio)
            studio.run()
    assert len(oracle.requests) == 2, "one a candidate; rendering asks no model again"
    return session


class TestByAnOracle:
    def test_it_says_how_much_is_generated(self, session: Session) -> None:
        entry = only(session)
        assert entry.state is State.DELIVERED, entry.reason
        (shown,) = report.row(entry)["proposals"]
        share = ADDED_PX / (ADDED_PX + WHOLE.extent.width)
        assert shown["generated"] == {
            "share": pytest.approx(share, abs=1e-6),
            "by": ["oracle"],
            "of_the_person": 0,
        }
        assert shown["edits"][0]["engine"] == "oracle"

    def test_each_deliverable_is_proved_and_says_so(self, session: Session) -> None:
        entry = only(session)
        originals = {m.sha256: m.path for m in entry.members}
        share = ADDED_PX / (ADDED_PX + WHOLE.extent.width)
        for one in entry.delivered:
            file = session.root / one.path.decode()
            verdict = verify(file, session, originals)
            assert verdict.valid, verdict.reasons
            assert verdict.generated_fraction == pytest.approx(share, abs=1e-6)
            assert verdict.generated_by == ["oracle"] and verdict.locked_pixels_changed == 0
            data = file.read_bytes()
            assert b"digitalsourcetype/compositeWithTrainedAlgorithmicMedia" in data
            record, signed = proof.read_record(session.hidden, session.records / one.record)
            made_by = record.proposal.active[0].made_by
            assert signed and made_by is not None and made_by.engine == "oracle"

    def test_what_it_was_chosen_among_lies_there_small(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Made with the proposal: the page's server renders nothing for it."""
        monkeypatch.setattr(
            stages, "rendered", lambda *_, **__: pytest.fail("rendered on the way to the page")
        )
        with at_work(session, workers=Inline()) as studio:
            decide = shoots.decisions(session, studio.catalog)
            desk = Desk(session, studio.catalog, studio.conductor, decide, now=lambda: shoots.NOW)
            entry = studio.catalog.entries()[0]
            assert entry.proposal_hash is not None
            choices = studio.catalog.proposal(entry.proposal_hash).candidates
            pictures = [desk.small(entry.id, choice, 256) for choice in choices]
            as_shown = desk.preview(entry.id, 256)
        assert [choice.off["extend_background"] for choice in choices] == [
            ("generated-2",),
            ("generated-1",),
            ("generated-1", "generated-2"),
        ]
        assert pictures[0] == as_shown and len(set(pictures)) == 3

    def test_nothing_inside_was_changed(self, session: Session, photograph: bytes) -> None:
        import io

        entry = only(session)
        (tiff,) = (one for one in entry.delivered if one.recipe == "tiff")
        delivered = tifffile.imread(session.root / tiff.path.decode())
        assert delivered.shape[1] == WHOLE.extent.width + ADDED_PX
        assert np.array_equal(delivered[:, ADDED_PX:], tifffile.imread(io.BytesIO(photograph)))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Stable Diffusion with random weights, taken in as a user takes one in."""
    made = small_models.save("sd15", tmp_path_factory.mktemp("made"))
    folder = tmp_path_factory.mktemp("models")
    store.add(folder, made / "pipeline", "sd15-inpainting")
    return folder


@pytest.mark.timeout(300)  # two processes import torch
def test_by_command_a_model_that_makes_nonsense_is_refused_and_the_frames_go_on(
    models: Path, photograph: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The room and a frame of the demo's shoot, by spawned workers, the model in one of its own: proposed
    without it, delivered, proved.
    """
    monkeypatch.setenv("STUDIO_MODELS", str(models))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # so small a model's threads wait more than they work
    session = begun(tmp_path / "session", photograph)
    shoots.put(session, shoots.portrait())
    done("run", session.root)
    done("approve", session.root, "--all")
    done("deliver", session.root)
    with shoots.opened(session) as catalog:
        entries = {one.name: one for one in catalog.entries()}
    assert {one.state for one in entries.values()} == {State.DELIVERED}, entries
    notes = {}
    for name, entry in entries.items():
        assert entry.proposal is not None
        (plan,) = entry.proposal.plans
        assert plan.changes and plan.engine == "classical" and plan.made_by is None
        notes[name] = "; ".join(plan.notes)
    room = notes["ROOM_0001"]
    assert "sd15" in room and ("not used" in room or "refused" in room)
    assert "no side has structure" in notes[shoots.portrait().name], "paper goes on without a model"
    originals = {m.sha256: m.path for one in entries.values() for m in one.members}
    for one in (each for entry in entries.values() for each in entry.delivered):
        file = session.root / one.path.decode()
        verdict = verify(file, session, originals)
        assert verdict.valid and verdict.generated_fraction == 0
        assert b"digitalsourcetype" not in file.read_bytes()
