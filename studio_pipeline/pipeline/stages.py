"""The stages of a frame, one function each, run by workers: arguments pickle, pixels lie in files.

Every stage may be repeated: it finds what an earlier run left under its key and goes on from there.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from studio_pipeline.edits import stack
from studio_pipeline.edits.base import EMPTY_SET, NO_SOURCES, Chooser
from studio_pipeline.edits.base import Source as Other
from studio_pipeline.engines.base import heed
from studio_pipeline.errors import Refused, StudioError
from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.guards.base import Rendered
from studio_pipeline.pipeline import asking, proof
from studio_pipeline.pipeline import consent as consents
from studio_pipeline.pipeline.keys import base_key, reading_key, turn_key
from studio_pipeline.pixels import color
from studio_pipeline.pixels.color import Codes, RgbEncoding
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.turn import Turn
from studio_pipeline.records.capture import Exposure, Role
from studio_pipeline.records.consent import Held
from studio_pipeline.records.develop import BaseRecord, DevelopSettings, Look
from studio_pipeline.records.entry import Door, Entry, Handed
from studio_pipeline.records.lint import LintPlan
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import EditSpec, EngineSettings, GuardLimits
from studio_pipeline.records.proposal import GuardResult, Proposal
from studio_pipeline.records.strands import StrandPlan
from studio_pipeline.records.subject import Mark, SubjectRecord
from studio_pipeline.session import cache
from studio_pipeline.session.cache import CaptureCache
from studio_pipeline.session.folder import Session
from studio_pipeline.subject.reading import Reading
from studio_pipeline.versions import deciding_versions

PREVIEW_LONG_EDGE_PX = 2048
THUMB_LONG_EDGE_PX = 1024


@dataclass(frozen=True)
class Source:
    """The file a base is made from: absolute path (bytes), and what the catalog calls it."""

    path: bytes
    role: Role
    capture_id: str
    base_key: str
    settings: DevelopSettings
    cache_root: Path

    @property
    def products(self) -> CaptureCache:
        return CaptureCache(self.cache_root, self.capture_id)


@dataclass(frozen=True)
class Beside:
    """Another capture of the session that edits may be given, as a worker can load it."""

    name: str
    source: Source
    look: Look | None
    door: Door | None


NOTHING_BESIDE: Mapping[str, Beside] = {}
_DEFAULT_CONSENT = Held()
_DEFAULT_ENGINES = EngineSettings()


@dataclass(frozen=True)
class Proposed:
    """What the proposing stage hands back; ``proposal`` is None where there is nobody to retouch for.

    ``missing``: why a capture that should have stood beside it could not be read.
    """

    subject: SubjectRecord
    proposal: Proposal | None
    missing: tuple[str, ...] = ()


def source_of(session: Session, entry: Entry, versions: dict[str, str]) -> Source:
    """The file that a capture's base is made from now."""
    member, settings = entry.base_member, session.preset.develop
    return Source(
        path=absolute(session.root, member.path),
        role=member.role,
        capture_id=entry.id,
        base_key=base_key(member.sha256, settings, versions),
        settings=settings,
        cache_root=session.cache,
    )


def beside_of(session: Session, entry: Entry, versions: dict[str, str]) -> Beside:
    """A capture as others are given it."""
    look = entry.base.look if entry.base else None
    return Beside(entry.name, source_of(session, entry, versions), look, entry.door)


def preview(source: Source) -> Exposure:
    """The first look: the RAW's own JPEG, or a quick half-size development."""
    from studio_pipeline import develop

    if not source.products.preview.exists():
        jpeg = develop.embedded_preview(source.path, source.role, PREVIEW_LONG_EDGE_PX)
        cache.write_file(source.products.preview, jpeg)
    return develop.describe(source.path)


def base(source: Source, half: bool, look: Look | None) -> BaseRecord:
    """Develop to the base, at half size for planning or in full for masters, into the cache."""
    from studio_pipeline import develop

    folder = source.products.base(source.base_key, half=half)
    with contextlib.suppress(FileNotFoundError):  # not there, or not whole after a power cut
        return develop.load_frame(folder)[1]
    frame, record = develop.develop(source.path, source.role, source.settings, half=half, look=look)
    develop.save_frame(folder, frame, record)
    return record


def load_base(source: Source, half: bool, look: Look | None) -> tuple[Frame, BaseRecord]:
    """The base as a memory map, developed again where the cache was emptied."""
    from studio_pipeline import develop

    base(source, half, look)
    folder = source.products.base(source.base_key, half=half)
    cache.touch(folder)
    return develop.load_frame(folder)


def read(source: Source, look: Look | None, door: Door | None, empty: Beside | None = None) -> Reading:
    """The subject and its zones, with a person's word on it where there is one, and beside the empty set
    where that is in the session.
    """
    key = empty.source.base_key if empty else ""
    folder = source.products.reading(reading_key(source.base_key, door, key))
    if not folder.exists():
        frame, record = load_base(source, True, look)
        beside = load_base(empty.source, True, empty.look)[0] if empty else None
        cache.save_reading(folder, look_at(frame, record.extent, door, beside))
    return cache.load_reading(folder)


def read_again(
    source: Source, look: Look | None, door: Door | None, proposal: Proposal, beside: Mapping[str, Beside]
) -> Reading:
    """The reading that a proposal was made with. Raises Refused where its empty set is not to be had."""
    empty = beside.get(EMPTY_SET) if proposal.read_beside else None
    if proposal.read_beside and (empty is None or empty.source.base_key != proposal.read_beside):
        raise Refused(
            "the empty set that the person was told from is not in the session any more, or was developed "
            "anew; bring its file back, or propose again"
        )
    return read(source, look, door, empty)


def turned(
    source: Source, frame: Frame, record: BaseRecord, reading: Reading, turn: Turn | None
) -> tuple[Frame, Reading]:
    """A base at either size and its reading, in the geometry of a proposal, kept in the cache."""
    from studio_pipeline import develop

    if turn is None:
        return frame, reading
    folder = source.products.turned(source.base_key, turn_key(turn), half=frame.scale < 1)
    try:
        frame = develop.load_frame(folder)[0]
    except FileNotFoundError:
        develop.save_frame(folder, turn.frame(frame), record)
        frame = develop.load_frame(folder)[0]
    cache.touch(folder)
    beside = source.products.reading(turn_key(turn, reading.record))
    if not beside.exists():
        cache.save_reading(beside, reading.turned(turn))
    return frame, replace(cache.load_reading(beside), turn=turn)


def load_beside(role: str, one: Beside, half: bool, turn: Turn | None) -> Other:
    """A capture as edits are given it, at plan scale or in full.

    An empty set is turned as the frame beside it is: it was taken from the same place.
    """
    frame, record = load_base(one.source, half, one.look)
    reading = read(one.source, one.look, one.door)
    frame, reading = turned(one.source, frame, record, reading, turn if role == EMPTY_SET else None)
    return Other(one.source.base_key, frame, reading)


def sources_of(
    plans: Sequence[Plan], beside: Mapping[str, Beside], half: bool, turn: Turn | None = None
) -> dict[str, Other]:
    """What rendering ``plans`` needs. Raises Refused where a base is not to be had as it was."""
    wanted = {role: key for plan in plans if plan.changes for role, key in plan.sources.items()}
    for role, key in wanted.items():
        if role not in beside or beside[role].source.base_key != key:
            raise Refused(
                f"the {role} that was used is not in the session any more, or was developed anew; "
                "bring its file back, or switch off the edits that need it"
            )
    return {role: load_beside(role, beside[role], half, turn) for role in wanted}


def look_at(frame: Frame, master: Extent, door: Door | None, empty: Frame | None = None) -> Reading:
    """Read the subject of a plan-scale frame, then apply what a person said."""
    from studio_pipeline import subject

    reading = subject.read_subject(frame, master, empty=empty)
    if door is None:
        return reading
    if door.kind == "nobody":
        return subject.nobody_here(reading, door.user)
    if door.kind == "somebody":
        return subject.somebody_here(reading, door.user)
    return subject.repaint(reading, _painted(door, master), door.user)


def _painted(door: Door, master: Extent) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    import cv2

    painted = np.zeros((master.height, master.width), np.uint8)
    for polygon in door.polygons:
        corners = np.array([[p.x, p.y] for p in polygon], np.int32)
        cv2.fillPoly(painted, [corners], (1.0,))
    return painted > 0


def propose(
    source: Source,
    look: Look | None,
    door: Door | None,
    edits: tuple[EditSpec, ...],
    limits: GuardLimits,
    switches: dict[str, bool],
    hands: dict[str, Handed],
    beside: Mapping[str, Beside] = NOTHING_BESIDE,
    consent: Held = _DEFAULT_CONSENT,
    marks: tuple[Mark, ...] = (),
    engines: EngineSettings = _DEFAULT_ENGINES,
    without_a_model: str = "",
    cancelled: Callable[[], bool] = lambda: False,
) -> Proposed:
    """Plan every edit, render the proposal at plan scale, run the guards on it.

    What goes beyond ``consent`` is not proposed; its plan says why. An edit whose guard fails is proposed
    with its switch off; where a model had a part in it, other seeds are tried first, then none. ``switches``
    carries over what a person had chosen before a new base arrived, ``hands`` what they asked of single
    edits, and the items they left off.
    Without a capture of ``beside`` that cannot be read it goes on. ``marks``: where other frames of the same
    people have lasting marks. ``without_a_model``: why none is asked, if none is. ``cancelled`` is asked
    between its parts, and between a model's steps.

    Raises Cancelled.
    """
    frame, record = load_base(source, True, look)
    heed(cancelled)
    empty = _usable(beside.get(EMPTY_SET))
    reading = read(source, look, door, empty)
    if reading.record.kind in ("empty-set", "grey-card") and door is None:
        return Proposed(reading.record, None)
    wanted = consents.planned(edits, consent.allowed)
    subject, turn = reading.record, stack.turn(reading, wanted)
    frame, reading = turned(source, frame, record, reading, turn)
    sources, missing = _readable(beside, turn)
    asked = {name: handed.hand for name, handed in hands.items()}
    seen, choose = consents.shown(reading, consent.allowed), consents.chooser(consent, engines)
    if without_a_model:
        choose = asking.nobody_asked(without_a_model)
    plans = stack.plan_all(frame, seen, wanted, asked, sources, marks, choose, cancelled)
    plans = consents.kept_back(plans, edits, consent)
    plans = tuple(switched(plan, hands[plan.edit]) if plan.edit in hands else plan for plan in plans)

    def replan(edit: str, more_seed: int, other: Chooser | None) -> Plan:
        (spec,) = (s.model_copy(update={"seed": s.seed + more_seed}) for s in wanted if s.name == edit)
        (plan,) = stack.plan_all(frame, seen, (spec,), asked, sources, marks, other or choose, cancelled)
        return switched(plan, hands[edit]) if edit in hands else plan

    def checked(these: tuple[Plan, ...]) -> asking.Checked:
        heed(cancelled)
        return check(these, frame, reading, limits, sources)

    plans, (after, guards) = asking.tried(plans, replan, checked, engines.tries)
    failed = {g.edit for g in guards if not g.passed}
    on = {spec.name: switches.get(spec.name, spec.enabled) for spec in edits}
    enabled = tuple(p.edit for p in plans if p.changes and on[p.edit] and p.edit not in failed)
    proposal = Proposal(
        capture_id=source.capture_id,
        base_key=source.base_key,
        zones_sha256=reading.record.zones_sha256,
        matte_sha256=proof.zones_sha256(reading.matte) if any(_reads_matte(p) for p in plans) else "",
        base_extent=reading.record.extent,
        plans=plans,
        enabled=enabled,
        guards=guards,
        versions=deciding_versions(),
        turn=turn,
        read_beside=empty.source.base_key if empty else "",
    )
    whole = proposal.active == tuple(p for p in plans if p.changes)
    picture(source, proposal, frame, reading, after if whole else None, sources)
    for choice in proposal.candidates:
        heed(cancelled)
        other = proposal.chosen(choice)
        if not source.products.proposed(other.shown_hash()).exists():
            picture(source, other, frame, reading, None, sources)
    return Proposed(subject, proposal, missing)


def _reads_matte(plan: Plan) -> bool:
    """Whether what the plan may write cannot be proved without the matte."""
    return plan.exchange is not None or (plan.changes and plan.edit in (StrandPlan.EDIT, LintPlan.EDIT))


def switched(plan: Plan, handed: Handed) -> Plan:
    """What an edit itself proposes to leave out stays out, unless a person switched just that on."""
    on = plan.found(handed.on)
    return plan.without((*(id_ for id_ in plan.off if id_ not in on), *plan.found(handed.off)))


def _usable(empty: Beside | None) -> Beside | None:
    """An empty set that can be loaded; a reading does not fail for one that cannot."""
    if empty is not None:
        with contextlib.suppress(StudioError, OSError):
            load_base(empty.source, True, empty.look)
            return empty
    return None


def _readable(beside: Mapping[str, Beside], turn: Turn | None) -> tuple[dict[str, Other], tuple[str, ...]]:
    """What can be loaded at plan scale, and why the rest cannot."""
    sources, missing = {}, []
    for role, one in beside.items():
        try:
            sources[role] = load_beside(role, one, True, turn)
        except (StudioError, OSError) as error:
            missing.append(f"proposed without its {role} {one.name}: {error}")
    return sources, tuple(missing)


def picture(
    source: Source,
    proposal: Proposal,
    frame: Frame,
    reading: Reading,
    after: Codes | None = None,
    sources: Mapping[str, Other] = NO_SOURCES,
) -> None:
    """Keep the small picture of a proposal, from its canvas at plan scale where that is there already."""
    if after is None:
        after = stack.render(proposal.active, frame, reading, proposal.canvas.scaled(frame.scale), sources)
    small = to_jpeg(after, frame.encoding, THUMB_LONG_EDGE_PX)
    cache.write_file(source.products.proposed(proposal.shown_hash()), small)


def check(
    plans: tuple[Plan, ...],
    frame: Frame,
    reading: Reading,
    limits: GuardLimits,
    sources: Mapping[str, Other] = NO_SOURCES,
) -> tuple[Codes, tuple[GuardResult, ...]]:
    """Render ``plans`` over the whole canvas at the frame's scale, and every guard's figures for it."""
    from studio_pipeline import guards, subject

    after, finished = rendered(plans, frame, reading, sources=sources)
    return after, guards.check_all(finished, limits, subject.count_faces)


def rendered(
    plans: tuple[Plan, ...],
    frame: Frame,
    reading: Reading,
    into: Codes | None = None,
    sources: Mapping[str, Other] = NO_SOURCES,
) -> tuple[Codes, Rendered]:
    """The finished canvas at the frame's scale, in ``into`` where given (a memory map), as guards read it."""
    from studio_pipeline import subject

    changing = tuple(p for p in plans if p.changes)
    reading = reading.at_scale(frame.scale)
    canvas = stack.canvas_of(changing, Roi.of(reading.record.extent)).scaled(frame.scale)
    after = (
        np.empty((canvas.extent.height, canvas.extent.width, 3), frame.codes.dtype) if into is None else into
    )
    stack.render_into(after, changing, frame, reading, canvas, sources=sources)

    def without_model(plan: Plan) -> Codes:
        made = {item.id for item in plan.items if plan.made_by and item.id in plan.made_by.pixels}
        others = tuple(p.without({*p.off, *made}) if p is plan else p for p in changing)
        out = np.empty(after.shape, after.dtype)
        stack.render_into(out, others, frame, reading, canvas, sources=sources)
        return out

    return after, Rendered(
        before=stack.null_render(frame, canvas),
        after=after,
        zones=reading.canvas_zones(canvas, frame.scale),
        canvas=canvas,
        base=frame.roi,
        scale=frame.scale,
        encoding=frame.encoding,
        plans=changing,
        edge_law=partial(stack.edge_of, frame, reading),
        loose=partial(stack.loose_of, changing, frame, reading),
        faces=tuple(face.roi.scaled(frame.scale) for face in reading.record.faces),
        count_people=subject.count_people,
        count_sure_people=subject.count_sure_people,
        without_model=without_model,
    )


def to_jpeg(codes: Codes, encoding: RgbEncoding, long_edge_px: int, quality: int = 88) -> bytes:
    """An sRGB JPEG for the screen, reduced to ``long_edge_px`` where it is larger."""
    import cv2
    from PIL import Image

    extent = Extent(*codes.shape[:2])
    if extent.long_edge > long_edge_px:
        small = extent.scaled(long_edge_px / extent.long_edge)
        codes = np.asarray(
            cv2.resize(codes, (small.width, small.height), interpolation=cv2.INTER_AREA), codes.dtype
        )
    shown = color.convert(codes, encoding, color.named("sRGB"), 8)
    out = io.BytesIO()
    Image.fromarray(np.asarray(shown)).save(
        out, "JPEG", quality=quality, icc_profile=color.named("sRGB").icc_profile
    )
    return out.getvalue()


def absolute(root: Path, relative: bytes) -> bytes:
    """A member's path, as bytes from end to end."""
    return os.path.join(os.fsencode(root), relative)  # noqa: PTH118 - pathlib does not carry bytes
