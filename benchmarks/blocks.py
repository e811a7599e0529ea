"""A JPEG is extended: do its blocks come along as texture? In new area there should be none."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks import portraits
from benchmarks.bench import Bench
from benchmarks.cases import Case, answers, at_depth
from benchmarks.defects import BLOCK_PX, blockiness
from benchmarks.extension import case_of
from benchmarks.figures import Score
from benchmarks.peers import Picture
from benchmarks.scores import grey_of, low_frequency_error
from benchmarks.sheets import write_sheet
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.masks import Mask

QUALITIES = (60, 70, 80)
_SETS = ("two lights", "muslin")
_ISO = "100"  # finer than what the JPEG does to it


def measure(bench: Bench) -> list[Score]:
    """A row for each picture's kind, quality and method; medians over pictures."""
    found: dict[tuple[str, int, str], list[dict[str, float]]] = {}
    for case in _cases(bench):
        for quality in QUALITIES:
            saved = as_jpeg(case, quality)
            given = list(answers(saved, gmic=False))
            figures = [_figures(saved, answer.codes) for answer in given]
            for answer, one in zip(given, figures, strict=True):
                found.setdefault((case.group, quality, answer.method), []).append(one)
            if bench.sheets is not None and quality == QUALITIES[0]:
                write_sheet(bench.sheets, saved, given, [one["blocks, new"] for one in figures])
    return [
        Score(
            "blocks",
            f"{group}, JPEG quality {quality}",
            method,
            {name: float(np.nanmedian([one[name] for one in each])) for name in each[0]},
            0.0,
        )
        for (group, quality, method), each in found.items()
    ]


def _cases(bench: Bench) -> Iterator[Case]:
    for name in bench.chosen(_SETS):
        yield replace(case_of(name, _ISO, bench.quality_px), group="rendered", again=None)
    yield from portraits.cases(bench)


def as_jpeg(case: Case, quality: int) -> Case:
    """The same with its base as a JPEG has it, 8 bits, the grid from the base's own corner."""
    from PIL import Image

    written = io.BytesIO()
    base: Picture = np.asarray(at_depth(case.base, np.dtype(np.uint8)), np.uint8)
    Image.fromarray(base).save(written, "JPEG", quality=quality)
    with Image.open(written) as image:
        decoded = np.asarray(image.convert("RGB"), np.uint8)
    true = at_depth(case.true, np.dtype(np.uint8)).copy()
    seen = true.copy()
    seen[case.inner.within(case.canvas)] = decoded
    return replace(case, name=f"{case.name}, q{quality}", true=true, seen=seen)


def _figures(case: Case, made: Codes) -> dict[str, float]:
    grey = grey_of(made)
    in_new, in_base = blockiness(grey, case.new), blockiness(grey, _backdrop(case))
    truth = blockiness(grey_of(case.true), case.new)
    return {
        "lf": low_frequency_error(case, made),
        "blocks, new": in_new,
        "blocks, base": in_base,
        "blocks, truth": truth,
        # By chance the best of eight phases stands out a little; what is above that is the grid.
        "new / base": (in_new - truth) / max(in_base - truth, 0.01),
    }


def _backdrop(case: Case) -> Mask:
    """The base's backdrop, on the canvas; where a window has no room in it, the whole base."""
    inner = case.inner
    readable = case.reading.backdrop_at(inner.extent.height, inner.extent.width)
    mask = np.zeros(case.true.shape[:2], np.bool_)
    mask[inner.within(case.canvas)] = readable
    return mask if readable.mean() > BLOCK_PX / 100 else case.original
