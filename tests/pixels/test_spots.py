import itertools
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio_pipeline.pixels import spots
from studio_pipeline.pixels.spots import Blob, find, standing_alone

HEIGHT, WIDTH = 300, 420
PLAIN = np.ones((HEIGHT, WIDTH), bool)
Y, X = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
LIGHT = 62 - 14 * ((X / WIDTH - 0.4) ** 2 + (Y / HEIGHT - 0.3) ** 2)  # L*, falling off


def grey(tone: np.ndarray) -> np.ndarray:
    return np.stack([tone, np.full_like(tone, 1.5), np.full_like(tone, -2)], axis=-1).astype(np.float32)


def grain(deviation: float, seed: int = 1, correlation_px: float = 0) -> np.ndarray:
    """Noise in L*, a* and b*; colour noise as strong as light noise, as from a Bayer sensor."""
    noise = np.random.default_rng(seed).standard_normal((HEIGHT, WIDTH, 3)).astype(np.float32)
    if correlation_px:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), correlation_px))
        noise /= noise.std()
    return noise * np.float32(deviation)


def search(lab: np.ndarray, plain: np.ndarray = PLAIN, min_outlier: float = 3.5) -> list[Blob]:
    return find(lab, plain, max_radius_px=10, min_outlier=min_outlier, min_contrast=2.0)


def speck(
    lab: np.ndarray, y: float, x: float, radius_px: float, depth: float, squeeze: float = 1
) -> np.ndarray:
    """The picture with a soft-edged ellipse laid on it, ``depth`` darker in L*."""
    distance = np.hypot((Y - y) * squeeze, (X - x) / squeeze)
    out = lab.copy()
    out[..., 0] -= depth * np.clip(radius_px - distance + 0.5, 0, 1)
    return out


class TestNothingIsFoundIn:
    @settings(max_examples=12)
    @given(st.sampled_from([0.3, 1.0, 3.0]), st.sampled_from([0, 0.7, 1.6]), st.integers(0, 10**6))
    def test_grain_at_three_iso_levels_raw_or_smoothed(
        self, deviation: float, correlation_px: float, seed: int
    ) -> None:
        assert search(grey(LIGHT) + grain(deviation, seed, correlation_px)) == []

    @pytest.mark.parametrize("seed", range(3))
    def test_mottle(self, seed: int) -> None:
        clouds = sum(
            grain(strength, seed + i, size) for i, (size, strength) in enumerate([(2, 1), (6, 2), (15, 3)])
        )
        assert search(grey(LIGHT) + clouds + grain(0.5, seed + 9)) == []

    @pytest.mark.parametrize("seed", range(3))
    def test_canvas(self, seed: int) -> None:
        weave = 2 * (np.sin(2 * np.pi * X / 5.3) + np.sin(2 * np.pi * Y / 4.7))
        slubs = grain(1.5, seed, 1.2)[..., 0] * (1 + np.sin(X / 40) ** 2)
        assert search(grey(LIGHT + weave + slubs) + grain(0.5, seed)) == []

    @pytest.mark.parametrize("seed", range(3))
    def test_brush_strokes(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        paint = np.zeros((HEIGHT, WIDTH), np.float32)
        for _ in range(500):
            x, y, angle, length = (
                rng.uniform(0, WIDTH),
                rng.uniform(0, HEIGHT),
                rng.uniform(0, 3),
                rng.uniform(5, 30),
            )
            dx, dy = round(length * np.cos(angle)), round(length * np.sin(angle))
            thickness = int(rng.integers(1, 8))
            cv2.line(
                paint, (int(x), int(y)), (int(x) + dx, int(y) + dy), (float(rng.normal(0, 3)),), thickness
            )
        assert search(grey(LIGHT + cv2.GaussianBlur(paint, (0, 0), 1)) + grain(0.4, seed)) == []

    @pytest.mark.parametrize(
        "draw",
        [
            lambda tone: cv2.line(tone, (20, 250), (400, 230), (30,), 3),  # a floor line
            lambda tone: cv2.rectangle(tone, (300, 80), (312, 299), (15,), cv2.FILLED),  # a stand
            lambda tone: cv2.rectangle(tone, (360, -1), (430, 310), (90,), cv2.FILLED),  # the paper's edge
            lambda tone: cv2.line(tone, (100, 100), (130, 112), (40,), 2),  # a thread
            lambda tone: cv2.putText(tone, "STUDIO", (90, 160), cv2.FONT_HERSHEY_PLAIN, 2, (85,), 2),
            lambda tone: cv2.circle(tone, (200, 150), 24, (30,), cv2.FILLED),  # too large for dust
        ],
    )
    def test_lines_stands_edges_letters_and_large_things(
        self, draw: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        assert search(grey(draw(LIGHT.copy())) + grain(0.4)) == []

    def test_specks_too_faint_to_see(self) -> None:
        assert search(speck(grey(LIGHT) + grain(0.1), 150, 200, 4, depth=1)) == []

    def test_nothing(self) -> None:
        assert search(grey(np.zeros((HEIGHT, WIDTH), np.float32))) == []
        assert search(grey(LIGHT), np.zeros_like(PLAIN)) == []


class TestDust:
    @settings(max_examples=20)
    @given(
        st.floats(40, HEIGHT - 40),
        st.floats(40, WIDTH - 40),
        st.floats(1.5, 7),
        st.sampled_from([-20.0, -8.0, 8.0, 25.0]),
        st.floats(1, 1.25),
    )
    def test_one_speck_is_found_where_it_is_and_as_large_as_it_is(
        self, y: float, x: float, radius_px: float, depth: float, squeeze: float
    ) -> None:
        (blob,) = search(speck(grey(LIGHT) + grain(0.5), y, x, radius_px, depth, squeeze))
        assert abs(blob.y - y) < 1 and abs(blob.x - x) < 1
        assert radius_px * squeeze - 0.5 <= blob.radius_px <= radius_px * squeeze + 3
        assert blob.contrast == pytest.approx(abs(depth), rel=0.35)

    def test_coloured_lint_of_the_same_lightness_is_found(self) -> None:
        lab = grey(LIGHT) + grain(0.3)
        lab[np.hypot(Y - 150, X - 200) <= 4, 1] += 30
        (blob,) = search(lab)
        assert blob.contrast == pytest.approx(10, rel=0.2)

    def test_many_specks_are_all_found_and_nothing_else(self) -> None:
        lab, places = (
            grey(LIGHT) + grain(0.5),
            [(y, x) for y in range(30, 290, 80) for x in range(30, 400, 90)],
        )
        for i, (y, x) in enumerate(places):
            lab = speck(lab, y, x, 1.5 + i % 5, 6 + i % 9)
        blobs = search(lab)
        assert sorted((round(b.y, -1), round(b.x, -1)) for b in blobs) == sorted(places)

    def test_grain_hides_what_it_hides_for_the_eye(self) -> None:
        strong = speck(grey(LIGHT) + grain(3), 150, 200, 5, depth=25)
        faint = speck(grey(LIGHT) + grain(3), 150, 200, 2, depth=4)
        assert len(search(strong)) == 1 and search(faint) == []

    def test_dust_must_lie_on_plain_area(self) -> None:
        lab = speck(speck(grey(LIGHT) + grain(0.5), 150, 200, 4, 12), 60, 60, 4, 12)
        plain = PLAIN.copy()
        plain[100:, 120:] = False
        assert [round(b.y) for b in search(lab, plain)] == [60]

    def test_what_is_not_plain_does_not_matter(self) -> None:
        lab = speck(grey(LIGHT) + grain(0.5), 60, 60, 4, 12)
        plain = PLAIN.copy()
        plain[100:, 120:] = False
        loud = np.where(plain[..., None], lab, np.random.default_rng(2).uniform(0, 100, lab.shape)).astype(
            np.float32
        )
        assert search(loud, plain) == search(lab, plain) != []


def test_what_repeats_does_not_stand_alone() -> None:
    def at(y: float, x: float, radius_px: float = 2.0, contrast: float = 10.0) -> Blob:
        return Blob(y, x, radius_px, contrast, 5.0)

    row = [at(10, 10), at(12, 50), at(14, 90)]
    others = [at(80, 30), at(60, 70, 3.0), at(12, 130, contrast=20.0)]
    assert standing_alone([*row, *others]) == others
    assert standing_alone([at(10, 10), at(12, 50), at(25, 90)]) == [at(10, 10), at(12, 50), at(25, 90)]
    rng = np.random.default_rng(2)
    assert standing_alone([at(*place) for place in rng.uniform(0, 2000, (35, 2))]) == []


def alone_by_definition(blobs: list[Blob]) -> list[Blob]:
    """Every line of three, one by one."""

    def are_alike(i: int, k: int) -> bool:
        one, other = blobs[i], blobs[k]
        ratios = (one.radius_px / other.radius_px, one.contrast / other.contrast)
        return i != k and all(1 / 1.25 < ratio < 1.25 for ratio in ratios)

    rows = set[int]()
    for i, one in enumerate(blobs):
        alike = [k for k in range(len(blobs)) if are_alike(i, k)]
        rows |= {i} if len(alike) >= 30 else set()
        for j, k in itertools.permutations(alike, 2):
            y, x = 2 * blobs[j].y - one.y, 2 * blobs[j].x - one.x
            reach = max(1.0, 0.04 * np.hypot(blobs[j].y - one.y, blobs[j].x - one.x))
            if np.hypot(blobs[k].y - y, blobs[k].x - x) < reach:
                rows |= {i, j, k}
    return [blob for k, blob in enumerate(blobs) if k not in rows]


@pytest.mark.parametrize("seed", range(12))
def test_what_repeats_is_told_as_defined(seed: int) -> None:
    """Few blobs and many, alike by halves, so that some repeat by number, some by place, some not at all."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 75))
    size = np.array([1.5, 3.0]) + np.cumsum(rng.uniform(0, 0.05, (count, 2)), axis=0)
    blobs = [
        Blob(*place, *both, 5.0) for place, both in zip(rng.uniform(0, 900, (count, 2)), size, strict=True)
    ]
    assert standing_alone(blobs) == alone_by_definition(blobs)


def test_a_cloth_full_of_dots_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once all of them are known to repeat, no line is looked for."""
    in_line, looked = spots._in_line, list[int]()

    def counted(one: np.complex128, middles: np.ndarray, thirds: np.ndarray) -> np.ndarray:
        looked.append(middles.size * thirds.size)
        return in_line(one, middles, thirds)

    monkeypatch.setattr(spots, "_in_line", counted)
    assert standing_alone([Blob(9.0 * (k // 30), 9.0 * (k % 30), 2.0, 10.0, 5.0) for k in range(900)]) == []
    assert sum(looked) == 0
