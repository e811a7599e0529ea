"""A set's empty frame and a reference, from the folder to the proof of what was exchanged at the edge."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from studio_pipeline.edits.base import EMPTY_SET
from studio_pipeline.errors import Refused
from studio_pipeline.pipeline import delivery, proof, report, sets, verify
from studio_pipeline.pipeline.verify import Verdict
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.capture import State
from studio_pipeline.records.entry import Entry
from studio_pipeline.records.preset import EditSpec, Preset
from studio_pipeline.session.folder import Session
from tests.support import shoots


def preset(to: str) -> Preset:
    edits = (EditSpec(name="match_backdrop", params={"to": to}),)
    return shoots.cleanup_preset().model_copy(update={"edits": edits})


@dataclass(frozen=True)
class Matched:
    session: Session
    before: Entry
    after: Entry
    empty: Entry
    delivered: Entry

    def check(self) -> Verdict:
        originals = {m.sha256: m.path for e in (self.after, self.empty) for m in e.members}
        (file,) = self.session.output.iterdir()
        return verify.verify(file, self.session, originals)


@pytest.fixture(scope="module")
def matched(tmp_path_factory: pytest.TempPathFactory) -> Matched:
    """A portrait is proposed before the empty set of its set comes, then again; and delivered."""
    session = shoots.new_session(tmp_path_factory.mktemp("beside") / "s", preset("empty set"))
    shoots.put(session, shoots.portrait())
    with shoots.at_work(session) as studio:
        studio.run()
        (before,) = studio.catalog.entries()
        shoots.put(session, shoots.frames()[1])
        studio.run()
        after, empty = studio.catalog.entries()
        shoots.approve_all(studio)
        studio.run()
        delivered = studio.catalog.entries()[0]
    return Matched(session, before, after, empty, delivered)


def test_an_undecided_proposal_is_made_again_when_the_empty_set_comes(matched: Matched) -> None:
    assert matched.before.proposal is not None and matched.after.proposal is not None
    (missing,) = matched.before.proposal.plans[0].refusals
    assert missing.reason.startswith("no empty set of this set is known")
    assert matched.empty.subject is not None and matched.empty.subject.kind == "empty-set"
    assert matched.before.sources == {}
    assert matched.after.sources == {"empty set": matched.empty.base_key}
    assert matched.after.proposal_hash != matched.before.proposal_hash
    assert matched.after.proposal.plans[0].changes and matched.after.proposal.passed


def test_the_page_is_told_which_frame_it_is_and_which_edit_makes_use_of_it(matched: Matched) -> None:
    entries = (matched.after, matched.empty)
    said = report.detail(matched.after, [], 0.5, sets.by_base(matched.after.sources, entries))["beside"]
    name, edits = matched.empty.name, ["match_backdrop"]
    assert said == [{"role": "empty set", "id": matched.empty.id, "name": name, "edits": edits}]
    assert report.detail(matched.empty, [], 0.5, sets.by_base({}, entries))["beside"] == []


def test_what_it_was_matched_to_is_part_of_what_is_approved(matched: Matched) -> None:
    assert matched.after.proposal_hash is not None
    with shoots.opened(matched.session) as catalog:
        proposal = catalog.proposal(matched.after.proposal_hash)
    assert proposal.plans[0].body == {"matched_to": matched.empty.base_key}
    assert proposal.matte_sha256 and proposal.tier.value == "edge"


def test_the_edge_is_proved(matched: Matched) -> None:
    assert matched.delivered.state is State.DELIVERED
    verdict = matched.check()
    assert (verdict.reasons, verdict.locked_pixels_changed, verdict.tier) == ([], 0, "edge")
    assert verdict.changed_area_fraction is not None and verdict.changed_area_fraction > 0.3


def test_a_record_that_exchanges_more_is_noticed(matched: Matched, monkeypatch: pytest.MonkeyPatch) -> None:
    """As whoever holds the key could write it: signed and whole, one edge pixel its own."""
    load = proof.load_changes

    def forged(records: Path, name: str) -> proof.Changes:
        changes = load(records, name)
        (zone_file,) = matched.session.records.glob("*.zones.png")
        zones = proof.load_zones(records, zone_file.name)
        values = changes.values.copy()
        at_edge = zones[changes.mask] == Zone.EDGE
        values[np.flatnonzero(at_edge)[100]] ^= 1
        return proof.Changes(changes.canvas, changes.mask, values)

    monkeypatch.setattr(proof, "load_changes", forged)
    reasons = matched.check().reasons
    assert any(
        r.startswith("at the person's edge more than backdrop was exchanged: 1 pixels") for r in reasons
    )


def test_another_matte_is_noticed(matched: Matched, monkeypatch: pytest.MonkeyPatch) -> None:
    (record,) = matched.session.records.glob("*.json")
    assert json.loads(record.read_text())["record"]["matte_file"].endswith(".matte.png")
    load = proof.load_matte
    monkeypatch.setattr(proof, "load_matte", lambda records, name: load(records, name) // 2)
    assert matched.check().reasons == ["the matte is not the one that was approved"]


def test_a_marked_reference_is_taken_and_given_up(tmp_path: Path) -> None:
    session = shoots.new_session(tmp_path / "s", preset("reference"))
    for frame in shoots.frames()[2:4]:
        shoots.put(session, frame)
    with shoots.at_work(session) as studio:
        studio.run()
        first, second = studio.catalog.entries()
        decide = shoots.decisions(session, studio.catalog)
        decide.mark_reference(second.id, True, "ada", shoots.NOW)
        studio.run()
        marked = studio.catalog.entries()
        assert marked[1].reference_said is not None and marked[1].reference_said.user == "ada"
        decide.mark_reference(second.id, False, "ada", shoots.NOW)
        studio.run()
        last = studio.catalog.entries()
    assert [e.sources for e in (first, second)] == [{}, {}]
    assert [e.sources for e in marked] == [{"reference": second.base_key}] * 2
    changes = [e.proposal.plans[0].changes for e in marked if e.proposal]
    assert changes == [True, False]  # a reference is as it is to be
    assert [e.sources for e in last] == [{}, {}]
    assert [e.state for e in last] == [State.PROPOSED] * 2


def test_the_person_is_told_from_the_set_and_without_it_nothing_is_delivered(matched: Matched) -> None:
    assert matched.before.proposal is not None and matched.before.proposal.read_beside == ""
    assert matched.after.proposal is not None
    assert matched.after.proposal.read_beside == matched.empty.base_key
    with shoots.at_work(matched.session) as studio:
        studio.run()
        order = studio.conductor.order(matched.delivered)
    assert order.beside[EMPTY_SET].source.base_key == matched.empty.base_key
    with pytest.raises(Refused, match="the empty set that the person was told from is not in the session"):
        delivery.fulfil(delivery.Order(**{**order.__dict__, "beside": {}}))


def test_no_delivery_with_another_matte_than_was_approved(
    matched: Matched, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shoots.at_work(matched.session) as studio:
        studio.run()
        order = studio.conductor.order(matched.delivered)
    other = order.proposal.model_copy(update={"matte_sha256": "0" * 64})
    with pytest.raises(Refused, match="the picture's matte is not the one that was approved"):
        delivery.fulfil(delivery.Order(**{**order.__dict__, "proposal": other}))
