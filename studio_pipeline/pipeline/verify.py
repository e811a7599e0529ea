"""Prove what a deliverable does and does not contain: null render + recorded changes = the file's pixels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from studio_pipeline import deliver
from studio_pipeline.edits import stack
from studio_pipeline.errors import Refused, StudioError
from studio_pipeline.geometry import Roi
from studio_pipeline.pipeline import heat, proof
from studio_pipeline.pipeline.compare import Delivery, Outcome, compare, read, said_where
from studio_pipeline.pipeline.lawful import freed, on_canvas, strayed, unlawful_edges
from studio_pipeline.pipeline.stages import absolute
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.records.capture import Role
from studio_pipeline.records.deliverable import DeliveryRecord
from studio_pipeline.session.folder import Session
from studio_pipeline.versions import deciding_versions


@dataclass
class Verdict:
    """``studio verify --json``. ``reasons`` is empty exactly when ``valid``.

    ``locked_pixels_changed`` is None where that could not be determined. ``generated_fraction``: of the
    canvas' pixels, made by the models ``generated_by``; nothing of it is the person. ``boxes``: where a file
    was worked on elsewhere, ``[y0, x0, y1, x1]`` in its pixels, the largest of ``places``. ``picture``: the
    heat map.
    """

    valid: bool = False
    capture_sha256: str | None = None
    tier: str | None = None
    edits: list[str] = field(default_factory=list)
    locked_pixels: int | None = None
    locked_pixels_changed: int | None = None
    changed_area_fraction: float | None = None
    generated_fraction: float = 0.0
    generated_by: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    boxes: list[list[int]] = field(default_factory=list)
    places: int = 0
    picture: str | None = None


def find_session(file: Path) -> Path:
    """The session a deliverable lies in. Raises Refused where no folder above it is one."""
    for folder in file.resolve().parents:
        if (folder / ".studio" / "session.toml").exists():
            return folder
    raise Refused(f"{file} lies in no session; name one with --session DIR")


def verify(file: Path, session: Session, originals: dict[str, bytes], picture: Path | None = None) -> Verdict:
    """Check one file. ``originals``: SHA-256 of every member of the session to its path inside it.

    ``picture``: where a heat map of all that was changed is to be written, as far as it can be told.
    Raises Refused only when the question itself cannot be put (no file, no record of it, no such folder).
    """
    if picture is not None and not picture.absolute().parent.is_dir():
        raise Refused(f"cannot write {picture}: there is no such folder")
    try:
        file_sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise Refused(f"cannot read {file}: {error.strerror}") from error
    record, signed = _find_record(session, file, file_sha256)
    is_recorded = record.file_sha256 == file_sha256
    proposal = record.proposal
    verdict = Verdict(
        capture_sha256=record.capture_id,
        tier=proposal.tier.value,
        edits=[p.edit for p in proposal.active],
        generated_fraction=round(proposal.generated_share, 6),
        generated_by=list(proposal.generated_by),
    )
    if not signed:
        verdict.reasons.append("the record was edited after it was signed")
    if not is_recorded:
        verdict.reasons.append("changed outside: the file is not the one that was delivered")
    if record.decision.shown_hash != proposal.shown_hash():
        verdict.reasons.append("the approval belongs to another proposal")
    try:
        _check_pixels(file, session, record, originals, verdict, is_recorded, picture)
    except (StudioError, ValueError) as error:
        verdict.reasons.append(str(error))
    verdict.valid = not verdict.reasons
    return verdict


def _find_record(session: Session, file: Path, file_sha256: str) -> tuple[DeliveryRecord, bool]:
    """The record of exactly these bytes, else the newest of a file of this name; and whether it is signed.

    By what it says of the file, not by its own name alone: it may be a copy of another's. One that cannot be
    read is the reason only where no other will do.
    """
    name, unread = file.name.encode("utf-8", "surrogateescape"), list[str]()
    found, its_own_is_unread = list[tuple[DeliveryRecord, bool]](), False
    for path in sorted(session.records.glob("*.json"), key=lambda path: path.stem != file_sha256):
        try:
            record, signed = proof.read_record(session.hidden, path)
        except Refused as error:
            unread.append(str(error))
            its_own_is_unread |= path.stem == file_sha256
            continue
        if record.file_sha256 == file_sha256:
            return record, signed
        if record.file_name.rsplit(b"/", 1)[-1] == name:
            found.append((record, signed))
    if found and not its_own_is_unread:
        return max(found, key=lambda one: (one[1], one[0].delivered_at))
    if unread:
        raise Refused(unread[0])
    raise Refused(f"{file.name} is no deliverable of {session.root}: there is no record of it")


def _check_pixels(
    file: Path,
    session: Session,
    record: DeliveryRecord,
    originals: dict[str, bytes],
    verdict: Verdict,
    is_recorded: bool,
    picture: Path | None,
) -> None:
    zones = proof.load_zones(session.records, record.zones_file)
    changes = proof.load_changes(session.records, record.changes_file)
    if proof.zones_sha256(zones) != record.proposal.zones_sha256:
        verdict.reasons.append("the zones are not those that were approved")
    base = _develop_again(session, record, originals)
    if (turn := record.proposal.turn) is not None:
        base, zones = turn.frame(base), turn.zones(zones)
    if changes.canvas != record.proposal.canvas:
        verdict.reasons.append("the canvas is not the one that was approved")
    kept = base.roi & changes.canvas  # less than the base where the frame crops it
    locked = zones[kept.within(base.roi)] == Zone.LOCKED
    verdict.locked_pixels = int(np.count_nonzero(locked))
    null_render = stack.null_render(base, changes.canvas)
    master = changes.apply(null_render)
    let_go = freed(session, record, zones, base)
    beside = strayed(record, zones, changes.canvas, null_render, master)
    beside[kept.within(changes.canvas)] &= ~let_go[kept.within(base.roi)]
    if beside.any():
        verdict.reasons.append(
            f"the record itself changes {said_where(beside, changes.canvas)} outside its zones"
        )
    beyond = unlawful_edges(session, record, zones, base, kept, master[kept.within(changes.canvas)], let_go)
    if beyond.any():
        verdict.reasons.append(
            f"at the person's edge more than backdrop was exchanged: {said_where(beyond, kept)}"
        )
    changed = (null_render != master).any(axis=2)[kept.within(changes.canvas)]
    verdict.changed_area_fraction = float(changed.mean())
    verdict.locked_pixels_changed = int(np.count_nonzero(changed & locked))
    outcome = _compare(file, record, master, changes.canvas, base, is_recorded)
    _tell(outcome, verdict, locked, kept.within(changes.canvas))
    if picture is not None:
        shown = heat.heat_map(
            null_render, master, on_canvas(zones, changes.canvas), outcome.over(changes.canvas)
        )
        heat.write(picture, shown)
        verdict.picture = str(picture)


def _compare(
    file: Path, record: DeliveryRecord, master: Codes, canvas: Roi, base: Frame, is_recorded: bool
) -> Outcome:
    """The file's pixels beside those the record leads to."""
    form = record.recipe.format
    found = read(file, form)
    expected = deliver.expected_codes(master, base.encoding, record.recipe)
    is_reduced = expected.shape != master.shape
    return compare(found, expected, Delivery(form, record.encoder, is_recorded, is_reduced), canvas)


def _tell(outcome: Outcome, verdict: Verdict, locked: Mask, kept: tuple[slice, slice]) -> None:
    """``locked``: of what is kept of the base, which lies at ``kept`` in a file of full size."""
    if outcome.said is None:
        return
    verdict.reasons.append(outcome.said)
    verdict.boxes = [[box.y0, box.x0, box.y1, box.x1] for box in outcome.boxes]
    verdict.places = outcome.places
    if outcome.is_exact:
        reached = int(np.count_nonzero(outcome.differs[kept] & locked))
        verdict.locked_pixels_changed = (verdict.locked_pixels_changed or 0) + reached
    else:
        verdict.locked_pixels_changed = None


def _develop_again(session: Session, record: DeliveryRecord, originals: dict[str, bytes]) -> Frame:
    """The base from the original, as recorded. Raises Refused where that would prove nothing."""
    from studio_pipeline.develop import develop

    for sha256, what in ((record.capture_id, "the original"), (record.base.member_sha256, "the base's file")):
        if sha256 not in originals:
            raise Refused(
                f"{what} of this deliverable is not in the session any more (SHA-256 {sha256[:12]})"
            )
        path = absolute(session.root, originals[sha256])
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - pathlib does not carry bytes
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise Refused(f"{what} cannot be read ({error.strerror}); nothing can be compared") from error
        if found != sha256:
            raise Refused(f"{what} was swapped: {originals[sha256]!r} has other bytes than it came in with")
    if record.versions != deciding_versions():
        raise Refused(_other_versions(record.versions))
    source = absolute(session.root, originals[record.base.member_sha256])
    frame, again = develop(
        source, Role(record.base.kind), record.base.settings, half=False, look=record.base.look
    )
    if again != record.base:
        raise Refused("the base cannot be made again as it was recorded")
    return frame


def _other_versions(recorded: dict[str, str]) -> str:
    now = deciding_versions()
    other = ", ".join(
        f"{name} {recorded.get(name)} (here {now[name]})" for name in now if recorded.get(name) != now[name]
    )
    return f"unverifiable: develop version: it was made with {other}"
