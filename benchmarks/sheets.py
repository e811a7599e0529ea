"""Contact sheets: a picture beside its truth and the nearest peers, and crops along the seams at 100%."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.cases import AGAIN, OURS, Answer, Case, at_depth
from benchmarks.peers import Picture
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.color import Codes

_WHOLE_PX = 420  # height of a whole picture
_CROP_PX = (300, 234)
_CROPS = 3  # along each seam
_NOTCH = (255, 210, 0)
_PEERS = 2
_GAP_PX = 8
_TITLE_PX = 26
_PAPER = 24  # code of the sheet


def write_sheet(folder: Path, case: Case, given: Sequence[Answer], distances: Sequence[float]) -> Path:
    """A PNG of one case: truth, ours and the peers with the least ``distances``, left to right.

    First row: the whole canvas, seams marked outside it. Below: crops with the seam in their middle, at 100%.
    """
    ranked = [answer for _, answer in sorted(zip(distances, given, strict=True), key=lambda pair: pair[0])]
    peers = [answer for answer in ranked if answer.method not in (OURS, AGAIN)][:_PEERS]
    chosen = [*_of(OURS, given), *peers, *_of(AGAIN, given)]
    titles = {answer.method + (", refused" if answer.refused else ""): answer.codes for answer in chosen}
    shown = {name: _shown(codes) for name, codes in ({"truth": case.true} | titles).items()}
    columns = [_column(name, picture, case) for name, picture in shown.items()]
    sheet = _beside(columns, _GAP_PX)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (re.sub(r"[^\w]+", "_", case.name).strip("_") + ".png")
    cv2.imwrite(str(path), sheet[..., ::-1])
    return path


def _of(method: str, given: Sequence[Answer]) -> list[Answer]:
    return [answer for answer in given if answer.method == method]


def _shown(codes: Codes) -> Picture:
    return np.asarray(at_depth(codes, np.dtype(np.uint8)), np.uint8)


def _column(name: str, picture: Picture, case: Case) -> Picture:
    """Title, the whole, and a row of crops for each height: the left seam's beside the right seam's."""
    parts = [_titled(name), _whole(picture, case)]
    for row in crops(case):
        parts.append(_beside([_with_notch(picture[crop.within(case.canvas)]) for crop in row], 0))
    width = max(part.shape[1] for part in parts)
    return np.concatenate([_wide(part, width) for part in parts], axis=0)


def crops(case: Case) -> list[list[Roi]]:
    """Regions along the seams, each seam in the middle of its own; rows from the top down."""
    inner, whole = case.inner, case.canvas
    height, width = min(_CROP_PX[0], whole.extent.height), min(_CROP_PX[1], whole.extent.width)
    seams = [seam for seam, new in ((inner.x0, case.added.left), (inner.x1, case.added.right)) if new]
    rows = []
    for y0 in np.linspace(0, whole.y1 - height, _CROPS).astype(int).tolist():
        lefts = [min(max(0, seam - width // 2), whole.x1 - width) for seam in seams]
        rows.append([Roi(y0, x0, y0 + height, x0 + width) for x0 in lefts])
    return rows


def _with_notch(crop: Picture) -> Picture:
    """A mark above the seam, outside the picture."""
    framed = np.asarray(
        cv2.copyMakeBorder(crop, 4, 0, 0, _GAP_PX // 2, cv2.BORDER_CONSTANT, value=(_PAPER,) * 3), np.uint8
    )
    middle = crop.shape[1] // 2
    framed[:3, middle - 1 : middle + 1] = _NOTCH
    return framed


def _whole(picture: Picture, case: Case) -> Picture:
    """Reduced, with a notch above and below each seam."""
    scale = min(1.0, _WHOLE_PX / picture.shape[0])
    small = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    framed = cv2.copyMakeBorder(small, 6, 6, 0, 0, cv2.BORDER_CONSTANT, value=(_PAPER,) * 3)
    for seam in (case.inner.x0, case.inner.x1):
        x = min(round(seam * scale), framed.shape[1] - 1)
        framed[:5, max(0, x - 1) : x + 1] = framed[-5:, max(0, x - 1) : x + 1] = _NOTCH
    return np.asarray(framed, np.uint8)


def _titled(name: str) -> Picture:
    line = np.full((_TITLE_PX, _CROP_PX[1], 3), _PAPER, np.uint8)
    cv2.putText(line, name, (4, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
    return line


def _wide(part: Picture, width: int) -> Picture:
    padded = cv2.copyMakeBorder(
        part, 0, _GAP_PX, 0, width - part.shape[1], cv2.BORDER_CONSTANT, value=(_PAPER,) * 3
    )
    return np.asarray(padded, np.uint8)


def _beside(columns: list[Picture], gap: int) -> Picture:
    padded = [
        cv2.copyMakeBorder(one, gap, 0, gap, 0, cv2.BORDER_CONSTANT, value=(_PAPER,) * 3) for one in columns
    ]
    return np.asarray(np.concatenate(padded, axis=1), np.uint8)
