"""Skin is retouched by a person's word only: on the page, spot by spot, with consent; never by command."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from studio_pipeline.edits import stack
from studio_pipeline.edits.heal_skin import HEAL_SKIN, HealSkinParams
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Roi
from studio_pipeline.pipeline import consent, lawful, sets
from studio_pipeline.pipeline.decide import PAGE, Decisions
from studio_pipeline.pipeline.stages import check
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.capture import Exposure, Member, Role, State
from studio_pipeline.records.consent import Allowed, Consent, Held, Level
from studio_pipeline.records.entry import Entry
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import EditSpec, GuardLimits
from studio_pipeline.records.proposal import Proposal
from studio_pipeline.records.retouch import LASTING
from studio_pipeline.session.catalog import Catalog
from studio_pipeline.session.folder import Session
from tests.support import shoots, skin
from tests.support.skin import BROWN, Spot

NOW = shoots.NOW
START = datetime(2026, 5, 4, 10, tzinfo=UTC)
FACE_FRAME = skin.frame(skin.with_spots(skin.skin(), [Spot(140, 150), Spot(200, 190, 3.5, 0.8, BROWN)]))
PLAN = HEAL_SKIN.plan(FACE_FRAME, skin.reading(), HealSkinParams(), seed=0)
BLEMISH_ID = next(item.id for item in PLAN.items if item.kind != LASTING)


@pytest.fixture()
def session(tmp_path: Path) -> Session:
    return shoots.new_session(tmp_path / "s")


@pytest.fixture()
def catalog(session: Session) -> Iterator[Catalog]:
    with shoots.opened(session) as opened:
        yield opened


def proposal(plan: Plan) -> Proposal:
    """As it stands with this plan's switches, measured."""
    _, guards = check((plan,), FACE_FRAME, skin.reading(), GuardLimits())
    return Proposal(
        capture_id=f"{1:064x}", base_key="b", zones_sha256="z", base_extent=skin.EXTENT, plans=(plan,),
        enabled=(plan.edit,), guards=guards, versions={},
    )  # fmt: skip


def entry(number: int = 1, minutes: float = 0, plan: Plan = PLAN, **more: Any) -> Entry:
    capture_id = f"{number:064x}"
    fields: dict[str, Any] = {
        "id": capture_id,
        "group": number,
        "name": f"N{number}",
        "members": (Member(path=b"Capture/a.DNG", role=Role.RAW, sha256=capture_id, size_bytes=1),),
        "arrived_at": NOW,
        "state": State.PROPOSED,
        "exposure": Exposure(captured_at=START + timedelta(minutes=minutes)),
        "subject": skin.reading().record,
        "proposal": proposal(plan).outline(),
    }
    return Entry(**(fields | more))


def put(catalog: Catalog, plan: Plan) -> Entry:
    made = proposal(plan)
    return catalog.put(entry(plan=plan, proposal_hash=catalog.keep_proposal(made)))


def allow(catalog: Catalog, level: Level = Level.BOUNDED_RETOUCH) -> None:
    consent.say(
        catalog,
        Consent(allowed=Allowed(level=level), user="ada", host="here", via="page", said_at=NOW),
    )


def test_a_spot_is_approved_on_the_page_and_never_by_command(session: Session, catalog: Catalog) -> None:
    allow(catalog)
    made = put(catalog, PLAN.without([item.id for item in PLAN.items if item.id != BLEMISH_ID]))
    for via in ("command", "demo"):
        with pytest.raises(Refused, match="1 on skin would be retouched; approve that on the page"):
            Decisions(session, catalog, "here", via).approve(made.id, None, None, "ada", NOW)
    after = Decisions(session, catalog, "here", PAGE).approve(made.id, made.proposal_hash, None, "ada", NOW)
    assert after.state is State.APPROVED
    (said,) = catalog.decisions(made.id)
    assert said.via == PAGE and BLEMISH_ID not in said.off[PLAN.edit]


def test_as_proposed_every_spot_is_off_so_a_command_approves_none(session: Session, catalog: Catalog) -> None:
    allow(catalog)
    made = put(catalog, PLAN)
    Decisions(session, catalog, "here", "command").approve(made.id, None, None, "ada", NOW)
    (said,) = catalog.decisions(made.id)
    assert set(said.off[PLAN.edit]) == {item.id for item in PLAN.items}


def test_without_consent_not_even_on_the_page(session: Session, catalog: Catalog) -> None:
    made = put(catalog, PLAN)
    with pytest.raises(Refused, match="is bounded retouch, and consent is backdrop only"):
        Decisions(session, catalog, "here", PAGE).approve(made.id, made.proposal_hash, None, "ada", NOW)


def test_without_consent_the_proposal_says_why_there_are_no_spots() -> None:
    hidden = consent.shown(skin.reading(), Allowed())
    plan = HEAL_SKIN.plan(FACE_FRAME, hidden, HealSkinParams(), seed=0)
    (kept,) = consent.kept_back([plan], [EditSpec(name="heal_skin", enabled=False)], Held())
    (refusal,) = kept.refusals
    assert not kept.changes and not kept.items
    assert refusal.reason == "is bounded retouch, and consent is backdrop only, as long as nobody says more"


def test_marks_of_the_same_sitting_are_known_and_unlocked_ones_are_not() -> None:
    here, other = entry(1), entry(2, minutes=3)
    (mark,) = sets.marks(here, [here, other])
    assert abs(mark.u) < 0.05 and abs(mark.v - 50 / 190) < 0.05
    unlocked = PLAN.without([item.id for item in PLAN.items if item.kind != LASTING])
    assert sets.marks(here, [entry(2, minutes=3, plan=unlocked)]) == ()


@pytest.mark.parametrize(
    ("known", "more"),
    [
        (False, {"minutes": 40}),
        (True, {"minutes": 40, "people": ("Ada",)}),
        (False, {"minutes": 3, "people": ("Bea",)}),
        (False, {"minutes": 3, "state": State.WITHDRAWN}),
        (False, {"minutes": 3, "proposal": None}),
    ],
)
def test_whose_marks_count(known: bool, more: dict[str, Any]) -> None:
    assert bool(sets.marks(entry(1, people=("Ada",)), [entry(2, **more)])) is known


def test_the_nearest_frames_are_asked() -> None:
    many = [entry(n, minutes=n) for n in range(2, 14)]
    assert len(sets.marks(entry(1), many)) == 8


def test_verify_names_a_pixel_of_open_skin_outside_what_is_on() -> None:
    """The zone is healable, the edit a retouch: still only the discs that are on may change."""
    on = PLAN.without([item.id for item in PLAN.items if item.id != BLEMISH_ID])
    record: Any = SimpleNamespace(proposal=SimpleNamespace(active=(on,)))
    zones, whole = skin.reading().zones, Roi.of(skin.EXTENT)
    after = stack.render((on,), FACE_FRAME, skin.reading(), whole)
    assert (after != FACE_FRAME.codes).any()
    assert not lawful.strayed(record, zones, whole, FACE_FRAME.codes, after).any()
    forged = after.copy()
    forged[300, 180, 0] ^= 1
    assert zones[300, 180] == Zone.HEALABLE
    assert np.argwhere(lawful.strayed(record, zones, whole, FACE_FRAME.codes, forged)).tolist() == [
        [300, 180]
    ]
