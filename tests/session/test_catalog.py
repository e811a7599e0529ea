"""The catalog: numbered changes, decisions on what was seen, and damage named."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio_pipeline.errors import Refused, TryAgain
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.records.capture import Member, Role, State
from studio_pipeline.records.consent import DEFAULT, Consent
from studio_pipeline.records.entry import Delivered, Entry, Handed
from studio_pipeline.records.hand import Hand
from studio_pipeline.records.plan import Item
from studio_pipeline.records.proposal import Decision, Proposal, Verb
from studio_pipeline.session import catalog as module
from studio_pipeline.session.catalog import Catalog
from tests.support import shoots

ODD = b"Capture/caf\xe9.DNG"


@pytest.fixture()
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(tmp_path / "catalog.sqlite")
    yield opened
    opened.close()


def entry(name: str, group: int, state: State = State.TAKEN_IN) -> Entry:
    member = Member(path=ODD, role=Role.RAW, sha256=name, size_bytes=1)
    return Entry(id=name, group=group, name=name, members=(member,), state=state, arrived_at=shoots.NOW)


def decision(capture_id: str, verb: Verb = Verb.APPROVE) -> Decision:
    return Decision(
        capture_id=capture_id, verb=verb, shown_hash="h", user="u", host="h", via="test",
        decided_at=shoots.NOW,
    )  # fmt: skip


def proposal(capture_id: str) -> Proposal:
    return Proposal(
        capture_id=capture_id, base_key="b", zones_sha256="z", base_extent=Extent(2, 3), plans=(),
        enabled=(), guards=(), versions={},
    )  # fmt: skip


def test_entries_come_back_as_they_were_put_in_order_of_arrival(catalog: Catalog) -> None:
    delivered = Delivered(recipe="r", path=b"Output/\xff.tif", sha256="s", shown_hash="h", record="s.json")
    late, early = entry("late", 2), entry("early", 1).model_copy(update={"delivered": (delivered,)})
    catalog.put(late)
    catalog.put(early)
    assert [e.model_copy(update={"revision": 0}) for e in catalog.entries()] == [early, late]
    found = catalog.entry("early")
    assert found is not None and found.members[0].path == ODD and found.delivered == (delivered,)
    assert catalog.entry("nobody") is None
    assert catalog.of_group(2) == catalog.entry("late")


def test_every_change_gets_the_next_number(catalog: Catalog) -> None:
    catalog.put(entry("a", 1))
    catalog.put(entry("b", 2))
    seen, ids = catalog.changed_since(0)
    assert ids == ["a", "b"]
    assert catalog.changed_since(seen) == (seen, [])
    changed = catalog.update("a", reason="r")
    assert catalog.changed_since(seen) == (changed.revision, ["a"])
    catalog.remove("b")
    newest, ids = catalog.changed_since(seen)
    assert newest > changed.revision and ids == ["a", "b"]
    assert catalog.put(entry("c", 3)).revision > newest


def test_a_raw_that_joins_takes_its_captures_decisions_along(catalog: Catalog) -> None:
    known = catalog.put(entry("jpeg", 1, State.PROPOSED))
    catalog.decide(decision("jpeg"), known, state=State.APPROVED)
    catalog.put(entry("raw", 1, State.TAKEN_IN), replaces="jpeg")
    assert [e.id for e in catalog.entries()] == ["raw"]
    assert [d.verb for d in catalog.decisions("raw")] == [Verb.APPROVE]
    assert catalog.decisions("jpeg") == []


def test_a_decision_and_its_consequence_are_one(catalog: Catalog) -> None:
    known = catalog.put(entry("a", 1, State.PROPOSED))
    decided = catalog.decide(decision("a"), known, state=State.APPROVED, approved_hash="h")
    assert (decided.state, decided.approved_hash) == (State.APPROVED, "h")
    assert catalog.decisions("a") == [decision("a")]


@pytest.mark.parametrize("change", [{"state": State.WITHDRAWN}, {"proposal_hash": "another"}])
def test_nothing_is_decided_on_what_has_changed_since_it_was_seen(
    catalog: Catalog, change: dict[str, object]
) -> None:
    seen = catalog.put(entry("a", 1, State.PROPOSED))
    catalog.update("a", **change)
    with pytest.raises(Refused, match="a has changed meanwhile; look at it again"):
        catalog.decide(decision("a"), seen, state=State.APPROVED)
    assert catalog.decisions("a") == []
    assert catalog.entry("a") == catalog.entries()[0] and catalog.entries()[0].state is not State.APPROVED


def test_a_change_of_something_else_does_not_stand_in_a_decisions_way(catalog: Catalog) -> None:
    seen = catalog.put(entry("a", 1, State.PROPOSED))
    catalog.update("a", rating=3)
    decided = catalog.decide(decision("a"), seen, state=State.APPROVED)
    assert (decided.state, decided.rating) == (State.APPROVED, 3)


def test_proposals_are_kept_once_and_found_by_their_hash(catalog: Catalog) -> None:
    one = proposal("a")
    key = catalog.keep_proposal(one)
    assert catalog.keep_proposal(one) == key == one.shown_hash()
    assert catalog.proposal(key) == one
    with pytest.raises(Refused, match="is not in this session"):
        catalog.proposal("0" * 64)


def test_facts_and_counts(catalog: Catalog) -> None:
    assert catalog.fact("seen") == 0
    catalog.set_fact("seen", 5)
    catalog.set_fact("seen", 7)
    assert catalog.fact("seen") == 7
    for number, state in enumerate([State.PROPOSED, State.PROPOSED, State.REJECTED]):
        catalog.put(entry(str(number), number, state))
    assert catalog.counts() == {"proposed": 2, "rejected": 1}


def test_changes_of_several_threads_are_all_kept_and_numbered_once(catalog: Catalog) -> None:
    def work(start: int) -> None:
        for number in range(start, start + 10):
            catalog.put(entry(str(number), number))

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(e.revision for e in catalog.entries()) == list(range(1, 31))


def test_nothing_of_it_is_lost_when_it_is_opened_again(tmp_path: Path) -> None:
    for number in range(2):
        again = Catalog(tmp_path / "catalog.sqlite")
        again.put(entry(str(number), number))
        again.close()
    assert [e.id for e in again.entries()] == ["0", "1"]
    again.close()


@pytest.mark.parametrize("name", ["what?x=1#2", "100%41", "ü 📷", "it's; --", b"caf\xe9"])
def test_its_folder_may_be_called_anything(tmp_path: Path, name: str | bytes) -> None:
    folder = tmp_path / os.fsdecode(name)
    try:
        folder.mkdir()
    except (OSError, UnicodeError):
        pytest.skip("this filesystem takes no such name")
    opened = Catalog(folder / "catalog.sqlite")
    opened.put(entry("a", 1))
    opened.close()
    assert (folder / "catalog.sqlite").stat().st_size > 0
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_catalog_of_the_first_release_opens(tmp_path: Path) -> None:
    """Its entries know of no hands, its proposals of no items."""
    path = tmp_path / "catalog.sqlite"
    old = Catalog(path)
    old.put(entry("frame", 1))
    key = old.keep_proposal(proposal("frame"))
    old.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=1")
        connection.execute("UPDATE entries SET doc = json_remove(doc, '$.hands', '$.copies', '$.lineage')")
    catalog = Catalog(path)
    (found,) = catalog.entries()
    assert found.hands == {} and catalog.proposal(key).shown_hash() == key
    item = Item(id="7-9", kind="spot", roi=Roi(1, 2, 3, 4))
    handed = Handed(hand=Hand(tries=2), off=(item,), user="ada", host="h", said_at=shoots.NOW)
    catalog.update("frame", hands={"heal_spots": handed})
    again = catalog.entry("frame")
    assert again is not None and again.hands == {"heal_spots": handed}
    catalog.close()


def test_a_catalog_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    Catalog(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(Refused, match="written by a newer studio-pipeline; update this one"):
        Catalog(path)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"no database at all\n" * 100)
    with pytest.raises(Refused, match=r"is damaged \(file is not a database\); restore it"):
        Catalog(path)


def test_a_catalog_that_another_process_holds_is_tried_again(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BUSY_TIMEOUT_S", 0.05)
    hurried = Catalog(tmp_path / "catalog.sqlite")
    holder = sqlite3.connect(tmp_path / "catalog.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(TryAgain, match="busy or the disk is full"):
            hurried.put(entry("a", 1))
        assert hurried.entries() == []
    finally:
        holder.close()
    hurried.put(entry("a", 1))
    hurried.close()


def test_while_another_program_reads_nothing_is_said_to_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BUSY_TIMEOUT_S", 0.05)
    catalog = Catalog(tmp_path / "c.sqlite")
    catalog.put(entry("a", 1).model_copy(update={"people": ("Ada Lovelace",)}))
    reader = sqlite3.connect(tmp_path / "c.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM entries").fetchone()
    catalog.blank([entry("a", 1)], "Ada Lovelace")
    with pytest.raises(TryAgain, match="close it, and try again"):
        catalog.compact()
    reader.close()
    catalog.compact()
    assert all(b"Ada Lovelace" not in path.read_bytes() for path in tmp_path.iterdir())
    catalog.close()


def test_blanking_reaches_former_ids_and_spares_what_still_counts(catalog: Catalog) -> None:
    ada, ben = entry("raw", 1), entry("b", 2).model_copy(update={"people": ("Ada", "Ben")})
    old, earlier, current = (
        proposal("jpeg"),
        proposal("b"),
        proposal("b").model_copy(update={"base_key": "2"}),
    )
    word = Consent(subject="Ada", allowed=DEFAULT, user="u", host="h", via="test", said_at=shoots.NOW)
    keys = [catalog.keep_proposal(one) for one in (old, earlier, current)]
    catalog.put(ada.model_copy(update={"people": ("Ada",)}))
    catalog.put(ben.model_copy(update={"proposal_hash": keys[2]}))
    catalog.say_consent(word)
    bare = ada.model_copy(update={"lineage": ("jpeg",), "state": State.PURGED})
    assert catalog.blank([bare], "Ada") == 0, "Ben's frame shows Ada, too: the word counts there"
    for key in keys[:2]:
        with pytest.raises(Refused, match="not in this session"):
            catalog.proposal(key)
    assert catalog.proposal(keys[2]) == current
    catalog.update("b", people=("Ben",))
    assert catalog.blank([bare], "Ada") == 1
