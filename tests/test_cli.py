"""Every command through the real command line, on a real shoot."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from studio_pipeline import __version__
from studio_pipeline.pipeline.safekeeping import ONE_DRIVE
from tests.support import shoots
from tests.support.command import Answer, done, studio
from tests.support.finished import Finished, hashes

PRESETS = [
    "banner-16x9",
    "cleanup-only",
    "full-length-2x3",
    "headshot-4x5",
    "headshot-framed-4x5",
    "headshot-square",
]
STATES = {
    "taken-in", "developed", "proposed", "needs-a-person", "waiting-for-tiff", "approved", "rejected",
    "delivered", "withdrawn", "quarantined",
}  # fmt: skip


@dataclass
class Story:
    """A shoot of two portraits of one name, which is not UTF-8 where the filesystem takes that."""

    root: Path
    name: bytes
    first: str = ""
    second: str = ""
    said: dict[str, Answer] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    output: dict[str, dict[str, str]] = field(default_factory=dict)

    def tell(self, step: str, *arguments: str | Path) -> None:
        command, *rest = arguments
        self.said[step] = studio(command, self.root, *rest)
        self.status[step] = done("status", self.root, "--json").json
        self.output[step] = hashes(self.root / "Output")

    def row(self, step: str, capture_id: str) -> dict[str, Any]:
        (row,) = [c for c in self.status[step]["captures"] if c["id"] == capture_id]
        return dict(row)

    @staticmethod
    def escaped(path: Path) -> str:
        return os.fsencode(path).decode("utf-8", "backslashreplace")

    @property
    def shown(self) -> str:
        return self.name.decode("utf-8", "backslashreplace")


def _name_of_bytes(folder: Path) -> bytes:
    """A name that is not UTF-8; an ordinary one where the filesystem (macOS, Windows) refuses that."""
    name = b"caf\xe9"
    try:
        (folder / os.fsdecode(name)).touch()
        (folder / os.fsdecode(name)).unlink()
    except (OSError, UnicodeError):
        return b"cafe"
    return name


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """From an empty folder to deliverables and back, by commands alone, each step kept."""
    folder = tmp_path_factory.mktemp("story")
    name = _name_of_bytes(folder)
    root = folder / (os.fsdecode(name) + (" 📷" if os.name == "nt" else "? #1 100%41 📷"))
    (root / "Capture" / "second day").mkdir(parents=True)
    told = Story(root, name)
    for place, frame in (("", shoots.frames()[2]), ("second day", shoots.frames()[3])):
        path = root / "Capture" / place / os.fsdecode(told.name + b".DNG")
        path.write_bytes(frame.dng)
        os.utime(path, (path.stat().st_mtime - 60,) * 2)  # it has settled
    captured = hashes(root / "Capture")
    told.said["init"] = studio("init", root, "--preset", "banner-16x9")
    told.tell("run", "run")
    told.first, told.second = (c["id"] for c in told.status["run"]["captures"])
    told.tell("approve by name", "approve", told.shown)
    told.tell("approve by short id", "approve", told.first[:5])
    told.tell("approve", "approve", told.first[:6].upper())
    told.tell("approve again", "approve", told.first)
    told.tell("deliver web", "deliver", "--recipe", "web")
    told.tell("approve all", "approve", "--all")
    told.tell("deliver", "deliver")
    told.tell("deliver again", "deliver")
    told.tell("revoke", "revoke", told.second)
    told.tell("reject", "reject", told.second)
    told.tell("approve none", "approve", "--all")
    assert hashes(root / "Capture") == captured
    return told


def test_init_adopts_a_folder_and_names_what_is_at_risk(story: Story) -> None:
    answer = story.said["init"]
    assert answer.code == 0
    assert "preset banner-16x9" in answer.out
    assert story.escaped(story.root / "Capture") in answer.out
    assert "no vault" in answer.err


def test_run_counts_what_it_did(story: Story) -> None:
    assert (story.said["run"].code, story.said["run"].out) == (0, "2 proposed\n")


def test_run_says_as_long_as_nobody_chose_it_that_frames_exist_only_once(story: Story) -> None:
    (line,) = story.said["run"].err.splitlines()
    assert line.startswith("no vault: every frame exists only once; `studio vault set ")


def test_status_as_json_has_what_others_build_on(story: Story) -> None:
    answer = story.status["deliver web"]
    assert answer["session"] == story.escaped(story.root)
    assert answer["counts"] == {"approved": 1, "proposed": 1}
    assert answer["last_frame_age_s"] >= 0
    for row in answer["captures"]:
        assert row["state"] in STATES and isinstance(row["reason"], str)
        (file,) = row["files"]
        path = base64.b64decode(file["path_b64"])
        data = (story.root / os.fsdecode(path)).read_bytes()
        assert path.rsplit(b"/", 1)[1] == story.name + b".DNG"
        assert file["path"] == path.decode("utf-8", "backslashreplace")
        assert file["bytes"] == len(data)
        (proposal,) = row["proposals"]
        assert proposal["hash"].startswith(proposal["id"])
        assert proposal["tier"] == "backdrop only"
        names = {edit["name"] for edit in proposal["edits"]}
        assert "extend_background" in names
        assert all(edit.keys() >= {"name", "version", "params", "engine"} for edit in proposal["edits"])
        assert all(g.keys() >= {"name", "passed", "value", "limit"} for g in proposal["guards"])


def test_status_as_text_gives_every_capture_one_line(story: Story) -> None:
    lines = done("status", story.root).out.splitlines()
    for capture_id, state in ((story.first, "delivered"), (story.second, "rejected")):
        (line,) = [line for line in lines if capture_id[:12] in line]
        assert story.shown in line and state in line


def test_a_name_that_two_captures_have_is_refused_with_their_ids(story: Story) -> None:
    line = story.said["approve by name"].failure
    assert "names 2 captures" in line
    assert story.first[:12] in line and story.second[:12] in line


def test_five_digits_of_an_id_are_too_few_and_six_in_any_case_are_enough(story: Story) -> None:
    assert "no capture" in story.said["approve by short id"].failure
    assert story.said["approve"].out == f"{story.shown} approved\n"
    assert story.status["approve"]["counts"] == {"approved": 1, "proposed": 1}


def test_what_is_approved_cannot_be_approved_again(story: Story) -> None:
    assert "there is nothing to approve" in story.said["approve again"].failure


def test_one_recipe_is_delivered_alone_and_the_rest_later(story: Story) -> None:
    jpeg, tiff = (os.fsdecode(story.name) + ending for ending in (".jpg", ".tif"))
    assert set(story.output["deliver web"]) == {jpeg}
    assert story.said["deliver web"].out.splitlines()[-1] == "1 delivered"
    assert story.row("deliver web", story.first)["state"] == "approved"
    after = story.output["deliver"]
    marked = f"{os.fsdecode(story.name)}-{story.second[:8]}"
    assert set(after) == {jpeg, tiff, f"{marked}.tif", f"{marked}.jpg"}
    assert after[jpeg] == story.output["deliver web"][jpeg]
    assert story.status["deliver"]["counts"] == {"delivered": 2}


def test_deliverables_carry_their_exact_name_and_hash(story: Story) -> None:
    for capture_id in (story.first, story.second):
        rows = story.row("deliver", capture_id)["deliverables"]
        assert {row["recipe"] for row in rows} == {"tiff", "web"}
        for row in rows:
            path = base64.b64decode(row["path_b64"])
            assert row["path"] == path.decode("utf-8", "backslashreplace")
            name = os.fsdecode(path.removeprefix(b"Output/"))
            assert story.output["deliver"][name] == row["sha256"]


def test_a_second_delivery_changes_nothing(story: Story) -> None:
    assert story.said["deliver again"].out == "nothing new to deliver\n"
    assert story.output["deliver again"] == story.output["deliver"]
    assert story.status["deliver again"]["captures"] == story.status["deliver"]["captures"]


def test_revoking_takes_the_deliverables_away(story: Story) -> None:
    assert story.row("revoke", story.second)["state"] == "proposed"
    assert story.row("revoke", story.second)["deliverables"] == []
    gone = set(story.output["deliver"]) - set(story.output["revoke"])
    assert len(gone) == 2 and all(story.second[:8] in name for name in gone)


def test_what_is_rejected_is_not_approved_with_the_rest(story: Story) -> None:
    assert story.row("reject", story.second)["state"] == "rejected"
    assert story.said["approve none"].out == "nothing is proposed\n"


def test_verify_proves_a_deliverable_from_any_folder(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    name = os.fsdecode(story.name) + ".tif"
    monkeypatch.chdir(story.root / "Output")
    answer = done("verify", name, "--json").json
    assert set(answer) == {
        "valid", "capture_sha256", "tier", "edits", "locked_pixels", "locked_pixels_changed",
        "changed_area_fraction", "generated_fraction", "generated_by", "reasons", "boxes", "places",
        "picture",
    }  # fmt: skip
    assert (answer["valid"], answer["capture_sha256"]) == (True, story.first)
    assert (answer["locked_pixels_changed"], answer["reasons"]) == (0, [])


def test_verify_of_a_changed_file_exits_with_1_and_says_why(finished: Finished, tmp_path: Path) -> None:
    copy = tmp_path / finished.deliverable("web").name
    copy.write_bytes(finished.deliverable("web").read_bytes() + b"more")
    answer = studio("verify", copy, "--session", finished.session.root, "--json")
    assert answer.code == 1
    assert answer.json["valid"] is False and answer.json["reasons"]
    text = studio("verify", copy, "--session", finished.session.root)
    assert text.code == 1
    assert text.out.splitlines()[0] == f"{copy.name}: NOT PROVED"
    assert answer.json["reasons"][0] in text.out


def test_verify_text_states_what_was_found(finished: Finished) -> None:
    line = done("verify", finished.deliverable("tiff")).out
    assert "proved. 0 of" in line and "backdrop only" in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "nowhere.tif"], "lies in no session"),
        (["verify", "nowhere.tif", "--session", "SESSION"], "cannot read nowhere.tif"),
        (["approve", "SESSION"], "name captures, or give --all"),
        (["approve", "SESSION", "STP_0003", "--all"], "name captures, or give --all"),
        (["approve", "SESSION", "STP_9999"], "no capture 'STP_9999'; `studio status` lists them"),
        (["approve", "SESSION", "STP_0001"], "STP_0001 is developed: there is nothing to approve"),
        (["reject", "SESSION"], "name at least one capture"),
        (["reject", "SESSION", "STP_0003"], "STP_0003 is delivered: there is nothing to reject"),
        (["revoke", "SESSION", "STP_0001.DNG"], "STP_0001 is developed: there is no decision to revoke"),
        (["deliver", "SESSION", "--recipe", "print"], "no output recipe 'print'"),
        (["status", "EMPTY"], "is not a session; make it one with `studio init"),
        (["run", "EMPTY"], "is not a session"),
        (["shoot", "EMPTY"], "is not a session"),
        (["deliver", "EMPTY"], "is not a session"),
    ],
)
def test_mistakes_about_a_session_are_one_clear_line(
    finished: Finished, tmp_path: Path, arguments: list[str], said: str
) -> None:
    places = {"SESSION": str(finished.session.root), "EMPTY": str(tmp_path)}
    before = hashes(finished.session.output)
    assert said in studio(*(places.get(word, word) for word in arguments)).failure
    assert hashes(finished.session.output) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["run", "shoot"])
def test_a_session_that_is_worked_on_is_left_to_who_does(finished: Finished, command: str) -> None:
    with finished.session.locked():
        line = studio(command, finished.session.root).failure
    assert line == f"{finished.session.root} is already being worked on by another studio process"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frob"], "No such command 'frob'; `studio --help` says what there is"),
        (["status"], "Missing argument 'DIR'; `studio status --help` says what there is"),
        (["run", ".", "--fast"], "No such option: --fast"),
        (["shoot", ".", "--port", "99999"], "--port"),
        (["edit", "a.tif"], "Missing option '-o'"),
    ],
)
def test_misspelt_commands_are_one_line_that_names_the_help(arguments: list[str], said: str) -> None:
    answer = studio(*arguments)
    assert answer.code == 2
    assert said in answer.failure


@pytest.mark.parametrize("group", [[], ["vault"], ["presets"], ["models"]])
def test_a_group_alone_prints_its_help(group: list[str]) -> None:
    alone, asked = studio(*group), studio(*group, "--help")
    assert (alone.code, asked.code) == (2, 0)
    assert alone.err == ""
    assert "Commands" in alone.out and alone.out.strip() == asked.out.strip()


# --- init


def test_a_session_is_made_once(tmp_path: Path) -> None:
    done("init", tmp_path / "s")
    before = hashes(tmp_path)
    assert "already is a session; `studio shoot" in studio("init", tmp_path / "s").failure
    assert hashes(tmp_path) == before


def test_a_capture_one_session_is_adopted_without_a_change(tmp_path: Path) -> None:
    for name in (
        "Capture/CaptureOne/Settings131/a.CR3.cos",
        "Capture/a.CR3",
        "Output/old.tif",
        "shoot.cosessiondb",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    before = hashes(tmp_path)
    done("init", tmp_path)
    after = hashes(tmp_path)
    assert {name: after[name] for name in before} == before
    assert all(name.startswith(".studio") for name in after.keys() - before.keys())
    assert (tmp_path / "Trash").is_dir() and (tmp_path / "Selects").is_dir()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--preset", "nope"], "no preset named 'nope'; there are: banner-16x9"),
        (["--preset", "nope.toml"], "cannot read the preset nope.toml"),
        (["--preset", "BAD"], "no edit named 'paint_over'"),
        (["--vault", "s/vault"], "lies inside the session; choose a folder on another drive"),
        (["--vault", "."], "lies inside the vault"),
        (["--vault", "v", "--no-vault"], "give --vault or --no-vault, not both"),
        (["--vault", "BAD"], "is a file; choose a folder on another drive"),
    ],
)
def test_init_refuses_before_it_makes_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    bad = tmp_path / "bad.toml"
    bad.write_text('title = "x"\n[[edits]]\nname = "paint_over"\n')
    assert said in studio("init", "s", *(str(bad) if a == "BAD" else a for a in arguments)).failure
    assert list(tmp_path.iterdir()) == [bad]


def test_a_preset_file_of_ones_own_and_any_vault_are_frozen_in(tmp_path: Path) -> None:
    own = tmp_path / "mine 📷.toml"
    own.write_text('title = "größer 📷"\npropose = "none"\n', encoding="utf-8")
    done("init", tmp_path / "s", "--preset", own, "--vault", tmp_path / "Tresor 📷 ü")
    own.unlink()
    answer = done("status", tmp_path / "s", "--json").json
    assert answer.pop("health")["alarms"] == [ONE_DRIVE]
    assert answer == {
        "session": str(tmp_path / "s"), "captures": [], "counts": {}, "last_frame_age_s": None,
        "vault": {
            "path": str(tmp_path / "Tresor 📷 ü"), "chosen_none": False, "shares_drive": True,
            "copied": 0, "pending": 0, "problem": None,
        },
    }  # fmt: skip


# --- presets, models, doctor


def test_presets_list_names_them_with_a_line_each() -> None:
    rows = done("presets", "list", "--json").json
    assert [row["name"] for row in rows] == PRESETS
    text = done("presets", "list").out
    assert all(row["title"] in text for row in rows)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_check_and_show_every_key_with_its_meaning(name: str) -> None:
    assert f"{name} is good" in done("presets", "check", name).out
    frozen = done("presets", "show", name, "--json").json
    lines = [line.split("  ") for line in done("presets", "show", name).out.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    explained = {row[0]: row[-1] for row in cells if len(row) > 1}
    wanted = {"title", "propose"} | {f"develop.{key}" for key in frozen["develop"]}
    wanted |= {f"guards.{key}" for key in frozen["guards"]}
    wanted |= {f"edits.{spec['name']}.{key}" for spec in frozen["edits"] for key in ("enabled", "seed")}
    for recipe in frozen["deliverables"]:
        wanted |= {f"deliverables.{recipe['name']}.{key}" for key in recipe.keys() - {"name"}}
    assert wanted <= set(explained)
    assert all(len(meaning) > 8 for key, meaning in explained.items() if key != "key")
    if name != "cleanup-only":
        assert any(key.endswith(".aspect") for key in explained)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"title = ", "own.toml: not TOML: "),
        (b"\xff\xfe", "own.toml: not TOML: it is not UTF-8"),
        (b"", "own.toml: title: Field required"),
        (b'title = "x"\npropos = "all"\n', "own.toml: propos: there is no such key"),
        (b'title = "x"\n[guards]\nseam = 2\n', "own.toml: guards.seam: there is no such key"),
        (b'title = "x"\n[[edits]]\nname = "glow"\n', "no edit named 'glow'; there are: "),
        (b'title = "x"\n[[edits]]\nname = "heal_spots"\nparams = {size = 1}\n', "heal_spots.size"),
        (b'title = "x"\n[[deliverables]]\nname = "a"\nformat = "gif"\n', "deliverables.0.format"),
    ],
)
def test_a_broken_preset_is_one_line_that_says_where(tmp_path: Path, text: bytes, said: str) -> None:
    own = tmp_path / "own.toml"
    own.write_bytes(text)
    assert said in studio("presets", "check", own).failure
    assert said in studio("init", tmp_path / "s", "--preset", own).failure


def test_models_say_honestly_that_none_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "models"))
    assert not any(row["installed"] for row in done("models", "list", "--json").json["models"])
    assert "OpenRAIL" in done("models", "list").out
    assert "works without one" in done("models", "check").out
    assert "no weights" in studio("models", "add", tmp_path, "--as", "sdxl-inpainting").failure
    assert "no model named 'sdxl'" in studio("models", "pull", "sdxl").failure


def test_doctor_reports_and_its_exit_code_follows() -> None:
    answer = studio("doctor", "--json")
    findings = {row["what"]: row for row in answer.json}
    assert {"Python", "OpenCV", "LibRaw", "face detection", "review page"} <= set(findings)
    assert answer.code == (0 if all(row["ok"] for row in findings.values()) else 1)
    assert findings["LibRaw"]["ok"] and findings["LibRaw"]["found"][0].isdigit()
    text = studio("doctor")
    assert text.code == answer.code
    assert all(name in text.out for name in findings)


def test_doctor_says_how_to_mend_what_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    from studio_pipeline.pipeline import doctor

    known = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "mediapipe" else known(name))
    answer = studio("doctor", "--json")
    (finding,) = [row for row in answer.json if not row["ok"]]
    assert answer.code == 1
    assert (finding["what"], finding["mend"]) == ("face detection", "pip install mediapipe==0.10.21")


# --- the program itself


def test_version() -> None:
    assert done("--version").out == f"studio-pipeline {__version__}\n"


def test_a_bug_is_one_line_and_its_traceback_is_for_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    from studio_pipeline.session import folder

    def broken(root: Path) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr(folder, "open_session", broken)
    answer = studio("status", tmp_path)
    assert answer.code == 1
    assert answer.err == (
        "studio: unexpected ZeroDivisionError: two\\x0alines; `studio --verbose ...` shows where\n"
    )
    with caplog.at_level("INFO"):
        studio("--verbose", "status", tmp_path)
    assert any(record.exc_info for record in caplog.records)


def test_what_the_system_refuses_is_one_line_with_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from studio_pipeline.session import folder

    def refused(root: Path) -> None:
        raise PermissionError(13, "Permission denied", str(root / "x"))

    monkeypatch.setattr(folder, "open_session", refused)
    assert studio("status", tmp_path).failure == f"Permission denied: {tmp_path / 'x'}"


def test_ctrl_c_says_that_nothing_is_lost(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from studio_pipeline.session import folder

    def interrupted(root: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folder, "open_session", interrupted)
    answer = studio("run", tmp_path)
    assert answer.code == 130
    assert answer.err.strip() == "studio: stopped; start again to go on where it was"


@pytest.fixture(scope="module")
def program() -> Iterator[str]:
    """The installed console script."""
    found = shutil.which("studio", path=str(Path(sys.executable).parent))
    assert found is not None, "the package is not installed in this environment"
    yield found


def test_the_installed_program_fails_in_one_line(program: str, tmp_path: Path) -> None:
    answer = subprocess.run(
        [program, "status", os.fsencode(tmp_path) + b"/gr\xc3\xb6\xc3\x9fe"], capture_output=True, check=False
    )
    assert answer.returncode == 1
    assert answer.stdout == b""
    assert len(answer.stderr.splitlines()) == 1 and b"is not a session" in answer.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locale, and no such arguments")
def test_the_installed_program_prints_any_name_in_any_locale(program: str, tmp_path: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    answer = subprocess.run(
        [program, "status", os.fsencode(tmp_path) + b"/caf\xe9 \xf0\x9f\x93\xb7"],
        capture_output=True,
        check=False,
        env=environment,
    )
    assert answer.returncode == 1
    assert b"Traceback" not in answer.stderr and b"is not a session" in answer.stderr


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_a_reader_that_goes_away_is_no_error_worth_a_traceback(program: str) -> None:
    with subprocess.Popen(
        [program, "presets", "show", "banner-16x9"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None and running.stderr is not None
        running.stdout.close()
        said = running.stderr.read()
    assert said == b""


def test_json_is_ascii_whatever_the_names(story: Story) -> None:
    assert done("status", story.root, "--json").out.isascii()
    json.loads(done("status", story.root, "--json").out)
