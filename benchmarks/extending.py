"""What extending takes: plan and tiles of a picture at 6 to 60 MP, a quarter of its width at both sides."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import peers, sets
from benchmarks.bench import Bench
from benchmarks.cases import at_depth, plan_extension
from benchmarks.figures import Figure
from benchmarks.frames import extent_of
from benchmarks.memory import largest_worker
from studio_pipeline.edits import stack
from studio_pipeline.geometry import Extent, Insets
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import Frame, clipped_in_file
from studio_pipeline.subject.reading import Reading

WANTED_OF_TELEA = {sets.PLAIN: 1 / 12, sets.STRUCTURED: 1 / 4}
_SETS = {"two lights": sets.PLAIN, "floor + wall": sets.STRUCTURED}
_ISO = "1600"
_SIDE = 0.25  # of the base's width, on each side
_FULL_PEERS_MP = 24  # Telea takes minutes here and longer than anybody waits above
_PATIENCE_S, _AN_HOUR_S = 15.0, 3600.0


@dataclass(frozen=True)
class Took:
    plan_s: float
    render_s: float
    new_px: int
    refused: str


def measure(bench: Bench) -> list[Figure]:
    """For each set and size: seconds and memory of a fresh process, beside inpainting of the same area."""
    return [
        figure
        for name in bench.chosen(_SETS)
        for megapixels in bench.sizes_mp
        for figure in _measured(bench, name, megapixels)
    ]


def _measured(bench: Bench, name: str, megapixels: float) -> Iterator[Figure]:
    landscape = extent_of(megapixels)
    extent = Extent(landscape.width, landscape.height)  # a portrait stands upright
    added = _added(extent)
    folder = bench.folder()
    with _fresh_process() as apart:
        reading = apart.submit(_write, folder, name, extent).result()
    with _fresh_process() as worker:
        worker.submit(_warm_up).result()
        with largest_worker() as samples:
            took = worker.submit(_extend, folder, reading, added).result()
    full = bench.full_peers and megapixels <= _FULL_PEERS_MP
    picture = np.load(folder / "shown.npy", mmap_mode="r")
    seconds, said = peers.inpainting(picture, added, _AN_HOUR_S if full else _PATIENCE_S)
    whole_s, telea_s = took.plan_s + took.render_s, seconds[peers.TELEA]
    yield Figure(
        "extending",
        f"{name}, {megapixels:g} MP",
        whole_s,
        {peers.TELEA: telea_s, peers.NS: seconds[peers.NS]},
        wanted_s=round(WANTED_OF_TELEA[_SETS[name]] * telea_s, 1),
        memory_mb=max(samples),
        note=f"plan {took.plan_s:.2f} + tiles {took.render_s:.2f} s, {took.new_px / 1e6:.1f} MP new, "
        f"{1e6 * whole_s / max(1, took.new_px):.2f} s/MP; {said} {took.refused}".rstrip(" ;"),
    )
    for path in folder.iterdir():
        path.unlink()


def _added(extent: Extent) -> Insets:
    side = round(_SIDE * extent.width)
    return Insets(left=side, right=side)


def _fresh_process() -> ProcessPoolExecutor:
    """One whose memory is its own, and gone afterwards."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def _write(folder: Path, name: str, extent: Extent) -> Reading:
    """The base as files, its codes and the 8 bits that peers get; returns its true reading."""
    made = sets.render(name, _ISO, extent)
    np.save(folder / "codes.npy", made.seen)
    np.save(folder / "shown.npy", at_depth(made.seen, np.dtype(np.uint8)))
    return sets.true_reading(made.person)


def _warm_up() -> None:
    """Import everything and extend something small: a worker has done that before."""
    made = sets.render("linear", _ISO, Extent(96, 64))
    _tiles(made.seen, sets.true_reading(made.person), _added(Extent(96, 64)), None)


def _extend(folder: Path, reading: Reading, added: Insets) -> Took:
    """As workers do it: base and result are memory maps."""
    codes = np.load(folder / "codes.npy", mmap_mode="r")
    return _tiles(codes, reading, added, folder / "out.npy")


def _tiles(codes: Codes, reading: Reading, added: Insets, out: Path | None) -> Took:
    """Plan, and render the canvas as masters are, into a memory map where ``out`` is named."""
    frame = Frame(codes, color.named("sRGB"), clipped_in_file(codes))
    started = time.perf_counter()
    plan = plan_extension(frame, reading, added)
    planned = time.perf_counter()
    canvas = stack.canvas_of([plan], frame.roi)
    shape = (canvas.extent.height, canvas.extent.width, 3)
    pixels = (
        np.empty(shape, np.uint16)
        if out is None
        else np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
            out, mode="w+", dtype=np.uint16, shape=shape
        )
    )
    stack.render_into(pixels, [plan], frame, reading, canvas)
    rendered = time.perf_counter()
    refused = "; ".join(f"{refusal.where} refused" for refusal in plan.refusals)
    return Took(planned - started, rendered - planned, canvas.extent.area - frame.extent.area, refused)
