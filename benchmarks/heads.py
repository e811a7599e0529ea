"""Real heads, cut out with their shoulders, put anywhere: any size, any angle, any light, things before them.

One comes with scikit-image's wheel; more from the folder that STUDIO_TEST_PICTURES names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from studio_pipeline.geometry import Point, Roi
from studio_pipeline.subject.detectors import Detectors
from studio_pipeline.subject.faces import find_faces
from studio_pipeline.subject.look import crop

Picture = NDArray[np.uint8]

NO_OCCLUSION, HAND, VEIL, BRIM = "nothing before it", "a hand", "a veil", "a hat's brim"
OCCLUSIONS = (NO_OCCLUSION, HAND, VEIL, BRIM)
_REACH = 1.6  # face heights around its middle that are cut out
_ENDINGS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, eq=False)
class Head:
    """sRGB 8 bit, square, the face in its middle; ``coverage`` 0..1; ``face_px``: brows to chin."""

    name: str
    picture: Picture
    coverage: NDArray[np.float32]
    face_px: int


def heads(detectors: Detectors, least_px: int = 100) -> list[Head]:
    """Every face of at least that height in the pictures there are."""
    return [
        head
        for name, picture in _portraits()
        for head in cut_out(detectors, name, picture)
        if head.face_px >= least_px
    ]


def put(canvas: Picture, head: Head, face_px: float, at: Point, angle: float = 0.0) -> Picture:
    """The canvas with the head on it, its face so high, turned counter-clockwise by ``angle`` degrees."""
    scale = face_px / head.face_px
    picture, coverage = head.picture, head.coverage
    if scale < 1:
        size = (max(2, round(picture.shape[1] * scale)), max(2, round(picture.shape[0] * scale)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        coverage = np.asarray(cv2.resize(coverage, size, interpolation=cv2.INTER_AREA), np.float32)
        scale = 1.0
    middle = (picture.shape[1] / 2, picture.shape[0] / 2)
    turning = cv2.getRotationMatrix2D(middle, angle, scale)
    turning[:, 2] += (at.x - middle[0], at.y - middle[1])
    size = (canvas.shape[1], canvas.shape[0])
    turned = cv2.warpAffine(picture, turning, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(coverage, turning, size)[..., None]
    return np.asarray(np.rint(canvas + alpha * (turned.astype(np.float32) - canvas)), np.uint8)


def exposed(picture: Picture, stops: float) -> Picture:
    """The same light, so many stops more, clipped, with a sensor's noise where it is dark."""
    from studio_pipeline.pixels import color

    srgb = color.named("sRGB")
    light = np.clip(srgb.decode(picture) * np.float32(2.0**stops), 0, 1)
    noise = np.random.default_rng(3).standard_normal(light.shape[:2], np.float32)[..., None]
    light = np.clip(light + noise * np.sqrt(light / 20_000 + 1e-7), 0, 1)
    return np.asarray(srgb.encode(light.astype(np.float32), 8), np.uint8)


def occluded(head: Head, kind: str) -> Head:
    """The head with something drawn before the face; it covers a third to a half of it."""
    if kind == NO_OCCLUSION:
        return head
    picture, coverage = head.picture.copy(), head.coverage.copy()
    unit, (cy, cx) = head.face_px, (head.picture.shape[0] / 2, head.picture.shape[1] / 2)

    def place(y: float, x: float) -> tuple[int, int]:
        return round(cx + x * unit), round(cy + y * unit)

    before = np.zeros(picture.shape[:2], np.uint8)
    if kind == HAND:
        skin = picture[round(cy - 0.05 * unit), round(cx - 0.2 * unit)].astype(float)
        colour = np.clip(0.92 * skin, 0, 255)
        for finger in range(4):
            ends = place(0.52, 0.5 - 0.05 * finger), place(0.08 + 0.05 * finger, -0.25 + 0.16 * finger)
            cv2.line(before, *ends, (255,), round(0.14 * unit), cv2.LINE_AA)
        cv2.ellipse(before, place(0.62, 0.5), (round(0.3 * unit),) * 2, 0, 0, 360, (255,), -1, cv2.LINE_AA)
    elif kind == VEIL:
        colour = np.array([40.0, 36.0, 44.0])
        cv2.rectangle(before, place(0.05, -0.8), place(1.3, 0.8), (255,), -1)
    else:
        colour = np.array([70.0, 52.0, 38.0])
        axes = (round(0.95 * unit), round(0.2 * unit))
        cv2.ellipse(before, place(-0.5, 0), axes, 0, 0, 360, (255,), -1, cv2.LINE_AA)
        cv2.ellipse(before, place(-0.8, 0), (axes[0] // 2, 3 * axes[1]), 0, 0, 360, (255,), -1, cv2.LINE_AA)
    soft = cv2.GaussianBlur(before, (0, 0), 0.01 * unit + 0.3).astype(np.float32) / 255
    if kind == VEIL:
        soft *= (coverage > 0.5).astype(np.float32)
    picture = picture + soft[..., None] * (colour - picture)
    return replace(
        head,
        picture=np.rint(picture).astype(np.uint8),
        coverage=np.maximum(coverage, soft).astype(np.float32),
    )


def cut_out(detectors: Detectors, name: str, picture: Picture) -> Iterator[Head]:
    """A head for every face of the picture."""
    for number, face in enumerate(find_faces(detectors, picture)):
        unit, roi = face.roi.extent.height, face.roi
        cy, cx, reach = (roi.y0 + roi.y1) // 2, (roi.x0 + roi.x1) // 2, round(_REACH * unit)
        part = crop(picture, Roi(cy - reach, cx - reach, cy + reach, cx + reach))
        y, x = np.mgrid[0 : part.shape[0], 0 : part.shape[1]]
        away = np.hypot(y - reach, x - reach) / unit
        person = np.clip((detectors.person(part)["general"] - 0.3) / 0.4, 0, 1)
        coverage = (person * np.clip((_REACH - 0.1 - away) / 0.3, 0, 1)).astype(np.float32)
        yield Head(f"{name} {number + 1}", np.ascontiguousarray(part), coverage, unit)


def _portraits() -> Iterator[tuple[str, Picture]]:
    from PIL import Image
    from skimage import data

    yield "astronaut", np.asarray(data.astronaut(), np.uint8)
    named = os.environ.get("STUDIO_TEST_PICTURES")
    paths = sorted(Path(named).rglob("*")) if named else []
    for path in paths:
        if path.suffix.lower() in _ENDINGS:
            with Image.open(path) as image:
                yield path.stem, np.asarray(image.convert("RGB"), np.uint8)
