"""Frames that no reading may be sure of, or that hold more than one face, made of one real portrait."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import heads
from benchmarks.heads import Head
from studio_pipeline.demo import scene, sitter
from studio_pipeline.demo.scene import Scene
from studio_pipeline.geometry import Extent, Point, Roi
from studio_pipeline.pixels import color

Picture = NDArray[np.uint8]

ACROSS = Extent(640, 960)


def on_set(kind: scene.Kind = "portrait", centre_x: float = 0.63, size: float = 1.6) -> Picture:
    """A frame of the demo's set, as the camera sees it, without noise."""
    light, _ = scene.render(Scene(kind, centre_x=centre_x, size=size), ACROSS, 7)
    return np.asarray(color.named("sRGB").encode(np.clip(light, 0, 1), 8), np.uint8)


def with_poster(frame: Picture, head: Head) -> Picture:
    """A framed portrait on the wall, at the left."""
    out, side = frame.copy(), 200
    out[70 : 70 + side + 40, 60 : 60 + side + 40] = (24, 22, 20)
    size = (side, side)
    out[90 : 90 + side, 80 : 80 + side] = cv2.resize(head.picture, size, interpolation=cv2.INTER_AREA)
    return out


def turned_away(frame: Picture, face: Roi) -> Picture:
    """Hair in place of the face."""
    out = frame.copy()
    centre = ((face.x0 + face.x1) // 2, (2 * face.y0 + face.y1) // 3)
    axes = (round(0.72 * face.extent.width), round(0.95 * face.extent.height))
    cv2.ellipse(out, centre, axes, 0, 0, 360, (42, 30, 22), -1, cv2.LINE_AA)
    return out


def reaching_in(frame: Picture, size: float, at: tuple[float, float]) -> Picture:
    """The demo's sitter, so large, with that share of her height and width inside, at the right below."""
    light, coverage = sitter.at_scale(size)
    height, width = round(at[0] * light.shape[0]), round(at[1] * light.shape[1])
    hers = color.named("sRGB").encode(light[:height, :width], 8)
    share = coverage[:height, :width, None]
    out = frame.copy()
    there = out[-height:, -width:]
    there[:] = np.rint(share * hers + (1 - share) * there)
    return out


def with_mirror(frame: Picture) -> Picture:
    """The right half, and its mirror image beside it."""
    half = frame[:, frame.shape[1] // 3 :]
    return np.ascontiguousarray(np.hstack([half[:, ::-1], half]))


def crowd(head: Head, count: int, face_px: int) -> Picture:
    """So many of her in rows on the empty set."""
    out, per_row = on_set("empty"), 10
    for number in range(count):
        row, column = divmod(number, per_row)
        place = Point(110 + 4 * face_px * row, 60 + 92 * column)
        out = heads.put(out, head, face_px, place, angle=-12 + 5 * (number % 6))
    return out


def with_child(frame: Picture, head: Head, arms: Point, angle: float) -> Picture:
    """A small head, lying in her arms."""
    return heads.put(frame, head, 30, arms, angle)
