"""A person's hand on single edits and items: planned with, bound into the approval, carried over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from studio_pipeline.develop import develop
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pipeline import report, stages
from studio_pipeline.pipeline.choice import measured
from studio_pipeline.pipeline.decide import PLANNED_ANEW, Decisions
from studio_pipeline.pipeline.desk import Desk
from studio_pipeline.pipeline.studio import Studio
from studio_pipeline.records.capture import Role, State
from studio_pipeline.records.entry import Entry, Handed
from studio_pipeline.records.hand import Hand, Wish
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.proposal import Choice
from studio_pipeline.session.cache import CaptureCache
from studio_pipeline.session.catalog import Catalog
from studio_pipeline.session.folder import Session
from tests.support import shoots
from tests.support.command import done, studio

HEAL = "heal_spots"
FAR = ((Point(-20_000, 0), Point(0, 0), Point(0, 9)),)


@dataclass(frozen=True)
class Working:
    """One capture with its proposal; ``studio`` does the work where a test wants more of it."""

    session: Session
    catalog: Catalog
    studio: Studio

    @property
    def entry(self) -> Entry:
        (entry,) = self.catalog.entries()
        return entry

    @property
    def plan(self) -> Plan:
        assert self.entry.proposal_hash is not None
        (plan,) = self.catalog.proposal(self.entry.proposal_hash).plans
        return plan

    @property
    def decide(self) -> Decisions:
        return shoots.decisions(self.session, self.catalog)

    @property
    def desk(self) -> Desk:
        return Desk(self.session, self.catalog, self.studio.conductor, self.decide, now=lambda: shoots.NOW)

    def hand(self, wish: Wish, choice: Choice | None = None, edit: str = HEAL) -> Entry:
        return self.decide.hand(self.entry.id, edit, wish, choice, "ada", shoots.NOW)

    def off(self, *ids: str) -> Choice:
        return Choice(enabled=(HEAL,), off={HEAL: ids})


@pytest.fixture()
def working(tmp_path: Path) -> Iterator[Working]:
    session = shoots.new_session(tmp_path / "session", shoots.cleanup_preset())
    shoots.put(session, shoots.portrait())
    with shoots.at_work(session) as studio:
        studio.run()
        yield Working(session, studio.catalog, studio)


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Working]:
    """The same, for tests that change nothing and need no more work."""
    session = shoots.new_session(tmp_path_factory.mktemp("steady") / "session", shoots.cleanup_preset())
    shoots.put(session, shoots.portrait())
    with shoots.at_work(session) as studio:
        studio.run()
    with shoots.opened(session) as catalog:
        yield Working(session, catalog, studio)


def around(roi: Roi, reach: int = 6) -> tuple[Point, ...]:
    y0, x0, y1, x1 = (roi.y0 - reach, roi.x0 - reach, roi.y1 + reach, roi.x1 + reach)
    return (Point(y0, x0), Point(y0, x1), Point(y1, x1), Point(y1, x0))


def test_an_item_that_is_off_is_measured_approved_delivered_and_remembered_as_off(working: Working) -> None:
    before, items = working.entry, working.plan.items
    assert before.proposal_hash is not None and len(items) > 1
    choice = working.off(items[0].id)
    shown = working.desk.shown(before.id, choice)
    assert shown["shown_hash"] != before.proposal_hash and shown["passed"]

    def healed(answer: report.Json) -> float:
        return float(next(g["value"] for g in answer["guards"] if g["name"] == "healed_area"))

    assert 0 < healed(shown) < healed(working.desk.shown(before.id, Choice(enabled=(HEAL,))))
    assert healed(working.desk.shown(before.id, working.off(*(item.id for item in items)))) == 0
    half = 9  # the level: 960 pixels are level 10
    tiles = [
        working.desk.tile(before.id, "after", one, half, 0, 0) for one in (choice, Choice(enabled=(HEAL,)))
    ]
    assert tiles[0] != tiles[1]
    with pytest.raises(Refused, match="changed since it was shown"):
        working.desk.approve(before.id, before.proposal_hash, choice, "ada", "page")
    working.desk.approve(before.id, shown["shown_hash"], choice, "ada", "page")
    approved = working.entry
    assert approved.approved_hash == shown["shown_hash"]
    assert approved.hands[HEAL].off == (items[0],) and approved.hands[HEAL].user == "ada"
    (said,) = working.catalog.decisions(before.id)
    assert said.off == {HEAL: (items[0].id,)}

    working.studio.run()
    delivered = working.entry
    assert delivered.state is State.DELIVERED
    record = json.loads((working.session.records / delivered.delivered[0].record).read_text(encoding="utf-8"))
    assert record["record"]["proposal"]["plans"][0]["off"] == [items[0].id]
    frame, _ = develop(
        working.session.capture / "STP_0003.DNG", Role.RAW, working.session.preset.develop,
        half=False,
    )  # fmt: skip
    changed = (tifffile.imread(working.session.root / delivered.delivered[0].shown) != frame.codes).any(2)
    whole = Roi.of(frame.extent)
    assert not changed[items[0].roi.within(whole)].any() and changed[items[1].roi.within(whole)].any()


def test_a_hand_is_planned_with_and_taken_back(working: Working) -> None:
    before, item = working.entry, working.plan.items[0]
    spared = (around(item.roi),)
    asked = working.hand(Wish(spare=spared, again=True), working.off(working.plan.items[1].id))
    assert (asked.state, asked.proposal_hash) == (State.DEVELOPED, None)
    assert (asked.hands[HEAL].user, asked.hands[HEAL].host) == ("ada", "testhost")
    working.studio.run()
    after = working.entry
    assert after.state is State.PROPOSED and after.proposal_hash != before.proposal_hash
    assert working.plan.hand == asked.hands[HEAL].hand and working.plan.seed == 2
    assert item.id not in {one.id for one in working.plan.items}
    assert len(working.plan.off) == 1  # what was off on the screen is off in the new plan

    (edit,) = report.detail(after, [], 1.0)["proposal"]["edits"]
    assert edit["hand"]["spare"] == [[[p.y, p.x] for p in spared[0]]] and edit["hand"]["tries"] == 1
    assert edit["said_by"] == "ada" and {"id", "kind", "roi", "said"} == set(edit["items"][0])
    (row,) = report.row(after)["proposals"][0]["edits"]
    assert row["items"] == {"on": {"spot": len(working.plan.on)}, "off": list(working.plan.off)}

    working.hand(Wish(clear=True))
    working.studio.run()
    assert working.plan.hand.spare == () and item.id in {one.id for one in working.plan.items}
    assert HEAL in working.entry.hands and working.plan.off  # the item that is off was not taken back


def test_what_an_edit_leaves_off_stays_on_once_a_person_switched_it_on(working: Working) -> None:
    """As the paper's edge is: off in the proposal, switched on, and then something is drawn."""
    first, second = working.plan.items[:2]
    entry = working.entry
    assert entry.proposal is not None and entry.proposal_hash is not None
    full = working.catalog.proposal(entry.proposal_hash)
    proposed = full.model_copy(update={"plans": (full.plans[0].without((first.id, second.id)),)})
    working.catalog.update(
        entry.id, proposal=proposed.outline(), proposal_hash=working.catalog.keep_proposal(proposed)
    )
    asked = working.hand(Wish(again=True), working.off(second.id))
    assert (asked.hands[HEAL].on, asked.hands[HEAL].off) == ((first,), (second,))
    plan = stages.switched(proposed.plans[0], asked.hands[HEAL])
    assert plan.off == (second.id,)
    untouched = Handed(hand=Hand(tries=1), user="ada", host="h", said_at=shoots.NOW)
    assert stages.switched(proposed.plans[0], untouched).off == (first.id, second.id)


def test_a_hand_after_the_approval_voids_it_and_says_so(working: Working) -> None:
    shoots.approve_all(working.studio)
    asked = working.hand(Wish(again=True))
    assert (asked.state, asked.stale, asked.approved_hash) == (State.DEVELOPED, True, None)
    assert asked.reason == PLANNED_ANEW
    working.studio.run()
    assert (working.entry.state, working.entry.reason) == (State.PROPOSED, PLANNED_ANEW)
    shoots.approve_all(working.studio)
    assert not working.entry.stale
    working.studio.run()
    with pytest.raises(Refused, match="is delivered: revoke it first"):
        working.hand(Wish(again=True))


def test_what_cannot_be_meant_is_refused_in_a_line(steady: Working) -> None:
    with pytest.raises(Refused, match="no edit 'extend_background'; there are: heal_spots"):
        steady.hand(Wish(again=True), edit="extend_background")
    with pytest.raises(
        Refused, match=r"far outside the picture, which reaches from 0, 0 to 640, 960 \(y, x\)"
    ):
        steady.hand(Wish(area=FAR))
    with pytest.raises(Refused, match="at least three corners"):
        steady.hand(Wish(spare=((Point(0, 0), Point(1, 1)),)))
    with pytest.raises(KeyError):
        steady.decide.hand("0" * 64, HEAL, Wish(again=True), None, "ada", shoots.NOW)
    assert steady.entry.hands == {}


def test_hands_and_items_carry_over_to_a_new_base(working: Working) -> None:
    first, second = working.plan.items[:2]
    working.hand(Wish(spare=(around(first.roi),)), working.off(second.id))
    working.studio.run()
    session = working.session
    frame, _ = develop(session.capture / "STP_0003.DNG", Role.RAW, session.preset.develop, half=False)
    brighter = np.minimum(frame.codes.astype(np.uint32) * 17 // 16, 65535).astype(np.uint16)
    icc = frame.encoding.icc_profile
    tifffile.imwrite(session.capture / "STP_0003.tif", brighter, photometric="rgb", iccprofile=icc)
    working.studio.run()
    entry = working.entry
    assert entry.base is not None and entry.base.kind == "tiff" and entry.state is State.PROPOSED
    assert working.plan.hand.spare and first.id not in {one.id for one in working.plan.items}
    (off,) = [item for item in working.plan.items if item.id in working.plan.off]
    assert off.is_same(second)  # found again where it was, though not to the pixel


def test_by_commands(working: Working, tmp_path: Path) -> None:
    root, before = working.session.root, working.entry
    told = done("hand", root, "STP_0003", "--json").json
    ids = [item["id"] for item in told["edits"][0]["items"]]
    assert ids == [item.id for item in working.plan.items] and told["edits"][0]["hand"] is None

    text = done("hand", root, "STP_0003", "--off", ids[0], "--off", ids[1]).out
    assert "as proposed" in text and text.count(" off ") == 2
    switched = working.entry
    assert working.plan.off == (ids[0], ids[1]) and switched.proposal_hash != before.proposal_hash
    assert switched.state is State.PROPOSED and switched.subject == before.subject  # nothing planned anew
    assert switched.proposal_hash is not None
    products = CaptureCache(working.session.cache, switched.id)
    assert products.proposed(switched.proposal_hash).exists()
    done("hand", root, "STP_0003", "--on", "spot")
    assert working.entry.proposal_hash == before.proposal_hash and working.entry.hands[HEAL].off == ()
    done("hand", root, "STP_0003", "--off", "all", "--on", ids[0])
    assert [item.id for item in working.plan.on] == [ids[0]]

    mask = np.zeros((640, 960), np.uint8)
    cv2.rectangle(mask, (0, 0), (959, 300), (255,), cv2.FILLED)
    cv2.imwrite(str(tmp_path / "area.png"), mask)
    said = done("hand", root, "STP_0003", "--edit", HEAL, "--area", tmp_path / "area.png", "--again").out
    assert f"{HEAL}: 1 area, try 2" in said and "is planned anew by `studio run`" in said
    working.studio.run()
    assert working.plan.items and all(item.roi.y0 < 301 for item in working.plan.items)
    row = done("status", root, "--json").json["captures"][0]["proposals"][0]["edits"][0]
    assert row["hand"]["tries"] == 1 and row["items"]["off"] == list(working.plan.off)
    done("hand", root, "STP_0003", "--clear")
    working.studio.run()
    done("approve", root, "STP_0003")
    assert working.entry.approved_hash == working.entry.proposal_hash


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--off", "nothing"), "heal_spots has no item 'nothing'; `studio hand` lists them"),
        (("--edit", "extend_background", "--off", "all"), "extend_background has no items in STP_0003"),
        (("--edit", "nothing", "--again"), "this session has no edit 'nothing'; there are: heal_spots"),
        (("--again", "--off", "all"), "ask for a new plan, or switch items of the one there is: not both"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(steady: Working, words: tuple[str, ...], said: str) -> None:
    assert studio("hand", steady.session.root, "STP_0003", *words).failure == said


def test_a_whole_edits_switch_needs_no_new_figures(steady: Working) -> None:
    assert steady.entry.proposal_hash is not None
    current = steady.catalog.proposal(steady.entry.proposal_hash)
    limits = steady.session.preset.guards

    def never(_: object) -> object:
        raise AssertionError

    assert measured(current, Choice(enabled=()), never, limits).guards == current.guards  # type: ignore[arg-type]
    assert current.base_extent == Extent(640, 960)
