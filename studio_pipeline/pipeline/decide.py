"""A person's word: approve, reject, revoke, and the doors for an unsure reading. Page and shell share it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Point, Roi
from studio_pipeline.pipeline import consent, proof
from studio_pipeline.pipeline.choice import is_within_reach
from studio_pipeline.records.capture import State, shown
from studio_pipeline.records.consent import Allowed
from studio_pipeline.records.entry import Delivered, Door, Entry, Handed, Said
from studio_pipeline.records.hand import NOTHING, Hand, Wish
from studio_pipeline.records.lint import LintPlan
from studio_pipeline.records.plan import Item, Tier
from studio_pipeline.records.proposal import Choice, Decision, Proposal, Verb
from studio_pipeline.records.strands import StrandPlan
from studio_pipeline.session.catalog import Catalog
from studio_pipeline.session.folder import Session

_AWAITING = (State.PROPOSED, State.NEEDS_A_PERSON, State.REJECTED)
_ID_DIGITS = 6
_REVOKE_FIRST = "revoke it first, or wait until it is developed"
TO_BE_PLANNED: dict[str, Any] = {
    "proposal": None,
    "proposal_hash": None,
    "subject": None,
    "state": State.DEVELOPED,
    "failures": {},
}
TO_BE_PLANNED_ANEW = "to be planned anew, as asked for by hand"
PLANNED_ANEW = "asked for by hand after the approval; look again"


PAGE = "page"
"""The surface on which each spot was seen: the only one that may approve what changes skin."""


class Decisions:
    """Writes decisions into the catalog. ``via`` names the surface they came through (page, command)."""

    def __init__(self, session: Session, catalog: Catalog, host: str, via: str) -> None:
        self.session, self._catalog, self._host, self._via = session, catalog, host, via

    def approve(
        self,
        capture_id: str,
        shown_hash: str | None,
        chosen: Proposal | None,
        user: str,
        now: datetime,
    ) -> Entry:
        """Bind the approval to exactly what was shown (None: to the proposal as it stands).

        ``chosen``: the proposal with the person's switches, and the figures of that (``choice.measured``).
        Raises Refused when that is not what is proposed now, goes beyond consent, or out of a guard's limits,
        and where skin would be retouched by another surface than the page.
        """
        entry = self._entry(capture_id)
        if entry.state not in _AWAITING or entry.proposal_hash is None:
            raise Refused(f"{entry.name} is {entry.state.value}: there is nothing to approve")
        current = self._catalog.proposal(entry.proposal_hash)
        proposal = chosen or current
        bound = proposal.shown_hash()
        if shown_hash not in (None, bound) or current.chosen(proposal.choice).shown_hash() != bound:
            raise Refused(f"{entry.name} has changed since it was shown; look at it again")
        consent.refuse_beyond(proposal, consent.of(self._catalog, entry), entry.name)
        if self._via != PAGE and (spots := _retouches(proposal)):
            raise Refused(f"{entry.name}: {spots} would be retouched; approve that on the page, spot by spot")
        if not proposal.passed:
            raise Refused(f"{entry.name}: {_failures(proposal)}; switch that edit off, or reject the frame")
        self._catalog.keep_proposal(proposal)
        decision = self._decision(capture_id, Verb.APPROVE, user, now, bound, proposal)
        return self._catalog.decide(
            decision,
            entry,
            state=State.APPROVED,
            approved_hash=bound,
            reason="",
            stale=False,
            failures={},
            switches=proposal.switches,
            hands=self._switched(entry, proposal, user, now),
        )

    def reject(self, capture_id: str, user: str, now: datetime) -> Entry:
        entry = self._entry(capture_id)
        if entry.state not in _AWAITING:
            raise Refused(f"{entry.name} is {entry.state.value}: there is nothing to reject")
        decision = self._decision(capture_id, Verb.REJECT, user, now, entry.proposal_hash)
        return self._catalog.decide(decision, entry, state=State.REJECTED, approved_hash=None)

    def revoke(self, capture_id: str, user: str, now: datetime) -> Entry:
        """Take back an approval or a rejection; deliverables that are still as they were written go too."""
        entry = self._entry(capture_id)
        if entry.state not in (State.APPROVED, State.DELIVERED, State.REJECTED):
            raise Refused(f"{entry.name} is {entry.state.value}: there is no decision to revoke")
        try:
            kept = [Path(os.fsdecode(one.path)).name for one in take_back(self.session, entry.delivered)]
        except OSError as error:
            left = f"{error.filename} cannot be removed ({error.strerror})"
            raise Refused(f"{left}; mend that, and revoke {entry.name} again") from error
        decision = self._decision(capture_id, Verb.REVOKE, user, now, entry.approved_hash)
        reason = f"kept because it was changed outside: {', '.join(kept)}" if kept else ""
        sure = entry.subject is not None and entry.subject.sure
        state = State.PROPOSED if sure else State.NEEDS_A_PERSON
        if not sure and entry.subject is not None:
            reason = "; ".join(part for part in (entry.subject.reason, reason) if part)
        return self._catalog.decide(
            decision, entry, state=state, approved_hash=None, delivered=(), reason=reason
        )

    def pick(self, capture_id: str, picked: bool) -> Entry:
        """Mark a capture: it goes before the others, and the preset may propose for picked ones only."""
        self._entry(capture_id)
        return self._catalog.update(capture_id, picked=picked)

    def mark_reference(self, capture_id: str, reference: bool, user: str, now: datetime) -> Entry:
        """Name a capture as one that others are matched to; `pipeline.sets` says which takes which."""
        entry = self._entry(capture_id)
        if reference and entry.state in (State.WITHDRAWN, State.QUARANTINED):
            raise Refused(f"{entry.name} is {entry.state.value}: it cannot be a reference")
        said = Said(user=user, host=self._host, said_at=now)
        return self._catalog.update(capture_id, reference=reference, reference_said=said)

    def say_consent(self, subject: str, allowed: Allowed, user: str, now: datetime) -> consent.Change:
        """What may be proposed of a person, or "" of anybody in the session; narrowing it voids approvals."""
        said = consent.consented(subject, allowed, user, self._host, self._via, now)
        return consent.say(self._catalog, said)

    def name_people(self, capture_id: str, people: Iterable[str]) -> Entry:
        """Say who is in it, all of them."""
        return consent.name_people(self._catalog, self._entry(capture_id), people)

    def nobody_here(self, capture_id: str, user: str, now: datetime) -> Entry:
        return self._open_door(capture_id, Door(kind="nobody", user=user, host=self._host, said_at=now))

    def somebody_here(self, capture_id: str, user: str, now: datetime) -> Entry:
        return self._open_door(capture_id, Door(kind="somebody", user=user, host=self._host, said_at=now))

    def repaint(self, capture_id: str, polygons: list[list[Point]], user: str, now: datetime) -> Entry:
        """The person says what is locked, in master pixels. Raises Refused for what is no polygon."""
        if not polygons or any(len(polygon) < 3 for polygon in polygons):
            raise Refused("a painted lock needs at least one outline of three corners")
        outlines = tuple(tuple(polygon) for polygon in polygons)
        door = Door(kind="repaint", polygons=outlines, user=user, host=self._host, said_at=now)
        return self._open_door(capture_id, door)

    def hand(
        self, capture_id: str, edit: str, wish: Wish, choice: Choice | None, user: str, now: datetime
    ) -> Entry:
        """What a person asks of one edit by hand: the capture is planned anew with it.

        ``choice``: the switches as they see them, for the new plan to start with (None: as they were). Raises
        Refused where there is nothing to plan with it, or a corner lies far outside the picture.
        """
        while True:
            entry = self._entry(capture_id)
            self._refuse_hand(entry, edit, wish)
            hands, changes = entry.hands, dict[str, Any]()
            if choice is not None and entry.proposal is not None:
                seen = entry.proposal.chosen(choice)
                hands = self._switched(entry, seen, user, now)
                changes["switches"] = seen.switches
            before = hands.get(edit)
            hand = wish.of(before.hand if before else NOTHING)
            off, on = (before.off, before.on) if before else ((), ())
            hands = hands | {edit: self._handed(hand, off, on, user, now)}
            if entry.approved_hash is not None:
                changes |= {"approved_hash": None, "stale": True}
            reason = PLANNED_ANEW if "stale" in changes else TO_BE_PLANNED_ANEW
            changes |= TO_BE_PLANNED | {"hands": hands, "reason": reason}
            if (changed := self._catalog.update_seen(entry, **changes)) is not None:
                return changed

    def switch(self, capture_id: str, chosen: Proposal, user: str, now: datetime) -> Entry:
        """Make these switches those of the proposal itself: no new plan, and another hash.

        ``chosen`` comes with the figures of what it shows. Raises Refused when that is not proposed now.
        """
        entry = self._entry(capture_id)
        if entry.state not in _AWAITING or entry.proposal_hash is None:
            raise Refused(f"{entry.name} is {entry.state.value}: {_REVOKE_FIRST}")
        current = self._catalog.proposal(entry.proposal_hash)
        key = chosen.shown_hash()
        changed = None
        if current.chosen(chosen.choice).shown_hash() == key:
            self._catalog.keep_proposal(chosen)
            changed = self._catalog.update_seen(
                entry,
                proposal=chosen.outline(),
                proposal_hash=key,
                switches=chosen.switches,
                hands=self._switched(entry, chosen, user, now),
            )
        if changed is None:
            raise Refused(f"{entry.name} has changed meanwhile; look at it again")
        return changed

    def _refuse_hand(self, entry: Entry, edit: str, wish: Wish) -> None:
        if entry.base is None or entry.state in (State.DELIVERED, State.WITHDRAWN):
            raise Refused(f"{entry.name} is {entry.state.value}: {_REVOKE_FIRST}")
        names = [spec.name for spec in self.session.preset.edits]
        if edit not in names:
            raise Refused(f"this session has no edit {edit!r}; there are: {', '.join(names) or 'none'}")
        polygons = (wish.area or ()) + (wish.spare or ())
        if any(len(polygon) < 3 for polygon in polygons):
            raise Refused("an outline needs at least three corners")
        canvas = entry.proposal.canvas if entry.proposal else Roi.of(entry.base.extent)
        if not is_within_reach(polygons, canvas):
            raise Refused(f"an outline lies far outside the picture, which reaches {_corners(canvas)}")

    def _switched(self, entry: Entry, seen: Proposal, user: str, now: datetime) -> dict[str, Handed]:
        """The hands with items off and on as in ``seen``; who said it is written where that is new."""
        hands = dict(entry.hands)
        proposed = {plan.edit: plan.off for plan in entry.proposal.plans} if entry.proposal else {}
        for plan in seen.plans:
            before = hands.get(plan.edit)
            hand, off, on = (before.hand, before.off, before.on) if before else (NOTHING, (), ())
            were_off = {*proposed.get(plan.edit, ()), *plan.found(on)}
            now_on = tuple(item for item in plan.on if item.id in were_off)
            if plan.off != plan.found(off) or now_on != tuple(
                i for i in plan.items if i.id in plan.found(on)
            ):
                now_off = tuple(item for item in plan.items if item.id in plan.off)
                hands[plan.edit] = self._handed(hand, now_off, now_on, user, now)
        return hands

    def _handed(
        self, hand: Hand, off: tuple[Item, ...], on: tuple[Item, ...], user: str, now: datetime
    ) -> Handed:
        return Handed(hand=hand, off=off, on=on, user=user, host=self._host, said_at=now)

    def _open_door(self, capture_id: str, door: Door) -> Entry:
        entry = self._entry(capture_id)
        if entry.base is None or entry.state in (State.APPROVED, State.DELIVERED, State.WITHDRAWN):
            raise Refused(f"{entry.name} is {entry.state.value}: {_REVOKE_FIRST}")
        return self._catalog.update(capture_id, door=door, reason="", **TO_BE_PLANNED)

    def _entry(self, capture_id: str) -> Entry:
        entry = self._catalog.entry(capture_id)
        if entry is None:
            raise KeyError(capture_id)  # the page answers 404
        return entry

    def _decision(
        self,
        capture_id: str,
        verb: Verb,
        user: str,
        now: datetime,
        shown_hash: str | None,
        chosen: Proposal | None = None,
    ) -> Decision:
        return Decision(
            capture_id=capture_id,
            verb=verb,
            shown_hash=shown_hash,
            enabled=chosen.enabled if chosen else (),
            off={p.edit: p.off for p in chosen.active if p.off} if chosen else {},
            user=user,
            host=self._host,
            via=self._via,
            decided_at=now,
        )


def take_back(session: Session, delivered: Iterable[Delivered]) -> list[Delivered]:
    """Remove deliverables that are still as they were written; returns those that are not. Raises OSError."""
    kept = []
    for one in delivered:
        path = session.root / os.fsdecode(one.path)
        try:
            with path.open("rb") as file:
                ours = hashlib.file_digest(file, "sha256").hexdigest() == one.sha256
            if ours:
                path.unlink()
                proof.give_name_up(session.records, one.path)
            else:
                kept.append(one)
        except FileNotFoundError:
            continue
    return kept


def find(catalog: Catalog, wanted: str) -> Entry:
    """A capture by its name, a file's name, or the first 6 digits of its id or more.

    Raises Refused unless that is exactly one.
    """
    entries = catalog.entries()
    found = [e for e in entries if wanted == e.name or wanted in _file_names(e)] or [
        e for e in entries if len(wanted) >= _ID_DIGITS and e.id.startswith(wanted.lower())
    ]
    if not found:
        raise Refused(f"no capture {wanted!r}; `studio status` lists them")
    if len(found) > 1:
        ids = ", ".join(e.id[:12] for e in found)
        raise Refused(f"{wanted!r} names {len(found)} captures; say which by id: {ids}")
    return found[0]


def _retouches(proposal: Proposal) -> str:
    """How many items of bounded retouches are on, and where; empty when none is."""
    counts = {"skin": 0, "stray hairs": 0, "clothes": 0}
    places = {StrandPlan.EDIT: "stray hairs", LintPlan.EDIT: "clothes"}
    for plan in proposal.active:
        if plan.tier is Tier.BOUNDED_RETOUCH:
            counts[places.get(plan.edit, "skin")] += len(plan.on) if plan.items else 1
    return " and ".join(f"{count} on {where}" for where, count in counts.items() if count)


def _corners(roi: Roi) -> str:
    return f"from {roi.y0}, {roi.x0} to {roi.y1}, {roi.x1} (y, x)"


def _file_names(entry: Entry) -> set[str]:
    """As in the folder, and as `status` shows them."""
    names = (member.path.rsplit(b"/", 1)[-1] for member in entry.members)
    return {text for name in names for text in (os.fsdecode(name), shown(name))}


def _failures(proposal: Proposal) -> str:
    failed = [g for g in proposal.guards if not g.passed and (g.edit is None or g.edit in proposal.enabled)]
    return "; ".join(g.said for g in failed)
