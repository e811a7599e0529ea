"""Files that a person draws, and the words of the command line that name them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pipeline import hands
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.records.hand import Hand, drawn

TRIANGLE = [[0, 0], [0, 90], [-40.4, 20.6]]
EXTENT = Extent(60, 90)


def mask_file(folder: Path, mask: Mask, name: str = "mask.png") -> Path:
    path = folder / name
    cv2.imwrite(str(path), mask.astype(np.uint8) * 255)
    return path


def ring() -> Mask:
    distance = np.hypot(*np.ogrid[-30:30, -45:45])
    return np.asarray((distance < 25) & (distance > 10), np.bool_)


@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 14), st.integers(1, 14))))
def test_outlines_cover_exactly_the_mask(mask: Mask) -> None:
    polygons = hands.outlines(mask)
    assert all(len(polygon) >= 3 for polygon in polygons)
    np.testing.assert_array_equal(drawn(polygons, Roi(0, 0, *mask.shape), 1.0), mask)


def test_a_mask_with_holes_keeps_them(tmp_path: Path) -> None:
    polygons = hands.read(mask_file(tmp_path, ring())).on(EXTENT)
    np.testing.assert_array_equal(drawn(polygons, Roi.of(EXTENT), 1.0), ring())


def test_a_mask_in_colour_and_of_a_reduced_picture_will_do(tmp_path: Path) -> None:
    colour = np.zeros((30, 45, 3), np.uint8)
    colour[10:20, 10:20] = (0, 0, 200)
    cv2.imwrite(str(tmp_path / "mask.png"), colour)
    inside = drawn(hands.read(tmp_path / "mask.png").on(EXTENT), Roi.of(EXTENT), 1.0)
    assert inside[20:40, 20:40].all() and inside.sum() == 400


def test_polygons_may_leave_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "area.json"
    path.write_text(json.dumps([TRIANGLE]))
    assert hands.read(path).on(EXTENT) == ((Point(0, 0), Point(0, 90), Point(-40, 21)),)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", b"[[[0, 0], [1, 1]]]", "List should have at least 3 items"),
        ("a.json", b"[[[0, 0], [1, 1], [1, NaN]]]", "should be a finite number"),
        ("a.json", b'{"area": 3}', "a list of polygons"),
        ("a.json", json.dumps([[[0, n] for n in range(501)]]).encode(), "at most 500 items"),
        ("a.json", b"[[", "is no JSON"),
        ("a.png", b"", "neither an 8-bit mask"),
        ("a.png", b"text", "neither an 8-bit mask"),
        ("b.png", None, "cannot read"),
    ],
)
def test_what_is_no_drawing_is_one_line(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Refused, match=said) as refused:
        hands.read(tmp_path / name)
    assert "\n" not in str(refused.value)


def test_masks_that_cannot_be_meant_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="nothing white"):
        hands.read(mask_file(tmp_path, np.zeros((60, 90), np.bool_)))
    with pytest.raises(Refused, match="90×60 pixels, and the picture 60×90"):
        hands.read(mask_file(tmp_path, ring())).on(Extent(90, 60))
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((60, 90), 65535, np.uint16))
    with pytest.raises(Refused, match="neither an 8-bit mask"):
        hands.read(tmp_path / "deep.png")
    ragged = np.indices((400, 400)).sum(axis=0) % 2 == 0
    ragged[::3] = False
    with pytest.raises(Refused, match="too ragged"):
        hands.read(mask_file(tmp_path, ragged)).on(Extent(400, 400))


def test_words_name_their_edit_unless_there_is_one(tmp_path: Path) -> None:
    file = mask_file(tmp_path, ring(), "a=b.png")
    polygons = hands.read(file).on(EXTENT)
    alone = hands.asked(["heal_spots"], [str(file)], [f"heal_spots={file}"], 2)(EXTENT)
    assert alone == {"heal_spots": Hand(area=polygons, spare=polygons, tries=2)}
    both = hands.asked(["heal_spots", "extend_background"], [f"heal_spots={file}"], [], 0)(EXTENT)
    assert both == {"heal_spots": Hand(area=polygons), "extend_background": Hand()}
    for word in (str(file), f"nothing={file}"):
        with pytest.raises(Refused, match="say of which edit: NAME=FILE; there are: heal_spots, extend"):
            hands.asked(["heal_spots", "extend_background"], [], [word], 0)


def test_an_outline_far_outside_the_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "far.json"
    path.write_text("[[[0, 0], [0, 900000], [900000, 0]]]")
    with pytest.raises(Refused, match="far outside the picture"):
        hands.asked(["heal_spots"], [str(path)], [], 0)(Extent(200, 300))
