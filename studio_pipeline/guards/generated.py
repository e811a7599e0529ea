"""Of what a model made: nobody is in it, and nothing that was not asked for."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.guards.base import FaceCounter, Rendered
from studio_pipeline.pixels import light, oddities
from studio_pipeline.pixels.light import Tone
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult

_LONG_EDGE_PX = 1024
_FEW_EDGES = 0.02  # of an area: as many say nothing


class Generated:
    """``new_people``: bodies and hands, by the detectors that were handed in; always 0. Where they see
    somebody without the model's part, too, the set itself looks like people: then more evidence is wanted.
    ``new_structure``: edges in what was made, over those on the set's backdrop. ``new_colours``: the share of
    it that has a colour of which the set has none.
    """

    name = "generated"

    def check(self, rendered: Rendered, limits: GuardLimits, count_faces: FaceCounter) -> list[GuardResult]:
        plans = [plan for plan in rendered.plans if plan.generated_px]
        if not plans:
            return []
        tone, small = _reduced(rendered)
        smooth, backdrop = oddities.smoothed(tone), _backdrop(rendered, small)
        steep = oddities.edges(smooth)
        out = []
        for plan in plans:
            regions = plan.made_by.regions if plan.made_by else ()
            made = _covered(regions, rendered.canvas, rendered.scale, small)
            seen = backdrop & ~made
            full = _covered(regions, rendered.canvas, rendered.scale, rendered.canvas.extent)
            people = _people(rendered, plan, full)
            usual = max(_FEW_EDGES, float(steep[seen].mean()) if seen.any() else 0.0)
            figures = [
                ("new_people", float(people), 0.0),
                (
                    "new_structure",
                    float(steep[made].mean()) / usual if made.any() else 0.0,
                    limits.structure_max,
                ),
                (
                    "new_colours",
                    oddities.colours(smooth, made, seen) if seen.any() else 0.0,
                    limits.colours_max,
                ),
            ]
            out += [_result(plan, *figure) for figure in figures]
        return out


def _people(rendered: Rendered, plan: Plan, made: Mask) -> int:
    people = rendered.count_people(rendered.after, rendered.encoding, made)
    if not people or rendered.without_model is None or rendered.count_sure_people is None:
        return people
    if not rendered.count_people(rendered.without_model(plan), rendered.encoding, made):
        return people
    return rendered.count_sure_people(rendered.after, rendered.encoding, made)


def _result(plan: Plan, name: str, value: float, limit: float) -> GuardResult:
    return GuardResult(name=name, edit=plan.edit, value=value, limit=limit, passed=value <= limit)


def _reduced(rendered: Rendered) -> tuple[Tone, Extent]:
    extent = rendered.canvas.extent
    small = extent.scaled(min(1.0, _LONG_EDGE_PX / extent.long_edge))
    size = (small.width, small.height)
    codes = cv2.resize(np.ascontiguousarray(rendered.after), size, interpolation=cv2.INTER_AREA)
    return light.to_tone(rendered.encoding.decode(np.asarray(codes, rendered.after.dtype))), small


def _backdrop(rendered: Rendered, small: Extent) -> Mask:
    held = (rendered.zones != Zone.BACKDROP).astype(np.uint8)
    shares = cv2.resize(held * np.uint8(255), (small.width, small.height), interpolation=cv2.INTER_AREA)
    return np.asarray(shares == 0, np.bool_)


def _covered(regions: Sequence[Roi], canvas: Roi, scale: float, extent: Extent) -> Mask:
    """The regions (master pixels), on a canvas brought to ``extent``."""
    out = np.zeros((extent.height, extent.width), np.bool_)
    ratio = extent.height / canvas.extent.height
    whole = Roi.of(extent)
    for region in regions:
        part = (region.scaled(scale) & canvas).shifted(-canvas.y0, -canvas.x0).scaled(ratio) & whole
        out[part.within(whole)] = True
    return out
