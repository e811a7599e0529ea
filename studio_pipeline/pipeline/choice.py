"""What a choice of switches shows: its proposal, with the figures that belong to it."""

from __future__ import annotations

from collections.abc import Callable

from studio_pipeline.geometry import Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.records.hand import Polygon
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import Choice, Proposal

# Twice the canvas in each direction: nobody extends further, and a slip of the hand is told.
_SLACK = 1.0


def measured(
    current: Proposal, choice: Choice, render: Callable[[Proposal], Rendered], limits: GuardLimits
) -> Proposal:
    """``current`` with these switches. Where items changed, its figures are those of what is shown.

    A whole edit's switch needs no new figures: each edit's own were measured when it was planned. ``render``
    is called only where there is something to measure, and gives the active plans at plan scale.
    """
    chosen = current.chosen(choice)
    before = {plan.edit: plan.off for plan in current.plans}
    changed = {plan.edit for plan in chosen.active if plan.off != before[plan.edit]}
    if not changed:
        return chosen
    from studio_pipeline import guards, subject

    moves_canvas = any(plan.canvas is not None for plan in chosen.active if plan.edit in changed)
    # Faces are looked for in new area only: without a change there the count that is known stands.
    count_faces = subject.count_faces if moves_canvas else (lambda codes, encoding, mask: 0)
    figures = guards.check_all(render(chosen), limits, count_faces)
    new = tuple(g for g in figures if g.edit is None or g.edit in changed)
    kept = tuple(g for g in current.guards if g.edit is not None and g.edit not in changed)
    return chosen.model_copy(update={"guards": new + kept})


def is_within_reach(polygons: tuple[Polygon, ...], canvas: Roi) -> bool:
    """Whether all corners lie on the canvas, or so near that they may have been meant."""
    reach = canvas.grown(round(_SLACK * canvas.extent.long_edge))
    corners = [corner for polygon in polygons for corner in polygon]
    return all(reach.y0 <= p.y <= reach.y1 and reach.x0 <= p.x <= reach.x1 for p in corners)
