"""People before rendered backdrops, their coverage known exactly: what matte and zones are held to.

Every factor (skin tone, hair, backdrop, noise) goes through all its values equally often, each in an order
of its own. The same number gives the same picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import backdrops, cutouts, hair, sets
from benchmarks.backdrops import Backdrop, Light, View
from benchmarks.cutouts import SITTER, Cutout
from benchmarks.hair import STYLES, Hair, Head
from studio_pipeline.geometry import Extent

Floats = NDArray[np.float32]
T = TypeVar("T")

OWN = "own hair"  # the demo's sitter as she was photographed
DARK_ON_BLACK, FAIR_ON_WHITE = "dark on black", "fair on white"
TONES = tuple(range(1, 11))
NOISE = sets.NOISY
_EXTENTS = (Extent(1000, 800), Extent(720, 1080), Extent(960, 960))
_FACE = (0.17, 0.25)  # of the picture's height
_CLOTHES = (1.0, 0.35, 2.0)  # times as light as photographed
_SEED, _ANOTHER = 5, 1000


def _even(view: View, tone: tuple[float, float, float]) -> Light:
    return np.asarray(backdrops.quadratic_light(view)[..., None] * np.array(tone, np.float32), np.float32)


BACKDROPS: dict[str, Backdrop] = {
    "light": lambda view: _even(view, (0.55, 0.55, 0.54)),
    "grey": lambda view: _even(view, (0.2, 0.2, 0.205)),
    "dark": lambda view: _even(view, (0.03, 0.03, 0.032)),
    "colour": lambda view: _even(view, (0.06, 0.16, 0.34)),
    "black": lambda view: _even(view, (0.004, 0.004, 0.0042)),
    "white": backdrops.clipped_white,
    "muslin": backdrops.muslin,
    "canvas": backdrops.painted_canvas,
    "brick": backdrops.brick,
    "bokeh": backdrops.bokeh,
    "curtain": backdrops.curtain,
}
_BY_TONE = (
    ("fair", "red", "brown", "white"),
    ("fair", "brown", "red", "black"),
    ("brown", "black", "fair", "white"),
    ("brown", "black", "white", "black"),
    ("black", "brown", "white", "black"),
)
"""Colours of hair for each two skin tones."""


@dataclass(frozen=True)
class Wanted:
    """One composite, before it is made; ``hair`` is a style or ``OWN``."""

    number: int
    person: str
    tone: int
    hair: str
    colour: str
    backdrop: str
    noise: str

    @property
    def group(self) -> str:
        """The row of the table by hair: a style, or one of the two hard pairs of hair and backdrop."""
        if (self.colour, self.backdrop) == ("black", "black"):
            return DARK_ON_BLACK
        if (self.colour, self.backdrop) == ("fair", "white"):
            return FAIR_ON_WHITE
        return "covering" if self.hair in hair.COVERINGS else self.hair

    @property
    def kind(self) -> str:
        return "rendered sitters" if self.person == SITTER else "cut-outs"


@dataclass(frozen=True, eq=False)
class Composite:
    """``codes`` uint16 sRGB; ``coverage`` ``(h, w)``: the person's, hair and all."""

    wanted: Wanted
    codes: NDArray[np.uint16]
    coverage: Floats
    head: Head


def wanted(count: int) -> list[Wanted]:
    """``count`` composites, every other one a real portrait where there are any; a fifth are hard pairs."""
    real = cutouts.named_cutouts()
    people = [SITTER if not real or n % 2 else real[n // 2 % len(real)] for n in range(count)]
    tone, style, noise = _cycled(TONES, count, 0), _cycled(tuple(STYLES), count, 1), _cycled(NOISE, count, 2)
    backdrop, pick = _cycled(tuple(BACKDROPS), count, 3), _cycled((0, 1, 2, 3), count, 4)
    out = []
    for n in range(count):
        colour, behind = _BY_TONE[(tone[n] - 1) // 2][pick[n]], backdrop[n]
        if n % 10 == 3:
            colour, behind = "black", "black"
        elif n % 10 == 8:
            colour, behind = "fair", "white"
        worn = style[n]
        if n % 5 == 3 and worn in hair.COVERINGS:
            worn = ("straight", "wavy", "coily")[n // 5 % 3]
        elif people[n] == SITTER and n % 16 == 1:
            worn = OWN
        out.append(Wanted(n, people[n], tone[n], worn, colour, behind, noise[n]))
    return out


def _cycled(values: Sequence[T], count: int, stream: int) -> list[T]:
    """Every value equally often, in an order of its own."""
    order = np.random.default_rng([_SEED, stream]).permutation(count)
    return [values[int(k) % len(values)] for k in order]


def composites(chosen: Sequence[Wanted], scale: float = 1.0) -> Iterator[Composite]:
    for one in chosen:
        yield composite(one, scale)


def composite(one: Wanted, scale: float = 1.0) -> Composite:
    """Render one; ``scale`` makes the picture smaller."""
    rng = np.random.default_rng([_SEED, 99, one.number])
    extent = _EXTENTS[one.number % len(_EXTENTS)].scaled(scale)
    view = View.of(extent.height, extent.width, one.number)
    picture = BACKDROPS[one.backdrop](view)
    person = sitter() if one.person == SITTER else _chosen(cutouts.cutout(one.person), one.number)
    light, coverage, head = placed(person, one.tone, extent, rng)
    if one.hair != OWN:
        style = one.hair
        worn = hair.render(style, one.colour, head, (extent.height, extent.width), rng)
        coverage, light = dressed(light, coverage, worn)
    picture = picture * (1 - coverage[..., None]) + light
    sets.put_noise(picture, one.noise, view)
    return Composite(one, sets.srgb16(picture), coverage, head)


def empty_set(one: Wanted, scale: float = 1.0) -> Composite:
    """The same set with nobody in it: another exposure, so that its noise is another's."""
    extent = _EXTENTS[one.number % len(_EXTENTS)].scaled(scale)
    picture = BACKDROPS[one.backdrop](View.of(extent.height, extent.width, one.number))
    sets.put_noise(picture, one.noise, View.of(extent.height, extent.width, one.number + _ANOTHER))
    return Composite(one, sets.srgb16(picture), np.zeros(picture.shape[:2], np.float32), Head(0.0, 0.0, 1.0))


@cache
def sitter() -> Cutout:
    return cutouts.sitter_cutout()


def _chosen(people: tuple[Cutout, ...], number: int) -> Cutout:
    return people[number % len(people)]


def placed(
    person: Cutout,
    tone: int,
    extent: Extent,
    rng: np.random.Generator,
    face: tuple[float, float] = _FACE,
) -> tuple[Floats, Floats, Head]:
    """The person at the bottom of an empty picture: light times coverage, coverage, and the head's place."""
    wanted_px = float(rng.uniform(*face)) * extent.height
    below = (person.light.shape[0] - person.head.y) / person.head.unit_px
    above_px = 1.45 * wanted_px  # room for a hat, and for hair that stands up
    scale = min(wanted_px / person.head.unit_px, 1.6)
    middle_x = float(rng.uniform(0.4, 0.6)) * extent.width
    top = max(above_px, extent.height - below * person.head.unit_px * scale)
    head = Head(top, middle_x, person.head.unit_px * scale)
    cloth = np.float32(rng.choice(_CLOTHES))
    light = person.toned(tone)
    light = np.clip(light * (person.skin[..., None] + (1 - person.skin[..., None]) * cloth), 0, 0.95)
    move = np.array(
        [[scale, 0, head.x - scale * person.head.x], [0, scale, head.y - scale * person.head.y]], np.float32
    )
    size = (extent.width, extent.height)

    def warped(values: Floats) -> Floats:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        if scale < 0.7:
            values = np.asarray(cv2.GaussianBlur(values, (0, 0), 0.4 / scale), np.float32)
        return np.clip(cv2.warpAffine(values, move, size, flags=how & 3), 0, 1)

    coverage = warped(person.coverage)
    return warped(light * person.coverage[..., None]), coverage, head


def dressed(light: Floats, coverage: Floats, worn: Hair) -> tuple[Floats, Floats]:
    """Hair behind the person and before; coverage and light times coverage of all."""
    front = worn.coverage * worn.front
    total = worn.coverage
    out = worn.light  # behind
    out = light + (1 - coverage)[..., None] * out
    total = coverage + (1 - coverage) * total
    out = worn.light * worn.front[..., None] + (1 - front)[..., None] * out
    total = front + (1 - front) * total
    return np.asarray(np.clip(total, 0, 1), np.float32), np.asarray(out, np.float32)
