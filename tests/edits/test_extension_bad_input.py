"""What no extension can serve well: a clear line or a sound result, never a broken picture."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks import defects, sets
from benchmarks.cases import at_depth
from benchmarks.scores import grey_of
from studio_pipeline.edits import stack
from studio_pipeline.edits.extend_background import EXTEND_BACKGROUND, ExtendParams
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import Frame, clipped_in_file, plan_scale
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.records.plan import Plan
from studio_pipeline.subject.reading import Reading
from tests.support import backdrops
from tests.support.command import done, studio
from tests.support.finished import hashes

NOBODY = Roi(0, 0, 0, 0)
SITTING = Extent(400, 320)
WIDER = ("--edit", "extend_background", "--set", "left=80", "--set", "right=80")


def framed(codes: Codes) -> Frame:
    return Frame(codes, color.named("sRGB"), clipped_in_file(codes))


def planned(base: Frame, who: Reading, **params: object) -> Plan:
    small = base.at_scale(plan_scale(base.extent))
    return EXTEND_BACKGROUND.plan(small, who, ExtendParams.model_validate(params), 1)


def extended(base: Frame, who: Reading, **params: object) -> tuple[Codes, Mask]:
    """The canvas, and where it is new; everything that was there is checked to be there still."""
    plan = planned(base, who, **params)
    canvas = stack.canvas_of([plan], base.roi)
    out = np.empty((canvas.extent.height, canvas.extent.width, 3), base.codes.dtype)
    stack.render_into(out, [plan], base, who, canvas)
    np.testing.assert_array_equal(out[base.roi.within(canvas)], base.codes)
    new = np.ones(out.shape[:2], np.bool_)
    new[base.roi.within(canvas)] = False
    return out, new


def smooth(codes: Codes, sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(codes.astype(np.float32), (0, 0), sigma), np.float32)


def shot(name: str, iso: str = "1600", extent: Extent = SITTING) -> tuple[Frame, Reading]:
    """A rendered set with its sitter, and its true reading."""
    made = sets.render(name, iso, extent)
    return framed(made.true), sets.true_reading(made.person)


def empty(codes: Codes) -> tuple[Frame, Reading]:
    return framed(codes), backdrops.reading(Extent(*codes.shape[:2]), NOBODY)


def saved(codes: Codes, path: Path) -> Path:
    Image.fromarray(np.asarray(at_depth(codes, np.dtype(np.uint8)))).save(path)
    return path


def read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


BANNER = Extent(200, 160)
"""A tenth of the banner's width; a quarter of the size at which one is ordered, 8000 × 800."""


class TestTooMuch:
    @pytest.mark.parametrize("name", ["quadratic", "muslin"])
    def test_a_banner_ten_times_as_wide_as_high_is_neither_black_nor_burnt(self, name: str) -> None:
        """575% of the picture's width on each side."""
        base, who = shot(name, extent=BANNER)
        out, new = extended(base, who, aspect="10:1")
        assert out.shape == (200, 2000, 3)
        assert (out[new] < 257).any(axis=1).mean() < 1e-4 and (out[new] == 65535).mean() < 1e-4
        seen = smooth(base.codes, 6)[:100].reshape(-1, 3)  # above her
        made = smooth(out, 6)[new]
        assert (made > 0.25 * seen.min(axis=0)).all() and (made < 1.5 * seen.max(axis=0)).all()

    def test_far_out_a_pool_of_light_does_not_dip_and_rise_again(self) -> None:
        """The set is darker the farther out, on both sides; so is what continues it, or it stays as it is."""
        base, who = shot("quadratic", extent=BANNER)
        out, _ = extended(base, who, aspect="10:1")
        columns = smooth(out, 6)[:100].mean(axis=(0, 2))  # above her
        for outwards in (columns[: 2000 // 2 - 80][::-1], columns[2000 // 2 + 80 :]):
            assert (outwards / np.minimum.accumulate(outwards)).max() < 1.06

    def test_more_than_the_picture_s_own_width_on_a_side_is_said(self) -> None:
        base, who = shot("quadratic")
        assert len(planned(base, who, left=340).notes) > len(planned(base, who, left=300).notes)


class TestNothingToReadFrom:
    def test_a_face_that_fills_the_frame(self, tmp_path: Path) -> None:
        """No backdrop is visible at a side: one line, and no file."""
        made = sets.render("quadratic", "100", Extent(1200, 960))
        top = np.argwhere(made.person > 0.98).min(axis=0)[0]
        close = cv2.resize(made.true[top + 20 : top + 90, 410:480], (280, 280), interpolation=cv2.INTER_CUBIC)
        source = saved(np.asarray(close, np.uint16), tmp_path / "face.png")
        before = hashes(tmp_path)
        said = studio("edit", source, "-o", tmp_path / "out.png", *WIDER).failure
        assert "extend_background" in said
        assert hashes(tmp_path) == before

    @pytest.mark.parametrize("bits", [8, 16])
    def test_pure_black_stays_black(self, bits: int) -> None:
        base, who = empty(np.zeros((200, 300, 3), f"uint{bits}"))
        out, new = extended(base, who, left=60, right=60, top=30)
        assert out[new].max() <= 2**bits // 256  # a step of 8 bits

    @pytest.mark.parametrize("bits", [8, 16])
    def test_clipped_white_stays_clipped(self, bits: int) -> None:
        base, who = shot("clipped white")
        eight = framed(at_depth(base.codes, np.dtype(f"uint{bits}")))
        out, new = extended(eight, who, left=80, right=80)
        assert (out[new] == 2**bits - 1).mean() > 0.999

    def test_a_black_suit_before_black(self, tmp_path: Path) -> None:
        """Nobody can tell the suit's edge: a clear line, or black beside it, and every pixel as it was."""
        made = sets.render("quadratic", sets.NO_NOISE, Extent(600, 480))
        linear = color.named("sRGB").decode(made.true)
        neck = np.argwhere(made.person > 0.98).min(axis=0)[0] + 95
        dark = np.where(made.person[..., None] > 0.5, 0.02, 0.01) * linear
        dark[:neck] = np.where(made.person[:neck, :, None] > 0.5, linear[:neck], dark[:neck])
        source = saved(color.named("sRGB").encode(dark.astype(np.float32), 16), tmp_path / "black.png")
        out, given = tmp_path / "out.png", read(source)
        answer = studio("edit", source, "-o", out, *WIDER)
        if answer.code:
            assert "extend_background" in answer.failure and not out.exists()
            return
        codes = read(out)
        assert codes[:, 80:560].tolist() == given.tolist() or codes.shape[1] < 640
        assert smooth(codes, 4)[:, :70].max() < 20 and smooth(codes, 4)[:, -70:].max() < 20


class TestWhatIsNoBackdrop:
    @pytest.mark.parametrize("quality", [60, 80])
    def test_blocks_of_a_jpeg_are_not_copied_as_texture(self, quality: int) -> None:
        made = sets.render("two lights", "100", Extent(600, 480))
        written = io.BytesIO()
        picture = np.asarray(at_depth(made.true, np.dtype(np.uint8)))
        Image.fromarray(picture).save(written, "JPEG", quality=quality)
        base = framed(np.asarray(Image.open(written), np.uint8))
        out, new = extended(base, sets.true_reading(made.person), left=120, right=120)
        above = np.arange(600)[:, None] < 240  # backdrop only
        by_chance = defects.blockiness(grey_of(picture), np.broadcast_to(above, picture.shape[:2]))
        blocks = defects.blockiness(grey_of(out), ~new & above) - by_chance
        assert blocks > 0.15
        assert defects.blockiness(grey_of(out), new) - by_chance < 0.3 * blocks

    def test_a_logo_wall_is_refused_or_goes_on_plain_or_legible(self) -> None:
        """No mirrored letters, and no scraps of letters either."""
        base, who = empty(logo_wall(Extent(480, 640)))
        if not planned(base, who, left=160, right=160).changes:
            assert planned(base, who, left=160, right=160).refusals
            return
        out, _ = extended(base, who, left=160, right=160)
        shown = np.asarray(at_depth(out, np.dtype(np.uint8)), np.uint8)
        grey = np.asarray(cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY), np.uint8)
        for side in (grey[:, :160], grey[:, -160:]):
            ink = int(np.count_nonzero(side < 150))
            # Of the true wall's own ink 0.6 stands in words that such a strip does not cut.
            assert ink < 0.005 * side.size or legible_ink(side) > 0.5 * ink
            beside = cv2.dilate((side < 190).astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
            assert np.quantile(np.abs(side[beside].astype(float) - np.median(grey)), 0.95) < 8
        for seam, sign in ((160, 1), (800, -1)):
            beside = [grey[:, seam + sign * n - (sign < 0)].astype(float) for n in range(-12, 12)]
            steps = np.diff(np.stack(beside), axis=0)
            assert np.corrcoef(-steps[:11].ravel(), steps[:11:-1].ravel())[0, 1] < 0.5

    def test_an_alpha_channel_is_laid_aside_or_refused_in_a_line(self, tmp_path: Path) -> None:
        made = sets.render("quadratic", "100", Extent(600, 480))
        picture = np.asarray(at_depth(made.true, np.dtype(np.uint8)))
        alpha = np.where(made.person > 0.5, 255, 90).astype(np.uint8)
        source = tmp_path / "alpha.png"
        Image.fromarray(np.dstack([picture, alpha])).save(source)
        before, out = hashes(tmp_path)["alpha.png"], tmp_path / "out.png"
        answer = studio("edit", source, "-o", out, *WIDER)
        assert hashes(tmp_path)["alpha.png"] == before
        if answer.code:
            assert "alpha" in answer.failure and not out.exists()
            return
        codes = read(out)
        assert codes.shape == (600, 640, 3)
        np.testing.assert_array_equal(codes[:, 80:560], picture)


class TestTiny:
    @pytest.mark.parametrize(
        "extent", [Extent(1, 400), Extent(400, 1), Extent(1, 1), Extent(2, 2), Extent(3, 90)]
    )
    def test_a_row_a_column_and_a_pixel_go_on_as_they_are(self, extent: Extent) -> None:
        base, who = empty(np.full((extent.height, extent.width, 3), 20_000, np.uint16))
        out, new = extended(base, who, left=9, right=7, top=5, bottom=3)
        assert out.shape == (extent.height + 8, extent.width + 16, 3)
        assert np.abs(out[new].astype(int) - 20_000).max() <= 257

    def test_a_picture_that_is_too_small_is_said_to_be(self, tmp_path: Path) -> None:
        source = saved(np.full((63, 63, 3), 128, np.uint8), tmp_path / "tiny.png")
        assert "64×64" in studio("edit", source, "-o", tmp_path / "out.png", *WIDER).failure
        assert not (tmp_path / "out.png").exists()

    def test_the_smallest_that_is_taken_is_extended(self, tmp_path: Path) -> None:
        source = saved(np.full((64, 64, 3), 128, np.uint8), tmp_path / "small.png")
        done("edit", source, "-o", tmp_path / "out.png", *WIDER)
        codes = read(tmp_path / "out.png")
        assert codes.shape == (64, 224, 3) and np.abs(codes.astype(int) - 128).max() <= 1


WORD, WALL, INK = "RF", 205, (40, 60, 140)  # letters without a mirror image of their own


def lettered(canvas: NDArray[np.uint8], y: int, x: int) -> NDArray[np.uint8]:
    cv2.putText(canvas, WORD, (x, y), cv2.FONT_HERSHEY_DUPLEX, 1.4, INK, 3, cv2.LINE_AA)
    return canvas


def logo_wall(extent: Extent) -> Codes:
    """A step-and-repeat wall, in 16 bits, a little noise on it."""
    wall = np.full((extent.height, extent.width, 3), WALL, np.uint8)
    for row, y in enumerate(range(60, extent.height + 40, 70)):
        for x in range(-60 + 55 * (row % 2), extent.width, 110):
            lettered(wall, y, x)
    noise = np.random.default_rng(4).normal(0, 1.5, wall.shape)
    return at_depth(np.clip(wall + noise, 0, 255).astype(np.uint8), np.dtype(np.uint16))


def legible_ink(grey: NDArray[np.uint8]) -> float:
    """Pixels of ink in the whole words that stand in a picture the right way round."""
    word = cv2.cvtColor(lettered(np.full((44, 60, 3), WALL, np.uint8), 40, 3), cv2.COLOR_RGB2GRAY)
    found = cv2.matchTemplate(grey, word, cv2.TM_CCOEFF_NORMED)
    peaks = (found > 0.85) & (found == cv2.dilate(found, np.ones((31, 31), np.uint8)))
    return float(np.count_nonzero(peaks)) * float(np.count_nonzero(word < 150))
