"""Each stage by itself, in one warm process: what the others' seconds are made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.bench import Bench
from benchmarks.figures import Figure, timed
from benchmarks.peers import Picture
from benchmarks.shooting import preset
from studio_pipeline import deliver, develop, guards, subject
from studio_pipeline.edits import EDITS, stack
from studio_pipeline.geometry import Insets
from studio_pipeline.guards.base import Rendered
from studio_pipeline.pipeline import stages
from studio_pipeline.pixels import color
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.records.capture import Role
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import EditSpec
from studio_pipeline.subject.reading import Reading


def measure(bench: Bench) -> list[Figure]:
    """Medians of ``bench.runs``: develop, read the subject, plan, render, check, write."""
    raw, banner = bench.frames[0], preset()
    figures: list[Figure] = []

    def note(what: str, call: Callable[[], object], **more: Any) -> None:
        figures.append(Figure("stages", what, timed(call, bench.runs), **more))

    small, record = develop.develop(raw, Role.RAW, banner.develop, half=True)
    full, _ = develop.develop(raw, Role.RAW, banner.develop, half=False, look=record.look)
    reading = subject.read_subject(small, record.extent)
    plans = stack.plan_all(small, reading, banner.edits)

    half_peers, full_peers = bench.beside(peers.HALF), bench.beside(peers.AHD, peers.DARKTABLE)
    note("embedded preview", lambda: develop.embedded_preview(raw, Role.RAW), beside=half_peers)
    note(
        "develop for planning, look fitted",
        lambda: develop.develop(raw, Role.RAW, banner.develop, half=True),
        beside=half_peers,
    )
    note(
        "develop in full",
        lambda: develop.develop(raw, Role.RAW, banner.develop, half=False, look=record.look),
        beside=full_peers,
    )
    note("subject and zones", lambda: subject.read_subject(small, record.extent))
    for spec in banner.edits:
        note(f"plan {spec.name}", lambda s=spec: _plan(s, small, reading))  # type: ignore[misc]
    note("render the proposal", lambda: stages.rendered(plans, small, reading))
    checked = stages.rendered(plans, small, reading)[1]
    note("guards on the proposal", lambda: guards.check_all(checked, banner.guards, subject.count_faces))

    extension = tuple(plan for plan in plans if plan.canvas is not None)
    inpainting, said = _inpainting(full, extension)
    note(
        "render the extension in full",
        lambda: _new_area(extension, full, reading),
        beside=inpainting,
        note=f"{_added_px(full, extension) / 1e6:.1f} MP of new area; peers in 8 bit {said}".rstrip(),
    )
    note("render the whole master", lambda: stages.rendered(plans, full, reading))
    master = stages.rendered(plans, full, reading)[1]
    note("guards on the master", lambda: guards.check_all(master, banner.guards, subject.count_faces))
    output = bench.folder()
    note("write, read back and publish the TIFF", lambda: _write(output, master, raw))
    return figures


def _plan(spec: EditSpec, frame: Frame, reading: Reading) -> Plan:
    edit = EDITS[spec.name]
    return edit.plan(frame, reading, edit.params.model_validate(spec.params), spec.seed)


def _added(frame: Frame, extension: tuple[Plan, ...]) -> Insets:
    canvas = stack.canvas_of(extension, frame.roi)
    return Insets(-canvas.y0, -canvas.x0, canvas.y1 - frame.extent.height, canvas.x1 - frame.extent.width)


def _added_px(frame: Frame, extension: tuple[Plan, ...]) -> int:
    return stack.canvas_of(extension, frame.roi).extent.area - frame.extent.area


def _inpainting(frame: Frame, extension: tuple[Plan, ...]) -> tuple[dict[str, float], str]:
    """What inpainting takes for the same new area."""
    if not extension:
        return {}, ""
    picture: Picture = np.asarray(
        color.convert(frame.codes, frame.encoding, color.named("sRGB"), 8), np.uint8
    )
    return peers.inpainting(np.ascontiguousarray(picture), _added(frame, extension))


def _new_area(extension: tuple[Plan, ...], frame: Frame, reading: Reading) -> None:
    """The canvas, by tiles, as masters are rendered; the base is only copied."""
    canvas = stack.canvas_of(extension, frame.roi)
    out = np.empty((canvas.extent.height, canvas.extent.width, 3), frame.codes.dtype)
    stack.render_into(out, extension, frame, reading, canvas)


def _write(output: Path, master: Rendered, raw: Path) -> None:
    (recipe,) = preset().deliverables
    deliver.deliver(
        output,
        master.after,
        master.encoding,
        recipe,
        deliver.Metadata(),
        member_path=raw.name.encode(),
        capture_id="0" * 64,
    )
    for path in output.iterdir():
        path.unlink()
