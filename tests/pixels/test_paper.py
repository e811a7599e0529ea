import numpy as np
import pytest

from studio_pipeline.pixels import kinds, paper
from studio_pipeline.pixels.light import Tone

HEIGHT, WIDTH = 384, 512
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)


def room(edge: float, slant: float = 0.0, wall: float = 0.35, stand: bool = False) -> Tone:
    """Paper that ends at a column; outside it a wall, and a stand before that."""
    tone = np.full((HEIGHT, WIDTH), 0.6, np.float32)
    tone[edge + slant * (Y - HEIGHT / 2) > X] = wall
    if stand:
        tone[(X > 12) & (X < 22)] = 0.05
    grain = np.random.default_rng(1).normal(0, 0.008, (HEIGHT, WIDTH, 3))
    return (tone[..., None] + grain).astype(np.float32)


def found(tone: Tone, seen: np.ndarray | None = None) -> int | None:
    steps = kinds.steps(tone, np.ones((HEIGHT, WIDTH), np.bool_) if seen is None else seen)
    return paper.edge_at_left(steps.steep, steps.tensor, steps.known)


@pytest.mark.parametrize("edge", [40, 90, 150])
@pytest.mark.parametrize("slant", [0.0, 0.04, -0.05])
@pytest.mark.parametrize("stand", [False, True])
def test_the_edge_is_found_and_all_outside_it_is_outside(edge: int, slant: float, stand: bool) -> None:
    column = found(room(edge, slant, stand=stand))
    outermost = edge + abs(slant) * HEIGHT / 2
    assert column is not None and outermost < column < outermost + 14


def test_whole_paper_has_none() -> None:
    assert found(room(-50)) is None


def test_a_faint_edge_is_light() -> None:
    assert found(room(80, wall=0.595)) is None


def test_nor_has_a_curtain() -> None:
    folds = (0.5 + 0.1 * np.sin(2 * np.pi * X / 40))[..., None].repeat(3, axis=2)
    assert found(folds.astype(np.float32)) is None


def test_it_may_be_hidden_in_part_by_a_sitter() -> None:
    seen = np.ones((HEIGHT, WIDTH), np.bool_)
    seen[200:, 60:300] = False
    assert found(room(90), seen) is not None
