"""The limits of taking stray hairs away, read from finished pixels: thin, few, plain as the backdrop."""

from __future__ import annotations

import numpy as np

from studio_pipeline.guards.base import FaceCounter, Rendered, results
from studio_pipeline.guards.locked_pixels import changed_pixels, strips
from studio_pipeline.pixels.masks import Zone, inside
from studio_pipeline.pixels.plainness import Plainness, plainness, reaching, texture, window
from studio_pipeline.pixels.strokes import Stroke
from studio_pipeline.records.flaws import covered
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult
from studio_pipeline.records.strands import SHARE_MAX, STEP_MAX, TEXTURE, WIDTH_MAX, StrandPlan, strokes_on

_STEP_PX = 0.25  # how finely a width is read


class Flyaways:
    """Of stray hairs that are on: what lies outside them, the widest, all together, their light, texture."""

    name = "flyaways"

    def check(self, rendered: Rendered, limits: GuardLimits, count_faces: FaceCounter) -> list[GuardResult]:
        return [
            figure
            for plan in rendered.plans
            if plan.edit == StrandPlan.EDIT
            for figure in _of_plan(rendered, plan)
        ]


def _of_plan(rendered: Rendered, plan: Plan) -> list[GuardResult]:
    on = strokes_on(plan, rendered.scale)
    body = StrandPlan.model_validate(plan.body)
    strands = [strand.stroke(rendered.scale) for strand in body.strands]
    long_edge, area = rendered.base.extent.long_edge, rendered.base.extent.area
    found = _plainness(rendered, on, strands)
    step = max((one.step for one in found), default=0.0)
    low, high = TEXTURE
    figures = (
        ("outside_strands", float(_outside(rendered, on)), 0.0, 0.0, "px"),
        ("strand_width", 100 * _width(rendered, on) / long_edge, 0.0, 100 * WIDTH_MAX, "% of the long edge"),
        ("tamed_area", 100 * _changed(rendered, on) / area, 0.0, 100 * SHARE_MAX, "% of the picture"),
        ("strand_step", step, 0.0, STEP_MAX, "L*"),
        ("strand_texture", texture(found), low, high, ""),
    )
    return results(plan, figures)


def _outside(rendered: Rendered, on: list[Stroke]) -> int:
    """Changed pixels in no stroke that is on: of the whole base where nothing else has a part in it, else of
    the edge zone where no exchange has.
    """
    others = [plan for plan in rendered.plans if plan.edit != StrandPlan.EDIT]
    if any(plan.exchange is not None for plan in others):
        return 0  # by the law of the exchange: guards.locked_pixels
    outside = 0
    for strip in strips(rendered.kept):
        changed = changed_pixels(rendered, strip)
        if others:
            changed &= inside(rendered.zones[strip.within(rendered.canvas)], Zone.EDGE)
        if changed.any():
            outside += int(np.count_nonzero(changed & ~covered(on, strip)))
    return outside


def _width(rendered: Rendered, on: list[Stroke]) -> float:
    """Twice as far as changed pixels lie from the middle of their stroke, in pixels."""
    widest = 0.0
    for stroke in on:
        part = stroke.roi & rendered.kept
        changed = changed_pixels(rendered, part)
        changed &= stroke.mask(part)
        reach = 0.0
        while (changed & ~stroke.mask(part, reach - stroke.radius_px)).any():
            reach += _STEP_PX
        widest = max(widest, 2 * min(reach, stroke.radius_px))
    return widest


def _changed(rendered: Rendered, on: list[Stroke]) -> int:
    total = 0
    for strip in strips(rendered.kept):
        total += int(np.count_nonzero(changed_pixels(rendered, strip) & covered(on, strip)))
    return total


def _plainness(rendered: Rendered, on: list[Stroke], strands: list[Stroke]) -> list[Plainness]:
    out, near = [], reaching(strands)
    for stroke in on:
        roi = window(stroke, rendered.kept)
        at = roi.within(rendered.canvas)
        over = inside(rendered.zones[at], Zone.BACKDROP, Zone.EDGE)
        linear = rendered.encoding.decode(rendered.after[at])
        if (one := plainness(linear, stroke, near(roi), over, roi)) is not None:
            out.append(one)
    return out
