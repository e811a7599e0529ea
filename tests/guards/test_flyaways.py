"""The limits of taking stray hairs away are read from pixels, whatever the plan says of itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from studio_pipeline.edits.tame_flyaways import TAME_FLYAWAYS, TameFlyawaysParams
from studio_pipeline.geometry import Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.guards.flyaways import Flyaways
from studio_pipeline.guards.locked_pixels import LockedPixels
from studio_pipeline.guards.skin_tone import _approved
from studio_pipeline.pipeline.stages import rendered
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult
from studio_pipeline.records.strands import StrandPlan, strokes_on
from tests.support import flyaways
from tests.support.flyaways import WHOLE


@pytest.fixture(scope="module")
def canvas() -> Rendered:
    base = flyaways.frame()
    plan = TAME_FLYAWAYS.plan(base, flyaways.reading(), TameFlyawaysParams(), seed=0)
    return rendered((plan.without(()),), base, flyaways.reading())[1]


def figures(canvas: Rendered) -> dict[str, GuardResult]:
    return {one.name: one for one in Flyaways().check(canvas, GuardLimits(), lambda *_: 0)}


def locked(canvas: Rendered) -> GuardResult:
    (one,) = LockedPixels().check(canvas, GuardLimits(), lambda *_: 0)
    return one


def strokes(canvas: Rendered) -> Mask:
    out = np.zeros(canvas.zones.shape, np.bool_)
    for stroke in strokes_on(canvas.plans[0], 1.0):
        part = stroke.roi & WHOLE
        out[part.within(WHOLE)] |= stroke.mask(part)
    return out


def changed(canvas: Rendered, mask: Mask, gain: float) -> Rendered:
    after = canvas.after.copy()
    after[mask] = np.clip(after[mask] * gain, 0, 65535).astype(after.dtype)
    return replace(canvas, after=after)


def test_as_rendered_all_is_within_limits(canvas: Rendered) -> None:
    found = figures(canvas)
    assert list(found) == [
        "outside_strands", "strand_width", "tamed_area", "strand_step", "strand_texture",
    ]  # fmt: skip
    assert all(one.passed and one.edit == StrandPlan.EDIT for one in found.values())
    assert found["strand_width"].value > 0.3 and found["tamed_area"].value > 0.2
    assert locked(canvas).passed


def test_a_low_bit_outside_a_stroke_is_found(canvas: Rendered) -> None:
    for zone in (Zone.BACKDROP, Zone.EDGE):
        y, x = np.argwhere((canvas.zones == zone) & ~strokes(canvas))[700]
        after = canvas.after.copy()
        after[y, x, 1] ^= 1
        flipped = replace(canvas, after=after)
        assert figures(flipped)["outside_strands"].value == 1
        assert locked(flipped).value == (zone is Zone.EDGE)


def test_without_a_word_of_where_strokes_may_be_no_edge_pixel_may_differ(canvas: Rendered) -> None:
    at_edge = int(np.count_nonzero((canvas.zones == Zone.EDGE) & (canvas.before != canvas.after).any(axis=2)))
    assert at_edge > 100
    assert locked(replace(canvas, loose=None)).value == at_edge


def test_a_switch_that_is_off_frees_nothing(canvas: Rendered) -> None:
    off = canvas.plans[0].without([item.id for item in canvas.plans[0].items])
    assert figures(replace(canvas, plans=[off]))["outside_strands"].value > 1000


def test_a_wide_stroke_is_too_wide_by_its_pixels(canvas: Rendered) -> None:
    plan = canvas.plans[0]
    body = StrandPlan.model_validate(plan.body)
    wide = tuple(row.model_copy(update={"radius_px": 6.0}) for row in body.strands)
    claimed = plan.model_copy(update={"body": StrandPlan(strands=wide).model_dump(mode="json")})
    canvas = replace(canvas, plans=[claimed])
    assert not figures(changed(canvas, strokes(canvas), 1.01))["strand_width"].passed


def test_all_together_may_cover_a_hundredth(canvas: Rendered) -> None:
    plan = canvas.plans[0]
    body = StrandPlan.model_validate(plan.body)
    rows = [row for row in body.strands if row.offset is not None]
    lines = [((10.0 + 5 * k, 20.0), (10.0 + 5 * k, 540.0)) for k in range(3)]
    more = tuple(rows[0].model_copy(update={"points": line, "radius_px": 2.1}) for line in lines)
    body = StrandPlan(strands=(*body.strands, *more))
    canvas = replace(canvas, plans=[plan.model_copy(update={"body": body.model_dump(mode="json")})])
    assert figures(canvas)["tamed_area"].passed
    assert not figures(changed(canvas, strokes(canvas), 1.01))["tamed_area"].passed


@pytest.mark.parametrize("gain", [0.9, 1.1])
def test_light_that_is_not_the_backdrops_is_found(canvas: Rendered, gain: float) -> None:
    assert not figures(changed(canvas, strokes(canvas), gain))["strand_step"].passed


def test_texture_that_is_not_the_backdrops_is_found(canvas: Rendered) -> None:
    soft = canvas.after.copy()
    soft[strokes(canvas)] = np.median(soft[strokes(canvas)], axis=0).astype(soft.dtype)
    assert not figures(replace(canvas, after=soft))["strand_texture"].passed


def cropped(canvas: Rendered, crop: Roi) -> Rendered:
    part = crop.within(canvas.canvas)
    codes = {name: getattr(canvas, name)[part] for name in ("before", "after", "zones")}
    return replace(canvas, canvas=crop, **codes)


@pytest.mark.parametrize("x1", range(396, 420, 2))
def test_a_stroke_is_judged_by_what_a_crop_leaves_of_it(canvas: Rendered, x1: int) -> None:
    """From one that lies wholly outside, over those with but their ring inside, to a good part of it."""
    found = figures(cropped(canvas, Roi(300, 140, 720, x1)))
    assert all(np.isfinite(one.value) and one.passed for one in found.values())
    assert found["strand_step"].value < 0.6


def test_a_crop_without_any_stroke_has_nothing_to_measure(canvas: Rendered) -> None:
    found = figures(cropped(canvas, Roi(500, 140, 720, 390)))
    assert [one.value for one in found.values()] == [0, 0, 0, 0, 1] and all(
        one.passed for one in found.values()
    )


def test_no_skin_is_excused_for_a_strand_that_runs_beside_it(canvas: Rendered) -> None:
    assert not _approved(canvas, WHOLE).any()
