"""Render an approved proposal's master, check it once more, and publish its deliverables with their proof."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from studio_pipeline import deliver
from studio_pipeline.deliver.metadata import generated_in_part
from studio_pipeline.deliver.metadata import read as read_metadata
from studio_pipeline.deliver.naming import candidates
from studio_pipeline.errors import GuardFailed, Refused
from studio_pipeline.guards.base import Rendered
from studio_pipeline.pipeline import consent as consents
from studio_pipeline.pipeline import proof, stages
from studio_pipeline.pipeline.stages import Beside, Source
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import ZoneMap
from studio_pipeline.records.consent import Held
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
    delivered_at: datetime
    beside: Mapping[str, Beside]
    consent: Held


@dataclass(frozen=True, eq=False)
class _Master:
    """The rendered canvas beside its null render, and what goes with it into the record."""

    codes: Codes
    encoding: RgbEncoding
    base: BaseRecord
    guards: tuple[GuardResult, ...]
    zones_file: str
    matte_file: str
    changes_file: str


def fulfil(order: Order) -> tuple[Delivered, ...]:
    """Deliver every recipe of the order.

    Raises:
        GuardFailed: the master is out of a guard's limits; nothing was left in the output folder.
        Refused: the base, the zones or a frame beside it are not those that were approved any more, or it
            goes beyond consent.
    """
    consents.refuse_beyond(order.proposal, order.consent, order.name)
    if order.source.base_key != order.proposal.base_key:
        raise Refused("the base is not the one that was approved; look at it and approve again")
    frame, record = stages.load_base(order.source, False, order.base.look)
    reading = stages.read_again(order.source, order.base.look, order.door, order.proposal, order.beside)
    zones = reading.zones
    frame, reading = stages.turned(order.source, frame, record, reading, order.proposal.turn)
    if (
        reading.record.zones_sha256 != order.proposal.zones_sha256
        or reading.record.extent != order.proposal.base_extent
    ):
        raise Refused("the picture's zones are not those that were approved; look at it and approve again")
    if order.proposal.matte_sha256 not in ("", proof.zones_sha256(reading.matte)):
        raise Refused("the picture's matte is not the one that was approved; look at it and approve again")
    scratch = order.source.products.scratch()
    try:
        master = _render(order, frame, record, reading, zones, scratch)
        made = tuple(_publish(order, master, recipe) for recipe in order.recipes)
        del master  # Windows removes no file that is mapped
        return made
    finally:
        with contextlib.suppress(OSError):  # swept at the next start
            scratch.unlink(missing_ok=True)


def _render(
    order: Order, frame: Frame, record: BaseRecord, reading: Reading, zones: ZoneMap, scratch: Path
) -> _Master:
    proposal, canvas = order.proposal, order.proposal.canvas
    shape = (canvas.extent.height, canvas.extent.width, 3)
    after = np.memmap(scratch, mode="w+", dtype=frame.codes.dtype, shape=shape)
    sources = stages.sources_of(proposal.active, order.beside, False, proposal.turn)
    _, finished = stages.rendered(proposal.active, frame, reading, after, sources)
    guards = check_master(finished, order.limits)
    changes = proof.changes_between(finished.before, after, canvas, frame.roi)
    changes_file = proof.keep_changes(order.records, changes)
    zones_file = proof.keep_zones(order.records, zones)
    matte_file = proof.keep_matte(order.records, reading.matte) if proposal.matte_sha256 else ""
    return _Master(after, frame.encoding, record, guards, zones_file, matte_file, changes_file)


def check_master(rendered: Rendered, limits: GuardLimits) -> tuple[GuardResult, ...]:
    """The guards' figures at full size. Raises GuardFailed naming each that is out of its limits."""
    from studio_pipeline import guards, subject

    results = guards.check_all(rendered, limits, subject.count_faces)
    failures = [g.said for g in results if not g.passed]
    if failures:
        raise GuardFailed(failures)
    return results


def _standing(order: Order, recipe: OutputRecipe) -> DeliveryRecord | None:
    """The record of a deliverable of this capture and recipe that stands in the output folder untouched.

    It is looked for by name and hash, not in the catalog: a crash may have come between file and catalog.
    """
    extension = deliver.FORMATS[recipe.format].extension
    for name in itertools.islice(
        candidates(order.primary_path, order.source.capture_id, recipe, extension), 3
    ):
        path = order.output / os.fsdecode(name)
        if not path.is_file():
            continue
        with path.open("rb") as file:
            record_file = order.records / f"{hashlib.file_digest(file, 'sha256').hexdigest()}.json"
        if record_file.exists():
            record, signed = proof.read_record(order.hidden, record_file)
            if signed and record.capture_id == order.source.capture_id and record.recipe.name == recipe.name:
                return record
    return None


def _publish(order: Order, master: _Master, recipe: OutputRecipe) -> Delivered:
    standing = _standing(order, recipe)
    if standing is not None and standing.proposal == order.proposal and standing.recipe == recipe:
        return _entry_of(standing)
    with open(order.primary_file, "rb") as file:  # noqa: PTH123 - pathlib does not carry bytes
        metadata = read_metadata(file)
    if order.proposal.generated_share:
        metadata = generated_in_part(metadata)
    records: list[DeliveryRecord] = []

    def keep_proof(made: deliver.Delivered) -> None:
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
            door=order.door,
            guards=master.guards,
            zones_file=master.zones_file,
            matte_file=master.matte_file,
            changes_file=master.changes_file,
            versions=deciding_versions(),
            platform=f"{platform.system()} {platform.machine()}",
            encoder=deliver.FORMATS[recipe.format].encoder(),
            delivered_at=order.delivered_at,
        )
        proof.write_record(order.hidden, order.records, record)
        proof.claim_name(order.records, b"Output/" + made.path)
        records.append(record)

    deliver.deliver(
        order.output,
        master.codes,
        master.encoding,
        recipe,
        metadata,
        member_path=order.primary_path,
        capture_id=order.source.capture_id,
        replaces_sha256=standing.file_sha256 if standing else None,
        before_publish=keep_proof,
    )
    return _entry_of(records[-1])


def _entry_of(record: DeliveryRecord) -> Delivered:
    return Delivered(
        recipe=record.recipe.name,
        path=b"Output/" + record.file_name,
        sha256=record.file_sha256,
        shown_hash=record.proposal.shown_hash(),
        record=f"{record.file_sha256}.json",
    )
