"""The copies of one side: found on cells, then made exact at plan scale. All in turned coordinates: new area
is at the left, and the picture's border at column 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.edits.extension.body import Copies
from studio_pipeline.edits.extension.turns import turn_back, turned_shift
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import border, light, shiftmap
from studio_pipeline.pixels.light import Tone
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.pixels.shiftmap import ShiftMap
from studio_pipeline.records.plan import Grid

_LEAST_CELLS = 12  # of backdrop, and along the picture: fewer have no structure
_WHOLE = 0.9  # of a cell has to be clean
_STRIP_CELLS = 1.5  # beside the border: what a copy is aligned by
_REACH_CELLS = 0.75
_RELUCTANCE = np.float32(0.02)  # of the difference there is, by the square of a move in pixels
_MOST_PATCHES = 48
_BLEND_SIGMA_CELLS = 1.2
_CARRIED = (1.0,)  # as ``border.REACH``, in cells: a fold that ends at the border is not a wall
_BORDER = -2  # in the list of what a label meets

Patch = tuple[Roi, tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Found:
    """``labels`` ``(n, depth)`` of cells, and each label's shift in pixels at plan scale ``(k, 2)``."""

    labels: NDArray[np.int16]
    shifts: NDArray[np.int64]
    cell: int


def find(
    rough: Tone,
    fine: Tone,
    clean: Mask,
    cell: int,
    depth: int,
    lights: tuple[Tone, Tone] | None,
) -> Found | None:
    """Copies for ``depth`` new columns of cells; None where the picture has nothing to copy.

    Args:
        rough: ``(h, w, 3)`` at plan scale, tone without the coarse light: what should look alike.
        fine: the same without the fine light: what is aligned.
        clean: ``(h, w)``, what may be copied.
        lights: the coarse light of the picture's cells, and of the new ones ``(n, depth, 3)``, where copies
            should come from light like that of where they go.
    """
    cells, share = light.read_cells(rough, clean, cell)
    whole = share > _WHOLE
    if np.count_nonzero(whole) < _LEAST_CELLS or whole.shape[1] < _LEAST_CELLS:
        return None
    found = shiftmap.solve(shiftmap.scene(cells, whole, *(lights or ())), depth)
    if not len(found.shifts):
        return None
    return Found(found.labels, _exact(fine, clean, found, cell), cell)


def blended(found: Found, detail: Tone, seen: NDArray[np.float32]) -> Tone:
    """The copies' share of the light, ``(n, depth, 3)``.

    ``detail`` ``(n, columns, 3)`` is what the fine light has of the picture's cells and the coarse has not;
    ``seen`` ``(n,)``, how much of each cell at the border was. Cuts are blended over some cells, for a hard
    one would show at this size, and the copies start from what stands at the border.
    """
    n, depth = found.labels.shape
    labels = np.concatenate([found.labels, found.labels[:, -1:]], axis=1)  # the border's own cells, too
    total = np.zeros((n, depth + 1, 3), np.float32)
    mass = np.full((n, depth + 1), 1e-6, np.float32)
    rows, columns = np.mgrid[0:n, -depth:1].astype(np.float32)
    for label in np.unique(labels).astype(int):
        weight = cv2.GaussianBlur(
            (labels == label).astype(np.float32),
            (0, 0),
            _BLEND_SIGMA_CELLS,
            borderType=cv2.BORDER_REPLICATE,
        )
        mass += weight
        if label >= 0:
            dy, dx = found.shifts[label] / np.float32(found.cell)
            at = (columns + np.float32(dx), rows + np.float32(dy))
            copied = cv2.remap(detail, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            total += weight[..., None] * copied
    total /= mass[..., None]
    octaves = border.octaves(detail[:, 0] - total[:, -1], seen, max(detail.shape[:2]))
    left = border.assumed(len(octaves), _CARRIED)
    carried = border.carried(octaves, left, range(n), range(1, depth + 1))[:, ::-1]
    return np.asarray(total[:, :-1] + carried, np.float32)


def without(found: Found, calm: Mask) -> Found:
    """The same, but where a cell comes from ``calm`` pixels alone, ``(h, w)``: there is nothing to continue,
    and grain that is copied as a whole can be found again.
    """
    (n, depth), cell = found.labels.shape, found.cell
    columns = max(1, calm.shape[1] // cell)
    cells = calm[: n * cell, : columns * cell].reshape(n, cell, columns, cell).all(axis=(1, 3))
    i, j = np.mgrid[0:n, -depth:0]
    dy, dx = np.rint(found.shifts[found.labels] / cell).astype(np.intp).transpose(2, 0, 1)
    source = np.clip(i + dy, 0, n - 1), np.clip(j + dx, 0, columns - 1)
    labels = np.where(cells[source] & (found.labels >= 0), np.int16(-1), found.labels)
    return Found(labels, found.shifts, cell)


def on_canvas(found: Found, side: str, master: Extent, scale: float) -> Copies:
    """The record of a side's copies."""
    pitch = found.cell / scale
    depth = found.labels.shape[1]
    first = {"left": -depth * pitch, "top": -depth * pitch, "right": master.width, "bottom": master.height}[
        side
    ]
    upright = side in ("left", "right")
    shifts = [turned_shift(dy / scale, dx / scale, side) for dy, dx in found.shifts]
    return Copies(
        labels=Grid.of(turn_back(found.labels.astype(np.float32), side)),
        shifts=Grid.of(np.rint(np.array(shifts, np.float32))),
        y0=pitch / 2 + (0 if upright else first),
        x0=pitch / 2 + (first if upright else 0),
        node_px=pitch,
    )


def _exact(fine: Tone, clean: Mask, found: ShiftMap, cell: int) -> NDArray[np.int64]:
    """Shifts in plan pixels, each moved to where the copy fits what it meets: first those at the border, then
    those that meet a copy which is done.
    """
    exact = found.shifts.astype(np.int64) * cell
    reach = max(1, math.ceil(_REACH_CELLS * cell))
    meets = _meetings(found.labels)
    done: set[int] = {_BORDER}
    todo = set(range(len(exact)))
    while todo:
        label = max(todo, key=lambda k: (sum(n for other, n in meets[k].items() if other in done), -k))
        todo.discard(label)
        patches = _patches(found.labels, label, done, exact, cell)
        exact[label] += _best_move(fine, clean, patches, exact[label], reach)
        done.add(label)
    return exact


def _meetings(labels: NDArray[np.int16]) -> list[dict[int, int]]:
    """For each label, how many of its cells touch each other label; the border counts three times."""
    out: list[dict[int, int]] = [{} for _ in range(int(labels.max()) + 1)]

    def count(label: int, other: int, weight: int) -> None:
        out[label][other] = out[label].get(other, 0) + weight

    for one, other in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        differ = (one != other) & (one >= 0) & (other >= 0)
        for a, b in zip(one[differ].tolist(), other[differ].tolist(), strict=True):
            count(a, b, 1)
            count(b, a, 1)
    for label in labels[:, -1][labels[:, -1] >= 0].tolist():
        count(label, _BORDER, 3)
    return out


def _patches(
    labels: NDArray[np.int16], label: int, done: set[int], exact: NDArray[np.int64], cell: int
) -> list[Patch]:
    """Windows beside a label which it has to fit, and the shift by which they are filled: none at the border,
    where the picture itself stands.
    """
    n, depth = labels.shape
    strip = max(2, round(_STRIP_CELLS * cell))
    out: list[Patch] = [
        (Roi(i * cell, 0, (i + 1) * cell, strip), (0, 0))
        for i in np.flatnonzero(labels[:, -1] == label).tolist()
    ]
    for i, j in np.argwhere(labels == label).tolist():
        for y, x in ((i, j + 1), (i + 1, j), (i, j - 1), (i - 1, j)):
            if 0 <= y < n and 0 <= x < depth and labels[y, x] >= 0 and int(labels[y, x]) in done:
                dy, dx = exact[labels[y, x]].tolist()
                left = (x - depth) * cell
                out.append((Roi(y * cell, left, (y + 1) * cell, left + cell), (dy, dx)))
    return out[:: max(1, len(out) // _MOST_PATCHES)]


def _best_move(
    fine: Tone, clean: Mask, patches: list[Patch], shift: NDArray[np.int64], reach: int
) -> NDArray[np.int64]:
    """The move (dy, dx), at most ``reach`` either way, with which the copy best fits what it meets."""
    whole = Roi.of(Extent(*clean.shape))
    away = np.square(np.arange(-reach, reach + 1, dtype=np.float32))
    total = np.zeros((len(away), len(away)), np.float32)
    for window, (dy, dx) in patches:
        shown = window.shifted(dy, dx)
        around = window.shifted(*shift.tolist()).grown(reach)
        if not (whole.contains(shown) and whole.contains(around)):
            continue
        part = clean[shown.within(whole)]
        if part.mean() < 0.5 or clean[around.within(whole)].mean() < 0.5:
            continue
        weight = np.repeat(part[..., None], 3, axis=2).astype(np.float32)
        there, wanted = (np.ascontiguousarray(fine[roi.within(whole)]) for roi in (around, shown))
        total += cv2.matchTemplate(there, wanted, cv2.TM_SQDIFF, mask=weight)
    # On a calm wall nothing says where, and grain would: a move has to be worth it.
    total += _RELUCTANCE * total[reach, reach] * (away[:, None] + away[None, :])
    y, x = np.unravel_index(int(np.argmin(total)), total.shape)
    return np.array([int(y) - reach, int(x) - reach], np.int64)
