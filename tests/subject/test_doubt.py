"""What is doubtful is protected: a prop the person maps hardly see, hair as black as its backdrop."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.records.subject import Face
from studio_pipeline.subject.black import unseen_hair
from studio_pipeline.subject.evidence import Evidence
from studio_pipeline.subject.matte import Matte
from studio_pipeline.subject.trimap import Trimap, possible_person
from studio_pipeline.subject.zones import draw

_UNIT_PX = 40
_SHAPE = (240, 240)
_FACE = Face(roi=Roi(80, 100, 120, 140), score=0.9, sources=("one", "two"))


def _disc(y: int, x: int, radius_px: int) -> Mask:
    out = np.zeros(_SHAPE, np.uint8)
    cv2.circle(out, (x, y), radius_px, (1,), -1)
    return out > 0


def _maps(likely: np.ndarray, agreed: np.ndarray) -> Evidence:
    return Evidence(likely.astype(np.float32), agreed.astype(np.float32), ())


def test_what_hangs_together_with_a_person_is_the_persons_farther_away_than_what_does_not() -> None:
    person, prop, alone = _disc(120, 120, 40), _disc(120, 185, 26), _disc(120, 30, 8)
    maps = _maps(np.where(person, 1.0, 0.2), np.where(prop, 0.2, np.where(alone, 0.2, 0)))
    possible = possible_person(maps, [_FACE], _UNIT_PX)
    assert possible[120, 205]  # the far side of the prop, 45 px from the person
    assert not possible[120, 30]


def test_what_the_person_maps_lean_to_is_no_backdrop_though_its_colour_is_the_backdrops() -> None:
    person, band = _disc(120, 120, 40), _disc(120, 120, 60)
    parts = Trimap(person, band & ~person, np.zeros_like(band), np.zeros_like(band))
    prop = band & (np.arange(_SHAPE[1]) > 165)
    alpha = person.astype(np.float32)
    seen = np.where(prop, 0.3, alpha).astype(np.float32)
    drawn = draw(Matte(alpha, np.ones_like(alpha), seen, parts, alpha, seen), np.zeros_like(band), _UNIT_PX)
    assert (drawn[prop] != Zone.BACKDROP).all()
    assert drawn[120, 65] == Zone.BACKDROP  # the other side of the band, which nobody sees anybody in


@pytest.mark.parametrize(
    ("seen", "locked"),
    [
        pytest.param(_disc(102, 120, 24), True, id="no crown"),
        pytest.param(_disc(90, 120, 40), False, id="crown"),
        pytest.param(_disc(90, 120, 40) & (np.arange(_SHAPE[1]) < 118), True, id="crown on one side only"),
        pytest.param(_disc(102, 120, 24) | _disc(160, 120, 60), True, id="clothes, no crown"),
    ],
)
def test_hair_before_black_is_locked_where_the_crown_is_not_seen(seen: Mask, locked: bool) -> None:
    hair = unseen_hair(seen, [_FACE])
    assert hair.any() == locked
    assert hair[60, 120] == locked  # a crown's height above the face


def test_a_head_cut_by_the_border_is_no_error() -> None:
    face = _FACE.model_copy(update={"roi": Roi(0, 0, 40, 30)})
    assert unseen_hair(np.zeros(_SHAPE, np.bool_), [face])[0, 0]
