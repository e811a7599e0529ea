"""A desk in memory, for the app's and the page's own contract: real picture bytes, no pipeline behind."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from studio_pipeline.errors import Refused
from studio_pipeline.pipeline import report
from studio_pipeline.records.consent import Allowed
from studio_pipeline.records.hand import NOTHING, Hand, Wish
from studio_pipeline.records.proposal import Choice
from studio_pipeline.review.desk import Layer
from tests.review.studio_picture import Canvas, StudioPicture

EXTEND, HEAL = "extend_background", "heal_spots"
BOTH = Choice(enabled=(EXTEND, HEAL))
_SHOT_AT = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)

Row = dict[str, Any]


class MemoryDesk:
    """Captures by id. ``arrive`` adds one; every change raises the revision and wakes who waits."""

    def __init__(self, picture: StudioPicture) -> None:
        self.picture = picture
        self.rows: dict[str, Row] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.alarms: list[str] = []
        self.notices: list[str] = []
        self.cameras: list[Row] = []
        self.more_items: list[Row] = []
        self.hands: dict[str, dict[str, Hand]] = {}
        self.beside: dict[str, list[Row]] = {}
        self.off: dict[str, tuple[str, ...]] = {}
        self.candidates = 0
        self._revision = 0
        self._changed_at: dict[str, int] = {}
        self._versions: dict[str, int] = {}
        self._last_frame_s: float | None = None
        self._condition = threading.Condition()

    # What tests do to it.

    def arrive(self, name: str, state: str = "proposed", reason: str = "") -> str:
        capture_id = hashlib.sha256(name.encode()).hexdigest()
        taken = _SHOT_AT + timedelta(seconds=7 * len(self.rows))
        row = {
            "id": capture_id,
            "name": name,
            "files": [{"path": f"Capture/{name}", "path_b64": "", "sha256": capture_id, "bytes": 24_000_000}],
            "state": state,
            "reason": reason,
            "proposals": [],
            "deliverables": [],
            "kind": "unsure" if state == "needs-a-person" else "portrait",
            "rating": None,
            "picked": False,
            "reference": False,
            "label": None,
            "arrived_at": taken.isoformat(),
            "captured_at": taken.isoformat(),
            "preview": state not in {"taken-in", "quarantined", "waiting-for-tiff"},
            "tier": "backdrop only" if state in _WITH_PROPOSAL else None,
            "decisions": [],
            "people": [],
            "consent": {"level": "backdrop only", "no_generative": False, "why": "consent is backdrop only"},
        }
        with self._condition:
            self.rows[capture_id] = row
            self._last_frame_s = time.monotonic()
            self._touch(capture_id)
        return capture_id

    def set_state(self, capture_id: str, state: str, reason: str = "") -> None:
        with self._condition:
            row = self.rows[capture_id]
            row.update(state=state, reason=reason, preview=True)
            row["tier"] = "backdrop only" if state in _WITH_PROPOSAL else None
            self._touch(capture_id)

    def new_export(self, capture_id: str, *, silently: bool = False) -> None:
        """As when a new TIFF export becomes the base: what is shown has another hash now.

        ``silently``: before anybody heard of it.
        """
        with self._condition:
            self._versions[capture_id] = self._versions.get(capture_id, 0) + 1
            if silently:
                return
            self.rows[capture_id].update(state="proposed", reason="a new export arrived: look again")
            self._touch(capture_id)

    def remove(self, capture_id: str) -> None:
        with self._condition:
            del self.rows[capture_id]
            self._touch(capture_id)

    # What the app asks.

    def status(self) -> Row:
        with self._condition:
            rows = [self._row(capture_id) for capture_id in self.rows]
            return {
                "session": "/shoots/2026-03-14 Portraits",
                "captures": rows,
                "counts": self._counts(),
                "last_frame_age_s": self._age_s(),
            }

    def capture(self, capture_id: str) -> Row:
        with self._condition:
            row = self._row(capture_id)
            row["proposal"] = self._proposal(capture_id) if row["state"] in _WITH_PROPOSAL else None
            row["members"] = row["files"]
            row["base"] = {"kind": "raw", "notes": ["developed from the RAW, look neutral"]}
            row["subject"] = self._subject(row)
            row["beside"] = self.beside.get(capture_id, [])
            return row

    def shown(self, capture_id: str, choice: Choice) -> Row:
        with self._condition:
            self.calls.append(("shown", choice.enabled, choice.off))
            proposal = self._proposal(capture_id, choice)
            return {key: proposal[key] for key in ("shown_hash", "canvas", "guards", "passed", "tier")}

    def preview(self, capture_id: str, long_edge: int) -> bytes:
        proposed = self._row(capture_id)["state"] in _WITH_PROPOSAL
        return self.picture.preview(long_edge, proposed=proposed)

    def small(self, capture_id: str, choice: Choice, long_edge: int) -> bytes:
        self._row(capture_id)
        self.calls.append(("small", choice.enabled, choice.off))
        return self.picture.preview(long_edge, proposed=True, candidate=self._drawn(choice))

    def tile(self, capture_id: str, layer: Layer, choice: Choice, level: int, col: int, row: int) -> bytes:
        self._row(capture_id)
        self.calls.append(("tile", layer, choice.enabled, level, col, row))
        off = choice.off.get(HEAL, ()) if HEAL in choice.enabled else self._spot_ids
        dusty = frozenset(place for place, id_ in enumerate(self._spot_ids) if id_ in off)
        canvas, candidate = self._canvas(choice.enabled), self._drawn(choice)
        return self.picture.tile(canvas, layer, dusty, level, col, row, candidate)

    def approve(self, capture_id: str, shown_hash: str, choice: Choice, user: str, via: str) -> Row:
        with self._condition:
            self._row(capture_id)
            if shown_hash != self._proposal(capture_id, choice)["shown_hash"]:
                raise Refused("what was shown is no longer the current proposal: look again, then approve")
            self.calls.append(("approve", capture_id, shown_hash, choice.enabled, user, via))
            self.off = choice.off
            return self._decide(capture_id, "approve", "approved", user, via)

    def reject(self, capture_id: str, user: str, via: str) -> Row:
        return self._decide(capture_id, "reject", "rejected", user, via)

    def revoke(self, capture_id: str, user: str, via: str) -> Row:
        return self._decide(capture_id, "revoke", "proposed", user, via)

    def pick(self, capture_id: str, picked: bool) -> Row:
        with self._condition:
            self.calls.append(("pick", capture_id, picked))
            self.rows[capture_id]["picked"] = picked
            self._touch(capture_id)
            return self._row(capture_id)

    def mark_reference(self, capture_id: str, reference: bool, user: str) -> Row:
        with self._condition:
            self.calls.append(("mark_reference", capture_id, reference, user))
            self.rows[capture_id]["reference"] = reference
            self._touch(capture_id)
            return self._row(capture_id)

    def repaint(self, capture_id: str, polygons: list[list[list[float]]], user: str) -> None:
        self.calls.append(("repaint", capture_id, polygons, user))
        self.set_state(capture_id, "proposed")

    def hand(self, capture_id: str, edit: str, wish: Wish, choice: Choice, user: str) -> Row:
        """Planned anew at once: another hash, and the hand stands in the proposal."""
        with self._condition:
            self._row(capture_id)
            self.calls.append(("hand", capture_id, edit, wish, choice, user))
            hands = self.hands.setdefault(capture_id, {})
            hands[edit] = wish.of(hands.get(edit, NOTHING))
        self.new_export(capture_id)
        return self._row(capture_id)

    def somebody_here(self, capture_id: str, user: str) -> None:
        self.calls.append(("somebody_here", capture_id, user))
        self.set_state(capture_id, "needs-a-person", "somebody is here: repaint the lock")

    def nobody_here(self, capture_id: str, user: str) -> None:
        self.calls.append(("nobody_here", capture_id, user))
        self.set_state(capture_id, "proposed")

    def name_people(self, capture_id: str, people: list[str]) -> Row:
        self.calls.append(("people", capture_id, people))
        with self._condition:
            self.rows[capture_id]["people"] = people
            self._touch(capture_id)
        return self._row(capture_id)

    def say_consent(self, subject: str, allowed: Allowed, user: str) -> Row:
        self.calls.append(("consent", subject, allowed.said, user))
        why = f"consent is {allowed.said} ({user})"
        for row in self.rows.values():
            row["consent"] = allowed.model_dump(mode="json") | {"why": why}
        return {"voided": [], "delivered": []}

    def health(self) -> Row:
        with self._condition:
            return {
                "last_frame_age_s": self._age_s(),
                "alarms": list(self.alarms),
                "notices": list(self.notices),
                "tether": {"cameras": list(self.cameras), "gaps": [], "clock_jumps": []},
                "session": "2026-03-14 Portraits",
                "preset": "headshot-4x5",
                "jobs": {"running": [], "queued": 0},
                "counts": self._counts(),
            }

    def changes(self, since: int, timeout_s: float) -> tuple[int, Sequence[str]]:
        with self._condition:
            self._condition.wait_for(lambda: self._revision > since, timeout_s)
            order = sorted(self._changed_at.items(), key=lambda item: item[1])
            return self._revision, [capture_id for capture_id, at in order if at > since]

    def _row(self, capture_id: str) -> Row:
        return {**self.rows[capture_id], "revision": self._changed_at[capture_id]}

    def _touch(self, capture_id: str) -> None:
        self._revision += 1
        self._changed_at[capture_id] = self._revision
        self._condition.notify_all()

    def _counts(self) -> dict[str, int]:
        states = [row["state"] for row in self.rows.values()]
        return {state: states.count(state) for state in sorted(set(states))}

    def _age_s(self) -> float | None:
        return None if self._last_frame_s is None else time.monotonic() - self._last_frame_s

    def _decide(self, capture_id: str, verb: str, state: str, user: str, via: str) -> Row:
        with self._condition:
            row = self.rows[capture_id]
            row["state"], row["reason"] = state, ""
            decided_at = datetime.now(UTC).isoformat()
            row["decisions"] = [
                *row["decisions"],
                {"verb": verb, "user": user, "via": via, "decided_at": decided_at},
            ]
            self._touch(capture_id)
            return self._row(capture_id)

    def _canvas(self, enabled: tuple[str, ...]) -> Canvas:
        return self.picture.extended if EXTEND in enabled else self.picture.base

    @property
    def _spot_ids(self) -> tuple[str, ...]:
        return tuple(f"{y}-{x}" for y, x in self.picture.dust_yx)

    def _made(self) -> list[Row]:
        return [
            {
                "id": f"generated-{n}",
                "kind": "generated",
                "roi": [self.picture.extended.y0, 0, 0, self.picture.base.width],
                "said": f"made by sdxl, seed {1000 * (n - 1) + 1}",
            }
            for n in range(1, self.candidates + 1)
        ]

    def _drawn(self, choice: Choice) -> int:
        """The number of the candidate that is shown; 0 for what is made without a model."""
        ids = [one["id"] for one in self._made()]
        on = [one for one in ids if one not in choice.off.get(EXTEND, ids[1:])]
        return ids.index(on[0]) + 1 if on and EXTEND in choice.enabled else 0

    def _spots(self) -> list[Row]:
        return [
            {
                "id": f"{y}-{x}",
                "kind": "spot",
                "roi": [y - 4, x - 4, y + 5, x + 5],
                "said": f"7 px across, {n}",
            }
            for n, (y, x) in enumerate(self.picture.dust_yx)
        ] + self.more_items

    def _proposal(self, capture_id: str, choice: Choice = BOTH) -> Row:
        enabled = choice.enabled
        off = [one for one in self._spot_ids if one in choice.off.get(HEAL, ())]
        made = self._made()
        not_shown = list(choice.off.get(EXTEND, [one["id"] for one in made[1:]]))
        hands = self.hands.get(capture_id, {})
        unsure = self.rows[capture_id]["state"] == "needs-a-person"
        version = self._versions.get(capture_id, 0)
        shown = hashlib.sha256(
            repr((capture_id, sorted(enabled), off, not_shown, version)).encode()
        ).hexdigest()
        canvas, base = self._canvas(enabled), self.picture.base
        guards = [
            _guard("locked_pixels", None, 0, 0, unit="px"),
            _guard("seam", EXTEND, 1.08, 1.6),
            _guard("grain", EXTEND, 0.97, 1.25, low=0.8),
            _guard("new_faces", EXTEND, 0, 0),
            _guard("new_area", EXTEND, 0.36, 1.5),
            _guard("healed_area", HEAL, 0.0006, 0.02),
        ]
        edits = [
            {
                "name": EXTEND,
                "title": "Extend the background",
                "version": 1,
                "engine": "surface",
                "tier": "backdrop only",
                "enabled": EXTEND in enabled,
                "changes": True,
                "params": {"aspect": "4:5"},
                "refusals": [{"where": "bottom", "reason": "the frame cuts the person here"}],
                "notes": [f"{base.y0 - canvas.y0} rows of backdrop added above"],
                "items": made,
                "off": not_shown,
                "hand": report.hand(hands.get(EXTEND, NOTHING)),
                "said_by": "ada",
            },
            {
                "name": HEAL,
                "title": "Heal dust on the backdrop",
                "version": 1,
                "engine": "covariant",
                "tier": "backdrop only",
                "enabled": HEAL in enabled,
                "changes": not unsure,
                "params": {},
                "refusals": [{"where": "the edit", "reason": "every pixel is locked"}] if unsure else [],
                "notes": [] if unsure else [f"{len(self.picture.dust_yx)} spots"],
                "items": [] if unsure else self._spots(),
                "off": off,
                "hand": report.hand(hands.get(HEAL, NOTHING)),
                "said_by": "ada",
            },
        ]
        return {
            "hash": shown,
            "shown_hash": shown,
            "tier": "backdrop only",
            "canvas": list(canvas),
            "base": [base.height, base.width],
            "proxy_scale": 0.5,
            "edits": edits,
            "guards": guards,
            "passed": all(guard["passed"] for guard in guards),
        }

    def _subject(self, row: Row) -> Row | None:
        if row["state"] not in _WITH_PROPOSAL:
            return None
        sure = row["state"] != "needs-a-person"
        return {"kind": row["kind"], "sure": sure, "reason": row["reason"], "faces": [], "decided_by": None}


_WITH_PROPOSAL = {"proposed", "needs-a-person", "approved", "rejected", "delivered"}


def _guard(
    name: str, edit: str | None, value: float, limit: float, *, low: float = 0.0, unit: str = ""
) -> Row:
    passed = low <= value <= limit
    return {
        "name": name,
        "edit": edit,
        "value": value,
        "limit": limit,
        "low": low,
        "passed": passed,
        "unit": unit,
    }
