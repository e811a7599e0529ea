"""What a reading says of a real face, of known composites, and of frames that nobody can be sure of."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color
from studio_pipeline.pixels.masks import Zone, inside
from studio_pipeline.records.base import digest
from studio_pipeline.subject import Reading, read_subject, zone_fractions
from tests.subject import sets
from tests.subject.conftest import framed, overlap, protected, read

Picture = NDArray[np.uint8]

pytestmark = pytest.mark.usefixtures("models")

# Places on the astronaut (row, column of the 512 x 512 picture), found by eye.
HAIR = ((35, 225), (45, 190), (90, 168), (95, 275), (62, 162))
EARS_AND_NECK = ((124, 179), (130, 271), (183, 225))
EYES_AND_MOUTH = ((102, 204), (103, 247), (146, 223))
SKIN = ((130, 198), (128, 262), (168, 222))
SUIT_AND_HELMET = ((300, 200), (420, 180), (350, 400), (450, 430), (500, 60))
BACKDROP = ((20, 330), (60, 120), (120, 330), (200, 340), (200, 500))


def at(reading: Reading, places: tuple[tuple[int, int], ...], times: int = 2) -> list[Zone]:
    return [Zone(reading.zones[y * times, x * times]) for y, x in places]


def leaked(reading: Reading, alpha: NDArray[np.float32]) -> float:
    """Share of the person's pixels that are neither locked nor edge."""
    person = cv2.resize((alpha > 0.05).astype(np.uint8), reading.zones.shape[::-1], interpolation=0) > 0
    return float((person & ~protected(reading)).sum() / person.sum())


def locked_needlessly(reading: Reading, alpha: NDArray[np.float32]) -> float:
    """Share protected of all that lies farther than 1.5 % of the frame from the person."""
    distance = cv2.distanceTransform((alpha <= 0.05).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    far = (distance > 0.015 * max(alpha.shape)).astype(np.uint8)
    mask = cv2.resize(far, reading.zones.shape[::-1], interpolation=0) > 0
    return float((mask & protected(reading)).sum() / mask.sum())


class TestAFace:
    def test_one_portrait_is_read_and_surely(self, astronaut_reading: Reading) -> None:
        record = astronaut_reading.record
        assert (record.kind, record.sure, record.reason) == ("portrait", True, "")
        (face,) = record.faces
        assert face.score > 0.8
        assert {source.split(",")[0] for source in face.sources} == {"short-range", "full-range"}
        centre = ((face.roi.y0 + face.roi.y1) / 4, (face.roi.x0 + face.roi.x1) / 4)
        assert centre == pytest.approx((125, 225), abs=15)

    def test_hair_ears_clothes_and_what_she_holds_are_locked(self, astronaut_reading: Reading) -> None:
        for places in (HAIR, EARS_AND_NECK, SUIT_AND_HELMET):
            assert at(astronaut_reading, places) == [Zone.LOCKED] * len(places)

    def test_skin_may_be_healed_and_features_may_not(self, astronaut_reading: Reading) -> None:
        assert at(astronaut_reading, SKIN) == [Zone.HEALABLE] * len(SKIN)
        assert at(astronaut_reading, EYES_AND_MOUTH) == [Zone.LOCKED] * len(EYES_AND_MOUTH)

    def test_healable_skin_lies_well_inside_the_face(self, astronaut_reading: Reading) -> None:
        (face,) = astronaut_reading.record.faces
        rows, columns = np.nonzero(astronaut_reading.zones == Zone.HEALABLE)
        margin = 0.2 * face.roi.extent.height
        assert face.roi.x0 - margin < columns.min() and columns.max() < face.roi.x1 + margin
        assert face.roi.y0 - margin < rows.min() and rows.max() < face.roi.y1 + margin
        assert 0.1 < len(rows) / face.roi.extent.area < 0.6

    def test_the_backdrop_is_free_and_may_be_read(self, astronaut_reading: Reading) -> None:
        assert at(astronaut_reading, BACKDROP) == [Zone.BACKDROP] * len(BACKDROP)
        assert all(astronaut_reading.backdrop[place] for place in BACKDROP)

    def test_edge_lies_between_the_person_and_the_backdrop(self, astronaut_reading: Reading) -> None:
        beside = cv2.dilate(
            (astronaut_reading.zones >= Zone.HEALABLE).astype(np.uint8), np.ones((3, 3), np.uint8)
        )
        assert not ((beside > 0) & (astronaut_reading.zones == Zone.BACKDROP)).any()

    def test_only_the_four_zones_and_their_shares_add_up(self, astronaut_reading: Reading) -> None:
        zones = astronaut_reading.zones
        assert zones.shape == (1024, 1024) and zones.dtype == np.uint8
        assert set(np.unique(zones)) == {Zone.BACKDROP, Zone.EDGE, Zone.HEALABLE, Zone.LOCKED}
        fractions = astronaut_reading.record.fractions
        assert fractions == zone_fractions(zones)
        assert fractions.keys() == {"locked", "healable", "edge", "backdrop"}
        assert sum(fractions.values()) == pytest.approx(1)
        assert fractions["edge"] == pytest.approx(inside(zones, Zone.EDGE).mean())

    def test_matte_and_readable_backdrop_agree_with_the_zones(self, astronaut_reading: Reading) -> None:
        matte, readable = astronaut_reading.matte, astronaut_reading.backdrop
        assert matte.shape == readable.shape == (512, 512)
        assert (matte[readable] == 0).all()
        core = astronaut_reading.zones[::2, ::2] == Zone.HEALABLE
        assert (matte[core] == 255).all()
        assert not (readable & (astronaut_reading.zones[::2, ::2] != Zone.BACKDROP)).any()

    def test_the_same_frame_gives_the_same_bytes(
        self, astronaut: Picture, astronaut_reading: Reading
    ) -> None:
        again = read(astronaut)
        assert again.record.digest() == astronaut_reading.record.digest()
        np.testing.assert_array_equal(again.matte, astronaut_reading.matte)
        np.testing.assert_array_equal(again.backdrop, astronaut_reading.backdrop)
        assert digest(again.record.model_dump(mode="json")) == again.record.digest()


class TestTheSamePersonOtherwise:
    @pytest.mark.parametrize("stops", [-1.5, 0.4])
    def test_darker_and_lighter(self, astronaut: Picture, astronaut_reading: Reading, stops: float) -> None:
        light = color.named("sRGB").decode(astronaut) * np.float32(2.0**stops)
        other = read(color.named("sRGB").encode(light, 8))
        assert overlap(protected(other), protected(astronaut_reading)) > 0.95

    def test_smaller(self, astronaut: Picture, astronaut_reading: Reading) -> None:
        small = read(cv2.resize(astronaut, (340, 340), interpolation=cv2.INTER_AREA))
        enlarged = cv2.resize(small.zones, (1024, 1024), interpolation=cv2.INTER_NEAREST)
        assert overlap(enlarged != 0, protected(astronaut_reading)) > 0.93

    def test_moved(self, astronaut: Picture, astronaut_reading: Reading) -> None:
        moved = read(np.ascontiguousarray(astronaut[:, 40:]))
        assert overlap(protected(moved), protected(astronaut_reading)[:, 80:]) > 0.94
        before, after = astronaut_reading.record.faces[0].roi, moved.record.faces[0].roi
        assert after.x0 + 80 == pytest.approx(before.x0, abs=12)

    def test_mirrored(self, astronaut: Picture, astronaut_reading: Reading) -> None:
        mirrored = read(np.ascontiguousarray(astronaut[:, ::-1]))
        assert overlap(protected(mirrored)[:, ::-1], protected(astronaut_reading)) > 0.93

    @pytest.mark.parametrize("space", ["ProPhoto", "AdobeRGB"])
    def test_in_another_profile_and_depth(
        self, astronaut: Picture, astronaut_reading: Reading, space: str
    ) -> None:
        codes = color.convert(astronaut, color.named("sRGB"), color.named(space), 16)
        other = read(codes, color.named(space))
        assert other.record.kind == "portrait"
        assert overlap(protected(other), protected(astronaut_reading)) > 0.98
        healable = (reading.zones == Zone.HEALABLE for reading in (other, astronaut_reading))
        assert overlap(*healable) > 0.9


class TestAgainstTheTruth:
    @pytest.mark.parametrize(
        ("tone", "tint", "grain"),
        [
            pytest.param(0.3, (1, 1, 1), 2.0, id="grey"),
            pytest.param(0.85, (1, 1, 1), 1.5, id="white"),
            pytest.param(0.012, (1, 1, 1.05), 1.5, id="black"),
            pytest.param(0.2, (0.4, 0.7, 1.3), 2.0, id="blue"),
            pytest.param(0.25, (1, 1, 1), 8.0, id="grainy"),
        ],
    )
    def test_nobody_leaks_and_little_is_locked_needlessly(
        self, tone: float, tint: tuple[float, float, float], grain: float
    ) -> None:
        truth = sets.portrait(tone, tint, grain)
        reading = read(truth.picture)
        assert reading.record.kind == "portrait"
        assert leaked(reading, truth.alpha) < 0.001
        assert locked_needlessly(reading, truth.alpha) < 0.02

    def test_the_matte_is_near_the_truth_where_hair_ends(self) -> None:
        truth = sets.portrait()
        reading = read(truth.picture)
        band = (truth.alpha > 0.02) & (truth.alpha < 0.98)
        band = cv2.dilate(band.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        assert float(np.abs(reading.matte[band] / 255.0 - truth.alpha[band]).mean()) < 0.08

    def test_a_chair_that_touches_her_is_locked_with_her(self) -> None:
        truth, chair = sets.with_chair()
        reading = read(truth.picture)
        inner = reading.zones[2 * chair.y0 + 20 : 2 * chair.y1 - 10, 2 * chair.x0 + 20 : 2 * chair.x1 - 20]
        assert (inner == Zone.LOCKED).mean() > 0.99
        assert leaked(reading, truth.alpha) < 0.001

    def test_her_shadow_on_the_paper_stays_backdrop(self) -> None:
        truth = sets.with_shadow()
        reading = read(truth.picture)
        assert leaked(reading, truth.alpha) < 0.001
        assert locked_needlessly(reading, truth.alpha) < 0.02


class TestNobodyIsSure:
    def test_the_back_of_a_head_locks_everything_and_says_why(self) -> None:
        truth = sets.faceless()
        reading = read(truth.picture)
        assert (reading.record.kind, reading.record.sure) == ("unsure", False)
        assert "no face" in reading.record.reason and "\n" not in reading.record.reason
        assert (reading.zones == Zone.LOCKED).all()
        assert reading.record.fractions["locked"] == 1

    def test_paper_away_from_her_may_still_be_read_up_to_the_border(self) -> None:
        truth = sets.faceless()
        readable = read(truth.picture).backdrop
        assert readable[:150].mean() > 0.9
        assert readable[0].all()
        assert not readable[truth.alpha > 0.05].any()

    def test_on_a_real_set_too_nothing_of_her_may_be_read(
        self, astronaut: Picture, astronaut_reading: Reading
    ) -> None:
        masked = astronaut.copy()
        cv2.ellipse(masked, (225, 110), (66, 84), 0, 0, 360, (95, 70, 45), -1)
        reading = read(masked)
        assert not reading.record.sure
        assert (reading.zones == Zone.LOCKED).all()
        assert not (reading.backdrop & protected(astronaut_reading)[::2, ::2]).any()

    @pytest.mark.parametrize("shape", [(1, 1, 3), (3, 900, 3), (31, 40, 3)])
    def test_a_picture_too_small_to_see_in(self, shape: tuple[int, int, int]) -> None:
        reading = read(np.full(shape, 128, np.uint8))
        assert (reading.record.kind, reading.record.sure) == ("unsure", False)
        assert (reading.zones == Zone.LOCKED).all()
        assert not reading.backdrop.any()

    @pytest.mark.parametrize("name", ["brick", "coffee", "rocket"])
    def test_pictures_that_are_no_set_and_no_person(self, name: str) -> None:
        from skimage import data

        picture = getattr(data, name)()
        picture = np.repeat(picture[..., None], 3, 2) if picture.ndim == 2 else picture
        reading = read(np.ascontiguousarray(picture))
        assert (reading.record.kind, reading.record.sure) == ("unsure", False)
        assert (reading.zones == Zone.LOCKED).all()


class TestEmptySets:
    @pytest.mark.parametrize("level", [0, 128, 255])
    def test_a_blank_picture(self, level: int) -> None:
        reading = read(np.full((300, 420, 3), level, np.uint8))
        assert (reading.record.kind, reading.record.sure) == ("empty-set", True)
        assert (reading.zones == Zone.BACKDROP).all() and reading.backdrop.all()
        assert not reading.matte.any()

    def test_lit_paper_with_a_stand_its_edge_and_dust(self) -> None:
        light = sets.paper(Extent(600, 800), 0.35)
        light[:, 755:] *= 0.3
        light[90:, 40:46] = 0.01
        for y, x in np.random.default_rng(4).integers(60, 500, (30, 2)):
            cv2.circle(light, (int(x), int(y)), 2, (0.15, 0.15, 0.15), -1)
        reading = read(sets.developed(light))
        assert (reading.record.kind, reading.record.sure) == ("empty-set", True)
        assert (reading.zones == Zone.BACKDROP).all()

    @pytest.mark.parametrize("angle", [0.0, 4.0, -12.0])
    def test_a_grey_card_is_locked_and_the_rest_is_not(self, angle: float) -> None:
        light, card = sets.with_card(angle=angle)
        reading = read(sets.developed(light))
        assert (reading.record.kind, reading.record.sure) == ("grey-card", True)
        assert overlap(reading.zones[::2, ::2] == Zone.LOCKED, card) > 0.95
        assert not reading.backdrop[card].any()

    def test_a_thing_in_the_middle_of_the_set_is_not_taken_for_a_set(self) -> None:
        light = sets.paper(Extent(600, 800), 0.35)
        cv2.ellipse(light, (400, 420), (60, 130), 0, 0, 360, (0.3, 0.05, 0.04), -1)
        reading = read(sets.developed(light))
        assert not reading.record.sure
        assert (reading.zones == Zone.LOCKED).all()


def test_the_zones_are_drawn_at_the_masters_size_whatever_it_is(astronaut: Picture) -> None:
    frame, _ = framed(cv2.resize(astronaut, (301, 301), interpolation=cv2.INTER_AREA))
    reading = read_subject(frame, Extent(601, 603))
    assert reading.zones.shape == (601, 603)
    assert reading.record.extent == Extent(601, 603)
    assert reading.matte.shape == reading.backdrop.shape == (301, 301)
