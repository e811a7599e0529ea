import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio_pipeline.pixels import graphcut
from studio_pipeline.pixels.graphcut import Labels, Problem, expand

SHAPE = (2, 3)


def problem(seed: int, labels: int = 2, cap: float = 2.0) -> Problem:
    rng = np.random.default_rng(seed)
    alone = rng.random((labels, *SHAPE), np.float32)
    return Problem(rng.random((labels, *SHAPE, 3), np.float32), alone, cap)


def cost(of: Problem, labels: Labels) -> float:
    """Written out: every node alone, and every pair of neighbours whose labels differ."""
    total = sum(float(of.alone[labels[i, j], i, j]) for i, j in np.ndindex(*labels.shape))
    for (i, j), (di, dj) in itertools.product(np.ndindex(*labels.shape), ((0, 1), (1, 0))):
        y, x = i + di, j + dj
        if y < labels.shape[0] and x < labels.shape[1] and labels[i, j] != labels[y, x]:
            one, other = of.views[labels[i, j]], of.views[labels[y, x]]
            apart = sum(float(np.square(one[at] - other[at]).sum()) for at in ((i, j), (y, x)))
            total += min(apart, of.cap) + graphcut._STEP
    return total


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_two_labels_are_cut_at_least_cost(seed: int) -> None:
    """With two labels one offer each is enough for the best of all 64 ways, but for rounding."""
    of = problem(seed)
    found = expand(of, np.zeros(SHAPE, np.intp))
    ways = itertools.product((0, 1), repeat=6)
    best = min(cost(of, np.array(way).reshape(SHAPE)) for way in ways)
    assert cost(of, found) <= best + 0.05


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_what_it_gives_is_never_worse(seed: int) -> None:
    of = problem(seed, labels=5)
    start = np.random.default_rng(seed).integers(0, 5, SHAPE)
    assert cost(of, expand(of, start)) <= cost(of, start) + 1e-3


def test_a_label_stands_only_where_it_may() -> None:
    of = problem(3)
    of.alone[1, 0, :] = np.inf
    of.alone[0] += 5
    found = expand(of, np.zeros(SHAPE, np.intp))
    assert (found[0] == 0).all() and (found[1] == 1).all()


def test_the_cut_runs_where_two_copies_agree() -> None:
    """Each label is wanted at one end; in between they differ everywhere but in one column."""
    views = np.zeros((2, 4, 9, 3), np.float32)
    views[1, :, :] = 1
    views[1, :, 3:5] = 0
    alone = np.zeros((2, 4, 9), np.float32)
    alone[1, :, 0] = alone[0, :, -1] = 50
    found = expand(Problem(views, alone, 6.0), np.zeros((4, 9), np.intp))
    assert (found == (np.arange(9) >= 4)).all()


@pytest.mark.parametrize("sweeps", [1, 2])
def test_the_same_in_the_same_out(sweeps: int) -> None:
    start = np.zeros(SHAPE, np.intp)
    assert (expand(problem(7, 4), start, sweeps) == expand(problem(7, 4), start, sweeps)).all()
