"""Contact sheets of composites: picture, zones, and the matte beside the true coverage, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.composites import Composite
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.subject.reading import Reading

if TYPE_CHECKING:
    from benchmarks.protection import Result

Picture = NDArray[np.uint8]
_SIDE_PX = 300
_A_SHEET = 10
_COLOURS = {
    Zone.BACKDROP: (0, 140, 0),
    Zone.EDGE: (255, 220, 0),
    Zone.HEALABLE: (0, 120, 255),
    Zone.LOCKED: (200, 0, 0),
}
_LEAK = (255, 0, 255)


def write_sheets(folder: Path, made: Sequence[tuple[Result, Composite, Reading]]) -> None:
    """PNGs of ten composites each; unlocked person pixels are magenta."""
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(made), _A_SHEET):
        shown = [_line(*one) for one in made[start : start + _A_SHEET]]
        sheet = np.concatenate(shown, axis=0)
        cv2.imwrite(str(folder / f"protection_{start // _A_SHEET:02d}.png"), sheet[..., ::-1])


def _line(result: Result, made: Composite, reading: Reading) -> Picture:
    one = made.wanted
    picture = (made.codes // 257).astype(np.uint8)
    tints = np.zeros((256, 3), np.uint8)
    for zone, colour in _COLOURS.items():
        tints[zone] = colour
    tinted = (0.5 * picture + 0.5 * tints[reading.zones]).astype(np.uint8)
    tinted[(made.coverage > 0.05) & (reading.zones == Zone.BACKDROP)] = _LEAK
    matte, truth = (
        np.repeat(v[..., None], 3, 2) for v in (reading.matte, np.rint(255 * made.coverage).astype(np.uint8))
    )
    unit, whole = made.head.unit_px, Roi.of(Extent(*made.coverage.shape))
    y, x = round(made.head.y - 0.2 * unit), round(made.head.x)
    head = (Roi(y, x, y, x).grown(round(1.3 * unit)) & whole).within(whole)
    parts = [_square(p) for p in (picture, tinted, picture[head], tinted[head], matte[head], truth[head])]
    line = np.concatenate(parts, axis=1)
    words = f"{one.number} {one.person} {one.tone} {one.hair} {one.colour} {one.backdrop} {one.noise}"
    leaked = 100 * result.leaked / result.person
    words += f" leaked {leaked:.2f}% matte {result.matte:.3f} peer {result.peer:.3f}"
    words += " REFUSED" if result.refused else ""
    cv2.putText(line, words, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 0, 255), 1, cv2.LINE_AA)
    return line


def _square(picture: Picture) -> Picture:
    scale = _SIDE_PX / max(picture.shape[:2])
    small = cv2.resize(
        picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )[:_SIDE_PX, :_SIDE_PX]
    return np.asarray(
        cv2.copyMakeBorder(
            small, 0, _SIDE_PX - small.shape[0], 0, _SIDE_PX - small.shape[1], cv2.BORDER_CONSTANT
        ),
        np.uint8,
    )
