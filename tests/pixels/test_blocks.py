import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import blocks

WHOLE = Roi(0, 0, 96, 120)


def paper(quality: int | None) -> blocks.Floats:
    """Tone of grainy paper, as it is or as a JPEG of that quality has it."""
    x, y = np.linspace(0.2, 0.5, WHOLE.x1)[None, :, None], np.linspace(0, 0.4, WHOLE.y1)[:, None, None]
    noise = np.random.default_rng(1).normal(0, 0.012, (WHOLE.y1, WHOLE.x1, 3))
    codes = np.clip(255 * (x + y + noise), 0, 255).astype(np.uint8)
    if quality is not None:
        _, written = cv2.imencode(".jpg", codes, [cv2.IMWRITE_JPEG_QUALITY, quality])
        codes = np.asarray(cv2.imdecode(written, cv2.IMREAD_COLOR), np.uint8)
    return codes.astype(np.float32) / 255


def cleaned(values: blocks.Floats, roi: Roi = WHOLE) -> blocks.Floats:
    return blocks.without_grid(lambda part: values[part.within(WHOLE)], roi, WHOLE)


@pytest.mark.parametrize(("quality", "seen"), [(None, False), (98, False), (40, True), (20, True)])
def test_the_grid_is_seen_where_it_is(quality: int | None, seen: bool) -> None:
    assert blocks.shows(paper(quality)) is seen


def test_the_grid_is_gone_and_the_light_is_not() -> None:
    values = paper(30)
    out = cleaned(values)
    assert blocks.shows(values) and not blocks.shows(out)
    assert np.abs(cv2.blur(out, (9, 9)) - cv2.blur(values, (9, 9))).max() < 0.01


def test_an_edge_of_the_picture_stays() -> None:
    values = np.zeros((96, 120, 3), np.float32)
    values[40:] = 0.5
    np.testing.assert_array_equal(cleaned(values), values)


@settings(max_examples=25)
@given(st.integers(0, 95), st.integers(0, 119), st.integers(1, 60), st.integers(1, 60))
def test_any_tile_has_the_values_of_the_whole(y: int, x: int, height: int, width: int) -> None:
    values = paper(30)
    tile = Roi(y, x, y + height, x + width) & WHOLE
    np.testing.assert_array_equal(cleaned(values, tile), cleaned(values)[tile.within(WHOLE)])
