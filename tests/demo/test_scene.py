import numpy as np
import pytest

from studio_pipeline.demo import scene, sitter, studio
from studio_pipeline.demo.scene import Scene
from studio_pipeline.geometry import Extent

SMALL = Extent(864, 576)


def test_the_sitter_is_cut_by_the_frames_bottom_only() -> None:
    _, alpha = sitter.at_scale(1.0)
    assert alpha[0].max() == alpha[:, 0].max() == alpha[:, -1].max() == 0
    assert alpha[-1].max() == 1
    assert 0.45 < alpha.mean() < 0.65


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
    _, alpha = scene.render(Scene(), SMALL, 7)
    margin = SMALL.width // 6
    assert alpha[:, :margin].max() == alpha[:, -margin:].max() == alpha[: SMALL.height // 2].max() == 0
    assert alpha[-1].max() == 1


def test_an_empty_set_is_the_set_behind_the_sitter() -> None:
    empty, nobody = scene.render(Scene("empty"), SMALL, 7)
    portrait, alpha = scene.render(Scene(), SMALL, 7)
    assert not nobody.any()
    clear = np.zeros(alpha.shape, bool)
    clear[: SMALL.height // 3, : SMALL.width // 3] = True  # away from her and from her shadow
    np.testing.assert_allclose(portrait[clear], empty[clear], rtol=2e-3)
    assert (portrait <= empty * 1.0001)[alpha == 0].all(), "a shadow can only darken"


def test_the_set_is_the_same_however_it_is_panned() -> None:
    left, right = studio.view(SMALL, -0.125, 7), studio.view(SMALL, 0.125, 7)
    step = SMALL.width // 4
    assert np.array_equal(left[:, step:], right[:, :-step])
    left[:] = 0
    assert studio.view(SMALL, -0.125, 7).any(), "a view is a copy"


def test_paper_edge_and_stand_come_into_view_by_panning() -> None:
    still = studio.view(SMALL, 0.0, 7)
    wall, stand = studio.view(SMALL, -0.2, 7), studio.view(SMALL, 0.15, 7)
    assert wall[:, 5].mean() < 0.75 * still[:, 5].mean()
    assert stand.mean((0, 2)).min() < 0.5 * still.mean((0, 2)).min()


def test_a_grey_card_reflects_18_percent_of_the_sitters_light() -> None:
    light, alpha = scene.render(Scene("card"), SMALL, 7)
    assert not alpha.any()
    card = light[round(0.98 * SMALL.width), SMALL.width // 2 - 30 : SMALL.width // 2 + 30]
    assert card.mean() == pytest.approx(0.18 * 0.93, rel=0.1)
    assert np.ptp(card.mean(0)) < 0.01


def test_exposure_is_in_stops() -> None:
    one, _ = scene.render(Scene("empty"), SMALL, 7)
    two, _ = scene.render(Scene("empty", exposure_ev=1.0), SMALL, 7)
    np.testing.assert_allclose(two, 2 * one, rtol=1e-6)
