"""Healed lint is proved, consented to, and never approved by command."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from studio_pipeline.edits import stack
from studio_pipeline.edits.heal_lint import HEAL_LINT, HealLintParams
from studio_pipeline.geometry import Roi
from studio_pipeline.pipeline import consent, lawful, proof
from studio_pipeline.pipeline.decide import _retouches
from studio_pipeline.pipeline.stages import _reads_matte, check
from studio_pipeline.pixels.color import Codes
from studio_pipeline.pixels.frame import Frame
from studio_pipeline.pixels.masks import Mask, Zone
from studio_pipeline.records.consent import Held
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import EditSpec, GuardLimits
from tests.support.clothes import EXTENT, Speck, frame, jacket, reading, with_lint

SESSION: Any = SimpleNamespace(records=Path())
WHOLE = Roi.of(EXTENT)


@pytest.fixture(scope="module")
def base() -> Frame:
    return frame(with_lint(jacket(), [Speck(400, 100), Speck(520, 250, 1.8)]))


@pytest.fixture(scope="module")
def plan(base: Frame) -> Plan:
    return HEAL_LINT.plan(base, reading(), HealLintParams(), 0)


@pytest.fixture(scope="module")
def after(base: Frame, plan: Plan) -> Codes:
    return stack.render((plan.without(()),), base, reading(), WHOLE)


def record(plan: Plan) -> Any:
    """What of a delivery's record `verify` reads for this."""
    sha256 = proof.zones_sha256(reading().matte)
    return SimpleNamespace(
        proposal=SimpleNamespace(active=(plan,), matte_sha256=sha256), matte_file="kept.matte.png"
    )


def strayed(plan: Plan, base: Frame, after: Codes) -> Mask:
    zones = reading().zones
    found = lawful.strayed(record(plan), zones, WHOLE, base.codes, after)
    return np.asarray(found & ~lawful.freed(SESSION, record(plan), zones, base), np.bool_)


def test_every_pixel_is_proved(
    plan: Plan, base: Frame, after: Codes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "load_matte", lambda records, name: reading().matte)
    on = plan.without(())
    assert (after != base.codes).any() and not strayed(on, base, after).any()
    assert strayed(plan, base, after).any()  # as if every switch had been off
    freed = lawful.freed(SESSION, record(on), reading().zones, base)
    for zone in (Zone.BACKDROP, Zone.HEALABLE, Zone.LOCKED):
        y, x = np.argwhere((reading().zones == zone) & ~freed)[900]
        forged = after.copy()
        forged[y, x, 2] ^= 1
        assert strayed(on, base, forged).sum() == 1


def test_the_guards_let_it_pass(plan: Plan, base: Frame) -> None:
    _, found = check((plan.without(()),), base, reading(), GuardLimits())
    assert all(one.passed for one in found) and any(one.name == "lint_count" for one in found)


def test_the_matte_is_kept_with_a_proposal_that_has_lint(plan: Plan) -> None:
    assert _reads_matte(plan) and not _reads_matte(plan.model_copy(update={"changes": False}))


def test_a_command_hears_how_many_are_on(plan: Plan) -> None:
    proposal: Any = SimpleNamespace(active=(plan.without(()),))
    assert _retouches(proposal) == "2 on clothes"


def test_without_consent_the_proposal_says_why_there_is_none(plan: Plan) -> None:
    (kept,) = consent.kept_back([plan], [EditSpec(name=plan.edit, enabled=False)], Held())
    assert not kept.changes and not kept.items and not kept.body
