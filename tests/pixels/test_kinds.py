import cv2
import numpy as np
import pytest

from studio_pipeline.pixels import kinds
from studio_pipeline.pixels.kinds import Kind
from studio_pipeline.pixels.light import Tone

HEIGHT, WIDTH = 400, 600
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
EVERYWHERE = np.ones((HEIGHT, WIDTH), np.bool_)


def paper(grain: float = 0.01) -> Tone:
    fall_off = 0.55 - 0.2 * X / WIDTH
    return (fall_off[..., None] + np.random.default_rng(1).normal(0, grain, (HEIGHT, WIDTH, 3))).astype(
        np.float32
    )


def muslin() -> Tone:
    clouds = cv2.GaussianBlur(np.random.default_rng(2).normal(0, 1, (HEIGHT, WIDTH)), (0, 0), 7)
    return (paper() + 0.035 * (clouds / clouds.std())[..., None]).astype(np.float32)


def curtain() -> Tone:
    return (paper() + 0.15 * np.sin(2 * np.pi * X / 25)[..., None]).astype(np.float32)


def street() -> Tone:
    rng = np.random.default_rng(3)
    blocks = cv2.resize(rng.random((20, 30, 3)), (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    return (paper() * 0.5 + 0.5 * cv2.GaussianBlur(blocks, (0, 0), 2)).astype(np.float32)


def lettered() -> Tone:
    out = paper()
    cv2.putText(out, "LOGO", (20, 120), cv2.FONT_HERSHEY_SIMPLEX, 2.5, (0.9, 0.9, 0.9), 12)
    return out


def seen(side: str, tone: Tone, clipped: float = 0.0) -> Kind:
    steps = kinds.steps(tone, EVERYWHERE)
    return kinds.kind_at(side, steps, kinds.things(steps), clipped)


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
@pytest.mark.parametrize(
    ("make", "kind"),
    [(paper, Kind.PLAIN), (muslin, Kind.TEXTURED), (curtain, Kind.STRUCTURED), (street, Kind.ENVIRONMENT)],
)
def test_each_is_told(side: str, make: type, kind: Kind) -> None:
    assert seen(side, make()) is kind


def test_strong_grain_is_still_paper() -> None:
    assert seen("left", paper(0.03)) is Kind.PLAIN


def test_a_word_on_paper_is_a_thing_and_the_rest_is_paper() -> None:
    tone = lettered()
    steps = kinds.steps(tone, EVERYWHERE)
    apart = cv2.resize(kinds.things(steps).astype(np.uint8), (WIDTH, HEIGHT)) > 0
    lit = tone[..., 0] > 0.8
    assert apart[lit].mean() > 0.99 and apart.mean() < 0.2
    assert seen("left", tone) is Kind.PLAIN


def test_a_line_through_the_picture_is_no_thing() -> None:
    tone = paper()
    tone[300:306] = 0.1
    steps = kinds.steps(tone, EVERYWHERE)
    assert not kinds.things(steps).any()
    assert seen("left", tone) is Kind.STRUCTURED


def test_a_street_is_not_made_of_things() -> None:
    assert not kinds.things(kinds.steps(street(), EVERYWHERE)).any()


def test_burnt_or_hidden_sides() -> None:
    assert seen("left", paper(), clipped=0.9) is Kind.CLIPPED
    steps = kinds.steps(paper(), ~EVERYWHERE)
    assert kinds.kind_at("left", steps, kinds.things(steps), 0.0) is Kind.UNSEEN


def test_no_edge_of_a_person_counts() -> None:
    backdrop, tone = EVERYWHERE.copy(), paper()
    backdrop[100:, 40:300] = False
    tone[~backdrop] = 0.02
    steps = kinds.steps(tone, backdrop)
    assert kinds.kind_at("left", steps, kinds.things(steps), 0.0) is Kind.PLAIN
