"""Where a frame lies: pure geometry, in master pixels.

A frame is asked for by its format and height, and by a place of the picture (the eyes) that is to lie at
given shares of it. Three things are stronger: what must stay inside it, the sides at which it may not leave
the picture, and the shares that must be clear of the person. Both axes are the same problem.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from studio_pipeline.geometry import Extent, Roi

Span = tuple[float, float]
"""First and last border of something along an axis."""

SIDES = ("top", "left", "bottom", "right")
_STEP = 0.01  # of a frame's height: how finely another size is looked for
_MOST_GROWN = 3.0  # times the height that was asked


@dataclass(frozen=True)
class Wish:
    """``y``, ``x`` are to lie at the shares ``at_y``, ``at_x`` of the frame. ``keep``: what stays inside.

    ``least``: how far the frame may shrink, as a share of its height, where a side is in its way.
    ``clear_left``, ``clear_right``: shares of the width that hold nothing of the person.
    """

    ratio: float
    height_px: float
    y: float
    x: float
    at_y: float
    at_x: float
    keep: Roi
    least: float = 1.0
    clear_left: float = 0.0
    clear_right: float = 0.0

    @property
    def clears(self) -> bool:
        return self.clear_left > 0 or self.clear_right > 0

    def without_clear(self) -> Wish:
        return replace(self, clear_left=0.0, clear_right=0.0)


@dataclass(frozen=True)
class Room:
    """``blocked``: sides at which a frame may not leave the picture. ``person``: the columns that hold the
    person in given rows; None where there is nobody.
    """

    extent: Extent
    blocked: frozenset[str]
    person: Callable[[int, int], Span | None]


def place(wish: Wish, room: Room, most_new: float = 1.0) -> Roi | None:
    """The frame, or None where there is none.

    It keeps its size and the asked place if it can. Where a blocked side is in the way it shrinks about that
    place, at most to ``least``, and moves for what is left. Where the clear shares want more width it grows,
    as far as no blocked side is in the way. Where too much of it would be new it shrinks as well.
    """
    for height in _heights(wish, room):
        frame = _placed(wish, room, height)
        if frame is not None and new_share(frame, room.extent) <= most_new:
            return frame
    return None


def new_share(frame: Roi, extent: Extent) -> float:
    """How much of a frame lies outside the picture, 0..1."""
    return 1 - (frame & Roi.of(extent)).extent.area / frame.extent.area


def sides_left(frame: Roi, extent: Extent) -> frozenset[str]:
    """The sides at which a frame reaches beyond the picture."""
    beyond = {
        "top": frame.y0 < 0,
        "left": frame.x0 < 0,
        "bottom": frame.y1 > extent.height,
        "right": frame.x1 > extent.width,
    }
    return frozenset(side for side, is_so in beyond.items() if is_so)


def _heights(wish: Wish, room: Room) -> Iterator[int]:
    """Heights to try, the best first."""
    holds = math.ceil(max(wish.keep.extent.height, wish.keep.extent.width / wish.ratio))
    around = _largest_around(wish, room)
    best = max(min(wish.height_px, around), wish.least * wish.height_px, holds)
    yield round(best)
    grown = best
    while wish.clears and grown <= min(around, _MOST_GROWN * wish.height_px):
        yield round(grown)
        grown += _STEP * best
    shrunk = best
    while shrunk >= max(wish.least * wish.height_px, holds):
        yield round(shrunk)
        shrunk -= _STEP * best
    # Both sides of an axis are blocked: no frame is larger than the picture.
    yield math.floor(min(best, _largest_between(wish, room)))


def _largest_around(wish: Wish, room: Room) -> float:
    """The height at which a frame about the asked place meets a blocked side."""
    height, width = room.extent.height, room.extent.width
    reach = {
        "top": (wish.y, wish.at_y),
        "bottom": (height - wish.y, 1 - wish.at_y),
        "left": (wish.x / wish.ratio, wish.at_x),
        "right": ((width - wish.x) / wish.ratio, 1 - wish.at_x),
    }
    return min((px / share for side, (px, share) in reach.items() if side in room.blocked), default=math.inf)


def _largest_between(wish: Wish, room: Room) -> float:
    limits = [math.inf]
    if room.blocked >= {"top", "bottom"}:
        limits.append(room.extent.height)
    if room.blocked >= {"left", "right"}:
        limits.append(room.extent.width / wish.ratio)
    return min(limits)


def _placed(wish: Wish, room: Room, height: int) -> Roi | None:
    """A frame of this height as near the asked place as it may be."""
    width = round(wish.ratio * height)
    if min(height, width) < 1:
        return None
    blocked, keep = room.blocked, wish.keep
    y0 = _first(
        wish.y - wish.at_y * height,
        (keep.y1 - height, keep.y0),
        (
            0 if "top" in blocked else -math.inf,
            room.extent.height - height if "bottom" in blocked else math.inf,
        ),
    )
    if y0 is None:
        return None
    clear = (-math.inf, math.inf)
    person = room.person(y0, y0 + height) if wish.clears else None
    if person is not None:
        clear = (
            person[1] - (1 - wish.clear_right) * width if wish.clear_right else -math.inf,
            person[0] - wish.clear_left * width if wish.clear_left else math.inf,
        )
    x0 = _first(
        wish.x - wish.at_x * width,
        (keep.x1 - width, keep.x0),
        (
            0 if "left" in blocked else -math.inf,
            room.extent.width - width if "right" in blocked else math.inf,
        ),
        clear,
    )
    return None if x0 is None else Roi(y0, x0, y0 + height, x0 + width)


def _first(wanted: float, *bounds: Span) -> int | None:
    """The whole number nearest to ``wanted`` within all the bounds, if there is one."""
    low, high = max(low for low, _ in bounds), min(high for _, high in bounds)
    low = low if math.isinf(low) else math.ceil(low - 1e-9)
    high = high if math.isinf(high) else math.floor(high + 1e-9)
    return None if low > high else int(min(max(math.floor(wanted + 0.5), low), high))
