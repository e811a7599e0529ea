"""Proof: what verification accepts, and each thing it must notice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from studio_pipeline.errors import Refused
from studio_pipeline.pipeline import verify
from studio_pipeline.pixels.masks import Zone
from studio_pipeline.session.folder import open_session
from tests.support.finished import Finished


@pytest.fixture()
def copied(finished: Finished, tmp_path: Path) -> Path:
    """The finished session without its cache, free to be tampered with."""
    root = tmp_path / "session"
    shutil.copytree(finished.session.root, root, ignore=shutil.ignore_patterns("cache"))
    (root / ".studio" / "cache").mkdir()
    return root


def check(finished: Finished, root: Path, name: str) -> verify.Verdict:
    return verify.verify(root / "Output" / name, open_session(root), finished.originals())


@pytest.mark.parametrize("name", ["STP_0003.tif", "STP_0003.jpg"])
def test_a_deliverable_as_it_was_written_is_proved(finished: Finished, name: str) -> None:
    verdict = verify.verify(finished.session.output / name, finished.session, finished.originals())
    assert verdict.reasons == []
    assert verdict.valid
    assert verdict.locked_pixels_changed == 0
    assert verdict.locked_pixels is not None and verdict.locked_pixels > 10_000
    assert verdict.capture_sha256 == finished.portrait.id
    assert verdict.changed_area_fraction is not None and verdict.changed_area_fraction < 0.02


def test_one_flipped_low_bit_in_a_locked_pixel_is_named(finished: Finished, copied: Path) -> None:
    path = copied / "Output" / "STP_0003.tif"
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        height, width, _ = page.shape
        offsets, rows = page.dataoffsets, page.rowsperstrip
    zones, left = _locked_place(finished, copied, width)
    y, x = zones
    place = offsets[y // rows] + ((y % rows) * width + x + left) * 6
    data[place] ^= 1
    path.write_bytes(data)
    verdict = check(finished, copied, "STP_0003.tif")
    assert not verdict.valid
    assert verdict.locked_pixels_changed == 1
    assert any(f"rows {y} to {y}" in reason for reason in verdict.reasons)
    assert height > y


def _locked_place(finished: Finished, root: Path, width: int) -> tuple[tuple[int, int], int]:
    import cv2

    (file,) = {p.name for p in (root / ".studio" / "records").glob("*.zones.png")} & {
        json.loads(p.read_text())["record"]["zones_file"]
        for p in (root / ".studio" / "records").glob("*.json")
        if json.loads(p.read_text())["record"]["capture_id"] == finished.portrait.id
    }
    zones = cv2.imread(str(root / ".studio" / "records" / file), cv2.IMREAD_UNCHANGED)
    y, x = np.argwhere(zones == Zone.LOCKED)[1000]
    return (int(y), int(x)), width - zones.shape[1]  # all new backdrop is at the left


def _records_of(root: Path, ending: str) -> list[Path]:
    return sorted((root / ".studio" / "records").glob(f"*{ending}"))


def test_an_edited_record_is_noticed(finished: Finished, copied: Path) -> None:
    for path in _records_of(copied, ".json"):
        path.write_text(path.read_text().replace('"user": "tester"', '"user": "someone"'))
    verdict = check(finished, copied, "STP_0003.tif")
    assert not verdict.valid
    assert "the record was edited after it was signed" in verdict.reasons


@pytest.mark.parametrize("ending", [".zones.png", ".changes"])
def test_forged_zones_or_changes_are_noticed(finished: Finished, copied: Path, ending: str) -> None:
    for path in _records_of(copied, ending):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x10
        path.write_bytes(data)
    verdict = check(finished, copied, "STP_0003.tif")
    assert not verdict.valid
    assert any("was changed after it was written" in reason for reason in verdict.reasons)


def test_a_swapped_original_is_noticed(finished: Finished, copied: Path) -> None:
    other = (copied / "Capture" / "STP_0002.DNG").read_bytes()
    (copied / "Capture" / "STP_0003.DNG").write_bytes(other)
    verdict = check(finished, copied, "STP_0003.tif")
    assert not verdict.valid
    assert any("swapped" in reason for reason in verdict.reasons)


def test_another_library_version_is_unverifiable_and_not_tampered(
    finished: Finished, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = verify.deciding_versions() | {"rawpy": "99.0"}
    monkeypatch.setattr(verify, "deciding_versions", lambda: versions)
    verdict = check(finished, copied, "STP_0003.tif")
    assert not verdict.valid
    assert verdict.reasons and all("unverifiable: develop version" in reason for reason in verdict.reasons)


def test_a_jpeg_saved_again_elsewhere_is_changed_outside(finished: Finished, copied: Path) -> None:
    from PIL import Image

    path = copied / "Output" / "STP_0003.jpg"
    with Image.open(path) as picture:
        picture.load()
        picture.save(path, quality=80)
    verdict = check(finished, copied, "STP_0003.jpg")
    assert not verdict.valid
    assert any(reason.startswith("changed outside") for reason in verdict.reasons)


def test_a_file_of_no_record_is_refused(finished: Finished, copied: Path) -> None:
    (copied / "Output" / "other.tif").write_bytes(b"II*\0")
    with pytest.raises(Refused, match="no record"):
        check(finished, copied, "other.tif")
