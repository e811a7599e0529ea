"""Which capture stands beside which: a pure choice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from studio_pipeline.edits.base import EMPTY_SET, REFERENCE
from studio_pipeline.geometry import Extent
from studio_pipeline.pipeline import schedule, sets
from studio_pipeline.pipeline.schedule import Stage
from studio_pipeline.records.capture import Exposure, Member, Role, State
from studio_pipeline.records.develop import BaseRecord, DevelopSettings
from studio_pipeline.records.entry import Entry
from studio_pipeline.records.preset import Preset
from studio_pipeline.records.proposal import Proposal
from studio_pipeline.records.subject import SubjectRecord

START = datetime(2026, 5, 4, 10, tzinfo=UTC)
EXPOSURE = Exposure(
    make="STP",
    camera="One",
    serial="7",
    lens="85mm",
    focal_length_mm=85.0,
    iso=100,
    exposure_s=0.01,
    f_number=8,
)
BOTH = (EMPTY_SET, REFERENCE)


def entry(number: int, kind: str = "portrait", minutes: float | None = None, **more: Any) -> Entry:
    """A capture taken ``minutes`` after the start; other fields of its exposure by their own names."""
    at = None if minutes is None else START + timedelta(minutes=minutes)
    of_exposure = {k: more.pop(k) for k in list(more) if k in Exposure.model_fields}
    extent = more.pop("size", Extent(400, 600))
    fields: dict[str, Any] = {
        "id": f"{number:064x}",
        "group": number,
        "name": f"N{number}",
        "members": (Member(path=b"Capture/a.DNG", role=Role.RAW, sha256=f"{number:064x}", size_bytes=1),),
        "arrived_at": START,
        "exposure": EXPOSURE.model_copy(update={"captured_at": at, **of_exposure}),
        "base": BaseRecord(
            member_sha256="", kind="raw", settings=DevelopSettings(), look=None, extent=extent, bits=16,
            profile_sha256="", profile_name="", versions={},
        ),
        "base_key": f"base {number}",
        "subject": SubjectRecord.model_validate(
            {"extent": extent, "kind": kind, "sure": kind != "unsure", "reason": "", "faces": (),
             "fractions": {}, "zones_sha256": "", "versions": {}}
        ),
    }  # fmt: skip
    return Entry(**(fields | more))


PORTRAIT = entry(1, minutes=30)


def test_the_nearest_empty_set_of_the_same_camera_before_or_after() -> None:
    early, late = entry(2, "empty-set", 10), entry(3, "empty-set", 45)
    assert sets.beside(PORTRAIT, [early, PORTRAIT, late], BOTH) == {EMPTY_SET: late}
    assert sets.beside(PORTRAIT, [early, PORTRAIT], BOTH) == {EMPTY_SET: early}
    assert sets.beside(PORTRAIT, [early, late], (REFERENCE,)) == {}


@pytest.mark.parametrize(
    "other",
    [
        {"serial": "8"},
        {"camera": "Two"},
        {"lens": "50mm"},
        {"focal_length_mm": 105.0},
        {"focal_length_mm": None},
        {"size": Extent(600, 400)},
        {"iso": 400, "exposure_s": 0.0025},
        {"f_number": 16.0},
        {"minutes": 30 + 121.0},
        {"minutes": None},
        {"state": State.WITHDRAWN},
        {"base": None},
        {"kind": "grey-card"},
        {"kind": "unsure"},
    ],
)
def test_another_camera_lens_size_light_or_time_is_another_set(other: dict[str, Any]) -> None:
    given = {"kind": "empty-set", "minutes": 20.0, **other}
    assert sets.beside(PORTRAIT, [entry(2, **given)], BOTH) == {}


def test_a_little_more_light_is_the_same_set() -> None:
    other = entry(2, "empty-set", 20, f_number=7.1, exposure_s=0.0125)
    assert sets.beside(PORTRAIT, [other], BOTH) == {EMPTY_SET: other}


def test_one_file_without_a_zone_is_on_the_same_clock() -> None:
    naive = entry(2, "empty-set", captured_at=(START + timedelta(minutes=29)).replace(tzinfo=None))
    assert sets.empty_set(PORTRAIT, [naive]) == naive


def test_an_empty_set_takes_none() -> None:
    assert sets.empty_set(entry(2, "empty-set", 10), [entry(3, "empty-set", 11)]) is None


def test_the_nearest_marked_frame_is_the_reference_and_a_reference_its_own() -> None:
    far = entry(2, minutes=300, reference=True, size=Extent(600, 400), serial="9")
    near = entry(3, minutes=31, reference=True)
    assert sets.reference(PORTRAIT, [far]) == far
    assert sets.reference(PORTRAIT, [far, PORTRAIT, near]) == near
    assert sets.reference(near, [far, near]) == near
    assert [sets.may_serve(e) for e in (far, PORTRAIT, entry(4, "empty-set"))] == [True, False, True]


PROPOSAL = Proposal(
    capture_id="", base_key="", zones_sha256="", base_extent=Extent(4, 6), plans=(), enabled=(), guards=(),
    versions={},
)  # fmt: skip


@pytest.mark.parametrize(
    ("state", "again"),
    [
        (State.PROPOSED, True),
        (State.NEEDS_A_PERSON, True),
        (State.REJECTED, False),
        (State.DELIVERED, False),
        (State.WITHDRAWN, False),
    ],
)
def test_what_is_undecided_is_proposed_anew_when_its_empty_set_comes(state: State, again: bool) -> None:
    preset = Preset(title="any")
    known = entry(1, minutes=30, state=state, previewed=True, proposal=PROPOSAL, sources={})
    assert schedule.due(known, preset, "base 1") == []
    assert (schedule.due(known, preset, "base 1", {EMPTY_SET: "base 2"}) == [Stage.PROPOSE]) is again
    made = known.model_copy(update={"sources": {EMPTY_SET: "base 2"}})
    assert schedule.due(made, preset, "base 1", {EMPTY_SET: "base 2"}) == []


def test_an_approval_stands_and_is_delivered() -> None:
    approved = entry(1, minutes=30, state=State.APPROVED, previewed=True, proposal=PROPOSAL)
    assert schedule.due(approved, Preset(title="any"), "base 1", {EMPTY_SET: "base 2"}) == [Stage.DELIVER]
