"""An empty set brought to a frame: found where it is the same set, refused where it is not."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.pixels.register import Registered, register, sample
from tests.support import backdrops

EXTENT = Extent(300, 420)
WHOLE = Roi.of(EXTENT)
SITTER = Roi(90, 160, 300, 260)


def muslin(strength: float = 0.06, seed: int = 3) -> Linear:
    """A painted cloth, larger than the frame, so that a camera can move before it: ``(360, 480, 3)``."""
    noise = np.random.default_rng(seed).standard_normal((360, 480)).astype(np.float32)
    cloth = cv2.GaussianBlur(noise, (0, 0), 5) + 0.5 * cv2.GaussianBlur(noise, (0, 0), 2)
    y = np.linspace(0, 1, 360, dtype=np.float32)[:, None]
    light = (0.28 - 0.1 * y) * (1 + strength * cloth / cloth.std())
    return np.asarray(light[..., None] * np.array([1.0, 0.96, 0.9]), np.float32)


def shot(
    cloth: Linear, y: int = 30, x: int = 30, seed: int = 1, gain: float = 1.0, sitter: bool = False
) -> Frame:
    part = cloth[y : y + EXTENT.height, x : x + EXTENT.width].copy()
    if sitter:
        part[SITTER.within(WHOLE)] = backdrops.MAGENTA
    return backdrops.frame(backdrops.with_grain(part * np.float32(gain), backdrops.FINE, seed))


def backdrop() -> Mask:
    mask = np.ones((EXTENT.height, EXTENT.width), np.bool_)
    mask[(SITTER.grown(4) & WHOLE).within(WHOLE)] = False
    return mask


def found(frame: Frame, empty: Frame) -> Registered:
    answer = register(frame, backdrop(), empty)
    assert answer is not None
    return answer


def tone_error(frame: Frame, empty: Frame, answer: Registered) -> float:
    """The 95th percentile of what is left on common backdrop, in codes of 255, after blurring the grain."""
    laid, inside = sample(answer, empty, WHOLE)
    apart = np.sqrt(np.maximum(laid, 0)) - np.sqrt(np.maximum(frame.linear(), 0))
    left = np.abs(cv2.GaussianBlur(apart, (0, 0), 2)).max(axis=2)
    return float(np.percentile(left[backdrop() & inside], 95)) * 255


@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (7, -12), (-20, 25)])
@pytest.mark.parametrize("gain", [1.0, 1.6, 0.7])
def test_a_moved_camera_and_another_exposure(dy: int, dx: int, gain: float) -> None:
    cloth = muslin()
    frame, empty = shot(cloth, sitter=True), shot(cloth, 30 - dy, 30 - dx, seed=2, gain=gain)
    answer = found(frame, empty)
    assert answer.gains == pytest.approx((1 / gain,) * 3, rel=0.01)
    assert answer.is_shift
    assert (answer.matrix[5], answer.matrix[2]) == pytest.approx((dy, dx), abs=0.3)
    assert answer.confidence > 0.9 and answer.likeness > 0.95
    assert tone_error(frame, empty, answer) < 1.5


def test_a_turned_and_zoomed_camera() -> None:
    cloth = muslin()
    move = cv2.getRotationMatrix2D((240, 180), 1.5, 1.02)
    frame = shot(cloth, sitter=True)
    empty = shot(
        np.asarray(cv2.warpAffine(cloth, move, (480, 360), flags=cv2.INTER_CUBIC), np.float32), seed=2
    )
    answer = found(frame, empty)
    assert not answer.is_shift
    assert np.hypot(answer.matrix[0], answer.matrix[3]) == pytest.approx(1.02, abs=0.004)
    assert tone_error(frame, empty, answer) < 3


def test_on_plain_paper_the_light_alone_decides() -> None:
    frame = backdrops.picture(seed=1)
    empty = backdrops.frame(
        0.8 * backdrops.with_grain(backdrops.quadratic_fall_off(backdrops.WHOLE), 1.5e-4, 2)
    )
    seen = np.ones((400, 600), np.bool_)
    seen[(backdrops.SITTER.grown(4) & backdrops.WHOLE).within(backdrops.WHOLE)] = False
    answer = register(frame, seen, empty)
    assert answer is not None and answer.confidence == 1
    assert answer.gains == pytest.approx((1.25,) * 3, rel=0.01)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(shot(muslin(seed=9), seed=2), id="another cloth"),
        pytest.param(shot(muslin()[:, ::-1], seed=2), id="another side of it"),
        pytest.param(shot(muslin(), seed=2, gain=0.2), id="more than two stops darker"),
        pytest.param(backdrops.frame(muslin()[:280, :420]), id="another size"),
        pytest.param(backdrops.frame(np.full((300, 420, 3), 1.5, np.float32)), id="burnt out"),
        pytest.param(backdrops.frame(np.zeros((300, 420, 3), np.float32)), id="black"),
    ],
)
def test_what_is_not_the_same_set_is_not_used(other: Frame) -> None:
    assert register(shot(muslin(), sitter=True), backdrop(), other) is None


def test_without_backdrop_there_is_nothing_to_judge_by() -> None:
    cloth = muslin()
    assert register(shot(cloth), np.zeros((300, 420), np.bool_), shot(cloth)) is None


TURNED = Registered((1.1, 1.0, 0.9), (1.0198, -0.0262, 3.7, 0.0262, 1.0198, -5.2), 1.0, 1.0)


@pytest.mark.parametrize("answer", [TURNED, Registered((1.1, 1.0, 0.9), (1, 0, 3.7, 0, 1, -5.2), 1.0, 1.0)])
def test_tiles_agree_with_the_whole_to_the_bit(answer: Registered) -> None:
    empty = shot(muslin())
    canvas = WHOLE.grown(17)
    whole, inside = sample(answer, empty, canvas)
    for tile in canvas.tiles(97):
        part, part_inside = sample(answer, empty, tile)
        np.testing.assert_array_equal(part, whole[tile.within(canvas)])
        np.testing.assert_array_equal(part_inside, inside[tile.within(canvas)])
    assert not whole[~inside].any() and 0.7 < inside.mean() < 1


@pytest.mark.parametrize("answer", [TURNED, Registered((1.1, 1.0, 0.9), (1, 0, 4, 0, 1, -6), 1.0, 1.0)])
def test_proxy_and_master_agree(answer: Registered) -> None:
    empty = shot(muslin())
    small = empty.at_scale(0.5)
    proxy, inside = sample(answer, small, WHOLE.scaled(0.5))
    master, _ = sample(answer, empty, WHOLE)
    reduced = cv2.resize(master, (proxy.shape[1], proxy.shape[0]), interpolation=cv2.INTER_AREA)
    apart = np.abs(np.sqrt(np.maximum(proxy, 0)) - np.sqrt(np.maximum(reduced, 0)))
    inner = cv2.erode(inside.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert 255 * np.percentile(apart[inner], 95) < 4


def test_a_mere_shift_copies_the_grain() -> None:
    empty = shot(muslin())
    shift = Registered((1.0, 1.0, 1.0), (1, 0, 5.2, 0, 1, -3.1), 1.0, 1.0)
    laid, _ = sample(shift, empty, Roi(10, 10, 60, 60))
    np.testing.assert_array_equal(laid, empty.linear(Roi(7, 15, 57, 65)))
    assert not replace(shift, matrix=(1, 1e-3, 5, -1e-3, 1, 3)).is_shift
