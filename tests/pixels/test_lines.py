import cv2
import numpy as np
import pytest

from studio_pipeline.pixels import lines
from studio_pipeline.pixels.lines import Look

SHAPE = (240, 320)
PLAIN = np.ones(SHAPE, np.bool_)
LOOK = Look(1.2, 9, 8, 100, 0.3, True, (2.0, 30.0), 6, 1.1)


def noise(seed: int = 1) -> np.ndarray:
    return (60 + np.random.default_rng(seed).normal(0, 0.8, SHAPE)).astype(np.float32)


def drawn(points: list[tuple[int, int]], depth: float, width: int = 2) -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    cv2.polylines(mask, [np.array([(x, y) for y, x in points], np.int32)], False, (255,), width, cv2.LINE_AA)
    return (noise() - depth * cv2.GaussianBlur(mask / 255.0, (0, 0), 0.6)).astype(np.float32)


@pytest.mark.parametrize("depth", [10.0, -10.0])
def test_a_thread_is_followed_from_end_to_end(depth: float) -> None:
    (line,) = lines.find(drawn([(60, 80), (80, 110), (85, 150)], depth), PLAIN, LOOK)
    ends = sorted(map(tuple, line.points[[0, -1]].tolist()), key=lambda p: p[1])
    assert np.hypot(*(np.array(ends[0]) - (60, 80))) < 8 and np.hypot(*(np.array(ends[1]) - (85, 150))) < 8
    assert line.contrast * depth < 0 and 1 <= line.radius_px <= 6


def test_grain_an_edge_a_weave_and_many_threads_are_none() -> None:
    assert lines.find(noise(2), PLAIN, LOOK) == []
    edge = noise(3)
    edge[:, 160:] += 6
    assert lines.find(edge, PLAIN, LOOK) == []
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    weave = (noise(4) + 3 * np.sin(x / 1.3) + 3 * np.sin(y / 1.3)).astype(np.float32)
    assert lines.find(weave, PLAIN, LOOK) == []


def test_a_line_that_runs_on_beyond_the_plain_area_is_no_thread() -> None:
    plain = PLAIN.copy()
    plain[:, 130:] = False
    assert lines.find(drawn([(60, 60), (66, 200)], 10.0), plain, LOOK) == []


def test_a_band_beside_a_line_is_read_straight() -> None:
    y, x = np.mgrid[:60, :80].astype(np.float32)
    values = x + 100 * y
    band = lines.straightened(values, np.array([[10.0, 20.0], [40.0, 20.0]]), 3, 1.0)
    assert band.shape == (31, 7) and band[0, 3] == pytest.approx(1020) and band[30, 3] == pytest.approx(4020)
    assert abs(band[5, 6] - band[5, 0]) == pytest.approx(6)
    assert np.isnan(lines.straightened(values, np.array([[1.0, 1.0], [1.0, 30.0]]), 3, 1.0)).any()
