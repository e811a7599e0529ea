import math

import cv2
import numpy as np
import pytest

from studio_pipeline.geometry import Roi
from studio_pipeline.records.subject import Face
from studio_pipeline.subject import mesh
from studio_pipeline.subject.detectors import Detectors
from studio_pipeline.subject.faces import find_faces
from studio_pipeline.subject.look import crop
from tests.subject.conftest import Picture


@pytest.fixture(scope="module")
def her(models: Detectors, astronaut: Picture) -> Face:
    (face,) = find_faces(models, astronaut)
    return face


def slope_deg(face: Face) -> float:
    left, right = face.eyes
    return math.degrees(math.atan2(right.y - left.y, right.x - left.x))


def test_eyes_and_chin_lie_where_two_models_see_them(
    models: Detectors, astronaut: Picture, her: Face
) -> None:
    found = mesh.located(models, astronaut, her, 4.0)
    assert found.roi == her.roi.scaled(4.0) and found.chin is not None
    left, right = found.eyes
    assert left.x < right.x and max(left.y, right.y) < found.chin.y
    assert abs(found.chin.y - found.roi.y1) < 0.15 * found.roi.extent.height
    region = mesh.around(her)
    coarse = models.eyes(crop(astronaut, region))
    assert coarse is not None
    for eye, (y, x) in zip(found.eyes, coarse + np.array((region.y0, region.x0)), strict=True):
        assert math.hypot(eye.y / 4 - y, eye.x / 4 - x) < 0.08 * her.roi.extent.height


@pytest.mark.parametrize("deg", [-8.0, 6.0])
def test_a_turned_picture_turns_the_eyes(
    models: Detectors, astronaut: Picture, her: Face, deg: float
) -> None:
    straight = slope_deg(mesh.located(models, astronaut, her, 8.0))
    middle = ((her.roi.x0 + her.roi.x1) / 2, (her.roi.y0 + her.roi.y1) / 2)
    turn = cv2.getRotationMatrix2D(middle, -deg, 1.0)
    turned = np.asarray(cv2.warpAffine(astronaut, turn, astronaut.shape[1::-1]), np.uint8)
    assert slope_deg(mesh.located(models, turned, her, 8.0)) == pytest.approx(straight + deg, abs=1.5)


def test_where_no_face_is_no_eyes_are_said(models: Detectors, astronaut: Picture, her: Face) -> None:
    wall = her.model_copy(update={"roi": Roi(20, 330, 80, 390)})
    found = mesh.located(models, astronaut, wall, 2.0)
    assert found.eyes == () and found.chin is None and found.roi == Roi(40, 660, 160, 780)


def test_a_face_of_an_older_reading_has_none() -> None:
    stored = '{"roi": {"y0": 1, "x0": 2, "y1": 3, "x1": 4}, "score": 0.9, "sources": ["a"]}'
    assert Face.model_validate_json(stored).eyes == ()
