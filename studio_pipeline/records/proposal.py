"""A rendered edit stack awaiting a decision, and the decision."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from studio_pipeline.geometry import Extent, Roi
from studio_pipeline.pixels.turn import Turn
from studio_pipeline.records.base import Record, digest
from studio_pipeline.records.plan import CANDIDATE, Plan, Tier


class GuardResult(Record):
    """One figure with its limits: passed when ``low <= value <= limit``. ``edit`` None = the whole stack."""

    name: str
    edit: str | None = None
    value: float
    limit: float
    low: float = 0.0
    passed: bool
    unit: str = ""

    @property
    def said(self) -> str:
        """The figure beside the limit it is measured by, for people."""
        bound = f"at least {self.low:.3g}" if self.value < self.low else f"at most {self.limit:.3g}"
        return f"{self.name} is {self.value:.3g} ({bound})"


class Choice(Record):
    """The switches as a person has them: edits that are on, and by edit the items that are off.

    An edit that ``off`` does not name keeps the items of its plan as they are.
    """

    enabled: tuple[str, ...]
    off: dict[str, tuple[str, ...]] = Field({}, description="Edit to items.")


class Proposal(Record):
    """What a person is asked to approve. Its digest covers everything that decides a pixel.

    ``enabled`` names the edits whose switch is on; the page may show any subset, each with its own digest.
    ``turn``: by what the base was turned before all of it was planned, whatever the switches say. Then
    ``base_extent`` and every place in the plans are of the turned base, ``zones_sha256`` of zones as read.
    """

    capture_id: str
    base_key: str
    zones_sha256: str
    matte_sha256: str = Field("", description="Of the matte, where a plan is proved by it; else empty.")
    base_extent: Extent
    plans: tuple[Plan, ...]
    enabled: tuple[str, ...]
    guards: tuple[GuardResult, ...]
    versions: dict[str, str]
    turn: Turn | None = None
    read_beside: str = Field("", description="Base key of the empty set that the zones were read with.")

    @property
    def active(self) -> tuple[Plan, ...]:
        return tuple(p for p in self.plans if p.edit in self.enabled and p.changes)

    @property
    def canvas(self) -> Roi:
        canvas = Roi.of(self.base_extent)
        for plan in self.active:
            canvas = plan.canvas or canvas
        return canvas

    @property
    def tier(self) -> Tier:
        order = list(Tier)
        return max((p.tier for p in self.active), key=order.index, default=Tier.BACKDROP_ONLY)

    @property
    def generated_share(self) -> float:
        """How much of the canvas' pixels a model made; nothing of it is the person."""
        return sum(plan.generated_px for plan in self.active) / self.canvas.extent.area

    @property
    def generated_by(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(plan.engine for plan in self.active if plan.generated_px))

    @property
    def passed(self) -> bool:
        return all(g.passed for g in self.guards if g.edit is None or g.edit in self.enabled)

    @property
    def switches(self) -> dict[str, bool]:
        return {p.edit: p.edit in self.enabled for p in self.plans if p.changes}

    @property
    def choice(self) -> Choice:
        """The switches as they stand, every list of items named."""
        return Choice(enabled=self.enabled, off={p.edit: p.off for p in self.plans if p.items})

    def chosen(self, choice: Choice) -> Proposal:
        """The same plans with these switches; edits and items that there are not are dropped."""
        known = tuple(p.edit for p in self.plans if p.edit in choice.enabled and p.changes)
        plans = tuple(p.without(choice.off[p.edit]) if p.edit in choice.off else p for p in self.plans)
        return self.model_copy(update={"enabled": known, "plans": plans})

    @property
    def candidates(self) -> tuple[Choice, ...]:
        """What a person chooses among where a model had a part: each candidate of an edit, then none of them.

        All other switches stay as they stand.
        """
        out = []
        for plan in self.plans:
            made = [item.id for item in plan.items if item.kind == CANDIDATE]
            for chosen in (*made, "") if made else ():
                left = {*plan.off, *made} - {chosen}
                off = tuple(item.id for item in plan.items if item.id in left)
                out.append(Choice(enabled=(*self.enabled, plan.edit), off={plan.edit: off}))
        return tuple(out)

    def outline(self) -> Proposal:
        """The same without the plans' bodies: what lists show. Its hash means nothing."""
        plans = tuple(plan.model_copy(update={"body": {}, "exchange": None}) for plan in self.plans)
        return self.model_copy(update={"plans": plans})

    def shown_hash(self) -> str:
        """What an approval is bound to: every input of every pixel shown (guards' figures are outcomes)."""
        later = {name for name in ("turn", "matte_sha256", "read_beside") if not getattr(self, name)}
        return digest(self.model_dump(mode="json", exclude={"guards", *later}))


class Verb(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    REVOKE = "revoke"


class Decision(Record):
    """What a person said, about exactly which render (``shown_hash``), when and from where."""

    capture_id: str
    verb: Verb
    shown_hash: str | None
    enabled: tuple[str, ...] = ()
    off: dict[str, tuple[str, ...]] = Field({}, description="Edit to items.")
    user: str
    host: str
    via: str
    decided_at: datetime
