"""Where open skin may change: in what is on, never in a lasting mark that is off."""

from __future__ import annotations

import numpy as np
import pytest

from studio_pipeline.geometry import Point, Roi
from studio_pipeline.pixels.light import LightGrid
from studio_pipeline.records.open_skin import gain_on, may_change
from studio_pipeline.records.plan import Plan, StoredLight, Tier
from studio_pipeline.records.retouch import Left, SkinPlan, SkinSpot
from studio_pipeline.records.shine import Shine, ShinePlan

ROI = Roi(0, 0, 60, 80)
BLEMISH = SkinSpot(id="a", centre=Point(20, 20), radius_px=4, offset=Point(0, 30), contrast=5)
MOLE = SkinSpot(id="b", centre=Point(20, 26), radius_px=4, offset=Point(0, 30), contrast=5, mark=True)


def plan(body: SkinPlan | ShinePlan, off: tuple[str, ...] = ()) -> Plan:
    return Plan(
        edit=body.EDIT, version=1, tier=Tier.BOUNDED_RETOUCH, engine="classical", seed=0, params={}, off=off,
        body=body.model_dump(mode="json"),
    )  # fmt: skip


def shine(lowered: float = 0.2) -> ShinePlan:
    grid = LightGrid(np.full((3, 3, 1), lowered, np.float32), 15, 45, 10)
    return ShinePlan(places=(Shine(id="s", roi=Roi(10, 40, 40, 70), lowered=StoredLight.of(grid)),))


def test_in_the_disc_of_a_spot_that_is_on() -> None:
    assert (may_change([plan(SkinPlan(spots=(BLEMISH,)))], ROI, 1.0) == BLEMISH.disc(1).mask(ROI)).all()
    assert not may_change([plan(SkinPlan(spots=(BLEMISH,)), off=("a",))], ROI, 1.0).any()


@pytest.mark.parametrize("listed", [True, False])
def test_never_where_a_lasting_mark_is_locked(listed: bool) -> None:
    """Be it an item that is off, or one of those that were too many to be listed."""
    left = () if listed else (Left(centre=MOLE.centre, radius_px=MOLE.radius_px, mark=True),)
    body = SkinPlan(spots=(BLEMISH, MOLE) if listed else (BLEMISH,), left=left)
    disc, mole = BLEMISH.disc(1).mask(ROI), MOLE.disc(1).mask(ROI)
    assert (disc & mole).any()
    assert (may_change([plan(body, off=("b",))], ROI, 1.0) == disc & ~mole).all()
    if listed:
        assert (may_change([plan(body)], ROI, 1.0) == disc | mole).all()


def test_where_shine_that_is_on_is_lowered() -> None:
    found = may_change([plan(shine())], ROI, 1.0)
    assert found[10:40, 40:70].all() and found.sum() == 900
    assert not may_change([plan(shine(), off=("s",))], ROI, 1.0).any()
    assert not may_change([plan(shine(lowered=0.001))], ROI, 1.0).any()


def test_tiles_agree() -> None:
    plans = [plan(SkinPlan(spots=(BLEMISH,))), plan(shine())]
    whole, gain = may_change(plans, ROI, 0.7), gain_on(plans, ROI, 0.7)
    for tile in ROI.tiles(17):
        at = tile.within(ROI)
        assert (may_change(plans, tile, 0.7) == whole[at]).all()
        assert (gain_on(plans, tile, 0.7) == gain[at]).all()
