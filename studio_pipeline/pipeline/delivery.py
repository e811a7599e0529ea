"""Render an approved proposal's master, check it once more, and publish its deliverables with their proof."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from studio_pipeline import deliver
from studio_pipeline.deliver.metadata import read as read_metadata
from studio_pipeline.edits import stack
from studio_pipeline.errors import GuardFailed, Refused
from studio_pipeline.geometry import Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.pipeline import proof, stages
from studio_pipeline.pipeline.stages import Source
from studio_pipeline.pixels.color import RgbEncoding
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.records.deliverable import DeliveryRecord
from studio_pipeline.records.develop import BaseRecord
from studio_pipeline.records.entry import Delivered, Door
from studio_pipeline.records.preset import GuardLimits, OutputRecipe
from studio_pipeline.records.proposal import Decision, GuardResult, Proposal
from studio_pipeline.subject.reading import Reading
from studio_pipeline.versions import deciding_versions


@dataclass(frozen=True)
class Order:
    """One approved capture and the files it is to become."""

    source: Source
    name: str
    primary_path: bytes
    primary_file: bytes
    base: BaseRecord
    door: Door | None
    proposal: Proposal
    decision: Decision
    limits: GuardLimits
    recipes: tuple[OutputRecipe, ...]
    hidden: Path
    output: Path
    records: Path
    earlier: dict[str, str]
    delivered_at: datetime


@dataclass(frozen=True, eq=False)
class _Master:
    """The rendered canvas beside its null render, and what goes with it into the record."""

    codes: np.ndarray[tuple[int, ...], np.dtype[np.uint8 | np.uint16]]
    encoding: RgbEncoding
    base: BaseRecord
    guards: tuple[GuardResult, ...]
    zones_file: str
    changes_file: str


def fulfil(order: Order) -> tuple[Delivered, ...]:
    """Deliver every recipe of the order.

    Raises:
        GuardFailed: the master is out of a guard's limits; nothing was left in the output folder.
        Refused: the base or the zones are not those that were approved any more.
    """
    frame, record = stages.load_base(order.source, False, order.base.look)
    reading = stages.read(order.source, order.base.look, order.door)
    if (
        reading.record.zones_sha256 != order.proposal.zones_sha256
        or record.extent != order.proposal.base_extent
    ):
        raise Refused("the picture's zones are not those that were approved; look at it and approve again")
    scratch = order.source.products.scratch()
    try:
        master = _render(order, frame, record, reading, scratch)
        return tuple(_publish(order, master, recipe) for recipe in order.recipes)
    finally:
        scratch.unlink(missing_ok=True)


def _render(order: Order, frame: Frame, record: BaseRecord, reading: Reading, scratch: Path) -> _Master:
    proposal, canvas, base = order.proposal, order.proposal.canvas, Roi.of(record.extent)
    shape = (canvas.extent.height, canvas.extent.width, 3)
    with scratch.open("wb") as file:
        after = np.lib.format.open_memmap(file.name, mode="w+", dtype=frame.codes.dtype, shape=shape)
    stack.render_into(after, proposal.active, frame, reading, canvas)
    before = stack.null_render(frame, canvas)
    zones = reading.canvas_zones(canvas, 1.0)
    guards = check_master(
        Rendered(before, after, zones, canvas, base, 1.0, frame.encoding, proposal.active), order.limits
    )
    changes = proof.changes_between(before, after, canvas, base)
    changes_file = proof.keep_changes(order.records, changes)
    zones_file = proof.keep_zones(order.records, reading.zones)
    return _Master(after, frame.encoding, record, guards, zones_file, changes_file)


def check_master(rendered: Rendered, limits: GuardLimits) -> tuple[GuardResult, ...]:
    """The guards' figures at full size. Raises GuardFailed naming each that is out of its limits."""
    from studio_pipeline import guards, subject

    results = guards.check_all(rendered, limits, subject.count_faces)
    failures = [f"{g.name} is {g.value:.4g}, limit {g.limit:.4g}" for g in results if not g.passed]
    if failures:
        raise GuardFailed(failures)
    return results


def _publish(order: Order, master: _Master, recipe: OutputRecipe) -> Delivered:
    with open(order.primary_file, "rb") as file:  # noqa: PTH123 - pathlib does not carry bytes
        metadata = read_metadata(file)
    record_name = ""

    def keep_proof(made: deliver.Delivered) -> None:
        nonlocal record_name
        record = DeliveryRecord(
            capture_id=order.source.capture_id,
            capture_name=order.name,
            file_name=made.path,
            file_sha256=made.file_sha256,
            pixels_sha256=made.pixels_sha256,
            recipe=recipe,
            base=master.base,
            proposal=order.proposal,
            decision=order.decision,
            guards=master.guards,
            zones_file=master.zones_file,
            changes_file=master.changes_file,
            versions=deciding_versions(),
            platform=f"{platform.system()} {platform.machine()}",
            delivered_at=order.delivered_at,
        )
        record_name = proof.write_record(order.hidden, order.records, record)

    made = deliver.deliver(
        order.output,
        master.codes,
        master.encoding,
        recipe,
        metadata,
        member_path=order.primary_path,
        capture_id=order.source.capture_id,
        replaces_sha256=order.earlier.get(recipe.name),
        before_publish=keep_proof,
    )
    return Delivered(
        recipe=recipe.name,
        path=b"Output/" + made.path,
        sha256=made.file_sha256,
        shown_hash=order.proposal.shown_hash(),
        record=record_name,
    )
