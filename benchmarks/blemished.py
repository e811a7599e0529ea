"""Real faces in the ten Monk tones with blemishes and lasting marks put in: what healing is held to.

Pigment absorbs: a flaw multiplies linear light by ``exp(-density)``, its density along haemoglobin, melanin
or both (N. Tsumura et al., "Image-based skin color and texture analysis/synthesis", SIGGRAPH 2003). The same
number gives the same picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import cutouts, sets
from benchmarks.cutouts import Cutout
from studio_pipeline import subject
from studio_pipeline.geometry import Roi
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Linear
from studio_pipeline.pixels.frame import Frame, clipped_in_file
from studio_pipeline.pixels.masks import Mask, Zone, grow
from studio_pipeline.pixels.metrics import delta_e2000
from studio_pipeline.subject.reading import Reading

Floats = NDArray[np.float32]

LEAST_FACE_PX = 180
"""Below this nothing is measured. Sizes are in pixels of the picture, which stands for one at plan scale."""
LEARNED = ("portrait_01", "portrait_05", "portrait_08", "portrait_dark")
"""People that the weights are learned from; nothing of theirs is scored."""
SCORED = (cutouts.SITTER, "portrait_02", "portrait_03", "portrait_06", "portrait_07", "portrait_flags")
LARGEST = 0.015  # of the face's height, a spot's radius
_HAEMOGLOBIN = np.array([0.22, 0.78, 0.58], np.float32)
_MELANIN = np.array([0.35, 0.52, 0.78], np.float32)
"""Density in linear sRGB's red, green and blue, of equal length."""
_SEED = 11
_BRIGHTEST = 0.92
_PAPER = np.float32(0.2)

BLEMISHES = ("redness", "papule", "pustule", "scab")
MARKS = ("mole", "freckle", "scar")
_RADIUS = (0.0055, 0.0125)  # of the face's height, to the rim's end
_LEAST_RADIUS_PX = 1.8
_CONTRAST = (4.0, 12.0)  # CIEDE2000 over the middle


@dataclass(frozen=True)
class Flaw:
    """One that was put in, the ``number``-th of its picture.

    ``contrast``: mean CIEDE2000 over its middle, out to half its radius; ``amount``: of pigment.
    """

    kind: str
    y: float
    x: float
    radius_px: float
    contrast: float
    number: int = 0
    amount: float = 0.0

    def disc(self, shape: tuple[int, ...], share: float = 1.0) -> Mask:
        y, x = np.ogrid[: shape[0], : shape[1]]
        return np.asarray(np.hypot(y - self.y, x - self.x) <= max(1.0, share * self.radius_px), np.bool_)


@dataclass(frozen=True, eq=False)
class Face:
    """A toned portrait before anything was put in: linear sRGB ``(h, w, 3)``, and its reading."""

    name: str
    tone: int
    light: Floats
    reading: Reading

    @property
    def height_px(self) -> int:
        return self.reading.record.faces[0].roi.extent.height

    @property
    def healable(self) -> Mask:
        return np.asarray(self.reading.zones == Zone.HEALABLE, np.bool_)


@dataclass(frozen=True, eq=False)
class Blemished:
    """``frame`` with flaws, ``clean`` without them."""

    face: Face
    flaws: tuple[Flaw, ...]
    frame: Frame
    clean: Frame


def faces(
    names: tuple[str, ...], tones: tuple[int, ...] = (0, *cutouts.TONES), least_px: int = LEAST_FACE_PX
) -> Iterator[Face]:
    """Every portrait that there is whose face is large enough, in every tone; tone 0 is as photographed."""
    for name in names:
        if name not in (cutouts.SITTER, *cutouts.named_cutouts()):
            continue
        for person in _people(name, least_px):
            for tone in tones:
                light = person.light if tone == 0 else toned(person, tone)
                frame = framed(light)
                reading = subject.read_subject(frame, frame.extent)
                if reading.record.sure and reading.record.faces:
                    yield Face(name, tone, light, reading)


def toned(person: Cutout, tone: int) -> Floats:
    """The light with the whole head brought to Monk tone 1..10, smoothly over its surroundings.

    By a gain; where that would clip the modelling's highlights, the modelling is made softer (a power).
    Eyes and lips go with the skin, so there is no edge that skin could be told by.
    """
    here = np.median(person.light[person.skin > 0.9], axis=0)
    wanted = cutouts.swatch(tone)
    brightest = np.quantile(person.light[person.skin > 0.9], 0.995, axis=0) / here
    softer = np.clip(np.log(_BRIGHTEST / wanted) / np.log(np.maximum(brightest, 1.01)), 0.3, 1).min()
    y, x = np.ogrid[: person.light.shape[0], : person.light.shape[1]]
    away = np.hypot(y - person.head.y, x - person.head.x) / person.head.unit_px
    share = np.clip((1.6 - away) / 0.7, 0, 1)[..., None].astype(np.float32)
    ratio = np.maximum(person.light, 1e-4) / here
    brought = np.minimum(wanted * ratio**softer, 1)
    return np.asarray(person.light + share * (brought - person.light), np.float32)


def framed(light: Floats) -> Frame:
    codes = sets.srgb16(light)
    return Frame(codes, color.named("sRGB"), clipped_in_file(codes))


@cache
def _people(name: str, least_px: int) -> tuple[Cutout, ...]:
    people = (sitter(),) if name == cutouts.SITTER else cutouts.portraits(name)
    return tuple(one for one in people if one.head.unit_px >= least_px)


def sitter() -> Cutout:
    """The demo's sitter before grey paper."""
    sitter = cutouts.sitter_cutout()
    share = sitter.coverage[..., None]
    light = np.asarray(sitter.light * share + _PAPER * (1 - share), np.float32)
    return replace(sitter, light=light, coverage=np.ones_like(sitter.coverage))


def window(face: Face) -> Roi:
    """The face and some of what is around it."""
    roi = face.reading.record.faces[0].roi
    return roi.grown(roi.extent.height // 8) & Roi.of(face.reading.record.extent)


def blemished(
    face: Face, number: int, blemishes: int = 8, marks: int = 3, amounts: Mapping[int, float] | None = None
) -> Blemished:
    """Flaws on healable skin, apart from each other; in every tone of a face the same, where they fit.

    ``amounts``: of pigment, by a flaw's number; what is missing there is put in by its contrast.
    """
    light, flaws = face.light.copy(), list[Flaw]()
    kinds = [*(BLEMISHES[k % 4] for k in range(blemishes)), *(MARKS[k % 3] for k in range(marks))]
    free = face.healable
    for k, kind in enumerate(kinds):
        rng = np.random.default_rng([_SEED, number, k])
        radius_px = max(_LEAST_RADIUS_PX, float(rng.uniform(*_RADIUS)) * face.height_px)
        contrast = float(rng.uniform(*_CONTRAST))
        place = _free_place(grow(free, -int(np.ceil(radius_px + 2))), window(face), rng)
        if place is None:
            continue
        flaw = Flaw(kind, *place, radius_px, contrast, k)
        light, flaw = _put(light, flaw, rng, (amounts or {}).get(k))
        free &= ~replace(flaw, radius_px=2.5 * radius_px + 3).disc(free.shape)
        flaws.append(flaw)
    return Blemished(face, tuple(flaws), framed(light), framed(face.light))


def _free_place(room: Mask, around: Roi, rng: np.random.Generator) -> tuple[float, float] | None:
    for _ in range(400):
        y = around.y0 + float(rng.random()) * (around.extent.height - 1)
        x = around.x0 + float(rng.random()) * (around.extent.width - 1)
        if room[round(y), round(x)]:
            return y, x
    return None


def _put(light: Floats, flaw: Flaw, rng: np.random.Generator, amount: float | None) -> tuple[Floats, Flaw]:
    """Of so much pigment, or scaled until its middle differs by the wanted contrast."""
    reach = int(np.ceil(flaw.radius_px)) + 3
    y0, x0 = int(flaw.y) - reach, int(flaw.x) - reach
    window = (slice(y0, y0 + 2 * reach + 1), slice(x0, x0 + 2 * reach + 1))
    shape = _shape(flaw, y0, x0, 2 * reach + 1, rng)
    part = light[window]
    middle = replace(flaw, y=flaw.y - y0, x=flaw.x - x0).disc(part.shape, 0.5)
    if amount is None:
        amount = _amount(part, shape, middle, flaw.contrast)
    else:
        flaw = replace(flaw, contrast=_contrast(part, shape, middle, amount))
    out = light.copy()
    out[window] = np.clip(part * np.exp(-amount * shape), 0, 1)
    return out, replace(flaw, amount=amount)


def _amount(light: Floats, shape: Floats, middle: Mask, contrast: float) -> float:
    """Of pigment, as much as makes the middle differ so far."""
    low, high = 0.0, 8.0
    for _ in range(18):
        amount = (low + high) / 2
        if _contrast(light, shape, middle, amount) < contrast:
            low = amount
        else:
            high = amount
    return low


def _contrast(light: Floats, shape: Floats, middle: Mask, amount: float) -> float:
    made = light * np.exp(-amount * shape)
    return float(delta_e2000(to_linear(light), to_linear(made))[middle].mean())


def _shape(flaw: Flaw, y0: int, x0: int, size: int, rng: np.random.Generator) -> Floats:
    """Density of unit amount, ``(size, size, 3)``; supersampled, for a flaw may be few pixels wide."""
    fine = (np.arange(size * 4) + 0.5) / 4 - 0.5
    dy, dx = (fine + y0 - flaw.y)[:, None], (fine + x0 - flaw.x)[None, :]
    turn, squeeze = float(rng.uniform(0, np.pi)), float(rng.uniform(1.0, 1.35))
    along, across = dy * np.cos(turn) + dx * np.sin(turn), dx * np.cos(turn) - dy * np.sin(turn)
    r = np.hypot(along, across * squeeze) / flaw.radius_px
    soft = np.clip(1 - r**2, 0, None) ** 2
    plateau = np.clip((1 - r) / 0.45, 0, 1) ** 1.5
    point = np.clip(1 - (r / 0.5) ** 2, 0, None) ** 2
    shine = np.clip(1 - np.hypot(dy / flaw.radius_px + 0.25, dx / flaw.radius_px + 0.2) ** 2 / 0.12, 0, None)
    grey = np.ones(3, np.float32)
    mixes = {
        "redness": soft[..., None] * _HAEMOGLOBIN,
        "papule": plateau[..., None] * _HAEMOGLOBIN - 0.25 * shine[..., None] * grey,
        "pustule": plateau[..., None] * _HAEMOGLOBIN - point[..., None] * np.array([0.3, 0.65, 0.4]),
        "scab": plateau[..., None] * (_HAEMOGLOBIN + 0.45 * _MELANIN + 0.1 * grey),
        "mole": plateau[..., None] * (_MELANIN + 0.5 * grey),
        "freckle": soft[..., None] * _MELANIN,
        "scar": -(soft if flaw.radius_px < 3 else plateau)[..., None] * (0.5 * _MELANIN + 0.3 * grey),
    }
    shape = mixes[flaw.kind].astype(np.float32)
    return np.asarray(cv2.resize(shape, (size, size), interpolation=cv2.INTER_AREA), np.float32)


def to_linear(light: Floats) -> Linear:
    """Linear sRGB as linear Rec.2020, by way of 16-bit codes."""
    return color.named("sRGB").decode(sets.srgb16(light))
