"""The benchmarks run, small, and print what they are for: figures beside peers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks import defects, scores, sets
from benchmarks.cases import AGAIN, OURS, Case, answers, at_depth
from benchmarks.extension import case_of
from benchmarks.peers import EXTENDERS
from studio_pipeline.geometry import Extent


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
    sheets = tmp_path / "sheets"
    small = ("--quality-px", "240", "--no-gmic", "--only", "quadratic")
    found = _run(tmp_path, "extension", *small, "--sheet", str(sheets))
    rows = {(row["pictures"], row["method"]): row for row in found["scores"]}
    for kind in (sets.PLAIN, "ISO 100", "all"):
        assert {method for pictures, method in rows if pictures == kind} == {OURS, AGAIN, *EXTENDERS}
    ours, reflect = rows["quadratic", OURS]["values"], rows[sets.PLAIN, "reflect"]["values"]
    assert ours["lf"] < reflect["lf"]  # it mirrors the sitter
    assert ours["person px"] == 0 and ours["kept"] == 1
    assert ours["lf × peer"] == pytest.approx(ours["lf"] / min(_lf(rows, sets.PLAIN, m) for m in EXTENDERS))
    assert set(rows["all", OURS]["goals"]) == {"lf", "bands", "repeat", "kept", "person"}
    assert rows["quadratic, no noise", OURS]["values"]["flat run px"] < 2
    assert [path.name for path in sheets.iterdir()] == ["quadratic_ISO_1600.png"]


def _lf(rows: dict[tuple[str, str], dict[str, Any]], pictures: str, method: str) -> float:
    return float(rows[pictures, method]["values"]["lf"])


def test_extending_is_timed_beside_inpainting_and_its_memory_read(tmp_path: Path) -> None:
    found = _run(tmp_path, "extending", "--sizes", "0.2", "--only", "two lights", "--markdown")
    (row,) = found["figures"]
    assert row["what"] == "two lights, 0.2 MP" and "0.1 MP new" in row["note"]
    assert set(row["ratios"]) == {"Telea", "Navier-Stokes"}
    assert 50 < row["memory_mb"] < 1000 and "refused" not in row["note"]


def test_blocks_of_a_jpeg_are_read_in_base_new_area_and_truth(tmp_path: Path) -> None:
    found = _run(tmp_path, "blocks", "--quality-px", "400", "--only", "two lights")
    rows = {(row["pictures"], row["method"]): row["values"] for row in found["scores"]}
    for quality in (60, 70, 80):
        values = rows[f"rendered, JPEG quality {quality}", "reflect"]
        assert values["blocks, base"] > 0.2 and values["blocks, base"] > 2 * values["blocks, truth"]
    assert rows["rendered, JPEG quality 60", "reflect"]["new / base"] > 0.6  # it copies them
    assert rows["rendered, JPEG quality 60", "Navier-Stokes"]["blocks, new"] >= 0


class TestSets:
    @pytest.mark.parametrize("name", sets.SETS)
    def test_each_is_the_same_every_time_and_differs_only_by_what_chance_draws(self, name: str) -> None:
        extent = Extent(160, 128)
        made, again = (sets.render(name, "1600", extent) for _ in range(2))
        np.testing.assert_array_equal(made.true, again.true)
        assert made.true.dtype == np.uint16 and made.person.max() == 1
        anew = sets.render(name, "1600", extent, take=1)
        same = name == "clipped white"
        backdrop = made.person == 0
        assert np.array_equal(made.true[backdrop], anew.true[backdrop]) == same
        assert bool((made.seen != made.true).any()) == (name == "narrow paper")

    def test_noise_grows_with_iso_and_neighbours_share_some_of_it(self) -> None:
        clean, *noisy = (sets.render("linear", iso, Extent(200, 160)).true[:60, :, 1] for iso in sets.ISO)
        noise = [codes.astype(np.float64) - clean for codes in noisy]
        deviations = [one.std() for one in noise]
        assert deviations[0] * 2 < deviations[1] < deviations[2]
        shared = np.corrcoef(noise[1][:, 1:].ravel(), noise[1][:, :-1].ravel())[0, 1]
        assert 0.1 < shared < 0.6


@pytest.fixture(scope="module")
def plain() -> Case:
    return case_of("quadratic", "1600", 400)


class TestScores:
    def test_the_truth_scores_as_the_truth(self, plain: Case) -> None:
        for made in (plain.true, at_depth(plain.true, np.dtype(np.uint8))):
            perfect = scores.likeness(plain, made)
            assert perfect.lf == 0 and perfect.hf == 1 and perfect.ssim == pytest.approx(1)
            assert perfect.bands == (1.0, 1.0, 1.0, 1.0)
            assert perfect.patches < 0.5 and 0.9 < perfect.seam < 1.1
            assert perfect.repeat == perfect.true_repeat < 0.7
            assert perfect.kept and perfect.person_px == 0 and perfect.faces == 0

    def test_set_up_anew_it_scores_nearly_so(self, plain: Case) -> None:
        (anew,) = [answer for answer in answers(plain, gmic=False) if answer.method == AGAIN]
        likeness = scores.likeness(plain, anew.codes)
        assert likeness.lf < 0.5 and likeness.hf == pytest.approx(1, abs=0.03)
        assert likeness.bands == pytest.approx((1, 1, 1, 1), abs=0.1)
        assert likeness.repeat == pytest.approx(likeness.true_repeat, rel=0.12)

    def test_a_step_a_blur_and_a_shade_are_told_apart(self, plain: Case) -> None:
        darker, smooth = plain.true.copy(), plain.true.copy()
        darker[:, :80] -= 12 * 257
        darker[:, 240:] -= 12 * 257
        smooth[plain.new] = cv2.GaussianBlur(plain.true, (0, 0), 2)[plain.new]
        step, blur = scores.likeness(plain, darker), scores.likeness(plain, smooth)
        assert 10 < step.lf < 12.1 and step.seam > 1.5
        assert step.bands[0] == pytest.approx(1, abs=0.1) and step.hf < 1.2
        assert blur.lf < 0.5 and blur.bands[0] < 0.3 and blur.hf < 0.3

    def test_a_touched_person_and_a_touched_original_are_counted(self, plain: Case) -> None:
        made = plain.true.copy()
        assert plain.person is not None
        y, x = np.argwhere(plain.person)[5000]
        made[y, x, 0] ^= 1
        likeness = scores.likeness(plain, made)
        assert likeness.person_px == 1 and not likeness.kept

    def test_a_face_in_new_area_is_found(self) -> None:
        case = case_of("quadratic", "100", 700)
        mirrored = EXTENDERS["reflect"](
            np.asarray(at_depth(case.base, np.dtype(np.uint8)), np.uint8), case.added
        )
        assert scores.faces_in(mirrored, case.added) >= 1
        assert scores.faces_in(case.true, case.added) == 0


class TestDefects:
    NEW = np.zeros((480, 400), np.bool_)
    NEW[:, 240:] = True

    def test_copies_and_mirror_images_are_repeats_and_chance_is_not(self) -> None:
        noise = np.random.default_rng(1).normal(100, 3, (480, 400)).astype(np.float32)
        copied, mirrored = noise.copy(), noise.copy()
        copied[:, 240:] = noise[:, 40:200]
        mirrored[:, 240:] = noise[:, 80:240][:, ::-1]
        by_chance = defects.repeat_score(noise, self.NEW)
        assert by_chance < 0.6
        for repeated in (copied, mirrored):
            assert defects.repeat_score(repeated, self.NEW) > 0.95
        assert defects.repeat_score(np.full_like(noise, 7), self.NEW) == 0

    def test_a_gradient_in_8_bits_has_flat_steps_and_one_in_16_has_none(self) -> None:
        ramp = np.broadcast_to(np.linspace(20_000, 30_000, 400), (480, 400))
        sixteen = np.repeat(np.rint(ramp)[..., None], 3, axis=2).astype(np.uint16)
        eight = at_depth(sixteen, np.dtype(np.uint8))
        assert defects.flat_run_px(sixteen, self.NEW) == pytest.approx(1, abs=0.01)
        assert defects.flat_run_px(eight, self.NEW) == pytest.approx(10, rel=0.1)


def _run(folder: Path, *words: str) -> dict[str, list[dict[str, Any]]]:
    out = folder / "figures.json"
    command = [sys.executable, "-m", "benchmarks", *words, "--no-darktable", "--scratch", str(folder)]
    command += ["--json", str(out)]
    quiet = {k: v for k, v in os.environ.items() if k != "STUDIO_TEST_PICTURES"}
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, env=quiet, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert " × " in done.stdout or "blocks" in done.stdout
    return dict(json.loads(out.read_text(encoding="utf-8")))
