"""By how much a portrait is turned, and what is kept of it then."""

from __future__ import annotations

import math
from collections.abc import Sequence

from studio_pipeline.edits.framing import Wish
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.turn import Turn, largest_about, largest_within, turned
from studio_pipeline.records.subject import Face

_LEAST_DEG = 0.3  # less is not seen, and nothing is resampled for it
_MOST_DEG = 10.0  # more is a pose


def level_deg(faces: Sequence[Face]) -> float:
    """The turn, clockwise, that levels the eyes of one face; 0 where there is nothing to level."""
    deg = -_slope_deg(faces[0]) if len(faces) == 1 else 0.0
    return deg if _LEAST_DEG <= abs(deg) <= _MOST_DEG else 0.0


def said(turn: Turn | None, faces: Sequence[Face], by_eyes: bool) -> tuple[str, ...]:
    """What a person is told of a turn that was asked for; ``faces`` as they are after it."""
    if turn is not None:
        way = "clockwise" if turn.deg > 0 else "counter-clockwise"
        return (f"the picture is turned by {abs(turn.deg):.1f}° {way}, so all of it is resampled",)
    if by_eyes and not all(face.eyes for face in faces):
        return ("not levelled: the eyes were not found",)
    if by_eyes and len(faces) != 1:
        return ("not levelled: one head can be, and no other number",)
    if by_eyes and abs(_slope_deg(faces[0])) > _MOST_DEG:
        return (f"the head leans by {abs(_slope_deg(faces[0])):.0f}°, which is a pose: it is not levelled",)
    if by_eyes and level_deg(faces) == 0:
        return ("the eyes are level",)
    return ("not turned: a part of the head would be lost",)


def _slope_deg(face: Face) -> float:
    left, right = face.eyes
    return math.degrees(math.atan2(right.y - left.y, right.x - left.x))


def choose(deg: float, base: Extent, wish: Wish) -> Turn | None:
    """The turn that keeps most of the frame that is wanted; None where the head would lose a part of itself.

    The wish is one for the base as it is. A frame that fits between the turned picture's borders keeps all
    that lies around it there; else what is kept is the largest part of the picture about its middle.
    """
    y, x = turned(deg, base, wish.y, wish.x)
    width_px = wish.ratio * wish.height_px
    wanted = Roi(
        math.floor(y - wish.at_y * wish.height_px),
        math.floor(x - wish.at_x * width_px),
        math.ceil(y + (1 - wish.at_y) * wish.height_px),
        math.ceil(x + (1 - wish.at_x) * width_px),
    )
    head = wish.keep.shifted(round(y - wish.y), round(x - wish.x))
    fit = [largest_about(deg, base, y, x, wanted), largest_within(deg, base)]
    held = [region for region in fit if region.contains(head)]
    if not held:
        return None
    return Turn(round(deg, 3), base, max(held, key=lambda region: (region & wanted).extent.area))
