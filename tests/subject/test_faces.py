"""Faces at many scales, and the count of faces in new area that guards ask for."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from studio_pipeline.geometry import Roi
from studio_pipeline.guards.base import FaceCounter
from studio_pipeline.pixels import color
from studio_pipeline.subject import count_faces, faces, search
from studio_pipeline.subject.detectors import Detectors, FoundFace
from studio_pipeline.subject.faces import find_faces

Picture = NDArray[np.uint8]
SRGB = color.named("sRGB")
FACE = Roi(70, 170, 190, 285)  # of the astronaut, brows to chin and a little more


def whole(picture: Picture) -> NDArray[np.bool_]:
    return np.ones(picture.shape[:2], np.bool_)


def grain(height: int, width: int, sigma: float = 6.0, seed: int = 1) -> Picture:
    noise = np.random.default_rng(seed).normal(140, sigma, (height, width, 3))
    return np.clip(noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def head(astronaut: Picture) -> Picture:
    return astronaut[10:220, 130:330]


class TestFinding:
    @pytest.mark.parametrize("size", [1.0, 0.5, 0.25])
    def test_one_face_at_every_size(self, models: Detectors, astronaut: Picture, size: float) -> None:
        small = cv2.resize(astronaut, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
        (face,) = find_faces(models, small)
        centre = ((face.roi.y0 + face.roi.y1) / 2 / size, (face.roi.x0 + face.roi.x1) / 2 / size)
        assert centre == pytest.approx((125, 225), abs=18)

    def test_a_head_of_a_twelfth_of_a_full_length_frame(self, models: Detectors, head: Picture) -> None:
        tall = grain(1024, 680, 3)
        tall[80:164, 300:380] = cv2.resize(head, (80, 84), interpolation=cv2.INTER_AREA)
        (face,) = find_faces(models, tall)
        assert Roi(80, 300, 164, 380).contains(face.roi)

    def test_a_group_of_twelve(self, models: Detectors, head: Picture) -> None:
        group = grain(600, 1020, 3)
        for row in range(2):
            for column in range(6):
                y, x = 60 + 260 * row, 40 + 165 * column
                group[y : y + 105, x : x + 100] = cv2.resize(head, (100, 105), interpolation=cv2.INTER_AREA)
        assert len(find_faces(models, group)) == 12

    @pytest.mark.parametrize("angle", [-135, -60, 50, 180])
    def test_a_face_that_is_turned(self, models: Detectors, astronaut: Picture, angle: int) -> None:
        turning = cv2.getRotationMatrix2D((225, 125), angle, 0.5)
        turning[:, 2] += (75, 175)  # her face to the middle of what is left
        turned = cv2.warpAffine(astronaut, turning, (600, 600), borderMode=cv2.BORDER_REPLICATE)
        assert [face.roi.contains(Roi(295, 295, 305, 305)) for face in find_faces(models, turned)] == [True]

    def test_high_key(self, models: Detectors, astronaut: Picture) -> None:
        light = SRGB.encode(np.minimum(SRGB.decode(astronaut) * np.float32(2**2.2), 1), 8)
        assert len(find_faces(models, np.asarray(light, np.uint8))) == 1

    def test_tiny_faces_are_looked_for_where_there_is_more_to_see(
        self, models: Detectors, head: Picture
    ) -> None:
        group = grain(900, 2048, 3)
        for column in range(8):
            x = 40 + 250 * column
            group[300:352, x : x + 50] = cv2.resize(head, (50, 52), interpolation=cv2.INTER_AREA)
        small = np.asarray(cv2.resize(group, (1024, 450), interpolation=cv2.INTER_AREA), np.uint8)
        assert len(find_faces(models, small, lambda: group)) == 8

    def test_leaves_bricks_and_lamps_hold_none(self, models: Detectors) -> None:
        from benchmarks import nobody
        from studio_pipeline.geometry import Extent

        for draw in (nobody.foliage, nobody.brick, nobody.bokeh):
            assert find_faces(models, draw(Extent(400, 600), np.random.default_rng(5))) == ()

    @pytest.mark.parametrize("turns", [1, 3])
    def test_a_face_that_lies_on_its_side(self, models: Detectors, astronaut: Picture, turns: int) -> None:
        (face,) = find_faces(models, np.ascontiguousarray(np.rot90(astronaut, turns)))
        mark = np.zeros(astronaut.shape[:2], np.bool_)
        mark[125, 225] = True
        ((y, x),) = np.argwhere(np.rot90(mark, turns))
        assert face.roi.y0 < y < face.roi.y1 and face.roi.x0 < x < face.roi.x1

    def test_low_light(self, models: Detectors, astronaut: Picture) -> None:
        dark = SRGB.encode(SRGB.decode(astronaut) * np.float32(2**-4.5), 8)
        assert len(find_faces(models, np.asarray(dark, np.uint8))) == 1

    def test_every_search_that_saw_it_is_named(self, models: Detectors, astronaut: Picture) -> None:
        (face,) = find_faces(models, astronaut)
        assert {"short-range, whole", "full-range, whole"} <= set(face.sources)
        assert list(face.sources) == sorted(set(face.sources))

    @pytest.mark.parametrize("name", ["brick", "grass", "gravel", "coffee", "rocket", "chelsea"])
    def test_textures_things_and_animals_have_none(self, models: Detectors, name: str) -> None:
        from skimage import data

        picture = getattr(data, name)()
        picture = np.repeat(picture[..., None], 3, 2) if picture.ndim == 2 else picture
        assert find_faces(models, np.ascontiguousarray(picture)) == ()

    def test_a_picture_of_nothing(self, models: Detectors) -> None:
        assert find_faces(models, np.zeros((31, 400, 3), np.uint8)) == ()
        assert find_faces(models, grain(300, 500)) == ()


class TestUnion:
    boxes = st.builds(
        lambda y, x, side, score, source: FoundFace(Roi(y, x, y + side, x + side), score, source),
        st.integers(-20, 180),
        st.integers(-20, 180),
        st.integers(1, 60),
        st.floats(0.4, 1.0),
        st.sampled_from(["a", "b", "c"]),
    )

    @given(st.lists(boxes, max_size=12))
    def test_the_order_of_searching_does_not_matter(self, found: list[FoundFace]) -> None:
        assert faces._union(found, Roi(0, 0, 200, 200)) == faces._union(found[::-1], Roi(0, 0, 200, 200))

    @given(st.lists(boxes, max_size=12))
    def test_faces_lie_inside_the_picture_and_apart(self, found: list[FoundFace]) -> None:
        frame = Roi(0, 0, 200, 200)
        for face in faces._union(found, frame):
            assert frame.contains(face.roi) and not face.roi.empty
            assert face.score >= 0.8

    @given(st.integers(40, 900), st.integers(40, 900), st.integers(1, 4))
    def test_tiles_cover_the_picture(self, height: int, width: int, parts: int) -> None:
        covered = np.zeros((height, width), np.bool_)
        for tile in search.tiles(Roi(0, 0, height, width), parts):
            covered[max(0, tile.y0) : tile.y1, max(0, tile.x0) : tile.x1] = True
        assert covered.all()

    @given(st.integers(0, 300), st.integers(0, 300), st.integers(8, 400), st.integers(8, 400))
    def test_squares_along_a_strip_cover_it(self, y: int, x: int, height: int, width: int) -> None:
        covered = np.zeros((1500, 1500), np.bool_)
        for tile in search.along(Roi(y, x, y + height, x + width)):
            covered[max(0, tile.y0) : tile.y1, max(0, tile.x0) : tile.x1] = True
        assert covered[y : y + height, x : x + width].all()


class TestCounting:
    def test_it_is_what_guards_ask_for(self, astronaut: Picture) -> None:
        counter: FaceCounter = count_faces
        assert counter(astronaut, SRGB, whole(astronaut)) == 1

    def test_only_faces_whose_centre_lies_in_the_mask(self, astronaut: Picture) -> None:
        mask = whole(astronaut)
        mask[FACE.y0 : FACE.y1, FACE.x0 : FACE.x1] = False
        assert count_faces(astronaut, SRGB, mask) == 0
        assert count_faces(astronaut, SRGB, ~mask) == 1
        assert count_faces(astronaut, SRGB, np.zeros_like(mask)) == 0

    @pytest.mark.parametrize("side", ["left", "right"])
    def test_a_face_in_a_narrow_strip_of_new_background(
        self, astronaut: Picture, head: Picture, side: str
    ) -> None:
        strip = grain(1024, 90, 3)
        strip[500:582, 6:84] = cv2.resize(head, (78, 82), interpolation=cv2.INTER_AREA)
        large = cv2.resize(astronaut, (1024, 1024), interpolation=cv2.INTER_CUBIC)
        canvas = np.hstack([strip, large] if side == "left" else [large, strip])
        mask = np.zeros(canvas.shape[:2], np.bool_)
        mask[:, slice(0, 90) if side == "left" else slice(1024, None)] = True
        assert count_faces(canvas, SRGB, mask) == 1
        canvas[mask] = grain(1024, 90, 3, seed=2).reshape(-1, 3)
        assert count_faces(canvas, SRGB, mask) == 0

    def test_sixteen_bits_in_a_wide_profile(self, astronaut: Picture) -> None:
        prophoto = color.named("ProPhoto")
        codes = color.convert(astronaut, SRGB, prophoto, 16)
        assert count_faces(codes, prophoto, whole(astronaut)) == 1

    @pytest.mark.parametrize("seed", range(2))
    def test_new_backdrop_has_none(self, seed: int) -> None:
        canvas = grain(700, 500, 8, seed)
        mottle = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 60, (700, 500)), (0, 0), 12)
        canvas = np.clip(canvas + 6 * mottle[..., None], 0, 255).astype(np.uint8)
        assert count_faces(canvas, SRGB, whole(canvas)) == 0

    def test_too_small_to_hold_one(self) -> None:
        assert count_faces(np.zeros((4, 900, 3), np.uint8), SRGB, np.ones((4, 900), np.bool_)) == 0
