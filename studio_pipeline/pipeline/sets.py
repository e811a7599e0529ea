"""Which other captures of a session stand beside one: the empty set of its set, and the reference.

Pure: entries in, entries out. Whether an empty set really shows the same backdrop is found from its pixels
(``pixels.register``); this only names the capture that is worth asking.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

from studio_pipeline.edits.base import EMPTY_SET, REFERENCE
from studio_pipeline.records.capture import Exposure, State
from studio_pipeline.records.entry import Entry
from studio_pipeline.records.proposal import Proposal
from studio_pipeline.records.retouch import LASTING, SkinPlan
from studio_pipeline.records.subject import Mark
from studio_pipeline.subject.marks import place_on

LONGEST_APART_S = 2 * 3600.0
MOST_STOPS_APART = 1.0
"""Of the light that was let in, and of the sensitivity: grain beyond that is another grain."""
SAME_SITTING_S = 15 * 60.0
_MOST_FRAMES = 8  # are asked for a person's lasting marks
_FOCAL_TOLERANCE = 0.01
_AWAY = (State.WITHDRAWN, State.QUARANTINED, State.PURGED)


def beside(entry: Entry, entries: Iterable[Entry], roles: Collection[str]) -> dict[str, Entry]:
    """The capture that fills each of ``roles`` for ``entry``; a role that none fills is missing."""
    usable = [other for other in entries if other.base is not None and other.state not in _AWAY]
    chosen = {EMPTY_SET: empty_set(entry, usable), REFERENCE: reference(entry, usable)}
    return {role: other for role, other in chosen.items() if role in roles and other is not None}


def named(proposal: Proposal, entries: Iterable[Entry]) -> dict[str, Entry]:
    """The captures whose bases the proposal's plans and its reading name, as far as they are still what
    they were.
    """
    wanted = {role: key for plan in proposal.active for role, key in plan.sources.items()}
    return by_base(wanted | ({EMPTY_SET: proposal.read_beside} if proposal.read_beside else {}), entries)


def by_base(wanted: Mapping[str, str], entries: Iterable[Entry]) -> dict[str, Entry]:
    """The captures of roles whose base keys are given, as far as those bases are still theirs."""
    by_key = {entry.base_key: entry for entry in entries if entry.members} if wanted else {}
    return {role: by_key[key] for role, key in wanted.items() if key in by_key}


def may_serve(entry: Entry) -> bool:
    """Whether other captures may want this one beside them."""
    return entry.reference or _is_empty_set(entry)


def empty_set(entry: Entry, entries: Iterable[Entry]) -> Entry | None:
    """The frame with nobody in it, nearest in capture time, that the same camera took of the same set.

    Same body, lens, focal length and size (upright), taken within ``LONGEST_APART_S``, its exposure and its
    sensitivity within ``MOST_STOPS_APART`` each. Where the files do not say when they were taken, none.
    """
    if _is_empty_set(entry):
        return None  # it has no person to be looked behind
    fitting = [other for other in entries if _is_empty_set(other) and _one_set(entry, other)]
    return _nearest(entry, fitting)


def reference(entry: Entry, entries: Iterable[Entry]) -> Entry | None:
    """The frame that a person marked; of several the nearest in capture time. A reference is its own."""
    return _nearest(entry, [other for other in entries if other.reference])


def marks(entry: Entry, entries: Iterable[Entry]) -> tuple[Mark, ...]:
    """Where the faces of other frames of the same people have lasting marks that nobody unlocked.

    The same people: somebody is named in both; where one of the two names nobody, one face each and taken
    within ``SAME_SITTING_S``. Should that be another person after all, more is locked than had to be.
    """
    others = [other for other in entries if other.id != entry.id and _same_people(entry, other)]
    at = entry.exposure.captured_at
    nearest = sorted(others, key=lambda o: (_apart_s(at, o.exposure.captured_at), o.group))[:_MOST_FRAMES]
    return tuple(mark for other in nearest for mark in _marks_of(other))


def _same_people(entry: Entry, other: Entry) -> bool:
    if other.state in _AWAY or other.proposal is None or other.proposal.turn is not None:
        return False
    if entry.people and other.people:
        return bool(set(entry.people) & set(other.people))
    alone = all(one.subject is None or len(one.subject.faces) == 1 for one in (entry, other))
    return alone and _apart_s(entry.exposure.captured_at, other.exposure.captured_at) <= SAME_SITTING_S


def _marks_of(entry: Entry) -> Iterator[Mark]:
    assert entry.proposal is not None
    faces = entry.subject.faces if entry.subject else ()
    for plan in entry.proposal.plans:
        if plan.edit != SkinPlan.EDIT:
            continue
        for item in plan.items:
            if item.kind == LASTING and item.id in plan.off:
                y, x = (item.roi.y0 + item.roi.y1 - 1) / 2, (item.roi.x0 + item.roi.x1 - 1) / 2
                places = (
                    place_on(face, y, x)
                    for face in faces
                    if face.roi.grown(face.roi.extent.height // 4).contains(item.roi)
                )
                yield from (place for place in places if place is not None)


def _is_empty_set(entry: Entry) -> bool:
    return entry.subject is not None and entry.subject.kind == "empty-set" and entry.subject.sure


def _one_set(entry: Entry, other: Entry) -> bool:
    one, two = entry.exposure, other.exposure
    if other.id == entry.id or entry.base is None or other.base is None:
        return False
    return (
        entry.base.extent == other.base.extent
        and (one.make, one.camera, one.serial, one.lens) == (two.make, two.camera, two.serial, two.lens)
        and _alike(one.focal_length_mm, two.focal_length_mm)
        and _apart_s(one.captured_at, two.captured_at) <= LONGEST_APART_S
        and abs(_stops(one) - _stops(two)) <= MOST_STOPS_APART
        and abs(math.log2((one.iso or 1) / (two.iso or 1))) <= MOST_STOPS_APART
    )


def _alike(one: float | None, two: float | None) -> bool:
    if one is None or two is None:
        return one is two
    return abs(one - two) <= _FOCAL_TOLERANCE * one


def _stops(exposure: Exposure) -> float:
    """How bright the same scene comes out, log2; what a file does not say counts as the same for all."""
    return math.log2((exposure.exposure_s or 1) * (exposure.iso or 1) / (exposure.f_number or 1) ** 2)


def _apart_s(one: datetime | None, two: datetime | None) -> float:
    if one is None or two is None:
        return math.inf
    if one.tzinfo is None or two.tzinfo is None:  # one body, one clock: its zone may be said in one file only
        one, two = one.replace(tzinfo=None), two.replace(tzinfo=None)
    return abs((one - two).total_seconds())


def _nearest(entry: Entry, others: list[Entry]) -> Entry | None:
    at = entry.exposure.captured_at
    return min(others, key=lambda o: (_apart_s(at, o.exposure.captured_at), o.group), default=None)
