"""The limits on healed lint, each held by a picture that keeps it and one that does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from studio_pipeline.geometry import Point, Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.guards.lint import Lint
from studio_pipeline.guards.locked_pixels import LockedPixels
from studio_pipeline.pixels.loose import on_clothes
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.pixels.poisson import heal
from studio_pipeline.records.lint import COUNT_MAX, LintPlan, discs_on
from studio_pipeline.records.plan import Item, Plan, Tier
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult
from studio_pipeline.records.spots import Spot
from tests.support.canvases import no_faces
from tests.support.clothes import ENCODING, EXTENT, FACE, HAND, frame, jacket, reading

WHOLE = Roi.of(EXTENT)
PLACES = ((400, 100), (455, 200), (520, 250))
MANY = tuple((300 + 12 * (k // 10), 130 + 12 * (k % 10)) for k in range(COUNT_MAX + 10))


def plan(places: tuple[tuple[int, int], ...] = PLACES, radius_px: float = 3.0) -> Plan:
    spots = tuple(
        Spot(id=f"{y}-{x}", centre=Point(y, x), radius_px=radius_px, offset=Point(0, 20), contrast=9)
        for y, x in places
    )
    items = tuple(Item(id=spot.id, kind="lint", roi=spot.disc(1).roi) for spot in spots)
    return Plan(
        edit=LintPlan.EDIT, version=1, tier=Tier.BOUNDED_RETOUCH, engine="classical", seed=0, params={},
        items=items, body=LintPlan(heads=(FACE,), spots=spots).model_dump(mode="json"),
    )  # fmt: skip


def canvas(planned: Plan, gain: float = 1.0, smooth: bool = False, more: Mask | None = None) -> Rendered:
    """Cloth whose discs were healed from beside, or then dimmed, or (``smooth``) from nothing."""
    before = frame(jacket())
    light = before.linear()
    spots = LintPlan.model_validate(planned.body).on(planned.off)
    area = np.any([spot.disc(1).mask(WHOLE) for spot in spots], axis=0)
    made = heal(light, np.roll(light, 20, axis=1) if not smooth else np.full_like(light, 0.5), area)
    # A heal from beside may leave a pixel as it was: every one is moved, so that all count as changed.
    codes = ENCODING.encode(np.where(area[..., None], made * np.float32(gain), light), 16)
    codes[area] ^= (codes[area] == before.codes[area]).astype(np.uint16)
    codes[~area] = before.codes[~area]
    if more is not None:
        codes[more] ^= 1
    who = reading()
    return Rendered(
        before.codes, codes, who.zones, WHOLE, WHOLE, 1.0, ENCODING, [planned], faces=(FACE,),
        loose=lambda roi: on_clothes(
            discs_on(planned, 1.0), who.zones[roi.within(WHOLE)], who.matte, WHOLE, roi
        ),
    )  # fmt: skip


def figures(rendered: Rendered) -> dict[str, GuardResult]:
    return {g.name: g for g in Lint().check(rendered, GuardLimits(), no_faces)}


def locked(rendered: Rendered) -> float:
    (one,) = LockedPixels().check(rendered, GuardLimits(), no_faces)
    return one.value


def test_what_is_healed_from_cloth_beside_passes() -> None:
    made = canvas(plan())
    found = figures(made)
    assert all(one.passed and one.edit == LintPlan.EDIT for one in found.values()), found
    assert found["lint_count"].value == 3 and locked(made) == 0


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("lint_radius", lambda: canvas(plan(radius_px=5.0))),
        ("lint_area", lambda: canvas(plan(radius_px=14.0))),
        ("lint_count", lambda: canvas(plan(MANY, radius_px=1.5))),
        ("lint_step", lambda: canvas(plan(), gain=2.0)),
        ("lint_texture", lambda: canvas(plan(), smooth=True)),
        ("lint_misplaced", lambda: canvas(plan(((520, 90),)))),  # the hand
        ("lint_misplaced", lambda: canvas(plan(((300, 200),)))),  # the neck
        ("lint_misplaced", lambda: canvas(plan(((235, 200),)))),  # under the chin
    ],
)
def test_each_limit_is_held(name: str, made: object) -> None:
    assert not figures(made())[name].passed  # type: ignore[operator]


def test_locked_pixels_counts_what_lies_in_no_disc_that_is_on() -> None:
    more = np.zeros((EXTENT.height, EXTENT.width), np.bool_)
    more[HAND[0].start, HAND[1].start] = more[430, 300] = True
    assert locked(canvas(plan(), more=more)) == 2
    healed, off = canvas(plan()), plan().without(("455-200",))
    assert locked(replace(healed, plans=[off], loose=canvas(off).loose)) > 0
    assert locked(replace(healed, loose=None)) > 0


def test_other_edits_have_no_such_figures() -> None:
    assert Lint().check(replace(canvas(plan()), plans=[]), GuardLimits(), no_faces) == []
