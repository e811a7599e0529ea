"""What a guard is: figures with limits, read from finished pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.pixels.exchange import EdgeLaw, Lights
from studio_pipeline.pixels.masks import Mask, ZoneMap
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult

FaceCounter = Callable[[Codes, RgbEncoding, Mask], int]
"""Faces found whose centre lies in the mask: ``(codes (h, w, 3), their encoding, mask (h, w))``."""


@dataclass(frozen=True, eq=False)
class Rendered:
    """A finished canvas at one scale (arrays or memory maps; work in strips on masters).

    ``before`` is the null render laid on the same canvas (zeros in new area), ``after`` the edited one.
    """

    before: Codes
    after: Codes
    zones: ZoneMap
    canvas: Roi
    base: Roi
    scale: float
    encoding: RgbEncoding
    plans: Sequence[Plan]
    edge_law: Callable[[Lights, Roi, Mask], EdgeLaw] | None = None
    """What an exchange may make of the edge pixels of a region; None: nothing."""
    loose: Callable[[Roi], Mask] | None = None
    """Where in a region the plans may take strands away, and lint; None: nowhere."""
    faces: Sequence[Roi] = ()
    """The regions of the faces that the reading found, at this scale."""

    count_people: FaceCounter = lambda codes, encoding, mask: 0
    """Bodies and hands found in a mask."""
    count_sure_people: FaceCounter | None = None
    """The same with more evidence, for a set that looks like people; None: there is no more."""
    without_model: Callable[[Plan], Codes] | None = None
    """The canvas as it is with what the model made of a plan left out."""

    @property
    def kept(self) -> Roi:
        """The part of the base that lies on the canvas; less than the base where it was cropped."""
        return self.base & self.canvas


class Guard(Protocol):
    """One file in ``guards/``, one line in its list."""

    name: str

    def check(self, rendered: Rendered, limits: GuardLimits, count_faces: FaceCounter) -> list[GuardResult]:
        """The guard's figures; an empty list where it has nothing to say about these plans."""
        ...


Figure = tuple[str, float, float, float, str]
"""Name, value, least, most, unit."""


def results(plan: Plan, figures: Iterable[Figure]) -> list[GuardResult]:
    """Figures of one plan, each passed where it lies within its limits."""
    return [
        GuardResult(
            name=name, edit=plan.edit, value=v, low=least, limit=most, passed=least <= v <= most, unit=u
        )
        for name, v, least, most, u in figures
    ]
