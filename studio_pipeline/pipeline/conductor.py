"""The parent: reads the journal, gives workers what is due, and writes down how it went."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from studio_pipeline.edits import stack
from studio_pipeline.errors import TryAgain
from studio_pipeline.pipeline import consent, decide, schedule, sets, stages
from studio_pipeline.pipeline.accession import NOTHING_MADE, Accession, switches_of
from studio_pipeline.pipeline.delivery import Order
from studio_pipeline.pipeline.schedule import Stage
from studio_pipeline.pipeline.stages import Beside, Proposed, Source, absolute, source_of
from studio_pipeline.pipeline.supervisor import Job, Lane, Outcome, Supervisor
from studio_pipeline.records.capture import State
from studio_pipeline.records.develop import BaseRecord
from studio_pipeline.records.entry import Delivered, Entry
from studio_pipeline.records.preset import OutputRecipe
from studio_pipeline.records.proposal import Proposal, Verb
from studio_pipeline.records.retouch import SkinPlan
from studio_pipeline.session import cache
from studio_pipeline.session.catalog import Catalog
from studio_pipeline.session.folder import Session
from studio_pipeline.versions import deciding_versions

log = logging.getLogger(__name__)
_STAGES = "studio_pipeline.pipeline.stages"
_FUNCTIONS = {
    Stage.PREVIEW: f"{_STAGES}:preview",
    Stage.BASE: f"{_STAGES}:base",
    Stage.MASTER: f"{_STAGES}:base",
    Stage.PROPOSE: f"{_STAGES}:propose",
    Stage.DELIVER: "studio_pipeline.pipeline.delivery:fulfil",
}
_DEADLINE_S = {
    Stage.PREVIEW: 60.0,
    Stage.BASE: 180.0,
    Stage.MASTER: 180.0,
    Stage.PROPOSE: 240.0,
    Stage.DELIVER: 900.0,
}
_RETRY_S = (2.0, 5.0, 15.0, 60.0)
_PATIENT_TRIES = 3
_FULL_BASES_BYTES = 12 << 30
MODELS = "models"
_DECIDED = (*schedule.RESTING, State.REJECTED, State.APPROVED, State.DELIVERED)
_GIVEN_UP = "the model was given up on this picture: it took too long, or too much memory"
_WITH_A_MODEL_S = 1800.0  # on a processor a proposal can take many minutes
_WITH_A_MODEL_SHARE = 0.9  # of the machine's memory


def lanes(cores: int, with_models: bool = False) -> list[Lane]:
    """One warm lane for previews only, so that nothing holds them up, and one for the rest.

    A worker keeps about one and a half cores busy, so two cores get a second one when frames pile up.
    ``with_models``: one worker more, for proposals that may ask a model: it alone owns the device, and keeps
    the model there.
    """
    developing = ("studio_pipeline.develop",)
    ready = (*developing, "studio_pipeline.pipeline.warm")
    models = [Lane(MODELS, 1, preload=ready, niceness=5)] if with_models else []
    return [
        *models,
        Lane("preview", 1, preload=developing, address_space_bytes=4 << 30),
        Lane(
            "work",
            min(4, max(1, (cores + 2) // 2)),
            preload=ready,
            niceness=5,
        ),
    ]


@dataclass
class _Retry:
    at_s: float
    tries: int


@dataclass
class _Memory:
    """What this process knows beside the catalog: the entries as last seen, and what waits for its time."""

    entries: dict[str, Entry] = field(default_factory=dict)
    revision: int = 0
    retries: dict[str, _Retry] = field(default_factory=dict)
    without_room: set[str] = field(default_factory=set)
    serving: list[Entry] = field(default_factory=list)
    asked: dict[str, Job] = field(default_factory=dict)
    """What a model is asked for now, by capture."""


class Conductor:
    """Call ``step`` from one thread; ``want_master`` and ``wake`` from any."""

    def __init__(
        self,
        session: Session,
        catalog: Catalog,
        accession: Accession,
        supervisor: Supervisor,
        *,
        now: Callable[[], datetime],
        monotonic_s: Callable[[], float],
        has_room: Callable[[], bool] = lambda: True,
        only: frozenset[Stage] = frozenset(Stage),
        recipe: str | None = None,
    ) -> None:
        self._session, self._catalog = session, catalog
        self._accession, self._supervisor = accession, supervisor
        self._now, self._monotonic_s = now, monotonic_s
        self._has_room, self._only, self._recipe = has_room, only, recipe
        self._versions = deciding_versions()
        self._roles = stack.roles(session.preset.edits)
        self._heals_skin = any(spec.name == SkinPlan.EDIT for spec in session.preset.edits)
        self._memory = _Memory()
        self._unsettled: list[Outcome] = []
        self._masters: set[str] = set()
        self._masters_lock = threading.Lock()

    def step(self, timeout_s: float) -> None:
        """Read what is new, hand out what is due, and wait for news, at most ``timeout_s``."""
        try:
            self._accession.consume()
            self._hand_out()
        except TryAgain as error:
            log.warning("%s; trying again", error)
        self._unsettled += self._supervisor.poll(timeout_s)
        try:
            while self._unsettled:
                self._settle(self._unsettled[0])
                del self._unsettled[0]
        except TryAgain as error:
            log.warning("%s; trying again", error)

    @property
    def idle(self) -> bool:
        """Nothing runs, waits or is due (files still settling are the intake's affair).

        What was tried again for long, or waits for room on a drive, does not keep `studio run` from ending;
        its reason stands in the status.
        """
        hopeful = any(retry.tries < _PATIENT_TRIES for retry in self._memory.retries.values())
        settled = self._supervisor.idle and not self._unsettled
        return settled and not hopeful and not self._changed_ids()

    @property
    def jobs(self) -> dict[str, Any]:
        running = [
            {"stage": job.key.split(":")[0], "capture": job.key.split(":")[1]}
            for job in self._supervisor.running
        ]
        return {"running": running, "queued": self._supervisor.waiting}

    def wake(self) -> None:
        self._supervisor.wake()

    def want_master(self, capture_id: str) -> None:
        """Someone looks at 100%: develop this capture in full, before anything else that waits."""
        with self._masters_lock:
            self._masters.add(capture_id)
        self.wake()

    def source(self, entry: Entry) -> Source:
        return source_of(self._session, entry, self._versions)

    def beside_of(self, proposal: Proposal) -> dict[str, Beside]:
        """The captures that the proposal's plans name, as far as they are still what they were."""
        return self._as_beside(sets.named(proposal, list(self._memory.entries.values())))

    def _beside(self, entry: Entry) -> dict[str, Beside]:
        """The captures that a proposal of this one is to be made beside, as of now."""
        return self._as_beside(sets.beside(entry, self._memory.serving, self._roles))

    def _as_beside(self, others: dict[str, Entry]) -> dict[str, Beside]:
        return {role: stages.beside_of(self._session, e, self._versions) for role, e in others.items()}

    def _changed_ids(self) -> list[str]:
        return self._catalog.changed_since(self._memory.revision)[1]

    def _hand_out(self) -> None:
        revision, changed = self._catalog.changed_since(self._memory.revision)
        now_s = self._monotonic_s()
        ripe = [i for i, retry in self._memory.retries.items() if retry.at_s <= now_s]
        has_room = self._has_room()
        again = self._memory.without_room if has_room else ()
        self._remember(changed)
        withdrawn = self._withdraw(changed)
        everybody = self._memory.entries if self._others_serve() else ()
        for capture_id in dict.fromkeys([*changed, *withdrawn, *ripe, *again, *everybody]):
            entry = self._memory.entries.get(capture_id)
            if entry is None:
                continue
            retry = self._memory.retries.get(capture_id)
            if retry is None or retry.at_s <= now_s:
                self._submit(entry, has_room)
        self._memory.revision = revision  # only now: what could not be handed out is looked at again
        with self._masters_lock:
            masters, self._masters = self._masters, set()
        for capture_id in masters:
            entry = self._memory.entries.get(capture_id)
            if entry is not None and entry.base is not None:
                self._supervisor.submit(self._job(entry, Stage.MASTER))

    def _withdraw(self, changed: list[str]) -> list[str]:
        """A model is not kept at what nobody wants any more; the captures, for which other work may be due.

        Consent is said of people, and changes no entry that has no proposal yet: what runs is looked at, too.
        """
        withdrawn = []
        running = [job.key.split(":")[1] for job in self._supervisor.running if job.heeds]
        for capture_id in dict.fromkeys([*changed, *running]):
            job = self._memory.asked.get(capture_id)
            if job is None:
                continue
            entry = self._memory.entries.get(capture_id)
            if entry is None or entry.state in _DECIDED or self._outdated(entry, job.arguments):
                self._supervisor.withdraw(job.lane, job.key)
                del self._memory.asked[capture_id]
                withdrawn.append(capture_id)
        return withdrawn

    def _outdated(self, entry: Entry, asked: Mapping[str, Any]) -> bool:
        """Whether somebody has said otherwise since a proposal was asked for."""
        made_for = (asked["source"].base_key, asked["door"], asked["hands"])
        if made_for != (entry.base_key, entry.door, entry.hands):
            return True
        return bool(asked["consent"].key != consent.of(self._catalog, entry).key)

    def _remember(self, changed: list[str]) -> None:
        for capture_id in changed:
            entry = self._catalog.entry(capture_id)
            if entry is None:
                self._memory.entries.pop(capture_id, None)
            else:
                self._memory.entries[capture_id] = entry

    def _others_serve(self) -> bool:
        """Whether an empty set or a reference came, went or changed since this was last asked."""
        if not self._roles:
            return False
        before = {(e.id, e.revision) for e in self._memory.serving}
        self._memory.serving = [e for e in self._memory.entries.values() if sets.may_serve(e)]
        return {(e.id, e.revision) for e in self._memory.serving} != before

    def _submit(self, entry: Entry, has_room: bool) -> None:
        self._memory.without_room.discard(entry.id)
        if not entry.members or entry.state in (State.QUARANTINED, State.PURGED):
            return
        sources = _keys(self._beside(entry)) if entry.proposal is not None else {}
        allowed = consent.of(self._catalog, entry)
        for stage in schedule.due(
            entry, self._session.preset, self.source(entry).base_key, sources, allowed.key
        ):
            if stage not in self._only or (stage is Stage.DELIVER and not self._recipes(entry)):
                continue
            if has_room or stage is Stage.PREVIEW:  # a preview is small, and shows that the frame came
                job = self._job(entry, stage)
                if self._supervisor.submit(job) and job.heeds:
                    self._memory.asked[entry.id] = job
            else:
                self._memory.without_room.add(entry.id)

    def _recipes(self, entry: Entry) -> tuple[OutputRecipe, ...]:
        """What this approval still lacks, of the recipes that were asked for."""
        done = {one.recipe for one in entry.delivered if one.shown_hash == entry.approved_hash}
        wanted = (r for r in self._session.preset.deliverables if self._recipe in (None, r.name))
        return tuple(r for r in wanted if r.name not in done)

    def _job(self, entry: Entry, stage: Stage) -> Job:
        asks = stage is Stage.PROPOSE and self._supervisor.has(MODELS) and not _was_given_up(entry)
        lane = "preview" if stage is Stage.PREVIEW else MODELS if asks else "work"
        return Job(
            key=f"{stage.value}:{entry.id}",
            lane=lane,
            priority=schedule.priority(entry, stage),
            function=_FUNCTIONS[stage],
            arguments=self._arguments(entry, stage),
            deadline_s=_WITH_A_MODEL_S if asks else _DEADLINE_S[stage],
            heeds=asks,
            **({"memory_bytes": _memory_for_models()} if asks else {}),
        )

    def _arguments(self, entry: Entry, stage: Stage) -> dict[str, Any]:
        source, preset = self.source(entry), self._session.preset
        look = entry.base.look if entry.base else None
        match stage:
            case Stage.PREVIEW:
                return {"source": source}
            case Stage.BASE:
                return {"source": source, "half": True, "look": None}
            case Stage.MASTER:
                return {"source": source, "half": False, "look": look}
            case Stage.PROPOSE:
                return {
                    "source": source,
                    "look": look,
                    "door": entry.door,
                    "edits": preset.edits,
                    "limits": preset.guards,
                    "switches": entry.switches,
                    "hands": entry.hands,
                    "beside": self._beside(entry),
                    "consent": consent.of(self._catalog, entry),
                    "marks": sets.marks(entry, self._memory.entries.values()) if self._heals_skin else (),
                    "engines": preset.engines,
                    "without_a_model": _GIVEN_UP if _was_given_up(entry) else "",
                }
            case Stage.DELIVER:
                return {"order": self.order(entry)}

    def order(self, entry: Entry) -> Order:
        """What an approved capture is to become, as the delivering stage wants it."""
        source = self.source(entry)
        session, primary = self._session, next(m for m in entry.members if m.sha256 == entry.id)
        decisions = self._catalog.decisions(entry.id)
        approval = next(d for d in reversed(decisions) if d.verb is Verb.APPROVE)
        assert entry.base is not None and entry.approved_hash is not None
        proposal = self._catalog.proposal(entry.approved_hash)
        return Order(
            source=source,
            name=entry.name,
            primary_path=primary.path,
            primary_file=absolute(session.root, primary.path),
            base=entry.base,
            door=entry.door,
            proposal=proposal,
            decision=approval,
            limits=session.preset.guards,
            recipes=self._recipes(entry),
            hidden=session.hidden,
            output=session.output,
            records=session.records,
            delivered_at=self._now(),
            beside=self.beside_of(proposal),
            consent=consent.of(self._catalog, entry),
        )

    def _settle(self, outcome: Outcome) -> None:
        stage_name, capture_id = outcome.job.key.split(":")
        stage = Stage(stage_name)
        if outcome.job.heeds:
            self._memory.asked.pop(capture_id, None)
        later = self._later(capture_id, stage, outcome.text) if outcome.error == "TryAgain" else None
        if later is None:
            self._memory.retries.pop(capture_id, None)
        # A person may decide from another process between the reading and the writing: then look again.
        while (entry := self._catalog.entry(capture_id)) is not None:
            done = outcome.kind == "done"
            changes = later or (
                self._results(entry, stage, outcome) if done else _failed(entry, stage, outcome)
            )
            if not changes or self._catalog.update_seen(entry, **changes) is not None:
                break
        # An entry that is gone has another id since its RAW joined: its work starts anew.
        name = entry.name if entry else capture_id[:12]
        log.info("%s of %s: %s in %.2f s %s", stage, name, outcome.kind, outcome.seconds, outcome.text)

    def _results(self, entry: Entry, stage: Stage, outcome: Outcome) -> dict[str, Any]:
        if stage is Stage.DELIVER:
            return self._delivered(entry, outcome)
        source: Source = outcome.job.arguments["source"]
        if stage is Stage.PREVIEW:
            return {"previewed": True, "exposure": outcome.value}
        if stage is Stage.MASTER:
            cache.trim(self._session.cache, _FULL_BASES_BYTES, frozenset({entry.id}))
            return {"reason": entry.reason}  # a new revision: the page may now ask for 100%
        if stage is Stage.BASE:
            if source.base_key != self.source(entry).base_key:
                return {}  # a TIFF arrived while its RAW was developed
            if entry.base_key is not None and entry.base_key != source.base_key:
                return self._developed_anew(entry, outcome.value, source.base_key)
            state = (
                State.DEVELOPED if entry.state in (State.TAKEN_IN, State.WAITING_FOR_TIFF) else entry.state
            )
            return {
                "base": outcome.value,
                "base_key": source.base_key,
                "state": state,
                "reason": entry.reason,
            }
        if entry.state in _DECIDED:
            return {}  # a person decided meanwhile, on what was shown
        asked = outcome.job.arguments
        if self._outdated(entry, asked):
            return {"reason": entry.reason}  # somebody said otherwise meanwhile: it is due again
        made = {"sources": _keys(asked["beside"]), "consent": asked["consent"].key}
        # What failed before it was made says nothing of the next one, which may be made beside others.
        failures = {name: tries for name, tries in entry.failures.items() if name != stage.value}
        return self._proposed(entry, outcome.value) | made | {"failures": failures}

    def _developed_anew(self, entry: Entry, base: BaseRecord, base_key: str) -> dict[str, Any]:
        """Other library versions made another base: what was proposed and approved on the old one is void."""
        changes: dict[str, Any] = NOTHING_MADE | switches_of(entry) | {"base": base, "base_key": base_key}
        if entry.state in (State.DELIVERED, State.REJECTED):
            return {"base": base, "base_key": base_key}
        approved = entry.approved_hash is not None
        reason = "developed by another version after the approval; look again" if approved else ""
        stale = entry.stale or approved
        return changes | {"state": State.DEVELOPED, "approved_hash": None, "stale": stale, "reason": reason}

    def _proposed(self, entry: Entry, value: Proposed) -> dict[str, Any]:
        reasons = (value.subject.reason, *value.missing)
        changes: dict[str, Any] = {"subject": value.subject, "reason": "; ".join(filter(None, reasons))}
        if value.proposal is None:
            return changes | {"state": State.DEVELOPED}
        changes["proposal_hash"] = self._catalog.keep_proposal(value.proposal)
        changes["proposal"] = value.proposal.outline()
        if entry.stale:
            why = decide.PLANNED_ANEW if entry.reason == decide.PLANNED_ANEW else "approved on another base"
            changes["reason"] = "; ".join(filter(None, [why, *reasons]))
        return changes | {"state": State.PROPOSED if value.subject.sure else State.NEEDS_A_PERSON}

    def _delivered(self, entry: Entry, outcome: Outcome) -> dict[str, Any]:
        made: tuple[Delivered, ...] = outcome.value
        if entry.approved_hash != outcome.job.arguments["order"].proposal.shown_hash():
            # Revoked or approved anew meanwhile: nobody stands for what was published now.
            paths = {one.path for one in made}
            others = (one for one in entry.delivered if one.path not in paths)
            return {"delivered": (*others, *self._taken_back(made)), "reason": entry.reason}
        cache.trim(self._session.cache, _FULL_BASES_BYTES, frozenset({entry.id}))
        again = {one.recipe for one in made}
        delivered = (*(one for one in entry.delivered if one.recipe not in again), *made)
        whole = {r.name for r in self._session.preset.deliverables} <= {
            one.recipe for one in delivered if one.shown_hash == entry.approved_hash
        }
        if entry.state not in (State.APPROVED, State.DELIVERED):
            return {"delivered": delivered}  # its original is gone meanwhile, say
        return {"delivered": delivered, "state": State.DELIVERED if whole else State.APPROVED, "reason": ""}

    def _taken_back(self, made: tuple[Delivered, ...]) -> tuple[Delivered, ...]:
        """Of what was published, that which stays: recorded, so that `revoke` can try again."""
        try:
            return tuple(decide.take_back(self._session, made))
        except OSError as error:
            log.warning("%s cannot be removed: %s", error.filename, error.strerror)
            return made

    def _later(self, capture_id: str, stage: Stage, text: str) -> dict[str, Any]:
        before = self._memory.retries.get(capture_id)
        tries = before.tries + 1 if before else 0
        wait_s = _RETRY_S[min(tries, len(_RETRY_S) - 1)]
        self._memory.retries[capture_id] = _Retry(self._monotonic_s() + wait_s, tries)
        return {"reason": f"{stage.value}: {text}; trying again"}


def _was_given_up(entry: Entry) -> bool:
    """Whether a proposal of it was killed before: what killed it may be the model, so none is asked again."""
    return entry.failures.get(Stage.PROPOSE.value, 0) > 0


def _memory_for_models() -> int:
    import psutil

    return int(_WITH_A_MODEL_SHARE * psutil.virtual_memory().total)


def _keys(beside: Mapping[str, Beside]) -> dict[str, str]:
    return {role: one.source.base_key for role, one in beside.items()}


def _failed(entry: Entry, stage: Stage, outcome: Outcome) -> dict[str, Any]:
    """What a failure means for the capture, by where it happened."""
    if outcome.error == "NeedsTiff":
        return {"state": State.WAITING_FOR_TIFF, "reason": outcome.text, "failures": _gave_up(entry, stage)}
    if outcome.kind == "died" and entry.failures.get(stage.value, 0) + 1 < schedule.MOST_TRIES:
        return {"failures": entry.failures | {stage.value: entry.failures.get(stage.value, 0) + 1}}
    failures, text = _gave_up(entry, stage), _explained(stage, outcome)
    if stage is Stage.PREVIEW:
        return {"failures": failures}  # developing says what is wrong with the file
    if stage is Stage.BASE and entry.base_member.sha256 != entry.id:
        # A bad export costs the export, not the frame: the RAW is the base again.
        unusable = (*entry.unusable, entry.base_member.sha256)
        return {"unusable": unusable, "reason": f"an export was not used: {text}"}
    if stage is Stage.BASE:
        return {"failures": failures, "state": State.QUARANTINED, "reason": text}
    if stage is Stage.PROPOSE:
        return {"failures": failures, "state": State.NEEDS_A_PERSON, "reason": text}
    if stage is Stage.DELIVER:
        return {"state": State.NEEDS_A_PERSON, "approved_hash": None, "reason": text}
    return {}


def _gave_up(entry: Entry, stage: Stage) -> dict[str, int]:
    return entry.failures | {stage.value: schedule.MOST_TRIES}


def _explained(stage: Stage, outcome: Outcome) -> str:
    if outcome.kind == "died":
        return f"{stage.value} was given up, twice: {outcome.text}; export a TIFF of it from your converter"
    if outcome.kind == "broke":
        return f"{stage.value} failed with {outcome.error}: {outcome.text}; the log has the details"
    return outcome.text
