"""Real portraits and rooms, from a folder outside the project."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from studio_pipeline.pixels.masks import Zone
from studio_pipeline.subject.detectors import Detectors
from studio_pipeline.subject.faces import find_faces
from tests.subject.conftest import read

pytestmark = [pytest.mark.pictures, pytest.mark.usefixtures("models")]

# Name, faces, and places (row, column over the size) that are the person, or free backdrop.
PORTRAITS = {
    "portrait_flags.jpg": (
        1,
        ((0.05, 0.51), (0.2, 0.5), (0.6, 0.4), (0.75, 0.75)),
        ((0.1, 0.2), (0.05, 0.8)),
    ),
    "portrait_dark.jpg": (1, ((0.06, 0.55), (0.3, 0.5), (0.7, 0.5), (0.97, 0.3)), ((0.05, 0.1), (0.2, 0.05))),
    "two_people.jpg": (2, ((0.05, 0.27), (0.1, 0.77), (0.7, 0.2), (0.7, 0.8)), ((0.1, 0.5), (0.05, 0.97))),
}


def picture(folder: Path, name: str, long_edge_px: int = 900) -> NDArray[np.uint8]:
    found = folder / name
    if not found.is_file():
        pytest.skip(f"{name} is not in STUDIO_TEST_PICTURES")
    bgr = cv2.imdecode(np.fromfile(found, np.uint8), cv2.IMREAD_COLOR)
    scale = long_edge_px / max(bgr.shape)
    bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else bgr
    return np.ascontiguousarray(bgr[..., ::-1], np.uint8)


@pytest.mark.parametrize("name", PORTRAITS)
def test_people_are_protected_and_the_room_is_free(pictures_folder: Path, name: str) -> None:
    count, person, room = PORTRAITS[name]
    reading = read(picture(pictures_folder, name))
    assert (reading.record.kind, len(reading.record.faces)) == ("portrait", count)
    height, width = reading.zones.shape
    for y, x in person:
        assert reading.zones[int(y * height), int(x * width)] in (Zone.LOCKED, Zone.HEALABLE)
    for y, x in room:
        assert reading.zones[int(y * height), int(x * width)] == Zone.BACKDROP


# As they were counted by eye; one has photographs on the wall whose people are a dozen pixels high.
FACES = {name: count for name, (count, *_) in PORTRAITS.items()} | {
    f"extension/portrait_{number:02d}.png": 1 for number in range(1, 10)
}


@pytest.mark.parametrize("size", [1.0, 0.5, 0.25])
@pytest.mark.parametrize("name", FACES)
def test_every_face_is_found_at_every_size(
    pictures_folder: Path, models: Detectors, name: str, size: float
) -> None:
    full = picture(pictures_folder, name, 1024)
    small = cv2.resize(full, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
    assert len(find_faces(models, np.asarray(small, np.uint8))) == FACES[name]


@pytest.mark.parametrize("name", ["canon_eos_6d.dng", "kodak_dc50.KDC"])
def test_a_room_without_people_waits_for_a_person(pictures_folder: Path, name: str) -> None:
    import rawpy

    if not (pictures_folder / name).is_file():
        pytest.skip(f"{name} is not in STUDIO_TEST_PICTURES")
    with rawpy.imread(str(pictures_folder / name)) as raw:
        room = raw.postprocess(half_size=True)
    reading = read(room)
    assert (reading.record.kind, reading.record.sure) == ("unsure", False)
    assert "nobody" in reading.record.reason
    assert (reading.zones == Zone.LOCKED).all()


@pytest.mark.parametrize("name", PORTRAITS)
def test_eyes_are_found_in_every_face(pictures_folder: Path, name: str) -> None:
    for face in read(picture(pictures_folder, name)).record.faces:
        left, right = face.eyes
        assert face.chin is not None and left.x < right.x
        assert all(face.roi.y0 < eye.y < (face.roi.y0 + face.roi.y1) / 2 for eye in face.eyes)
