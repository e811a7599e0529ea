from collections import Counter

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent, Insets, Point, Roi
from studio_pipeline.pixels import texture
from studio_pipeline.pixels.light import Tone
from studio_pipeline.pixels.masks import Mask
from studio_pipeline.pixels.texture import Piece, Residual

BASE = Roi(0, 0, 120, 160)
CANVAS = BASE.grown(Insets(top=30, left=45, bottom=0, right=37))
SIZE = 24
NEW = np.ones((CANVAS.extent.height, CANVAS.extent.width), bool)
NEW[BASE.within(CANVAS)] = False


def white(extent: Extent = BASE.extent, seed: int = 1) -> Tone:
    return np.random.default_rng(seed).standard_normal((extent.height, extent.width, 3)).astype(np.float32)


def mottled(extent: Extent = BASE.extent, seed: int = 1) -> Tone:
    """Grain, and clouds of three pixels."""
    clouds = cv2.GaussianBlur(white(extent, seed + 100), (0, 0), 3)
    return np.asarray(white(extent, seed) + clouds / clouds.std(), np.float32)


def reader(values: Tone, base: Roi = BASE) -> Residual:
    """Reads the picture; ``Roi.within`` raises where somebody reaches beyond it."""
    return lambda roi: values[roi.within(base)]


def all_clean(base: Roi = BASE) -> Mask:
    return np.ones((base.extent.height, base.extent.width), bool)


def holed() -> Mask:
    """A sitter, and three specks."""
    clean = all_clean()
    clean[40:, 60:100] = False
    for y, x in ((10, 20), (70, 30), (30, 140)):
        clean[y - 2 : y + 3, x - 2 : x + 3] = False
    return clean


def chosen(values: Tone, clean: Mask, seed: int = 7) -> list[Piece]:
    return texture.choose_pieces(values, clean, CANVAS, BASE, SIZE, np.random.default_rng(seed))


def laid(values: Tone, clean: Mask) -> list[Piece]:
    return chosen(values, clean) + texture.mirror_band(clean, CANVAS, BASE, 12)


def source(piece: Piece) -> Roi:
    return Roi.of(piece.roi.extent, piece.source)


places = st.integers(-(2**23), 2**23)
sizes = st.integers(0, 5000)
pieces = st.builds(
    lambda y, x, h, w, sy, sx, flip_y, flip_x, ramps, on_top: Piece(
        Roi(y, x, y + h, x + w), Point(sy, sx), flip_y, flip_x, ramps, on_top
    ),
    places, places, sizes, sizes, places, places, st.booleans(), st.booleans(),
    st.tuples(sizes, sizes, sizes, sizes), st.booleans(),
)  # fmt: skip


class TestPiece:
    @given(pieces)
    def test_a_row_of_float32_holds_it(self, piece: Piece) -> None:
        assert Piece.of_row(np.array(piece.row(), np.float32)) == piece

    @given(st.integers(40, 400), st.integers(40, 400), st.floats(0.05, 3), st.integers(0, 99))
    def test_at_any_scale_its_source_lies_in_the_picture(
        self, height: int, width: int, scale: float, seed: int
    ) -> None:
        """Odd sizes do not halve: what touched the border of a proxy may lie beyond the master's."""
        base, rng = Roi(0, 0, height, width), np.random.default_rng(seed)
        size = int(rng.integers(8, 41))
        corner = Point(int(rng.integers(0, height - size + 1)), int(rng.integers(0, width - size + 1)))
        piece = Piece(Roi(-size, -size, 0, 0), corner, False, False, (4, 4, 4, 4), False)
        at = Roi.of(base.extent.scaled(scale))
        assert at.contains(source(piece.scaled(scale, at)))


class TestLay:
    @given(st.integers(-30, 119), st.integers(-45, 196), st.integers(1, 90), st.integers(1, 90))
    def test_is_the_same_in_any_tiling(self, y: int, x: int, height: int, width: int) -> None:
        values = mottled()
        whole = texture.lay(PIECES, CANVAS, reader(values))
        tile = Roi(y, x, y + height, x + width) & CANVAS
        np.testing.assert_array_equal(texture.lay(PIECES, tile, reader(values)), whole[tile.within(CANVAS)])

    @pytest.mark.parametrize("make", [white, mottled])
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_keeps_the_variance_of_its_source(self, make: type, seed: int) -> None:
        values = make(BASE.extent, seed)
        out = texture.lay(laid(values, all_clean()), CANVAS, reader(values))
        assert out[NEW].var() / values.var() == pytest.approx(1, abs=0.1)
        shares = [
            cv2.Laplacian(v[..., 0], cv2.CV_32F)[m].var() for v, m in ((out, NEW), (values, all_clean()))
        ]
        assert shares[0] / shares[1] == pytest.approx(1, abs=0.1)

    def test_keeps_variance_where_two_pieces_meet(self) -> None:
        """Power of the blend: two unlike pieces of unit variance give unit variance at every column."""
        values = white(Extent(4000, 60))
        base, tall = Roi(0, 0, 4000, 60), Roi(0, 100, 4000, 140)
        pair = [
            Piece(tall, Point(0, 0), False, False, (0, 0, 0, 20), False),
            Piece(tall.shifted(0, 20), Point(0, 0), False, False, (0, 20, 0, 0), False),
        ]
        out = texture.lay(pair, Roi(0, 100, 4000, 160), reader(values, base))
        assert out.std(axis=(0, 2)) == pytest.approx(np.ones(60), abs=0.05)

    def test_a_lone_piece_is_whole_to_its_corners(self) -> None:
        """Ramps are for neighbours; at the canvas's corner there are none."""
        piece = Piece(Roi(-900, -900, 0, 0), Point(0, 0), False, False, (240,) * 4, False)
        out = texture.lay(
            [piece], Roi(-900, -900, -800, -800), lambda roi: np.ones((100, 100, 3), np.float32)
        )
        np.testing.assert_allclose(out, 1, rtol=1e-5)

    def test_where_nothing_lies_there_is_nothing(self) -> None:
        assert not texture.lay([], CANVAS, reader(white())).any()

    @pytest.mark.parametrize(
        ("flip_y", "flip_x"), [(False, False), (True, False), (False, True), (True, True)]
    )
    def test_mirrors_as_told(self, flip_y: bool, flip_x: bool) -> None:
        values = white()
        piece = Piece(Roi(-9, -8, -1, -2), Point(5, 6), flip_y, flip_x, (0, 0, 0, 0), False)
        wanted = values[5:13, 6:12][:: -1 if flip_y else 1, :: -1 if flip_x else 1]
        np.testing.assert_array_equal(texture.lay([piece], piece.roi, reader(values)), wanted)


class TestCleanWindows:
    @given(
        arrays(np.bool_, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.booleans()),
        st.integers(1, 6), st.integers(1, 6), st.integers(1, 4),
    )  # fmt: skip
    def test_are_all_there_are_and_none_is_dirty(
        self, clean: NDArray[np.bool_], height: int, width: int, stride: int
    ) -> None:
        found = texture.clean_windows(clean, Extent(height, width), stride)
        wanted = [
            (y, x)
            for y in range(0, clean.shape[0] - height + 1, stride)
            for x in range(0, clean.shape[1] - width + 1, stride)
            if clean[y : y + height, x : x + width].all()
        ]
        assert found.shape == (len(wanted), 2) and [tuple(p) for p in found.tolist()] == wanted


class TestChoosePieces:
    @pytest.mark.parametrize("seed", range(6))
    def test_sources_are_clean(self, seed: int) -> None:
        clean = holed()
        found = chosen(mottled(seed=seed), clean, seed)
        assert found
        for piece in found:
            assert BASE.contains(source(piece)) and clean[source(piece).within(BASE)].all()
            assert not (piece.flip_y or piece.flip_x or piece.on_top)

    @given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
    @settings(max_examples=20)
    def test_cover_all_that_is_new(self, top: int, left: int, bottom: int, right: int) -> None:
        assume(top + left + bottom + right)
        canvas = BASE.grown(Insets(top, left, bottom, right))
        found = texture.choose_pieces(white(), holed(), canvas, BASE, SIZE, np.random.default_rng(1))
        covered = np.zeros((canvas.extent.height, canvas.extent.width), bool)
        covered[BASE.within(canvas)] = True
        for piece in found:
            covered[(piece.roi & canvas).within(canvas)] = True
        assert covered.all()

    def test_the_seed_decides(self) -> None:
        values = mottled()
        assert chosen(values, holed(), 7) == chosen(values, holed(), 7)
        assert chosen(values, holed(), 7) != chosen(values, holed(), 8)

    def test_no_window_is_worn_out(self) -> None:
        """A repeated patch is what an eye finds first."""
        found = chosen(mottled(), all_clean())
        most = Counter(piece.source for piece in found).most_common(1)[0][1]
        assert len(found) > 30 and most <= 2

    def test_a_piece_agrees_with_what_lies_beside_it(self) -> None:
        """Where stripes run to the border, pieces that carry on with them are found: quilting, not dice."""
        stripes = np.sin(np.arange(120) / 3.0)[:, None, None]
        values = np.broadcast_to(stripes, (120, 160, 3)).astype(np.float32)
        found = [
            p for p in chosen(values, all_clean()) if p.roi.x1 > -SIZE and p.roi.x0 < 0 and p.roi.y0 >= 0
        ]
        off = [values[p.source.y, 0, 0] - np.sin(p.roi.y0 / 3.0) for p in found]
        assert len(found) >= 5 and np.sqrt(np.mean(np.square(off))) < 0.5

    def test_windows_shrink_until_clean_ones_are_found(self) -> None:
        clean = np.zeros((120, 160), bool)
        clean[50:62, 20:150] = True
        found = chosen(white(), clean)
        assert {piece.roi.extent for piece in found} == {Extent(12, 12)}
        assert all(clean[source(piece).within(BASE)].all() for piece in found)

    def test_without_clean_backdrop_there_are_none(self) -> None:
        assert chosen(white(), np.zeros((120, 160), bool)) == []
        specks = all_clean()
        specks[::7, :] = False
        assert chosen(white(), specks) == []


class TestMirrorBand:
    @staticmethod
    def places_read(bands: list[Piece], canvas: Roi, base: Roi) -> tuple[NDArray[np.float64], Mask]:
        """Which pixel (y, x) each canvas pixel is a copy of, and where bands lie."""

        def own_place(roi: Roi) -> Tone:
            assert base.contains(roi)
            y, x = np.mgrid[roi.y0 : roi.y1, roi.x0 : roi.x1]
            return np.asarray(np.stack([y, x, np.ones_like(y)], axis=-1), np.float32)

        out = texture.lay(bands, canvas, own_place)
        there = out[..., 2] > 1e-3
        return np.where(there[..., None], out[..., :2] / np.maximum(out[..., 2:], 1e-3), 0), there

    @given(
        st.integers(21, 90), st.integers(21, 90),
        st.tuples(*[st.integers(0, 40)] * 4), st.sampled_from([1.0, 2.0, 0.5, 0.37, 1.7]), st.integers(-1, 1),
    )  # fmt: skip
    def test_is_reflect_101_at_every_scale(
        self, height: int, width: int, added: tuple[int, int, int, int], scale: float, odd: int
    ) -> None:
        """``odd``: the master is a pixel smaller or larger than the proxy says."""
        assume(max(added) >= 2)
        base = Roi(0, 0, height, width)
        canvas = base.grown(Insets(*added))
        bands = texture.mirror_band(all_clean(base), canvas, base, 12)
        assert bands
        size = base.extent.scaled(scale)
        at = Roi(0, 0, size.height + odd, size.width + odd)
        wide = at.grown(Insets(*(round(v * scale) for v in added)))
        read, there = self.places_read([band.scaled(scale, at) for band in bands], wide, at)
        y, x = np.mgrid[wide.y0 : wide.y1, wide.x0 : wide.x1]
        y = np.where(y < 0, -y, np.where(y >= at.y1, 2 * (at.y1 - 1) - y, y))
        x = np.where(x < 0, -x, np.where(x >= at.x1, 2 * (at.x1 - 1) - x, x))
        np.testing.assert_allclose(read[there], np.stack([y, x], axis=-1)[there], atol=0.01)
        assert not there[at.within(wide)].any()

    def test_the_first_new_pixel_is_the_mirror_alone(self) -> None:
        values = white()
        canvas = BASE.grown(Insets(left=40, right=40))
        out = texture.lay(texture.mirror_band(all_clean(), canvas, BASE, 30), canvas, reader(values))
        np.testing.assert_allclose(out[:, 39], values[:, 1], atol=0.02)
        np.testing.assert_allclose(out[:, 40 + 160], values[:, 158], atol=0.02)

    def test_fades_into_the_pieces_at_even_power(self) -> None:
        values = white(Extent(3000, 60))
        base, canvas = Roi(0, 0, 3000, 60), Roi(0, -40, 3000, 60)
        clean = np.ones((3000, 60), bool)
        under = Piece(Roi(0, -40, 3000, 0), Point(0, 20), False, False, (0, 0, 0, 0), False)
        out = texture.lay(
            [under, *texture.mirror_band(clean, canvas, base, 15)], Roi(0, -40, 3000, 0), reader(values, base)
        )
        assert out.std(axis=(0, 2)) == pytest.approx(np.ones(40), abs=0.05)

    def test_never_shows_what_is_not_clean(self) -> None:
        clean = holed()
        clean[60:90, :5] = clean[20, 1] = clean[1, 50] = clean[50, 158] = False
        read, there = self.places_read(texture.mirror_band(clean, CANVAS, BASE, 12), CANVAS, BASE)
        y, x = np.rint(read[there]).astype(int).T
        assert len(y) > 1000 and clean[y, x].all()

    def test_is_laid_along_the_border_only_where_it_is_new(self) -> None:
        bands = texture.mirror_band(all_clean(), BASE.grown(Insets(left=10)), BASE, 12)
        assert [band.roi for band in bands] == [Roi(0, -10, 120, 0)]
        assert texture.mirror_band(np.zeros((120, 160), bool), CANVAS, BASE, 12) == []


PIECES = laid(mottled(), holed())
