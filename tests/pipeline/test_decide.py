"""A person's word: bound to what was seen, found by any name a person would use, and taken back whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Extent, Point
from studio_pipeline.pipeline.decide import Decisions, find
from studio_pipeline.records.capture import Member, Role, State
from studio_pipeline.records.entry import Delivered, Entry
from studio_pipeline.records.proposal import GuardResult, Proposal, Verb
from studio_pipeline.records.subject import SubjectRecord
from studio_pipeline.session.catalog import Catalog
from studio_pipeline.session.folder import Session
from tests.support import shoots

NOW = shoots.NOW


@pytest.fixture()
def session(tmp_path: Path) -> Session:
    return shoots.new_session(tmp_path / "s")


@pytest.fixture()
def catalog(session: Session) -> Iterator[Catalog]:
    with shoots.opened(session) as opened:
        yield opened


@pytest.fixture()
def decisions(session: Session, catalog: Catalog) -> Decisions:
    return shoots.decisions(session, catalog)


def proposed(catalog: Catalog, name: str = "frame", *, passed: bool = True, sure: bool = True) -> Entry:
    """An entry that awaits a decision, with a proposal in the catalog."""
    capture_id = hashlib.sha256(name.encode()).hexdigest()
    guard = GuardResult(name="seam", value=2.5, limit=1.6, passed=passed)
    proposal = Proposal(
        capture_id=capture_id, base_key="b", zones_sha256="z", base_extent=Extent(2, 3), plans=(),
        enabled=(), guards=(guard,), versions={},
    )  # fmt: skip
    subject = SubjectRecord(
        extent=Extent(2, 3), kind="portrait" if sure else "unsure", sure=sure,
        reason="" if sure else "who is it?", faces=(), fractions={}, zones_sha256="z", versions={},
    )  # fmt: skip
    member = Member(path=f"Capture/{name}.NEF".encode(), role=Role.RAW, sha256=capture_id, size_bytes=1)
    return catalog.put(
        Entry(
            id=capture_id, group=len(catalog.entries()) + 1, name=name, members=(member,), arrived_at=NOW,
            state=State.PROPOSED if sure else State.NEEDS_A_PERSON, subject=subject,
            proposal=proposal.outline(), proposal_hash=catalog.keep_proposal(proposal),
        )
    )  # fmt: skip


def delivered(session: Session, catalog: Catalog, entry: Entry, name: bytes = b"frame.tif") -> Path:
    path = session.output / name.decode()
    path.write_bytes(b"pixels")
    one = Delivered(
        recipe="tiff", path=b"Output/" + name, sha256=hashlib.sha256(b"pixels").hexdigest(),
        shown_hash=str(entry.proposal_hash), record="r.json",
    )  # fmt: skip
    catalog.update(entry.id, state=State.DELIVERED, approved_hash=entry.proposal_hash, delivered=(one,))
    return path


def test_an_approval_records_who_where_when_and_what(catalog: Catalog, decisions: Decisions) -> None:
    entry = proposed(catalog)
    after = decisions.approve(entry.id, entry.proposal_hash, None, "ada", NOW)
    assert (after.state, after.approved_hash) == (State.APPROVED, entry.proposal_hash)
    (said,) = catalog.decisions(entry.id)
    assert (said.verb, said.user, said.host, said.via) == (Verb.APPROVE, "ada", "testhost", "test")
    assert (said.shown_hash, said.decided_at) == (entry.proposal_hash, NOW)


def test_what_was_not_shown_is_not_approved(catalog: Catalog, decisions: Decisions) -> None:
    entry = proposed(catalog)
    with pytest.raises(Refused, match="has changed since it was shown; look at it again"):
        decisions.approve(entry.id, "another hash", None, "ada", NOW)
    assert catalog.entry(entry.id) == entry and catalog.decisions(entry.id) == []


def test_a_guard_that_failed_stands_in_the_way(catalog: Catalog, decisions: Decisions) -> None:
    entry = proposed(catalog, passed=False)
    with pytest.raises(Refused, match=r"seam is 2\.5 \(at most 1\.6\); switch that edit off, or reject"):
        decisions.approve(entry.id, None, None, "ada", NOW)


@pytest.mark.parametrize("state", [s for s in State if s not in ("proposed", "needs-a-person", "rejected")])
def test_only_what_awaits_a_decision_gets_one(catalog: Catalog, decisions: Decisions, state: State) -> None:
    entry = catalog.update(proposed(catalog).id, state=state)
    with pytest.raises(Refused, match=f"is {state.value}: there is nothing to approve"):
        decisions.approve(entry.id, None, None, "ada", NOW)
    with pytest.raises(Refused, match=f"is {state.value}: there is nothing to reject"):
        decisions.reject(entry.id, "ada", NOW)
    assert catalog.decisions(entry.id) == []


def test_a_rejection_can_be_taken_back_or_turned(catalog: Catalog, decisions: Decisions) -> None:
    entry = proposed(catalog)
    assert decisions.reject(entry.id, "ada", NOW).state is State.REJECTED
    assert decisions.revoke(entry.id, "ada", NOW).state is State.PROPOSED
    decisions.reject(entry.id, "ada", NOW)
    assert decisions.approve(entry.id, None, None, "bob", NOW).state is State.APPROVED
    verbs = [d.verb for d in catalog.decisions(entry.id)]
    assert verbs == [Verb.REJECT, Verb.REVOKE, Verb.REJECT, Verb.APPROVE]


def test_revoking_removes_what_is_still_as_it_was_written(
    session: Session, catalog: Catalog, decisions: Decisions
) -> None:
    entry = proposed(catalog, sure=False)
    path = delivered(session, catalog, entry)
    after = decisions.revoke(entry.id, "ada", NOW)
    assert not path.exists()
    assert (after.state, after.reason, after.delivered) == (State.NEEDS_A_PERSON, "who is it?", ())


def test_revoking_keeps_what_was_changed_outside_and_says_so(
    session: Session, catalog: Catalog, decisions: Decisions
) -> None:
    entry = proposed(catalog)
    path = delivered(session, catalog, entry)
    path.write_bytes(b"retouched by hand")
    after = decisions.revoke(entry.id, "ada", NOW)
    assert path.read_bytes() == b"retouched by hand"
    assert after.state is State.PROPOSED and "kept because it was changed outside: frame.tif" in after.reason


def test_revoking_what_is_gone_already_is_no_trouble(
    session: Session, catalog: Catalog, decisions: Decisions
) -> None:
    entry = proposed(catalog)
    delivered(session, catalog, entry).unlink()
    assert decisions.revoke(entry.id, "ada", NOW).state is State.PROPOSED


def test_a_deliverable_that_cannot_be_removed_keeps_its_decision(
    session: Session, catalog: Catalog, decisions: Decisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = proposed(catalog)
    path = delivered(session, catalog, entry)

    def refused(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    with monkeypatch.context() as patch, pytest.raises(Refused, match="cannot be removed"):
        patch.setattr(Path, "unlink", refused)
        decisions.revoke(entry.id, "ada", NOW)
    found = catalog.entry(entry.id)
    assert found is not None and found.state is State.DELIVERED and catalog.decisions(entry.id) == []
    decisions.revoke(entry.id, "ada", NOW)
    assert not path.exists()


def test_a_lock_is_painted_with_whole_outlines(catalog: Catalog, decisions: Decisions) -> None:
    entry = proposed(catalog)
    for outlines in ([], [[Point(0, 0), Point(1, 1)]]):
        with pytest.raises(Refused, match="at least one outline of three corners"):
            decisions.repaint(entry.id, outlines, "ada", NOW)


def test_who_is_not_there_is_a_key_error_for_the_page(decisions: Decisions) -> None:
    with pytest.raises(KeyError):
        decisions.approve("0" * 64, None, None, "ada", NOW)


# --- finding a capture


def test_a_capture_is_found_by_name_file_or_id(catalog: Catalog) -> None:
    entry = proposed(catalog, "DSC_1")
    other = proposed(catalog, "DSC_2")
    for wanted in ("DSC_1", "DSC_1.NEF", entry.id, entry.id[:6], entry.id[:9].upper()):
        assert find(catalog, wanted).id == entry.id
    assert find(catalog, other.id[:6]).id == other.id


@pytest.mark.parametrize("wanted", ["", "DSC", "dsc_1", "DSC_1.nef", "*", "DSC_1.NEF.xmp"])
def test_what_names_nothing_is_refused(catalog: Catalog, wanted: str) -> None:
    proposed(catalog, "DSC_1")
    with pytest.raises(Refused, match="no capture"):
        find(catalog, wanted)


def test_five_digits_are_no_id(catalog: Catalog) -> None:
    entry = proposed(catalog, "DSC_1")
    with pytest.raises(Refused, match="no capture"):
        find(catalog, entry.id[:5])


def test_a_name_of_two_captures_is_refused_with_both_ids(catalog: Catalog) -> None:
    one, two = proposed(catalog, "DSC_1"), proposed(catalog, "DSC_2")
    catalog.update(two.id, name="DSC_1")
    with pytest.raises(Refused) as refused:
        find(catalog, "DSC_1")
    assert one.id[:12] in str(refused.value) and two.id[:12] in str(refused.value)
