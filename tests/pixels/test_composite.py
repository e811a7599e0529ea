import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from studio_pipeline.errors import LockedPixelsChanged
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.composite import composite
from studio_pipeline.pixels.masks import Mask

HEIGHT, WIDTH = 9, 11
ROI = Roi(-4, 20, -4 + HEIGHT, 20 + WIDTH)
ENCODING = color.named("ProPhoto")
pictures = st.sampled_from([np.uint8, np.uint16]).flatmap(lambda kind: hnp.arrays(kind, (HEIGHT, WIDTH, 3)))
masks = hnp.arrays(bool, (HEIGHT, WIDTH))
ALL = np.ones((HEIGHT, WIDTH), bool)


def write(before: Codes, edit_mask: Mask, writable: Mask, light: float = 0.5, roi: Roi = ROI) -> Codes:
    edited = np.full((*before.shape[:2], 3), light, np.float32)
    return composite(
        before, edited, edit_mask, writable, encoding=ENCODING, roi=roi, edit="heal_spots", dither_seed=3
    )


@given(pictures, masks)
def test_pixels_outside_the_edit_keep_their_codes(before: Codes, edit_mask: Mask) -> None:
    kept = before.copy()
    after = write(before, edit_mask, edit_mask)
    np.testing.assert_array_equal(after[~edit_mask], kept[~edit_mask])
    np.testing.assert_array_equal(before, kept)
    assert after.dtype == before.dtype and after is not before


@given(pictures, masks, masks)
def test_no_pixel_outside_the_zones_is_ever_changed(before: Codes, edit_mask: Mask, writable: Mask) -> None:
    try:
        after = write(before, edit_mask, writable)
    except LockedPixelsChanged as error:
        y, x = error.first_yx[0] - ROI.y0, error.first_yx[1] - ROI.x0
        assert edit_mask[y, x] and not writable[y, x] and error.changed > 0
    else:
        np.testing.assert_array_equal(after[~writable], before[~writable])


def test_one_pixel_too_many_stops_the_edit_and_says_where() -> None:
    before = np.zeros((HEIGHT, WIDTH, 3), np.uint16)
    writable = ALL.copy()
    writable[2, 5] = False
    with pytest.raises(LockedPixelsChanged) as caught:
        write(before, ALL, writable)
    assert (caught.value.edit, caught.value.changed, caught.value.first_yx) == ("heal_spots", 1, (-2, 25))
    assert "row -2, column 25" in str(caught.value)


def test_what_an_edit_computed_outside_its_mask_is_never_read() -> None:
    before = np.full((HEIGHT, WIDTH, 3), 700, np.uint16)
    edited = np.full((HEIGHT, WIDTH, 3), np.nan, np.float32)
    none = np.zeros_like(ALL)
    after = composite(before, edited, none, ALL, encoding=ENCODING, roi=ROI, edit="x", dither_seed=1)
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize(("kind", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_written_light_reads_back_within_a_code(kind: type, top: int) -> None:
    after = write(np.zeros((HEIGHT, WIDTH, 3), kind), ALL, ALL, light=0.18)
    exact = 0.18 ** (1 / 1.8) * top
    assert np.abs(after.astype(float) - exact).max() <= 1.01
    white = write(np.zeros((HEIGHT, WIDTH, 3), kind), ALL, ALL, light=1.5)
    assert white.max() <= top and white.min() >= top - 1


def test_dither_keeps_a_level_between_two_codes() -> None:
    roi = Roi(0, 0, 128, 128)
    light = np.float32((100.3 / 255) ** 1.8)
    whole = np.ones((128, 128), bool)
    after = write(np.zeros((128, 128, 3), np.uint8), whole, whole, light=float(light), roi=roi)
    assert set(np.unique(after)) == {100, 101}
    assert after.mean() == pytest.approx(100.3, abs=0.02)


def test_tiles_agree_to_the_bit() -> None:
    roi = Roi(-8, -8, 24, 24)
    before = np.zeros((32, 32, 3), np.uint16)
    whole = np.ones((32, 32), bool)
    at_once = write(before, whole, whole, roi=roi)
    for tile in roi.tiles(13):
        index = tile.within(roi)
        np.testing.assert_array_equal(
            write(before[index], whole[index], whole[index], roi=tile), at_once[index]
        )
