"""Close-ups and turned copies give places in the picture that they were taken from."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.subject.detectors import Detectors, FoundFace
from studio_pipeline.subject.search import close_up, lifted, lowered, search_turned

Picture = NDArray[np.uint8]


@pytest.mark.parametrize("angle", [0, 40, -90, 150])
def test_a_close_up_is_level_and_gives_the_place_back(
    models: Detectors, astronaut: Picture, angle: int
) -> None:
    turning = cv2.getRotationMatrix2D((225, 125), angle, 1)
    turning[:, 2] += (135, 175)  # her face's middle to row 300, column 360
    turned = np.asarray(cv2.warpAffine(astronaut, turning, (700, 700)), np.uint8)
    guess = FoundFace(Roi(250, 290, 370, 410), 0.5, "a guess", roll=float(angle))
    seen = close_up(models, turned, guess)
    assert {face.source for face in seen} == {"short-range, close-up", "full-range, close-up"}
    for face in seen:
        middle = ((face.roi.y0 + face.roi.y1) / 2, (face.roi.x0 + face.roi.x1) / 2)
        assert middle == pytest.approx((300, 360), abs=20)
        assert face.score > 0.7
        assert abs((face.roll - angle + 180) % 360 - 180) < 15


def test_a_close_up_says_nothing_of_a_neighbour(models: Detectors, astronaut: Picture) -> None:
    assert close_up(models, astronaut, FoundFace(Roi(90, 330, 170, 410), 0.5, "a guess")) == []


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_turned_copies_give_places_upright(models: Detectors, astronaut: Picture, quarter_turns: int) -> None:
    lying = np.ascontiguousarray(np.rot90(astronaut, -quarter_turns))
    mark = np.zeros(astronaut.shape[:2], np.bool_)
    mark[125, 225] = True
    ((y, x),) = np.argwhere(np.rot90(mark, -quarter_turns))
    found = list(search_turned(models, lying, Roi(0, 0, 512, 512), quarter_turns, "turned"))
    best = max(found, key=lambda face: face.score)
    assert best.roi.contains(Roi(int(y), int(x), int(y) + 1, int(x) + 1))
    assert best.score > 0.8
    assert abs((best.roll + 90 * quarter_turns + 180) % 360 - 180) < 15


def test_light_is_brought_up_and_down() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    assert (lifted(ramp) >= ramp).all() and (lowered(ramp) <= ramp).all()
    for copy in (lifted(ramp), lowered(ramp)):
        assert (np.diff(copy[0, :, 0].astype(int)) >= 0).all()
        assert copy[0, 0, 0] == 0 and copy[0, 255, 0] == 255
