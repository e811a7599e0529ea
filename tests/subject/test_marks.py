"""A mark is found again wherever the face is, however large and turned."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.geometry import Point, Roi
from studio_pipeline.records.subject import Face, Mark
from studio_pipeline.subject.marks import is_known, place_on

EYES, CHIN, MOLE = ((1500, 1400), (1500, 2400)), (3400, 1900), (2500, 1600)


def face(move: object) -> Face:
    eyes, chin = [move(*eye) for eye in EYES], move(*CHIN)  # type: ignore[operator]
    return Face(
        roi=Roi(0, 0, 10, 10), score=0.9, sources=("drawn",),
        eyes=tuple(Point(round(y), round(x)) for y, x in eyes), chin=Point(*map(round, chin)),
    )  # fmt: skip


@given(st.floats(-0.5, 0.5), st.floats(0.4, 2.0), st.integers(0, 4000), st.integers(0, 4000))
def test_the_same_mark_in_another_frame(turn: float, size: float, dy: int, dx: int) -> None:
    def move(y: float, x: float) -> tuple[float, float]:
        return (
            size * (y * math.cos(turn) + x * math.sin(turn)) + dy,
            size * (x * math.cos(turn) - y * math.sin(turn)) + dx,
        )

    here, there = place_on(face(lambda y, x: (y, x)), *MOLE), place_on(face(move), *move(*MOLE))
    assert here is not None and there is not None
    assert is_known(here, [there])
    assert not is_known(Mark(u=here.u + 0.2, v=here.v), [there])


def test_without_eyes_or_chin_there_is_no_place() -> None:
    known = face(lambda y, x: (y, x))
    assert place_on(known.model_copy(update={"chin": None}), 1, 1) is None
    assert place_on(known.model_copy(update={"eyes": ()}), 1, 1) is None
    flat = known.model_copy(update={"chin": Point(1500, 1900)})
    assert place_on(flat, 1, 1) is None
