"""What a person said at another station, and where it still means the same here.

Whatever was said here stands. An approval is bound to a render of the other station, so it is only listed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from studio_pipeline.errors import Refused
from studio_pipeline.pipeline import consent
from studio_pipeline.pipeline.decide import TO_BE_PLANNED, TO_BE_PLANNED_ANEW
from studio_pipeline.records.base import digest
from studio_pipeline.records.capture import State
from studio_pipeline.records.consent import DEFAULT, Consent
from studio_pipeline.records.entry import Entry, Said
from studio_pipeline.records.proposal import Decision, Verb
from studio_pipeline.session.catalog import Catalog

_APPROVED = (State.APPROVED, State.DELIVERED)
_AWAY = (State.WITHDRAWN, State.QUARANTINED)
_UNDECIDED = (State.TAKEN_IN, State.DEVELOPED, State.PROPOSED, State.NEEDS_A_PERSON)


@dataclass
class Words:
    """How much came along, and what did not: captures here with the reason in one line."""

    picks: int = 0
    rejections: int = 0
    doors: int = 0
    hands: int = 0
    references: int = 0
    consents: int = 0
    approve_again: list[Entry] = field(default_factory=list)
    left: list[tuple[Entry, str]] = field(default_factory=list)


class Interpreter:
    """Brings words from ``theirs`` to ``ours``. Doing it twice changes nothing.

    ``station`` is the other session's id, ``name`` what its folder is called, ``edits`` those of this one.
    """

    def __init__(
        self, theirs: Catalog, ours: Catalog, station: str, name: str, edits: Sequence[str] = ()
    ) -> None:
        self._theirs, self._ours, self._edits = theirs, ours, edits
        self._station, self._name = station, name
        self._words = Words()

    def bring(self) -> Words:
        """For every capture whose primary file is here by now, be it as a member of a larger one."""
        ours = [entry for entry in self._ours.entries() if entry.state is not State.PURGED]
        here = {member.sha256: entry.id for entry in ours for member in entry.members}
        for said in self._theirs.entries():
            if said.id in here and said.state not in _AWAY:
                self._bring_of(said, here[said.id])
        for said_of in self._theirs.consent_by_subject().values():
            self._consent(said_of)
        return self._words

    def _bring_of(self, said: Entry, capture_id: str) -> None:
        if said.people:
            self._people(said, capture_id)
        if said.picked:
            self._pick(said, capture_id)
        if said.door is not None:
            self._open_door(said, capture_id)
        if said.reference or said.reference_said is not None:
            self._mark(said, capture_id)
        for edit in said.hands:
            self._words.hands += self._change(capture_id, partial(self._handed, said, edit))
        if said.switches:
            self._change(capture_id, partial(_switched, said))
        if said.state is State.REJECTED:
            self._reject(said, capture_id)
        entry = self._ours.entry(capture_id)
        was_approved = said.state in _APPROVED or said.stale
        if was_approved and entry is not None and entry.state in _UNDECIDED:
            self._words.approve_again.append(entry)

    def _consent(self, said: Consent) -> None:
        """The stricter wins. Once for each: who has asked again here means it."""
        fact = f"consent {said.digest()} from {self._station}"
        if self._ours.fact(fact):
            return
        before = self._ours.consent_by_subject().get(said.subject)
        allowed = said.allowed
        if before is not None or not said.subject:  # the default is the session's until somebody says more
            allowed = allowed.narrowed(before.allowed if before is not None else DEFAULT)
        if allowed != (before.allowed if before is not None else None if said.subject else DEFAULT):
            via = f"{said.via}, merged from {self._name}"
            consent.say(self._ours, said.model_copy(update={"allowed": allowed, "via": via}))
            self._words.consents += 1
        self._ours.set_fact(fact, 1)

    def _people(self, said: Entry, capture_id: str) -> None:
        """All who were named at either station. Once for each, as picks."""
        fact = f"people {digest([said.id, *said.people])} from {self._station}"
        entry = self._ours.entry(capture_id)
        if entry is not None and not self._ours.fact(fact):
            consent.name_people(self._ours, entry, {*entry.people, *said.people})
            self._ours.set_fact(fact, 1)

    def _pick(self, said: Entry, capture_id: str) -> None:
        """Once for each: who takes it back here means it."""
        fact = f"pick of {said.id} from {self._station}"
        if self._ours.fact(fact):
            return
        self._words.picks += self._change(capture_id, lambda entry: {} if entry.picked else {"picked": True})
        self._ours.set_fact(fact, 1)

    def _open_door(self, said: Entry, capture_id: str) -> None:
        self._words.doors += self._change(capture_id, lambda entry: self._opened(said, entry))

    def _opened(self, said: Entry, entry: Entry) -> dict[str, Any]:
        assert said.door is not None
        if entry.door is not None and (entry.door.kind, entry.door.polygons) == (
            said.door.kind,
            said.door.polygons,
        ):
            return {}
        why = _why_not(said, entry)
        if why:
            self._words.left.append((entry, f"what was said of who is in it stays there: {why}"))
            return {}
        return {"door": said.door, **_planned_anew(entry, "")}

    def _mark(self, said: Entry, capture_id: str) -> None:
        def marked(entry: Entry) -> dict[str, Any]:
            if entry.reference == said.reference or _is_later(entry.reference_said, said.reference_said):
                return {}
            if entry.state in _AWAY:
                why = f"it is {entry.state.value} here"
                self._words.left.append((entry, f"that it is a reference stays there: {why}"))
                return {}
            return {"reference": said.reference, "reference_said": said.reference_said}

        self._words.references += self._change(capture_id, marked)

    def _handed(self, said: Entry, edit: str, entry: Entry) -> dict[str, Any]:
        """Of what was drawn, tried and switched in one edit, all of the later word: they belong together."""
        theirs, ours = said.hands[edit], entry.hands.get(edit)
        if (ours is None and theirs.empty) or _is_later(ours, theirs):
            return {}
        if ours is not None and (ours.hand, ours.off, ours.on) == (theirs.hand, theirs.off, theirs.on):
            return {}
        why = f"this session has no {edit}" if edit not in self._edits else _elsewhere(said, entry)
        if why:
            self._words.left.append((entry, f"what was done by hand in {edit} stays there: {why}"))
            return {}
        return {"hands": entry.hands | {edit: theirs}, **_planned_anew(entry, TO_BE_PLANNED_ANEW)}

    def _reject(self, said: Entry, capture_id: str) -> None:
        rejected = [d for d in self._theirs.decisions(said.id) if d.verb is Verb.REJECT]
        entry, before = self._ours.entry(capture_id), self._ours.decisions(capture_id)
        if not rejected or entry is None or entry.state is State.REJECTED:
            return
        decision = rejected[-1].model_copy(
            update={
                "capture_id": capture_id,
                "via": f"{rejected[-1].via}, merged from {self._name}",
            }
        )
        if any(_are_one(decision, other) for other in before):
            return  # it was brought before, and taken back since
        if before or entry.state not in _UNDECIDED:
            why = "it was decided on here" if before else f"it is {entry.state.value} here"
            self._words.left.append((entry, f"its rejection stays there: {why}"))
            return
        try:
            self._ours.decide(decision, entry, state=State.REJECTED, approved_hash=None)
        except Refused as error:
            self._words.left.append((entry, f"its rejection stays there: {error}"))
        else:
            self._words.rejections += 1

    def _change(self, capture_id: str, change: Callable[[Entry], dict[str, Any]]) -> bool:
        """Somebody may decide from another process between the reading and the writing: then look again."""
        while (entry := self._ours.entry(capture_id)) is not None:
            changes = change(entry)
            if not changes:
                return False
            if self._ours.update_seen(entry, **changes) is not None:
                return True
        return False


def _why_not(said: Entry, entry: Entry) -> str | None:
    """Why an outline or "nobody here" would not mean the same here, or would undo what was said here."""
    assert said.door is not None
    if entry.door is not None and _is_later(entry.door, said.door):
        return f"{entry.door.user} said otherwise here, and later"
    return _elsewhere(said, entry)


def _is_later(ours: Said | None, theirs: Said | None) -> bool:
    """Whether the word that was said here counts; one whose time nobody wrote down is the earlier one."""
    return ours is not None and (theirs is None or ours.said_at >= theirs.said_at)


def _switched(said: Entry, entry: Entry) -> dict[str, Any]:
    """Switches of whole edits have no time of their own: they come along where nobody set any here."""
    if entry.switches or _elsewhere(said, entry):
        return {}
    is_shown = entry.proposal is not None and entry.proposal.switches == said.switches
    return {"switches": said.switches, **({} if is_shown else _planned_anew(entry, ""))}


def _planned_anew(entry: Entry, reason: str) -> dict[str, Any]:
    if entry.base is None:
        return {}  # it is planned with it once it is developed
    state = State.REJECTED if entry.state is State.REJECTED else State.DEVELOPED
    return TO_BE_PLANNED | {"state": state, "reason": reason}


def _elsewhere(said: Entry, entry: Entry) -> str | None:
    """Why places in the picture would not mean the same here, or come too late."""
    if entry.state in _APPROVED or entry.state is State.WITHDRAWN:
        return f"it is {entry.state.value} here"
    if entry.base_member.sha256 != said.base_member.sha256:
        return "it starts from another file here"
    return None


def _are_one(one: Decision, other: Decision) -> bool:
    return (one.verb, one.user, one.host, one.decided_at) == (
        other.verb,
        other.user,
        other.host,
        other.decided_at,
    )
