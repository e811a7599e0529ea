"""The stages of a frame: repeatable, and none the worse for a damaged cache."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from studio_pipeline.pipeline import stages
from studio_pipeline.records.capture import Role
from studio_pipeline.records.develop import DevelopSettings
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
