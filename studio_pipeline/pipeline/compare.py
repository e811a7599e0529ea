"""A file's pixels beside those that its record leads to: whether they differ, how, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline import deliver
from studio_pipeline.deliver.base import at_depth
from studio_pipeline.errors import CannotRead, Refused
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.masks import Mask

_CELL_PX = 16
_MOST_BOXES = 8
_ROUNDING = 6  # 8-bit codes: what another build of the same encoder may differ by
# Encoding anew keeps means over two blocks each way, of colour three. Saved at quality 75 to 95, or halved by
# four filters, they moved by 1.2 codes at most, of colour by 1.9.
_MEANS = ((0, 16, 2.0), (1, 24, 2.5), (2, 24, 2.5))
_OVER_MEDIAN = 4.0
_SAME_ASPECT = 0.01


@dataclass(frozen=True, eq=False)
class Outcome:
    """``said``: what is wrong, or what cannot be told; None where the file shows what it should.

    ``differs``: ``(h, w)`` of the file, pixels that are not as they should be; of a lossy file, or one of
    another size, those that were worked on. ``boxes``: where, in the file's pixels, the largest first;
    ``places`` is how many there are in all. ``is_exact``: the file has the master's own pixels.
    """

    said: str | None
    differs: Mask
    boxes: tuple[Roi, ...] = ()
    places: int = 0
    is_exact: bool = False

    def over(self, canvas: Roi) -> tuple[Mask, tuple[Roi, ...]]:
        """The same on a canvas that the file shows reduced or as it is: pixels, and boxes from its corner."""
        size, found = canvas.extent, self.differs.shape
        if found == (size.height, size.width):
            return self.differs, self.boxes
        large = cv2.resize(
            self.differs.view(np.uint8), (size.width, size.height), interpolation=cv2.INTER_NEAREST
        )
        down, across = size.height / found[0], size.width / found[1]
        boxes = (
            Roi(int(b.y0 * down), int(b.x0 * across), round(b.y1 * down), round(b.x1 * across))
            for b in self.boxes
        )
        return np.asarray(large, np.uint8).view(np.bool_), tuple(boxes)


@dataclass(frozen=True)
class Delivery:
    """What is known of a file beside its pixels: its format, its encoder, and whether its bytes are recorded.

    ``encoder`` is the one recorded, "" where none was. ``is_reduced``: to another size than the master's.
    """

    form: str
    encoder: str
    is_recorded: bool
    is_reduced: bool


def read(file: Path, form: str) -> Codes:
    """A file's codes ``(h, w, 3)``, also where another program saved it with another depth, or an alpha.

    Raises Refused where it cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return deliver.FORMATS[form].read(opened)
    except CannotRead as error:
        codes = _read_as_saved_elsewhere(file)
        if codes is None:
            raise Refused(f"the file cannot be read as {form}: {error}") from error
        return codes
    except Exception as error:  # a damaged file may fail anywhere inside the libraries
        raise Refused(f"the file cannot be read as {form}: {error}") from error


def _read_as_saved_elsewhere(file: Path) -> Codes | None:
    try:
        codes = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, cv2.error):
        return None
    saved: NDArray[Any] | None = codes  # OpenCV's stubs do not know that there may be none
    if saved is None or saved.ndim != 3 or saved.shape[2] < 3 or saved.dtype not in (np.uint8, np.uint16):
        return None
    return np.ascontiguousarray(saved[..., 2::-1])


def compare(found: Codes, expected: Codes, delivery: Delivery, canvas: Roi) -> Outcome:
    """``found`` in the file beside ``expected``; ``canvas`` names the places of a file of full size."""
    if found.shape != expected.shape:
        worked_on = _worked_on_resized(found, expected)
        return Outcome(f"changed outside: the file is {found.shape[1]}x{found.shape[0]} pixels, not "
                       f"{expected.shape[1]}x{expected.shape[0]}", worked_on, *_boxes(worked_on))  # fmt: skip
    expected = at_depth(expected, 8 * found.dtype.itemsize)
    differs = np.asarray((found != expected).any(axis=2), np.bool_)
    if not differs.any():
        return Outcome(None, differs)
    if not deliver.FORMATS[delivery.form].lossless:
        return _compare_lossy(found, expected, differs, delivery)
    if delivery.is_reduced:
        where = said_where(differs, Roi(0, 0, *differs.shape))
        return Outcome(f"the file does not show the recorded pixels: {where}", differs, *_boxes(differs))
    where = said_where(differs, canvas)
    return Outcome(f"pixels were changed after delivery: {where}", differs, *_boxes(differs), is_exact=True)


def _compare_lossy(found: Codes, expected: Codes, differs: Mask, delivery: Delivery) -> Outcome:
    """Whether it was encoded anew, by whom, and whether it was worked on beside that."""
    most = int(cv2.absdiff(found, expected).max())
    here = deliver.FORMATS[delivery.form].encoder()
    if delivery.is_recorded and most <= _ROUNDING:
        return Outcome(
            f"unverifiable: encoder: the file is the one that was delivered, and was encoded by "
            f"{delivery.encoder or 'one that was not recorded'} (here {here}): at most {most} codes differ",
            np.zeros_like(differs),
        )
    worked_on = _worked_on(found, expected)
    if not worked_on.any():
        return Outcome(
            f"changed outside: it was encoded anew, by which up to {most} codes differ, and not worked on",
            worked_on,
        )
    where = said_where(worked_on, Roi(0, 0, *differs.shape))
    return Outcome(f"the file does not show the recorded pixels: {where}", worked_on, *_boxes(worked_on))


def _worked_on(found: Codes, expected: Codes) -> Mask:
    """``(h, w)``: where means differ by more than encoding anew, or resizing, makes them."""
    scaled = (at_depth(codes, 8).astype(np.float32) / np.float32(255) for codes in (found, expected))
    luma_chroma = [cv2.cvtColor(one, cv2.COLOR_RGB2YCrCb) for one in scaled]
    apart = (luma_chroma[0] - luma_chroma[1]) * np.float32(255)
    out = np.zeros(found.shape[:2], np.bool_)
    for channel, side_px, least in _MEANS:
        means = np.abs(cv2.blur(np.ascontiguousarray(apart[..., channel]), (side_px, side_px)))
        median = float(np.median(means))
        # All of it may have moved, in tone or profile; else what stands out of a slight change counts.
        out |= means > (least if median > least else max(least, _OVER_MEDIAN * median))
    return out


def _worked_on_resized(found: Codes, expected: Codes) -> Mask:
    """The same for a file of another size; nowhere where it was cropped, for then nothing can be compared."""
    height, width = found.shape[:2]
    if abs(width * expected.shape[0] / (height * expected.shape[1]) - 1) > _SAME_ASPECT:
        return np.zeros((height, width), np.bool_)
    resized = cv2.resize(expected, (width, height), interpolation=cv2.INTER_AREA)
    return _worked_on(found, np.asarray(resized, expected.dtype))


def _boxes(mask: Mask) -> tuple[tuple[Roi, ...], int]:
    """Bounds of what is True, near places together; the largest few, and how many there are."""
    height, width = mask.shape
    padded = np.pad(mask, ((0, -height % _CELL_PX), (0, -width % _CELL_PX)))
    rows, columns = padded.shape[0] // _CELL_PX, padded.shape[1] // _CELL_PX
    counts = padded.reshape(rows, _CELL_PX, columns, _CELL_PX).sum(axis=(1, 3))
    near = cv2.dilate((counts > 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(near, connectivity=8)
    if count == 1:
        return (), 0
    sizes = np.bincount(labels.ravel(), counts.ravel(), minlength=count)
    sizes[0] = 0
    largest = [int(label) for label in np.argsort(-sizes, kind="stable")[: min(_MOST_BOXES, count - 1)]]
    return tuple(_bounds(mask, labels == label) for label in largest), count - 1


def _bounds(mask: Mask, cells: Mask) -> Roi:
    rows, columns = (np.flatnonzero(cells.any(axis=axis)) for axis in (1, 0))
    y0, x0 = int(rows[0]) * _CELL_PX, int(columns[0]) * _CELL_PX
    part = mask[y0 : (int(rows[-1]) + 1) * _CELL_PX, x0 : (int(columns[-1]) + 1) * _CELL_PX]
    of_cells = cells[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)
    grown = of_cells.repeat(_CELL_PX, axis=0).repeat(_CELL_PX, axis=1)[: part.shape[0], : part.shape[1]]
    x, y, w, h = cv2.boundingRect(part.astype(np.uint8) * grown)
    return Roi(y0 + y, x0 + x, y0 + y + h, x0 + x + w)


def said_where(mask: Mask, canvas: Roi) -> str:
    """How many pixels, and the rows and columns of ``canvas`` that hold them all."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        f"{np.count_nonzero(mask)} pixels in rows {rows[0] + canvas.y0} to {rows[-1] + canvas.y0}, "
        f"columns {columns[0] + canvas.x0} to {columns[-1] + canvas.x0}"
    )
