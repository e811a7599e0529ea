"""What faces are measured with: heads put where they are said to be, and ordinary frames that are read."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import faces, heads, refusals
from benchmarks.faces import PROXY, Trial
from benchmarks.heads import Head
from studio_pipeline.geometry import Point
from studio_pipeline.subject import detectors


@pytest.fixture(scope="module")
def head() -> Head:
    from skimage import data

    (found,) = heads.cut_out(detectors.shared(), "astronaut", np.asarray(data.astronaut(), np.uint8))
    return found


def test_a_head_is_put_where_it_is_said_and_changes_nothing_elsewhere(head: Head) -> None:
    canvas = np.full((400, 600, 3), 90, np.uint8)
    placed = heads.put(canvas, head, 60, Point(150, 400), angle=30)
    changed = np.argwhere((placed != canvas).any(axis=2))
    assert changed.min(axis=0).tolist() > [40, 290] and changed.max(axis=0).tolist() < [260, 510]


@pytest.mark.parametrize("kind", heads.OCCLUSIONS[1:])
def test_what_is_before_a_face_covers_a_good_part_of_it(head: Head, kind: str) -> None:
    covered = heads.occluded(head, kind)
    half, middle = head.face_px // 2, head.picture.shape[0] // 2
    face = slice(middle - half, middle + half)
    changed = (covered.picture[face, face] != head.picture[face, face]).any(axis=2).mean()
    assert 0.15 < changed < 0.7


@pytest.mark.parametrize("trial", [Trial(face_px=54), Trial(angle=-90), Trial(stops=-3)])
def test_an_easy_face_is_not_missed(head: Head, trial: Trial) -> None:
    assert faces.pictured(trial, head).shape == (PROXY.height, PROXY.width, 3)
    assert not faces.missed(trial, head)


@pytest.mark.parametrize("number", [0, 3, 8])
def test_ordinary_frames_are_not_refused(number: int) -> None:
    kind, picture = refusals.frame(number)
    assert refusals.read(picture).record.kind == {"portrait": "portrait", "empty": "empty-set"}[kind]
