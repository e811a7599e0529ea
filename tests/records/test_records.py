import base64
import json
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import ValidationError

from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.pixels.strokes import Stroke
from studio_pipeline.records.base import Record, digest
from studio_pipeline.records.capture import Exposure, Member, Role, primary, shown
from studio_pipeline.records.hand import NOTHING, Hand, Wish
from studio_pipeline.records.plan import Grid, Item, Plan, Refusal, Tier
from studio_pipeline.records.proposal import Choice, Decision, GuardResult, Proposal, Verb
from studio_pipeline.records.spots import Spot, SpotsPlan
from studio_pipeline.records.strands import Strand, StrandPlan

names = st.binary(min_size=1, max_size=40)
SPOT = Spot(id="7-9", centre=Point(7, 9), radius_px=3.5, offset=Point(-12, 30), contrast=4.2)


def plan(edit: str = "heal_spots", **more: object) -> Plan:
    given = {"version": 1, "tier": "backdrop only", "engine": "classical", "seed": 1, "params": {}, **more}
    return Plan.model_validate({"edit": edit, **given})


def proposal(*plans: Plan, enabled: tuple[str, ...] | None = None, **more: object) -> Proposal:
    given = {
        "capture_id": "c" * 64,
        "base_key": "b" * 64,
        "zones_sha256": "2" * 64,
        "base_extent": Extent(400, 600),
        "plans": plans,
        "enabled": tuple(p.edit for p in plans) if enabled is None else enabled,
        "guards": (),
        "versions": {"numpy": "1"},
        **more,
    }
    return Proposal.model_validate(given)


TRIANGLE = (Point(0, 0), Point(0, 90), Point(-40, 20))
SPOTTED = plan(
    items=tuple(Item(id=one, kind="spot", roi=Roi(0, 0, 9, 9)) for one in ("7-9", "8-8", "9-9")),
    body=SpotsPlan(spots=(SPOT,)).model_dump(mode="json"),
)


class TestHand:
    def test_a_wish_leaves_what_it_does_not_name(self) -> None:
        drawn = Wish(area=(TRIANGLE,)).of(NOTHING)
        assert drawn == Hand(area=(TRIANGLE,))
        again = Wish(again=True).of(Wish(spare=(TRIANGLE,)).of(drawn))
        assert again == Hand(area=(TRIANGLE,), spare=(TRIANGLE,), tries=1)
        assert Wish(area=()).of(again) == Hand(spare=(TRIANGLE,), tries=1)
        assert Wish(again=True, clear=True).of(again) == NOTHING


RECORDS: list[Record] = [
    SPOTTED.without(("8-8",)).model_copy(update={"hand": Hand(area=(TRIANGLE,), tries=2)}),
    Member(path=b"Capture/\xff\xfe caf\xc3\xa9.NEF", role=Role.RAW, sha256="0" * 64, size_bytes=3),
    Exposure(extent=Extent(2, 3), captured_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC), exposure_s=0.008),
    SpotsPlan(spots=(SPOT,)),
    plan(canvas=Roi(-3, -4, 50, 60), refusals=(Refusal(where="bottom", reason="the person is cut"),)),
    plan(body=SpotsPlan(spots=(SPOT,)).model_dump(mode="json"), tier=Tier.EDGE),
    proposal(plan(), guards=(GuardResult(name="seam", value=1.1, limit=1.6, low=0.6, passed=True),)),
    Decision(
        capture_id="c" * 64, verb=Verb.APPROVE, shown_hash="a" * 64, enabled=("heal_spots",), user="ada",
        host="studio-1", via="page", decided_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    ),
]  # fmt: skip


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: type(r).__name__)
def test_records_survive_json(record: Record) -> None:
    again = type(record).model_validate_json(record.model_dump_json())
    assert again == record and again.digest() == record.digest()
    assert type(record).model_validate(json.loads(json.dumps(record.model_dump(mode="json")))) == record


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: type(r).__name__)
def test_records_are_frozen_and_know_their_keys(record: Record) -> None:
    field = next(iter(type(record).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(record, field, None)
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(record).model_validate({**record.model_dump(), "surprise": 1})


@given(names)
def test_file_names_of_any_bytes_survive(name: bytes) -> None:
    member = Member(path=name, role=Role.JPEG, sha256="0" * 64, size_bytes=0)
    assert Member.model_validate_json(member.model_dump_json()).path == name
    assert base64.b64decode(member.path_b64) == name
    member.shown.encode("utf-8")


@given(names, names)
def test_escaped_names_are_told_apart_where_they_are_not_text(a: bytes, b: bytes) -> None:
    if shown(a) == shown(b) and a != b:
        assert b"\\x" in a or b"\\x" in b  # only a name that spells an escape can look like another


def test_the_digest_is_that_of_canonical_json() -> None:
    assert digest({"b": 1, "a": [True, None, "é"]}) == digest(
        json.loads('{"a": [true, null, "\\u00e9"], "b": 1}')
    )
    # Pinned: stored approvals and keys depend on it.
    assert digest({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
    with pytest.raises(ValueError, match="JSON"):
        digest({"a": float("nan")})


def test_the_digest_does_not_depend_on_the_process() -> None:
    code = (
        "from studio_pipeline.records.spots import *; from studio_pipeline.geometry import Point;"
        "spot = Spot(id='7-9', centre=Point(7, 9), radius_px=3.5, offset=Point(-12, 30), contrast=4.2);"
        "print(spot.digest())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == SPOT.digest()


@given(
    hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=6), elements=st.floats(-1e6, 1e6, width=32))
)
def test_grids_keep_every_bit(values: np.ndarray) -> None:
    grid = Grid.model_validate_json(Grid.of(values).model_dump_json())
    assert grid.array().dtype == np.float32
    np.testing.assert_array_equal(grid.array(), values)


def test_grids_of_other_memory_orders_are_the_same_record() -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert Grid.of(np.asfortranarray(values)) == Grid.of(values) == Grid.of(values.astype(">f4"))


def test_the_raw_names_the_capture() -> None:
    def member(role: Role) -> Member:
        return Member(path=role.encode(), role=role, sha256=role * 2, size_bytes=1)

    sidecar, jpeg, tiff, raw = (member(r) for r in (Role.SIDECAR, Role.JPEG, Role.TIFF, Role.RAW))
    assert primary([sidecar, jpeg, tiff, raw]) is raw
    assert primary([jpeg, tiff]) is tiff
    assert primary([sidecar, jpeg]) is jpeg
    assert primary([sidecar]) is None


class TestProposal:
    EXTEND = plan("extend_background", canvas=Roi(0, -100, 400, 700))
    HEAL = plan("heal_spots")

    def test_the_canvas_is_that_of_the_edits_whose_switch_is_on(self) -> None:
        both = proposal(self.EXTEND, self.HEAL)
        assert both.canvas == Roi(0, -100, 400, 700)
        assert both.chosen(Choice(enabled=("heal_spots",))).canvas == Roi(0, 0, 400, 600)

    def test_a_plan_without_changes_is_shown_but_not_active(self) -> None:
        idle = plan("heal_spots", changes=False)
        assert proposal(self.EXTEND, idle).active == (self.EXTEND,)

    def test_the_tier_is_the_nearest_to_the_person(self) -> None:
        edge = plan("match_backdrop", tier=Tier.EDGE)
        assert proposal(self.EXTEND, edge).tier is Tier.EDGE
        assert proposal(self.EXTEND, edge, enabled=("extend_background",)).tier is Tier.BACKDROP_ONLY
        assert proposal().tier is Tier.BACKDROP_ONLY

    def test_switches_for_unknown_edits_are_dropped_and_order_is_the_plans(self) -> None:
        both = proposal(self.EXTEND, self.HEAL)
        assert both.chosen(Choice(enabled=("heal_spots", "nothing", "extend_background"))).enabled == (
            "extend_background",
            "heal_spots",
        )

    def test_items_have_switches_of_their_own(self) -> None:
        both = proposal(self.EXTEND, SPOTTED)
        assert both.choice == Choice(enabled=both.enabled, off={"heal_spots": ()})
        one = both.chosen(Choice(enabled=both.enabled, off={"heal_spots": ("9-9", "nothing", "7-9")}))
        healing = one.plans[1]
        assert healing.off == ("7-9", "9-9") and [item.id for item in healing.on] == ["8-8"]
        assert one.shown_hash() != both.shown_hash() and one.plans[0] is both.plans[0]
        assert one.chosen(Choice(enabled=both.enabled)) == one
        assert one.chosen(both.choice) == both and one.chosen(one.choice) == one

    def test_plans_of_the_first_release_keep_their_hashes(self) -> None:
        """As 0.1.0 wrote them: approvals and signed records are bound to these."""
        old = Plan(
            edit="heal_spots", version=1, tier=Tier.BACKDROP_ONLY, engine="classical", seed=1,
            params={"max_count": 200},
        )  # fmt: skip
        assert old.digest() == "4fabc9ac224a747661b2ee84e2ca17a9c0679f5999f1f6e72679e13b7883013b"
        assert proposal(old).shown_hash().startswith("c5f566e64082112c7273ffebacd32ef3a5882d68")
        for more in ({"off": ("7-9",)}, {"hand": Hand(tries=1)}, {"writes": (Zone.BACKDROP,)}):
            assert old.model_copy(update=more).digest() != old.digest()

    def test_guards_of_an_edit_that_is_off_do_not_count(self) -> None:
        failed = GuardResult(name="seam", edit="extend_background", value=9, limit=1.6, passed=False)
        both = proposal(self.EXTEND, self.HEAL, guards=(failed,))
        assert not both.passed
        assert both.chosen(Choice(enabled=("heal_spots",))).passed
        whole = failed.model_copy(update={"edit": None})
        assert not proposal(self.HEAL, guards=(whole,)).passed

    def test_an_approval_is_bound_to_everything_that_decides_a_pixel(self) -> None:
        both = proposal(self.EXTEND, self.HEAL)
        others = [
            both.chosen(Choice(enabled=("heal_spots",))),
            proposal(self.EXTEND, plan("heal_spots", seed=2)),
            proposal(self.HEAL, self.EXTEND),
            proposal(self.EXTEND, self.HEAL, zones_sha256="3" * 64),
            proposal(self.EXTEND, self.HEAL, base_key="d" * 64),
            proposal(self.EXTEND, self.HEAL, versions={"numpy": "2"}),
        ]
        hashes = {p.shown_hash() for p in [both, *others]}
        assert len(hashes) == 1 + len(others)
        figure = GuardResult(name="seam", value=1, limit=1.6, passed=True)
        assert proposal(self.EXTEND, self.HEAL, guards=(figure,)).shown_hash() == both.shown_hash()


class TestSpot:
    def test_the_same_pixels_at_any_scale(self) -> None:
        disc = SPOT.disc(0.5)
        assert (disc.y, disc.x, disc.radius_px) == (3.25, 4.25, 1.75)
        assert SPOT.disc(1.0).y == 7

    @given(st.floats(0, 40), st.floats(-50, 50), st.floats(-50, 50))
    def test_the_window_has_a_rim_around_the_disc(self, radius_px: float, y: float, x: float) -> None:
        from studio_pipeline.records.spots import Disc

        disc = Disc(y, x, radius_px)
        inside = disc.mask(disc.roi)
        rim = np.ones_like(inside)
        rim[1:-1, 1:-1] = False
        assert not inside[rim].any()
        assert inside.sum() == disc.mask(disc.roi.grown(5)).sum()


def test_a_run_of_a_strand_works_out_its_bounds_once() -> None:
    row = Strand(item="a", points=((10.0, 10.0), (14.0, 30.5)), radius_px=2.5, offset=Point(5, 0))
    ((stroke, _, _),) = StrandPlan(strands=(row,)).healings(0.5, ())
    assert stroke.roi is stroke.roi
    assert stroke.roi == Stroke(stroke.points, stroke.radius_px).roi
