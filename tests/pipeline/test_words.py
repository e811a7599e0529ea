"""What was said at another station: brought once, never over what was said here, and no approval at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pipeline.schedule import Stage, due
from studio_pipeline.pipeline.words import Interpreter, Words
from studio_pipeline.records.capture import Member, Role, State
from studio_pipeline.records.develop import BaseRecord, DevelopSettings
from studio_pipeline.records.entry import Door, Entry, Handed, Said
from studio_pipeline.records.hand import Hand
from studio_pipeline.records.plan import Item
from studio_pipeline.records.proposal import Decision, Verb
from studio_pipeline.session.catalog import Catalog
from tests.support.shoots import NOW, cleanup_preset

TRIANGLE = ((Point(0, 0), Point(9, 0), Point(9, 9)),)
NOBODY = Door(kind="nobody", user="bea", host="laptop", said_at=NOW)
OUTLINED = Door(kind="repaint", polygons=TRIANGLE, user="bea", host="laptop", said_at=NOW)
EXTEND = "extend_background"
SPECK = Item(id="7-9", kind="dust", roi=Roi(1, 2, 3, 4))
DRAWN = Handed(
    hand=Hand(area=TRIANGLE, spare=TRIANGLE, tries=2), off=(SPECK,), user="bea", host="laptop", said_at=NOW
)
REFERENCE = {"reference": True, "reference_said": Said(user="bea", host="laptop", said_at=NOW)}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Stations:
    """Two catalogs that know the same frames, `theirs` with words about them."""

    theirs: Catalog
    ours: Catalog

    def add(self, catalog: Catalog, name: str, *files: str, **said: Any) -> Entry:
        members = tuple(
            Member(
                path=f"Capture/{file}".encode(), role=_ROLES[file.rpartition(".")[2]], sha256=sha256(file),
                size_bytes=1,
            )
            for file in files
        )  # fmt: skip
        group = len(catalog.entries()) + 1
        return catalog.put(
            Entry(id=sha256(files[0]), group=group, name=name, members=members, arrived_at=NOW, **said)
        )

    def both(self, said: dict[str, Any], here: dict[str, Any] | None = None) -> Entry:
        self.add(self.theirs, "a", "a.NEF", **said)
        return self.add(self.ours, "a", "a.NEF", **(here or {}))

    def bring(self) -> Words:
        return Interpreter(self.theirs, self.ours, "0123", "laptop", [EXTEND]).bring()

    def reject(self, catalog: Catalog, entry_id: str, *, user: str = "bea", minutes: int = 0) -> Decision:
        entry = catalog.entry(entry_id)
        assert entry is not None
        decision = Decision(
            capture_id=entry_id, verb=Verb.REJECT, shown_hash="p", user=user, host="laptop", via="page",
            decided_at=NOW + timedelta(minutes=minutes),
        )  # fmt: skip
        catalog.decide(decision, entry, state=State.REJECTED)
        return decision

    def here(self, name: str = "a") -> Entry:
        (entry,) = [e for e in self.ours.entries() if e.name == name]
        return entry


_ROLES = {"NEF": Role.RAW, "tif": Role.TIFF, "JPG": Role.JPEG, "xmp": Role.SIDECAR}
_BASE = BaseRecord(
    member_sha256="m", kind="raw", settings=DevelopSettings(), look=None, extent=Extent(2, 3), bits=16,
    profile_sha256="p", profile_name="p", versions={},
)  # fmt: skip


@pytest.fixture
def stations(tmp_path: Path) -> Iterator[Stations]:
    theirs, ours = Catalog(tmp_path / "theirs.sqlite"), Catalog(tmp_path / "ours.sqlite")
    yield Stations(theirs, ours)
    theirs.close()
    ours.close()


def unchanged_by_another_run(stations: Stations) -> Words:
    before = stations.ours.changed_since(0)
    words = stations.bring()
    assert stations.ours.changed_since(0) == before
    assert (words.picks, words.rejections, words.doors, words.hands, words.references) == (0, 0, 0, 0, 0)
    return words


def test_a_pick_comes_along_once_and_stays_taken_back(stations: Stations) -> None:
    entry = stations.both({"picked": True})
    assert stations.bring().picks == 1
    assert stations.here().picked
    stations.ours.update(entry.id, picked=False)
    unchanged_by_another_run(stations)
    assert not stations.here().picked


def test_a_frame_that_is_picked_here_already_can_be_unpicked_as_well(stations: Stations) -> None:
    entry = stations.both({"picked": True}, {"picked": True})
    assert stations.bring().picks == 0
    stations.ours.update(entry.id, picked=False)
    unchanged_by_another_run(stations)


def test_a_rejection_keeps_its_name_and_time_and_says_that_it_was_merged(stations: Stations) -> None:
    entry = stations.both({"state": State.PROPOSED})
    said = stations.reject(stations.theirs, entry.id)
    assert stations.bring().rejections == 1
    assert stations.here().state is State.REJECTED
    (decision,) = stations.ours.decisions(entry.id)
    assert decision == said.model_copy(update={"via": "page, merged from laptop"})
    unchanged_by_another_run(stations)


def test_a_rejected_frame_is_developed_and_not_proposed_for(stations: Stations) -> None:
    entry = stations.both({"state": State.PROPOSED})
    stations.reject(stations.theirs, entry.id)
    stations.bring()
    preset = cleanup_preset()
    assert due(stations.here(), preset, "key") == [Stage.PREVIEW, Stage.BASE]
    ready = stations.here().model_copy(update={"base": _BASE, "base_key": "key", "previewed": True})
    assert due(ready, preset, "key") == []
    assert due(ready.model_copy(update={"state": State.NEEDS_A_PERSON}), preset, "key") == [Stage.PROPOSE]


def test_a_rejection_that_was_taken_back_here_stays_taken_back(stations: Stations) -> None:
    entry = stations.both({"state": State.PROPOSED})
    stations.reject(stations.theirs, entry.id)
    stations.bring()
    revoked = stations.reject(stations.ours, entry.id).model_copy(update={"verb": Verb.REVOKE})
    stations.ours.decide(revoked, stations.here(), state=State.PROPOSED)
    assert unchanged_by_another_run(stations).left == []
    assert stations.here().state is State.PROPOSED


@pytest.mark.parametrize("state", [State.APPROVED, State.DELIVERED, State.PROPOSED])
def test_what_was_decided_here_stands(stations: Stations, state: State) -> None:
    entry = stations.both({"state": State.PROPOSED}, {"state": State.PROPOSED})
    stations.reject(stations.theirs, entry.id, minutes=5)
    mine = stations.reject(stations.ours, entry.id, user="ada")
    stations.ours.decide(mine.model_copy(update={"verb": Verb.APPROVE}), stations.here(), state=state)
    words = unchanged_by_another_run(stations)
    assert stations.here().state is state
    assert [why for _, why in words.left] == ["its rejection stays there: it was decided on here"]


def test_a_rejection_of_what_is_withdrawn_here_stays_there(stations: Stations) -> None:
    entry = stations.both({"state": State.PROPOSED}, {"state": State.WITHDRAWN})
    stations.reject(stations.theirs, entry.id)
    assert [why for _, why in unchanged_by_another_run(stations).left] == [
        "its rejection stays there: it is withdrawn here"
    ]


@pytest.mark.parametrize("door", [NOBODY, OUTLINED], ids=["nobody", "outline"])
def test_who_is_in_a_frame_comes_along_with_name_and_time(stations: Stations, door: Door) -> None:
    stations.both({"door": door})
    assert stations.bring().doors == 1
    assert stations.here().door == door
    assert stations.here().state is State.TAKEN_IN
    unchanged_by_another_run(stations)


def test_where_a_proposal_was_made_without_knowing_it_is_made_anew(stations: Stations) -> None:
    made = {"base": _BASE, "proposal_hash": "p", "failures": {"propose": 2}, "reason": "unsure"}
    stations.both({"door": NOBODY}, {**made, "state": State.NEEDS_A_PERSON})
    stations.bring()
    entry = stations.here()
    assert (entry.state, entry.proposal_hash, entry.failures, entry.reason) == (State.DEVELOPED, None, {}, "")
    assert entry.base is not None


def test_an_outline_and_a_rejection_of_one_frame_come_together(stations: Stations) -> None:
    made = {"base": _BASE, "state": State.PROPOSED, "proposal_hash": "p"}
    entry = stations.both({**made, "door": OUTLINED}, made)
    stations.reject(stations.theirs, entry.id)
    words = stations.bring()
    assert (words.doors, words.rejections) == (1, 1)
    assert (stations.here().door, stations.here().state) == (OUTLINED, State.REJECTED)
    unchanged_by_another_run(stations)


def test_an_outline_of_what_is_rejected_here_leaves_it_rejected(stations: Stations) -> None:
    made = {"base": _BASE, "state": State.REJECTED}
    stations.both({"door": OUTLINED, "state": State.PROPOSED}, made)
    assert stations.bring().doors == 1
    assert (stations.here().door, stations.here().state) == (OUTLINED, State.REJECTED)


def test_the_later_word_on_who_is_there_counts(stations: Stations) -> None:
    later = OUTLINED.model_copy(update={"user": "ada", "said_at": NOW + timedelta(minutes=1)})
    stations.both({"door": NOBODY}, {"door": later})
    words = unchanged_by_another_run(stations)
    assert [why for _, why in words.left] == [
        "what was said of who is in it stays there: ada said otherwise here, and later"
    ]
    latest = NOBODY.model_copy(update={"said_at": NOW + timedelta(minutes=2)})
    stations.theirs.update(sha256("a.NEF"), door=latest)
    assert stations.bring().doors == 1
    assert stations.here().door == latest


def test_the_same_word_from_both_is_no_matter(stations: Stations) -> None:
    stations.both({"door": NOBODY}, {"door": NOBODY.model_copy(update={"user": "ada"})})
    assert unchanged_by_another_run(stations).left == []


@pytest.mark.parametrize("state", [State.APPROVED, State.DELIVERED, State.WITHDRAWN])
def test_an_outline_never_undoes_what_is_approved_or_withdrawn(stations: Stations, state: State) -> None:
    stations.both({"door": NOBODY}, {"state": state, "base": _BASE})
    words = unchanged_by_another_run(stations)
    assert [why for _, why in words.left] == [
        f"what was said of who is in it stays there: it is {state.value} here"
    ]


def test_an_outline_on_an_export_that_did_not_come_along_means_nothing_here(stations: Stations) -> None:
    stations.add(stations.theirs, "a", "a.NEF", "a.tif", door=OUTLINED)
    stations.add(stations.ours, "a", "a.NEF")
    words = unchanged_by_another_run(stations)
    assert [why for _, why in words.left] == [
        "what was said of who is in it stays there: it starts from another file here"
    ]
    stations.add(stations.theirs, "b", "b.NEF", "b.tif", door=OUTLINED)
    stations.add(stations.ours, "b", "b.NEF", "b.tif")
    assert stations.bring().doors == 1


def test_what_was_done_by_hand_comes_along_with_name_and_time(stations: Stations) -> None:
    stations.both({"hands": {EXTEND: DRAWN}})
    assert stations.bring().hands == 1
    assert stations.here().hands == {EXTEND: DRAWN}
    assert stations.here().state is State.TAKEN_IN  # planned with it once it is developed
    unchanged_by_another_run(stations)


@pytest.mark.parametrize("state", [State.PROPOSED, State.REJECTED])
def test_a_frame_is_planned_anew_with_it_unless_it_is_rejected(stations: Stations, state: State) -> None:
    stations.both({"hands": {EXTEND: DRAWN}}, {"base": _BASE, "proposal_hash": "p", "state": state})
    stations.bring()
    entry = stations.here()
    expected = State.REJECTED if state is State.REJECTED else State.DEVELOPED
    assert (entry.state, entry.proposal_hash, entry.subject) == (expected, None, None)
    assert (Stage.PROPOSE in due(entry, cleanup_preset(), "")) is False  # another base first
    ready = entry.model_copy(update={"base_key": "key", "previewed": True})
    assert due(ready, cleanup_preset(), "key") == ([] if state is State.REJECTED else [Stage.PROPOSE])


def test_the_later_hand_counts_for_each_edit_also_one_that_took_all_back(stations: Stations) -> None:
    mine = Handed(hand=Hand(tries=1), user="ada", host="h", said_at=NOW + timedelta(minutes=1))
    stations.both({"hands": {EXTEND: DRAWN}}, {"hands": {EXTEND: mine}})
    unchanged_by_another_run(stations)
    assert stations.here().hands == {EXTEND: mine}
    nothing = Handed(user="bea", host="laptop", said_at=NOW + timedelta(minutes=2))
    stations.theirs.update(sha256("a.NEF"), hands={EXTEND: nothing})
    assert stations.bring().hands == 1
    assert stations.here().hands == {EXTEND: nothing}
    unchanged_by_another_run(stations)


@pytest.mark.parametrize(
    "said, here, why",
    [
        ({}, {"state": State.APPROVED}, "what was done by hand in {} stays there: it is approved here"),
        ({"name": "heal_spots"}, {}, "what was done by hand in {} stays there: this session has no {}"),
    ],
)
def test_a_hand_that_would_mean_nothing_stays_there(
    stations: Stations, said: dict[str, str], here: dict[str, Any], why: str
) -> None:
    name = said.get("name", EXTEND)
    stations.both({"hands": {name: DRAWN}}, here)
    assert [line for _, line in unchanged_by_another_run(stations).left] == [why.format(name, name)]
    assert stations.here().hands == {}


def test_a_hand_on_an_export_that_did_not_come_along_stays_there(stations: Stations) -> None:
    stations.add(stations.theirs, "a", "a.NEF", "a.tif", hands={EXTEND: DRAWN}, switches={EXTEND: False})
    stations.add(stations.ours, "a", "a.NEF")
    assert [line for _, line in unchanged_by_another_run(stations).left] == [
        f"what was done by hand in {EXTEND} stays there: it starts from another file here"
    ]
    assert stations.here().switches == {}


def test_switches_come_along_where_nobody_set_any(stations: Stations) -> None:
    made = {"base": _BASE, "state": State.PROPOSED, "proposal_hash": "p"}
    stations.both({"switches": {EXTEND: False}}, made)
    stations.bring()
    assert (stations.here().switches, stations.here().state) == ({EXTEND: False}, State.DEVELOPED)
    stations.ours.update(sha256("a.NEF"), switches={EXTEND: True})
    unchanged_by_another_run(stations)
    assert stations.here().switches == {EXTEND: True}


def test_a_reference_comes_along_and_the_later_word_counts(stations: Stations) -> None:
    entry = stations.both(REFERENCE)
    assert stations.bring().references == 1
    assert stations.here().reference_said == REFERENCE["reference_said"] and stations.here().reference
    unchanged_by_another_run(stations)
    later = Said(user="ada", host="h", said_at=NOW + timedelta(minutes=1))
    stations.ours.update(entry.id, reference=False, reference_said=later)
    unchanged_by_another_run(stations)
    latest = Said(user="bea", host="laptop", said_at=NOW + timedelta(minutes=2))
    stations.theirs.update(entry.id, reference_said=latest)
    assert stations.bring().references == 1 and stations.here().reference


def test_that_a_frame_is_no_reference_any_more_comes_along(stations: Stations) -> None:
    later = Said(user="bea", host="laptop", said_at=NOW + timedelta(minutes=1))
    stations.both({"reference": False, "reference_said": later}, REFERENCE)
    assert stations.bring().references == 1
    assert not stations.here().reference


def test_a_reference_of_a_release_that_wrote_no_time_comes_until_somebody_speaks(stations: Stations) -> None:
    stations.both({"reference": True})
    assert stations.bring().references == 1
    later = Said(user="ada", host="h", said_at=NOW)
    stations.ours.update(sha256("a.NEF"), reference=False, reference_said=later)
    unchanged_by_another_run(stations)
    assert not stations.here().reference


def test_a_withdrawn_frame_becomes_no_reference(stations: Stations) -> None:
    stations.both(REFERENCE, {"state": State.WITHDRAWN})
    assert [line for _, line in unchanged_by_another_run(stations).left] == [
        "that it is a reference stays there: it is withdrawn here"
    ]


@pytest.mark.parametrize(
    "said", [{"state": State.APPROVED}, {"state": State.DELIVERED}, {"state": State.PROPOSED, "stale": True}]
)
def test_an_approval_is_listed_and_never_brought(stations: Stations, said: dict[str, Any]) -> None:
    stations.both({**said, "approved_hash": "p"})
    words = unchanged_by_another_run(stations)
    assert [entry.name for entry in words.approve_again] == ["a"]
    assert stations.ours.decisions(sha256("a.NEF")) == []
    stations.ours.update(sha256("a.NEF"), state=State.APPROVED)
    assert stations.bring().approve_again == []


def test_a_frame_that_is_withdrawn_there_or_not_here_says_nothing(stations: Stations) -> None:
    stations.both({"picked": True, "door": NOBODY, "state": State.WITHDRAWN})
    stations.add(stations.theirs, "b", "b.NEF", picked=True)
    assert unchanged_by_another_run(stations) == Words()


def test_a_jpeg_that_has_its_raw_here_is_that_capture(stations: Stations) -> None:
    stations.add(stations.theirs, "a", "a.JPG", picked=True)
    stations.add(stations.ours, "a", "a.NEF", "a.JPG", "a.xmp")
    assert stations.bring().picks == 1
    assert stations.here().picked


def test_a_word_here_between_reading_and_writing_is_not_overwritten(
    stations: Stations, monkeypatch: pytest.MonkeyPatch
) -> None:
    stations.both({"picked": True})
    update_seen, quicker = Catalog.update_seen, iter([True, False])

    def interrupted(self: Catalog, seen: Entry, **changes: Any) -> Entry | None:
        if next(quicker, False):
            self.update(seen.id, label="red")
        return update_seen(self, seen, **changes)

    monkeypatch.setattr(Catalog, "update_seen", interrupted)
    assert stations.bring().picks == 1
    assert (stations.here().picked, stations.here().label) == (True, "red")
