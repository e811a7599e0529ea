"""Where and how faces are looked for: places of a picture, turned copies, other light, close-ups."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import cv2
import numpy as np

from studio_pipeline.geometry import Roi
from studio_pipeline.subject.detectors import Detectors, FoundFace, Picture
from studio_pipeline.subject.look import crop

_CLOSE_UP = 3.2  # face heights: both detectors of faces are at their best there
_CLOSE_UP_PX = 256
_OFF_CENTRE, _SIZE_RATIO = 0.5, 2.0  # of the face's height: farther off, a close-up shows somebody else
_ENCODED = np.arange(256) / 255
_LIFT = (255 * np.sqrt(_ENCODED)).astype(np.uint8)
_LOWER = (255 * _ENCODED**2.2).astype(np.uint8)


def search(detectors: Detectors, picture: Picture, places: Iterable[Roi], name: str) -> Iterator[FoundFace]:
    """What the detectors see in each place, ``name`` added to their own."""
    for place in places:
        for face in detectors.faces(crop(picture, place)):
            yield replace(face, roi=face.roi.shifted(place.y0, place.x0), source=f"{face.source}, {name}")


def lifted(picture: Picture) -> Picture:
    """Shadows brought up: dark skin in low light."""
    return np.asarray(cv2.LUT(picture, _LIFT), np.uint8)


def lowered(picture: Picture) -> Picture:
    """Highlights brought down: light skin in high key."""
    return np.asarray(cv2.LUT(picture, _LOWER), np.uint8)


def search_turned(
    detectors: Detectors, picture: Picture, place: Roi, quarter_turns: int, name: str
) -> Iterator[FoundFace]:
    """Faces that lie on their side or stand on their head, in a copy turned counter-clockwise."""
    part = crop(picture, place)
    height, width = part.shape[:2]
    turned = np.rot90(part, quarter_turns)
    whole = Roi(0, 0, *turned.shape[:2])
    for face in search(detectors, turned, [whole, *tiles(whole, 2, 1.0)], name):
        r = face.roi
        upright = {
            1: Roi(r.x0, width - r.y1, r.x1, width - r.y0),
            2: Roi(height - r.y1, width - r.x1, height - r.y0, width - r.x0),
            3: Roi(height - r.x1, r.y0, height - r.x0, r.y1),
        }[quarter_turns]
        roll = _folded(face.roll - 90 * quarter_turns)
        yield replace(face, roi=upright.shifted(place.y0, place.x0), roll=roll)


def close_up(detectors: Detectors, picture: Picture, face: FoundFace, turn: float = 0.0) -> list[FoundFace]:
    """The face once more: large, in the middle, its eyes brought level; ``turn`` degrees more if it is unsure
    which way up it is. Only what is seen at that very place, and as large, is given.
    """
    unit = face.roi.extent.height
    side = round(_CLOSE_UP * unit * math.sqrt(2))
    cy, cx = (face.roi.y0 + face.roi.y1) / 2, (face.roi.x0 + face.roi.x1) / 2
    y0, x0 = round(cy - side / 2), round(cx - side / 2)
    part = crop(picture, Roi(y0, x0, y0 + side, x0 + side))
    scale = min(1.0, _CLOSE_UP_PX * math.sqrt(2) / side)
    size = max(8, round(side * scale))
    part = np.asarray(cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    roll = face.roll + turn
    out = max(8, round(size / math.sqrt(2)))
    middle = (size - 1) / 2
    turning = np.asarray(cv2.getRotationMatrix2D((middle, middle), -roll, 1), np.float64)
    turning[:, 2] += (out - size) / 2
    level = cv2.warpAffine(part, turning, (out, out), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = []
    for found in detectors.faces(np.asarray(level, np.uint8)):
        height = found.roi.extent.height / scale
        dy, dx = (
            (a + b) / 2 - out / 2 for a, b in ((found.roi.y0, found.roi.y1), (found.roi.x0, found.roi.x1))
        )
        if (
            math.hypot(dy, dx) > _OFF_CENTRE * unit * scale
            or not 1 / _SIZE_RATIO < height / unit < _SIZE_RATIO
        ):
            continue
        back = math.radians(roll)
        at_y = cy + (dy * math.cos(back) - dx * math.sin(back)) / scale
        at_x = cx + (dy * math.sin(back) + dx * math.cos(back)) / scale
        top, left, edge = round(at_y - height / 2), round(at_x - height / 2), round(height)
        source = f"{found.source}, close-up"
        roi = Roi(top, left, top + edge, left + edge)
        seen.append(FoundFace(roi, found.score, source, _folded(roll + found.roll)))
    return seen


def tiles(whole: Roi, parts: int, stride: float = 0.5) -> list[Roi]:
    """Overlapping squares, their side the long edge over ``parts``, at most ``stride`` sides apart."""
    side = max(whole.extent.height, whole.extent.width) // parts
    return [
        Roi(whole.y0 + y, whole.x0 + x, whole.y0 + y + side, whole.x0 + x + side)
        for y in _starts(whole.extent.height, side, stride)
        for x in _starts(whole.extent.width, side, stride)
    ]


def along(strip: Roi) -> list[Roi]:
    """Squares of one and two widths of a strip, half a side apart along it, centred on it."""
    squares = []
    for factor in (1, 2):
        side = factor * min(strip.extent.height, strip.extent.width)
        top = strip.y0 - max(0, side - strip.extent.height) // 2
        left = strip.x0 - max(0, side - strip.extent.width) // 2
        squares += [
            Roi(top + y, left + x, top + y + side, left + x + side)
            for y in _starts(strip.extent.height, side)
            for x in _starts(strip.extent.width, side)
        ]
    return squares


def _starts(length: int, side: int, stride: float = 0.5) -> list[int]:
    steps = max(1, math.ceil((length - side) / (stride * side)) + 1) if side else 1
    return [round(i * (length - side) / max(1, steps - 1)) for i in range(steps)] if length > side else [0]


def _folded(degrees: float) -> float:
    return (degrees + 180) % 360 - 180
