"""The benchmarks run, small, and print what they are for: figures beside peers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import scores, sets
from benchmarks.extension import OURS, to_8_bit
from benchmarks.peers import EXTENDERS
from studio_pipeline.geometry import Extent, Insets

ADDED = Insets(left=60, right=60)


def test_a_tiny_run_measures_a_frame_from_the_folder_to_its_tiff(tmp_path: Path) -> None:
    found = _run(tmp_path, "frame", "--megapixels", "0.5", "--frames", "1", "--runs", "1")
    what = {row["what"]: row for row in found["figures"]}
    preview, proposal, delivered = (
        what[name]
        for name in (
            "file closed to preview on the page",
            "file closed to proposal",
            "approved to delivered 16-bit TIFF",
        )
    )
    assert 0 < preview["seconds"] < proposal["seconds"]
    assert preview["ratios"]["LibRaw half"] == pytest.approx(
        preview["seconds"] / what["LibRaw half"]["seconds"]
    )
    assert delivered["memory_mb"] > 100
    assert "LibRaw AHD" in delivered["ratios"]


def test_ingest_is_timed_beside_a_plain_copy_and_a_polling_watcher(tmp_path: Path) -> None:
    small = ("--megapixels", "0.5", "--runs", "1", "--known-files", "300", "--burst", "0.5")
    found = _run(tmp_path, "ingest", *small)
    what = {row["what"]: row for row in found["figures"]}
    local, kept = what["closed to taken in, local disk"], what["closed to verified in the vault"]
    assert set(local["ratios"]) == set(kept["ratios"]) == {"cp + sync"}
    assert 0 < local["seconds"] < kept["seconds"]
    assert what["closed to taken in, scans only"]["seconds"] >= 1.0
    assert set(what["scan of known files"]["ratios"]) == {"watchdog polling", "os.scandir + stat"}
    assert ": 0 lost" in what["last preview after the last frame"]["note"]


def test_an_extension_is_scored_beside_every_peer(tmp_path: Path) -> None:
    found = _run(tmp_path, "extension", "--quality-px", "300")
    rows = {(row["pictures"], row["method"]): row for row in found["scores"]}
    assert {method for _, method in rows} == {OURS, *EXTENDERS}
    for light in sets.LIGHTS:
        ours, reflect = rows[f"{light} light", OURS], rows[f"{light} light", "reflect"]
        assert ours["low_frequency_error"] < reflect["low_frequency_error"]  # it mirrors the sitter


def test_the_truth_scores_as_the_truth() -> None:
    true = to_8_bit(sets.render("quadratic", "fine", Extent(300, 240)).true)
    perfect = scores.likeness(true, true, ADDED)
    assert perfect.low_frequency_error == 0
    assert perfect.texture == (1.0, 1.0, 1.0, 1.0)
    assert 0.8 < perfect.seam < 1.25


def test_a_step_a_blur_and_a_shade_are_told_apart() -> None:
    true = to_8_bit(sets.render("linear", "strong", Extent(300, 240)).true)
    darker, smooth = true.copy(), true.copy()
    darker[:, :60] -= 12
    smooth[:, :60] = true[:, :60].mean(axis=1, keepdims=True).astype(np.uint8)
    step, blur = scores.likeness(true, darker, ADDED), scores.likeness(true, smooth, ADDED)
    assert 5 < step.low_frequency_error < 12 and step.seam > 1.5
    assert step.texture[0] == pytest.approx(1, abs=0.1)
    assert blur.texture[0] < 0.8


def _run(folder: Path, *words: str) -> dict[str, list[dict[str, Any]]]:
    out = folder / "figures.json"
    command = [sys.executable, "-m", "benchmarks", *words, "--no-darktable", "--scratch", str(folder)]
    command += ["--json", str(out)]
    quiet = {k: v for k, v in os.environ.items() if k != "STUDIO_TEST_PICTURES"}
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, env=quiet, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert " × " in done.stdout or "lf error" in done.stdout
    return dict(json.loads(out.read_text(encoding="utf-8")))
