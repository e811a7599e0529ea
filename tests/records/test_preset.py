from pathlib import Path

import pytest

from studio_pipeline.errors import Refused
from studio_pipeline.records import preset

GOOD = """
title = "Head shots, 4 by 5"
propose = "picked"

[develop]
tone = "neutral"

[[edits]]
name = "extend_background"
params = { aspect = "4:5" }

[[edits]]
name = "heal_spots"
enabled = false
seed = 7

[guards]
seam_max = 1.4

[[deliverables]]
name = "print"
format = "tiff16"
space = "AdobeRGB"
"""


def test_a_preset_says_what_to_propose_and_deliver() -> None:
    read = preset.parse(GOOD, "here")
    assert read.develop.tone == "neutral" and read.develop.working_space == "ProPhoto"
    assert [(e.name, e.enabled, e.seed) for e in read.edits] == [
        ("extend_background", True, 1),
        ("heal_spots", False, 7),
    ]
    assert read.edits[0].params == {"aspect": "4:5"}
    assert read.guards.seam_max == 1.4 and read.guards.grain_min == 0.8
    assert read.deliverables[0].space == "AdobeRGB" and read.deliverables[0].quality == 92


def test_the_digest_is_that_of_the_meaning_not_of_the_text() -> None:
    read = preset.parse(GOOD, "here")
    assert preset.parse("# a remark\n" + GOOD.replace(" = ", "="), "there").digest() == read.digest()
    assert preset.parse(GOOD.replace("1.4", "1.5"), "here").digest() != read.digest()
    assert preset.Preset.model_validate_json(read.model_dump_json()) == read


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('title = "Head shots, 4 by 5"', "", "title"),
        ('"picked"', '"sometimes"', "propose"),
        ("seam_max = 1.4", "seam_most = 1.4", "guards.seam_most"),
        ("seam_max = 1.4", 'seam_max = "much"', "guards.seam_max"),
        ("seed = 7", "seed = -1", "edits.1.seed"),
        ('name = "heal_spots"', 'name = "extend_background"', "each name may stand once"),
        ('format = "tiff16"', 'format = "bmp"', "deliverables.0.format"),
        ('space = "AdobeRGB"', 'space = "CMYK"', "deliverables.0.space"),
        ('space = "AdobeRGB"', "quality = 0", "deliverables.0.quality"),
        ('space = "AdobeRGB"', "long_edge_px = 0", "deliverables.0.long_edge_px"),
        ('space = "AdobeRGB"', 'folder = "../elsewhere"', "must stay inside Output/"),
        ('space = "AdobeRGB"', 'folder = "/tmp"', "must stay inside Output/"),
        ('space = "AdobeRGB"', 'suffix = "a\\\\b"', "must stay inside Output/"),
        ('name = "print"', 'name = "Print me"', "deliverables.0.name"),
        ("[guards]", "[guards", "not TOML"),
    ],
)
def test_each_mistake_is_named_in_one_line(old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(Refused) as refused:
        preset.parse(GOOD.replace(old, new), "mine.toml")
    text = str(refused.value)
    assert text.startswith("mine.toml: ") and says in text and "\n" not in text


def test_presets_are_loaded_from_any_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert preset.load(str(path)) == preset.parse(GOOD, "here")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no preset named 'nonesuch'"):
        preset.load("nonesuch")
    with pytest.raises(Refused, match="cannot read the preset"):
        preset.load(str(tmp_path / "nonesuch.toml"))


def test_every_shipped_preset_is_valid() -> None:
    assert {"headshot-4x5", "cleanup-only"} <= set(preset.names())
    for name in preset.names():
        assert preset.load(name).title
