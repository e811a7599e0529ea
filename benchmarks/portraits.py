"""The same on real portraits: those in `extension/` of the folder that STUDIO_TEST_PICTURES names.

Each picture is cropped at the left and right as far as the person's matte leaves room, and extended back by
everything that a photographer's frame goes through: the crop's own subject, zones, plan and render.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import scores
from benchmarks.bench import Bench
from benchmarks.extension import OURS, extend
from benchmarks.figures import Score
from benchmarks.peers import EXTENDERS, Picture
from studio_pipeline import subject
from studio_pipeline.geometry import Insets
from studio_pipeline.pixels import color
from studio_pipeline.pixels.frame import Frame, clipped_in_file, plan_scale
from studio_pipeline.subject.reading import Reading

_ENDINGS = (".png", ".jpg", ".jpeg")
_MOST_CUT, _LEAST_CUT = 0.25, 0.07  # of the width: at each side, and together
_ROOM = 0.03  # of the width, left between the person and the cut
_TOUCHED = 0.01  # of a column's height: less of the matte is a stray hair


def measure(bench: Bench) -> list[Score]:
    """A row for each method, medians over the portraits; nothing where no pictures are named."""
    found: dict[str, list[tuple[scores.Likeness, float]]] = {}
    refused = 0
    for true, added in _cropped(bench.quality_px):
        base = np.ascontiguousarray(true[:, added.left : true.shape[1] - added.right])
        for method, make in {OURS: _ours, **EXTENDERS}.items():
            started = time.perf_counter()
            picture = make(base, added)
            seconds = time.perf_counter() - started
            if picture.shape != true.shape:
                refused += 1
                picture = EXTENDERS["replicate"](base, added)
            found.setdefault(method, []).append((scores.likeness(true, picture, added), seconds))
    note = f"{refused} refused, scored as replicate" if refused else ""
    return [
        scores.summed_up(
            "portraits",
            f"{len(made)} portraits",
            method,
            [likeness for likeness, _ in made],
            [seconds for _, seconds in made],
            note if method == OURS else "",
        )
        for method, made in found.items()
    ]


def _ours(base: Picture, added: Insets) -> Picture:
    """A canvas of another size where a side is refused. The seconds include reading the subject."""
    return np.asarray(extend(base, _read(base), added), np.uint8)


def _read(picture: Picture) -> Reading:
    frame = Frame(picture, color.named("sRGB"), clipped_in_file(picture))
    return subject.read_subject(frame.at_scale(plan_scale(frame.extent)), frame.extent)


def _cropped(long_edge_px: int) -> Iterator[tuple[Picture, Insets]]:
    """Every portrait with room beside the person, and how much of it is cut off."""
    named = os.environ.get("STUDIO_TEST_PICTURES")
    folder = Path(named) / "extension" if named else None
    if folder is None or not folder.is_dir():
        return
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in _ENDINGS):
        picture = _load(path, long_edge_px)
        room = _room(_read(picture).matte > 127)
        cut = [round(min(_MOST_CUT, share) * picture.shape[1]) for share in room]
        if sum(cut) >= _LEAST_CUT * picture.shape[1]:
            yield picture, Insets(left=cut[0], right=cut[1])


def _load(path: Path, long_edge_px: int) -> Picture:
    from PIL import Image

    with Image.open(path) as image:
        picture = np.asarray(image.convert("RGB"), np.uint8)
    scale = long_edge_px / max(picture.shape[:2])
    if scale >= 1:
        return picture
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _room(person: NDArray[np.bool_]) -> tuple[float, float]:
    """Shares of the width at the left and right that hold nobody."""
    touched = np.flatnonzero(person.mean(axis=0) > _TOUCHED)
    if not len(touched):
        return _MOST_CUT, _MOST_CUT
    width = person.shape[1]
    return max(0.0, touched[0] / width - _ROOM), max(0.0, 1 - (touched[-1] + 1) / width - _ROOM)
