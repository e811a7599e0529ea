"""What may be proposed, held where it is planned, where it is approved, and where it is delivered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from studio_pipeline.edits import EDITS
from studio_pipeline.edits.base import Chooser
from studio_pipeline.engines.registry import ENGINES
from studio_pipeline.errors import Refused
from studio_pipeline.pipeline import asking
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.records.capture import State
from studio_pipeline.records.consent import (
    GENERATIVE,
    NO_GENERATIVE,
    WORDS,
    Allowed,
    Consent,
    Held,
    Level,
    held,
)
from studio_pipeline.records.entry import Entry
from studio_pipeline.records.plan import Plan, Refusal, Tier
from studio_pipeline.records.preset import EditSpec, EngineSettings
from studio_pipeline.records.proposal import Proposal
from studio_pipeline.subject.reading import Reading

if TYPE_CHECKING:  # workers need no database
    from studio_pipeline.session.catalog import Catalog

_TIERS: dict[Level, tuple[Tier, ...]] = {
    Level.NOTHING: (),
    Level.BACKDROP_ONLY: (Tier.BACKDROP_ONLY, Tier.EDGE),
    Level.BOUNDED_RETOUCH: tuple(Tier),
}
NARROWED = "consent was narrowed after the approval; look again"
_CLASSICAL = "classical"
_UNDECIDED = (State.PROPOSED, State.NEEDS_A_PERSON, State.REJECTED)


@dataclass
class Change:
    """What a word on consent led to: entries whose approval is void, and those delivered beyond it before."""

    voided: list[Entry] = field(default_factory=list)
    delivered: list[Entry] = field(default_factory=list)


def parse(words: Sequence[str], before: Allowed) -> Allowed:
    """A person's words; what they do not name, level or restriction, stays as ``before`` has it.

    Raises Refused.
    """
    said = {word.strip().lower().replace("-", " ") for word in words}
    if unknown := sorted(said - set(WORDS)):
        raise Refused(f"no such consent: {unknown[0]!r}; there are: {', '.join(WORDS)}")
    pixels = said & {NO_GENERATIVE, GENERATIVE}
    levels = sorted(said - pixels)
    for one_of in (levels, sorted(pixels)):
        if len(one_of) > 1:
            raise Refused(f"{one_of[0]} and {one_of[1]}: give one of them")
    return Allowed(
        level=Level(levels[0]) if levels else before.level,
        no_generative=NO_GENERATIVE in pixels if pixels else before.no_generative,
    )


def of(catalog: Catalog, entry: Entry) -> Held:
    """What counts for a capture now."""
    return held(entry.people, catalog.consent_by_subject())


def planned(specs: Sequence[EditSpec], allowed: Allowed) -> tuple[EditSpec, ...]:
    """The edits that are worth planning: where nothing may be proposed, none."""
    return () if allowed.level is Level.NOTHING else tuple(specs)


def shown(reading: Reading, allowed: Allowed) -> Reading:
    """The reading as edits plan with it: without a word for retouch, there is no skin to heal."""
    if allowed.level is Level.BOUNDED_RETOUCH or not (reading.zones == Zone.HEALABLE).any():
        return reading
    zones = np.where(reading.zones == Zone.HEALABLE, np.uint8(Zone.LOCKED), reading.zones)
    return replace(reading, zones=np.asarray(zones, np.uint8))


def chooser(consent: Held, settings: EngineSettings) -> Chooser:
    """Who chooses a model: nobody, where generated pixels were not consented to."""
    if consent.allowed.no_generative:
        return asking.nobody_asked(f"generated pixels are not allowed: {consent.why}")
    return asking.installed(settings)


def kept_back(plans: Sequence[Plan], specs: Sequence[EditSpec], consent: Held) -> tuple[Plan, ...]:
    """A plan for every row of the preset: what goes beyond consent is a refusal that says why."""
    by_name = {plan.edit: plan for plan in plans}
    full = [by_name.get(spec.name) or _unplanned(spec) for spec in specs]
    return tuple(_kept_back(plan, consent) for plan in full)


def _unplanned(spec: EditSpec) -> Plan:
    edit = EDITS[spec.name]
    return Plan(
        edit=edit.name,
        version=edit.version,
        tier=edit.tier,
        engine=edit.engine,
        seed=spec.seed,
        params=spec.params,
    )


def _kept_back(plan: Plan, consent: Held) -> Plan:
    if (beyond := _beyond(plan, consent.allowed)) is None:
        return plan
    if not plan.changes and plan.tier is not Tier.BOUNDED_RETOUCH:  # which finds no skin without a word
        return plan
    refusal = Refusal(where="whole edit", reason=f"{beyond}, and {consent.why}")
    kept = plan.refusals if plan.changes else ()
    nothing: dict[str, Any] = {
        "canvas": None,
        "items": (),
        "off": (),
        "sources": {},
        "exchange": None,
        "body": {},
    }
    return plan.model_copy(update={**nothing, "changes": False, "refusals": (*kept, refusal)})


def refuse_beyond(proposal: Proposal, consent: Held, name: str) -> None:
    """Raises Refused where an edit that is on goes beyond what was consented to."""
    for plan in proposal.active:
        if (beyond := _beyond(plan, consent.allowed)) is not None:
            raise Refused(f"{name}: {plan.edit} {beyond}, and {consent.why}")


def _beyond(plan: Plan, allowed: Allowed) -> str | None:
    """In what a plan goes too far; None where it does not."""
    if plan.tier not in _TIERS[allowed.level]:
        return f"is {plan.tier.value}"
    if allowed.no_generative and _is_generative(plan.engine):
        return f"makes pixels with the generative engine {plan.engine}"
    return None


def _is_generative(name: str) -> bool:
    """An engine that nobody knows any more counts as one."""
    known = {engine.name: engine.generative for engine in ENGINES} | {_CLASSICAL: False}
    return known.get(name, True)


def say(catalog: Catalog, consent: Consent) -> Change:
    """Record it, and void approvals that go beyond it. What was delivered before is only named."""
    catalog.say_consent(consent)
    return _carry_out(catalog, catalog.entries())


def name_people(catalog: Catalog, entry: Entry, people: Iterable[str]) -> Entry:
    """Say who is in a capture; their consent counts for it from now on."""
    names = tuple(sorted({_name(one) for one in people}))
    changed = catalog.update(entry.id, people=names)
    change = _carry_out(catalog, [changed])
    return change.voided[0] if change.voided else changed


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > 200:
        raise Refused("a person's name is one line, and not empty")
    return name


def _carry_out(catalog: Catalog, entries: list[Entry]) -> Change:
    change = Change()
    latest = catalog.consent_by_subject()
    for entry in entries:
        consent = held(entry.people, latest)
        if entry.approved_hash is not None and not _holds(catalog, entry, consent):
            if entry.delivered:
                change.delivered.append(entry)
            if entry.state is State.APPROVED:
                change.voided.append(catalog.update(entry.id, **_VOID))
        elif entry.state in _UNDECIDED and entry.consent != consent.key:
            catalog.update(entry.id)  # another revision: who works on the session looks at it again
    return change


_VOID: dict[str, Any] = {
    "approved_hash": None,
    "stale": True,
    "state": State.DEVELOPED,
    "reason": NARROWED,
    "proposal": None,
    "proposal_hash": None,
    "subject": None,
    "failures": {},
}


def _holds(catalog: Catalog, entry: Entry, consent: Held) -> bool:
    assert entry.approved_hash is not None
    try:
        refuse_beyond(catalog.proposal(entry.approved_hash), consent, entry.name)
    except Refused:
        return False
    return True


def consented(subject: str, allowed: Allowed, user: str, host: str, via: str, now: datetime) -> Consent:
    return Consent(
        subject=_name(subject) if subject else "", allowed=allowed, user=user, host=host, via=via, said_at=now
    )
