"""What the session looks like from outside: the JSON of `studio status` and of the page."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from studio_pipeline.edits import EDITS
from studio_pipeline.geometry import Roi
from studio_pipeline.records.capture import shown as escaped
from studio_pipeline.records.consent import Held
from studio_pipeline.records.entry import Entry, Handed
from studio_pipeline.records.hand import NOTHING, Hand
from studio_pipeline.records.plan import Item, Plan
from studio_pipeline.records.proposal import Decision, GuardResult, Proposal
from studio_pipeline.session.folder import Session

Json = dict[str, Any]
_DEFAULT_CONSENT = Held()


def status(session: Session, entries: list[Entry], now: datetime, health: Json | None = None) -> Json:
    """`studio status --json`. Paths are relative to the session, escaped where they are not UTF-8.

    health: how the session is doing, of ``pipeline.health``; the page is told it separately.
    """
    newest = max((e.arrived_at for e in entries), default=None)
    return {
        "session": escaped(os.fsencode(session.root)),
        "captures": [row(e) for e in entries],
        "counts": dict(Counter(e.state.value for e in entries)),
        "last_frame_age_s": age_s(newest, now),
    } | ({} if health is None else {"health": health})


def age_s(then: datetime | None, now: datetime) -> float | None:
    return None if then is None else round((now - then).total_seconds(), 1)


def row(entry: Entry) -> Json:
    """One capture of the list."""
    subject, exposure = entry.subject, entry.exposure
    return {
        "id": entry.id,
        "name": entry.name,
        "files": [
            {
                "path": m.shown,
                "path_b64": m.path_b64,
                "sha256": m.sha256,
                "bytes": m.size_bytes,
                "role": m.role.value,
            }
            for m in entry.members
        ],
        "copies": list(entry.copies),
        "lineage": list(entry.lineage),
        "state": entry.state.value,
        "reason": entry.reason,
        "stale": entry.stale,
        "proposals": [_outline(entry)] if entry.proposal else [],
        "deliverables": [
            {"path": d.shown, "path_b64": d.path_b64, "sha256": d.sha256, "recipe": d.recipe}
            for d in entry.delivered
        ],
        "kind": subject.kind if subject else None,
        "rating": entry.rating,
        "picked": entry.picked,
        "reference": entry.reference,
        "label": entry.label,
        "arrived_at": entry.arrived_at.isoformat(),
        "captured_at": exposure.captured_at.isoformat() if exposure.captured_at else None,
        "camera": exposure.camera,
        "serial": exposure.serial,
        "preview": entry.previewed,
        "revision": entry.revision,
        "tier": entry.proposal.tier.value if entry.proposal else None,
    }


def detail(
    entry: Entry,
    decisions: list[Decision],
    proxy_scale: float,
    beside: Mapping[str, Entry] = MappingProxyType({}),
    consent: Held = _DEFAULT_CONSENT,
) -> Json:
    """One capture with everything the loupe shows. ``beside``: what its proposal was made beside, by role."""
    subject, turn = entry.subject, entry.proposal.turn if entry.proposal else None
    return row(entry) | {
        "proposal": _proposal(entry, proxy_scale) if entry.proposal else None,
        "subject": {
            "kind": subject.kind,
            "sure": subject.sure,
            "reason": subject.reason,
            "faces": [_corners(turn.roi(f.roi) if turn else f.roi) for f in subject.faces],
            "zones": subject.fractions,
            "decided_by": subject.decided_by,
        }
        if subject
        else None,
        "base": {
            "extent": [entry.base.extent.height, entry.base.extent.width],
            "kind": entry.base.kind,
            "notes": list(entry.base.notes),
            "profile": entry.base.profile_name,
        }
        if entry.base
        else None,
        "people": list(entry.people),
        "consent": consent.allowed.model_dump(mode="json") | {"why": consent.why},
        "decisions": [d.model_dump(mode="json") for d in decisions],
        "beside": [
            {"role": role, "id": other.id, "name": other.name, "edits": _users(entry.proposal, role)}
            for role, other in beside.items()
        ],
        "members": [{"path": m.shown, "role": m.role.value, "bytes": m.size_bytes} for m in entry.members],
    }


def _users(proposal: Proposal | None, role: str) -> list[str]:
    """The edits that take pixels from the frame of this role, or were told to match it."""
    plans = proposal.plans if proposal else ()
    return [p.edit for p in plans if p.changes and (role in p.sources or p.params.get("to") == role)]


def guard(result: GuardResult) -> Json:
    return result.model_dump(mode="json")


def shown(proposal: Proposal) -> Json:
    """What one set of switches amounts to: ``proposal`` in full, with these switches."""
    return {
        "shown_hash": proposal.shown_hash(),
        "canvas": _corners(proposal.canvas),
        "guards": [guard(g) for g in proposal.guards if g.edit is None or g.edit in proposal.enabled],
        "generated": generated(proposal),
        "passed": proposal.passed,
        "tier": proposal.tier.value,
    }


def generated(proposal: Proposal) -> Json:
    """How much of the picture a model made, and which; ``of_the_person`` is what no setting changes."""
    return {
        "share": round(proposal.generated_share, 6),
        "by": list(proposal.generated_by),
        "of_the_person": 0,
    }


def _outline(entry: Entry) -> Json:
    proposal = entry.proposal
    assert proposal is not None and entry.proposal_hash is not None
    return {
        "id": entry.proposal_hash[:12],
        "hash": entry.proposal_hash,
        "tier": proposal.tier.value,
        "edits": [
            {
                "name": p.edit,
                "version": p.version,
                "params": p.params,
                "engine": p.engine,
                "items": _items(p),
                "hand": hand(p.hand),
            }
            for p in proposal.plans
            if p.edit in proposal.enabled
        ],
        "guards": [guard(g) for g in proposal.guards],
        "generated": generated(proposal),
    }


def _proposal(entry: Entry, proxy_scale: float) -> Json:
    proposal = entry.proposal
    assert proposal is not None
    return {
        "hash": entry.proposal_hash,
        "shown_hash": entry.proposal_hash,
        "tier": proposal.tier.value,
        "canvas": _corners(proposal.canvas),
        "base": [proposal.base_extent.height, proposal.base_extent.width],
        "proxy_scale": proxy_scale,
        "edits": [_edit(p, p.edit in proposal.enabled, entry.hands.get(p.edit)) for p in proposal.plans],
        "guards": [guard(g) for g in proposal.guards],
        "generated": generated(proposal),
        "passed": proposal.passed,
    }


def _edit(plan: Plan, enabled: bool, handed: Handed | None) -> Json:
    """``hand`` and ``said_by`` are what the plan was made with, and whose word the last of it was."""
    return {
        "name": plan.edit,
        "title": EDITS[plan.edit].title if plan.edit in EDITS else plan.edit,
        "version": plan.version,
        "engine": plan.engine,
        "tier": plan.tier.value,
        "enabled": enabled,
        "changes": plan.changes,
        "params": plan.params,
        "refusals": [{"where": r.where, "reason": r.reason} for r in plan.refusals],
        "notes": list(plan.notes),
        "items": [item(one) for one in plan.items],
        "off": list(plan.off),
        "hand": hand(plan.hand),
        "said_by": handed.user if handed else None,
    }


def item(one: Item) -> Json:
    return {"id": one.id, "kind": one.kind, "roi": _corners(one.roi), "said": one.said}


def hand(said: Hand) -> Json | None:
    """A person's hand, corners as ``[y, x]``; None where there is none."""
    if said == NOTHING:
        return None
    area, spare = (
        [[[p.y, p.x] for p in polygon] for polygon in polygons] for polygons in (said.area, said.spare)
    )
    return {"area": area, "spare": spare, "tries": said.tries}


def _items(plan: Plan) -> Json:
    """How many items of each kind are on, and which are off: for lists of captures."""
    return {"on": dict(Counter(one.kind for one in plan.on)), "off": list(plan.off)}


def _corners(roi: Roi) -> list[int]:
    return [roi.y0, roi.x0, roi.y1, roi.x1]
