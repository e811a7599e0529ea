"""Faces at every scale a studio shoots: both detectors, many places and copies of a picture, in union."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.detectors import Detectors, FoundFace, Picture, shared
from studio_pipeline.subject.look import look_at
from studio_pipeline.subject.search import (
    along,
    close_up,
    lifted,
    lowered,
    search,
    search_turned,
    tiles,
)

# Foliage, windows, folds of cloth score up to 0.81 with one detector, and hardly anything with both from
# close by. What a close-up did not settle must be surer; a face that is so missed leaves its frame to a
# person.
_ALONE_SCORE, _AGREED_SCORE = 0.85, 0.8
_CLEAR_SCORE = 0.85  # of both detectors: no closer look is needed
_CLOSE_SCORE, _CLOSE_LEAST = 0.8, 0.5  # of the surer detector, and of the other one
_COUNTED_SCORE, _COUNTED_ALONE = 0.5, 0.8  # in new area the doubtful count too
SMALLEST_PX = 32  # of a picture's short side: nothing can be seen below
_SAME_FACE_IOU = 0.3
_SAME_FACE_OVERLAP = 0.6  # of the smaller one: a tile's border cuts the faces it crosses
# Of the long edge: where one such face is, there may be more that are smaller still.
_SMALL_FACE, _TINY_FACE = 0.06, 0.04
_STRIDE = 0.7  # of small tiles: larger faces than their overlap were seen in larger tiles
_DARK_MEDIAN, _LIGHT_MEDIAN = 70, 215
_MOST_CLOSE_UPS, _MOST_EITHER_WAY = 40, 6  # in one search; foliage and windows give no end of them

Group = list[FoundFace]


def find_faces(
    detectors: Detectors, picture: Picture, finer: Callable[[], Picture] | None = None
) -> tuple[Face, ...]:
    """Faces in an sRGB picture ``(h, w, 3)`` uint8, in its pixels, most certain first.

    The whole picture and tiles of half its size are always searched; smaller tiles when a small face or none
    was found; a lifted or lowered copy when the picture is dark or light, both when no face was found, then
    turned copies. ``finer`` gives the same picture larger, where there is more to see of tiny faces.
    """
    if min(picture.shape[:2]) < SMALLEST_PX:
        return ()
    hunt, whole, long_edge = _Hunt(detectors), Roi(0, 0, *picture.shape[:2]), max(picture.shape)
    halves = [whole, *tiles(whole, 2)]
    hunt.take(
        picture,
        [*search(detectors, picture, halves[:1], "whole"), *search(detectors, picture, halves[1:], "tiles")],
    )
    if hunt.smallest_px() < _SMALL_FACE * long_edge:
        hunt.take(picture, search(detectors, picture, tiles(whole, 4, _STRIDE), "small tiles"))
    if finer is not None and 0 < hunt.smallest_px() < _TINY_FACE * long_edge:
        hunt.take_finer(finer(), long_edge)
    middle, nobody = np.median(picture), not hunt.smallest_px()
    for copied, name, wanted in (
        (lifted, "lifted", middle < _DARK_MEDIAN),
        (lowered, "lowered", middle > _LIGHT_MEDIAN),
    ):
        if wanted or nobody:
            copy = copied(picture)
            hunt.take(copy, search(detectors, copy, halves, name))
    for quarter_turns in (1, 2, 3):
        if not hunt.smallest_px():
            hunt.take(picture, search_turned(detectors, picture, whole, quarter_turns, "turned"), (0, 180))
    return hunt.faces(whole)


def look_again(
    detectors: Detectors, picture: Picture, faces: Sequence[Face], places: Sequence[Roi]
) -> tuple[Face, ...]:
    """The faces that were found, and those in ``places``, where somebody is whose face was not: closer, in
    other light, and turned.
    """
    hunt, either_way = _Hunt(detectors), (0, 180)
    for place in places:
        halves = [place, *tiles(place, 2, 1.0)]
        finest = [*halves, *tiles(place, 4, 1.0)]
        hunt.take(picture, search(detectors, picture, finest, "again"), either_way)
        for copied, name in ((lifted, "lifted"), (lowered, "lowered")):
            copy = copied(picture)
            hunt.take(copy, search(detectors, copy, halves, name), either_way)
        for turns in (1, 2, 3):
            hunt.take(picture, search_turned(detectors, picture, place, turns, "turned"), either_way)
    known = [face.roi for face in faces]
    more = hunt.faces(Roi(0, 0, *picture.shape[:2]))
    return (*faces, *(face for face in more if not any(_same(face.roi, roi) for roi in known)))


def count_faces(codes: Codes, encoding: RgbEncoding, mask: Mask) -> int:
    """Faces whose centre lies in ``mask`` ``(h, w)``; fits ``guards.base.FaceCounter``.

    Beside the whole picture every connected part of the mask is searched on its own, in squares along it,
    so that a face in a narrow strip of new background is large enough to be seen.
    """
    look, detectors = look_at(codes, encoding), shared()
    size = (look.extent.width, look.extent.height)
    if min(size) < SMALLEST_PX:
        return 0
    wanted = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    places = [look.roi, *tiles(look.roi, 2), *tiles(look.roi, 4, _STRIDE)]
    found = list(search(detectors, look.picture, places, "whole"))
    count, _, stats, _ = cv2.connectedComponentsWithStats(wanted)
    for x, y, width, height, _ in stats[1:count].tolist():
        found += search(detectors, look.picture, along(Roi(y, x, y + height, x + width)), "strip")
    faces = [group[0].roi & look.roi for group in _grouped(found) if _counts(group)]
    centres = (((roi.y0 + roi.y1) // 2, (roi.x0 + roi.x1) // 2) for roi in faces if not roi.empty)
    return sum(bool(wanted[y, x]) for y, x in centres)


class _Hunt:
    """What was found so far, in the pixels of one picture."""

    def __init__(self, detectors: Detectors) -> None:
        self._detectors = detectors
        self._found: list[FoundFace] = []

    def take(
        self, picture: Picture, found: Iterable[FoundFace], turns: Sequence[float] = (0,), scale: float = 1.0
    ) -> None:
        """Keep what a search found in ``picture``, and look closely there at what is not clear yet.

        ``turns``: degrees by which a face may lie otherwise than it seemed. ``scale``: of the picture, over
        the one that the hunt's faces are in.
        """
        found = list(found)
        self._found += [_scaled(face, 1 / scale) for face in found]
        doubtful = []
        for first, *_ in _grouped(found):
            here = _scaled(first, 1 / scale).roi
            if not any(_clear(group) for group in _grouped(self._found) if _same(group[0].roi, here)):
                doubtful.append(first)
        most = _MOST_CLOSE_UPS if len(turns) == 1 else _MOST_EITHER_WAY
        for face in doubtful[:most]:
            for turn in turns:
                seen = close_up(self._detectors, picture, face, turn)
                self._found += [_scaled(one, 1 / scale) for one in seen]

    def take_finer(self, picture: Picture, long_edge_px: int) -> None:
        """Search ``picture``, the same one larger, in tiles of an eighth."""
        scale = max(picture.shape) / long_edge_px
        places = tiles(Roi(0, 0, *picture.shape[:2]), 8, _STRIDE)
        self.take(picture, search(self._detectors, picture, places, "tiny tiles"), scale=scale)

    def smallest_px(self) -> int:
        """The height of the smallest face that is sure; 0 when there is none."""
        return min((group[0].roi.extent.height for group in _grouped(self._found) if _sure(group)), default=0)

    def faces(self, whole: Roi) -> tuple[Face, ...]:
        """Those that are sure, within the picture, the most certain first."""
        return _union(self._found, whole)


def _scaled(face: FoundFace, scale: float) -> FoundFace:
    return face if scale == 1 else replace(face, roi=face.roi.scaled(scale))


def _union(found: Iterable[FoundFace], whole: Roi) -> tuple[Face, ...]:
    """Merge what different searches say of one face; keep what is sure."""
    faces = []
    for group in filter(_sure, _grouped(found)):
        roi = group[0].roi & whole
        if not roi.empty:
            sources = tuple(sorted({face.source for face in group}))
            faces.append(Face(roi=roi, score=round(group[0].score, 4), sources=sources))
    return tuple(faces)


def _grouped(found: Iterable[FoundFace]) -> list[Group]:
    """What is said of one face, the surest first in each group and of the groups."""
    groups: list[Group] = []
    for face in sorted(
        found, key=lambda f: (-f.score, f.roi.y0, f.roi.x0, f.roi.y1, f.roi.x1, f.source, f.roll)
    ):
        group = next((g for g in groups if _same(g[0].roi, face.roi)), None)
        if group is None:
            groups.append([face])
        else:
            group.append(face)
    return groups


def _scores(group: Group) -> list[float]:
    """Each detector's best, the surest detector first."""
    best: dict[str, float] = {}
    for face in group:
        detector = face.source.split(",")[0]
        best[detector] = max(best.get(detector, 0), face.score)
    return sorted(best.values(), reverse=True)


def _clear(group: Group) -> bool:
    scores = _scores(group)
    return len(scores) > 1 and scores[1] >= _CLEAR_SCORE


def _sure(group: Group) -> bool:
    """Whether both detectors see a face, or one is as sure as no fold or window ever made it."""
    close = _scores([face for face in group if face.source.endswith("close-up")])
    if len(close) > 1 and close[0] >= _CLOSE_SCORE and close[1] >= _CLOSE_LEAST:
        return True
    scores = _scores(group)
    return scores[0] >= _ALONE_SCORE or (len(scores) > 1 and scores[1] >= _AGREED_SCORE)


def _counts(group: Group) -> bool:
    several = len({face.source for face in group}) > 1
    return group[0].score >= (_COUNTED_SCORE if several else _COUNTED_ALONE)


def _same(a: Roi, b: Roi) -> bool:
    common = (a & b).extent.area
    smaller = min(a.extent.area, b.extent.area)
    return (
        common > _SAME_FACE_IOU * (a.extent.area + b.extent.area - common)
        or common > _SAME_FACE_OVERLAP * smaller
    )
