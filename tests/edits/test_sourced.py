"""Of several heals the one that the others agree with is taken, and none where they do not agree."""

from __future__ import annotations

import numpy as np
import pytest

from studio_pipeline.edits.sourced import APART_MAX, Ground, _apart
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.poisson import heal
from studio_pipeline.records.flaws import covered
from studio_pipeline.records.spots import Disc

SPOT = Disc(40, 40, 3.0)
OFFSETS = [(0, 20), (0, -20), (20, 0), (-20, 0)]


def ground(linear: Linear, is_within: bool = True) -> Ground:
    everywhere = np.ones(linear.shape[:2], np.bool_)
    return Ground(linear, everywhere, everywhere, [SPOT], lambda *_: is_within)


@pytest.fixture
def even() -> Linear:
    rng = np.random.default_rng(4)
    return (0.3 * np.exp(0.02 * rng.standard_normal((81, 81, 1))) * np.ones(3)).astype(np.float32)


def test_a_place_that_is_unlike_the_others_is_not_taken(even: Linear) -> None:
    even[38:43, 58:63] *= 1.25  # inside the first source: its rim tells nothing of it
    assert ground(even).source(SPOT, OFFSETS, 0) in OFFSETS[1:]
    every = [ground(even).source(SPOT, OFFSETS, tries) for tries in range(4)]
    assert set(every) == set(OFFSETS) or set(every) == set(OFFSETS[1:])


def test_where_no_two_agree_none_is_offered(even: Linear) -> None:
    for k, (dy, dx) in enumerate(OFFSETS):
        even[38 + dy : 43 + dy, 38 + dx : 43 + dx] *= np.float32(1 + 0.6 * k)
    assert ground(even).source(SPOT, OFFSETS, 0) is None
    assert ground(even, is_within=False).source(SPOT, OFFSETS, 0) is None
    assert ground(even).source(Disc(2, 2, 3.0), OFFSETS, 0) is None  # no room for its rim


def test_many_heals_at_once_are_what_single_ones_are(even: Linear) -> None:
    found = ground(even)
    window = SPOT.roi
    for offset, made in zip(OFFSETS, found._healed(SPOT, OFFSETS), strict=True):
        target = even[window.within(found.shape)]
        source = even[window.shifted(*offset).within(found.shape)]
        alone = heal(target, source, covered([SPOT], window))[SPOT.mask(window)]
        np.testing.assert_allclose(made, alone, atol=1e-6)


def test_how_far_heals_are_apart() -> None:
    grey = np.full((5, 3), 0.2, np.float32)
    apart = _apart(np.stack([grey, grey, grey * 1.5]))
    assert apart[0] == apart[1] < apart[2] and apart[2] > APART_MAX
    assert _apart(grey[None]).tolist() == [0] and len(_apart(np.zeros((0, 5, 3), np.float32))) == 0
