"""What hangs and stands in the rendered sets: light on plain paper, cloth, paint, folds, mouldings, a floor.

Each backdrop gives linear sRGB ``(h, w, 3)``, 1.0 = the sensor's full scale. Lengths run in heights of the
picture, so that a set looks alike at any size; only what is as fine as grain has its size in pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Light = NDArray[np.float32]

PAPER = np.array([0.30, 0.295, 0.30], np.float32)
WALL = np.array([0.34, 0.33, 0.31], np.float32)
FLOOR = np.array([0.17, 0.125, 0.09], np.float32)
SKIRTING = np.array([0.46, 0.45, 0.43], np.float32)
CURTAIN = np.array([0.24, 0.12, 0.11], np.float32)
PAINT = np.array([0.20, 0.185, 0.165], np.float32)

_EDGE_PX = 1.6  # how soft a straight edge is: a lens, and a set behind the plane of focus


@dataclass(frozen=True)
class View:
    """Where the picture looks. ``y`` ``(h, 1)`` and ``x`` ``(1, w)`` in heights; ``take`` draws anew."""

    y: Light
    x: Light
    take: int = 0

    @classmethod
    def of(cls, height: int, width: int, take: int = 0) -> View:
        y = (np.arange(height, dtype=np.float32) + np.float32(0.5)) / np.float32(height)
        x = (np.arange(width, dtype=np.float32) + np.float32(0.5)) / np.float32(height)
        return cls(y[:, None], x[None, :], take)

    @property
    def shape(self) -> tuple[int, int]:
        return self.y.shape[0], self.x.shape[1]

    def chance(self, stream: int) -> np.random.Generator:
        """Random numbers of one thing in this take."""
        return np.random.default_rng([stream, self.take])

    def edge(self, away: Light) -> Light:
        """Coverage 0..1 of what lies where ``away`` (in heights) is positive."""
        height = np.float32(self.shape[0])
        return np.clip(away * height / np.float32(_EDGE_PX) + np.float32(0.5), 0, 1)


Backdrop = Callable[[View], Light]


# --- light


def linear_light(view: View) -> Light:
    return np.asarray(1.15 - 0.7 * view.x + 0.15 * view.y, np.float32)


def quadratic_light(view: View) -> Light:
    return np.asarray(1.1 - 1.3 * (view.x - 0.42) ** 2 - 0.8 * (view.y - 0.35) ** 2, np.float32)


def two_lamps(view: View) -> Light:
    """Two small sources before the paper, each falling off as cos^4, over even fill."""
    first, second = _lamp(view, 0.2, 0.15, 0.7), _lamp(view, 0.5, 0.7, 0.35)
    return np.asarray(0.75 * first + 0.5 * second + 0.15, np.float32)


def _lamp(view: View, at_y: float, at_x: float, distance: float) -> Light:
    squared = (view.y - at_y) ** 2 + (view.x - at_x) ** 2
    return np.asarray((1 + squared / distance**2) ** -2, np.float32)


# --- plain


def linear(view: View) -> Light:
    return _lit(linear_light(view), PAPER)


def quadratic(view: View) -> Light:
    return _lit(quadratic_light(view), PAPER)


def two_lights(view: View) -> Light:
    return _lit(two_lamps(view), PAPER)


def clipped_white(view: View) -> Light:
    """White paper lit until the file is full everywhere, at the corners just so."""
    return _lit(np.asarray(1.6 - 0.5 * ((view.x - 0.4) ** 2 + (view.y - 0.4) ** 2), np.float32), _ONE)


_ONE = np.ones(3, np.float32)


# --- textured


def muslin(view: View) -> Light:
    """Painted muslin under two lamps: soft clouds of three sizes."""
    return _lit(two_lamps(view) * (1 + _clouds(view, 1, ((4, 0.06), (10, 0.05), (24, 0.035)))), PAPER)


def paper(view: View) -> Light:
    """Uncoated paper seen close: tooth as fine as grain, and fibres of some twelve pixels."""
    rng = view.chance(2)
    tooth = cv2.GaussianBlur(rng.standard_normal(view.shape, np.float32), (0, 0), 1.1)
    texture = 1 + np.float32(0.02) * tooth + _fibres(view, rng)
    return _lit(quadratic_light(view) * texture, PAPER)


def _fibres(view: View, rng: np.random.Generator) -> Light:
    height, width = view.shape
    fields = []
    for _ in range(2):  # lighter ones, darker ones
        count = height * width // 700
        start = rng.uniform((0, 0), (width, height), (count, 2))
        turn = rng.uniform(0, 2 * np.pi, count)[:, None] + rng.normal(0, 0.35, (count, 4)).cumsum(axis=1)
        steps = np.stack([np.cos(turn), np.sin(turn)], axis=2) * rng.uniform(1.5, 4.5, count)[:, None, None]
        points = np.rint((start[:, None] + steps.cumsum(axis=1)) * 16).astype(np.int32)
        canvas = np.zeros((height, width), np.uint8)
        cv2.polylines(canvas, list(points), False, (255,), 1, cv2.LINE_AA, 4)
        fields.append(cv2.GaussianBlur(canvas, (0, 0), 0.7).astype(np.float32) / np.float32(255))
    return np.asarray(np.float32(0.05) * (fields[0] - fields[1]), np.float32)


def painted_canvas(view: View) -> Light:
    """A hand-painted canvas: large warm and cool clouds, and brush strokes in every direction."""
    mottle = _clouds(view, 3, ((3, 0.14), (7, 0.09), (16, 0.05)))
    warmth = _clouds(view, 4, ((3, 0.05), (9, 0.03)))
    colour = PAINT * (1 + warmth[..., None] * np.array([1, 0.1, -1], np.float32))
    strokes = np.float32(0.05) * _strokes(view)
    return np.asarray((two_lamps(view) * (1 + mottle + strokes) * np.float32(1.2))[..., None] * colour)


def _clouds(view: View, stream: int, layers: tuple[tuple[int, float], ...]) -> Light:
    """Soft mottle: layers of (cells along each side, depth)."""
    rng, (height, width) = view.chance(stream), view.shape
    clouds = np.zeros((height, width), np.float32)
    for cells, depth in layers:
        coarse = rng.standard_normal((cells, cells), np.float32)
        grown = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        clouds += np.float32(depth) * np.asarray(grown, np.float32)
    return clouds


_BRUSH, _STROKE = 1 / 220, 1 / 28  # width and length, in heights
_DIRECTIONS = 6


def _strokes(view: View) -> Light:
    """Noise drawn out along a few directions, each where the painter happened to turn; deviation 1."""
    rng, (height, width) = view.chance(5), view.shape
    brush = max(1.0, _BRUSH * height)
    rows, columns = max(8, round(height / brush)), max(8, round(width / brush))
    length = max(3, round(_STROKE * rows)) | 1
    total = np.zeros((rows, columns), np.float32)
    for direction in range(_DIRECTIONS):
        angle = np.pi * (direction + rng.uniform(0, 0.6)) / _DIRECTIONS
        kernel = np.zeros((length, length), np.uint8)
        reach = np.array([np.cos(angle), np.sin(angle)]) * (length / 2 - 1)
        ends = [tuple(np.rint((length // 2 + sign * reach) * 16).astype(int).tolist()) for sign in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], (255,), 1, cv2.LINE_AA, 4)
        drawn = cv2.filter2D(rng.standard_normal((rows, columns), np.float32), -1, kernel.astype(np.float32))
        where = cv2.resize(rng.random((9, 7), np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC)
        total += drawn / drawn.std() * np.clip(np.float32(3) * (where - np.float32(0.45)), 0, 1)
    grown = cv2.resize(total / total.std(), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(grown, np.float32)


# --- structured


def floor_and_wall(view: View) -> Light:
    return _room(view, slant=0.0)


def slanted_floor(view: View) -> Light:
    """The same by a camera that is not level: 2.3 degrees."""
    return _room(view, slant=0.04)


def _room(view: View, slant: float) -> Light:
    """A wall, a skirting board and a floor; each edge straight across the picture."""
    below = view.y - (np.float32(0.78) + np.float32(slant) * (view.x - np.float32(0.4)))
    light = two_lamps(view)[..., None]
    floor_light = np.float32(0.75) + np.float32(1.6) * np.clip(below, 0, 1)[..., None]
    picture = light * WALL
    for top, surface in ((-0.045, light * SKIRTING), (0.0, light * floor_light * FLOOR)):
        picture += view.edge(below - np.float32(top))[..., None] * (surface - picture)
    for at, depth, width in ((-0.047, 0.25, 0.003), (0.003, 0.55, 0.005), (-0.040, -0.08, 0.002)):
        away = (below - np.float32(at)) / np.float32(width)
        picture *= (1 - np.float32(depth) * np.exp(-(away**2)))[..., None]
    return picture


def curtain(view: View) -> Light:
    """Heavy cloth in folds of uneven width, leaning a little as they fall."""
    rng = view.chance(6)
    steps = rng.uniform(0.7, 1.3, 64) * 0.052
    folds = np.concatenate([[-0.2], -0.2 + steps.cumsum()])
    lean = rng.normal(0, 0.006, folds.size)
    along = (view.x + np.interp(view.x, folds, lean) * (view.y - 0.5)).astype(np.float32)
    phase = np.interp(along.ravel(), folds, np.arange(folds.size)).reshape(along.shape).astype(np.float32)
    wave = np.cos(np.float32(2 * np.pi) * phase)
    shade = 0.55 + 0.33 * wave + 0.12 * np.cos(np.float32(4 * np.pi) * phase + np.float32(0.8))
    return _lit(two_lamps(view) * np.clip(shade, 0.05, 1.2).astype(np.float32) * np.float32(1.25), CURTAIN)


_PANEL_W, _PANEL_H, _FRAME = 0.2, 0.42, 0.025


def panel_wall(view: View) -> Light:
    """Panels in rows, the mouldings lit from the upper left: a bright line and a dark one."""
    light = two_lamps(view)
    picture = light[..., None] * WALL
    from_side = _into_panel(view.x - np.float32(0.03), _PANEL_W)
    from_top = _into_panel(view.y - np.float32(0.06), _PANEL_H)
    depth = np.minimum(from_side, from_top)
    upper = np.mod(view.y - np.float32(0.06), np.float32(_PANEL_H)) < np.float32(_PANEL_H / 2)
    lefter = np.mod(view.x - np.float32(0.03), np.float32(_PANEL_W)) < np.float32(_PANEL_W / 2)
    lit = np.where(from_side < from_top, lefter, upper)
    for at, strength in ((0.0, 0.35), (0.012, -0.3)):
        line = np.exp(-(((depth - np.float32(at)) / np.float32(0.0032)) ** 2))
        picture *= (1 + np.where(lit, strength, -strength).astype(np.float32) * line)[..., None]
    return picture


def _into_panel(along: Light, period: float) -> Light:
    """How far inside a panel's frame a place lies, in heights; negative between panels."""
    within = np.mod(along, np.float32(period))
    return np.minimum(within, np.float32(period) - within) - np.float32(_FRAME)


_BRICK_H, _BRICK_W, _MORTAR = 0.042, 0.125, 0.006
_BRICK, _JOINT = np.array([0.23, 0.09, 0.06], np.float32), np.array([0.30, 0.28, 0.26], np.float32)


def brick(view: View) -> Light:
    """A brick wall a little behind the plane of focus, every brick of its own colour."""
    rng = view.chance(8)
    row = np.floor(view.y / np.float32(_BRICK_H)).astype(np.int64)
    along = view.x / np.float32(_BRICK_W) + np.float32(0.5) * (row % 2).astype(np.float32)
    column = np.floor(along).astype(np.int64)
    tints = rng.lognormal(0, 0.25, (64, 64)).astype(np.float32)
    tint = tints[row % 64, column % 64]
    from_joint = np.minimum(
        np.abs(along - np.rint(along)) * np.float32(_BRICK_W),
        np.abs(view.y / np.float32(_BRICK_H) - np.rint(view.y / np.float32(_BRICK_H))) * np.float32(_BRICK_H),
    )
    joint = view.edge(np.float32(_MORTAR / 2) - from_joint)[..., None]
    rough = 1 + np.float32(0.12) * rng.standard_normal(view.shape, np.float32)
    wall = (tint * rough)[..., None] * _BRICK
    wall = (wall + joint * (_JOINT - wall)) * two_lamps(view)[..., None]
    return np.asarray(cv2.GaussianBlur(wall, (0, 0), 0.0018 * view.shape[0]), np.float32)


def bokeh(view: View) -> Light:
    """A street far out of focus: discs of light of many colours on a dark ground."""
    rng, (height, width) = view.chance(9), view.shape
    picture = np.full((height, width, 3), 0.03, np.float32)
    picture += np.float32(0.05) * np.abs(_clouds(view, 10, ((3, 0.5), (6, 0.4))))[..., None]
    y, x = view.y * np.float32(height), view.x * np.float32(height)
    for _ in range(45):
        at_y, at_x, radius = rng.uniform((0, 0, 0.02 * height), (height, width, 0.07 * height))
        colour = rng.uniform(0.05, 0.5) * rng.dirichlet((2, 1.5, 1)) * 3
        rows = slice(max(0, int(at_y - radius) - 1), int(at_y + radius) + 2)
        columns = slice(max(0, int(at_x - radius) - 1), int(at_x + radius) + 2)
        disc = np.clip(radius - np.hypot(y[rows] - at_y, x[:, columns] - at_x) + 0.5, 0, 1)
        picture[rows, columns] += (disc[..., None] * colour).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(np.minimum(picture, 1), (0, 0), 0.004 * height), np.float32)


# --- paper that is too narrow

PAPER_LEFT, PAPER_RIGHT = 0.235, 0.568
_STAND_X, _STAND_R = 0.588, 0.0045


def wide_paper(view: View) -> Light:
    """The narrow roll's own paper and light, as if it had no edges: what the client is to get."""
    tooth = cv2.GaussianBlur(view.chance(7).standard_normal(view.shape, np.float32), (0, 0), 1.1)
    return _lit(quadratic_light(view) * (1 + np.float32(0.012) * tooth), PAPER)


def narrow_paper(view: View) -> Light:
    """The same with the roll's edges, the darker room beside it, its floor, and a stand at the right."""
    picture = wide_paper(view)
    away = np.maximum(PAPER_LEFT - view.x, view.x - PAPER_RIGHT).astype(np.float32)
    shade = np.float32(0.45) - np.float32(0.25) * np.exp(-np.maximum(away, 0) / np.float32(0.012))
    beside = two_lamps(view)[..., None] * WALL * shade[..., None]
    floor = two_lamps(view)[..., None] * FLOOR
    beside += view.edge(view.y - np.float32(0.9))[..., None] * (floor - beside)
    picture += view.edge(away)[..., None] * (beside - picture)
    across = (view.x - np.float32(_STAND_X)) / np.float32(_STAND_R)
    metal = np.float32(0.012) + np.float32(0.12) * np.exp(-(((across + 0.4) / 0.25) ** 2))
    stand = view.edge(np.float32(_STAND_R) - np.abs(view.x - np.float32(_STAND_X)))
    picture += stand[..., None] * (metal.astype(np.float32)[..., None] - picture)
    return picture


def _lit(light: Light, colour: Light) -> Light:
    return np.asarray(light[..., None] * colour, np.float32)
