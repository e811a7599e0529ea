"""Stray hairs taken away are proved, consented to, and never approved by command."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from studio_pipeline.edits import stack
from studio_pipeline.edits.tame_flyaways import TAME_FLYAWAYS, TameFlyawaysParams
from studio_pipeline.errors import Refused
from studio_pipeline.pipeline import consent, lawful, proof
from studio_pipeline.pipeline.decide import _retouches
from studio_pipeline.pipeline.stages import _reads_matte
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.records.consent import Held
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import EditSpec
from tests.support import flyaways
from tests.support.flyaways import WHOLE

SESSION: Any = SimpleNamespace(records=Path())


@pytest.fixture(scope="module")
def plan() -> Plan:
    return TAME_FLYAWAYS.plan(flyaways.frame(), flyaways.reading(), TameFlyawaysParams(), seed=0)


@pytest.fixture(scope="module")
def after(plan: Plan) -> Codes:
    return stack.render((plan.without(()),), flyaways.frame(), flyaways.reading(), WHOLE)


def record(plan: Plan) -> Any:
    """What of a delivery's record `verify` reads for this."""
    sha256 = proof.zones_sha256(flyaways.reading().matte)
    return SimpleNamespace(
        proposal=SimpleNamespace(active=(plan,), matte_sha256=sha256), matte_file="kept.matte.png"
    )


def strayed(plan: Plan, after: Codes) -> Mask:
    base, zones = flyaways.frame(), flyaways.reading().zones
    found = lawful.strayed(record(plan), zones, WHOLE, base.codes, after)
    return np.asarray(found & ~lawful.freed(SESSION, record(plan), zones, base), np.bool_)


def test_every_pixel_is_proved(plan: Plan, after: Codes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "load_matte", lambda records, name: flyaways.reading().matte)
    on = plan.without(())
    assert (after != flyaways.frame().codes).any()
    assert not strayed(on, after).any()
    assert strayed(plan, after).any()  # as if every switch had been off
    freed = lawful.freed(SESSION, record(on), flyaways.reading().zones, flyaways.frame())
    for zone in (Zone.BACKDROP, Zone.EDGE, Zone.LOCKED):
        y, x = np.argwhere((flyaways.reading().zones == zone) & ~freed)[900]
        forged = after.copy()
        forged[y, x, 2] ^= 1
        assert strayed(on, forged).sum() == 1


def test_another_matte_proves_nothing(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "load_matte", lambda records, name: flyaways.reading().matte // 2)
    with pytest.raises(Refused, match="the matte is not the one that was approved"):
        lawful.freed(SESSION, record(plan.without(())), flyaways.reading().zones, flyaways.frame())


def test_the_matte_is_kept_with_a_proposal_that_has_strands(plan: Plan) -> None:
    assert _reads_matte(plan) and not _reads_matte(plan.model_copy(update={"changes": False}))


def test_a_command_hears_how_many_are_on(plan: Plan) -> None:
    def said(*plans: Plan) -> str:
        proposal: Any = SimpleNamespace(active=plans)
        return _retouches(proposal)

    assert said(plan) == "" and said(plan.without(())) == "4 on stray hairs"
    other = plan.without(()).model_copy(update={"edit": "heal_skin"})
    assert said(other, plan.without([item.id for item in plan.items[1:]])) == "4 on skin and 1 on stray hairs"


def test_without_consent_the_proposal_says_why_there_is_none(plan: Plan) -> None:
    (kept,) = consent.kept_back([plan], [EditSpec(name=plan.edit, enabled=False)], Held())
    assert not kept.changes and not kept.items and not kept.body
    assert kept.refusals[0].reason.startswith("is bounded retouch, and consent is backdrop only")
