"""Which files are one exposure: RAW + TIFF + JPEG + XMP -> one capture. Pure, and blind to order of arrival.

Members are taken in a fixed order (RAW, TIFF, JPEG, sidecar; the better described first), and each joins the
nearest capture that its name and its exposure allow, or founds its own. The result is a function of the set.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Final

from hot_folder.names import described_name, ending_of, is_export_folder, reexport_base_of, role_of, stem_of
from hot_folder.records import ExposureHints, Place, Role

_ORDER: Final = {Role.RAW: 0, Role.TIFF: 1, Role.JPEG: 2, Role.SIDECAR: 3, Role.OTHER: 4}


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a file lies, or lay when it was first seen: a folder relative to the session, and a name."""

    place: Place
    folder: bytes
    name: bytes


@dataclass(frozen=True, slots=True)
class Member:
    """A file as grouping sees it: its first address and, when it was moved, the one it has now.

    It keeps the first, so that moving a RAW parts no capture.
    """

    id: int
    addresses: tuple[Address, ...]
    hints: ExposureHints

    @property
    def role(self) -> Role:
        return role_of(self.addresses[0].name)

    @property
    def ending(self) -> bytes:
        return ending_of(self.addresses[0].name)


class _Tie(IntEnum):
    """How closely a name ties a file to a capture."""

    REEXPORT = 1
    EXPORT = 2
    NAMESAKE = 3
    FULL_NAME = 4


@dataclass(slots=True)
class _Capture:
    members: list[Member] = field(default_factory=list)

    @property
    def has_raw(self) -> bool:
        return self.members[0].role is Role.RAW

    def excludes(self, member: Member) -> bool:
        """A file with another time or serial, or a second RAW of one kind, is another exposure."""
        return any(differ(member.hints, other.hints) for other in self.members) or (
            member.role is Role.RAW and any(member.ending == other.ending for other in self.members)
        )

    def agrees_in_time(self, hints: ExposureHints) -> bool:
        time = _second(hints)
        return time is not None and any(_second(member.hints) == time for member in self.members)


def group_members(members: Iterable[Member]) -> list[tuple[Member, ...]]:
    """Part members into captures; each tuple starts with the capture's primary member."""
    captures: list[_Capture] = []
    for member in sorted(members, key=_rank):
        capture = _choose(member, captures)
        if capture is None:
            captures.append(_Capture([member]))
        else:
            capture.members.append(member)
    return [tuple(capture.members) for capture in captures]


def primary(members: Iterable[Member]) -> Member:
    """The member whose bytes name the capture: the camera's RAW, else a DNG of it, else TIFF, else JPEG."""
    return min(members, key=_rank)


def differ(one: ExposureHints, other: ExposureHints) -> bool:
    """Whether two files certainly come from different exposures. What is not known differs from nothing."""
    times = _second(one), _second(other)
    serials = one.serial, other.serial
    return (None not in times and times[0] != times[1]) or (None not in serials and serials[0] != serials[1])


def _rank(member: Member) -> tuple[object, ...]:
    hints = member.hints
    return (
        _ORDER[member.role],
        member.ending == b"dng",
        (hints.captured_at is None) + (hints.serial is None),
        _second(hints) or datetime.min,
        hints.serial or "",
        min(member.addresses),
    )


def _choose(member: Member, captures: list[_Capture]) -> _Capture | None:
    scored = []
    for capture in captures:
        if not capture.excludes(member):
            score = _affinity(member, capture)
            if score is not None:
                scored.append((score, capture))
    if not scored:
        return None
    best = max(score for score, _ in scored)
    leading = [capture for score, capture in scored if score == best]
    if len(leading) > 1 and best[0] < _Tie.NAMESAKE:
        return None  # an export that could be either: a person has to say
    return leading[0]


_Score = tuple[_Tie, bool, bool, int]


def _affinity(member: Member, capture: _Capture) -> _Score | None:
    """How near a capture is, None for strangers: the larger, the nearer.

    (how closely names tie, whether times agree, whether it lies there now, minus the folders between).
    """
    agrees = capture.agrees_in_time(member.hints)
    best: _Score | None = None
    for address in member.addresses:
        for other in capture.members:
            for theirs in other.addresses:
                tie = _tie(member.role, address, other.role, theirs, agrees=agrees, has_raw=capture.has_raw)
                if tie is not None:
                    is_now = address == member.addresses[-1] and theirs == other.addresses[-1]
                    score = (tie, agrees, is_now, -_folders_between(theirs, address))
                    best = score if best is None else max(best, score)
    return best


def _tie(
    role: Role, address: Address, their_role: Role, theirs: Address, *, agrees: bool, has_raw: bool
) -> _Tie | None:
    same_folder = address.folder == theirs.folder
    if role is Role.SIDECAR and same_folder and described_name(address.name) == theirs.name:
        return _Tie.FULL_NAME
    if stem_of(address.name) == stem_of(theirs.name):
        if same_folder:
            return _Tie.NAMESAKE
        return _Tie.EXPORT if _is_export_of(role, address, their_role, theirs, agrees=agrees) else None
    if reexport_base_of(address.name) != stem_of(theirs.name):
        return None
    # A camera writes no TIFF, so a numbered one is a re-export; a numbered JPEG may be a frame of its own.
    if not agrees and not (role is Role.TIFF and has_raw):
        return None
    if same_folder or _is_export_of(role, address, their_role, theirs, agrees=agrees):
        return _Tie.REEXPORT
    return None


def _is_export_of(role: Role, address: Address, their_role: Role, theirs: Address, *, agrees: bool) -> bool:
    """Whether a picture in another folder is what a converter made of theirs, not a second body's frame."""
    if role not in (Role.TIFF, Role.JPEG) or their_role is Role.SIDECAR:
        return False
    if address.place is Place.OUTPUT:
        return True
    if not address.folder.startswith(theirs.folder + b"/"):
        return False
    below = address.folder[len(theirs.folder) + 1 :].split(b"/")
    return agrees or (their_role is Role.RAW and (role is Role.TIFF or is_export_folder(below[0])))


def _folders_between(upper: Address, lower: Address) -> int:
    return abs(lower.folder.count(b"/") - upper.folder.count(b"/"))


def _second(hints: ExposureHints) -> datetime | None:
    return None if hints.captured_at is None else hints.captured_at.replace(microsecond=0, tzinfo=None)
