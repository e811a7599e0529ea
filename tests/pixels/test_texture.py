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


def source(piece: Piece) -> Roi:
    return Roi.of(piece.roi.extent, piece.source)


places = st.integers(-(2**23), 2**23)
sizes = st.integers(0, 5000)
pieces = st.builds(
    lambda y, x, h, w, sy, sx, ramps: Piece(Roi(y, x, y + h, x + w), Point(sy, sx), ramps),
    places, places, sizes, sizes, places, places, st.tuples(sizes, sizes, sizes, sizes),
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
        piece = Piece(Roi(-size, -size, 0, 0), corner, (4, 4, 4, 4))
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
        out = texture.lay(chosen(values, all_clean()), CANVAS, reader(values))
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
            Piece(tall, Point(0, 0), (0, 0, 0, 20)),
            Piece(tall.shifted(0, 20), Point(0, 0), (0, 20, 0, 0)),
        ]
        out = texture.lay(pair, Roi(0, 100, 4000, 160), reader(values, base))
        assert out.std(axis=(0, 2)) == pytest.approx(np.ones(60), abs=0.05)

    def test_a_lone_piece_is_whole_to_its_corners(self) -> None:
        """Ramps are for neighbours; at the canvas's corner there are none."""
        piece = Piece(Roi(-900, -900, 0, 0), Point(0, 0), (240,) * 4)
        out = texture.lay(
            [piece], Roi(-900, -900, -800, -800), lambda roi: np.ones((100, 100, 3), np.float32)
        )
        np.testing.assert_allclose(out, 1, rtol=1e-5)

    def test_where_nothing_lies_there_is_nothing(self) -> None:
        assert not texture.lay([], CANVAS, reader(white())).any()


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


PIECES = chosen(mottled(), holed())
