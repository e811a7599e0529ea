"""The sitter's shadow and mirror image: no copy comes from them, and no side is extended that they cross."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import sets
from benchmarks.backdrops import View
from studio_pipeline.demo import sitter
from studio_pipeline.edits.extend_background import EXTEND_BACKGROUND, ExtendParams, ExtendPlan
from studio_pipeline.edits.extension import seeing, shadows
from studio_pipeline.edits.extension.shadows import Cast
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import Frame, clipped_in_file, plan_scale
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.records.plan import Plan
from studio_pipeline.subject.reading import Reading

EXTENT = Extent(600, 900)
SRGB = color.named("sRGB")
ON_WALL = (0.62, 0.31, 0.28, 0.14)
"""The middle of a shadow that begins behind the sitter, and its radii, in the picture's height and width."""
TO_BORDER = (0.85, 0.12, 0.08, 0.2)
CROSSES = "crosses the border here; it cannot be continued without them"

Shadow = tuple[float, float, float, float]
Floats = NDArray[np.float32]


def seen(codes: Codes, person: Floats) -> tuple[Frame, Reading]:
    frame = Frame(codes, SRGB, clipped_in_file(codes))
    return frame.at_scale(plan_scale(frame.extent)), sets.true_reading(person)


def shadowed(name: str, shadow: Shadow) -> tuple[Codes, Floats, Mask]:
    """A set with a shadow that takes half the light, soft at its rim; the person, and where its core lies."""
    made = sets.render(name, "1600", EXTENT)
    y, x, radius_y, radius_x = shadow
    rows, columns = np.mgrid[0 : EXTENT.height, 0 : EXTENT.width].astype(np.float32)
    away = np.hypot((rows / EXTENT.height - y) / radius_y, (columns / EXTENT.width - x) / radius_x)
    share = np.where(made.person > 0.5, 1, 1 - 0.5 / (1 + np.exp((away - 1) / 0.12)))
    linear = SRGB.decode(made.seen) * share[..., None]
    return SRGB.encode(linear.astype(np.float32), 16), made.person, share < 0.6


def planned(codes: Codes, person: Floats, **added: int) -> Plan:
    wanted = ExtendParams.model_validate(added)
    return EXTEND_BACKGROUND.plan(*seen(codes, person), wanted, 1)


def sources(plan: Plan) -> Mask:
    """The master's pixels that anything is copied from, for texture or for structure."""
    body = ExtendPlan.model_validate(plan.body).extension
    assert body is not None
    out = np.zeros((EXTENT.height, EXTENT.width), np.bool_)
    whole = Roi.of(EXTENT)
    rois = [
        Roi(int(sy), int(sx), int(sy + y1 - y0), int(sx + x1 - x0))
        for y0, x0, y1, x1, sy, sx in body.pieces.array()[:, :6]
    ]
    for copies in (side.copies for side in body.sides if side.copies is not None):
        labels, shifts = copies.labels.array(), copies.shifts.array()
        half = copies.node_px / 2
        for i, j in np.argwhere(labels >= 0):
            dy, dx = shifts[int(labels[i, j])]
            y, x = copies.y0 + i * copies.node_px + dy, copies.x0 + j * copies.node_px + dx
            rois.append(Roi(round(y - half), round(x - half), round(y + half), round(x + half)))
    for roi in rois:
        out[(roi & whole).within(whole)] = True
    return out


@pytest.mark.parametrize("name", ["linear", "two lights", "floor + wall", "clipped white"])
def test_the_core_of_a_shadow_is_found(name: str) -> None:
    codes, person, core = shadowed(name, ON_WALL)
    frame, reading = seen(codes, person)
    away = seeing.see(frame, reading, seeing.Given()).away
    core = core[:: round(1 / frame.scale), :: round(1 / frame.scale)][: len(away), : away.shape[1]]
    assert (away & core).sum() < 0.05 * core.sum()
    assert away.mean() > 0.3


def test_nothing_is_copied_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, person, core = shadowed("floor + wall", ON_WALL)
    plan = planned(codes, person, left=220, right=220)
    assert plan.changes and not plan.refusals
    assert (sources(plan) & core).sum() == 0
    monkeypatch.setattr(shadows, "cast", lambda linear, readable, person: Cast(~readable & False, {}))
    assert (sources(planned(codes, person, left=220, right=220)) & core).sum() > 100


@pytest.mark.parametrize("name", list(sets.SETS))
def test_a_set_without_one_is_left_alone(name: str) -> None:
    """Light that falls off, clouds, strokes, folds, lines and narrow paper are no shadows."""
    made = sets.render(name, "1600", EXTENT)
    frame, reading = seen(made.seen, made.person)
    there = seeing.see(frame, reading, seeing.Given())
    readable = reading.backdrop_at(frame.extent.height, frame.extent.width)
    cast = shadows.cast(frame.linear(), readable, ~readable)
    assert there.crossing == {} and cast.mask.mean() < 0.005


@pytest.mark.parametrize("name", ["linear", "two lights", "clipped white"])
def test_a_side_that_it_crosses_is_refused_and_the_other_goes(name: str) -> None:
    codes, person, _ = shadowed(name, TO_BORDER)
    plan = planned(codes, person, left=120, right=120)
    (refusal,) = plan.refusals
    assert (refusal.where, refusal.reason) == ("left", f"the person's shadow {CROSSES}")
    assert plan.canvas == Roi(0, 0, 600, 1020)


def standing(name: str, mirrored: float, reach_px: int) -> tuple[Codes, Floats]:
    """The sitter with her lower end in the picture, ``mirrored`` of her light below it, ``reach_px`` down."""
    extent, gap = Extent(700, 900), 150
    view = View.of(extent.height, extent.width)
    picture = sets.SETS[name].backdrop(view)
    person = np.zeros(picture.shape[:2], np.float32)
    hers, coverage = sitter.at_scale(0.3 * extent.width / sitter.SIZE_PX)
    rows, columns = coverage.shape
    feet, left = extent.height - gap, (extent.width - columns) // 2
    across = slice(left, left + columns)
    person[feet - rows : feet, across] = coverage
    body, floor = picture[feet - rows : feet, across], picture[feet : feet + reach_px, across]
    body += coverage[..., None] * (hers - body)
    floor += mirrored * coverage[::-1][:reach_px, :, None] * (hers[::-1][:reach_px] - floor)
    sets.put_noise(picture, "1600", view)
    return sets.srgb16(picture), person


@pytest.mark.parametrize("mirrored", [0.15, 0.4])
def test_a_mirror_image_that_crosses_the_border_is_not_cut(mirrored: float) -> None:
    plan = planned(*standing("floor + wall", mirrored, 150), bottom=100, left=60)
    (refusal,) = plan.refusals
    assert (refusal.where, refusal.reason) == ("bottom", f"the person's reflection {CROSSES}")
    assert plan.changes


def test_one_that_ends_above_it_is_only_not_copied() -> None:
    frame, reading = seen(*standing("floor + wall", 0.3, 90))
    there = seeing.see(frame, reading, seeing.Given())
    assert there.crossing == {}
    below = round(570 * frame.scale), round(450 * frame.scale)
    assert not there.away[below] and there.away[round(690 * frame.scale), below[1]]


def test_without_one_the_floor_below_is_free() -> None:
    plan = planned(*standing("floor + wall", 0.0, 150), bottom=100)
    assert plan.refusals == () and plan.changes
