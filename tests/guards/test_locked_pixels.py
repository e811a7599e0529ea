from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.edits import stack
from studio_pipeline.geometry import Insets, Point, Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.guards.locked_pixels import LockedPixels
from studio_pipeline.pipeline import stages
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.plan import Tier
from studio_pipeline.records.preset import EditSpec, GuardLimits
from studio_pipeline.records.proposal import GuardResult
from studio_pipeline.records.retouch import SkinPlan, SkinSpot
from tests.support import backdrops, hair
from tests.support.canvases import BASE, EVERY_SIDE, PERSON, no_faces, plan, rendered


def check(canvas: Rendered) -> GuardResult:
    (result,) = LockedPixels().check(canvas, GuardLimits(), no_faces)
    return result


def flipped(canvas: Rendered, y: int, x: int) -> Rendered:
    """The lowest bit of one channel of the pixel at canvas place (y, x), turned over."""
    after = canvas.after.copy()
    after[y - canvas.canvas.y0, x - canvas.canvas.x0, 1] ^= 1
    return replace(canvas, after=after)


def test_new_area_is_free_and_everything_else_is_the_same() -> None:
    result = check(rendered(EVERY_SIDE))
    assert result.passed and result.value == 0 and result.limit == 0


@pytest.mark.parametrize("added", [Insets(), EVERY_SIDE])
def test_one_low_bit_of_a_locked_pixel_is_found(added: Insets) -> None:
    canvas = replace(rendered(added), plans=[plan("extend_background")])
    result = check(flipped(canvas, PERSON.y0 + 5, PERSON.x0 + 5))
    assert not result.passed and result.value == 1


@pytest.mark.parametrize(
    ("tier", "zone", "passed"),
    [
        (Tier.BACKDROP_ONLY, Zone.BACKDROP, True),
        (Tier.BACKDROP_ONLY, Zone.EDGE, False),
        (Tier.EDGE, Zone.EDGE, False),  # none without an exchange; see below
        (Tier.EDGE, Zone.HEALABLE, False),
        (Tier.BOUNDED_RETOUCH, Zone.HEALABLE, False),  # none but in a spot or shine that is on; see below
        (Tier.BOUNDED_RETOUCH, Zone.LOCKED, False),
        (Tier.BOUNDED_RETOUCH, Zone.NEW, False),  # a map that calls the base new opens nothing
    ],
)
def test_each_tier_may_write_its_own_zones(tier: Tier, zone: Zone, passed: bool) -> None:
    canvas = rendered()
    zones = np.full_like(canvas.zones, zone)
    canvas = replace(canvas, zones=zones, plans=[plan("any", tier=tier)])
    assert check(flipped(canvas, 10, 10)).passed is passed


@pytest.mark.parametrize("off", [(), ("spot",)])
def test_open_skin_may_change_where_a_spot_is_on_only(off: tuple[str, ...]) -> None:
    spot = SkinSpot(id="spot", centre=Point(10, 10), radius_px=3, offset=Point(0, 20), contrast=5)
    body = SkinPlan(spots=(spot,)).model_dump(mode="json")
    healing = plan(SkinPlan.EDIT, tier=Tier.BOUNDED_RETOUCH, body=body, off=off)
    canvas = rendered()
    canvas = replace(canvas, zones=np.full_like(canvas.zones, Zone.HEALABLE), plans=[healing])
    assert check(flipped(canvas, 10, 12)).passed is (off == ())
    assert not check(flipped(canvas, 10, 14)).passed


def test_without_a_plan_nothing_may_differ() -> None:
    assert not check(flipped(rendered(), 0, 0)).passed


@given(st.sets(st.tuples(st.integers(0, BASE.y1 - 1), st.integers(0, BASE.x1 - 1)), max_size=30))
def test_the_figure_is_the_number_of_pixels(places: set[tuple[int, int]]) -> None:
    canvas = replace(CANVAS, plans=[plan("heal_spots")])
    after = canvas.after.copy()
    for y, x in places:
        after[y, x] ^= 1
    outside = sum(canvas.zones[y, x] != Zone.BACKDROP for y, x in places)
    assert check(replace(canvas, after=after)).value == outside


CANVAS = rendered()


def test_a_tall_canvas_is_compared_to_its_last_row() -> None:
    codes = np.zeros((1300, 8, 3), np.uint8)
    roi = Roi(0, 0, 1300, 8)
    zones = np.full((1300, 8), Zone.LOCKED, np.uint8)
    canvas = Rendered(codes, codes, zones, roi, roi, 1.0, CANVAS.encoding, [plan("any")])
    assert check(flipped(canvas, 1299, 7)).value == 1


class TestTheEdge:
    """What may become of a pixel that is part person is one value, and the guard computes it anew."""

    @staticmethod
    def matched() -> Rendered:
        frame = backdrops.frame(backdrops.with_grain(hair.before(hair.falling("#8c8c8c")), 5e-5))
        spec = EditSpec(name="match_backdrop", params={"to": "colour", "colour": "#3060a0"})
        plans = stack.plan_all(frame.at_scale(0.5), hair.reading(), [spec])
        return stages.rendered(plans, frame, hair.reading())[1]

    def test_the_law_is_kept(self) -> None:
        canvas = self.matched()
        edge = canvas.zones == Zone.EDGE
        assert (canvas.before != canvas.after).any(axis=2)[edge].mean() > 0.5
        assert check(canvas).value == 0

    def test_one_low_bit_beside_the_law_is_found(self) -> None:
        canvas = self.matched()
        changed = (canvas.before != canvas.after).any(axis=2) & (canvas.zones == Zone.EDGE)
        y, x = np.argwhere(changed)[40]
        assert check(flipped(canvas, int(y), int(x))).value == 1

    def test_without_an_exchange_no_edge_pixel_may_differ(self) -> None:
        canvas = self.matched()
        bare = replace(canvas, plans=[p.model_copy(update={"exchange": None}) for p in canvas.plans])
        assert check(bare).value > 1000
        assert check(replace(canvas, edge_law=None)).value > 1000
