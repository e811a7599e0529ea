"""The truth that protection is measured by, and a small run of the measure itself."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from benchmarks import composites, hair, protection
from benchmarks.composites import Composite, composite, wanted
from benchmarks.cutouts import SITTER
from benchmarks.hair import Head
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import color
from studio_pipeline.pixels.frame import Frame, clipped_in_file
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.subject import read_subject
from studio_pipeline.subject.detectors import Detectors

SMALL = 0.5


@pytest.fixture(autouse=True)
def no_portraits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STUDIO_TEST_PICTURES", raising=False)


@pytest.fixture(scope="module")
def before_grey() -> Composite:
    first = wanted(240)[0]
    one = replace(first, person=SITTER, tone=6, hair="straight", colour="brown", backdrop="grey", noise="100")
    return composite(one, 0.7)


class TestTheGrid:
    def test_every_value_comes_equally_often(self) -> None:
        made = wanted(240)
        assert [sum(one.tone == tone for one in made) for tone in composites.TONES] == [24] * 10
        assert [sum(one.noise == iso for one in made) for iso in composites.NOISE] == [80] * 3
        assert {one.backdrop for one in made} == set(composites.BACKDROPS)
        assert {one.hair for one in made} == {*hair.STYLES, composites.OWN}
        groups = {one.group for one in made}
        assert {composites.DARK_ON_BLACK, composites.FAIR_ON_WHITE, "covering"} <= groups

    def test_the_same_number_is_the_same_picture(self) -> None:
        one = wanted(240)[7]
        first, again = composite(one, SMALL), composite(one, SMALL)
        np.testing.assert_array_equal(first.codes, again.codes)
        np.testing.assert_array_equal(first.coverage, again.coverage)


class TestHair:
    def test_a_strand_thinner_than_a_pixel_covers_its_share(self) -> None:
        canvas = hair._Canvas(Head(50.0, 50.0, 40.0), Roi(0, 0, 100, 100))
        canvas.strand(np.array([(0.0, -1.0), (0.0, 1.0)]), 1.0, 0.35)
        _, coverage = canvas.reduced((0.5, 0.5, 0.5))
        column = coverage[:, 50].sum()
        assert 0.3 < column < 0.8 and coverage.max() < 0.8

    @pytest.mark.parametrize("style", hair.STYLES)
    def test_light_never_exceeds_what_coverage_allows(self, style: str) -> None:
        rng = np.random.default_rng(1)
        made = hair.render(style, "fair", Head(90.0, 100.0, 50.0), (220, 200), rng)
        assert made.coverage.max() > 0.99 and made.coverage.min() == 0
        assert (made.light[made.coverage == 0] == 0).all()
        partial = (made.coverage > 0.05) & (made.coverage < 0.95)
        assert partial.sum() > 50

    def test_skin_is_brought_to_its_tone(self) -> None:
        person = composites.sitter()
        face = person.skin > 0.9
        light = [float(np.median(person.toned(tone)[face], axis=0).mean()) for tone in composites.TONES]
        assert light[0] > 10 * light[9] and light[4] > 1.5 * light[5] > 2 * light[7]
        away = person.skin == 0
        np.testing.assert_array_equal(person.toned(10)[away], person.light[away])


class TestTheMeasure:
    def test_the_truth_scores_as_the_truth_and_an_open_lock_as_a_leak(self, before_grey: Composite) -> None:
        reading, seconds = protection.read(before_grey.codes)
        person = before_grey.coverage > 0.05
        zones = np.where(person, np.uint8(Zone.LOCKED), np.uint8(Zone.BACKDROP))
        matte = np.rint(255 * before_grey.coverage).astype(np.uint8)
        true = replace(reading, zones=zones, matte=matte)
        judged = protection.judged(before_grey, true, seconds)
        assert judged.leaked == judged.needless == 0 and judged.matte < 0.003 < judged.peer
        nobody = replace(reading, zones=np.zeros_like(zones), matte=np.zeros_like(matte))
        judged = protection.judged(before_grey, nobody, seconds)
        assert judged.leaked == judged.person > 0
        everything = replace(reading, zones=np.full_like(zones, int(Zone.LOCKED)))
        judged = protection.judged(before_grey, everything, seconds)
        assert judged.leaked == 0 and judged.needless == judged.far > 0

    def test_a_refused_picture_counts_as_refused_and_not_as_needless(self, before_grey: Composite) -> None:
        reading, seconds = protection.read(before_grey.codes)
        unsure = replace(reading, record=reading.record.model_copy(update={"sure": False}))
        judged = protection.judged(before_grey, unsure, seconds)
        assert judged.refused and judged.far == 0 and math.isnan(judged.matte)
        (row, *_) = protection.rows([judged])
        assert row.values["refused %"] == 100 and not row.goals["refused"]


class TestWhatIsProtected:
    """Kept small: the whole table is `python -m benchmarks protection`."""

    def judged(self, models: Detectors, **kwargs: object) -> protection.Result:
        one = replace(wanted(240)[1], person=SITTER, **kwargs)  # type: ignore[arg-type]
        made = composite(one, 0.7)
        return protection.judged(made, *protection.read(made.codes))

    @pytest.mark.parametrize("backdrop", ["grey", "colour", "muslin"])
    def test_hair_before_plain_backdrops(self, models: Detectors, backdrop: str) -> None:
        result = self.judged(models, hair="wavy", colour="brown", backdrop=backdrop, tone=5, noise="1600")
        assert not result.refused
        assert result.leaked <= 0.001 * result.person and result.needless <= 0.02 * result.far
        assert result.matte < 0.5 * result.peer

    def test_around_a_head_before_black_all_that_may_be_hair_is_locked(self, models: Detectors) -> None:
        first = replace(wanted(240)[1], person=SITTER, tone=7, hair="coily", colour="black")
        made = composite(replace(first, backdrop="black", noise="6400"), 0.7)
        reading, _ = protection.read(made.codes)
        above = slice(0, round(made.head.y))
        person = made.coverage[above] > 0.05
        assert (person & (reading.zones[above] == Zone.BACKDROP)).sum() <= 0.01 * person.sum()


@pytest.fixture(scope="session")
def models() -> Detectors:
    from studio_pipeline.subject import detectors

    return detectors.shared()


def test_an_area_is_told_from_the_backdrop_by_its_mean_or_by_its_detail() -> None:
    from studio_pipeline.subject.unlike import unlike

    rng = np.random.default_rng(3)
    srgb = (0.7 + 0.02 * rng.standard_normal((300, 300, 1)) * np.ones(3)).astype(np.float32)
    lighter, rougher = (slice(60, 110), slice(60, 110)), (slice(190, 240), slice(190, 240))
    srgb[lighter] += np.float32(0.012)
    srgb[rougher] += 0.06 * rng.standard_normal((50, 50, 1)).astype(np.float32)
    known = np.zeros((300, 300), np.bool_)
    known[:, :50] = known[:, 250:] = known[:50] = known[250:] = True
    nothing = np.zeros_like(known)
    found = unlike(srgb, known, nothing, nothing, 200.0)
    assert found[75:95, 75:95].mean() > 0.9 and found[205:225, 205:225].all()
    found[50:120, 50:120] = found[180:250, 180:250] = False
    assert found.mean() < 0.002


def test_a_soft_blotch_of_the_backdrop_is_no_thing_and_a_hard_one_is() -> None:
    from studio_pipeline.subject.backdrop import hard_edged

    soft = np.zeros((200, 200), np.float32)
    cv2.circle(soft, (100, 100), 40, (0.15,), -1)
    hard = soft.copy()
    soft = np.asarray(cv2.GaussianBlur(soft, (0, 0), 12), np.float32)
    for shade, is_thing in ((soft, False), (hard, True)):
        srgb = np.repeat((0.5 + shade)[..., None], 3, axis=2)
        found = hard_edged(shade > 0.05, srgb, np.ones((200, 200), np.bool_), shade)
        assert found.any() == is_thing


class TestBesideAnEmptySet:
    @staticmethod
    def read(made: Composite, empty: Composite | None) -> protection.Result:
        frames = [
            Frame(one.codes, color.named("sRGB"), clipped_in_file(one.codes)) if one else None
            for one in (made, empty)
        ]
        assert frames[0] is not None
        reading = read_subject(frames[0], frames[0].extent, empty=frames[1])
        return protection.judged(made, reading, 0.0)

    def test_what_stands_behind_a_person_is_known_and_another_set_is_not_believed(self) -> None:
        one = replace(wanted(240)[32], person=SITTER, hair="wavy", backdrop="curtain", noise="100")
        made, empty = composite(one, 0.7), composites.empty_set(one, 0.7)
        without, beside = self.read(made, None), self.read(made, empty)
        assert beside.matte < 0.8 * without.matte
        assert beside.leaked <= without.leaked and beside.needless <= without.needless + 0.001 * beside.far
        other = composites.empty_set(replace(one, backdrop="brick"), 0.7)
        assert self.read(made, other) == without


class TestBetweenGroups:
    @staticmethod
    def result(tone: int, leaked: int) -> protection.Result:
        groups = (
            protection.ALL,
            "cut-outs",
            f"tone {tone}",
            "hair: wavy",
            "backdrop: grey",
            "noise: ISO 100",
        )
        return protection.Result(groups, False, 100, leaked, 100, 1, 0.1, 0.2, 1.0)

    def test_the_worst_tone_is_so_many_points_from_the_best(self) -> None:
        results = [self.result(1, 0)] * 5 + [self.result(2, 4)] * 5 + [self.result(3, 50)]
        (between,) = protection.spreads(results)  # one kind of hair, and one picture of the third tone
        assert between.pictures == "between tones (2)"
        assert between.values["leaked %"] == 4 and between.values["needless %"] == 0
        assert not between.goals["leaked % apart"] and between.goals["needless % apart"]
