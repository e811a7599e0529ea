"""Frames that a photographer may bring and that nobody should trust: closed, and said why."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import heads
from benchmarks.heads import Head
from studio_pipeline.demo import scene
from studio_pipeline.demo.scene import Scene
from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels import color
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.subject import Face
from studio_pipeline.subject import Reading, doubts, evidence
from studio_pipeline.subject.detectors import Detectors
from studio_pipeline.subject.faces import find_faces
from studio_pipeline.subject.frames import framed
from tests.subject import oddities
from tests.subject.conftest import read

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def head(models: Detectors, astronaut: Picture) -> Head:
    (found,) = heads.cut_out(models, "astronaut", astronaut)
    return found


@pytest.fixture(scope="module")
def sitter_frame() -> Picture:
    return oddities.on_set()


@pytest.fixture(scope="module")
def face(models: Detectors, sitter_frame: Picture) -> Roi:
    (found,) = find_faces(models, sitter_frame)
    return found.roi


def closed(reading: Reading) -> str:
    """What a refused frame says; that nothing of it may be written."""
    assert (reading.record.kind, reading.record.sure) == ("unsure", False)
    assert (reading.zones == Zone.LOCKED).all()
    assert "outline" in reading.record.reason and "\n" not in reading.record.reason
    return reading.record.reason


@pytest.mark.parametrize("kind", ["empty", "portrait"])
def test_a_portrait_on_the_wall(head: Head, kind: str, sitter_frame: Picture) -> None:
    frame = sitter_frame if kind == "portrait" else oddities.on_set("empty")
    assert "inside a frame" in closed(read(oddities.with_poster(frame, head)))


def test_somebody_turned_away_beside_a_sitter(sitter_frame: Picture, face: Roi) -> None:
    away = oddities.turned_away(sitter_frame, face)[:, 350:]
    reading = read(np.ascontiguousarray(np.hstack([sitter_frame, away])))
    assert len(reading.record.faces) == 1
    reason = closed(reading)
    assert "at the right" in reason and "turned away" in reason


@pytest.mark.parametrize("kind", ["empty", "portrait"])
@pytest.mark.parametrize(("size", "inside"), [(0.8, (1, 0.2)), (0.5, (1, 0.22)), (0.5, (0.16, 1))])
def test_a_shoulder_or_hair_at_the_border(
    kind: str, size: float, inside: tuple[float, float], sitter_frame: Picture
) -> None:
    """Far too small for the person maps of the whole picture."""
    frame = sitter_frame if kind == "portrait" else oddities.on_set("empty")
    reason = closed(read(oddities.reaching_in(frame, size, inside)))
    assert "at the right" in reason and "cut by the border" in reason


@pytest.mark.parametrize("kind", ["empty", "portrait"])
def test_a_stand_at_the_border_is_nobody(kind: str) -> None:
    light, _ = scene.render(Scene(kind, centre_x=0.45, size=1.6, stand_x=0.9), oddities.ACROSS, 7)  # type: ignore[arg-type]
    picture = color.named("sRGB").encode(np.clip(light, 0, 1), 8)
    assert read(np.asarray(picture, np.uint8)).record.sure


@pytest.mark.parametrize("height", [30, 120])
def test_a_strip_too_long_to_see_who_is_in_it(height: int, sitter_frame: Picture) -> None:
    hers = cv2.resize(sitter_frame, (height * 3 // 2, height), interpolation=cv2.INTER_AREA)
    strip = np.hstack([np.full((height, 7 * height, 3), hers[2, 2], np.uint8), hers])
    reading = read(np.ascontiguousarray(strip))
    assert not reading.record.sure and (reading.zones == Zone.LOCKED).all()


def test_a_face_that_the_border_cuts(sitter_frame: Picture, face: Roi) -> None:
    middle = (face.x0 + face.x1) // 2
    assert "outline" in closed(read(np.ascontiguousarray(sitter_frame[:, middle:])))
    brows = face.y0 + face.extent.height // 3
    closed(read(np.ascontiguousarray(sitter_frame[brows:])))


def test_half_a_person_beside_a_whole_one(sitter_frame: Picture, face: Roi) -> None:
    half = sitter_frame[:, (face.x0 + face.x1) // 2 :]
    closed(read(np.ascontiguousarray(np.hstack([half, sitter_frame]))))


def test_a_mirror_image_is_protected_like_a_person(sitter_frame: Picture) -> None:
    reading = read(oddities.with_mirror(sitter_frame))
    assert reading.record.kind == "portrait" and len(reading.record.faces) == 2
    protected = reading.zones != Zone.BACKDROP
    assert (protected & protected[:, ::-1]).sum() > 0.9 * protected.sum()


def test_a_child_in_her_arms(head: Head, sitter_frame: Picture, face: Roi) -> None:
    arms = Point(face.y1 + 60, (face.x0 + face.x1) // 2 + 5)
    reading = read(oddities.with_child(sitter_frame, head, arms, angle=70.0))
    assert reading.record.kind == "portrait" and len(reading.record.faces) == 2
    around = reading.zones[2 * arms.y - 40 : 2 * arms.y + 40, 2 * arms.x - 40 : 2 * arms.x + 40]
    assert (around != Zone.BACKDROP).all()


def test_thirty_people_are_all_found(models: Detectors, head: Head) -> None:
    assert len(find_faces(models, oddities.crowd(head, 30, 30))) == 30


def test_more_people_than_can_be_outlined(
    head: Head, monkeypatch: pytest.MonkeyPatch, sitter_frame: Picture
) -> None:
    monkeypatch.setattr(doubts, "MOST_FACES", 1)
    assert "too many" in closed(read(oddities.with_mirror(sitter_frame)))
    assert evidence.MOST_FACES >= 30


class TestFrames:
    FACE = Face(roi=Roi(60, 60, 110, 110), score=0.9, sources=("a",))

    def drawn(self, *, open_below: bool) -> tuple[Picture, NDArray[np.bool_]]:
        """A picture in its frame, or a panel of a wall with somebody before it, standing out of it."""
        picture = np.full((260, 400, 3), 170, np.uint8)
        picture[30:160, 30:150] = 40
        picture[36:154, 36:144] = 120
        person = np.zeros(picture.shape[:2], np.bool_)
        person[50 : 240 if open_below else 150, 55:120] = True
        picture[person] = (200, 150, 130)
        return picture, person

    def test_a_picture_in_its_frame(self) -> None:
        picture, person = self.drawn(open_below=False)
        assert framed(picture, (self.FACE,), person) == [self.FACE]

    def test_somebody_before_a_panel_is_not_in_it(self) -> None:
        picture, person = self.drawn(open_below=True)
        assert framed(picture, (self.FACE,), person) == []

    def test_the_pictures_own_border_is_no_frame(self, astronaut: Picture) -> None:
        whole = np.ones(Extent(512, 512).area, np.bool_).reshape(512, 512)
        known = Face(roi=Roi(70, 170, 190, 285), score=0.9, sources=("a",))
        assert framed(astronaut, (known,), whole) == []
