"""Faces at every scale a studio shoots: both detectors, the whole picture and its tiles, in union."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.detectors import Detectors, FoundFace, Picture, shared
from studio_pipeline.subject.look import crop, look_at

# One search alone must be this sure; two that agree on a place need less. Foliage, curtains, folds of cloth
# score up to 0.69; a face that is missed so leaves its frame to a person, a false one would not.
_ALONE_SCORE, _AGREED_SCORE = 0.8, 0.7
_COUNTED_SCORE = 0.5  # in new area the doubtful count too
SMALLEST_PX = 32  # of a picture's short side: nothing can be seen below
_SAME_FACE_IOU = 0.3
_SAME_FACE_OVERLAP = 0.6  # of the smaller one: a tile's border cuts the faces it crosses
_SMALL_FACE = 0.06  # of the long edge: where one such face is, there may be more that are smaller still
_DARK_MEDIAN = 70
_LIFT = (255 * np.sqrt(np.arange(256) / 255)).astype(np.uint8)


def find_faces(detectors: Detectors, picture: Picture) -> tuple[Face, ...]:
    """Faces in an sRGB picture ``(h, w, 3)`` uint8, in its pixels, most certain first.

    The whole picture and tiles of half its size are always searched; quarter tiles when a small face or none
    was found; a lifted copy when the picture is dark; turned copies when no face stands upright.
    """
    return _union(_search_all(detectors, picture), Roi(0, 0, *picture.shape[:2]))


def count_faces(codes: Codes, encoding: RgbEncoding, mask: Mask) -> int:
    """Faces whose centre lies in ``mask`` ``(h, w)``; fits ``guards.base.FaceCounter``.

    Beside the whole picture every connected part of the mask is searched on its own, in squares along it,
    so that a face in a narrow strip of new background is large enough to be seen.
    """
    look, detectors = look_at(codes, encoding), shared()
    size = (look.extent.width, look.extent.height)
    wanted = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    found = _search_all(detectors, look.picture)
    if min(size) >= SMALLEST_PX:
        count, _, stats, _ = cv2.connectedComponentsWithStats(wanted)
        for x, y, width, height, _ in stats[1:count].tolist():
            found += _search(detectors, look.picture, _along(Roi(y, x, y + height, x + width)), "strip")
    faces = _union(found, look.roi, _COUNTED_SCORE)
    centres = ((face.roi.y0 + face.roi.y1, face.roi.x0 + face.roi.x1) for face in faces)
    return sum(bool(wanted[y // 2, x // 2]) for y, x in centres)


def _search_all(detectors: Detectors, picture: Picture) -> list[FoundFace]:
    height, width = picture.shape[:2]
    if min(height, width) < SMALLEST_PX:
        return []
    whole = Roi(0, 0, height, width)
    found = [
        *_search(detectors, picture, [whole], "whole"),
        *_search(detectors, picture, _tiles(whole, 2), "tiles"),
    ]
    smallest = min((face.roi.extent.height for face in found), default=0)
    if smallest < _SMALL_FACE * max(height, width):
        found += _search(detectors, picture, _tiles(whole, 4), "small tiles")
    if np.median(picture) < _DARK_MEDIAN or not found:
        lifted = np.asarray(cv2.LUT(picture, _LIFT), np.uint8)
        found += _search(detectors, lifted, [whole, *_tiles(whole, 2)], "lifted")
    if not found:
        found = [*_turned(detectors, picture, 1), *_turned(detectors, picture, 3)]
    return found


def _search(detectors: Detectors, picture: Picture, places: Iterable[Roi], name: str) -> Iterator[FoundFace]:
    for place in places:
        for face in detectors.faces(crop(picture, place)):
            yield FoundFace(face.roi.shifted(place.y0, place.x0), face.score, f"{face.source}, {name}")


def _turned(detectors: Detectors, picture: Picture, quarter_turns: int) -> Iterator[FoundFace]:
    """Faces that lie on their side, searched in a copy turned counter-clockwise."""
    turned = np.rot90(picture, quarter_turns)
    height, width = picture.shape[:2]
    for face in _search(detectors, turned, [Roi(0, 0, *turned.shape[:2])], "turned"):
        r = face.roi
        if quarter_turns == 1:
            upright = Roi(r.x0, width - r.y1, r.x1, width - r.y0)
        else:
            upright = Roi(height - r.x1, r.y0, height - r.x0, r.y1)
        yield FoundFace(upright, face.score, face.source)


def _tiles(whole: Roi, parts: int) -> list[Roi]:
    """Overlapping squares, their side the long edge over ``parts``, half a side apart."""
    side = max(whole.extent.height, whole.extent.width) // parts
    return [
        Roi(y, x, y + side, x + side)
        for y in _starts(whole.extent.height, side)
        for x in _starts(whole.extent.width, side)
    ]


def _starts(length: int, side: int) -> list[int]:
    steps = max(1, -(-2 * (length - side) // side) + 1) if side else 1
    return [round(i * (length - side) / max(1, steps - 1)) for i in range(steps)] if length > side else [0]


def _along(strip: Roi) -> list[Roi]:
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


def _union(found: Iterable[FoundFace], whole: Roi, agreed_score: float = _AGREED_SCORE) -> tuple[Face, ...]:
    """Merge what different searches say of one face; keep what one is sure of or two agree on."""
    groups: list[list[FoundFace]] = []
    for face in sorted(found, key=lambda f: (-f.score, f.roi.y0, f.roi.x0, f.roi.y1, f.roi.x1, f.source)):
        group = next((g for g in groups if _same(g[0].roi, face.roi)), None)
        if group is None:
            groups.append([face])
        else:
            group.append(face)
    faces = []
    for group in groups:
        sources = tuple(sorted({face.source for face in group}))
        roi = group[0].roi & whole
        if not roi.empty and group[0].score >= (agreed_score if len(sources) > 1 else _ALONE_SCORE):
            faces.append(Face(roi=roi, score=round(group[0].score, 4), sources=sources))
    return tuple(faces)


def _same(a: Roi, b: Roi) -> bool:
    common = (a & b).extent.area
    smaller = min(a.extent.area, b.extent.area)
    return (
        common > _SAME_FACE_IOU * (a.extent.area + b.extent.area - common)
        or common > _SAME_FACE_OVERLAP * smaller
    )
