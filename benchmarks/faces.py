"""Faces: how many are found over sizes, angles, light and things before them, and how many where nobody is.

Real heads are put onto rendered sets, as large as they are at proxy size (a long edge of 2048 pixels).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks import heads, nobody
from benchmarks.backdrops import View
from benchmarks.bench import Bench
from benchmarks.figures import Score
from benchmarks.heads import Head
from benchmarks.sets import SETS
from studio_pipeline.geometry import Extent, Point
from studio_pipeline.pixels import color
from studio_pipeline.pixels.frame import Frame, clipped_in_file
from studio_pipeline.records.subject import Face
from studio_pipeline.subject import detectors, look
from studio_pipeline.subject.faces import find_faces
from studio_pipeline.subject.seen import people_in

PROXY = Extent(1365, 2048)
FACE_PX = (24, 36, 54, 80, 120, 180, 270, 400, 600, 900, 1200)
ANGLES = tuple(range(-165, 181, 15))
STOPS = (-3, -2, -1, 0, 1, 2)
_BEFORE = ("linear", "muslin", "curtain", "panel wall")
_USUAL_PX = 180
_HALF = 0.5  # a face is found where its middle lies within half its height
_LIKE = (0.5, 2.0)


@dataclass(frozen=True)
class Trial:
    """One head: how high its face is, how it is turned (degrees), lit (stops) and covered."""

    face_px: int = _USUAL_PX
    angle: int = 0
    stops: int = 0
    before: str = heads.NO_OCCLUSION


GRIDS: dict[str, list[Trial]] = {
    "size": [Trial(face_px=px) for px in FACE_PX],
    "angle": [Trial(angle=angle) for angle in ANGLES],
    "size, lying": [Trial(face_px=px, angle=angle) for px in FACE_PX for angle in (-90, -45, 45, 90)],
    "size, on the head": [Trial(face_px=px, angle=180) for px in FACE_PX],
    "light": [Trial(face_px=px, stops=stops) for px in (54, 180, 600) for stops in STOPS],
    "light, turned": [Trial(angle=angle, stops=stops) for angle in (-60, 60) for stops in STOPS],
    "before it": [Trial(face_px=px, before=one) for px in (54, 180, 600) for one in heads.OCCLUSIONS[1:]],
    "before it, turned": [
        Trial(angle=angle, before=one) for angle in (-45, 45) for one in heads.OCCLUSIONS[1:]
    ],
}


def measure(bench: Bench) -> Iterator[Score]:
    """A row for each value of each grid, over all heads, and one for each kind of picture with nobody."""
    cast = heads.heads(detectors.shared())
    if bench.only:
        cast = [head for head in cast if head.name in bench.only] or cast[:1]
    for grid, trials in GRIDS.items():
        for trial in trials:
            yield _row(grid, trial, cast)
    yield from _nobody(bench.runs)


def missed(trial: Trial, head: Head, number: int = 0) -> bool:
    """Whether the head's face is not among those that are found."""
    picture = pictured(trial, head, number)
    return not any(
        _is_at(face, trial.face_px) for found in (first_faces, faces_of) for face in found(picture)
    )


def pictured(trial: Trial, head: Head, number: int = 0) -> nobody.Picture:
    """The head before a set that its number chooses, a little off the middle."""
    light = SETS[_BEFORE[number % len(_BEFORE)]].backdrop(View.of(PROXY.height, PROXY.width))
    canvas = np.asarray(color.named("sRGB").encode(np.clip(light, 0, 1).astype(np.float32), 8), np.uint8)
    placed = heads.put(canvas, heads.occluded(head, trial.before), trial.face_px, _PLACE, trial.angle)
    return heads.exposed(placed, trial.stops)


def first_faces(picture: nobody.Picture) -> tuple[Face, ...]:
    """What is found before anybody is asked where bodies are, in the picture's pixels."""
    seen = look.look_at(picture, color.named("sRGB"))
    return _enlarged(find_faces(detectors.shared(), seen.picture, lambda: picture), seen.scale)


def faces_of(picture: nobody.Picture) -> tuple[Face, ...]:
    """What a frame's reading has, in the picture's pixels."""
    frame = Frame(picture, color.named("sRGB"), clipped_in_file(picture))
    seen = look.look_at(frame.codes, frame.encoding)
    faces, *_ = people_in(detectors.shared(), frame, seen)
    return _enlarged(faces, seen.scale)


def _enlarged(faces: tuple[Face, ...], scale: float) -> tuple[Face, ...]:
    return tuple(face.model_copy(update={"roi": face.roi.scaled(1 / scale)}) for face in faces)


_PLACE = Point(PROXY.height // 2 - 20, PROXY.width // 2 + 60)


def _is_at(face: Face, face_px: int) -> bool:
    roi = face.roi
    away = math.hypot((roi.y0 + roi.y1) / 2 - _PLACE.y, (roi.x0 + roi.x1) / 2 - _PLACE.x)
    return away < _HALF * face_px and _LIKE[0] < roi.extent.height / face_px < _LIKE[1]


def _row(grid: str, trial: Trial, cast: list[Head]) -> Score:
    started = time.perf_counter()
    misses = [head.name for number, head in enumerate(cast) if missed(trial, head, number)]
    seconds = (time.perf_counter() - started) / len(cast)
    values = {"found": 1 - len(misses) / len(cast), "heads": float(len(cast))}
    said = f"{trial.face_px} px, {trial.angle}°, {trial.stops:+d} EV, {trial.before}"
    return Score(
        "faces", grid, said, dict(values), seconds, note="misses " + ", ".join(misses) if misses else ""
    )


def _nobody(takes: int) -> Iterator[Score]:
    found: dict[str, list[float]] = {}
    for name, picture in nobody.pictures(PROXY, takes):
        started = time.perf_counter()
        faces = len(faces_of(picture))
        found.setdefault(name, []).append(faces)
        found.setdefault(name + " s", []).append(time.perf_counter() - started)
    for name in [name for name in found if not name.endswith(" s")]:
        values = {"faces": sum(found[name]), "pictures": float(len(found[name]))}
        yield Score("faces of nobody", name, "", dict(values), float(np.mean(found[name + " s"])))
