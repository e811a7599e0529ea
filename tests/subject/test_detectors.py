"""The one module that knows mediapipe: imported late, silent, and the same in any order."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from studio_pipeline.subject.detectors import Detectors

Picture = NDArray[np.uint8]


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )


def test_importing_the_package_imports_no_detector() -> None:
    done = run("import sys, studio_pipeline.subject; print('mediapipe' in sys.modules)")
    assert done.stdout.strip() == "False"


def test_reading_a_face_writes_nothing_to_the_terminal() -> None:
    done = run(
        "from skimage import data\n"
        "from studio_pipeline.geometry import Extent\n"
        "from studio_pipeline.pixels import color\n"
        "from studio_pipeline.pixels.frame import Frame, clipped_in_file\n"
        "from studio_pipeline.subject import read_subject\n"
        "picture = data.astronaut()\n"
        "frame = Frame(picture, color.named('sRGB'), clipped_in_file(picture), scale=0.5)\n"
        "print(read_subject(frame, Extent(1024, 1024)).record.kind)\n"
        "import sys; print('still heard', file=sys.stderr)\n"
    )
    assert done.stdout == "portrait\n"
    assert done.stderr == "still heard\n"


def test_nothing_is_kept_between_calls(models: Detectors, astronaut: Picture) -> None:
    def everything() -> list[NDArray[np.float32]]:
        figure, points = models.figure(astronaut), models.face_points(astronaut[50:210, 140:310])
        assert figure is not None and points is not None
        return [*models.person(astronaut).values(), figure.person, points.oval, *models.hands(astronaut)]

    first = everything()
    other = np.ascontiguousarray(astronaut[::-1, ::-1])
    for look in (models.faces, models.person, models.figure, models.hands):
        look(other)
    for one, again in zip(first, everything(), strict=True):
        np.testing.assert_array_equal(one, again)


def test_person_maps_are_probabilities_of_the_pictures_size(models: Detectors, astronaut: Picture) -> None:
    part = astronaut[:300]
    maps = models.person(part)
    assert maps.keys() == {"general", "landscape"}
    for person in maps.values():
        assert person.shape == part.shape[:2] and person.dtype == np.float32
        assert person.min() >= 0 and person.max() <= 1
        assert person[100:200, 200:250].mean() > 0.9


def test_outlines_lie_on_the_face(models: Detectors, astronaut: Picture) -> None:
    points = models.face_points(astronaut[50:210, 140:310])
    assert points is not None
    corner = np.array([50, 140], np.float32)
    assert corner + points.oval.mean(axis=0) == pytest.approx([125, 227], abs=12)
    right_eye, left_eye = (corner + feature.mean(axis=0) for feature in points.features[:2])
    assert right_eye == pytest.approx([102, 204], abs=4)
    assert left_eye == pytest.approx([103, 247], abs=4)


def test_shoulders_lie_on_the_body(models: Detectors, astronaut: Picture) -> None:
    figure = models.figure(astronaut)
    assert figure is not None and figure.shoulders
    for shoulder in figure.shoulders:
        assert figure.person[min(511, shoulder.y), min(511, max(0, shoulder.x))] > 0.5


def test_where_nobody_is_nothing_is_found(models: Detectors) -> None:
    blank = np.full((200, 300, 3), 150, np.uint8)
    assert models.faces(blank) == [] and models.hands(blank) == []
    assert models.figure(blank) is None and models.face_points(blank) is None
