"""Checks on finished pixels: each a number with a limit, on the proposal and again on the master."""

from __future__ import annotations

from collections.abc import Sequence

from studio_pipeline.guards.base import FaceCounter, Guard, Rendered
from studio_pipeline.guards.bounds import Bounds
from studio_pipeline.guards.flyaways import Flyaways
from studio_pipeline.guards.generated import Generated
from studio_pipeline.guards.grain import Grain
from studio_pipeline.guards.lint import Lint
from studio_pipeline.guards.locked_pixels import LockedPixels
from studio_pipeline.guards.new_faces import NewFaces
from studio_pipeline.guards.retouch import Retouch
from studio_pipeline.guards.seam import Seam
from studio_pipeline.guards.shine import ShineLimits
from studio_pipeline.guards.skin_tone import SkinTone
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult


def distinct(guards: Sequence[Guard]) -> tuple[Guard, ...]:
    """The list as it is. Raises ValueError where two guards have one name."""
    names = [guard.name for guard in guards]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two guards are named {twice[0]!r}")
    return tuple(guards)


# In the order in which the page shows them: what must never be, then what should look right.
GUARDS = distinct(
    [
        *(LockedPixels(), SkinTone(), Retouch(), ShineLimits(), Flyaways(), Lint()),
        *(NewFaces(), Generated(), Seam(), Grain(), Bounds()),
    ]
)


def check_all(rendered: Rendered, limits: GuardLimits, count_faces: FaceCounter) -> tuple[GuardResult, ...]:
    """Every guard's figures for one rendered canvas, at proxy or master scale."""
    return tuple(result for guard in GUARDS for result in guard.check(rendered, limits, count_faces))
