"""The limits on healed skin, each held by a picture that keeps it and one that does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from studio_pipeline.geometry import Point, Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.guards.retouch import Retouch
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.pixels.poisson import heal
from studio_pipeline.records.plan import Item, Plan, Tier
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult
from studio_pipeline.records.retouch import SkinPlan, SkinSpot
from tests.support.canvases import no_faces
from tests.support.skin import ENCODING, EXTENT, FACE, frame, reading, skin

WHOLE = Roi.of(EXTENT)
PLACES = ((140, 150), (200, 190), (250, 230))


def plan(radius_px: float = 3.5, off: tuple[str, ...] = ()) -> Plan:
    spots = tuple(
        SkinSpot(id=f"{y}-{x}", centre=Point(y, x), radius_px=radius_px, offset=Point(0, 20), contrast=5)
        for y, x in PLACES
    )
    items = tuple(Item(id=spot.id, kind="blemish", roi=spot.disc(1).roi) for spot in spots)
    return Plan(
        edit=SkinPlan.EDIT, version=1, tier=Tier.BOUNDED_RETOUCH, engine="classical", seed=0, params={},
        items=items, off=off, body=SkinPlan(spots=spots).model_dump(mode="json"),
    )  # fmt: skip


def canvas(planned: Plan, gain: float = 1.0, where: Mask | None = None, smooth: bool = False) -> Rendered:
    """Skin whose spots were healed from beside, or then dimmed, or (``smooth``) from nothing."""
    before = frame(skin())
    light = before.linear()
    on = SkinPlan.model_validate(planned.body).on(planned.off)
    area = np.any([spot.disc(1).mask(WHOLE) for spot in on], axis=0) if where is None else where
    source = np.roll(light, 20, axis=1) if not smooth else np.full_like(light, 0.5)
    made = heal(light, source, area)
    after = np.where(area[..., None], made * np.float32(gain), light)
    codes = ENCODING.encode(after.astype(np.float32), 16)
    codes[~area] = before.codes[~area]
    return Rendered(
        before.codes, codes, reading().zones, WHOLE, WHOLE, 1.0, ENCODING, [planned], faces=(FACE,)
    )


def figures(rendered: Rendered) -> dict[str, GuardResult]:
    return {g.name: g for g in Retouch().check(rendered, GuardLimits(), no_faces)}


def test_what_is_healed_from_skin_beside_passes() -> None:
    found = figures(canvas(plan()))
    assert set(found) == {"outside_spots", "spot_radius", "retouched_skin", "spot_shift", "spot_texture"}
    assert all(one.passed and one.edit == SkinPlan.EDIT for one in found.values())
    assert 0.8 < found["spot_radius"].value < 1.5


@pytest.mark.parametrize(
    ("name", "rendered"),
    [
        ("spot_radius", lambda: canvas(plan(radius_px=6.5))),
        ("retouched_skin", lambda: canvas(plan(radius_px=17))),
        ("spot_shift", lambda: canvas(plan(), gain=0.5)),
        ("spot_texture", lambda: canvas(plan(), smooth=True)),
        ("outside_spots", lambda: canvas(plan(), where=plan_area_and_more())),
        ("outside_spots", lambda: off_but_healed()),
    ],
)
def test_each_limit_is_held(name: str, rendered: object) -> None:
    made = rendered()  # type: ignore[operator]
    assert not figures(made)[name].passed


def plan_area_and_more() -> Mask:
    area = np.zeros((EXTENT.height, EXTENT.width), np.bool_)
    area[300:302, 180:182] = True
    return area


def off_but_healed() -> Rendered:
    """A lasting mark that stays locked, healed all the same."""
    healed = canvas(plan())
    return replace(healed, plans=[plan(off=("200-190",))])


def test_other_edits_have_no_such_figures() -> None:
    rendered = canvas(plan())
    assert Retouch().check(replace(rendered, plans=[]), GuardLimits(), no_faces) == []
