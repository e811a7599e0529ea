"""A backdrop whose middle is the base, and whose rest is the best extension there could be: the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from studio_pipeline.geometry import Insets, Point, Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.flaws import CleanPlan, Fill, Mark
from studio_pipeline.records.plan import Item, Plan, Tier
from studio_pipeline.records.spots import Spot, SpotsPlan

BASE = Roi(0, 0, 240, 320)
PERSON = Roi(80, 120, 240, 200)
NONE = Insets()
EVERY_SIDE = Insets(top=70, left=80, bottom=60, right=90)
SPOTS = (
    Spot(id="60-60", centre=Point(60, 60), radius_px=9, offset=Point(0, 30), contrast=8),
    Spot(id="40-250", centre=Point(40, 250), radius_px=12, offset=Point(40, 0), contrast=8),
)


def plan(edit: str, **more: object) -> Plan:
    given = {"version": 1, "tier": Tier.BACKDROP_ONLY, "engine": "classical", "seed": 1, "params": {}, **more}
    return Plan.model_validate({"edit": edit, **given})


def rendered(added: Insets = NONE, *, grain: float = 0.02, floor: bool = False) -> Rendered:
    """``grain``: its deviation over the light. ``floor``: a line that crosses the base and both sides."""
    encoding = color.named("ProPhoto")
    canvas = BASE.grown(added)
    size = (canvas.extent.height, canvas.extent.width)
    y, x = np.mgrid[canvas.y0 : canvas.y1, canvas.x0 : canvas.x1] / BASE.extent.long_edge
    light = 0.24 - 0.08 * (x - 0.4) ** 2 - 0.06 * (y - 0.3) ** 2
    if floor:
        light = np.where(y > 0.55, 0.4 * light, light)
    noise = np.random.default_rng(7).standard_normal((*size, 3))
    after = encoding.encode((light[..., None] * (1 + grain * noise)).astype(np.float32), 16)
    zones = np.full(size, Zone.NEW, np.uint8)
    zones[BASE.within(canvas)] = Zone.BACKDROP
    zones[(PERSON.grown(4) & BASE).within(canvas)] = Zone.EDGE
    zones[PERSON.within(canvas)] = Zone.LOCKED
    before = np.zeros_like(after)
    before[BASE.within(canvas)] = after[BASE.within(canvas)]
    plans = [plan("extend_background", canvas=canvas)] if added.any else []
    return Rendered(before, after, zones, canvas, BASE, 1.0, encoding, plans)


def with_spots(canvas: Rendered) -> Rendered:
    """The same canvas, its plans naming ``SPOTS`` as healed."""
    body = SpotsPlan(spots=SPOTS).model_dump(mode="json")
    return replace(canvas, plans=[*canvas.plans, plan(SpotsPlan.EDIT, body=body)])


MARK = Mark(item="lint", points=((30.0, 20.0), (34.0, 60.0), (30.0, 100.0)), radius_px=5, offset=Point(30, 0))
FILLED = Roi(60, 230, 200, 300)
FILL = Fill(
    item="thing",
    area=(tuple(Point(y, x) for y, x in ((60, 230), (60, 299), (199, 299), (199, 230))),),
    ramp_px=4,
    offset=Point(0, -60),
)


def with_cleaning(canvas: Rendered, off: tuple[str, ...] = ()) -> Rendered:
    """The same canvas, its plans naming a thread as healed and an area as filled."""
    body = CleanPlan(marks=(MARK,), fills=(FILL,)).model_dump(mode="json")
    items = tuple(Item(id=part.item, kind=part.item, roi=FILLED) for part in (MARK, FILL))
    return replace(canvas, plans=[*canvas.plans, plan(CleanPlan.EDIT, body=body, items=items, off=off)])


def edited(canvas: Rendered, roi: Roi, change: Callable[[Linear], Linear]) -> Rendered:
    """The same canvas with ``change`` made to the finished light of a region."""
    where = roi.within(canvas.canvas)
    after = canvas.after.copy()
    after[where] = canvas.encoding.encode(change(canvas.encoding.decode(after[where])), 16)
    return replace(canvas, after=after)


def no_faces(*_: object) -> int:
    return 0
