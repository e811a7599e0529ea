"""How near new area comes to what was really there. Everything is read from sRGB codes of the whole canvas.

Truth and result are compared at the result's own depth, in 255ths: where a picture has 8 bits the figures are
those that 8 bits give.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.cases import Case, at_depth
from benchmarks.defects import flat_run_px, repeat_score
from studio_pipeline.geometry import Insets, Roi
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.pixels.metrics import band_energies, tone

Values = NDArray[np.float32]

BANDS = 4
_BLUR = 1 / 60  # of the long edge
_PATCH_PX, _PATCHES, _DIRECTIONS = 7, 4096, 128
_SHRUNK = (1, 2, 4)
_FEWEST_PATCHES = 64
_BESIDE_SEAM = range(2, 8)  # gradients this many pixels from the seam's own
_SMOOTH = 0.25  # 255ths a pixel: no gradient beside a seam counts as less
_FLAT = 0.001  # L*, far below any grain: flat over flat is 1
_STRIP_PX = 24  # a narrower strip of new area holds no face
_FACE_SCORE = 0.5


@dataclass(frozen=True)
class Likeness:
    """One extension beside the truth; ``docs/extension.md`` says what each figure means."""

    lf: float
    patches: float
    hf: float
    seam: float
    faces: int
    kept: bool
    psnr: float
    ssim: float
    bands: tuple[float, ...]
    repeat: float
    true_repeat: float
    run_px: float
    person_px: int


@dataclass(frozen=True, eq=False)
class _Truth:
    """What a case's truth has, at one depth."""

    codes: Codes
    values: Values
    energy: float
    bands: NDArray[np.float64]
    repeat: float


@lru_cache(maxsize=2)  # one case at a time, in 8 and in 16 bits
def _truth(case: Case, dtype: np.dtype[np.uint8] | np.dtype[np.uint16]) -> _Truth:
    codes, new = at_depth(case.true, dtype), case.new
    grey = grey_of(codes)
    return _Truth(codes, _of_255(codes), _laplacian(grey, new), _bands(codes, new), repeat_score(grey, new))


def likeness(case: Case, made: Codes) -> Likeness:
    """Compare what was ``made`` of a case with its truth, in new area."""
    new, inner, truth = case.new, case.inner, _truth(case, made.dtype)
    values, grey = _of_255(made), grey_of(made)
    difference = values - truth.values
    squared = float(np.mean(np.square(difference[new])))
    bands = zip(_bands(made, new), truth.bands, strict=True)
    return Likeness(
        lf=_light_error(difference, new),
        patches=patch_distance(_shown(truth.codes), _shown(made), new),
        hf=_laplacian(grey, new) / max(truth.energy, 0.1),
        seam=seam_ratio(grey, inner),
        faces=faces_in(made, case.added),
        kept=bool(np.array_equal(made[case.original], at_depth(case.seen, made.dtype)[case.original])),
        psnr=float(10 * np.log10(255**2 / max(squared, 1e-9))),
        ssim=_structure(truth.values, values, new),
        bands=tuple(float((ours + _FLAT) / (real + _FLAT)) for ours, real in bands),
        repeat=repeat_score(grey, new),
        true_repeat=truth.repeat,
        run_px=flat_run_px(made, new),
        person_px=_changed(case, made),
    )


def _bands(codes: Codes, new: Mask) -> NDArray[np.float64]:
    return band_energies(tone(color.named("sRGB").decode(codes)), new, BANDS)


def _of_255(codes: Codes) -> Values:
    values = codes.astype(np.float32)
    return values if codes.dtype == np.uint8 else values / np.float32(257)


def _shown(codes: Codes) -> Codes | Values:
    return codes if codes.dtype == np.uint8 else _of_255(codes)


def grey_of(codes: Codes) -> Values:
    """Luma in 255ths, rounded to codes where they are 8 bits."""
    return np.asarray(cv2.cvtColor(_shown(codes), cv2.COLOR_RGB2GRAY), np.float32)


def low_frequency_error(case: Case, made: Codes) -> float:
    """``Likeness.lf`` alone."""
    return _light_error(_of_255(made) - _truth(case, made.dtype).values, case.new)


def _light_error(difference: Values, new: Mask) -> float:
    away = cv2.GaussianBlur(difference, (0, 0), _BLUR * max(new.shape))[new]
    return float(np.sqrt(np.mean(away * away)))


def _laplacian(grey: Values, new: Mask) -> float:
    fine = cv2.Laplacian(grey, cv2.CV_32F)[new]
    return float(np.sqrt(np.mean(fine * fine)))


def _structure(true: Values, made: Values, new: Mask) -> float:
    from skimage.metrics import structural_similarity

    if min(new.shape) < _PATCH_PX:
        return float("nan")
    _, each = structural_similarity(true, made, channel_axis=2, data_range=255, full=True)
    return float(each[new].mean())


def patch_distance(true: Codes | Values, made: Codes | Values, new: Mask) -> float:
    """Sliced Wasserstein distance of colour patches at three scales, 255ths; 0 is right.

    Patches lie wholly in new area. Both pictures are drawn from independently: two draws of one texture are
    some way apart, too. Rabin et al., "Wasserstein barycenter and its application to texture mixing", 2011.
    """
    distances = []
    chance = np.random.default_rng(0)
    for shrunk in _SHRUNK:
        size = (round(new.shape[1] / shrunk), round(new.shape[0] / shrunk))
        pictures = [
            np.asarray(cv2.resize(one, size, interpolation=cv2.INTER_AREA), np.float32)
            for one in (true, made)
        ]
        inside = cv2.resize(new.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        inside = cv2.erode(inside, np.ones((_PATCH_PX, _PATCH_PX), np.uint8), borderValue=(0,))
        reach = _PATCH_PX // 2
        corners = np.argwhere(inside[reach:-reach, reach:-reach])
        if len(corners) < _FEWEST_PATCHES:
            continue
        drawn = [_draw(one.astype(np.float32), corners, seed) for seed, one in enumerate(pictures, start=1)]
        onto = chance.normal(size=(drawn[0].shape[1], _DIRECTIONS)).astype(np.float32)
        onto /= np.linalg.norm(onto, axis=0)
        ranked = [np.sort(patches @ onto, axis=0) for patches in drawn]
        distances.append(float(np.abs(ranked[0] - ranked[1]).mean()))
    return float(np.mean(distances)) if distances else float("nan")


def _draw(picture: Values, corners: NDArray[np.int64], seed: int) -> Values:
    """``(n, 7 * 7 * 3)``: patches at corners drawn with replacement."""
    windows = np.lib.stride_tricks.sliding_window_view(
        picture,
        (_PATCH_PX, _PATCH_PX),
        axis=(0, 1),  # type: ignore[call-overload]
    )
    y, x = corners[np.random.default_rng(seed).choice(len(corners), _PATCHES)].T
    return np.ascontiguousarray(np.moveaxis(windows[y, x], 1, -1)).reshape(_PATCHES, -1)


def seam_ratio(grey: Values, inner: Roi) -> float:
    """Mean gradient across each seam over those beside it, mean of the sides; 1 is right."""
    height, width = grey.shape
    sides = [(grey, x) for x in (inner.x0, inner.x1) if _within(x, width)]
    sides += [(grey.T, y) for y in (inner.y0, inner.y1) if _within(y, height)]
    ratios = []
    for turned, place in sides:
        steps = np.abs(np.diff(turned, axis=1))
        line = place - 1  # the step between the last old and the first new column
        near = [steps[:, line + sign * far] for far in _BESIDE_SEAM for sign in (-1, 1)]
        ratios.append(float(steps[:, line].mean()) / max(float(np.mean(near)), _SMOOTH))
    return statistics.fmean(ratios) if ratios else float("nan")


def _within(place: int, length: int) -> bool:
    return 9 < place < length - 8


def faces_in(made: Codes, added: Insets) -> int:
    """Faces that are found in each side's strip of new area, looked at alone."""
    from studio_pipeline.subject.detectors import shared

    picture = at_depth(made, np.dtype(np.uint8))
    height, width = picture.shape[:2]
    strips = [picture[:, : added.left], picture[:, width - added.right :]]
    strips += [picture[: added.top], picture[height - added.bottom :]]
    count = 0
    for strip in strips:
        if min(strip.shape[:2]) < _STRIP_PX:
            continue
        sure = [f.source for f in shared().faces(np.asarray(strip, np.uint8)) if f.score >= _FACE_SCORE]
        count += sure.count(sure[0]) if sure else 0
    return count


def _changed(case: Case, made: Codes) -> int:
    """Pixels of the person that are no longer what they were."""
    if case.person is None:
        return 0
    differs = (made != at_depth(case.seen, made.dtype)).any(axis=2)
    return int(np.count_nonzero(differs & case.person))


def median(likenesses: Sequence[Likeness], of: Callable[[Likeness], float]) -> float:
    """The median of a figure over the pictures that have it."""
    values = [value for value in map(of, likenesses) if not np.isnan(value)]
    return statistics.median(values) if values else float("nan")
