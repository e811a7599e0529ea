"""A picture of what was changed, for people: the person, the edge, backdrop and new area told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.deliver.base import at_depth
from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.masks import Mask, Zone, ZoneMap, inside

Rgb = NDArray[np.uint8]

LONG_EDGE_PX = 2048
# Told apart by lightness, too: not everybody sees red and green.
PERSON, EDGE, BACKDROP, NEW, OUTSIDE = (
    (230, 30, 40),
    (255, 210, 0),
    (40, 130, 255),
    (70, 150, 110),
    (255, 0, 255),
)
_LEGEND = (
    (PERSON, "person"),
    (EDGE, "edge"),
    (BACKDROP, "backdrop"),
    (NEW, "new area"),
    (OUTSIDE, "changed outside"),
)
_THE_PERSON = (Zone.LOCKED, Zone.HEALABLE)
_LEAST = 0.45  # of a colour's weight: one low bit has to be seen
_STRONG = 32.0  # codes of 256 at which it is full
_DIMMED = 0.45


def heat_map(before: Codes, after: Codes, zones: ZoneMap, outside: tuple[Mask, tuple[Roi, ...]]) -> Rgb:
    """``(h, w, 3)`` sRGB: the picture in dim grey, over it in colour what ``after`` changed of ``before``.

    All are of one canvas, ``zones`` with ``Zone.NEW`` outside the base. ``outside``: what somebody changed
    later, and boxes around that, from the canvas's corner, which are framed. Reduced to ``LONG_EDGE_PX`` so
    that the strongest change of a cell stays.
    """
    step = max(1, -(-max(zones.shape) // LONG_EDGE_PX))
    apart = np.abs(at_depth(after, 8).astype(np.int16) - at_depth(before, 8)).max(axis=2).astype(np.float32)
    changed = (after != before).any(axis=2)
    weight = np.where(changed, _LEAST + (1 - _LEAST) * np.minimum(apart / _STRONG, 1), 0)
    grey = cv2.cvtColor(at_depth(after, 8), cv2.COLOR_RGB2GRAY).astype(np.float32) * _DIMMED + 20
    out = np.repeat(_reduced(grey, step, "mean")[..., None], 3, axis=2)
    new = zones == Zone.NEW
    _lay(out, _reduced(new * 0.4, step, "max"), NEW)
    for colour, wanted in ((BACKDROP, (Zone.BACKDROP,)), (EDGE, (Zone.EDGE,)), (PERSON, _THE_PERSON)):
        _lay(out, _reduced(np.where(inside(zones, *wanted), weight, 0), step, "max"), colour)
    changed_later, boxes = outside
    _lay(out, _reduced(changed_later.astype(np.float32), step, "max"), OUTSIDE)
    picture = np.clip(out, 0, 255).astype(np.uint8)
    for box in boxes:
        _frame(picture, box, step)
    return np.vstack([picture, _legend(picture.shape[1])])


def write(path: Path, picture: Rgb) -> None:
    """As PNG. Raises Refused where it cannot be written."""
    done, data = cv2.imencode(".png", picture[..., ::-1])
    try:
        if not done:
            raise Refused(f"{path} could not be encoded")
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise Refused(f"cannot write {path}: {error.strerror}") from error


def _reduced(values: NDArray[Any], step: int, how: str) -> NDArray[np.float32]:
    """By squares of ``step``: their mean, or their greatest value; the last ones repeat the border."""
    height, width = values.shape
    padded = np.pad(values, ((0, -height % step), (0, -width % step)), mode="edge").astype(np.float32)
    cells = padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step)
    return np.asarray(cells.max(axis=(1, 3)) if how == "max" else cells.mean(axis=(1, 3)), np.float32)


def _lay(out: NDArray[np.float32], weight: NDArray[np.float32], colour: tuple[int, int, int]) -> None:
    covered: Mask = weight > 0
    share = weight[covered][:, None]
    out[covered] = out[covered] * (1 - share) + np.array(colour, np.float32) * share


def _frame(picture: Rgb, box: Roi, step: int) -> None:
    """A frame around it, with some air, so that a single pixel is found."""
    air, line = 8, max(2, picture.shape[1] // 700)
    first = (box.x0 // step - air, box.y0 // step - air)
    last = (-(-box.x1 // step) + air, -(-box.y1 // step) + air)
    cv2.rectangle(picture, first, last, OUTSIDE, line)


def _legend(width: int) -> Rgb:
    size = float(np.clip(width / 1400, 0.35, 0.8))
    strip = np.full((round(44 * size) + 12, width, 3), 16, np.uint8)
    middle = strip.shape[0] // 2
    x = 12
    for colour, said in _LEGEND:
        cv2.rectangle(strip, (x, middle - 6), (x + 12, middle + 6), colour, -1)
        place = (x + 20, middle + round(9 * size))
        cv2.putText(strip, said, place, cv2.FONT_HERSHEY_SIMPLEX, size, (225,) * 3, 1, cv2.LINE_AA)
        x += 40 + cv2.getTextSize(said, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0]
    return strip
