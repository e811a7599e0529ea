"""What a person leaves on floor and wall: the core of their shadow, and their mirror image below the feet.

Neither is backdrop to be copied, and where one of them crosses the border that side is not extended. Both are
looked for on a calm set only, where what is dark beside a person can hardly be anything else.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.edits.extension.turns import SIDES, turn
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import light
from studio_pipeline.pixels.masks import Mask, grow

Floats = NDArray[np.float32]

_LOOKED_AT_PX = 640  # long edge
_CELLS = 160  # along the long edge: a contact shadow is a few of them
_SLOPE = 0.08  # of a floor's line, in a camera that is not level
_JUMP = 0.15  # of a row's own light over that of the row above it, in log units
_ROUNDS = 3  # until a row's own light is told from what falls off along it
_BENDS = 4  # the order of the surface that light is
_LIT = 0.7  # of a row's cells: a shadow may lie on most of them
_SEEN = 0.4  # of a cell
_BLACK = 0.008  # linear; below it nothing is told from noise
_CALM = 0.09  # the set's usual deviation from its own light, in log units
_CORE = np.log(0.78)  # of the light there would be without anybody
_DEEP = np.log(0.62)  # what counts as crossing the border; penumbra goes on as light
_THING = np.log(0.12)  # a shadow is never that black all over
_GREY = 0.22  # how far the channels of a shadow may differ, in log units
_LARGEST = 0.12  # of the frame
_CROSSES = 0.02  # of a side
_MIRRORED = 0.6  # correlation with the person's own picture
_MOST_GAP_CELLS = 3  # between the feet and their mirror image
_BANDS = 5  # of it, from the feet down
_BESIDE_CELLS = 3
_STEP = 0.04  # a cell, in log units: a shadow ends somewhere, the light's fall-off nowhere


@dataclass(frozen=True, eq=False)
class Cast:
    """``(h, w)`` at plan scale: what is not to be copied; and, by side, why it is not extended."""

    mask: Mask
    crossing: dict[str, str]


def cast(linear: Floats, readable: Mask, person: Mask) -> Cast:
    """Shadow and reflection of ``person`` in a picture ``(h, w, 3)``, linear, as far as they are seen."""
    nothing = Cast(np.zeros(readable.shape, np.bool_), {})
    if not person.any() or person.all():
        return nothing
    whole = readable.shape
    linear, readable, person = _reduced(linear, readable, person)
    cell = max(2, round(max(readable.shape) / _CELLS))
    seen_of, share = light.read_cells(linear, readable, cell)
    hers = light.read_cells(linear, person, cell)[1] > _SEEN
    seen = (share > _SEEN) & ~hers
    found = _deviation(np.log(np.maximum(seen_of, _BLACK)), seen)
    if found is None:
        return nothing
    deviation, lines = found
    dark = deviation.mean(axis=2)
    grey = np.ptp(deviation, axis=2) < _GREY
    shadow = _beside(seen & grow(grow(grey & (dark < _CORE), -1), 1), dark, hers, lines)
    reflected = _mirrored(linear, readable, person, cell)
    crossing = _crossing(shadow & (dark < _DEEP), "shadow") | (
        {"bottom": _said("reflection")} if reflected is not None and reflected[-1].any() else {}
    )
    both = shadow if reflected is None else shadow | reflected
    if not both.any():
        return Cast(nothing.mask, crossing)
    mask = cv2.resize(grow(both, 1).astype(np.uint8), whole[::-1], interpolation=cv2.INTER_NEAREST)
    return Cast(mask.astype(np.bool_), crossing)


def _reduced(linear: Floats, readable: Mask, person: Mask) -> tuple[Floats, Mask, Mask]:
    """The picture at a smaller size: readable only where all of a pixel is, and a person where most is."""
    extent = Extent(*readable.shape)
    small = extent.scaled(min(1.0, _LOOKED_AT_PX / extent.long_edge))
    size = (small.width, small.height)
    seen, hers = (
        cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) for mask in (readable, person)
    )
    picture = np.asarray(cv2.resize(linear, size, interpolation=cv2.INTER_AREA), np.float32)
    return picture, np.asarray(seen > 0.99, np.bool_), np.asarray(hers > 0.5, np.bool_)


def _deviation(tone: Floats, seen: Mask) -> tuple[Floats, Mask] | None:
    """Log of what is seen over the light of the set, ``(rows, columns, 3)``, and the rows near a line such as
    a floor's, where that says little; None where the set is not calm.

    The light is each row's own (a floor is darker than the wall above it), and a surface that bends.
    """
    if np.count_nonzero(seen) < 30:
        return None
    lines = seen.mean(axis=1) > 0.15
    seen = seen & lines[:, None]
    own, surface, out = np.zeros((len(tone), 1, 3), np.float32), np.zeros_like(tone), tone
    for _ in range(_ROUNDS):
        own[lines] = _lit((tone - surface)[lines], seen[lines])
        rest = np.where(seen[..., None], tone - own, 0).astype(np.float32)
        surface = light.fit_surface(rest, seen.astype(np.float32), _BENDS, Roi.of(Extent(*seen.shape)))
        out = np.where(seen[..., None], rest - surface, 0).astype(np.float32)
    if np.median(np.abs(out[seen].mean(axis=1))) > _CALM:
        return None
    jumps = np.zeros((len(tone), 1), np.bool_)
    jumps[2:-2, 0] = np.abs(own[4:] - own[:-4]).mean(axis=(1, 2)) > _JUMP
    reach = round(_SLOPE * seen.shape[1])
    return out, grow(np.repeat(jumps, seen.shape[1], axis=1), reach)


def _lit(tone: Floats, seen: Mask) -> Floats:
    """The tone of each row ``(rows, 1, 3)`` that ``_LIT`` of its seen cells do not exceed."""
    # What is unseen is sorted to the end.
    rising = np.sort(np.where(seen[..., None], tone, np.inf), axis=1)
    place = np.rint(_LIT * (seen.sum(axis=1) - 1)).astype(np.intp)
    return np.take_along_axis(rising, np.broadcast_to(place[:, None, None], (len(tone), 1, 3)), axis=1)


def _beside(dark: Mask, depth: Floats, hers: Mask, lines: Mask) -> Mask:
    """Of what is dark: the parts that begin at the person, are no larger than a shadow, and not black."""
    out = np.zeros_like(dark)
    near = grow(hers, _BESIDE_CELLS)
    step = _steps(depth)
    count, parts = cv2.connectedComponents(dark.astype(np.uint8), connectivity=8)
    for number in range(1, count):
        part = parts == number
        if part[0].any() or not (part & near).any() or not (part & ~lines).any():
            continue  # what hangs from above is a thing; beside a slanted line a strip of floor
        rim = part & ~grow(part, -1) & ~near
        ends = rim.any() and float(np.median(step[rim])) > _STEP
        if ends and part.mean() < _LARGEST and np.median(depth[part]) > _THING:
            out |= part
    return out


def _steps(depth: Floats) -> Floats:
    """How much it changes from cell to cell."""
    soft = cv2.GaussianBlur(depth, (0, 0), 0.7)
    across, down = (cv2.Sobel(soft, cv2.CV_32F, dx, 1 - dx, ksize=3, scale=1 / 8) for dx in (1, 0))
    return np.asarray(np.hypot(across, down), np.float32)


def _crossing(deep: Mask, what: str) -> dict[str, str]:
    at = {side: float(turn(deep, side)[:, :2].any(axis=1).mean()) for side in SIDES}
    return {side: _said(what) for side, share in at.items() if share > _CROSSES}


def _said(what: str) -> str:
    return f"the person's {what} crosses the border here; it cannot be continued without them"


def _mirrored(linear: Floats, readable: Mask, person: Mask, cell: int) -> Mask | None:
    """Where the floor shows the person upside down, in cells: below the feet, as far as the picture goes."""
    rows = np.flatnonzero(person.any(axis=1))
    feet, height = int(rows[-1]) + 1, len(person)
    depth = min(height - feet, feet - int(rows[0]))
    if depth < 6 * cell:
        return None
    columns = np.flatnonzero(person[feet - depth : feet].any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    above, who = (values[feet - depth : feet, left:right][::-1] for values in (linear, person))
    below = linear[feet : feet + depth, left:right]
    tone, floor = (_busy(np.log(np.maximum(part, _BLACK)), cell) for part in (above, below))
    inner = grow(np.ascontiguousarray(who), -cell)
    if np.count_nonzero(inner) < 30 * cell * cell:
        return None
    gaps = range(0, _MOST_GAP_CELLS * cell, max(1, cell // 2))
    likest = max(gaps, key=lambda gap: _likeness(tone, _raised(floor, gap), inner))
    floor = _raised(floor, likest)
    if _likeness(tone, floor, inner) < _MIRRORED:
        return None
    out = np.zeros(person.shape, np.bool_)
    mirrored = out[feet : feet + depth, left:right]
    mirrored[:] = grow(np.ascontiguousarray(who), cell)
    for band in np.array_split(np.arange(depth), _BANDS):  # it may fade out on its way down
        rows_of = slice(int(band[0]), int(band[-1]) + 1)
        if _likeness(tone[rows_of], floor[rows_of], inner[rows_of]) < _MIRRORED / 2:
            mirrored[band[0] :] = False
            break
    return np.asarray(light.read_cells(linear, out & readable, cell)[1] > 0.1, np.bool_)


def _raised(values: Floats, by_px: int) -> Floats:
    return np.roll(values, -by_px, axis=0)


def _busy(tone: Floats, cell: int) -> Floats:
    """Without light's course, and without grain."""
    soft = cv2.GaussianBlur(tone, (0, 0), 0.5 * cell)
    return np.asarray(soft - cv2.GaussianBlur(tone, (0, 0), 6.0 * cell), np.float32)


def _likeness(one: Floats, other: Floats, where: Mask) -> float:
    """Correlation over all channels."""
    if not where.any():
        return 0.0
    a, b = (values[where] - values[where].mean(axis=0) for values in (one, other))
    return float((a * b).sum() / max(1e-9, float(np.sqrt((a * a).sum() * (b * b).sum()))))
