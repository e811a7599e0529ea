"""One real face, from scikit-image's wheel, and the readings that many tests look at; made once."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from studio_pipeline.geometry import Extent
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.pixels.frame import Frame, clipped_in_file
from studio_pipeline.subject import Reading, detectors, read_subject
from studio_pipeline.subject.detectors import Detectors

Picture = NDArray[np.uint8]


def framed(codes: Codes, encoding: RgbEncoding | None = None, times: int = 2) -> tuple[Frame, Extent]:
    """A picture as the plan-scale frame of a master that many times its size."""
    master = Extent(codes.shape[0] * times, codes.shape[1] * times)
    clipped = clipped_in_file(codes)
    return Frame(codes, encoding or color.named("sRGB"), clipped, scale=1 / times), master


def read(codes: Codes, encoding: RgbEncoding | None = None) -> Reading:
    return read_subject(*framed(codes, encoding))


def protected(reading: Reading) -> NDArray[np.bool_]:
    return np.asarray(reading.zones != 0, np.bool_)


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union."""
    return float((one & other).sum() / max(1, (one | other).sum()))


@pytest.fixture(scope="session")
def models() -> Detectors:
    return detectors.shared()


@pytest.fixture(scope="session")
def astronaut() -> Picture:
    """A woman in an orange suit, a helmet beside her, 512 x 512 sRGB; public domain (NASA)."""
    from skimage import data

    return np.asarray(data.astronaut(), np.uint8)


@pytest.fixture(scope="session")
def astronaut_reading(astronaut: Picture, models: Detectors) -> Reading:
    return read(astronaut)
