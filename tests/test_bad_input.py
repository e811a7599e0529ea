"""What lands in a hot folder and is no good picture: one clear line each, and the rest goes on."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from studio_pipeline.develop import develop
from studio_pipeline.pipeline import conductor, studio
from studio_pipeline.pipeline.schedule import Stage
from studio_pipeline.records.capture import Role
from studio_pipeline.records.develop import DevelopSettings
from tests.support import shoots
from tests.support.command import Answer, done
from tests.support.finished import hashes
from tests.support.rawfiles import Camera, bayer_dng

Write = Callable[[Path], object]
PLAIN = Camera()
OF_TOMORROW = Camera(compression=64999)  # no RAW format has it


def _small_raw(seed: int, camera: Camera = PLAIN) -> bytes:
    noise = np.random.default_rng(seed).random((96, 128, 3), np.float32)
    return bayer_dng(0.2 + 0.02 * noise, camera)


def _cmyk(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((200, 300, 4), np.uint8), photometric="separated")


BAD: dict[str, tuple[Write, str]] = {
    "empty.CR2": (lambda p: p.write_bytes(b""), "it is empty: copy it again"),
    "cut.DNG": (lambda p: p.write_bytes(shoots.frames()[3].dng[:600_000]), "cut short"),
    "text.CR2": (lambda p: p.write_text("not a picture\n" * 40), "give it the ending it should have"),
    "dot.jpg": (
        lambda p: Image.new("RGB", (1, 1)).save(p),
        "1×1 pixels; the least that is taken is 64×64: export it larger",
    ),
    "cmyk.tif": (_cmyk, "is a CMYK TIFF; export it as 8- or 16-bit RGB"),
    "crashes.DNG": (lambda p: p.write_bytes(_small_raw(1)), "export a TIFF of it from your converter"),
}
GOOD = ("portrait.DNG", "with a space.DNG", "emoji 📷🏽.DNG", "a/same.DNG", "b/same.DNG")
ODD = () if os.name == "nt" else ("line\nbreak \x1b[31m.DNG",)  # Windows takes no such name
# Only these get proposals: the rest of the shoot is there to be survived.
PICKED = ("portrait", "waits", "crashes")
PRESET = 'title = "picked"\npropose = "picked"\n[[edits]]\nname = "heal_spots"\n'
RATED = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="3"/></rdf:RDF></x:xmpmeta>'
)
NOT_TAKEN = ("notes.txt", "x.NEF", "link.DNG")


@dataclass
class Landed:
    """A session after one `studio run` over everything above, and after another with two exports more."""

    root: Path
    before: dict[str, str]
    run: Answer
    status: dict[str, Any]
    run_again: Answer
    status_again: dict[str, Any]
    untouched: bool

    def reason(self, name: str, state: str) -> str:
        row = row_of(self.status, f"Capture/{name}")
        assert row["state"] == state, row
        return str(row["reason"])


def row_of(status: dict[str, Any], path: str) -> dict[str, Any]:
    (row,) = [c for c in status["captures"] if path in [file["path"] for file in c["files"]]]
    return dict(row)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Landed:
    folder = tmp_path_factory.mktemp("landed")
    root, capture = folder / "session", folder / "session" / "Capture"
    (folder / "picked.toml").write_text(PRESET)
    done("init", root, "--preset", folder / "picked.toml")
    _fill(capture, folder)
    before = hashes(capture)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(conductor._FUNCTIONS, Stage.BASE, "tests.support.crashing:base")
        patch.setattr(studio, "lanes", lambda *_: conductor.lanes(1))  # small files: one worker is quicker
        run = done("run", root)
        status = done("status", root, "--json").json
        untouched = hashes(capture) == before
        for name in ("waits", "crashes"):
            _export_tiff(capture / f"{name}.tif")
        _age(capture)
        run_again = done("run", root)
    status_again = done("status", root, "--json").json
    return Landed(root, before, run, status, run_again, status_again, untouched)


def _fill(capture: Path, outside: Path) -> None:
    for name, (write, _) in BAD.items():
        write(capture / name)
    for seed, name in enumerate(GOOD + ODD, start=10):
        (capture / name).parent.mkdir(exist_ok=True)
        (capture / name).write_bytes(shoots.portrait().dng if seed == 10 else _small_raw(seed))
    (capture / "waits.DNG").write_bytes(_small_raw(30, OF_TOMORROW))
    for name in PICKED:
        (capture / f"{name}.xmp").write_text(RATED)
    (capture / "notes.txt").write_text("lens: 85 mm")
    (capture / "x.NEF").mkdir()
    (outside / "outside.DNG").write_bytes(_small_raw(31))
    (capture / "link.DNG").symlink_to(outside / "outside.DNG")
    with suppress(OSError, UnicodeError):  # macOS and Windows take no such name
        (capture / os.fsdecode(b"caf\xe9.CR2")).write_bytes(b"")
    _age(capture)


def _age(folder: Path) -> None:
    """As if all of it had lain there for a while: nothing has to settle."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path, (path.stat().st_atime - 60, path.stat().st_mtime - 60))


def _export_tiff(path: Path) -> None:
    """What a photographer's converter makes of a portrait."""
    frame = shoots.portrait()
    raw = path.with_name(f".{path.name}.raw")
    raw.write_bytes(frame.dng)
    base, _ = develop(raw, Role.RAW, DevelopSettings(), half=False)
    raw.unlink()
    brighter = base.codes if path.stem == "waits" else np.minimum(base.codes, 65534) + np.uint16(1)
    tifffile.imwrite(path, brighter, photometric="rgb", iccprofile=base.encoding.icc_profile)


def test_nothing_in_capture_is_changed(landed: Landed) -> None:
    assert landed.untouched
    after = hashes(landed.root / "Capture")
    assert {name: after[name] for name in landed.before} == landed.before
    assert (landed.root / "Capture" / "link.DNG").is_symlink()


def test_the_good_frame_among_them_is_proposed(landed: Landed) -> None:
    assert landed.reason("portrait.DNG", "proposed") == ""


@pytest.mark.parametrize("name", GOOD[1:])
def test_odd_names_are_no_bad_input(landed: Landed, name: str) -> None:
    assert row_of(landed.status, f"Capture/{name}")["state"] == "developed"


@pytest.mark.parametrize("name", ODD)
def test_a_name_cannot_break_a_line_or_steer_a_terminal(landed: Landed, name: str) -> None:
    shown = name.replace("\n", "\\x0a").replace("\x1b", "\\x1b")
    row = row_of(landed.status, f"Capture/{shown}")
    assert base64.b64decode(row["files"][0]["path_b64"]) == b"Capture/" + os.fsencode(name)
    assert shown.removesuffix(".DNG") in done("status", landed.root).out


def test_two_files_of_one_name_in_two_folders_are_two_captures(landed: Landed) -> None:
    one, other = (row_of(landed.status, f"Capture/{folder}/same.DNG") for folder in "ab")
    assert one["id"] != other["id"]
    assert one["name"] == other["name"] == "same"


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_file_is_quarantined_with_one_line_that_says_what_to_do(landed: Landed, name: str) -> None:
    reason = landed.reason(name, "quarantined")
    assert BAD[name][1] in reason
    assert len(reason.splitlines()) == 1
    assert len(reason) < 200
    assert "Error" not in reason and "Exception" not in reason


def test_a_raw_that_libraw_cannot_read_is_safe_and_waits_for_a_tiff(landed: Landed) -> None:
    reason = landed.reason("waits.DNG", "waiting-for-tiff")
    assert "the file is safe" in reason and "Export a 16-bit TIFF" in reason


@pytest.mark.parametrize("name", ["waits", "crashes"])
def test_an_exported_tiff_makes_a_capture_go_on(landed: Landed, name: str) -> None:
    row = row_of(landed.status_again, f"Capture/{name}.tif")
    assert (row["state"], row["reason"]) == ("proposed", "")
    assert row["id"] == row_of(landed.status, f"Capture/{name}.DNG")["id"]


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_what_is_no_file_of_ours_is_no_capture(landed: Landed, name: str) -> None:
    assert f"Capture/{name}" not in [f["path"] for c in landed.status["captures"] for f in c["files"]]
    assert f"Capture/{name}" not in landed.before or name == "notes.txt"


def test_run_names_what_it_could_not_take(landed: Landed) -> None:
    lines = landed.run.err.splitlines()
    (folder,) = [line for line in lines if "x.NEF" in line]
    (link,) = [line for line in lines if "link.DNG" in line]
    assert "is a folder, not a picture" in folder and "rename it" in folder
    assert "is not followed" in link and "copy what it points to" in link


def test_run_counts_every_capture(landed: Landed) -> None:
    counts = landed.status["counts"]
    quarantined = len(BAD) + len(_not_utf8(landed))
    assert counts["quarantined"] == quarantined
    assert sum(counts.values()) == quarantined + len(GOOD) + len(ODD) + 1
    assert landed.run.out.strip() == ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
    assert landed.run.code == landed.run_again.code == 0


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="its filesystems take no such names")
def test_a_name_that_is_not_utf8_goes_the_same_way(landed: Landed) -> None:
    """The whole way of a good file of such a name is walked in test_cli."""
    (row,) = _not_utf8(landed)
    assert (row["name"], row["state"]) == ("caf\\xe9", "quarantined")
    assert row["files"][0]["path_b64"] == "Q2FwdHVyZS9jYWbpLkNSMg=="


def _not_utf8(landed: Landed) -> list[dict[str, Any]]:
    return [c for c in landed.status["captures"] if c["name"].startswith("caf")]
