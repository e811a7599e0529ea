"""What `benchmarks.healing` says is what happened: on generated skin, where all of it is known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import blemished, healing
from benchmarks.blemished import BLEMISHES, MARKS, Blemished, Face
from benchmarks.learn_blemishes import fit
from tests.support.skin import reading, skin


@pytest.fixture(scope="module")
def made() -> Blemished:
    return blemished.blemished(Face("drawn", 0, skin(), reading()), 3)


def test_flaws_are_as_strong_as_they_say_and_nothing_else_differs(made: Blemished) -> None:
    assert len(made.flaws) == 11 and {flaw.kind for flaw in made.flaws} == {*BLEMISHES, *MARKS}
    apart = healing.distance(made.frame.codes, made)
    near = np.zeros(apart.shape, np.bool_)
    for flaw in made.flaws:
        assert abs(apart[flaw.disc(apart.shape, 0.5)].mean() - flaw.contrast) < 0.3 * flaw.contrast
        near |= flaw.disc(apart.shape, 1.0 + 1.5 / flaw.radius_px)
    assert apart[~near].max() == 0
    again = blemished.blemished(made.face, 3)
    assert again.flaws == made.flaws and np.array_equal(again.frame.codes, made.frame.codes)


def test_a_picture_is_judged_by_its_flaws(made: Blemished) -> None:
    put, looked = healing.judged(made, ("all", "as photographed", "drawn"))
    rows = healing.rows(put, [looked])
    row = next(one for one in rows if one.pictures.startswith("all"))
    assert row.values["found %"] >= 60 and row.values["marks healed"] == 0 and row.values["marks"] == 3
    assert row.values["stray px"] == 0 and row.values["false"] == 0 and row.values["failed"] == 0
    assert row.goals["kept"] and row.goals["marks"]
    assert {one.pictures.split(":")[0] for one in rows if one.pictures.startswith("kind")} == {"kind"}


def test_weights_that_are_there_are_found() -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_normal((4000, 2)) * (1.0, 5.0) + (3.0, -2.0)
    odds = 1.5 * values[:, 0] - 0.4 * values[:, 1] - 4
    wanted = (rng.random(4000) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    weights, bias = fit(values, wanted)
    assert weights == pytest.approx([1.5, -0.4], abs=0.15) and bias == pytest.approx(-4, abs=0.5)
