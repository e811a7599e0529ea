"""People without their backdrop, in any of the ten Monk skin tones: the demo's sitter, and real portraits.

The sitter has her own matte. Of a real portrait only the core is used, well inside of what the person maps
agree on, with an edge drawn anew: so that the coverage is known exactly, whatever lay around the person.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.hair import Head
from studio_pipeline.demo import sitter
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels.masks import grow
from studio_pipeline.records.subject import Face

Floats = NDArray[np.float32]

MONK = ("f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420")
"""The Monk Skin Tone scale, sRGB, 1 to 10."""
TONES = tuple(range(1, len(MONK) + 1))
_EXPOSED = 0.7  # of a swatch's light: skin is rarely lit as a chart is

SITTER = "demo's sitter"
_SITTER_FACE = Roi(70, 170, 190, 285)  # of her picture, brows to chin and a little more
_INSIDE = 0.07  # face heights: how far inside the person maps' outline a core ends
_SURE = 0.85
_SIDE = 0.03  # of the width: people that the picture cuts end before it, rounded
_LEAST_FACE_PX = 100
_ENDINGS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, eq=False)
class Cutout:
    """``light`` ``(h, w, 3)`` linear sRGB, ``coverage`` and ``skin`` ``(h, w)`` 0..1, and the face."""

    name: str
    light: Floats
    coverage: Floats
    skin: Floats
    head: Head

    def toned(self, tone: int) -> Floats:
        """The light with skin brought to Monk tone 1..10; its modelling and blemishes stay."""
        face = self.skin > 0.9
        here = np.median(self.light[face], axis=0)
        gain = swatch(tone) / np.maximum(here, 1e-3)
        out, some = self.light.copy(), self.skin > 0
        brought = out[some] * gain
        brought = np.where(brought > 0.8, 0.8 + 0.2 * np.tanh((brought - 0.8) / 0.2), brought)
        out[some] += self.skin[some][:, None] * (brought - out[some])
        return out


def swatch(tone: int) -> Floats:
    """The linear sRGB of Monk tone 1..10, as skin is lit."""
    code = np.array([[int(MONK[tone - 1][k : k + 2], 16) for k in (0, 2, 4)]], np.uint8)
    return np.asarray(_linear(code[None])[0, 0] * np.float32(_EXPOSED), np.float32)


def sitter_cutout() -> Cutout:
    """The demo's sitter with her own hair, twice her picture's size."""
    scale = sitter.LARGEST_SCALE
    light, coverage = sitter.at_scale(scale)
    return _cutout(SITTER, light, coverage, _SITTER_FACE.scaled(scale))


def named_cutouts() -> tuple[str, ...]:
    """Names of the real portraits that there are, in the folder that STUDIO_TEST_PICTURES names."""
    return tuple(sorted(_paths()))


@cache
def cutout(name: str) -> tuple[Cutout, ...]:
    """The people of a portrait whose faces are large enough."""
    from PIL import Image

    with Image.open(_paths()[name]) as image:
        picture = np.asarray(image.convert("RGB"), np.uint8)
    scale = 1024 / max(picture.shape)
    if scale < 1:
        picture = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    return tuple(_people(name, picture))


@cache
def portraits(name: str) -> tuple[Cutout, ...]:
    """The people of a portrait at its own size with all that is around them: coverage is 1 everywhere."""
    from PIL import Image

    from studio_pipeline.subject.detectors import shared
    from studio_pipeline.subject.faces import find_faces

    with Image.open(_paths()[name]) as image:
        picture = np.asarray(image.convert("RGB"), np.uint8)
    whole = np.ones(picture.shape[:2], np.float32)
    found = find_faces(shared(), picture)
    return tuple(_cutout(name, _linear(picture), whole, face.roi) for face in found)


def _paths() -> dict[str, Path]:
    named = os.environ.get("STUDIO_TEST_PICTURES")
    folders = [Path(named), Path(named) / "extension"] if named else []
    found = [p for folder in folders if folder.is_dir() for p in folder.iterdir()]
    return {path.stem: path for path in found if path.suffix.lower() in _ENDINGS}


def _people(name: str, picture: NDArray[np.uint8]) -> Iterator[Cutout]:
    from studio_pipeline.subject.detectors import shared
    from studio_pipeline.subject.evidence import gather
    from studio_pipeline.subject.faces import find_faces

    faces = find_faces(shared(), picture)
    likely = gather(shared(), picture, faces).likely
    light = _linear(picture)
    for face in faces:
        unit = face.roi.extent.height
        if unit >= _LEAST_FACE_PX:
            yield _cutout(name, light, _core(likely, face, unit, faces), face.roi)


def _core(likely: Floats, face: Face, unit: int, faces: tuple[Face, ...]) -> Floats:
    """What is surely this person, with a smooth outline and a sharp edge."""
    sure = likely > _SURE
    for other in faces:
        if other is not face:  # half way to a neighbour's face nobody can say whose a shoulder is
            columns = (
                np.arange(sure.shape[1]) * 2 - (face.roi.x0 + face.roi.x1 + other.roi.x0 + other.roi.x1) / 2
            )
            sure = sure & ((columns < 0) == (face.roi.x0 < other.roi.x0))[None, :]
    side = round(_SIDE * sure.shape[1])
    sure[:, :side] = sure[:, sure.shape[1] - side :] = False
    padded = np.pad(sure, ((0, unit), (0, 0)), mode="edge")  # the lower border is no outline
    padded[sure.shape[0] :] = _bridged(sure[-1])
    contours, _ = cv2.findContours(padded.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    solid = np.zeros(padded.shape, np.uint8)  # a hole in a chest is a black tie, not a window
    cv2.drawContours(solid, contours, -1, (1,), -1)
    padded = solid > 0
    inner = grow(padded, -round(_INSIDE * unit))
    smooth = cv2.GaussianBlur(inner.astype(np.float32), (0, 0), 0.03 * unit)[: sure.shape[0]]
    _, labels = cv2.connectedComponents((smooth > 0.5).astype(np.uint8))
    middle = labels[(face.roi.y0 + face.roi.y1) // 2, (face.roi.x0 + face.roi.x1) // 2]
    kept = (labels == middle) & (middle > 0)
    drawn = cv2.GaussianBlur(kept.astype(np.float32), (0, 0), 0.9)
    return np.asarray(np.where(kept | (drawn > 0), drawn, 0), np.float32)


def _bridged(row: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """All between the first and the last."""
    out = np.zeros_like(row)
    where = np.flatnonzero(row)
    if where.size:
        out[where[0] : where[-1] + 1] = True
    return out


def _cutout(name: str, light: Floats, coverage: Floats, face: Roi) -> Cutout:
    unit = face.extent.height
    head = Head((face.y0 + face.y1) / 2, (face.x0 + face.x1) / 2, unit)
    return Cutout(name, light, coverage, _skin(light, coverage, head), head)


def _skin(light: Floats, coverage: Floats, head: Head) -> Floats:
    """A soft mask of what has the colour of the face's middle, near the face."""
    lab = cv2.cvtColor(_shown(light), cv2.COLOR_RGB2LAB)
    y, x = np.ogrid[: light.shape[0], : light.shape[1]]
    away = np.hypot((y - head.y) / head.unit_px, (x - head.x) / head.unit_px)
    sample = lab[(np.hypot((y - head.y) / 0.35, (x - head.x) / 0.28) < head.unit_px)]
    middle = np.median(sample, axis=0)
    chroma = np.hypot(lab[..., 1] - middle[1], lab[..., 2] - middle[2])
    near = np.clip(2 - away / 1.6, 0, 1) * np.clip((24 - chroma) / 8, 0, 1) * (coverage > 0.5)
    lit = np.clip((lab[..., 0] - 0.35 * middle[0]) / 8, 0, 1)
    return np.asarray(cv2.GaussianBlur((near * lit).astype(np.float32), (0, 0), 1.2), np.float32)


def _shown(light: Floats) -> Floats:
    table = np.clip(light, 0, 1)
    return np.asarray(
        np.where(
            table <= 0.0031308, 12.92 * table, 1.055 * np.maximum(table, 0.0031308) ** (1 / 2.4) - 0.055
        ),
        np.float32,
    )


def _linear(codes: NDArray[np.uint8]) -> Floats:
    """SRGB codes as linear sRGB light."""
    value = np.arange(256) / 255
    table = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return np.asarray(table[codes], np.float32)
