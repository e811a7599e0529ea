"""The same on real portraits: those in `extension/` of the folder that STUDIO_TEST_PICTURES names.

Each picture is cropped at the left and right as far as nobody is cut, and extended back by everything that a
photographer's frame goes through: the crop's own subject, zones, plan and render.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks import goals, scores
from benchmarks.bench import Bench
from benchmarks.cases import Case, answers
from benchmarks.figures import Score
from benchmarks.goals import Result
from benchmarks.peers import Picture
from benchmarks.sheets import write_sheet
from studio_pipeline import subject
from studio_pipeline.geometry import Insets
from studio_pipeline.pixels import color
from studio_pipeline.pixels.frame import Frame, clipped_in_file, plan_scale
from studio_pipeline.subject.reading import Reading

_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
_CUTS = (0.25, 0.21, 0.17, 0.13, 0.10, 0.07)  # of the width, the widest that leaves everybody whole
_LEAST_CUT = 0.07  # of the width, both sides together
_PERSON = 0.3  # of the segmentation, which is to be sure where it says nobody
_IN_THE_WAY, _CUT_OFF = 0.005, 0.02  # of the pixels at the cut, and beyond it


def measure(bench: Bench) -> list[Score]:
    """A row for each method, medians over the portraits; nothing where no pictures are named."""
    found: dict[str, list[Result]] = {}
    for case in cases(bench):
        given = list(answers(case, bench.gmic))
        likenesses = [scores.likeness(case, answer.codes) for answer in given]
        for answer, likeness in zip(given, likenesses, strict=True):
            result = Result(likeness, answer.seconds, answer.refused)
            found.setdefault(answer.method, []).append(result)
        if bench.sheets is not None:
            write_sheet(bench.sheets, case, given, [likeness.patches for likeness in likenesses])
    if not found:
        return []
    count = len(next(iter(found.values())))
    return goals.rows("portraits", f"{count} portraits", found, goals.of_portraits)


def cases(bench: Bench) -> Iterator[Case]:
    """Every portrait with room beside the person."""
    named = os.environ.get("STUDIO_TEST_PICTURES")
    folder = Path(named) / "extension" if named else None
    if folder is None or not folder.is_dir():
        return
    paths = {p.stem: p for p in sorted(folder.iterdir()) if p.suffix.lower() in _ENDINGS}
    for name in bench.chosen(paths):
        true = _load(paths[name], bench.quality_px)
        added = free_cut(true)
        if added.left + added.right >= _LEAST_CUT * true.shape[1]:
            base = np.ascontiguousarray(true[:, added.left : true.shape[1] - added.right])
            yield Case(name, "portraits", true, true, added, read(base))


def read(picture: Picture) -> Reading:
    """Who is where, as the pipeline sees it."""
    frame = Frame(picture, color.named("sRGB"), clipped_in_file(picture))
    return subject.read_subject(frame.at_scale(plan_scale(frame.extent)), frame.extent)


def free_cut(picture: Picture) -> Insets:
    """How much can be cut off the left and the right without cutting or removing anybody."""
    from studio_pipeline.subject.detectors import shared

    person = shared().person(picture)["general"] > _PERSON
    return Insets(left=_free_px(person), right=_free_px(person[:, ::-1]))


def _free_px(person: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> int:
    width = person.shape[1]
    for share in _CUTS:
        cut = int(width * share) // 2 * 2
        beside = person[:, max(0, cut - 4) : cut + max(4, width // 100)]
        if beside.mean() <= _IN_THE_WAY and person[:, :cut].mean() <= _CUT_OFF:
            return cut
    return 0


def _load(path: Path, long_edge_px: int) -> Picture:
    """8-bit sRGB with even sides, reduced to the long edge."""
    from PIL import Image

    with Image.open(path) as image:
        picture = np.asarray(image.convert("RGB"), np.uint8)
    scale = long_edge_px / max(picture.shape[:2])
    if scale < 1:
        picture = np.asarray(
            cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
    height, width = picture.shape[:2]
    return np.ascontiguousarray(picture[: height // 2 * 2, : width // 2 * 2])
