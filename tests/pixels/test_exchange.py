"""The one law of the edge zone, and the coverage it goes by."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import light
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.exchange import MOST_GAIN, EdgeLaw, Lights, edge_law, exchanged, unlawful
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.light import LightGrid
from studio_pipeline.pixels.masks import Zone
from tests.support import backdrops, hair

unit = st.floats(0, 1, width=32)
pixels = hnp.arrays(np.float32, (7, 3), elements=unit)
alphas = hnp.arrays(np.float32, 7, elements=unit)
gains = hnp.arrays(np.float32, (7, 3), elements=st.floats(0, MOST_GAIN, width=32))
MIDDLE = Roi(30, 150, 330, 450)


@given(pixels, pixels, gains)
def test_without_a_person_it_is_the_backdrop_s_own_change(linear: Linear, old: Linear, gain: Linear) -> None:
    out = exchanged(linear, np.zeros(7, np.float32), old, gain)
    np.testing.assert_allclose(out, linear * gain, atol=2e-5)


@given(pixels, pixels, gains)
def test_a_pixel_that_is_all_person_stays(linear: Linear, old: Linear, gain: Linear) -> None:
    np.testing.assert_array_equal(exchanged(linear, np.ones(7, np.float32), old, gain), linear)


@given(alphas, pixels, pixels, gains)
def test_true_coverage_gives_the_true_composite(
    alpha: Linear, person: Linear, old: Linear, gain: Linear
) -> None:
    alpha = np.maximum(alpha, np.float32(0.12))  # below, a pixel's own grain counts as backdrop
    share = alpha[:, None]
    out = exchanged(share * person + (1 - share) * old, alpha, old, gain)
    np.testing.assert_allclose(out, share * person + (1 - share) * old * gain, atol=1e-4)


def grid(values: Linear) -> LightGrid:
    """A light of the frame's size as a grid of 10-pixel cells."""
    tone = light.to_tone(values)
    cells, _ = light.read_cells(tone, np.ones(tone.shape[:2], np.bool_), 10)
    return LightGrid(cells, 5.0, 5.0, 10.0)


def frame_and_lights(old: str = "#b0b0b0", new: str = "#3060a0") -> tuple[Frame, Lights]:
    backdrop = hair.falling(old)
    frame = backdrops.frame(backdrops.with_grain(hair.before(backdrop), 5e-5))
    front = np.broadcast_to(np.mean(hair.person(), axis=(0, 1)), backdrop.shape).astype(np.float32)
    return frame, Lights(grid(backdrop), grid(hair.even(new)), grid(front))


def law_of(frame: Frame, lights: Lights, roi: Roi, scale: float) -> EdgeLaw:
    reading = hair.reading(scale)
    mask = reading.zones[roi.within(frame.roi)] == Zone.EDGE
    return edge_law(lights, reading.matte, frame.linear, frame.roi, roi, 1.0, mask)


@pytest.mark.parametrize("scale", [0.5, 1 / 3, 0.27])
def test_strands_finer_than_the_matte_are_found_in_the_picture(scale: float) -> None:
    frame, lights = frame_and_lights()
    law = law_of(frame, lights, frame.roi, scale)
    small = hair.reading(scale).matte
    plain = cv2.resize(small, (hair.EXTENT.width, hair.EXTENT.height), interpolation=cv2.INTER_LINEAR) / 255
    truth = hair.coverage()[law.mask]
    soft = (truth > 0.02) & (truth < 0.98)
    error, before = (np.abs(a[soft] - truth[soft]).mean() for a in (law.alpha, plain[law.mask]))
    assert error < 0.06 and error < 0.5 * before
    assert law.alpha[truth == 0].mean() < 0.01


def test_tiles_agree_with_the_whole_to_the_bit() -> None:
    frame, lights = frame_and_lights()
    whole = np.full((hair.EXTENT.height, hair.EXTENT.width), -1, np.float32)
    law = law_of(frame, lights, frame.roi, 1 / 3)
    whole[law.mask] = law.alpha
    for tile in frame.roi.tiles(83):
        part = law_of(frame, lights, tile, 1 / 3) if (whole[tile.within(frame.roi)] >= 0).any() else None
        if part is not None:
            np.testing.assert_array_equal(part.alpha, whole[tile.within(frame.roi)][part.mask])


def test_where_person_and_backdrop_are_alike_the_matte_stands() -> None:
    _, lights = frame_and_lights()
    frame = backdrops.frame(backdrops.with_grain(hair.falling("#b0b0b0"), 5e-5))
    same = Lights(lights.old, lights.new, lights.old)
    reading = hair.reading(0.5)
    law = law_of(frame, same, frame.roi, 0.5)
    plain = cv2.resize(reading.matte, (600, 420), interpolation=cv2.INTER_LINEAR)[law.mask] / 255
    assert np.abs(law.alpha - plain).mean() < 0.03


def test_the_gain_is_bounded_on_black() -> None:
    frame, _ = frame_and_lights()
    black, white = np.zeros((420, 600, 3), np.float32), np.ones((420, 600, 3), np.float32)
    lights = Lights(grid(black), grid(white), grid(white))
    assert lights.gain(MIDDLE, 1.0).max() == MOST_GAIN
    assert np.isfinite(law_of(frame, lights, MIDDLE, 0.5).alpha).all()


def test_one_code_off_the_law_is_found_and_what_stayed_is_not() -> None:
    frame, lights = frame_and_lights()
    law = law_of(frame, lights, MIDDLE, 0.5)
    before = frame.codes[MIDDLE.within(frame.roi)]
    after = before.copy()
    after[law.mask] = law.applied(before[law.mask], frame.encoding)
    y, x = np.argwhere(law.mask)[::50].T
    reading = hair.reading(0.5)

    def again(mask: hnp.NDArray[np.bool_]) -> EdgeLaw:
        return edge_law(lights, reading.matte, frame.linear, frame.roi, MIDDLE, 1.0, mask)

    assert not unlawful(before, after, law.mask, [again], frame.encoding).any()
    assert np.count_nonzero(unlawful(before, after, law.mask, [], frame.encoding)) > 100
    after[y, x, 1] ^= 1
    after[y[0], x[0]] = before[y[0], x[0]]
    found = unlawful(before, after, law.mask, [again], frame.encoding)
    assert np.count_nonzero(found) == len(y) - 1 and not found[y[0], x[0]]
