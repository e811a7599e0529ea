from dataclasses import replace

import cv2
import numpy as np
import pytest

from studio_pipeline.geometry import Insets, Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.guards.new_faces import NewFaces
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.records.preset import GuardLimits
from studio_pipeline.records.proposal import GuardResult
from studio_pipeline.subject.faces import count_faces
from tests.support.canvases import PERSON, rendered

LEFT = Insets(left=160)


def check(canvas: Rendered) -> list[GuardResult]:
    return NewFaces().check(canvas, GuardLimits(), count_faces)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """A real face, 120 px, from the public-domain portrait in scikit-image's wheel."""
    from skimage.data import astronaut

    return np.asarray(cv2.resize(astronaut()[0:200, 120:320], (120, 120), interpolation=cv2.INTER_AREA))


def pasted(canvas: Rendered, face: np.ndarray, y: int, x: int) -> Rendered:
    after = canvas.after.copy()
    where = Roi(y, x, y + face.shape[0], x + face.shape[1]).within(canvas.canvas)
    after[where] = face.astype(np.uint16) * 257
    return replace(canvas, after=after)


def test_plain_backdrop_holds_nobody() -> None:
    (result,) = check(rendered(LEFT))
    assert result.passed and result.value == 0 and result.limit == 0


def test_a_face_in_new_area_is_found(portrait: np.ndarray) -> None:
    (result,) = check(pasted(rendered(LEFT), portrait, 40, -140))
    assert not result.passed and result.value >= 1 and result.edit == "extend_background"


def test_the_sitter_is_not_new(portrait: np.ndarray) -> None:
    (result,) = check(pasted(rendered(LEFT), portrait, 100, 100))
    assert result.passed


def test_where_faces_are_looked_for() -> None:
    seen: list[Mask] = []

    def counter(codes: Codes, encoding: RgbEncoding, mask: Mask) -> int:
        seen.append(mask)
        return 0

    canvas = rendered(LEFT)
    canvas.zones[:, 160:164] = Zone.LOCKED
    canvas.zones[0:100, 160:164] = Zone.BACKDROP
    NewFaces().check(canvas, GuardLimits(), counter)
    (mask,) = seen
    assert mask[:, :160].all()
    assert mask[:100, 160:164].all() and not mask[100:, 160:164].any()
    assert not mask[PERSON.within(canvas.canvas)].any()
    assert mask[:, 160:].mean() < 0.1


def test_a_canvas_that_was_not_extended_is_not_searched() -> None:
    def never(*_: object) -> int:
        raise AssertionError

    assert NewFaces().check(rendered(), GuardLimits(), never) == []
