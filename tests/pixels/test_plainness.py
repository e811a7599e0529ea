"""Which strokes lie beside which, and what can be told of one that is hardly in sight."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.plainness import plainness, reaching, window
from studio_pipeline.pixels.strokes import Stroke

places = st.tuples(st.floats(0, 60), st.floats(0, 60))
strokes = st.builds(
    lambda points, radius_px: Stroke(np.array(points), radius_px),
    st.lists(places, min_size=1, max_size=4),
    st.floats(0.5, 4),
)


@given(st.lists(strokes, max_size=8), st.integers(0, 50), st.integers(0, 50), st.integers(1, 20))
def test_those_that_reach_a_region_are_all_that_overlap_it(
    found: list[Stroke], y0: int, x0: int, size: int
) -> None:
    roi = Roi(y0, x0, y0 + size, x0 + size)
    assert reaching(found)(roi) == [one for one in found if not (one.roi.grown(1) & roi).empty]


@given(strokes, st.integers(1, 60))
def test_whatever_part_of_a_stroke_is_in_sight_its_figures_are_numbers(stroke: Stroke, columns: int) -> None:
    whole = Roi(0, 0, 60, columns)
    roi = window(stroke, whole)
    shape = (roi.extent.height, roi.extent.width)
    grain = np.random.default_rng(1).normal(0.2, 0.01, (*shape, 3)).astype(np.float32)
    found = plainness(grain, stroke, [stroke], np.ones(shape, np.bool_), roi)
    if found is not None:
        assert np.isfinite([found.step, found.own, found.beside, found.clear, found.apart]).all()
        assert np.count_nonzero(stroke.mask(roi)) >= 12
