"""The two doors: a person says what is locked, or that nobody is here, and both are recorded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Extent
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.subject import SubjectRecord
from studio_pipeline.subject import Reading, nobody_here, repaint, zone_fractions
from studio_pipeline.subject.zones import zones_sha256

HEIGHT, WIDTH = 60, 80


@pytest.fixture(scope="module")
def unsure() -> Reading:
    record = SubjectRecord(
        extent=Extent(HEIGHT, WIDTH),
        kind="unsure",
        sure=False,
        reason="nobody was found",
        faces=(),
        fractions={"locked": 1.0},
        zones_sha256="",
        versions={"mediapipe": "0"},
    )
    plan = (HEIGHT // 2, WIDTH // 2)
    zones = np.full((HEIGHT, WIDTH), int(Zone.LOCKED), np.uint8)
    return Reading(record, zones, np.zeros(plan, np.bool_), np.full(plan, 128, np.uint8))


rectangles = st.tuples(st.integers(0, 50), st.integers(0, 70), st.integers(1, 60), st.integers(1, 80))


@given(rectangles)
def test_exactly_what_was_painted_is_locked(unsure: Reading, where: tuple[int, int, int, int]) -> None:
    y, x, height, width = where
    locked = np.zeros((HEIGHT, WIDTH), np.bool_)
    locked[y : y + height, x : x + width] = True
    decided = repaint(unsure, locked, "Ada")
    np.testing.assert_array_equal(decided.zones == Zone.LOCKED, locked)
    assert set(np.unique(decided.zones)) <= {Zone.LOCKED, Zone.EDGE, Zone.BACKDROP}
    beside = np.zeros_like(locked)
    beside[max(0, y - 1) : y + height + 1, max(0, x - 1) : x + width + 1] = True
    assert (decided.zones[beside & ~locked] == Zone.EDGE).all()
    backdrop = (decided.zones == Zone.BACKDROP).reshape(HEIGHT // 2, 2, WIDTH // 2, 2).all(axis=(1, 3))
    np.testing.assert_array_equal(decided.backdrop, backdrop)
    assert (decided.matte[decided.backdrop] == 0).all()
    inside = locked.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).all(axis=(1, 3))
    assert (decided.matte[inside] == 255).all()


def test_a_repaint_is_recorded_with_the_name(unsure: Reading) -> None:
    locked = np.zeros((HEIGHT, WIDTH), np.bool_)
    locked[10:50, 20:60] = True
    record = repaint(unsure, locked, "  Ada Lovelace ").record
    assert (record.kind, record.sure, record.decided_by) == ("portrait", True, "Ada Lovelace")
    assert "Ada Lovelace" in record.reason
    assert record.fractions["locked"] == pytest.approx(locked.mean())
    assert record.versions == unsure.record.versions
    assert unsure.record.decided_by is None and not unsure.record.sure


def test_nobody_here_frees_everything_and_is_recorded(unsure: Reading) -> None:
    decided = nobody_here(unsure, "Ada")
    assert (decided.zones == Zone.BACKDROP).all() and decided.backdrop.all() and not decided.matte.any()
    record = decided.record
    assert (record.kind, record.sure, record.decided_by, record.faces) == ("empty-set", True, "Ada", ())
    assert record.fractions == zone_fractions(decided.zones)
    assert record.zones_sha256 == zones_sha256(decided.zones)


def test_what_cannot_be_meant_is_refused_and_says_what_to_do(unsure: Reading) -> None:
    nothing = np.zeros((HEIGHT, WIDTH), np.bool_)
    with pytest.raises(Refused, match="nobody here"):
        repaint(unsure, nothing, "Ada")
    with pytest.raises(Refused, match="paint it on this picture"):
        repaint(unsure, np.ones((WIDTH, HEIGHT), np.bool_), "Ada")
    for unnamed in ("", "  "):
        with pytest.raises(Refused, match="name"):
            repaint(unsure, ~nothing, unnamed)
        with pytest.raises(Refused, match="name"):
            nobody_here(unsure, unnamed)
