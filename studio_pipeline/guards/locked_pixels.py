"""The promise itself: no pixel of the base differs outside the zones that the plans may write.

And on the edge zone, where a pixel is part person, none but by the one law (``pixels.exchange``), or in the
stroke of a stray hair that is on; of the lock none but in the disc of lint that is on (``pixels.loose``); of
open skin none but where a spot or shine that is on lies (``records.open_skin``).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from studio_pipeline.geometry import Roi
from studio_pipeline.guards.base import FaceCounter, Rendered
from studio_pipeline.pixels.exchange import unlawful
from studio_pipeline.pixels.masks import Mask, Zone, inside
from studio_pipeline.records.open_skin import may_change
from studio_pipeline.records.plan import Tier
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult

WRITABLE: dict[Tier, tuple[Zone, ...]] = {
    Tier.BACKDROP_ONLY: (Zone.BACKDROP,),
    Tier.EDGE: (Zone.BACKDROP, Zone.EDGE),
    Tier.BOUNDED_RETOUCH: (Zone.BACKDROP, Zone.EDGE, Zone.HEALABLE),
}
"""The zones of the base that each tier may write at most. ``Zone.NEW`` is never one: the base has none.
``Zone.EDGE`` is one only where a plan has an exchange, and by its law, or in the strokes of stray hairs."""

_STRIP_ROWS = 512
_TILE_PX = 512


class LockedPixels:
    """Compares every pixel of the base on the canvas with the null render, as code values."""

    name = "locked_pixels"

    def check(self, rendered: Rendered, limits: GuardLimits, count_faces: FaceCounter) -> list[GuardResult]:
        allowed = {zone for plan in rendered.plans for zone in WRITABLE[plan.tier]}
        changed = 0
        for strip in strips(rendered.kept):
            differs = changed_pixels(rendered, strip)
            if not differs.any():
                continue
            zones = rendered.zones[strip.within(rendered.canvas)]
            beyond = differs & ~inside(zones, *allowed)
            if beyond.any() and rendered.loose is not None:  # lint's own disc: guards.lint looks at it
                beyond &= ~rendered.loose(strip)
            skin = differs & inside(zones, Zone.HEALABLE) & ~beyond
            if skin.any():
                beyond |= skin & ~may_change(rendered.plans, strip, rendered.scale)
            changed += int(np.count_nonzero(beyond))
            if Zone.EDGE in allowed:
                changed += _outside_the_law(rendered, strip)
        return [GuardResult(name=self.name, value=changed, limit=0, passed=changed == 0, unit="px")]


def _outside_the_law(rendered: Rendered, strip: Roi) -> int:
    """How many edge pixels hold what no exchange of the plans leads to."""
    found = 0
    exchanges = [plan.exchange.lights() for plan in rendered.plans if plan.exchange is not None]
    for tile in strip.tiles(_TILE_PX):
        where = tile.within(rendered.canvas)
        edge = inside(rendered.zones[where], Zone.EDGE)
        if rendered.loose is not None:  # a stray hair's own stroke: guards.flyaways looks at it
            edge &= ~rendered.loose(tile)
        if not edge.any():
            continue
        laws = [partial(rendered.edge_law, lights, tile) for lights in exchanges] if rendered.edge_law else []
        left = unlawful(rendered.before[where], rendered.after[where], edge, laws, rendered.encoding)
        found += int(np.count_nonzero(left))
    return found


def strips(roi: Roi) -> list[Roi]:
    """A region in full-width strips, each small enough to be read in one go."""
    return [Roi(y, roi.x0, min(y + _STRIP_ROWS, roi.y1), roi.x1) for y in range(roi.y0, roi.y1, _STRIP_ROWS)]


def changed_pixels(rendered: Rendered, roi: Roi) -> Mask:
    """Where any channel's code in ``roi`` differs from the null render's."""
    where = roi.within(rendered.canvas)
    before, after = rendered.before[where], rendered.after[where]
    if np.array_equal(before, after):  # nearly every strip, and several times faster
        return np.zeros(before.shape[:2], np.bool_)
    differs = before != after
    return np.asarray(differs[..., 0] | differs[..., 1] | differs[..., 2], np.bool_)
