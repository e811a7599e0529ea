"""The stages of a frame: repeatable, and none the worse for a damaged cache."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from studio_pipeline.errors import Refused
from studio_pipeline.geometry import Extent
from studio_pipeline.pipeline import stages
from studio_pipeline.records.capture import Role
from studio_pipeline.records.develop import DevelopSettings
from studio_pipeline.records.entry import Door
from studio_pipeline.records.plan import Plan
from studio_pipeline.records.preset import GuardLimits
from tests.support.rawfiles import bayer_dng


@pytest.fixture()
def source(tmp_path: Path) -> stages.Source:
    light = 0.2 + 0.1 * np.random.default_rng(5).random((96, 128, 3))
    (tmp_path / "a.DNG").write_bytes(bayer_dng(light))
    path = os.fsencode(tmp_path / "a.DNG")
    return stages.Source(path, Role.RAW, "ab12", "k" * 64, DevelopSettings(), tmp_path / "cache")


@pytest.mark.parametrize("half", [True, False])
def test_a_base_is_developed_once(source: stages.Source, half: bool) -> None:
    record = stages.base(source, half, None)
    Path(os.fsdecode(source.path)).unlink()
    assert stages.base(source, half, None) == record


@pytest.mark.parametrize("damage", ["codes.npy", "clipped.npy", "base.json", "profile.icc"])
def test_a_damaged_base_is_developed_again(source: stages.Source, damage: str) -> None:
    frame, record = stages.load_base(source, True, None)
    codes = np.array(frame.codes)
    del frame
    file = source.products.base(source.base_key, half=True) / damage
    file.write_bytes(file.read_bytes()[:20])
    again, same = stages.load_base(source, True, None)
    assert same == record
    np.testing.assert_array_equal(again.codes, codes)
    assert [p.name for p in source.products.folder.iterdir()] == [file.parent.name]


class TestBeside:
    """Other frames of the set, as edits are given them."""

    @pytest.fixture()
    def beside(self, source: stages.Source) -> stages.Beside:
        return stages.Beside("a", source, None, None)

    @staticmethod
    def plan(**more: object) -> Plan:
        fields = {
            "edit": "any",
            "version": 1,
            "tier": "backdrop only",
            "engine": "classical",
            "seed": 1,
            "params": {},
        }
        return Plan.model_validate(fields | more)

    def test_a_plan_gets_what_it_names_at_the_scale_of_its_base(self, beside: stages.Beside) -> None:
        plans = [self.plan(sources={"empty set": beside.source.base_key})]
        for half, scale in ((True, 0.5), (False, 1.0)):
            (one,) = stages.sources_of(plans, {"empty set": beside}, half).values()
            assert (one.key, one.frame.scale) == (beside.source.base_key, scale)
            assert one.reading is not None and one.reading.record.extent == Extent(96, 128)

    def test_what_no_plan_names_is_not_developed(self, beside: stages.Beside) -> None:
        idle = self.plan(sources={"empty set": "gone"}, changes=False)
        assert stages.sources_of([self.plan(), idle], {"empty set": beside}, False) == {}
        assert not beside.source.products.folder.exists()

    @pytest.mark.parametrize("named", [{"reference": "k" * 64}, {"empty set": "another base"}])
    def test_what_is_gone_or_another_is_said(self, beside: stages.Beside, named: dict[str, str]) -> None:
        (role,) = named
        with pytest.raises(Refused, match=f"the {role} that was used is not in the session any more"):
            stages.sources_of([self.plan(sources=named)], {"empty set": beside}, False)

    def test_a_proposal_goes_on_without_one_that_cannot_be_read(
        self, source: stages.Source, tmp_path: Path
    ) -> None:
        lost = replace(source, path=os.fsencode(tmp_path / "lost.DNG"), capture_id="cd34", base_key="l" * 64)
        beside = {"empty set": stages.Beside("LOST", lost, None, None)}
        somebody = Door(kind="somebody", user="t", host="h", said_at=datetime(2026, 5, 4, tzinfo=UTC))
        made = stages.propose(source, None, somebody, (), GuardLimits(), {}, {}, beside)
        assert made.proposal is not None and made.proposal.plans == ()
        (said,) = made.missing
        assert said.startswith("proposed without its empty set LOST: ")
