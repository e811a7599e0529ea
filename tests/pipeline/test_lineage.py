"""What a person decided follows the capture when its files change, and holds only for what was looked at."""

from __future__ import annotations

import hashlib
import os
import random
from datetime import timedelta
from pathlib import Path

import pytest

from studio_pipeline.pipeline import studio as studio_module
from studio_pipeline.pipeline.studio import at_work
from studio_pipeline.records.capture import State
from studio_pipeline.records.entry import Entry
from studio_pipeline.records.proposal import Decision, Verb
from studio_pipeline.session.folder import Session
from tests.hot_folder.samples import jpeg, raw, xmp
from tests.support import shoots


@pytest.fixture(autouse=True)
def without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture is worked on here, so none have to be warmed up and waited for."""
    monkeypatch.setattr(studio_module, "lanes", lambda cores, with_models=False: [])


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return shoots.new_session(tmp_path / "s", shoots.cleanup_preset())


def put(session: Session, name: str, data: bytes) -> Path:
    path = session.root / name
    path.write_bytes(data)
    os.utime(path, (path.stat().st_mtime - 60 - random.random(),) * 2)
    return path


def take_in(session: Session) -> list[Entry]:
    with at_work(session, only=frozenset()) as working:
        working.run()
        return working.catalog.entries()


def approved(session: Session, entry: Entry) -> None:
    """As if it had been looked at and approved."""
    decision = Decision(
        capture_id=entry.id,
        verb=Verb.APPROVE,
        shown_hash="f" * 64,
        user="ada",
        host="here",
        via="page",
        decided_at=shoots.NOW + timedelta(hours=1),
    )
    with shoots.opened(session) as catalog:
        catalog.decide(decision, entry, state=State.APPROVED, approved_hash="f" * 64)


def test_a_file_that_went_on_growing_supersedes_and_its_approval_is_void(session: Session) -> None:
    early, whole = b"\1" + bytes(range(1, 256)) * 20, b"\1" + bytes(range(1, 256)) * 40
    put(session, "Capture/a.mos", early)
    (first,) = take_in(session)
    approved(session, first)
    put(session, "Capture/a.mos", whole)
    (entry,) = take_in(session)
    assert entry.id == hashlib.sha256(whole).hexdigest()
    assert (entry.state, entry.approved_hash, entry.stale) == (State.TAKEN_IN, None, True)
    assert entry.reason == "another original arrived after the approval; look again"
    assert entry.lineage == (first.id,)
    with shoots.opened(session) as catalog:
        assert [decision.verb for decision in catalog.decisions(entry.id)] == [Verb.APPROVE]


def test_other_bytes_under_a_reused_name_take_nothing_from_the_first(session: Session) -> None:
    put(session, "Capture/DSC_0001.NEF", raw(1))
    (first,) = take_in(session)
    approved(session, first)
    put(session, "Capture/DSC_0001.NEF", raw(2))
    lost, second = take_in(session)
    assert (lost.id, lost.state, lost.lineage) == (first.id, State.WITHDRAWN, ())
    assert "another file took its name" in lost.reason
    assert (second.state, second.lineage) == (State.TAKEN_IN, ())
    put(session, "Capture/DSC_0001-1234abcd.NEF", raw(1))  # as it comes back from the vault
    back, _ = take_in(session)
    assert (back.id, back.state, back.approved_hash) == (first.id, State.APPROVED, "f" * 64)
    assert back.reason == ""


def test_into_the_trash_and_back_changes_no_decision(session: Session) -> None:
    path = put(session, "Capture/a.NEF", raw(1))
    (first,) = take_in(session)
    approved(session, first)
    path.rename(session.root / "Trash/a.NEF")
    (gone,) = take_in(session)
    assert (gone.id, gone.state) == (first.id, State.WITHDRAWN)
    (session.root / "Trash/a.NEF").rename(session.root / "Selects/renamed.NEF")
    (back,) = take_in(session)
    assert (back.id, back.state, back.approved_hash) == (first.id, State.APPROVED, "f" * 64)


def test_a_late_raw_takes_the_lead_and_keeps_what_was_said(session: Session) -> None:
    put(session, "Capture/a.jpg", jpeg(1))
    (first,) = take_in(session)
    approved(session, first)
    put(session, "Capture/a.NEF", raw(1))
    (entry,) = take_in(session)
    assert entry.lineage == (first.id,) and entry.id != first.id
    with shoots.opened(session) as catalog:
        assert len(catalog.decisions(entry.id)) == 1


def test_a_changed_sidecar_changes_rating_and_label_and_nothing_else(session: Session) -> None:
    put(session, "Capture/a.NEF", raw(1))
    put(session, "Capture/a.xmp", xmp(2))
    (first,) = take_in(session)
    assert first.rating == 2
    approved(session, first)
    put(session, "Capture/a.xmp", xmp(5).replace(b'Rating="5"', b'Rating="5" xmp:Label="Rot"'))
    (entry,) = take_in(session)
    assert (entry.rating, entry.label) == (5, "Rot")
    assert (entry.state, entry.approved_hash, entry.stale) == (State.APPROVED, "f" * 64, False)
