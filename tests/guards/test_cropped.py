"""Guards on a canvas that shows a part of the base only."""

from dataclasses import replace

import numpy as np
import pytest

from studio_pipeline.edits.heal_skin import HEAL_SKIN, HealSkinParams
from studio_pipeline.edits.reduce_shine import REDUCE_SHINE, ReduceShineParams
from studio_pipeline.geometry import Extent, Insets, Roi
from studio_pipeline.guards import check_all
from studio_pipeline.guards.base import Rendered
from studio_pipeline.guards.new_faces import NewFaces
from studio_pipeline.guards.sides import extended_sides
from studio_pipeline.pipeline import stages
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult
from tests.support import skin
from tests.support.canvases import BASE, PERSON, edited, no_faces, plan, rendered, with_spots

LEFT = Insets(left=80)
LIMITS = GuardLimits()


def framed(canvas: Roi, added: Insets = LEFT) -> Rendered:
    """The same truth, seen through a frame."""
    full = rendered(added)
    part = canvas.within(full.canvas)
    return replace(
        full,
        before=full.before[part],
        after=full.after[part],
        zones=full.zones[part],
        canvas=canvas,
        plans=[plan("frame_portrait", canvas=canvas)],
    )


CROP = Roi(20, 60, 200, 260)
BOTH = Roi(30, -80, 210, 250)  # out at the left, cropped everywhere else


def figures(canvas: Rendered) -> dict[str, GuardResult]:
    return {result.name: result for result in check_all(canvas, LIMITS, no_faces)}


def test_a_crop_has_only_its_locked_pixels_checked() -> None:
    found = figures(framed(CROP))
    assert list(found) == ["locked_pixels"] and found["locked_pixels"].passed


def test_a_changed_pixel_is_found_where_it_is_shown() -> None:
    inside, outside = Roi(100, 150, 101, 151), Roi(220, 150, 221, 151)
    assert PERSON.contains(inside) and PERSON.contains(outside) and not CROP.contains(outside)
    changed = edited(framed(CROP), inside, lambda light: 0.5 * light)
    assert figures(changed)["locked_pixels"].value == 1


def test_what_was_added_is_measured_and_what_was_cropped_is_not() -> None:
    found = figures(framed(BOTH))
    assert list(found) == ["locked_pixels", "new_faces", "seam", "grain", "new_area"]
    assert all(result.passed for result in found.values())
    assert found["new_area"].value == pytest.approx(80 * 180 / BASE.extent.area)
    (side,) = extended_sides(framed(BOTH))
    assert (side.name, side.new_px, side.roi.extent) == ("left", 80, Extent(180, 330))
    dark = edited(framed(BOTH), Roi(30, -80, 210, 0), lambda light: 0.7 * light)
    assert not figures(dark)["seam"].passed


def test_spots_are_measured_where_they_are_shown() -> None:
    """One of the two lies in the frame; what was healed outside counts for nothing."""
    one = with_spots(framed(Roi(20, 20, 240, 200)))
    results = [r for r in check_all(one, LIMITS, no_faces) if r.name in ("grain", "healed_area")]
    assert [r.name for r in results] == ["healed_area"] and results[0].value == 0


def test_new_faces_are_looked_for_beside_what_was_added() -> None:
    asked: list[Mask] = []

    def counts(codes: Codes, encoding: RgbEncoding, mask: Mask) -> int:
        asked.append(mask)
        return 0

    NewFaces().check(framed(BOTH), LIMITS, counts)
    (mask,) = asked
    new_px = 80
    assert mask[:, :new_px].all() and not mask[:, new_px + 10 :].any()
    assert mask.shape == (180, 330) and np.count_nonzero(mask) < 90 * 180


@pytest.mark.parametrize(
    "crop", [Roi(170, 120, 400, 360), Roi(20, 20, 160, 360), Roi(20, 200, 400, 360), Roi(380, 20, 420, 360)]
)
def test_spots_and_shine_that_a_crop_leaves_outside_are_not_judged(crop: Roi) -> None:
    """On a face that is cut, or wholly outside; whatever of them is in sight is judged as before."""
    spots = [skin.Spot(140, 150), skin.Spot(250, 230, 3.0, 0.6), skin.Spot(150, 190, amount=0.6)]
    light = skin.with_spots(skin.skin(), spots)
    y, x = np.ogrid[: skin.EXTENT.height, : skin.EXTENT.width]
    light += (0.3 * np.exp(-((y - 150) ** 2 + (x - 190) ** 2) / 512))[..., None].astype(np.float32)
    base, who = skin.frame(light), skin.reading()
    plans = (
        HEAL_SKIN.plan(base, who, HealSkinParams(), 0).without(()),
        REDUCE_SHINE.plan(base, who, ReduceShineParams(), 0).without(()),
    )
    assert len(plans[0].items) > 1 and plans[1].items
    _, whole = stages.rendered(plans, base, who)
    part = crop.within(whole.canvas)
    cut = replace(
        whole, before=whole.before[part], after=whole.after[part], zones=whole.zones[part], canvas=crop
    )
    assert [g for g in check_all(cut, LIMITS, no_faces) if not g.passed] == []
