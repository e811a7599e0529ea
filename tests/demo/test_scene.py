import cv2
import numpy as np
import pytest

from studio_pipeline.demo import scene, sitter, studio
from studio_pipeline.demo.scene import Scene
from studio_pipeline.demo.shoot import TAKES
from studio_pipeline.geometry import Extent

SMALL = Extent(576, 864)


def test_the_sitter_is_cut_by_the_frames_bottom_only() -> None:
    _, alpha = sitter.at_scale(1.0)
    assert alpha[0].max() == alpha[:, 0].max() == alpha[:, -1].max() == 0
    assert alpha[-1].max() == 1
    assert 0.45 < alpha.mean() < 0.65


def test_reading_the_portrait_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """Its old colour profile makes libpng complain on the terminal of whoever runs the demo."""
    sitter._cutout.cache_clear()
    sitter.at_scale(1.0)
    assert capfd.readouterr() == ("", "")


def test_no_old_background_shines_through_her_edges() -> None:
    """Over a mid grey, edge pixels lie between her own colour near by and the grey: no halo."""
    light, alpha = sitter.at_scale(2.0)
    hair = np.s_[60:240, 280:620]
    edge = (alpha[hair] > 0.2) & (alpha[hair] < 0.8)
    inside = alpha[hair] == 1
    assert edge.sum() > 200
    # The old backdrop behind her hair is about 0.5; her hair is at most half as bright.
    assert np.median(light[hair][edge].mean(-1)) < 1.3 * np.median(light[hair][inside].mean(-1))


@pytest.mark.parametrize("scale", [0.0, 2.01])
def test_she_is_never_enlarged_more_than_twice(scale: float) -> None:
    with pytest.raises(ValueError, match="enlarged"):
        sitter.at_scale(scale)


def test_backdrop_is_free_at_both_sides_and_above() -> None:
    for take in TAKES:
        _, alpha = scene.render(take.scene, SMALL, 7)
        left, right = SMALL.width // 4, SMALL.width // 6
        assert alpha[:, :left].max() == alpha[:, -right:].max() == alpha[: SMALL.height // 3].max() == 0
        assert alpha[-1].max() == (take.scene.kind == "portrait")


def test_she_fills_half_of_the_height_and_stands_right_of_the_middle() -> None:
    places = []
    for take in TAKES[2:]:
        rows, columns = np.nonzero(scene.render(take.scene, SMALL, 7)[1] > 0.5)
        assert np.ptp(rows) > 0.5 * SMALL.height
        places.append(columns.mean() / SMALL.width)
    assert np.median(places) > 0.55


def test_light_falls_off_from_behind_her_to_the_corners_and_away_from_the_key() -> None:
    tones = cv2.GaussianBlur(scene.render(Scene("empty"), SMALL, 7)[0].mean(-1), (0, 0), 12)
    behind_her = tones[round(0.6 * SMALL.height), round(0.6 * SMALL.width)]
    corners = tones[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners < 0.8 * behind_her).all()
    assert tones[:, 0].mean() > 1.05 * tones[:, -1].mean(), "the key is at the left"


def test_an_empty_set_is_the_set_behind_the_sitter() -> None:
    empty, nobody = scene.render(Scene("empty"), SMALL, 7)
    portrait, alpha = scene.render(Scene(), SMALL, 7)
    assert not nobody.any()
    clear = np.zeros(alpha.shape, bool)
    clear[: SMALL.height // 3, : SMALL.width // 3] = True  # away from her and from her shadow
    np.testing.assert_allclose(portrait[clear], empty[clear], rtol=2e-3)
    assert (portrait <= empty * 1.0001)[alpha == 0].all(), "a shadow can only darken"


def test_the_set_is_the_same_however_it_is_panned() -> None:
    left, right = studio.view(SMALL, -0.0625, 7), studio.view(SMALL, 0.1875, 7)
    step = SMALL.width // 4
    assert np.array_equal(left[:, step:], right[:, :-step])
    left[:] = 0
    assert studio.view(SMALL, -0.125, 7).any(), "a view is a copy"


def test_paper_edge_and_stand_are_at_the_right_where_nothing_is_added() -> None:
    still, wall = studio.view(SMALL, 0.0, 7), studio.view(SMALL, 0.17, 7)
    assert wall[:, -5].mean() < 0.75 * still[:, -5].mean()
    stand = still.copy()
    studio.put_stand(stand, 0.93)
    columns = (stand.mean((0, 2)) < 0.5 * still.mean((0, 2))).nonzero()[0]
    assert len(columns) > 2
    assert columns.mean() == pytest.approx(0.93 * SMALL.width, abs=2)
    middle = SMALL.width // 2
    np.testing.assert_allclose(stand[:, :middle], still[:, :middle], rtol=1e-6)
    assert {take.scene.pan > 0.1 or take.scene.stand_x is not None for take in TAKES} == {True, False}


def test_a_grey_card_reflects_18_percent_of_the_sitters_light() -> None:
    light, alpha = scene.render(Scene("card"), SMALL, 7)
    assert not alpha.any()
    middle = round(0.60 * SMALL.width)
    card = light[round(0.34 * SMALL.width), middle - 30 : middle + 30]
    assert card.mean() == pytest.approx(0.18 * 0.93, rel=0.1)
    assert np.ptp(card.mean(0)) < 0.01


def test_exposure_is_in_stops() -> None:
    one, _ = scene.render(Scene("empty"), SMALL, 7)
    two, _ = scene.render(Scene("empty", exposure_ev=1.0), SMALL, 7)
    np.testing.assert_allclose(two, 2 * one, rtol=1e-6)
