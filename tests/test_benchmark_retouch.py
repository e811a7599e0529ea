"""What `benchmarks.lint` and `benchmarks.shine` say is what happened: on generated people."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import lint, shine
from benchmarks.blemished import Face, to_linear
from studio_pipeline.pixels.metrics import delta_e2000, tone
from tests.support import clothes, skin

DRAWN = Face("drawn", 0, skin.skin(), skin.reading())


@pytest.fixture(scope="module")
def dressed() -> lint.Judged:
    return lint.judged("drawn", clothes.jacket(), clothes.reading(), 0)


def test_lint_is_as_strong_as_it_says_and_nothing_else_differs() -> None:
    cloth = np.zeros((clothes.EXTENT.height, clothes.EXTENT.width), np.bool_)
    cloth[350:580, 130:270] = True
    made = lint.linty(clothes.jacket(), cloth, clothes.FACE.extent.height, 3)
    assert len(made.specks) == 8 and {speck.kind for speck in made.specks} == set(lint.KINDS)
    apart = delta_e2000(made.frame.linear(), made.clean.linear())
    near = np.any([speck.disc(apart.shape) for speck in made.specks], axis=0)
    assert apart[near].max() > 5 and not apart[~cloth].any()
    again = lint.linty(clothes.jacket(), cloth, clothes.FACE.extent.height, 3)
    assert again.specks == made.specks and np.array_equal(again.frame.codes, made.frame.codes)


def test_lint_is_judged_by_what_was_put_in(dressed: lint.Judged) -> None:
    row = next(one for one in lint.rows([dressed]) if one.pictures.startswith("all"))
    assert len(dressed.put) == 8 and row.values["found %"] >= 60 and row.values["ΔE"] <= 2
    assert dressed.elsewhere >= 4 and dressed.touched == 0 and dressed.false == 0
    assert dressed.stray == 0 and dressed.failed == 0 and row.goals["kept"]


def test_shine_is_as_bright_as_it_says() -> None:
    light, places = shine.shining(DRAWN, 1)
    rise = tone(to_linear(light)) - tone(to_linear(DRAWN.light))
    assert len(places) == 2
    assert all(6 < rise[y - 2 : y + 3, x - 2 : x + 3].mean() < 20 for y, x in places)
    assert rise.min() > -0.1


def test_shine_is_judged_by_what_was_put_on() -> None:
    judged = shine.judged(DRAWN, 1, lambda frame: skin.reading())
    (row,) = [one for one in shine.rows([judged]) if one.pictures.startswith("all")]
    assert judged.put == judged.offered >= 1 and judged.stray == 0 and judged.failed == 0
    assert all(after < before for before, after in judged.above) and row.values["taken %"] > 5
    assert row.goals["chroma"] and row.goals["kept"]
