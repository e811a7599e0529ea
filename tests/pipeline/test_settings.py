"""What the command line says about edits, laid over a preset."""

from __future__ import annotations

import pytest

from studio_pipeline.edits import EDITS
from studio_pipeline.errors import Refused
from studio_pipeline.pipeline.settings import explained, specs
from studio_pipeline.records.preset import EditSpec, Preset, load, names


def test_a_preset_alone_stays_as_it_is() -> None:
    preset = load("banner-16x9")
    assert specs(preset, [], []) == preset.edits


def test_a_value_is_laid_over_the_presets_own() -> None:
    changed = {s.name: s for s in specs(load("banner-16x9"), [], ["extend_background.side=right"])}
    assert changed["extend_background"].params == {"aspect": "16:9", "side": "right"}
    assert changed["heal_spots"] == load("banner-16x9").edits[0]


def test_a_named_edit_starts_from_its_defaults() -> None:
    given = ["left=120", "right=80", "side=left", "aspect=16:9"]
    (spec,) = specs(load("banner-16x9"), ["extend_background"], given)
    assert spec == EditSpec(
        name="extend_background", params={"left": 120, "right": 80, "side": "left", "aspect": "16:9"}
    )


def test_an_edit_named_twice_is_done_once_and_the_last_value_counts() -> None:
    (spec,) = specs(load("cleanup-only"), ["heal_spots", "heal_spots"], ["max_count=3", "max_count=5"])
    assert spec.params == {"max_count": 5}


def test_one_edit_in_the_preset_needs_no_name_before_its_key() -> None:
    (spec,) = specs(load("cleanup-only"), [], ["even_light=0.5"])
    assert spec.params["even_light"] == 0.5


@pytest.mark.parametrize("text", ["", "=", "left", "=3", "extend_background.=3", ".left=3", "x.y.left=3"])
def test_half_a_setting_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        specs(load("banner-16x9"), [], [text])


def test_an_unknown_edit_in_the_preset_is_named_before_any_key() -> None:
    with pytest.raises(Refused, match="no edit named 'glow'"):
        specs(Preset(title="x", edits=(EditSpec(name="glow"),)), [], ["glow.size=3"])
    with pytest.raises(Refused, match="no edit named 'glow'"):
        explained(Preset(title="x", edits=(EditSpec(name="glow"),)))


@pytest.mark.parametrize("name", names())
def test_every_key_of_every_edit_is_explained_on_its_own(name: str) -> None:
    rows = {key: meaning for key, _, meaning in explained(load(name))}
    for spec in load(name).edits:
        for key in EDITS[spec.name].params.model_fields:
            assert len(rows[f"edits.{spec.name}.{key}"]) > 10
    assert not any(meaning.startswith("...") for meaning in rows.values())
