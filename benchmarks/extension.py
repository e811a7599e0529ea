"""Extension on rendered sets: a quarter of the width is cut off at each side, and then put back."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from benchmarks import scores, sets
from benchmarks.bench import Bench
from benchmarks.figures import Score
from benchmarks.peers import EXTENDERS, Picture
from studio_pipeline.edits import stack
from studio_pipeline.edits.extend_background import EXTEND_BACKGROUND, ExtendParams
from studio_pipeline.geometry import Extent, Insets, Roi
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import Frame, clipped_in_file, plan_scale
from studio_pipeline.records.plan import Plan
from studio_pipeline.subject.reading import Reading

OURS = "ours"
_ASPECT = 0.8  # width over height of the whole set
_CUT = 0.25
_SEED = 1


def measure(bench: Bench) -> list[Score]:
    """A row for each light and method, medians over the grains; then each grain, medians over the lights."""
    extent = Extent(bench.quality_px, 2 * round(bench.quality_px * _ASPECT / 2))
    cut = round(_CUT * extent.width)
    added = Insets(left=cut, right=cut)
    found: dict[tuple[str, str, str], tuple[scores.Likeness, float]] = {}
    for light in sets.LIGHTS:
        for grain in sets.GRAINS:
            made = sets.render(light, grain, extent)
            for method, seconds, picture in _extended(made, added):
                truth = to_8_bit(made.true)
                found[light, grain, method] = (scores.likeness(truth, picture, added), seconds)
    methods = (OURS, *EXTENDERS)
    rows = [_row(f"{light} light", method, found, light=light) for light in sets.LIGHTS for method in methods]
    return rows + [
        _row(f"{grain} grain", method, found, grain=grain) for grain in sets.GRAINS for method in methods
    ]


def _row(
    pictures: str, method: str, found: dict[tuple[str, str, str], tuple[scores.Likeness, float]], **only: str
) -> Score:
    wanted = [
        value
        for (light, grain, by), value in found.items()
        if by == method and only.get("light", light) == light and only.get("grain", grain) == grain
    ]
    return scores.summed_up("extension", pictures, method, [w[0] for w in wanted], [w[1] for w in wanted])


def _extended(made: sets.RenderedSet, added: Insets) -> Iterator[tuple[str, float, Picture]]:
    """Each method's canvas, and the seconds it took."""
    whole = Roi.of(Extent(*made.person.shape))
    inner = Roi(added.top, added.left, whole.y1 - added.bottom, whole.x1 - added.right)
    base = np.ascontiguousarray(made.true[inner.within(whole)])
    started = time.perf_counter()
    ours = extend(base, sets.true_reading(made.person[inner.within(whole)]), added)
    yield OURS, time.perf_counter() - started, to_8_bit(ours)
    shown = to_8_bit(base)
    for method, peer in EXTENDERS.items():
        started = time.perf_counter()
        picture = peer(shown, added)
        yield method, time.perf_counter() - started, picture


def extend(base: Codes, reading: Reading, added: Insets) -> Codes:
    """Our extension of sRGB codes, planned and rendered as for a master."""
    frame = Frame(base, color.named("sRGB"), clipped_in_file(base))
    plan = plan_extension(frame, reading, added)
    canvas = stack.canvas_of([plan], frame.roi)
    out = np.empty((canvas.extent.height, canvas.extent.width, 3), base.dtype)
    stack.render_into(out, [plan], frame, reading, canvas)
    return out


def plan_extension(frame: Frame, reading: Reading, added: Insets) -> Plan:
    """The plan for given pixels."""
    sides = ExtendParams(top=added.top, left=added.left, bottom=added.bottom, right=added.right)
    small = frame.at_scale(plan_scale(frame.extent))
    return EXTEND_BACKGROUND.plan(small, reading, sides, _SEED)


def to_8_bit(codes: Codes) -> Picture:
    """As screens and peers have sRGB codes."""
    srgb = color.named("sRGB")
    return np.ascontiguousarray(color.convert(codes, srgb, srgb, 8), np.uint8)
