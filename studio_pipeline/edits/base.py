"""What an edit is: a plan, then pixels from the plan alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.records.base import Record
from studio_pipeline.records.plan import Plan, Tier
from studio_pipeline.subject.reading import Reading


@dataclass(frozen=True, eq=False)
class Patch:
    """An edit's pixels for one region: linear Rec.2020 ``(h, w, 3)`` float32, and where they apply.

    ``dither``: whether the gate should break up steps. Pixels that carry a photograph's own grain need none.
    """

    linear: Linear
    mask: Mask
    dither: bool = True


class Edit(Protocol):
    """One file in ``edits/``, one line in its list.

    ``plan`` sees the picture at plan scale, once. ``render`` gets any region at any scale (``base.scale``)
    and re-estimates nothing: same plan, same base, same pixels, whatever the tiling. Plan geometry is in
    master pixels, canvas coordinates. Edits read the base, never each other's results, so that each has a
    switch of its own.
    """

    name: str
    title: str
    version: int
    tier: Tier
    engine: str
    writes: tuple[Zone, ...]
    params: type[Record]

    def plan(self, frame: Frame, reading: Reading, params: Any, seed: int) -> Plan:
        """Decide. Raises nothing for a picture that cannot be edited: that is a refusal in the plan."""
        ...

    def render(self, plan: Plan, base: Frame, roi: Roi) -> Patch:
        """The edit's pixels in ``roi`` (canvas coordinates at ``base.scale``)."""
        ...
