"""What the person maps say of a frame, gathered over crops that each model sees well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from studio_pipeline.geometry import Point, Roi
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.backdrop import Floats
from studio_pipeline.subject.detectors import Detectors, Figure, Picture
from studio_pipeline.subject.look import crop, square

# Crops around a face that the person maps are computed on: (above, below, half width) of the face's centre in
# face heights. The models see 256 x 256 pixels, so a crop decides how fine an edge can be.
_HEAD, _BUST, _FIGURE = (1.7, 1.7, 1.7), (2.0, 4.0, 3.0), (2.0, 8.5, 4.0)
_MANY_FACES = 4  # more than this many: one crop each, and one body pose for the picture
MOST_FACES = 40  # that each get a crop of their own


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the person maps say, ``(h, w)`` float32 0..1.

    ``likely``: their mean, finer crops weighing more. ``agreed``: what at least two kinds of model say, each
    where it was surest.
    """

    likely: Floats
    agreed: Floats
    figures: tuple[Figure, ...]


def gather(detectors: Detectors, picture: Picture, faces: Sequence[Face]) -> Evidence:
    """Run the person maps on the picture and on crops around each face, and weigh them together."""
    whole = Roi(0, 0, *picture.shape[:2])
    total, weight = np.zeros((2, *picture.shape[:2]), np.float32)
    surest: dict[str, Floats] = {}

    def hear(kind: str, region: Roi, person: Floats, window: Floats) -> None:
        part = region.within(whole)
        heard = surest.setdefault(kind, np.zeros_like(total))
        heard[part] = np.maximum(heard[part], person * (window > 0.3))

    for region in _regions(faces, whole):
        window, part = _window(region, whole), region.within(whole)
        share = window / region.extent.long_edge
        for kind, person in detectors.person(crop(picture, region)).items():
            total[part] += share * person
            weight[part] += share
            hear(kind, region, person, window)
    figures = []
    for region in _figure_regions(faces, whole):
        frame = square(region)
        figure = detectors.figure(crop(picture, frame))
        if figure is not None:
            # It sees one person only: its word adds to what is agreed, and never lowers what is likely.
            hear("figure", region, figure.person[region.within(frame)], _window(region, whole))
            shoulders = tuple(Point(p.y + frame.y0, p.x + frame.x0) for p in figure.shoulders)
            figures.append(Figure(figure.person, shoulders))
    likely = total / np.maximum(weight, np.float32(1e-6))
    return Evidence(likely, _second(list(surest.values())), tuple(figures))


def _second(maps: list[Floats]) -> Floats:
    """Per pixel the second largest of two or three maps."""
    low, high = np.minimum(maps[0], maps[1]), np.maximum(maps[0], maps[1])
    return low if len(maps) == 2 else np.maximum(low, np.minimum(high, maps[2]))


def _regions(faces: Sequence[Face], whole: Roi) -> list[Roi]:
    crops = (_BUST,) if len(faces) > _MANY_FACES else (_HEAD, _BUST, _FIGURE)
    return [whole, *(_around(face, reach, whole) for face in faces[:MOST_FACES] for reach in crops)]


def _figure_regions(faces: Sequence[Face], whole: Roi) -> list[Roi]:
    if len(faces) > _MANY_FACES:
        return [whole]
    return [whole, *(_around(face, _FIGURE, whole) for face in faces)]


def _around(face: Face, reach: tuple[float, float, float], whole: Roi) -> Roi:
    unit = face.roi.extent.height
    y, x = (face.roi.y0 + face.roi.y1) / 2, (face.roi.x0 + face.roi.x1) / 2
    above, below, half = (unit * r for r in reach)
    return Roi(int(y - above), int(x - half), int(y + below), int(x + half)) & whole


def _window(region: Roi, whole: Roi) -> Floats:
    """1 inside, falling to 0 at borders that cut through the picture: the models are poor there."""

    def ramp(length: int, cut_first: bool, cut_last: bool) -> Floats:
        place = np.arange(length, dtype=np.float32) + 0.5
        reach = 0.12 * region.extent.long_edge
        fall = np.ones(length, np.float32)
        if cut_first:
            fall = np.minimum(fall, place / reach)
        return np.minimum(fall, place[::-1] / reach) if cut_last else fall

    rows = ramp(region.extent.height, region.y0 > whole.y0, region.y1 < whole.y1)
    columns = ramp(region.extent.width, region.x0 > whole.x0, region.x1 < whole.x1)
    return rows[:, None] * columns[None, :]
